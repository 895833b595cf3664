"""Sums, running sums and the extremes along an axis."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from reference_engine.arithmetic import Arithmetic, Values
from reference_engine.operations import Primitive, register
from reference_engine.primitives.define import describe, normalize_axis, prototype
from reference_engine.primitives.shaping import linear_map
from reference_engine.program import Attr, ProgramError, TensorType
from reference_engine.trace import Tensor, broadcast, xp


def _sum_type(t: TensorType, at: Mapping[str, Attr]) -> TensorType:
    return TensorType(tuple(n for i, n in enumerate(t.shape) if i not in at["axes"]), t.kind)


def _spread(c: Tensor, t: TensorType, at: Mapping[str, Attr]) -> Tensor:
    kept = tuple(1 if i in at["axes"] else n for i, n in enumerate(t.shape))
    return broadcast(xp.reshape(c, shape=kept) if c.shape != kept else c, t.shape)


linear_map(
    "reduce_sum",
    {"axes": ()},
    _sum_type,
    lambda ar, x, at: ar.sum(x, at["axes"]),
    _spread,
    "the sum over axes.",
    internal=True,
    family="reduction",
)


def _cumsum_axis(t: TensorType, at: Mapping[str, Attr]) -> int:
    return normalize_axis("cumsum", at["axis"], t.rank)


def _cumsum_type(t: TensorType, at: Mapping[str, Attr]) -> TensorType:
    _cumsum_axis(t, at)
    return t


linear_map(
    "cumsum",
    {"axis": 0},
    _cumsum_type,
    lambda ar, x, at: ar.cumsum(x, at["axis"] % (x.ndim - ar.lead)),
    lambda c, t, at: xp.flip(xp.cumsum(xp.flip(c, axis=at["axis"]), axis=at["axis"]), axis=at["axis"]),
    "the running sum along an axis.",
    family="reduction",
    call={"x": "... n"},
)


def _last_axis_type(types: Sequence[TensorType], at: Mapping[str, Attr]) -> TensorType:
    if types[0].shape[-1] == 0:
        msg = "the maximum of zero elements does not exist"
        raise ProgramError(msg)
    return TensorType(types[0].shape[:-1], types[0].kind)


def _max(ar: Arithmetic, values: Sequence[Values], at: Mapping[str, Attr]) -> Values:
    return ar.extremum(values[0])


def _max_jvp(
    p: Sequence[Tensor], t: Sequence[Tensor | None], out: Tensor, at: Mapping[str, Attr]
) -> Tensor | None:
    return None if t[0] is None else xp.pick(t[0], p[0], how="gather_max")


register(
    Primitive(
        "reduce_max",
        "reduction",
        prototype(
            "reduce_max",
            ("x",),
            {},
            describe(
                "the maximum over the last axis.",
                "1 for the largest element, 0 for the others.",
                "at ties: any non-negative weights that sum to 1.",
                "torch's amax and JAX share a tie evenly, torch's max(dim) takes one place.",
            ),
        ),
        infer=_last_axis_type,
        evaluate=_max,
        jvp=_max_jvp,
        internal=True,
    )
)
