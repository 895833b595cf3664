"""A wrong derivative rule in our own table."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from reference_engine.differentiate import jvp, lower, second_order, vjp, vjp_with_cotangents
from reference_engine.operations import OPERATIONS, Primitive

DERIVED = (lower, jvp, vjp, second_order, vjp_with_cotangents)
"""What is kept of derivative Programs; those with a fault must not stay."""


@contextmanager
def in_reference(operation: str, spoil: Callable[[Any], Any]) -> Iterator[None]:
    """Within this context our rule for the tangent of the primitive ``operation`` is spoiled."""
    own = OPERATIONS[operation]
    if not isinstance(own, Primitive) or own.jvp is None:
        msg = f"{operation} has no rule of its own"
        raise ValueError(msg)
    right = own.jvp

    def wrong(*arguments: Any) -> Any:
        tangent = right(*arguments)
        return None if tangent is None else spoil(tangent)

    OPERATIONS[operation] = replace(own, jvp=wrong)
    _forget()
    try:
        yield
    finally:
        OPERATIONS[operation] = own
        _forget()


def _forget() -> None:
    for kept in DERIVED:
        kept.cache_clear()
