"""A check leaves the caller's process as it found it."""

from __future__ import annotations

import random
import warnings
from typing import Any

import numpy as np
import torch

import oracle
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
    ]


def noisy(x: Any) -> Any:
    """A function that draws from every generator and changes the default dtype."""
    torch.set_default_dtype(torch.float64 if random.random() < 2 else torch.float32)
    return torch.dropout(x, 0.5, train=True) * np.random.rand()  # noqa: NPY002


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
