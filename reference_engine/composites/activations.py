"""Smooth activation functions, in forms that neither overflow nor have kinks that the function has not."""

from __future__ import annotations

from fractions import Fraction

from reference_engine.operations import composite
from reference_engine.program import ProgramError
from reference_engine.trace import Tensor, constant, xp

HALF = Fraction(1, 2)


@composite("activation", call={"x": "...", "beta": (1.0, 2.0), "threshold": (None, 20.0)})
def softplus(x: Tensor, beta: float = 1.0, threshold: float | None = None) -> Tensor:
    """Definition: log(1 + exp(beta x)) / beta; with a threshold, x itself where beta x is above it.

    Derivative: sigmoid(beta x), and 1 above the threshold.
    Where it is not differentiable: nowhere; with a threshold it jumps there by log1p(exp(-threshold)) / beta.
    Conventions: torch has threshold 20 (a jump of 2e-9), JAX has none.
    """
    scaled = x if beta == 1 else x * beta
    # The value does not depend on the shift m; it keeps exp from overflowing and, unlike |x|, has no kink.
    m = xp.stop_gradient(xp.maximum(scaled, 0))
    smooth = m + xp.log1p(xp.exp(scaled - m) + xp.expm1(-m))
    whole = smooth if beta == 1 else smooth / beta
    return whole if threshold is None else xp.where(scaled > threshold, x, whole)  # type: ignore[no-any-return]


@composite("activation")
def log_sigmoid(x: Tensor) -> Tensor:
    """Definition: log(sigmoid(x)) = -softplus(-x); torch's logsigmoid.

    Derivative: sigmoid(-x).
    Where it is not differentiable: nowhere.
    Conventions: none needed.
    """
    return -xp.softplus(-x)  # type: ignore[no-any-return]


@composite("activation")
def silu(x: Tensor) -> Tensor:
    """Definition: x sigmoid(x), also called swish.

    Derivative: s + x s (1 - s) with s = sigmoid(x).
    Where it is not differentiable: nowhere.
    Conventions: none needed.
    """
    return x * xp.sigmoid(x)  # type: ignore[no-any-return]


@composite("activation")
def mish(x: Tensor) -> Tensor:
    """Definition: x tanh(softplus(x)) (Misra 2019).

    Derivative: t + x (1 - t^2) sigmoid(x) with t = tanh(softplus(x)).
    Where it is not differentiable: nowhere.
    Conventions: none needed.
    """
    return x * xp.tanh(xp.softplus(x))  # type: ignore[no-any-return]


@composite("activation", call={"x": "...", "approximate": ("none", "tanh")})
def gelu(x: Tensor, approximate: str = "none") -> Tensor:
    """Definition: x Phi(x) with the normal distribution function Phi; for approximate="tanh" x (1 +
    tanh(sqrt(2/pi) (x + 0.044715 x^3))) / 2 (Hendrycks and Gimpel 2016).

    Derivative: Phi(x) + x phi(x) with the normal density phi; the chain rule's for tanh.
    Where it is not differentiable: nowhere.
    Conventions: torch's default is "none", JAX's is "tanh". Phi is (1 + erf(x / sqrt(2))) / 2 here and in
    torch; JAX's erfc(-x / sqrt(2)) / 2 keeps more digits for negative x.
    """
    match approximate:
        case "none":
            # The textbook form: its cancellation for negative x is rounding that every kernel may have. With
            # erfc, which keeps those digits, one torch element in ten was called wrong between -9 and -2.
            return x * (1 + xp.erf(x * xp.sqrt(constant(HALF)))) * constant(HALF)  # type: ignore[no-any-return]
        case "tanh":
            pi = xp.atan(constant(1, "real")) * 4
            inner = xp.sqrt(2 / pi) * (x + x * x * x * constant("0.044715"))
            return x * (1 + xp.tanh(inner)) * constant(HALF)  # type: ignore[no-any-return]
        case _:
            msg = f"gelu: approximate must be 'none' or 'tanh', found {approximate!r}"
            raise ProgramError(msg)


@composite("activation")
def softsign(x: Tensor) -> Tensor:
    """Definition: x / (1 + |x|).

    Derivative: 1 / (1 + |x|)^2.
    Where it is not differentiable: nowhere; the second derivative jumps at 0.
    Conventions: none needed at first order.
    """
    return x / (1 + abs(x))


@composite("activation")
def tanhshrink(x: Tensor) -> Tensor:
    """Definition: x - tanh(x).

    Derivative: tanh(x)^2.
    Where it is not differentiable: nowhere.
    Conventions: none needed.
    """
    return x - xp.tanh(x)  # type: ignore[no-any-return]


@composite("activation", call={"x": "* probability"})
def logit(x: Tensor, eps: float | None = None) -> Tensor:
    """Definition: log(x / (1 - x)); with eps, x is first limited to [eps, 1 - eps].

    Derivative: 1 / (x (1 - x)); 0 where x was limited.
    Where it is not differentiable: at 0 and 1 (poles); at eps and 1 - eps: any slope up to the smooth one.
    Conventions: torch has eps, and gives the smooth slope at both limits; JAX has no eps.
    """
    if eps is not None:
        high = 1 - constant(eps, "real")
        x = xp.where(x < eps, eps, xp.where(x > high, high, x))
    return xp.log(x / (1 - x))  # type: ignore[no-any-return]


@composite(
    "activation",
    call=(
        {"x": "... 2", "axis": (-1,)},
        {"x": "2 ...", "axis": (0,)},
    ),
)
def glu(x: Tensor, axis: int = -1) -> Tensor:
    """Definition: a sigmoid(b) for the two halves a and b of x along an axis (Dauphin et al. 2017).

    Derivative: sigmoid(b) for a, and a sigmoid(b) (1 - sigmoid(b)) for b.
    Where it is not differentiable: nowhere.
    Conventions: none needed.
    """
    a, b = xp.split(x, 2, axis=axis)
    return a * xp.sigmoid(b)  # type: ignore[no-any-return]
