"""Bessel functions of orders 0 and 1 by the names that they have in frameworks."""

from __future__ import annotations

from reference_engine.operations import composite
from reference_engine.trace import Tensor, xp


@composite("special", call={"x": "* moderate"})
def i0(x: Tensor) -> Tensor:
    """Definition: the modified Bessel function of the first kind of order 0.

    Derivative: i1(x).
    Where it is not differentiable: nowhere.
    Conventions: none needed.
    """
    return xp.bessel_i(x, n=0)  # type: ignore[no-any-return]


@composite("special", call={"x": "* moderate"})
def i1(x: Tensor) -> Tensor:
    """Definition: the modified Bessel function of the first kind of order 1.

    Derivative: i0(x) - i1(x)/x, as half the sum of those of orders 0 and 2.
    Where it is not differentiable: nowhere.
    Conventions: none needed.
    """
    return xp.bessel_i(x, n=1)  # type: ignore[no-any-return]


@composite("special", kinks=(0.0,))
def i0e(x: Tensor) -> Tensor:
    """Definition: exp(-|x|) i0(x).

    Derivative: i1e(x) - sign(x) i0e(x).
    Where it is not differentiable: at 0: any slope in [-1, 1].
    Conventions: torch and JAX give 0.
    """
    return xp.bessel_ie(x, n=0)  # type: ignore[no-any-return]


@composite("special")
def i1e(x: Tensor) -> Tensor:
    """Definition: exp(-|x|) i1(x).

    Derivative: i0e(x) - i1e(x) (sign(x) + 1/x).
    Where it is not differentiable: nowhere; its derivative has a kink at 0.
    Conventions: none needed.
    """
    return xp.bessel_ie(x, n=1)  # type: ignore[no-any-return]


@composite("special", call={"x": "* positive"})
def k0(x: Tensor) -> Tensor:
    """Definition: the modified Bessel function of the second kind of order 0, for positive x.

    Derivative: -k1(x).
    Where it is not differentiable: at 0 (pole).
    Conventions: none needed.
    """
    return xp.bessel_k(x, n=0)  # type: ignore[no-any-return]


@composite("special", call={"x": "* positive"})
def k1(x: Tensor) -> Tensor:
    """Definition: the modified Bessel function of the second kind of order 1, for positive x.

    Derivative: -k0(x) - k1(x)/x, as minus half the sum of those of orders 0 and 2.
    Where it is not differentiable: at 0 (pole).
    Conventions: none needed.
    """
    return xp.bessel_k(x, n=1)  # type: ignore[no-any-return]


@composite("special", call={"x": "* positive"})
def k0e(x: Tensor) -> Tensor:
    """Definition: exp(x) k0(x).

    Derivative: k0e(x) - k1e(x).
    Where it is not differentiable: at 0 (pole).
    Conventions: none needed.
    """
    return xp.bessel_ke(x, n=0)  # type: ignore[no-any-return]


@composite("special", call={"x": "* positive"})
def k1e(x: Tensor) -> Tensor:
    """Definition: exp(x) k1(x).

    Derivative: k1e(x) (1 - 1/x) - k0e(x).
    Where it is not differentiable: at 0 (pole).
    Conventions: none needed.
    """
    return xp.bessel_ke(x, n=1)  # type: ignore[no-any-return]


@composite("special")
def j0(x: Tensor) -> Tensor:
    """Definition: the Bessel function of the first kind of order 0.

    Derivative: -j1(x).
    Where it is not differentiable: nowhere.
    Conventions: none needed.
    """
    return xp.bessel_j(x, n=0)  # type: ignore[no-any-return]


@composite("special")
def j1(x: Tensor) -> Tensor:
    """Definition: the Bessel function of the first kind of order 1.

    Derivative: j0(x) - j1(x)/x, as half the difference of those of orders 0 and 2.
    Where it is not differentiable: nowhere.
    Conventions: none needed.
    """
    return xp.bessel_j(x, n=1)  # type: ignore[no-any-return]


@composite("special", call={"x": "* positive"})
def y0(x: Tensor) -> Tensor:
    """Definition: the Bessel function of the second kind of order 0, for positive x.

    Derivative: -y1(x).
    Where it is not differentiable: at 0 (pole).
    Conventions: none needed.
    """
    return xp.bessel_y(x, n=0)  # type: ignore[no-any-return]


@composite("special", call={"x": "* positive"})
def y1(x: Tensor) -> Tensor:
    """Definition: the Bessel function of the second kind of order 1, for positive x.

    Derivative: y0(x) - y1(x)/x, as half the difference of those of orders 0 and 2.
    Where it is not differentiable: at 0 (pole).
    Conventions: none needed.
    """
    return xp.bessel_y(x, n=1)  # type: ignore[no-any-return]
