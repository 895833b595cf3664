"""The incomplete gamma and beta functions in all of their arguments.

The derivatives in the parameters have no closed form. They come from the series of positive terms
P(a, x) = x^a exp(-x) / gamma(a + 1) 1F1(1; a + 1; x) (DLMF 8.5.1, 8.2.7) and
I_x(a, b) = x^a (1 - x)^b / (a B(a, b)) 2F1(a + b, 1; a + 1; x) (DLMF 8.17.8), evaluated with power series in
place of the parameters; Arb bounds the tails.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from math import comb, factorial, hypot, lgamma, log, sqrt
from typing import Any

import scipy.special
from flint import acb_series, arb, arb_mat, ctx

from reference_engine.arithmetic import Elementwise
from reference_engine.operations import Domain
from reference_engine.primitives.define import elementwise
from reference_engine.primitives.elementary import POSITIVE
from reference_engine.primitives.rounding import rounded
from reference_engine.trace import Tensor, xp

MOST_TERMS = 100_000
"""Where more are needed, there is no value: in gammainc for x of about 1e5 (a tenth of a second)."""

FAR = 1.1
"""For x above this times a, Arb's upper incomplete gamma function is exact and fast; tried up to 1e12."""

LARGEST = 1e100
"""Arguments up to here are tried; float64 has logarithms of their gamma functions."""

SPARE_BITS = 30
"""By how much the rest of a series is below the working precision."""

INSIDE = Domain(low=0.0, high=1.0, ordinary=(0.1, 0.9))


@contextmanager
def _terms(count: int) -> Iterator[None]:
    """Keep this many terms of power series."""
    before = ctx.cap
    ctx.cap = count
    try:
        yield
    finally:
        ctx.cap = before


def _enough(log_term: Callable[[float], float], peak: float) -> int:
    """How many terms of a series to add, so that what is left is below the working precision, by the
    logarithm of the k-th term and the place of the largest.

    Arb's own choice ends too early where terms fall slowly; its bound of the rest holds for any number.
    """
    start = max(peak, 0.0)
    goal = log_term(start) - (ctx.prec + SPARE_BITS) * log(2)
    width = 16.0
    while log_term(start + width) > goal and start + width <= MOST_TERMS:
        width *= 1.25
    return int(start + width)


def _exponential(log_partial: Callable[[int, int], Tensor], density: Tensor, n: int, m: int = 0) -> Tensor:
    """The n-th derivative in a and m-th in b of a density, from those of its logarithm (Leibniz' rule for
    the derivative of the density, which is the density times that of its logarithm).
    """
    if not n and not m:
        return density
    i, j = (n - 1, m) if n else (n, m - 1)
    total: Tensor | None = None
    for k in range(i + 1):
        for q in range(j + 1):
            one_more = log_partial(k + 1, q) if n else log_partial(k, q + 1)
            term = _exponential(log_partial, density, i - k, j - q) * one_more
            factor = comb(i, k) * comb(j, q)
            term = term if factor == 1 else term * factor
            total = term if total is None else total + term
    assert total is not None
    return total


def gamma_density(a: Tensor, x: Tensor, n: int = 0) -> Tensor:
    """The n-th derivative in a of x^(a - 1) exp(-x) / gamma(a)."""
    log_x = xp.log(x)

    def log_partial(k: int, _: int) -> Tensor:
        return log_x - xp.digamma(a) if k == 1 else -xp.polygamma(k - 1, a)  # type: ignore[no-any-return]

    return _exponential(log_partial, xp.exp((a - 1) * log_x - x - xp.lgamma(a)), n)


def _beta_density(a: Tensor, b: Tensor, x: Tensor, n: int = 0, m: int = 0) -> Tensor:
    """The n-th derivative in a and m-th in b of x^(a - 1) (1 - x)^(b - 1) / B(a, b)."""
    log_x, log_rest = xp.log(x), xp.log1p(-x)

    def log_partial(i: int, j: int) -> Tensor:
        both = _polygamma(i + j - 1, a + b)
        if i and j:
            return both
        first = both - (_polygamma(i - 1, a) if i else _polygamma(j - 1, b))
        return first + (log_x if i else log_rest) if i + j == 1 else first

    log_density = (a - 1) * log_x + (b - 1) * log_rest - (xp.lgamma(a) + xp.lgamma(b) - xp.lgamma(a + b))
    return _exponential(log_partial, xp.exp(log_density), n, m)


