"""Special functions where they are hard: by identities that use other functions."""

from __future__ import annotations

from collections.abc import Iterator
from math import comb, factorial
from typing import Any

import numpy as np
import pytest
from flint import arb, ctx

from reference_engine import TensorType, trace, xp
from reference_engine.arithmetic.balls import Balls, exact, precision
from reference_engine.differentiate import lower, vjp
from reference_engine.evaluate import evaluate, outputs
from reference_engine.primitives.incomplete import lower_gamma, upper_gamma
from reference_engine.primitives.rounding import rounded

BITS = 256


@pytest.fixture(autouse=True)
def _bits() -> Iterator[None]:
    with precision(BITS):
        yield


def value(f: Any, *arguments: float) -> Any:
    """The ball of a function of numbers."""
    names = [f"x{k}" for k in range(len(arguments))]
    program = lower(trace(f, dict.fromkeys(names, TensorType(()))))
    given = {n: exact(np.asarray(v, dtype=np.float64)) for n, v in zip(names, arguments, strict=True)}
    return outputs(program, evaluate(program, given, Balls()))[0].item()


def near(found: Any, expected: Any, tolerance: str = "1e-60") -> bool:
    """Whether a ball proves that the relative difference is small."""
    return bool(abs(found - expected) <= abs(expected) * arb(tolerance))


def poisson(n: int, x: float) -> Any:
    """Q(n, x) for an integer n: the probability of fewer than n events (DLMF 8.4.10)."""
    terms = (arb(x) ** k / factorial(k) for k in range(n))
    return (-arb(x)).exp() * sum(terms, start=arb(0))


def binomial(a: int, b: int, x: float) -> Any:
    """I_x(a, b) for integers (DLMF 8.17.5)."""
    n, p = a + b - 1, arb(x)
    return sum((comb(n, k) * p**k * (1 - p) ** (n - k) for k in range(a, n + 1)), start=arb(0))


@pytest.mark.parametrize("n, x", [(1, 0.25), (3, 2.5), (250, 245.0), (250, 300.0), (700, 500.0), (40, 200.0)])
def test_incomplete_gamma_of_integers(n: int, x: float) -> None:
    """The gamma distribution of an integer shape is that of a sum of exponentials."""
    assert near(value(xp.gammaincc, n, x), poisson(n, x), "1e-40")
    assert near(value(xp.gammainc, n, x), 1 - poisson(n, x), "1e-15")


@pytest.mark.parametrize(
    "a, b, x", [(1, 1, 0.25), (2, 5, 0.9), (100, 120, 0.5), (300, 3, 0.875), (3, 90, 0.5)]
)
def test_incomplete_beta_of_integers(a: int, b: int, x: float) -> None:
    """The beta distribution of integers is a tail of the binomial distribution."""
    assert near(value(xp.betainc, a, b, x), binomial(a, b, x))


@pytest.mark.parametrize("a, x", [(10_000.0, 10_100.0), (10_000.0, 9_000.0), (50_000.0, 50_000.0)])
def test_large_arguments_have_digits(a: float, x: float) -> None:
    """Where Arb's own functions find none, P and Q are narrow, and gamma's own recurrence in a holds
    (DLMF 8.8.5).
    """
    low, next_ = lower_gamma(arb(a), arb(x)), lower_gamma(arb(a) + 1, arb(x))
    step = (a * arb(x).log() - x - arb(a + 1).lgamma()).exp()
    assert low.rel_accuracy_bits() > BITS // 2
    assert near(low - next_, step, "1e-40")


def test_what_would_take_too_long_has_no_value() -> None:
    """Beyond the longest series there is no enclosure rather than a wait."""
    assert lower_gamma(arb(1e6), arb(1e6)).is_nan()
    assert upper_gamma(arb(1e6), arb(1e6)).is_nan()
    assert near(upper_gamma(arb(1e6), arb(2e6)).log(), arb("-306851.32"), "1e-3")


