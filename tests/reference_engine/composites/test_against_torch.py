"""Torch as a witness: the definitions mean what torch's documentation says, in value and first derivative."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from reference_engine.arithmetic.float64 import Float64
from reference_engine.differentiate import vjp
from reference_engine.evaluate import evaluate, outputs
from tests.reference_engine.composites.samples import COMPOSITE_SAMPLES
from tests.reference_engine.sample import Array, Sample, program_of

torch = pytest.importorskip("torch")
F = torch.nn.functional

EDGES = {"inf": float("inf"), "-inf": -float("inf")}


def _norm(x: Any, ord: Any = 2, axis: Any = None, keepdims: bool = False) -> Any:
    if ord == "fro":
        return torch.linalg.matrix_norm(x, "fro", axis, keepdims)
    return torch.linalg.vector_norm(x, EDGES.get(ord, ord), axis, keepdims)


def _median(x: Any, axis: int | None = None, keepdims: bool = False, method: str = "lower") -> Any:
    if axis is None:
        return x.median()
    if method == "midpoint":
        return x.quantile(0.5, dim=axis, keepdim=keepdims)
    return x.median(axis, keepdims).values


def _group_norm(x: Any, num_groups: int, weight: Any, bias: Any) -> Any:
    return F.group_norm(x, num_groups, weight, bias)


def _rms_norm(x: Any, normalized_shape: tuple[int, ...], weight: Any = None, eps: float = 1e-5) -> Any:
    return F.rms_norm(x, normalized_shape, weight, eps)


def _batch_norm(x: Any, weight: Any = None, bias: Any = None) -> Any:
    return F.batch_norm(x, None, None, weight, bias, training=True)


def _hinge_loss(input: Any, target: Any, reduction: str = "mean") -> Any:
    losses = (1 - input * target).clamp_min(0)
    return losses.mean() if reduction == "mean" else losses.sum()


def _var(function: Callable[..., Any]) -> Callable[..., Any]:
    return lambda x, axis=None, correction=0, keepdims=False: function(
        x, axis, correction=correction, keepdim=keepdims
    )


def _cell(function: Callable[..., Any]) -> Callable[..., Any]:
    return lambda x, h, w_ih, w_hh, b_ih=None, b_hh=None: function(x, h, w_ih, w_hh, b_ih, b_hh)


def _lstm_cell(x: Any, h: Any, c: Any, w_ih: Any, w_hh: Any, b_ih: Any, b_hh: Any) -> Any:
    return torch.lstm_cell(x, (h, c), w_ih, w_hh, b_ih, b_hh)


def _renamed(function: Callable[..., Any], **names: str) -> Callable[..., Any]:
    return lambda **given: function(**{names.get(k, k): v for k, v in given.items()})


def _first(function: Callable[..., Any]) -> Callable[..., Any]:
    """Torch's name for ``x`` is ``input``, and for ``axis`` it is ``dim``."""
    return _renamed(function, x="input", axis="dim", keepdims="keepdim")


def _last(function: Callable[..., Any]) -> Callable[..., Any]:
    return lambda x, axis=-1: function(x, axis)


def _hardsigmoid(x: Any) -> Any:
    return F.relu6(x + 3) / 6


def _celu(x: Any, alpha: float = 1.0) -> Any:
    return torch.where(x > 0, x, alpha * torch.expm1(x / alpha))


WITH_X = (
    F.relu, F.relu6, F.hardtanh, F.hardswish, F.leaky_relu, F.prelu, F.elu, F.selu,
    F.softshrink, F.hardshrink, F.silu, F.mish, F.gelu, F.softsign, F.tanhshrink, F.glu, F.layer_norm,
    F.instance_norm, F.linear, F.conv1d, F.conv2d, F.conv3d, F.conv_transpose1d, F.conv_transpose2d,
    F.conv_transpose3d, F.max_pool1d, F.max_pool2d, F.avg_pool1d, F.avg_pool2d,
    F.adaptive_avg_pool1d, F.adaptive_avg_pool2d,
)  # fmt: skip
"""Functions of the same name and parameters, but for ``x`` and ``axis``."""

WITH_INPUT = (
    F.mse_loss, F.l1_loss, F.huber_loss, F.smooth_l1_loss, F.hinge_embedding_loss, F.soft_margin_loss,
    F.binary_cross_entropy, F.binary_cross_entropy_with_logits, F.kl_div, F.gaussian_nll_loss,
    F.scaled_dot_product_attention,
)  # fmt: skip
"""Functions of the same name and parameters."""

