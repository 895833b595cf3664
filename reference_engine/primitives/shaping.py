"""Operations that move elements without computing: reshape, transpose, broadcast, concatenate."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np

from reference_engine.arithmetic import Arithmetic, Values
from reference_engine.operations import CallRules, Primitive, register
from reference_engine.primitives.define import describe, normalize_axis, prototype
from reference_engine.primitives.selection import zero_like
from reference_engine.program import Attr, ProgramError, TensorType
from reference_engine.trace import Tensor, xp


def linear_map(
    name: str,
    attrs: Mapping[str, Attr],
    infer: Callable[[TensorType, Mapping[str, Attr]], TensorType],
    evaluate: Callable[[Arithmetic, Values, Mapping[str, Attr]], Values],
    transpose: Callable[[Tensor, TensorType, Mapping[str, Attr]], Tensor],
    definition: str,
    *,
    internal: bool = False,
    family: str = "shaping",
    call: CallRules | tuple[CallRules, ...] = MappingProxyType({}),
) -> None:
    """Register an operation that is linear in its one operand; its tangent is itself."""

    def jvp(
        p: Sequence[Tensor], t: Sequence[Tensor | None], out: Tensor, at: Mapping[str, Attr]
    ) -> Tensor | None:
        return None if t[0] is None else getattr(xp, name)(t[0], **at)

    register(
        Primitive(
            name,
            family,
            prototype(
                name, ("x",), attrs, describe(definition, "linear: itself.", "nowhere.", "none needed.")
            ),
            infer=lambda types, at: infer(types[0], at),
            evaluate=lambda ar, values, at: evaluate(ar, values[0], at),
            jvp=jvp,
            transpose=lambda c, o, at: [transpose(c, o[0], at)],
            linear=True,
            internal=internal,
            call=call,
        )
    )


def _shape_attr(name: str, shape: Attr) -> tuple[int, ...]:
    if type(shape) is tuple and set(map(type, shape)) <= {int}:
        return shape
    values = (shape,) if isinstance(shape, int) else shape
    if not isinstance(values, tuple) or not all(
        isinstance(n, int) and not isinstance(n, bool) for n in values
    ):
        msg = f"{name}: shape must be a tuple of integers, found {shape!r}"
        raise ProgramError(msg)
    return values


def reshaped(name: str, old: TensorType, shape: Attr) -> tuple[int, ...]:
    """The new shape with one -1 filled in; ProgramError if the sizes differ."""
    new = _shape_attr(name, shape)
    if math.prod(new) == old.size and (not new or min(new) >= 0):
        return new
    known = math.prod([n for n in new if n != -1])
    if new.count(-1) == 1 and known > 0 and old.size % known == 0:
        new = tuple(old.size // known if n == -1 else n for n in new)
    if -1 in new or any(n < 0 for n in new) or math.prod(new) != old.size:
        msg = f"{name}: cannot make shape {shape} from {old.shape}"
        raise ProgramError(msg)
    return new


linear_map(
    "reshape",
    {"shape": ()},
    lambda t, at: TensorType(reshaped("reshape", t, at["shape"]), t.kind),
    lambda ar, x, at: x.reshape(
        x.shape[: ar.lead] + reshaped("reshape", TensorType(x.shape[ar.lead :]), at["shape"])
    ),
    lambda c, t, at: xp.reshape(c, shape=t.shape),
    "the same elements in row-major order in another shape; one extent may be -1.",
    call={"x": "...", "shape": lambda shapes: ((-1,), shapes["x"][::-1], (1, *shapes["x"]))},
)


def _permutation(t: TensorType, axes: Attr) -> tuple[int, ...]:
    if axes is None:
        return tuple(reversed(range(t.rank)))
    if not isinstance(axes, tuple) or len(axes) != t.rank:
        msg = f"transpose: axes {axes!r} must name each of {t.rank} dimensions once"
        raise ProgramError(msg)
    found = tuple(normalize_axis("transpose", a, t.rank) for a in axes)
    if len(set(found)) != t.rank:
        msg = f"transpose: axes {axes!r} must name each of {t.rank} dimensions once"
        raise ProgramError(msg)
    return found


def _transposed(ar: Arithmetic, x: Values, at: Mapping[str, Attr]) -> Values:
    axes = _permutation(TensorType(x.shape[ar.lead :]), at["axes"])
    return x.transpose(tuple(range(ar.lead)) + tuple(a + ar.lead for a in axes))


linear_map(
    "transpose",
    {"axes": None},
    lambda t, at: TensorType(tuple(t.shape[a] for a in _permutation(t, at["axes"])), t.kind),
    _transposed,
    lambda c, t, at: xp.transpose(c, axes=tuple(int(i) for i in np.argsort(_permutation(t, at["axes"])))),
    "the axes in another order; all reversed by default.",
    call={"x": "...", "axes": lambda shapes: (None, tuple(np.roll(range(len(shapes["x"])), 1).tolist()))},
)


def _broadcast_type(t: TensorType, at: Mapping[str, Attr]) -> TensorType:
    shape = _shape_attr("broadcast_to", at["shape"])
    pairs = zip(reversed(t.shape), reversed(shape), strict=False)
    if t.rank > len(shape) or min(shape, default=0) < 0 or any(old not in {1, new} for old, new in pairs):
        msg = f"broadcast_to: cannot broadcast {t.shape} to {shape}"
        raise ProgramError(msg)
    return TensorType(shape, t.kind)


def _broadcast(ar: Arithmetic, x: Values, at: Mapping[str, Attr]) -> Values:
    shape = _shape_attr("broadcast_to", at["shape"])
    own = x.shape[ar.lead :]
    padded = x.reshape(x.shape[: ar.lead] + (1,) * (len(shape) - len(own)) + own)
    return np.broadcast_to(padded, x.shape[: ar.lead] + shape)


def _unbroadcast(c: Tensor, t: TensorType, at: Mapping[str, Attr]) -> Tensor:
    extra = c.ndim - t.rank
    axes = tuple(range(extra)) + tuple(
        extra + i for i, n in enumerate(t.shape) if n == 1 and c.shape[extra + i] != 1
    )
    summed = xp.reduce_sum(c, axes=axes) if axes else c
    return xp.reshape(summed, shape=t.shape) if summed.shape != t.shape else summed


linear_map(
    "broadcast_to",
    {"shape": ()},
    _broadcast_type,
    _broadcast,
    _unbroadcast,
    "repeated along new axes and axes of extent 1.",
    call={
        "x": "...",
        "shape": lambda shapes: ((2, *shapes["x"]), tuple(3 if n == 1 else n for n in shapes["x"])),
    },
)


def _concatenate_type(types: Sequence[TensorType], at: Mapping[str, Attr]) -> TensorType:
    if not types:
        msg = "concatenate needs at least one tensor"
        raise ProgramError(msg)
    first = types[0]
    axis = normalize_axis("concatenate", at["axis"], first.rank)
    for t in types[1:]:
        rest = [n for i, n in enumerate(t.shape) if i != axis]
        if t.rank != first.rank or rest != [n for i, n in enumerate(first.shape) if i != axis]:
            msg = f"concatenate: shapes {first.shape} and {t.shape} differ outside axis {axis}"
            raise ProgramError(msg)
    kinds = {t.kind for t in types}
    if len(kinds) > 1:
        msg = f"concatenate: kinds differ: {', '.join(sorted(kinds))}"
        raise ProgramError(msg)
    extent = sum(t.shape[axis] for t in types)
    return TensorType((*first.shape[:axis], extent, *first.shape[axis + 1 :]), first.kind)


def _concatenate(ar: Arithmetic, values: Sequence[Values], at: Mapping[str, Attr]) -> Values:
    rank = values[0].ndim - ar.lead
    return np.concatenate(values, axis=ar.lead + at["axis"] % rank)


def _concatenate_jvp(
    p: Sequence[Tensor], t: Sequence[Tensor | None], out: Tensor, at: Mapping[str, Attr]
) -> Tensor | None:
    parts = [zero_like(x) if v is None else v for x, v in zip(p, t, strict=True)]
    return xp.concatenate(parts, axis=at["axis"])  # type: ignore[no-any-return]


def _concatenate_transpose(
    c: Tensor, operands: Sequence[Tensor | TensorType], at: Mapping[str, Attr]
) -> Sequence[Tensor | None]:
    axis = at["axis"] % c.ndim
    parts: list[Tensor | None] = []
    start = 0
    for o in operands:
        stop = start + o.shape[axis]
        key: list[Any] = [slice(None)] * c.ndim
        key[axis] = slice(start, stop)
        parts.append(c[tuple(key)] if isinstance(o, TensorType) else None)
        start = stop
    return parts


def concatenate(arrays: Sequence[Tensor], axis: int = 0) -> Tensor:
    """Definition: the tensors one after the other along an axis.

    Derivative: linear: each part of the cotangent goes to its tensor.
    Where it is not differentiable: nowhere.
    Conventions: none needed.
    """
    return xp.concatenate(arrays, axis=axis)  # type: ignore[no-any-return]


register(
    Primitive(
        "concatenate",
        "shaping",
        concatenate,
        infer=_concatenate_type,
        evaluate=_concatenate,
        jvp=_concatenate_jvp,
        transpose=_concatenate_transpose,
        call={"arrays": "n ...", "axis": (0, -1)},
    )
)
