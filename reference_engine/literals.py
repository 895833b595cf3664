"""Literals of program text: numbers and lists before they become operands or attributes."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt

from reference_engine.program import Attr, FrozenArray, ProgramError, literal
from reference_engine.trace import Tensor


class Several(tuple[Tensor, ...]):
    """The results of a several-valued operation, which must be unpacked."""

    __slots__ = ()


MAX_INTEGER = 100_000
"""An integer argument that is no shape: shape rules loop over some of them, at about a microsecond each."""

_COPIES = ("repeats", "repetitions")
_SPATIAL = ("scale_factor", "padding", "kernel_size", "output_size")
_GROWS = (*_COPIES, *_SPATIAL)
"""Arguments by which elements multiply in shape rules that compute positions, and not only shapes."""


def is_numeric(value: Any) -> bool:
    """Whether a literal is a number or a list of numbers, which can be a constant of its own."""
    match value:
        case bool() | Several():
            return False
        case int() | float() | Fraction():
            return True
        case list() | tuple():
            return bool(value) and all(is_numeric(v) or isinstance(v, bool) for v in value)
    return False


def exact_array(value: Sequence[Any]) -> npt.NDArray[Any] | None:
    """Nested lists of numbers as an array (bool, int64 or float64) of exactly these values.

    None if there are Tensors among them or decimals that float64 cannot hold. ProgramError if rows differ in
    length or something is no number.

    >>> exact_array([[1, 2], [3, 4]]).dtype
    dtype('int64')
    """
    leaves = list(_leaves(value))
    if any(isinstance(v, Tensor) for v in leaves):
        return None
    shape = _shape(value)
    if all(isinstance(v, bool) for v in leaves) and leaves:
        return np.array(leaves, dtype=np.bool_).reshape(shape)
    if all(isinstance(v, int) and not isinstance(v, bool) for v in leaves) and leaves:
        return np.array(leaves, dtype=np.int64).reshape(shape)
    for leaf in leaves:
        if isinstance(leaf, bool) or not isinstance(leaf, (int, float, Fraction)):
            msg = f"found {leaf!r:.20} in a list of numbers"
            raise ProgramError(msg)
        if not isinstance(leaf, float) and not _holds(leaf):
            return None
    return np.array([float(v) for v in leaves], dtype=np.float64).reshape(shape)


def attribute(value: Any) -> Attr:
    """A literal or a named constant as an attribute.

    A fraction becomes the float whose shortest decimal it is, if there is one.

    >>> attribute([Fraction(1, 10), 2])
    (0.1, 2)
    """
    match value:
        case Several():
            msg = f"found {len(value)} values where an attribute belongs"
            raise ProgramError(msg)
        case list() | tuple():
            return tuple(attribute(v) for v in value)
        case Tensor():
            known = _known(value)
            return value if known is None else attribute(known)
        case Fraction():
            try:
                near = float(value)
            except OverflowError:
                return value
            return near if literal(near) == value else value
    return value


def check_growth(name: str, arguments: Mapping[str, Any], limit: int) -> None:
    """Refuse, before any shape rule runs, integers that would let it loop or copy without end."""
    operand = arguments.get("x")
    elements = operand.size if isinstance(operand, Tensor) else 1
    grows = (*_GROWS, "stride") if name.startswith("conv_transpose") else _GROWS
    for key, value in arguments.items():
        integers = [abs(leaf) for leaf in _leaves(value) if isinstance(leaf, int)]
        if key != "shape" and max(integers, default=0) > MAX_INTEGER:
            msg = f"{name}: found {max(integers)} in {key}; expected at most {MAX_INTEGER}"
            raise ProgramError(msg)
        if key in grows:
            # one integer stands for each of two axes or more
            each = integers * 2 if len(integers) == 1 and key not in _COPIES else integers
            elements *= math.prod(max(1, n) for n in each)
    if elements > limit:
        msg = f"{name}: found about {elements} elements; expected at most {limit}"
        raise ProgramError(msg)


def static_index(value: Any) -> Any:
    """An index literal; a named integer constant is that integer."""
    if isinstance(value, Tensor) and not value.shape and value.kind == "int":
        known = _known(value)
        return value if known is None else known
    return value


def _known(tensor: Tensor) -> Any | None:
    """The number or nested tuple behind a constant or a negated constant; None for any other Tensor."""
    node = tensor.builder.nodes[tensor.index]
    match node.op:
        case "constant":
            found = node.attr("value")
            return tuple(found.value.tolist()) if isinstance(found, FrozenArray) else found
        case "negative":
            inner = _known(Tensor(tensor.builder, node.inputs[0]))
            return -inner if isinstance(inner, (int, float, Fraction)) else None
    return None


def _holds(number: int | Fraction) -> bool:
    try:
        return Fraction(float(number)) == number
    except OverflowError:
        return False


def _leaves(value: Any) -> Iterator[Any]:
    if isinstance(value, (list, tuple)) and not isinstance(value, Several):
        for item in value:
            yield from _leaves(item)
    else:
        yield value


def _shape(value: Any) -> tuple[int, ...]:
    if not isinstance(value, (list, tuple)):
        return ()
    inner = {_shape(v) for v in value}
    if len(inner) > 1:
        msg = f"found rows of the shapes {' and '.join(map(str, sorted(inner)))}; expected rows of one shape"
        raise ProgramError(msg)
    return (len(value), *(inner.pop() if inner else ()))
