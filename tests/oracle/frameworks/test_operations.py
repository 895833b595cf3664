"""Every operation that a person can write, in torch and in JAX, against the reference engine."""

from __future__ import annotations

from dataclasses import replace

import pytest

from oracle.execution.gauge import in_gauge_of
from oracle.frameworks.jax_framework import JaxFramework
from oracle.frameworks.protocol import Framework
from oracle.frameworks.torch_framework import TorchFramework
from reference_engine.operations import public_operations
from tests.oracle.frameworks.setting import close, point_of, reference
from tests.reference_engine.sample import program_of
from tests.reference_engine.samples import SAMPLES

_BESSEL = ("j0", "j1", "y0", "y1", "k0", "k1", "k0e", "k1e")
UNSUPPORTED: dict[str, dict[str, str]] = {
    "torch": {
        "cbrt": "torch has no cube root; a power of 1/3 is another function, with another error",
        "betainc": "torch has no such function",
        **dict.fromkeys(_BESSEL, "torch has it without a derivative"),
    },
    "jax": {**dict.fromkeys(_BESSEL, "JAX has no such function")},
}
"""Operations that an adapter leaves out, and why."""

CONSTANTS: dict[str, set[str]] = {
    "torch": {"nll_loss", "cross_entropy", "binary_cross_entropy", "binary_cross_entropy_with_logits",
              "soft_margin_loss", "floor_divide"},
    "jax": {"max_pool1d"},
}  # fmt: skip
"""Operations with an operand (a weight, a target) or in a form that the framework gives no reverse derivative
for: values are compared, derivatives with respect to the first operand only."""

WITHOUT: dict[str, dict[str, set[str]]] = {
    "torch": {"gammainc": {"a"}, "gammaincc": {"a"}, "zeta": {"s"}},
    "jax": {"betainc": {"a", "b"}, "zeta": {"s", "q"}},
}
"""Operands for which a framework refuses a derivative."""

ROUGH = {"hardsigmoid": 1e-7, "celu": 1e-7, "astype": 1e-6}
"""Torch's kernels hold 1/6 and 1/alpha in float32, whatever the dtype; a cast in the program rounds."""

PUBLIC = {operation.name for operation in public_operations()}
PAIRS = [(name, k) for name, samples in SAMPLES.items() if name in PUBLIC for k in range(len(samples))]


@pytest.mark.parametrize("framework", [TorchFramework(), JaxFramework()], ids=lambda f: f.name)
def test_which_are_unsupported(framework: Framework) -> None:
    """The list of what an adapter lacks is complete, and nothing in an adapter is unknown to the table."""
    assert PUBLIC - framework.operations() == set(UNSUPPORTED[framework.name])
    assert framework.operations() <= PUBLIC


def check(framework: Framework, route: str, name: str, number: int) -> None:
    """Value and gradient of one sample call."""
    sample = SAMPLES[name][number]
    program = program_of(name, sample)
    point = point_of(program, sample.inputs)
    ours = in_gauge_of(program, framework, point)
    tolerance = ROUGH.get(name, 1e-9)
    values = framework.value(program, point)
    expected = reference(ours, point, "value")
    for output, value in zip(program.output_names, values, strict=True):
        assert close(value, expected[output], tolerance)
    wrt = point.wrt[:1] if name in CONSTANTS[framework.name] else point.wrt
    wrt = tuple(n for n in wrt if n not in WITHOUT[framework.name].get(name, ()))
    if not wrt or name == "floor_divide" or (framework.name, name, number) == ("jax", "max_pool1d", 1):
        return
    derivatives = framework.derivative(route, program, replace(point, wrt=wrt)).derivatives
    gradients = reference(ours, replace(point, wrt=wrt), "vjp")
    for key in wrt:
        assert close(derivatives[key], gradients["grad." + key], tolerance)


@pytest.mark.parametrize("name, number", [p for p in PAIRS if p[0] not in UNSUPPORTED["torch"]])
def test_torch(name: str, number: int) -> None:
    """Torch's value and gradient are the reference's."""
    check(TorchFramework(), "torch.autograd", name, number)


@pytest.mark.slow
@pytest.mark.parametrize("name, number", [p for p in PAIRS if p[0] not in UNSUPPORTED["jax"]])
def test_jax(name: str, number: int) -> None:
    """JAX's value and gradient are the reference's."""
    check(JaxFramework(), "jax.jit", name, number)