def _polygamma(n: int, x: Tensor) -> Tensor:
    return xp.polygamma(n, x) if n else xp.digamma(x)  # type: ignore[no-any-return]


def lower_gamma(a: Any, x: Any) -> Any:
    """P(a, x) in balls. The series where it is not near 1, since Arb's own function finds no digits, and
    takes seconds, for large a at x <= a.
    """
    return 1 - x.gamma_upper(a, regularized=1) if a > 0 and x > a * FAR else _gamma_series(a, x, 0)


def upper_gamma(a: Any, x: Any) -> Any:
    """Q(a, x) = 1 - P(a, x) in balls, without cancellation where it is small."""
    return x.gamma_upper(a, regularized=1) if a > 0 and x > a * FAR else 1 - _gamma_series(a, x, 0)


def _gamma_series(a: Any, x: Any, n: int) -> Any:
    """The n-th derivative in a of P(a, x)."""
    if x.is_zero():
        return arb(0) if a > 0 else arb.nan()
    if not (a > 0 and x > 0 and a < LARGEST and x < LARGEST):
        return arb.nan()
    count = _gamma_terms(float(a.mid()), float(x.mid()), float(x.mid().log()))
    if count > MOST_TERMS:
        return arb.nan()
    with _terms(n + 1):
        s = acb_series([a, 1])
        series = acb_series.hypgeom([acb_series([1])], [s + 1], acb_series([x]), n=count)
        whole = (s * x.log() - x).exp() * (s + 1).rgamma() * series
        return whole[n].real * factorial(n)


def _gamma_terms(a: float, x: float, log_x: float) -> int:
    """Arb bounds the ratio of two terms by x / (k + 1) (1 + a / (k + a + 1)), which must be below 1."""
    falling = (x - a + hypot(x - a, sqrt(8 * a * x))) / 2
    return max(_enough(lambda k: k * log_x - lgamma(a + 1 + k), x - a), int(1.2 * falling))


def _betainc_ball(a: Any, b: Any, x: Any, n: int = 0, m: int = 0) -> Any:
    """Mixed derivatives by interpolation: the term of order n + m along (1, t) is a polynomial in t, whose
    coefficient m is wanted. Where the series is slow by I_x(a, b) = 1 - I_(1 - x)(b, a).
    """
    if not (a > 0 and b > 0 and a < LARGEST and b < LARGEST):
        return arb.nan()
    if x.is_zero() or (1 - x).is_zero():
        return x if not n and not m else arb(0)
    if not (x > 0 and x < 1):
        return arb.nan()
    if not (x < 0.6 or (x < 0.95 and x < (a + 1) / (a + b + 2))):
        beyond = _betainc_ball(b, a, 1 - x, m, n)
        return -beyond if n or m else 1 - beyond
    order = n + m
    if not n or not m:
        return _beta_term(a, b, x, (1, 0) if n else (0, 1), order) * factorial(order)
    points = range(order + 1)
    table = arb_mat([[t**k for k in points] for t in points])
    along = arb_mat([[_beta_term(a, b, x, (1, t), order)] for t in points])
    return table.solve(along)[m, 0] * factorial(n) * factorial(m)


def _beta_term(a: Any, b: Any, x: Any, direction: tuple[int, int], order: int) -> Any:
    count = _beta_terms(float(a.mid()), float(b.mid()), float(x.mid()), float(x.mid().log()))
    if count > MOST_TERMS:
        return arb.nan()
    with _terms(order + 1):
        first, second = acb_series([a, direction[0]]), acb_series([b, direction[1]])
        top, bottom = [first + second, acb_series([1])], [first + 1]
        series = acb_series.hypgeom(top, bottom, acb_series([x]), n=count)
        power = (first * x.log() + second * (1 - x).log()).exp()
        factor = (first + second).gamma() * (first + 1).rgamma() * second.rgamma()
        return (power * factor * series)[order].real


