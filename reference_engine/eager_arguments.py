"""The arguments of an eager call with its tensors taken out and put back as nodes of a Program."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

T = TypeVar("T")


class Slot(int):
    """The place of an operand in a call."""

    __slots__ = ()


def with_slots(value: Any, kind: type[T], operands: list[T]) -> Any:
    """``value`` with each ``kind`` in it moved to ``operands`` and replaced by its place there."""
    if isinstance(value, kind):
        operands.append(value)
        return Slot(len(operands) - 1)
    match value:
        case list() | tuple():
            return type(value)(with_slots(v, kind, operands) for v in value)
        case dict():
            return {k: with_slots(v, kind, operands) for k, v in value.items()}
    return value


def fill(value: Any, inputs: Sequence[Any]) -> Any:
    """``value`` with the inputs in their places."""
    match value:
        case Slot():
            return inputs[value]
        case list() | tuple():
            return type(value)(fill(v, inputs) for v in value)
        case dict():
            return {k: fill(v, inputs) for k, v in value.items()}
    return value
