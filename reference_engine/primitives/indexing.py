"""Moving elements by integer position: all indexing is ``gather``, and its transpose ``place``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from reference_engine.arithmetic import Arithmetic, Values
from reference_engine.operations import Primitive, register
from reference_engine.primitives.define import describe, prototype
from reference_engine.program import Attr, TensorType
from reference_engine.trace import Tensor, xp


def _gather_type(types: Sequence[TensorType], at: Mapping[str, Attr]) -> TensorType:
    return TensorType(types[1].shape, types[0].kind)


def _gather(ar: Arithmetic, values: Sequence[Values], at: Mapping[str, Attr]) -> Values:
    x, index = values
    flat = x.reshape(*x.shape[: ar.lead], -1)
    if flat.shape[-1] == 0:
        return (
            flat[..., np.zeros(index.shape, dtype=np.int64)]
            if index.size
            else np.empty(x.shape[: ar.lead] + index.shape, dtype=x.dtype)
        )
    return flat[..., index]


def _gather_jvp(
    p: Sequence[Tensor], t: Sequence[Tensor | None], out: Tensor, at: Mapping[str, Attr]
) -> Tensor | None:
    return None if t[0] is None else xp.gather(t[0], p[1])


def _gather_transpose(
    c: Tensor, o: Sequence[Tensor | TensorType], at: Mapping[str, Attr]
) -> Sequence[Tensor | None]:
    return [xp.place(c, o[1], shape=o[0].shape), None]


register(
    Primitive(
        "gather",
        "indexing",
        prototype(
            "gather",
            ("x", "index"),
            {},
            describe(
                "the elements of x at flat row-major positions.",
                "linear: repeated positions add their cotangents.",
                "nowhere.",
                "positions must be in range.",
            ),
        ),
        infer=_gather_type,
        evaluate=_gather,
        jvp=_gather_jvp,
        transpose=_gather_transpose,
        linear=True,
        internal=True,
    )
)


def _place_type(types: Sequence[TensorType], at: Mapping[str, Attr]) -> TensorType:
    return TensorType(at["shape"], types[0].kind)


def _place(ar: Arithmetic, values: Sequence[Values], at: Mapping[str, Attr]) -> Values:
    x, index = values
    flat = x.reshape(*x.shape[: ar.lead], -1)
    size = int(np.prod(at["shape"], dtype=np.int64))
    out = ar.scatter_add(flat, index.reshape(-1), size)
    return out.reshape(out.shape[: ar.lead] + at["shape"])


def _place_jvp(
    p: Sequence[Tensor], t: Sequence[Tensor | None], out: Tensor, at: Mapping[str, Attr]
) -> Tensor | None:
    return None if t[0] is None else xp.place(t[0], p[1], shape=at["shape"])


def _place_transpose(
    c: Tensor, o: Sequence[Tensor | TensorType], at: Mapping[str, Attr]
) -> Sequence[Tensor | None]:
    return [xp.gather(c, o[1]), None]


register(
    Primitive(
        "place",
        "indexing",
        prototype(
            "place",
            ("x", "index"),
            {"shape": ()},
            describe(
                "structural zeros of a shape with x added at flat positions.", "linear.", "nowhere.", "none."
            ),
        ),
        infer=_place_type,
        evaluate=_place,
        jvp=_place_jvp,
        transpose=_place_transpose,
        linear=True,
        internal=True,
    )
)
