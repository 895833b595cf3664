"""The points of the table: every operation where it is not differentiable, or where its formula is 0/0.

Each expression has one real number as its value, so that the gradient is the slope itself. A test holds the
list against the records of the operations: one that names a kink or a pole has a point there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from reference_engine.language import parse
from reference_engine.operations import lookup
from reference_engine.program import Kind, Program, TensorType

Array = npt.NDArray[Any]
Numbers = float | Sequence[Any]
INF = float("inf")

KINDS: Mapping[str, Kind] = {"f": "real", "i": "int", "b": "bool"}


@dataclass(frozen=True)
class Point:
    """An expression and where to look at it; ``fixed`` names inputs that are not differentiated.

    ``operation`` is the one in question. Numbers are float64, or bool where they are written so. ``curved``
    describes the set of valid slopes where it has no corners.
    """

    operation: str
    expression: str
    numbers: Mapping[str, Numbers]
    fixed: tuple[str, ...] = ()
    curved: str = ""

    @cached_property
    def inputs(self) -> dict[str, Array]:
        """The inputs as arrays, by name."""
        arrays = {name: np.asarray(value) for name, value in self.numbers.items()}
        return {n: a if a.dtype.kind == "b" else a.astype(np.float64) for n, a in arrays.items()}

    @property
    def wrt(self) -> tuple[str, ...]:
        """Inputs that are differentiated."""
        return tuple(name for name in self.numbers if name not in self.fixed)

    @cached_property
    def program(self) -> Program:
        """The expression as a surface Program with one output, ``out``."""
        types = {n: TensorType(a.shape, KINDS[a.dtype.kind]) for n, a in self.inputs.items()}
        return parse(f"out = {self.expression}", types)

    @property
    def family(self) -> str:
        """The family of the operation."""
        return lookup(self.operation).family


def _along(operation: str, *places: float, expression: str = "") -> list[Point]:
    """A function of one number at several places."""
    return [Point(operation, expression or f"{operation}(x)", {"x": place}) for place in places]


def _two(operation: str, expression: str, *places: tuple[float, float]) -> list[Point]:
    """A function of two numbers at several places."""
    return [Point(operation, expression, {"x1": first, "x2": second}) for first, second in places]


def _of(operation: str, expression: str, *fixed: str, **numbers: Numbers) -> list[Point]:
    return [Point(operation, expression, numbers, fixed)]


def _round(curved: str, operation: str, expression: str, **numbers: Numbers) -> Point:
    """A point whose valid slopes are a set with a curved boundary."""
    return Point(operation, expression, numbers, curved=curved)


BALL = "norm(g) <= 1"
PAIR = "(g, -g) with norm(g) <= 1"
DUAL = "norm(g, ord=3/2) <= 1"
PROJECTIONS = "symmetric, trace 1, eigenvalues >= 0"

ACTIVATIONS = (
    *_along("relu", 0.0),
    *_along("relu6", 0.0, 6.0),
    *_along("leaky_relu", 0.0),
    *_of("prelu", "prelu(x, weight)[0]", "weight", x=[0.0], weight=[0.25]),
    *_along("elu", 0.0),
    *_along("elu", 0.0, expression="elu(x, alpha=0.5)"),
    *_along("celu", 0.0, expression="celu(x, alpha=2)"),
    *_along("selu", 0.0),
    *_along("hardtanh", -1.0, 1.0),
    *_along("hardsigmoid", -3.0, 3.0),
    *_along("hardswish", -3.0, 3.0),
    *_along("softshrink", -0.5, 0.5),
    *_along("hardshrink", -0.5, 0.5),
    *_along("threshold", 1.0, expression="threshold(x, 1, 1)"),
    *_along("threshold", 1.0, expression="threshold(x, 1, 0)"),
    *_along("softsign", 0.0),
    *_along("softplus", 20.0),
    *_along("logit", 0.0, 1.0),
    *_along("logit", 0.25, 0.75, expression="logit(x, eps=0.25)"),
    *_of(
        "rnn_relu_cell", "rnn_relu_cell(x, h, w, u)[0, 0]", "h", "w", "u",
        x=[[0.0]], h=[[0.0]], w=[[1.0]], u=[[1.0]],
    ),
)  # fmt: skip

CHOICES = (
    *_along("abs", 0.0),
    *_along("sign", 0.0),
    *_two("maximum", "maximum(x1, x2)", (1.0, 1.0)),
    *_along("maximum", 0.0, expression="maximum(x, 0)"),
    *_two("minimum", "minimum(x1, x2)", (1.0, 1.0)),
    *_along("minimum", 0.0, expression="minimum(x, 0)"),
    *_along("clip", -1.0, 1.0, expression="clip(x, -1, 1)"),
    *_along("clip", 0.0, expression="clip(x, min=0)"),
    *_along("clip", 0.0, expression="clip(x, max=0)"),
    *_of("clip", "clip(x, low, high)", x=1.0, low=1.0, high=2.0),
    *_along("floor", 0.0, 1.0),
    *_along("ceil", 0.0, 1.0),
    *_along("trunc", 1.0),
    *_along("round", 0.5),
    *_along("where", 0.0, expression="where(x > 0, x, 0)"),
    *_along("where", 0.0, expression="where(x >= 0, x, 0)"),
    *_along("where", 0.0, expression="where(x > 0, x + 1, 0)"),
    *_along("where", 0.0, expression="where(x > 0, sqrt(x), 0)"),
)

COMPARISONS = tuple(
    point
    for operation, sign in {
        "less": "<", "less_equal": "<=", "greater": ">", "greater_equal": ">=",
        "equal": "==", "not_equal": "!=",
    }.items()
    for point in _two(operation, f"where(x1 {sign} x2, x1, x2)", (1.0, 1.0))
)  # fmt: skip

ARITHMETIC = (
    *_along("reciprocal", 0.0),
    *_two("divide", "x1 / x2", (1.0, 0.0), (0.0, 0.0)),
    *_along("divide", 0.0, expression="x / x"),
    *_along("divide", 0.0, expression="sin(x) / x"),
    *(p for n in ("-1", "0", "0.5", "1", "1.5", "2") for p in _along("power", 0.0, expression=f"x ** {n}")),
    *_two("power", "x1 ** x2", (0.0, 0.0), (0.0, 0.5), (0.0, 1.0), (0.0, 2.0), (2.0, 0.0), (-2.0, 2.0)),
    *_two("remainder", "x1 % x2", (3.0, 1.5), (0.0, 1.5)),
    *_two("floor_divide", "x1 // x2", (3.0, 1.5)),
    *_along("astype", 1.0, expression='astype(astype(x, "int64"), "float64")'),
)

ELEMENTWISE = (
    *_along("sqrt", 0.0),
    *_along("sqrt", 0.0, expression="sqrt(x ** 2)"),
    *_along("sqrt", 0.0, expression="sqrt(x) ** 2"),
    *_along("rsqrt", 0.0),
    *_along("cbrt", 0.0),
    *_along("log", 0.0),
    *_along("log", 0.0, expression="x * log(x)"),
    *_two("log", "x1 * log(x2)", (0.0, 0.0)),
    *_along("log1p", -1.0),
    *_along("log2", 0.0),
    *_along("log10", 0.0),
    *_two("logaddexp", "logaddexp(x1, x2)", (1.0, 1.0), (-INF, 0.0), (-INF, -INF)),
    *_along("asin", -1.0, 1.0),
    *_along("acos", -1.0, 1.0),
    *_along("acosh", 1.0),
    *_along("atanh", -1.0, 1.0),
    *_two("atan2", "atan2(x1, x2)", (0.0, 0.0), (0.0, -2.0)),
    _round(BALL, "hypot", "hypot(x1, x2)", x1=0.0, x2=0.0),
)

SPECIAL = (
    *_along("i0e", 0.0),
    *(p for name in ("k0", "k1", "k0e", "k1e", "y0", "y1") for p in _along(name, 0.0)),
    *_along("erfinv", -1.0, 1.0),
    *_along("lgamma", 0.0, -1.0, -2.0),
    *_along("digamma", 0.0, -1.0, -2.0),
    *_along("polygamma", 0.0, -1.0, -2.0, expression="polygamma(1, x)"),
    *_of("zeta", "zeta(s, q)", s=1.0, q=1.0),
    *_of("zeta", "zeta(s, q)", s=2.0, q=0.0),
    *(p for a in (0.5, 1.0, 2.0) for p in _of("gammainc", "gammainc(a, x)", "a", a=a, x=0.0)),
    *(p for a in (0.5, 1.0, 2.0) for p in _of("gammaincc", "gammaincc(a, x)", "a", a=a, x=0.0)),
    *(
        p
        for a, b, x in ((0.5, 2.0, 0.0), (2.0, 2.0, 0.0), (2.0, 0.5, 1.0), (2.0, 2.0, 1.0))
        for p in _of("betainc", "betainc(a, b, x)", "a", "b", a=a, b=b, x=x)
    ),
)

REDUCTIONS = (
    *_of("max", "max(x)", x=[1.0, 1.0]),
    *_of("max", "max(x)", x=[1.0, 1.0, 1.0]),
    *_of("max", "max(x)", x=[1.0, 0.5, 1.0]),
    *_of("min", "min(x)", x=[1.0, 1.0]),
    *_of("min", "min(x)", x=[1.0, 1.0, 1.0]),
    *_of("cummax", "cummax(x, axis=0)[1]", x=[1.0, 1.0]),
    *_of("median", "median(x)", x=[1.0, 1.0, 1.0]),
    *_of("median", "median(x)", x=[1.0, 1.0, 2.0]),
    *_of("median", "median(x)", x=[0.0, 1.0, 1.0, 2.0]),
    *_of("prod", "prod(x)", x=[0.0, 2.0]),
    *_of("prod", "prod(x)", x=[0.0, 0.0, 2.0]),
    *_of("cumprod", "cumprod(x, axis=0)[1]", x=[0.0, 2.0]),
    *_of("cumprod", "cumprod(x, axis=0)[2]", x=[0.0, 0.0, 2.0]),
    *_of("var", "var(x)", x=[1.5, 1.5]),
    *_of("std", "std(x)", x=[1.5, 1.5]),
    _round(BALL, "norm", "norm(x)", x=[0.0, 0.0]),
    *_of("norm", "norm(x) ** 2", x=[0.0, 0.0]),
    _round(PAIR, "norm", "norm(x1 - x2)", x1=[1.0, 2.0], x2=[1.0, 2.0]),
    *_of("norm", "norm(x, ord=1)", x=[0.0, 2.0]),
    *_of("norm", "norm(x, ord=inf)", x=[1.0, -1.0]),
    *_of("norm", "norm(x, ord=inf)", x=[0.0, 0.0]),
    _round(DUAL, "norm", "norm(x, ord=3)", x=[0.0, 0.0]),
    *_of("normalize", "normalize(x, axis=0, eps=0.5)[0]", x=[0.0, 0.0]),
    *_of("normalize", "normalize(x, axis=0, eps=5)[0]", x=[3.0, 4.0]),
    *_of(
        "cosine_similarity", "cosine_similarity(x1, x2, axis=0, eps=0.5)", "x2", x1=[0.0, 0.0], x2=[3.0, 4.0]
    ),
    *_of("cosine_similarity", "cosine_similarity(x1, x2, axis=0, eps=5)", "x2", x1=[3.0, 4.0], x2=[6.0, 8.0]),
    *_of("logsumexp", "logsumexp(x)", x=[-INF, 0.0]),
    *_of("logsumexp", "logsumexp(x)", x=[-INF, -INF]),
    *_of("softmax", "softmax(x)[0]", x=[-INF, -INF]),
)

ORDERINGS = (
    *_of("sort", "sort(x)[0]", x=[1.0, 1.0]),
    *_of("sort", "sort(x)[1]", x=[1.0, 1.0, 1.0]),
    *_of("topk", "topk(x, 1)[0][0]", x=[1.0, 1.0]),
    *_of("argsort", "take(x, argsort(x))[0]", x=[1.0, 1.0]),
    *_of("argmax", "x[argmax(x)]", x=[1.0, 1.0]),
    *_of("argmin", "x[argmin(x)]", x=[1.0, 1.0]),
    *_of("max_pool1d", "max_pool1d(x, 2)[0, 0, 0]", x=[[[1.0, 1.0]]]),
    *_of("max_pool2d", "max_pool2d(x, 2)[0, 0, 0, 0]", x=[[[[1.0, 0.5], [1.0, 0.0]]]]),
)

LOSSES = (
    *_of("l1_loss", "l1_loss(x, y)", "y", x=[0.0], y=[0.0]),
    *_of("huber_loss", "huber_loss(x, y)", "y", x=[1.0], y=[0.0]),
    *_of("smooth_l1_loss", "smooth_l1_loss(x, y)", "y", x=[1.0], y=[0.0]),
    *_of("smooth_l1_loss", "smooth_l1_loss(x, y, beta=0)", "y", x=[0.0], y=[0.0]),
    *_of("hinge_loss", "hinge_loss(x, y)", "y", x=[1.0], y=[1.0]),
    *_of("hinge_loss", "hinge_loss(x, y)", "y", x=[-1.0], y=[-1.0]),
    *_of("hinge_embedding_loss", "hinge_embedding_loss(x, y)", "y", x=[1.0], y=[-1.0]),
    *_of("poisson_nll_loss", "poisson_nll_loss(x, y, log_input=False)", "y", x=[0.0], y=[1.0]),
    *_of("binary_cross_entropy", "binary_cross_entropy(x, y)", "y", x=[0.0], y=[1.0]),
    *_of("binary_cross_entropy", "binary_cross_entropy(x, y)", "y", x=[0.0], y=[0.0]),
    *_of("binary_cross_entropy", "binary_cross_entropy(x, y)", "y", x=[1.0], y=[0.0]),
    *_of("kl_div", 'kl_div(x, y, reduction="sum")', x=[-1.0], y=[0.0]),
    *_of("gaussian_nll_loss", "gaussian_nll_loss(x, y, var, eps=0.5)", "y", x=[1.0], y=[0.0], var=[0.5]),
)

LINEAR_ALGEBRA = (
    *_of("det", "det(x)", x=[[1.0, 2.0], [2.0, 4.0]]),
    *_of("det", "det(x)", x=[[0.0, 0.0], [0.0, 0.0]]),
    *_of("slogdet", "slogdet(x)[1]", x=[[1.0, 2.0], [2.0, 4.0]]),
    *_of("inv", "inv(x)[0, 0]", x=[[1.0, 2.0], [2.0, 4.0]]),
    *_of("solve", "solve(x, b)[0]", "b", x=[[1.0, 2.0], [2.0, 4.0]], b=[1.0, 1.0]),
    *_of(
        "solve_triangular",
        "solve_triangular(x, b, upper=False)[1]",
        "b",
        x=[[1.0, 0.0], [2.0, 0.0]],
        b=[1.0, 1.0],
    ),
    *_of("cholesky", "cholesky(x)[1, 1]", x=[[1.0, 2.0], [2.0, 4.0]]),
    _round(PROJECTIONS, "eigvalsh", "eigvalsh(x)[0]", x=[[2.0, 0.0], [0.0, 2.0]]),
    *_of("eigvalsh", "sum(eigvalsh(x))", x=[[2.0, 0.0], [0.0, 2.0]]),
    _round(PROJECTIONS, "eigh", "eigh(x)[0][0]", x=[[2.0, 0.0], [0.0, 2.0]]),
    *_of("eigh", "eigh(x)[1][0, 0]", x=[[2.0, 0.0], [0.0, 2.0]]),
    _round(PROJECTIONS, "svdvals", "svdvals(x)[0]", x=[[2.0, 0.0], [0.0, 2.0]]),
    *_of("svdvals", "svdvals(x)[1]", x=[[2.0, 0.0], [0.0, 0.0]]),
    *_of("svdvals", "sum(svdvals(x))", x=[[2.0, 0.0], [0.0, 0.0]]),
    _round(PROJECTIONS, "svd", "svd(x)[1][0]", x=[[2.0, 0.0], [0.0, 2.0]]),
    *_of("svd", "svd(x)[0][0, 0]", x=[[2.0, 0.0], [0.0, 2.0]]),
    *_of("qr", "qr(x)[1][1, 1]", x=[[1.0, 2.0], [2.0, 4.0]]),
)

ATTENTION = _of(
    "scaled_dot_product_attention", "sum(scaled_dot_product_attention(q, k, v, mask))", "mask",
    q=[[1.0]], k=[[1.0]], v=[[1.0]], mask=[[False]],
)  # fmt: skip

POINTS: tuple[Point, ...] = (
    *ACTIVATIONS,
    *CHOICES,
    *COMPARISONS,
    *ARITHMETIC,
    *ELEMENTWISE,
    *SPECIAL,
    *REDUCTIONS,
    *ORDERINGS,
    *LOSSES,
    *LINEAR_ALGEBRA,
    *ATTENTION,
)
"""All points, in the order of the page."""