WITNESSES: dict[str, Callable[..., Any]] = {
    **{function.__name__: _first(function) for function in WITH_X},
    **{function.__name__: function for function in WITH_INPUT},
    "threshold": _first(F.threshold),
    # Torch 2.13 rounds the slope of both of these to float32 in its backward, so their formulas stand in.
    "hardsigmoid": _hardsigmoid,
    "celu": _celu,
    # Above 700 the difference of the two branches is below the smallest float64.
    "softplus": lambda x, beta=1.0, threshold=700.0: F.softplus(x, beta, threshold),
    "log_sigmoid": F.logsigmoid,
    "logit": lambda x, eps=None: torch.logit(x, eps),
    "softmax": _last(F.softmax),
    "softmin": _last(F.softmin),
    "log_softmax": _last(F.log_softmax),
    "logsumexp": lambda x, axis=(0, 1), keepdims=False: torch.logsumexp(x, axis, keepdims),
    "logcumsumexp": lambda x, axis: torch.logcumsumexp(x, axis),
    "cummax": lambda x, axis: torch.cummax(x, axis).values,
    "var": _var(torch.var),
    "std": _var(torch.std),
    "median": _median,
    "norm": _norm,
    "normalize": lambda x, p=2.0, axis=1, eps=1e-12: F.normalize(x, p, axis, eps),
    "cosine_similarity": _renamed(F.cosine_similarity, axis="dim"),
    "rms_norm": _rms_norm,
    "group_norm": _group_norm,
    "batch_norm": _batch_norm,
    "hinge_loss": _hinge_loss,
    "poisson_nll_loss": lambda input, target, log_input=True: F.poisson_nll_loss(
        input, target, log_input, eps=0.0
    ),
    "nll_loss": lambda ignore_index=-100, **given: F.nll_loss(ignore_index=ignore_index, **given),
    "cross_entropy": lambda ignore_index=-100, **given: F.cross_entropy(ignore_index=ignore_index, **given),
    "bilinear": lambda x1, x2, weight, bias=None: F.bilinear(x1, x2, weight, bias),
    "dropout": lambda x, mask, p=0.5: x * mask / (1 - p),
    "rnn_tanh_cell": _cell(torch.rnn_tanh_cell),
    "rnn_relu_cell": _cell(torch.rnn_relu_cell),
    "gru_cell": _cell(torch.gru_cell),
    "lstm_cell": _lstm_cell,
    "upsample_nearest": lambda x, scale_factor: F.interpolate(x, scale_factor=scale_factor, mode="nearest"),
}

NO_GRADIENT_IN_TORCH = {
    ("soft_margin_loss", "target"),
    *((loss, "weight") for loss in ("nll_loss", "cross_entropy", "binary_cross_entropy")),
    *(("binary_cross_entropy_with_logits", argument) for argument in ("weight", "pos_weight")),
}
"""Arguments for which torch refuses a gradient (cross_entropy only with class indices)."""

CALLS = [
    pytest.param(name, sample, id=f"{name}-{k}")
    for name, samples in COMPOSITE_SAMPLES.items()
    for k, sample in enumerate(samples)
]


def close(found: Array, expected: Array, tolerance: float) -> None:
    """Equal to a relative ``tolerance``, or to that of the largest element where cancellation left less."""
    assert found.shape == expected.shape
    size = np.max(np.abs(expected), initial=0.0, where=np.isfinite(expected))
    np.testing.assert_allclose(found, expected, rtol=tolerance, atol=tolerance * size)


@pytest.mark.filterwarnings("ignore:reduction. 'mean' divides", "ignore:Using padding='same' with even")
@pytest.mark.parametrize("name, sample", CALLS)
def test_value_and_gradient(name: str, sample: Sample) -> None:
    """The float64 value agrees with torch to 1e-12 and the VJP with torch's autograd to 1e-10."""
    wrt = tuple(n for n in sample.real_inputs if (name, n) not in NO_GRADIENT_IN_TORCH)
    tensors = {k: torch.tensor(v, requires_grad=k in wrt) for k, v in sample.inputs.items()}
    result = WITNESSES[name](**tensors, **sample.attrs)
    results = result if isinstance(result, tuple) else (result,)
    program = program_of(name, sample)
    generator = np.random.default_rng(7)
    cotangents = [generator.uniform(0.5, 1.5, size=t.shape) for t in program.output_types]
    expected = torch.autograd.grad(
        results,
        [tensors[n] for n in wrt],
        [torch.tensor(c) for c in cotangents],
        allow_unused=True,
        materialize_grads=True,
    )

    gradient = vjp(program, wrt)
    seeds = {f"ct.{n}": c for n, c in zip(program.output_names, cotangents, strict=True)}
    found = outputs(gradient, evaluate(gradient, sample.inputs | seeds, Float64()))

    for ours, theirs in zip(found[: len(results)], results, strict=True):
        close(ours, theirs.detach().numpy(), 1e-12)
    for ours, theirs in zip(found[len(results) :], expected, strict=True):
        close(ours, theirs.numpy(), 1e-10)
