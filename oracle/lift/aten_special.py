"""ATen's special functions in terms of those that have a proved value."""

from __future__ import annotations

from typing import Any

import numpy as np

from oracle.lift.aten import Call, lowers, real
from oracle.lift.torch_memory import exact
from reference_engine.trace import Tensor, constant, xp


def _root(value: int) -> Tensor:
    return xp.sqrt(constant(value, "real"))  # type: ignore[no-any-return]


def _pi() -> Tensor:
    return xp.pi()  # type: ignore[no-any-return]


@lowers("polygamma")
def _polygamma(call: Call) -> Any:
    return xp.polygamma(call["n"], call["self"]) if call["n"] else xp.digamma(call["self"])


@lowers("mvlgamma")
def _mvlgamma(call: Call) -> Any:
    x, p = call["self"], call["p"]
    total = xp.log(_pi()) * p * (p - 1) / 4
    for j in range(p):
        total = total + xp.lgamma(x - constant(j / 2, "real"))
    return total


@lowers("xlogy")
def _xlogy(call: Call) -> Any:
    """The product x log(y), 0 at x = 0 unless y is NaN."""
    x, y = call["self"], call["other"]
    return xp.where(_tensor(x) == 0, 0, x * xp.log(real(y)))


@lowers("special_xlog1py")
def _xlog1py(call: Call) -> Any:
    x, y = call["self"], call["other"]
    return xp.where(_tensor(x) == 0, 0, x * xp.log1p(real(y)))


def _tensor(x: Any) -> Tensor:
    return x if isinstance(x, Tensor) else constant(x)


@lowers("special_entr")
def _entr(call: Call) -> Any:
    x = call["self"]
    inside = -x * xp.log(x)
    return xp.where(x > 0, inside, xp.where(x == 0, 0, constant(float("-inf"))))


@lowers("sinc")
def _sinc(call: Call) -> Any:
    """sin(pi x) / (pi x), 1 at 0."""
    x = _pi() * call["self"]
    return xp.where(x == 0, 1, xp.sin(x) / x)


@lowers("logaddexp2")
def _logaddexp2(call: Call) -> Any:
    two = xp.log(constant(2, "real"))
    return xp.logaddexp(call["self"] * two, call["other"] * two) / two


@lowers("frexp")
def _frexp(call: Call) -> Any:
    return [call["self"] * constant(np.ldexp(1.0, -exact(call.results[1]))), None]


@lowers("special_ndtr")
def _ndtr(call: Call) -> Any:
    return xp.erfc(-call["self"] / _root(2)) / 2


@lowers("special_ndtri")
def _ndtri(call: Call) -> Any:
    return _root(2) * xp.erfinv(2 * call["self"] - 1)


@lowers("special_log_ndtr")
def _log_ndtr(call: Call) -> Any:
    return xp.log(xp.erfc(-call["self"] / _root(2)) / 2)


@lowers("special_erfcx")
def _erfcx(call: Call) -> Any:
    x = call["self"]
    return xp.exp(x * x) * xp.erfc(x)


def _named(aten: str, ours: str) -> None:
    @lowers(aten)
    def lower(call: Call) -> Any:
        return getattr(xp, ours)(call["self"] if "self" in call.raw else call["x"])


for _aten, _ours in {
    "i0": "i0", "special_i0e": "i0e", "special_i1": "i1", "special_i1e": "i1e",
    "special_modified_bessel_i0": "i0", "special_modified_bessel_i1": "i1",
    "special_modified_bessel_k0": "k0", "special_modified_bessel_k1": "k1",
    "special_scaled_modified_bessel_k0": "k0e", "special_scaled_modified_bessel_k1": "k1e",
    "special_bessel_j0": "j0", "special_bessel_j1": "j1",
    "special_bessel_y0": "y0", "special_bessel_y1": "y1",
}.items():  # fmt: skip
    _named(_aten, _ours)


@lowers("special_spherical_bessel_j0")
def _spherical(call: Call) -> Any:
    """sin(x)/x, 1 at 0."""
    x = call["x"]
    return xp.where(x == 0, 1, xp.sin(x) / x)


@lowers("igamma")
def _igamma(call: Call) -> Any:
    return xp.gammainc(call["self"], call["other"])


@lowers("igammac")
def _igammac(call: Call) -> Any:
    return xp.gammaincc(call["self"], call["other"])


@lowers("special_zeta")
def _zeta(call: Call) -> Any:
    return xp.zeta(call["self"], call["other"])


@lowers("_standard_gamma")
def _standard_gamma(call: Call) -> Any:
    """What was drawn, as a function of the parameter."""
    a = call["self"]
    return xp.gamma_sample(a, xp.stop_gradient(a), constant(exact(call.result)))


@lowers("nextafter")
def _nextafter(call: Call) -> Any:
    """One step of fixed length from the first operand towards the second; where they meet it jumps."""
    x, towards = call["self"], call["other"]
    step = np.abs(exact(call.result) - exact(call.raw["self"]))
    return x + constant(step) * xp.sign(towards - x)
