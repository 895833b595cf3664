"""JAX's Bessel, incomplete gamma and beta, and zeta functions, and samples of the gamma distribution."""

from __future__ import annotations

from collections.abc import Mapping

from oracle.lift.jax_call import Call, Lowering
from oracle.lift.jax_values import numbers
from reference_engine.trace import Tensor, constant, xp

_NAMES = {
    "bessel_i0e": "i0e", "bessel_i1e": "i1e", "igamma": "gammainc", "igammac": "gammaincc",
    "regularized_incomplete_beta": "betainc", "zeta": "zeta",
}  # fmt: skip


def _named(name: str) -> Lowering:
    return lambda call: getattr(xp, name)(*call.tensors)


def _derivative_in_a(call: Call) -> Tensor:
    return xp.gammainc_derivative(*call.tensors, n=1)  # type: ignore[no-any-return]


def _sample(call: Call) -> Tensor:
    """What was drawn, as a function of the parameter; in log space the logarithm of what was drawn."""
    a = call.inputs[-1].tensor
    drawn = constant(numbers(call.run([v.concrete for v in call.inputs])[0]))
    if not call.params["log_space"]:
        return xp.gamma_sample(a, xp.stop_gradient(a), drawn)  # type: ignore[no-any-return]
    return xp.log(xp.gamma_sample(a, xp.stop_gradient(a), xp.exp(drawn)))  # type: ignore[no-any-return]


SPECIAL: Mapping[str, Lowering] = {
    **{name: _named(ours) for name, ours in _NAMES.items()},
    "igamma_grad_a": _derivative_in_a,
    "random_gamma": _sample,
}