def test_derivative_in_the_exponent_at_the_end() -> None:
    """gammainc(a, 0) is 0 for every a, and so is its derivative in a."""
    assert value(lambda a, x: xp.gammainc_derivative(a, x, n=1), 2.5, 0.0) == 0
    assert value(lambda a, b, x: xp.betainc_derivative(a, b, x, n=1, m=0), 2.5, 1.5, 1.0) == 0


@pytest.mark.parametrize("s, q", [(2.0, 1.0), (4.0, 1.0), (3.0, -0.5), (2.0, -7.25)])
def test_zeta_of_integers(s: float, q: float) -> None:
    """At integers s zeta is a polygamma function, to the left of 0 too (DLMF 25.11.12)."""
    n = int(s)
    expected = value(lambda x: xp.polygamma(n - 1, x), q) * (-1) ** n / factorial(n - 1)
    assert near(value(xp.zeta, s, q), expected)


def test_zeta_outside_its_domain_has_no_value() -> None:
    """For s of at most 1, and left of 0 for an s that is no integer, nothing is given."""
    for s, q in ((1.0, 2.0), (0.5, 2.0), (2.5, -0.5), (3.0, -2.0)):
        assert value(xp.zeta, s, q).is_nan()


@pytest.mark.parametrize("x", [-30.0, -0.5, 0.0, 0.5, 30.0, 900.0])
def test_scaled_bessel_functions(x: float) -> None:
    """Scaled functions are the functions times their scale, on both sides of 0."""
    scale = (-abs(arb(x))).exp()
    for n in range(3):
        plain = value(lambda v, n=n: xp.bessel_i(v, n=n), x)
        assert near(value(lambda v, n=n: xp.bessel_ie(v, n=n), x), plain * scale)


@pytest.mark.parametrize("x", [0.25, 3.0, 40.0])
def test_wronskians(x: float) -> None:
    """The pairs of Bessel functions have their Wronskians (DLMF 10.5.2 and 10.28.2). Arb finds Y and K by
    differences that cost them up to 120 bits here.
    """
    with precision(2 * BITS):
        j, y, i, k = (
            [value(lambda v, f=f, n=n: getattr(xp, f)(v, n=n), x) for n in (0, 1)]
            for f in ("bessel_j", "bessel_y", "bessel_ie", "bessel_ke")
        )
        assert near(j[1] * y[0] - j[0] * y[1], 2 / (arb.pi() * x))
        assert near(i[0] * k[1] + i[1] * k[0], 1 / arb(x))


@pytest.mark.parametrize("name, slope", [("i0", 0.0), ("i1", 0.5), ("j0", 0.0), ("j1", 0.5), ("i1e", 0.5)])
def test_slope_at_zero(name: str, slope: float) -> None:
    """At 0 the derivatives are certified at the point itself, without a limit."""
    program = vjp(trace(getattr(xp, name), {"x": TensorType(())}), ("x",))
    given = {"x": exact(np.asarray(0.0)), "ct.out0": exact(np.asarray(1.0))}
    found = dict(zip(program.output_names, outputs(program, evaluate(program, given, Balls())), strict=True))
    assert found["grad.x"].item() == slope


def test_a_sample_is_moved_along_its_quantile() -> None:
    """Where Gamma(1) is exponential the quantile is known: -log(1 - u); there and back is the identity."""
    level = value(xp.gammaincc, 2.5, 1.75)
    moved = value(xp.gamma_sample, 1.0, 2.5, 1.75)
    assert near(moved, -level.log())
    back = value(xp.gamma_sample, 2.5, 1.0, float(moved.mid()))
    assert near(back, arb(1.75), "1e-15")
    assert value(xp.gamma_sample, 2.5, 2.5, 1.75) == 1.75


def test_rounding_from_balls_uses_the_bits_that_it_needs() -> None:
    """A difference that cancels 300 bits is rounded right, and the caller's precision stays."""
    tiny = rounded(lambda x: (x + arb(2) ** -300) - x)
    assert float(tiny(np.asarray(1.0))) == 2.0**-300
    assert np.isnan(rounded(lambda x: x.log())(np.asarray(-1.0)))
    assert ctx.prec == BITS
