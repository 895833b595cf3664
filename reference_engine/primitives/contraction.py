"""The one product with sums: matrix products, einsum and convolutions are contractions of two operands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from reference_engine.arithmetic import Contraction
from reference_engine.operations import Primitive, register
from reference_engine.primitives.define import describe, prototype
from reference_engine.program import Attr, ProgramError, TensorType
from reference_engine.trace import Tensor, xp


def specification(at: Mapping[str, Attr]) -> Contraction:
    """The contraction that the attributes describe."""
    return Contraction(at["left"], at["right"], at["out"])


def _type(types: Sequence[TensorType], at: Mapping[str, Attr]) -> TensorType:
    extent: dict[str, int] = {}
    for labels, t in zip((at["left"], at["right"]), types, strict=True):
        for c, n in zip(labels, t.shape, strict=True):
            if extent.setdefault(c, n) != n:
                spec = f"{at['left']},{at['right']}->{at['out']}"
                msg = f"contraction {spec}: {types[0]} and {types[1]} do not fit"
                raise ProgramError(msg)
    return TensorType(tuple(extent[c] for c in at["out"]), "real")


def contract(a: Tensor, b: Tensor, left: str, right: str, out: str) -> Tensor:
    """Contract two tensors; labels that one operand has alone and the result lacks are summed first."""
    for labels, other in ((left, right), (right, left)):
        lonely = [i for i, c in enumerate(labels) if c not in other and c not in out]
        if lonely:
            kept = "".join(c for i, c in enumerate(labels) if i not in lonely)
            if labels == left:
                return contract(xp.reduce_sum(a, axes=tuple(lonely)), b, kept, right, out)
            return contract(a, xp.reduce_sum(b, axes=tuple(lonely)), left, kept, out)
    return xp.contract(a, b, left=left, right=right, out=out)  # type: ignore[no-any-return]


def _jvp(
    p: Sequence[Tensor], t: Sequence[Tensor | None], out: Tensor, at: Mapping[str, Attr]
) -> Tensor | None:
    first = None if t[0] is None else xp.contract(t[0], p[1], **at)
    second = None if t[1] is None else xp.contract(p[0], t[1], **at)
    if first is None or second is None:
        return second if first is None else first
    return first + second  # type: ignore[no-any-return]


def _transposed(c: Tensor, fixed: Tensor, at: Mapping[str, Attr], side: str) -> Tensor:
    own, other = (at["left"], at["right"]) if side == "left" else (at["right"], at["left"])
    shared = "".join(x for x in own if x in at["out"] or x in other)
    return contract(c, fixed, at["out"], other, shared)


def _transpose(
    c: Tensor, o: Sequence[Tensor | TensorType], at: Mapping[str, Attr]
) -> Sequence[Tensor | None]:
    a, b = o
    return [
        _transposed(c, b, at, "left") if isinstance(b, Tensor) else None,
        _transposed(c, a, at, "right") if isinstance(a, Tensor) else None,
    ]


register(
    Primitive(
        "contract",
        "contraction",
        prototype(
            "contract",
            ("x1", "x2"),
            {"left": "", "right": "", "out": ""},
            describe(
                "sum of products over the labels that both have and the result lacks.",
                "bilinear: the other operand.",
                "nowhere.",
                "none needed.",
            ),
        ),
        infer=_type,
        evaluate=lambda ar, values, at: ar.contract(values[0], values[1], specification(at)),
        jvp=_jvp,
        transpose=_transpose,
        internal=True,
    )
)
