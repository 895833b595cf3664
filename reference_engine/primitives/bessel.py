"""Bessel functions of integer order. Their derivatives are those of the orders beside, so that nothing is
divided by x and nothing special happens at 0 (DLMF 10.6.1 and 10.29.1).
"""

from __future__ import annotations

from typing import Any

import scipy.special

from reference_engine.arithmetic import Elementwise
from reference_engine.primitives.define import elementwise
from reference_engine.primitives.elementary import POSITIVE
from reference_engine.trace import Tensor, xp

_FIRST_ORDERS: dict[str, tuple[Any, Any]] = {
    "i": (scipy.special.i0, scipy.special.i1),
    "ie": (scipy.special.i0e, scipy.special.i1e),
    "k": (scipy.special.k0, scipy.special.k1),
    "ke": (scipy.special.k0e, scipy.special.k1e),
    "j": (scipy.special.j0, scipy.special.j1),
    "y": (scipy.special.y0, scipy.special.y1),
}
"""scipy's functions of orders 0 and 1, more accurate than its functions of any order."""


def _float64(letters: str) -> Any:
    first = _FIRST_ORDERS[letters]
    general = getattr(scipy.special, f"{letters[0]}v{letters[1:]}")
    return lambda x, n: first[n](x) if 0 <= n < len(first) else general(n, x)


def _mean(name: str, x: Tensor, n: int) -> Tensor:
    """Half the sum of the orders beside n; that of order 0 is order 1, since orders -1 and 1 are equal."""
    function = getattr(xp, name)
    return (function(x, n=n - 1) + function(x, n=n + 1)) / 2 if n else function(x, n=1)  # type: ignore[no-any-return]


def _slant(name: str, x: Tensor, n: int) -> Tensor:
    """Half the difference of the orders beside n; that of order 0 is minus order 1."""
    function = getattr(xp, name)
    return (function(x, n=n - 1) - function(x, n=n + 1)) / 2 if n else -function(x, n=1)  # type: ignore[no-any-return]


def _i_slope(x: Tensor, y: Tensor, n: int) -> Tensor:
    return _mean("bessel_i", x, n)


def _ie_slope(x: Tensor, y: Tensor, n: int) -> Tensor:
    """The scale exp(-|x|) has the kink of |x|."""
    return _mean("bessel_ie", x, n) - xp.select(x >= 0, y, -y)  # type: ignore[no-any-return]


def _k_slope(x: Tensor, y: Tensor, n: int) -> Tensor:
    return -_mean("bessel_k", x, n)


def _ke_slope(x: Tensor, y: Tensor, n: int) -> Tensor:
    return y - _mean("bessel_ke", x, n)


def _j_slope(x: Tensor, y: Tensor, n: int) -> Tensor:
    return _slant("bessel_j", x, n)


def _y_slope(x: Tensor, y: Tensor, n: int) -> Tensor:
    return _slant("bessel_y", x, n)


def _scaled_i_ball(x: Any, n: int) -> Any:
    """Arb scales by exp(-x); ours by exp(-|x|), which has the same parity as the function itself."""
    if x >= 0:
        return x.bessel_i(n, scaled=True)
    if x <= 0:
        return (-x).bessel_i(n, scaled=True) * (-1) ** n
    return x.bessel_i(n) * (-abs(x)).exp()


elementwise(
    "bessel_i", Elementwise(_float64("i"), lambda x, n: x.bessel_i(n)), [_i_slope],
    definition="the modified Bessel function of the first kind and of integer order n.",
    derivative="half the sum of those of orders n - 1 and n + 1; of order 0 it is that of order 1.",
    attrs={"n": 0}, family="special", internal=True,
)  # fmt: skip
elementwise(
    "bessel_ie", Elementwise(_float64("ie"), _scaled_i_ball), [_ie_slope],
    definition="exp(-|x|) times the modified Bessel function of the first kind and of integer order n.",
    derivative="half the sum of those of orders n - 1 and n + 1, less the sign of x times itself.",
    not_differentiable="of order 0 at 0: any slope in [-1, 1].", conventions="torch and JAX give 0.",
    kinks=(0.0,), attrs={"n": 0}, family="special", internal=True,
)  # fmt: skip
elementwise(
    "bessel_k", Elementwise(_float64("k"), lambda x, n: x.bessel_k(n)), [_k_slope],
    definition="the modified Bessel function of the second kind and of integer order n, for positive x.",
    derivative="minus half the sum of those of orders n - 1 and n + 1; of order 0 minus that of order 1.",
    not_differentiable="at 0 (pole).", domains=[POSITIVE], poles=(0.0,), attrs={"n": 0}, family="special",
    internal=True,
)  # fmt: skip
elementwise(
    "bessel_ke", Elementwise(_float64("ke"), lambda x, n: x.bessel_k(n, scaled=True)), [_ke_slope],
    definition="exp(x) times the modified Bessel function of the second kind and of integer order n.",
    derivative="itself less half the sum of those of orders n - 1 and n + 1.",
    not_differentiable="at 0 (pole).", domains=[POSITIVE], poles=(0.0,), attrs={"n": 0}, family="special",
    internal=True,
)  # fmt: skip
elementwise(
    "bessel_j", Elementwise(_float64("j"), lambda x, n: x.bessel_j(n)), [_j_slope],
    definition="the Bessel function of the first kind and of integer order n.",
    derivative="half the difference of those of orders n - 1 and n + 1; of order 0 minus that of order 1.",
    attrs={"n": 0}, family="special", internal=True,
)  # fmt: skip
elementwise(
    "bessel_y", Elementwise(_float64("y"), lambda x, n: x.bessel_y(n)), [_y_slope],
    definition="the Bessel function of the second kind and of integer order n, for positive x.",
    derivative="half the difference of those of orders n - 1 and n + 1; of order 0 minus that of order 1.",
    not_differentiable="at 0 (pole).", domains=[POSITIVE], poles=(0.0,), attrs={"n": 0}, family="special",
    internal=True,
)  # fmt: skip