def _beta_terms(a: float, b: float, x: float, log_x: float) -> int:
    peak = ((a + b) * x - a) / (1 - x)
    return _enough(lambda k: lgamma(a + b + k) - lgamma(a + 1 + k) + k * log_x, peak)


elementwise(
    "gammainc", Elementwise(scipy.special.gammainc, lower_gamma),
    [lambda a, x, y: xp.gammainc_derivative(a, x, n=1), lambda a, x, y: gamma_density(a, x)],
    definition="the integral of t^(a - 1) exp(-t) from 0 to x over gamma(a), for a > 0 and x >= 0.",
    derivative="gammainc_derivative(a, x, 1) for a, and x^(a - 1) exp(-x) / gamma(a) for x.",
    not_differentiable="at x = 0, the end of its domain.", conventions="torch gives no derivative for a.",
    operands=("a", "x"), domains=[POSITIVE, POSITIVE], family="special",
)  # fmt: skip
elementwise(
    "gammaincc", Elementwise(scipy.special.gammaincc, upper_gamma),
    [lambda a, x, y: -xp.gammainc_derivative(a, x, n=1), lambda a, x, y: -gamma_density(a, x)],
    definition="1 - gammainc(a, x), without cancellation for large x.",
    derivative="those of gammainc with the other sign.",
    not_differentiable="at x = 0, the end of its domain.", conventions="torch gives no derivative for a.",
    operands=("a", "x"), domains=[POSITIVE, POSITIVE], family="special",
)  # fmt: skip
elementwise(
    "gammainc_derivative", Elementwise(rounded(_gamma_series), _gamma_series),
    [lambda a, x, y, n: xp.gammainc_derivative(a, x, n=n + 1), lambda a, x, y, n: gamma_density(a, x, n)],
    definition="the n-th derivative of gammainc(a, x) with respect to a.",
    derivative="that of the next order for a, and the n-th derivative in a of the density for x.",
    not_differentiable="at x = 0, the end of its domain.",
    operands=("a", "x"), domains=[POSITIVE, POSITIVE], attrs={"n": 1}, family="special", internal=True,
)  # fmt: skip
elementwise(
    "betainc", Elementwise(scipy.special.betainc, _betainc_ball),
    [
        lambda a, b, x, y: xp.betainc_derivative(a, b, x, n=1, m=0),
        lambda a, b, x, y: xp.betainc_derivative(a, b, x, n=0, m=1),
        lambda a, b, x, y: _beta_density(a, b, x),
    ],
    definition="the integral of t^(a - 1) (1 - t)^(b - 1) from 0 to x over B(a, b), for a, b > 0 and x in "
    "[0, 1].",
    derivative="its series differentiated for a and b, and x^(a - 1) (1 - x)^(b - 1) / B(a, b) for x.",
    not_differentiable="at x = 0 and x = 1, the ends of its domain.",
    conventions="JAX gives no derivatives for a and b.",
    operands=("a", "b", "x"), domains=[POSITIVE, POSITIVE, INSIDE], family="special",
)  # fmt: skip
elementwise(
    "betainc_derivative", Elementwise(rounded(_betainc_ball), _betainc_ball),
    [
        lambda a, b, x, y, n, m: xp.betainc_derivative(a, b, x, n=n + 1, m=m),
        lambda a, b, x, y, n, m: xp.betainc_derivative(a, b, x, n=n, m=m + 1),
        lambda a, b, x, y, n, m: _beta_density(a, b, x, n, m),
    ],
    definition="the n-th derivative in a and m-th in b of betainc(a, b, x).",
    derivative="that of the next order for a and b, and the same derivative of the density for x.",
    not_differentiable="at x = 0 and x = 1, the ends of its domain.",
    operands=("a", "b", "x"), domains=[POSITIVE, POSITIVE, INSIDE], attrs={"n": 1, "m": 0},
    family="special", internal=True,
)  # fmt: skip
