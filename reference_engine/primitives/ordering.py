"""Sorting along the last axis, and moving values as a sort of other values would."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from reference_engine.operations import Primitive, register
from reference_engine.primitives.define import describe, prototype
from reference_engine.program import Attr, TensorType
from reference_engine.trace import Tensor, xp

_OPPOSITE = {
    "gather_max": "scatter_max",
    "scatter_max": "gather_max",
    "gather_sorted": "scatter_sorted",
    "scatter_sorted": "gather_sorted",
}


def _sort_jvp(
    p: Sequence[Tensor], t: Sequence[Tensor | None], out: Tensor, at: Mapping[str, Attr]
) -> Tensor | None:
    return None if t[0] is None else xp.pick(t[0], p[0], how="gather_sorted")


register(
    Primitive(
        "sort_last",
        "ordering",
        prototype(
            "sort_last",
            ("x",),
            {},
            describe(
                "ascending along the last axis.",
                "the permutation matrix of the sort.",
                "at ties: any mixture of the permutations that sort.",
                "stable sorts keep tied places in order.",
            ),
        ),
        infer=lambda types, at: types[0],
        evaluate=lambda ar, values, at: ar.sort(values[0]),
        jvp=_sort_jvp,
        internal=True,
    )
)
register(
    Primitive(
        "order_last",
        "ordering",
        prototype(
            "order_last",
            ("x",),
            {},
            describe("stable argsort along the last axis.", "none.", "ties.", "none."),
        ),
        infer=lambda types, at: TensorType(types[0].shape, "int"),
        evaluate=lambda ar, values, at: ar.order(values[0]),
        internal=True,
    )
)


def _pick_type(types: Sequence[TensorType], at: Mapping[str, Attr]) -> TensorType:
    x, key = types
    match at["how"]:
        case "gather_max":
            return TensorType(key.shape[:-1], x.kind)
        case "scatter_max":
            return TensorType(key.shape, x.kind)
        case _:
            return x


def _pick_jvp(
    p: Sequence[Tensor], t: Sequence[Tensor | None], out: Tensor, at: Mapping[str, Attr]
) -> Tensor | None:
    return None if t[0] is None else xp.pick(t[0], p[1], how=at["how"])


def _pick_transpose(
    c: Tensor, o: Sequence[Tensor | TensorType], at: Mapping[str, Attr]
) -> Sequence[Tensor | None]:
    return [xp.pick(c, o[1], how=_OPPOSITE[at["how"]]), None]


register(
    Primitive(
        "pick",
        "ordering",
        prototype(
            "pick",
            ("x", "key"),
            {"how": "gather_max"},
            describe(
                "x moved along the last axis as the maximum or the sort of key says, or back.",
                "linear in x; piecewise constant in key.",
                "where keys tie: the hull of what each tied place could get.",
                "none.",
            ),
        ),
        infer=_pick_type,
        evaluate=lambda ar, values, at: ar.pick(values[0], values[1], at["how"]),
        jvp=_pick_jvp,
        transpose=_pick_transpose,
        internal=True,
    )
)
