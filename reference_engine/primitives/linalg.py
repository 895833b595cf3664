"""Linear systems, factorizations without eigenvalues, determinants and the matrix exponential.

All act on the last two axes. Rules: Giles, "Collected matrix derivative results for forward and reverse mode
algorithmic differentiation" (2008); Murray, "Differentiation of the Cholesky decomposition" (2016).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import scipy.linalg

from reference_engine.arithmetic import Matrices, Values, matrices
from reference_engine.operations import JvpRule, Primitive, TransposeRule, register
from reference_engine.primitives.define import describe, prototype
from reference_engine.program import Attr, ProgramError, TensorType
from reference_engine.trace import Tensor, constant, xp

Shape = tuple[int, ...]


def turned(x: Tensor) -> Tensor:
    """The matrix transpose."""
    return xp.matrix_transpose(x)  # type: ignore[no-any-return]


def total(x: Tensor | None, y: Tensor | None) -> Tensor | None:
    """The sum of two tangents, either of which may be structurally zero."""
    if x is None or y is None:
        return x if y is None else y
    return x + y


def check_square(name: str, shape: Shape) -> None:
    """ProgramError unless the last two axes are equal."""
    if len(shape) < 2 or shape[-1] != shape[-2]:
        msg = f"{name}: expected square matrices in the last two axes, found shape {shape}"
        raise ProgramError(msg)


def of_matrices(
    name: str,
    f: Matrices,
    shape: Callable[[Shape], Shape],
    jvp: JvpRule,
    documentation: str,
    *,
    square: bool = True,
    internal: bool = True,
) -> None:
    """Register a function of one stack of matrices; ``shape`` is the shape rule of one entry."""

    def infer(types: Sequence[TensorType], _: Mapping[str, Attr]) -> TensorType:
        found = types[0].shape
        if square:
            check_square(name, found)
        return TensorType(found[:-2] + shape(found[-2:]), "real")

    register(
        Primitive(
            name,
            "linalg",
            prototype(name, ("x",), {}, documentation),
            infer=infer,
            evaluate=lambda ar, values, at: ar.matrices(f, values, at),
            jvp=jvp,
            internal=internal,
            call={"x": "... n n"},
        )
    )


def _of_systems(
    name: str,
    f: Matrices,
    attrs: Mapping[str, Attr],
    jvp: JvpRule,
    transpose: TransposeRule,
    documentation: str,
) -> None:
    def infer(types: Sequence[TensorType], _: Mapping[str, Attr]) -> TensorType:
        a, b = types[0].shape, types[1].shape
        check_square(name, a)
        if a[:-1] != b[:-1]:
            msg = f"{name}: shapes {a} and {b} do not fit"
            raise ProgramError(msg)
        return TensorType(b, "real")

    register(
        Primitive(
            name,
            "linalg",
            prototype(name, ("a", "b"), attrs, documentation),
            infer=infer,
            evaluate=lambda ar, values, at: ar.matrices(f, values, at),
            jvp=jvp,
            transpose=transpose,
            internal=True,
        )
    )


def _system_jvp(
    p: Sequence[Tensor], t: Sequence[Tensor | None], out: Tensor, at: Mapping[str, Attr]
) -> Tensor | None:
    right = total(t[1], None if t[0] is None else -(t[0] @ out))
    return None if right is None else xp.linear_system(p[0], right)


_of_systems(
    "linear_system",
    Matrices(np.linalg.solve, matrices.solve, (2, 2)),
    {},
    _system_jvp,
    lambda c, o, at: [None, xp.linear_system(turned(o[0]), c)],
    describe("the x with a x = b.", "a^-1 (db - da x).", "at singular a.", "none needed."),
)


def _triangular_float64(a: Values, b: Values, *, lower: bool, unit_diagonal: bool) -> Values:
    triangle = np.tril(a) if lower else np.triu(a)
    if unit_diagonal:
        places = np.arange(a.shape[-1])
        triangle[..., places, places] = 1.0
    return np.linalg.solve(triangle, b)


def triangle(x: Tensor, at: Mapping[str, Attr]) -> Tensor:
    """The part of a that a triangular system reads and can vary."""
    first = 1 if at["unit_diagonal"] else 0
    return xp.tril(x, k=-first) if at["lower"] else xp.triu(x, k=first)  # type: ignore[no-any-return]


def _triangular_jvp(
    p: Sequence[Tensor], t: Sequence[Tensor | None], out: Tensor, at: Mapping[str, Attr]
) -> Tensor | None:
    right = total(t[1], None if t[0] is None else -(triangle(t[0], at) @ out))
    return None if right is None else xp.triangular_system(p[0], right, **at)


_of_systems(
    "triangular_system",
    Matrices(_triangular_float64, matrices.triangular_solve, (2, 2)),
    {"lower": True, "unit_diagonal": False},
    _triangular_jvp,
    lambda c, o, at: [
        None,
        xp.triangular_system(turned(o[0]), c, lower=not at["lower"], unit_diagonal=at["unit_diagonal"]),
    ],
    describe("the x with a x = b, reading one triangle of a.", "a^-1 (db - da x), da within the triangle.",
             "at a zero on the diagonal.", "none needed."),
)  # fmt: skip


def _cholesky_jvp(
    p: Sequence[Tensor], t: Sequence[Tensor | None], out: Tensor, at: Mapping[str, Attr]
) -> Tensor | None:
    if t[0] is None:
        return None
    half = xp.triangular_system(out, t[0])
    inner = turned(xp.triangular_system(out, turned(half)))
    n = out.shape[-1]
    return out @ (inner * constant(np.tril(np.ones((n, n))) - np.eye(n) / 2))


of_matrices(
    "cholesky_factor",
    Matrices(np.linalg.cholesky, matrices.cholesky, (2,)),
    lambda s: s,
    _cholesky_jvp,
    describe("the lower L with positive diagonal and L L^T = x, for symmetric x.",
             "L times the lower triangle of L^-1 dx L^-T with halved diagonal.", "at singular x.",
             "none needed."),
)  # fmt: skip


def _scaled_trace(p: Sequence[Tensor], t: Sequence[Tensor | None], factor: Tensor | None) -> Tensor | None:
    if t[0] is None:
        return None
    inner = xp.trace(xp.linear_system(p[0], t[0]))
    return inner if factor is None else factor * inner  # type: ignore[no-any-return]


of_matrices(
    "det",
    Matrices(np.linalg.det, matrices.det, (2,)),
    lambda s: (),
    lambda p, t, out, at: _scaled_trace(p, t, out),
    describe(
        "the determinant.",
        "det(x) trace(x^-1 dx).",
        "nowhere; at singular x the formula is 0/0.",
        "none needed.",
    ),
    internal=False,
)
of_matrices(
    "logabsdet",
    Matrices(lambda a: np.linalg.slogdet(a)[1], matrices.logabsdet, (2,)),
    lambda s: (),
    lambda p, t, out, at: _scaled_trace(p, t, None),
    describe(
        "the logarithm of the size of the determinant.",
        "trace(x^-1 dx).",
        "at singular x (pole).",
        "none needed.",
    ),
)


def _exponential_float64(a: Values, *directions: Values) -> Values:
    n = a.shape[-1]
    whole = np.asarray(scipy.linalg.expm(matrices.derivative_block(a, directions, 0.0)))
    return whole[..., :n, whole.shape[-1] - n :]


def _exponential_jvp(
    p: Sequence[Tensor], t: Sequence[Tensor | None], out: Tensor, at: Mapping[str, Attr]
) -> Tensor | None:
    found = None if t[0] is None else xp.exponential_derivative(p[0], [*p[1:], t[0]])
    for k in range(1, len(p)):
        if t[k] is not None:
            found = total(found, xp.exponential_derivative(p[0], [*p[1:k], t[k], *p[k + 1 :]]))
    return found


def _exponential_transpose(
    c: Tensor, o: Sequence[Tensor | TensorType], at: Mapping[str, Attr]
) -> Sequence[Tensor | None]:
    fixed = [turned(x) if isinstance(x, Tensor) else None for x in o]
    cotangents: list[Tensor | None] = [None]
    for k in range(1, len(o)):
        others = [x for i, x in enumerate(fixed) if i not in {0, k}]
        cotangents.append(None if fixed[k] is not None else xp.exponential_derivative(fixed[0], [*others, c]))
    return cotangents


def _exponential(x: Tensor, directions: Sequence[Tensor]) -> Tensor:
    """Definition: the k-th derivative of the matrix exponential at x in k directions; for k = 0 the
    exponential.

    Derivative: the next derivative in x; linear and symmetric in the directions.
    Where it is not differentiable: nowhere.
    Conventions: none needed.
    """
    return xp.exponential_derivative(x, directions)  # type: ignore[no-any-return]


def _exponential_type(types: Sequence[TensorType], _: Mapping[str, Attr]) -> TensorType:
    check_square("matrix_exp", types[0].shape)
    return TensorType(types[0].shape, "real")


register(
    Primitive(
        "exponential_derivative",
        "linalg",
        _exponential,
        infer=_exponential_type,
        evaluate=lambda ar, values, at: ar.matrices(
            Matrices(_exponential_float64, matrices.exponential_derivative, (2,) * len(values)), values, {}
        ),
        jvp=_exponential_jvp,
        transpose=_exponential_transpose,
        internal=True,
    )
)
