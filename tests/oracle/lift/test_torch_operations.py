"""Lowerings of ATen operations by family: value and gradient are torch's."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest
import torch

from tests.oracle.lift.torch_comparison import check, tensor

F = torch.nn.functional
INDEX = torch.tensor([[0, 2, 1], [1, 1, 0]])
MASK = torch.tensor([[True, False, True, True], [False, False, True, False], [True, True, True, False]])

POINTWISE: dict[str, Callable[[Any], Any]] = {
    "add alpha": lambda x: torch.add(x, x * x, alpha=0.5),
    "rsub": lambda x: torch.rsub(x, 3.0, alpha=2),
    "div floor": lambda x: x * torch.div(x, 0.3, rounding_mode="floor"),
    "pow": lambda x: (x.abs() + 1) ** x + x**3 + 2.0**x,
    "remainder": lambda x: torch.remainder(x, 0.7) + torch.fmod(x, 0.7),
    "addcmul": lambda x: torch.addcdiv(torch.addcmul(x, x, x, value=2), x, x.exp(), value=0.5),
    "lerp": lambda x: torch.lerp(x, x.sin(), 0.3) + torch.lerp(x, x.cos(), x),
    "comparison times value": lambda x: x * (x > 0) + torch.where((x > 0) & (x < 1), x.exp(), x),
    "masked_fill": lambda x: x.masked_fill(MASK, 2.5).masked_fill(x > 1, -1.0),
    "clamp": lambda x: x.clamp(-0.5, 0.5) + x.clamp_min(0.1) + x.clamp(max=x.sin()),
    "activations": lambda x: F.elu(x, 0.7) + F.selu(x) + F.celu(x, 2.0) + F.leaky_relu(x) + F.hardswish(x),
    "more activations": lambda x: (
        F.gelu(x, approximate="tanh") + F.softplus(x, 2.0) + F.mish(x) + F.glu(x).repeat(1, 2)
    ),
    "logs": lambda x: torch.logaddexp(x, x.sin()) + F.logsigmoid(x) + torch.xlogy(x, x.exp() + 1),
    "special": lambda x: torch.special.ndtr(x) + torch.sinc(x) + torch.special.log_ndtr(x) + torch.erf(x),
    "gamma": lambda x: (
        torch.lgamma(x.abs() + 2) + torch.polygamma(2, x.abs() + 2) + torch.mvlgamma(x.abs() + 2, 2)
    ),
    "prelu": lambda x: F.prelu(x, x[0, :3].mean()),
    "nan_to_num": lambda x: torch.nan_to_num(x / (x > 0), posinf=7.0) * x,
    "copysign": lambda x: torch.copysign(x, torch.tensor([1.0, -1, 1, -1], dtype=x.dtype)),
}

SHAPING: dict[str, Callable[[Any], Any]] = {
    "views": lambda x: x.t().reshape(2, 6).unsqueeze(1).expand(2, 2, 6).permute(2, 0, 1),
    "slices": lambda x: x[1:, ::2] * x[:2, 1:3] + x[..., -1:][:2],
    "joined": lambda x: torch.cat([x, torch.stack([x[0], x[2]])], 0) * torch.vstack([x, x[:2]]),
    "parts": lambda x: sum(p.prod(0) for p in x.split([1, 2])) + x.unbind(0)[1] + x.chunk(3)[2][0],
    "indexed": lambda x: x[INDEX] + x[:, INDEX].permute(1, 2, 0)[..., :1] + x[x > 0].sum(),
    "gather": lambda x: x.gather(0, INDEX) + x.index_select(1, INDEX[0])[:2] + torch.take(x, INDEX),
    "scatter": lambda x: x.scatter(0, INDEX, x[:2, :3] * 2).scatter_add(1, INDEX, x[1:, 1:]),
    "scatter value": lambda x: x.scatter(1, INDEX, 1.5) + x.scatter_reduce(0, INDEX, x[:2, :3].exp(), "prod"),
    "scatter_reduce": lambda x: x.scatter_reduce(0, INDEX, x[:2, :3].exp(), "amax", include_self=False),
    "index_put": lambda x: x.index_put((INDEX[0], INDEX[1]), x[0, :3] * 3, accumulate=True),
    "index_put once": lambda x: x.index_put((INDEX[0],), x[0] * 3),
    "index_add": lambda x: x.index_add(1, INDEX[0], x[:, :3].sin(), alpha=2),
    "index_fill": lambda x: x.index_fill(0, INDEX[0, :2], 0.5) + x.index_copy(0, INDEX[0], x.sin()),
    "triangles": lambda x: x.tril() + x.triu(1) * 2 + torch.diag_embed(x.diagonal()).sum(),
    "padding": lambda x: F.pad(x, (1, 2, 0, 1), value=3.0) * F.pad(x, (1, 2, 1, 0)),
    "reflection": lambda x: F.pad(x[None], (2, 1), mode="reflect") * F.pad(x[None], (1, 2), mode="replicate"),
    "moved": lambda x: x.flip(0) * x.roll(1, 1) + x.repeat(2, 1)[1:4] + x.rot90(2),
    "folded": lambda x: F.fold(F.unfold(x[None, None], 2) ** 2, (3, 4), 2),
    "embedding": lambda x: F.embedding(INDEX, x) * F.embedding_bag(INDEX, x, mode="mean")[:, None],
    "embedding_bag max": lambda x: F.embedding_bag(INDEX, x, mode="max"),
    "as_strided": lambda x: (x * 2).as_strided((2, 2), (1, 2), 1),
    "masked": lambda x: x.masked_select(MASK) * x.masked_scatter(MASK, x.exp()).sum(),
    "put": lambda x: x.put(INDEX, x[0, :3].repeat(2), accumulate=True) + x[0, 0].put(INDEX[0, :1], x[1, :1]),
    "nothing chosen": lambda x: torch.combinations(x[0, :1]).sum() + torch.cat([x[:0], x[1:1]]).sum() + x,
}

REDUCTIONS: dict[str, Callable[[Any], Any]] = {
    "sums": lambda x: x.sum(0) * x.mean() + x.prod(0) + x.exp().sum((0, 1), keepdim=True)[0],
    "extremes": lambda x: x.amax(0) - x.min(1).values.sum() + x.max() + x.aminmax(dim=0).min,
    "spreads": lambda x: x.var(0) + x.std(1, correction=0).sum() + torch.var_mean(x, 0)[1],
    "norms": lambda x: (
        x.norm() + torch.linalg.vector_norm(x, 3, 0) + torch.linalg.vector_norm(x, 1) + x.norm(float("inf"))
    ),
    "running": lambda x: x.cumsum(0) + x.cumprod(1) + x.cummax(1).values + x.logcumsumexp(0) + x.cummin(0)[0],
    "softmax": lambda x: x.softmax(0) * x.log_softmax(1) + x.logsumexp(1, keepdim=True),
    "order": lambda x: (
        x.sort(1, descending=True).values + x.topk(2, 0).values[1] + x.median(0)[0] + x.median()
    ),
    "kth": lambda x: x.kthvalue(2, 0).values + x.quantile(0.3, dim=0) + x.mode(0).values,
    "distances": lambda x: torch.cdist(x, x.sin(), 2) + torch.pdist(x).sum() + torch.dist(x, x.cos(), 3),
    "renorm": lambda x: torch.renorm(x, 2, 0, 0.5),
    "segments": lambda x: _segments(x, "max") + _segments(x, "mean") + _segments(x, "prod", initial=2),
}

LAYERS: dict[str, Callable[[Any], Any]] = {
    "layer_norm": lambda x: F.layer_norm(x, (4,), x[0], x[1]),
    "group_norm": lambda x: F.group_norm(x.reshape(1, 4, 3), 2, x[0], x[1]),
    "rms_norm": lambda x: F.rms_norm(x, (4,), x[0]),
    "batch_norm": lambda x: F.batch_norm(x, x[0].detach(), x[1].detach().abs(), x[1], x[2]),
    "conv1d": lambda x: F.conv1d(
        x.reshape(1, 4, 3), x[:, :2].reshape(2, 1, 3).repeat(1, 2, 1), groups=2, padding=1
    ),
    "conv2d": lambda x: F.conv2d(x[None, None], x[None, None, :2, :2], stride=(1, 2), padding=1, dilation=2),
    "conv_transpose2d": lambda x: F.conv_transpose2d(
        x[None, None], x[None, None, :2, :2], stride=2, padding=1, output_padding=1
    ),
    "conv_transpose1d": lambda x: F.conv_transpose1d(
        x[None, :2], x[1:, :, None] @ x[:1, None, :2].reshape(1, 1, 2).expand(2, 1, 2), groups=2, dilation=2
    ),
    "max_pool": lambda x: F.max_pool2d(x[None], 2, stride=1, padding=1, ceil_mode=True),
    "avg_pool": lambda x: (
        F.avg_pool2d(x[None], 2, 2, 1, ceil_mode=True, count_include_pad=False)
        + F.avg_pool2d(x[None], 2, 2, 1, ceil_mode=True)
    ),
    "adaptive": lambda x: F.adaptive_avg_pool1d(x, 3) + F.adaptive_max_pool1d(x, 3),
    "upsample": lambda x: (
        F.interpolate(x[None, None], scale_factor=2, mode="bilinear")
        + F.interpolate(x[None, None], scale_factor=2)
    ),
    "bicubic": lambda x: F.interpolate(x[None, None], size=(5, 7), mode="bicubic", align_corners=True),
    "attention": lambda x: F.scaled_dot_product_attention(x[None], x.sin()[None], x[None], is_causal=True),
    "masked attention": lambda x: F.scaled_dot_product_attention(x[None], x[None], x[None], MASK[:, :3]),
    "bilinear": lambda x: F.bilinear(x, x.sin(), x[:2, :, None] * x[0]),
    "grid_sample": lambda x: F.grid_sample(
        x[None, None], x[None, :, :2, None].expand(1, 3, 2, 2).sin(), align_corners=False
    ),
    **{
        f"volume {mode} {padding} {corners}": (
            lambda x, mode=mode, padding=padding, corners=corners: F.grid_sample(
                x.reshape(1, 2, 1, 2, 3), 2 * x[None, None, None, :, :3], mode, padding, corners
            )
        )
        for mode, padding, corners in (
            ("bilinear", "zeros", False),
            ("bilinear", "border", True),
            ("bilinear", "reflection", False),
            ("bilinear", "reflection", True),
            ("nearest", "zeros", True),
        )
    },
}

LOSSES: dict[str, Callable[[Any], Any]] = {
    "regression": lambda x: (
        F.mse_loss(x, x.sin())
        + F.l1_loss(x, x.exp())
        + F.huber_loss(x, x.exp())
        + F.smooth_l1_loss(x, x.exp())
    ),
    "cross_entropy": lambda x: F.cross_entropy(x, torch.tensor([1, 3, -100]), x[0].detach().abs()),
    "nll2d": lambda x: F.nll_loss(x.reshape(1, 3, 2, 2), torch.tensor([[[0, 2], [1, 0]]]), reduction="none"),
    "binary": lambda x: (
        F.binary_cross_entropy(x.sigmoid(), MASK.double())
        + F.binary_cross_entropy_with_logits(x, MASK.double())
    ),
    "margins": lambda x: (
        F.multi_margin_loss(x, torch.tensor([0, 3, 1]))
        + F.multilabel_margin_loss(x, torch.tensor([[1, 2, -1, 0]] * 3))
        + F.soft_margin_loss(x, 1 - 2 * MASK.double())
    ),
    "divergence": lambda x: (
        F.kl_div(x.log_softmax(1), x.sin().softmax(1), reduction="batchmean")
        + F.poisson_nll_loss(x, x.abs().detach())
    ),
    "ctc": lambda x: F.ctc_loss(
        torch.stack([x, x.sin(), x.t().reshape(3, 4), x.cos()], 1)[[0, 1, 2, 1, 0]].log_softmax(2),
        torch.tensor([[1, 1], [2, 3], [3, 0], [1, 1]]),
        torch.tensor([5, 4, 2, 3]),
        torch.tensor([2, 2, 1, 2]),
    ),
    "ctc joined": lambda x: F.ctc_loss(
        torch.stack([x, x.sin()], 1).log_softmax(2), torch.tensor([1, 2, 3]), (3, 2), (2, 1), reduction="none"
    ),
    "triplet": lambda x: (
        F.triplet_margin_loss(x, x.sin(), x.cos())
        + F.cosine_embedding_loss(x, x.sin(), torch.tensor([1, -1, 1]))
    ),
}

LINALG: dict[str, Callable[[Any], Any]] = {
    "products": lambda x: torch.addmm(x[:, :3], x, x.t(), beta=0.5, alpha=2) @ x.mv(x[0]) + x[0].dot(x[1]),
    "batched": lambda x: (
        torch.baddbmm(x[None, :, :3], x[None], x.t()[None]) + torch.einsum("ij,kj->ik", x, x)
    ),
    "outer": lambda x: (
        torch.outer(x[0], x[1]) + torch.addr(x[:1], x[0], x[2]) + torch.linalg.cross(x[:, :3], x[:, 1:]).sum()
    ),
    "solve": lambda x: (
        torch.linalg.solve(_square(x), x) + torch.linalg.solve(_square(x), x.t(), left=False).t()
    ),
    "inverse": lambda x: (
        torch.linalg.inv(_square(x)) * torch.linalg.det(_square(x))
        + torch.logdet(_square(x) @ _square(x).t())
    ),
    "cholesky": lambda x: (
        torch.linalg.cholesky(_square(x) @ _square(x).t())
        + torch.cholesky_inverse(torch.linalg.cholesky(_square(x) @ _square(x).t()))
    ),
    "triangular": lambda x: (
        torch.linalg.solve_triangular(_square(x), x, upper=False)
        + torch.linalg.solve_triangular(_square(x).t(), x, upper=True, unitriangular=True)
    ),
    "eigh": lambda x: (
        torch.linalg.eigh(_square(x) + _square(x).t()).eigenvectors * torch.linalg.eigvalsh(x @ x.t())
    ),
    "svd": lambda x: (
        torch.linalg.svd(x, full_matrices=False).U
        @ torch.linalg.svd(x, full_matrices=False).Vh
        * torch.linalg.svdvals(x).sum()
    ),
    "qr": lambda x: torch.linalg.qr(x.t()).Q @ torch.linalg.qr(x.t()).R + torch.linalg.qr(x.t()).Q[:, :1],
    "reflections": lambda x: (
        torch.linalg.householder_product(x.t(), x[0, :3]) @ torch.ormqr(x.t(), x[0, :3], x.t()).t()
        + torch.ormqr(x.t(), x[1, :3], x, left=False, transpose=True).sum()
    ),
    "full svd": lambda x: torch.linalg.svd(x).Vh[:3] * torch.linalg.svd(x.t()).U[:, :3].t(),
    "low rank": lambda x: torch.linalg.pinv(x[:, :2] @ x[1:, 1:]) + torch.linalg.pinv(0 * x).sum(),
    "lu": lambda x: (
        torch.linalg.lu(_square(x)).L + torch.linalg.lu(_square(x)).U + torch.linalg.lu_factor(_square(x)).LU
    ),
    "lu_solve": lambda x: torch.linalg.lu_solve(*torch.linalg.lu_factor(_square(x)), x),
    "least squares": lambda x: (
        torch.linalg.lstsq(x.t(), x.t()[:, :1]).solution + torch.linalg.pinv(x)[:3, :1]
    ),
    "exponential": lambda x: (
        torch.linalg.matrix_exp(_square(x) / 4) + torch.linalg.matrix_power(_square(x), 3)
    ),
}

LISTS: dict[str, Callable[[Any], Any]] = {
    "arithmetic": lambda x: _joined(
        torch._foreach_add(_rows(x), _rows(x.sin()), alpha=2),
        torch._foreach_mul(_rows(x), 3.0),
        torch._foreach_div(_rows(x), [2.0, 3.0, 4.0]),
        torch._foreach_pow(torch._foreach_abs(_rows(x)), 1.5),
    ),
    "combined": lambda x: _joined(
        torch._foreach_addcmul(_rows(x), _rows(x.exp()), _rows(x.cos()), [1.0, 2.0, 3.0]),
        torch._foreach_lerp(_rows(x), _rows(x.exp()), 0.25),
        torch._foreach_maximum(_rows(x), 0.1),
        torch._foreach_clamp_min(_rows(x), [0.1, 0.2, 0.3]),
        torch._foreach_sigmoid(_rows(x)),
    ),
    "norms": lambda x: (
        torch.stack(torch._foreach_norm(_rows(x), 3)) * torch.stack(torch._foreach_max(_rows(x)))
    ),
    "in place": lambda x: _scaled_in_place(x),
}


def _rows(x: Any) -> list[Any]:
    return list((x * 1).unbind(0))


def _joined(*lists: Any) -> Any:
    return torch.stack([torch.stack(list(parts)) for parts in lists])


def _scaled_in_place(x: Any) -> Any:
    parts = [x[0] * 1, x[1] * 2]
    torch._foreach_mul_(parts, [2.0, 3.0])
    torch._foreach_add_(parts, [x[2].sin(), x[2]])
    return torch.stack(parts) * x[2]


def _segments(x: Any, how: str, initial: float | None = None) -> Any:
    along = torch.segment_reduce(x.reshape(12), how, lengths=torch.tensor([5, 7]), initial=initial)
    inner = torch.segment_reduce(
        x[:, :, None] * x[0],
        how,
        offsets=torch.tensor([[0, 1, 4], [0, 3, 4], [0, 2, 4]]),
        axis=1,
        initial=initial,
    )
    return along.sum() * inner


def _square(x: Any) -> Any:
    return x[:, :3] + 3 * torch.eye(3, dtype=x.dtype)


FAMILIES = {
    "pointwise": POINTWISE,
    "shaping": SHAPING,
    "reductions": REDUCTIONS,
    "layers": LAYERS,
    "losses": LOSSES,
    "linalg": LINALG,
    "lists": LISTS,
}
CASES = [(family, name) for family, cases in FAMILIES.items() for name in cases]


@pytest.mark.parametrize("family, name", CASES, ids=[f"{f}-{n}" for f, n in CASES])
def test_value_and_gradient(family: str, name: str) -> None:
    """Evaluated in float64 the lifted Program gives torch's value, and its VJP torch's gradient."""
    lifted = check(FAMILIES[family][name], tensor(3, 4, seed=7))
    assert lifted.program is not None
    assert any(node.op not in {"input", "constant"} for node in lifted.program.nodes)


def test_the_table_is_complete_from_the_start() -> None:
    """What can be lowered does not depend on what was asked before in the process."""
    code = (
        "from oracle.lift.aten_table import LOWERINGS\n"
        "before = set(LOWERINGS)\n"
        "import importlib, pathlib, oracle.lift\n"
        "for file in pathlib.Path(oracle.lift.__file__).parent.glob('*.py'):\n"
        "    importlib.import_module('oracle.lift.' + file.stem)\n"
        "assert set(LOWERINGS) == before, set(LOWERINGS) - before\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
