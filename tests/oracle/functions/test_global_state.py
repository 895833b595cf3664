"""A check leaves the caller's process as it found it."""

from __future__ import annotations

import os
import random
import signal
import sys
import warnings
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import flint
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch

import oracle
from oracle.execution import stage
from oracle.frameworks.jax_arrays import sixty_four_bits
from oracle.judge.verdict import Verdict
from tests.oracle.functions import torch_rules as rules


def state() -> list[object]:
    """Every global setting that a check could have changed."""
    return [
        torch.get_default_dtype(),
        torch.get_rng_state().tolist(),
        torch.is_grad_enabled(),
        torch.is_inference_mode_enabled(),
        torch.get_num_threads(),
        torch.are_deterministic_algorithms_enabled(),
        torch.backends.mkldnn.enabled,
        torch._C._get_mkldnn_enabled(),
        random.getstate(),
        np.random.get_state()[1].tolist(),  # type: ignore[index,union-attr]  # noqa: NPY002
        np.geterr(),
        list(warnings.filters),
        "apply" in vars(torch.autograd.function._SingleLevelFunction),
        torch._C._len_torch_dispatch_stack(),
        torch._C._functorch.peek_interpreter_stack(),
        torch.is_autocast_enabled("cpu"),
        torch.get_float32_matmul_precision(),
        jax.config.jax_enable_x64,
        jnp.ones(1).dtype,
        dict(jax.config.values),
        flint.ctx.prec,
        signal.getsignal(signal.SIGALRM),
        signal.getitimer(signal.ITIMER_REAL),
        list(stage._listeners),
        os.getcwd(),  # noqa: PTH109
        dict(os.environ),
        list(sys.path),
        list(sys.meta_path),
    ]


def noisy(x: Any) -> Any:
    """A function that draws from every generator and changes the default dtype."""
    torch.set_default_dtype(torch.float64 if random.random() < 2 else torch.float32)
    return torch.dropout(x, 0.5, train=True) * np.random.rand()  # noqa: NPY002


@pytest.fixture(scope="module", autouse=True)
def _imported() -> None:
    """What a check needs is imported: an import, scipy's for one, may add a warning filter of its own."""
    oracle.check(torch.relu, torch.zeros(2), order=2)
    oracle.check(jax.nn.relu, jnp.zeros(2), order=2)


def test_settings_and_generators() -> None:
    """Default dtype, generators, grad mode, threads and warning filters are as before, wrong or right."""
    before = state()
    assert oracle.check(noisy, rules.point(6), order=2).judged
    with torch.no_grad():
        oracle.check(rules.rule(torch.sin, lambda c, x: c), rules.point(3))
        assert not torch.is_grad_enabled()
    assert state() == before


def test_tensors() -> None:
    """Inputs, parameters, buffers, ``.grad`` and ``requires_grad`` are as before."""
    torch.manual_seed(0)
    model = torch.nn.Sequential(
        torch.nn.Linear(3, 2), torch.nn.BatchNorm1d(2), torch.nn.Dropout(0.5)
    ).double()
    model[0].bias.grad = torch.ones(2, dtype=torch.float64)
    x, y = rules.point(5, 3).requires_grad_(), rules.point(5, 3)
    kept = [t.detach().clone() for t in (x, y, *model.parameters(), *model.buffers())]
    versions = [t._version for t in (x, y)]
    for function in (model, lambda x: model(x).square(), lambda x: model(x * y)):
        assert not oracle.check(function, x).failures
    now = (x, y, *model.parameters(), *model.buffers())
    assert all(torch.equal(was, is_) for was, is_ in zip(kept, now, strict=True))
    assert [p.grad is None for p in model.parameters()] == [True, False, True, True]
    assert torch.equal(model[0].bias.grad, torch.ones(2, dtype=torch.float64))
    assert (x.grad, y.grad, x.requires_grad, y.requires_grad) == (None, None, True, False)
    assert versions == [t._version for t in (x, y)]
    assert model.training


