"""A lifted torch function against torch itself: value and gradient in float64."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from oracle.lift.program import Lifted
from oracle.lift.torch_lift import lift_torch
from reference_engine.arithmetic.float64 import Float64
from reference_engine.differentiate import vjp
from reference_engine.evaluate import as_inputs, evaluate


def tensor(*shape: int, seed: int = 0, grad: bool = True) -> Any:
    """A float64 tensor of ordinary numbers."""
    values = np.random.default_rng(seed).standard_normal(shape)
    return torch.tensor(values, dtype=torch.float64, requires_grad=grad)


def gradients(lifted: Lifted) -> dict[str, np.ndarray]:
    """The Program's gradients for the cotangent 1, 2, 3... of its differentiable outputs, by input name."""
    assert lifted.program is not None, lifted.unsupported
    program = vjp(lifted.program, lifted.differentiable_inputs)
    given = dict(lifted.arrays)
    for output in lifted.outputs:
        given["ct." + output.name] = _cotangent(output.value.shape) * output.differentiable
    given = {name: given[name] for name in program.input_types}
    values = evaluate(program, as_inputs(program, given), Float64())
    found = dict(zip(program.output_names, (values[i] for i in program.outputs), strict=True))
    return {name: found["grad." + name] for name in lifted.differentiable_inputs}


def _cotangent(shape: tuple[int, ...]) -> np.ndarray:
    return np.arange(1.0, 1 + np.prod(shape, dtype=int)).reshape(shape)


def torch_gradients(fn: Callable[..., Any], inputs: tuple[Any, ...], wrt: list[Any]) -> list[np.ndarray]:
    """The same by torch.autograd."""
    result = fn(*inputs)
    outputs = [o for o in (result if isinstance(result, tuple) else (result,)) if o.requires_grad]
    cotangents = [torch.tensor(_cotangent(tuple(o.shape)), dtype=o.dtype) for o in outputs]
    found = torch.autograd.grad(outputs, wrt, cotangents, allow_unused=True)
    pairs = zip(found, wrt, strict=True)
    return [np.zeros(tuple(x.shape)) if g is None else g.double().numpy() for g, x in pairs]


def check_value(lifted: Lifted, tolerance: float = 1e-10) -> None:
    """The Program's float64 forward is what torch returned."""
    forward = lifted.forward()
    for output in lifted.outputs:
        np.testing.assert_allclose(forward[output.name], output.value, rtol=tolerance, atol=tolerance)


def check(fn: Callable[..., Any], *inputs: Any, seed: int = 0) -> Lifted:
    """Value and gradient of the lifted function are torch's; random numbers as in the recorded run."""
    torch.manual_seed(seed)
    lifted = lift_torch(fn, inputs)
    check_value(lifted)
    torch.manual_seed(seed)
    arguments = [x for x in inputs if torch.is_tensor(x) and x.requires_grad]
    wrt = [*arguments, *lifted.captured.values()]
    expected = torch_gradients(fn, inputs, wrt)
    for (name, mine), theirs in zip(gradients(lifted).items(), expected, strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-7, atol=1e-9, err_msg=name)
    return lifted
