"""A lifted torch function of complex numbers against torch itself: value and gradient in float64."""

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


def numbers(*shape: int, seed: int = 0, dtype: Any = torch.complex128) -> Any:
    """A tensor of ordinary numbers that requires a gradient."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, dtype=dtype, generator=generator).requires_grad_()


def real_numbers(*shape: int, seed: int = 0) -> Any:
    """The same of real ones."""
    return numbers(*shape, seed=seed, dtype=torch.float64)


def check(fn: Callable[..., Any], *inputs: Any) -> Lifted:
    """The lifted function's value is torch's, and so is its gradient for random complex cotangents."""
    lifted = lift_torch(fn, inputs)
    assert lifted.program is not None, lifted.unsupported
    forward = lifted.forward()
    for output in lifted.outputs:
        np.testing.assert_allclose(forward[output.name], output.value, rtol=1e-10, atol=1e-10)
    result = fn(*inputs)
    outputs = [o for o in (result if isinstance(result, tuple) else (result,)) if o.requires_grad]
    generator = torch.Generator().manual_seed(1)
    cotangents = [torch.randn(o.shape, dtype=o.dtype, generator=generator) for o in outputs]
    found = torch.autograd.grad(outputs, inputs, cotangents, allow_unused=True)
    theirs = [
        part
        for g, x in zip(found, inputs, strict=True)
        for part in _parts(torch.zeros_like(x) if g is None else g)
    ]
    given = [part for c in cotangents for part in _parts(c)]
    mine = _gradients(lifted, given)
    for slot, expected in zip(lifted.inputs, theirs, strict=True):
        np.testing.assert_allclose(mine[slot.name], expected, rtol=1e-8, atol=1e-9, err_msg=slot.name)
    return lifted


def _gradients(lifted: Lifted, cotangents: list[np.ndarray]) -> dict[str, np.ndarray]:
    assert lifted.program is not None
    program = vjp(lifted.program, lifted.differentiable_inputs)
    rest = iter(cotangents)
    given = dict(lifted.arrays)
    for output in lifted.outputs:
        given["ct." + output.name] = next(rest) if output.differentiable else np.zeros(output.value.shape)
    given = {name: given[name] for name in program.input_types}
    values = evaluate(program, as_inputs(program, given), Float64())
    found = dict(zip(program.output_names, (values[i] for i in program.outputs), strict=True))
    return {name: found["grad." + name] for name in lifted.differentiable_inputs}


def _parts(value: Any) -> list[np.ndarray]:
    whole = value.detach().resolve_conj()
    if not whole.is_complex():
        return [whole.numpy()]
    return [part.numpy() for part in torch.view_as_real(whole).unbind(-1)]