def raising(x: Any) -> Any:
    """Changes what it can and raises."""
    noisy(x)
    msg = "in the middle"
    raise RuntimeError(msg)


def raising_backward(cotangent: Any, x: Any) -> Any:
    """The same in a backward pass."""
    return raising(cotangent)


ENDINGS: dict[str, Callable[[], object]] = {
    "an exception in forward": lambda: oracle.check(raising, rules.point(3)),
    "an exception in backward": lambda: oracle.check(rules.rule(torch.sin, raising_backward), rules.point(3)),
    "no tensor": lambda: oracle.check(lambda x: noisy(x).sum().item(), rules.point(3)),
    "a spec that does not fit": lambda: oracle.check(noisy, rules.point(3), spec="y = exp(z)"),
    "a child": lambda: oracle.check(noisy, rules.point(3), isolate=True),
    "second order": lambda: oracle.check(noisy, rules.point(3), order=2),
    "JAX": lambda: oracle.check(lambda x: jnp.sin(x) * np.random.rand(), jnp.ones(3), order=2),  # noqa: NPY002
    "JAX that raises": lambda: oracle.check(lambda x: jnp.dot(x, jnp.ones(2)), jnp.ones(3)),
}


@pytest.mark.parametrize("ending", ENDINGS)
def test_endings(ending: str) -> None:
    """However a check ends, the process is as before."""
    before = state()
    refused = ending in {"no tensor", "a spec that does not fit"}
    with pytest.raises((TypeError, ValueError)) if refused else nullcontext():
        ENDINGS[ending]()
    assert state() == before


def test_sixty_four_bits_of_the_caller() -> None:
    """The mode of the caller is as before, on or off, for inputs of either width."""
    with sixty_four_bits():
        x = jnp.ones(3)
        before = state()
        assert oracle.check(jnp.sin, x).ok
        assert state() == before
    before = state()
    assert x.dtype == jnp.float64
    assert oracle.check(jnp.sin, x).ok
    assert state() == before


MOMENTS = 40
"""How many times a check is broken off, at moments spread over its length."""


def test_time_is_over_at_any_moment() -> None:
    """Wherever the time is over, all that was changed is put back."""
    model = torch.nn.Sequential(
        torch.nn.Linear(3, 2), torch.nn.BatchNorm1d(2), torch.nn.Dropout(0.5)
    ).double()
    x = rules.point(5, 3)

    def function(x: Any) -> Any:
        torch.set_default_dtype(torch.float64)
        return torch.tanh(model(x)) * random.random() + torch.rand(1, dtype=torch.float64)

    whole = [oracle.check(function, x, order=2) for _ in range(3)]
    assert all(w.ok for w in whole), whole
    length = min(w.seconds + w.further_seconds for w in whole)  # the first also does what is done once only
    buffers = [b.clone() for b in model.buffers()]
    before = state()
    ended = []
    for moment in range(1, MOMENTS + 1):
        result = oracle.check(function, x, order=2, timeout=length * moment / MOMENTS)
        ended.append(result.verdict is Verdict.TIMEOUT)
        assert state() == before, result
        assert all(torch.equal(a, b) for a, b in zip(buffers, model.buffers(), strict=True))
        assert all(p.grad is None for p in model.parameters())
    assert sum(ended) > MOMENTS / 2
    assert oracle.check(function, x, order=2).ok


def test_time_is_over_at_any_moment_in_jax() -> None:
    """The same for JAX, in a mode that is not the caller's."""
    with sixty_four_bits():
        x = jnp.array([0.3, -0.7])

    def function(x: Any) -> Any:
        return jnp.tanh(x) * np.random.rand()  # noqa: NPY002

    whole = oracle.check(function, x)
    assert whole.ok, whole
    length = whole.seconds + whole.further_seconds
    before = state()
    for moment in range(1, 13):
        result = oracle.check(function, x, timeout=length * moment / 12)
        assert state() == before, result
    assert oracle.check(function, x).ok
