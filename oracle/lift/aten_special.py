"""ATen's special functions in terms of those that have a proved value."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from oracle.lift.aten import Call, NoLoweringError, lowers, real
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


@lowers("special_zeta")
def _zeta(call: Call) -> Any:
    """Hurwitz zeta for integers s above 1: psi^(s - 1)(q) (-1)^s / (s - 1)!."""
    order = call.raw["self"]
    if not isinstance(order, (int, float)) or order != int(order) or order < 2:
        raise NoLoweringError("for an order that is no integer number")  # noqa: EM101
    n = int(order)
    return xp.polygamma(n - 1, call["other"]) * (-1) ** n / math.factorial(n - 1)
