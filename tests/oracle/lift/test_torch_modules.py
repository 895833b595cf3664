"""Modules as people write them: parameters by name, buffers put back, every route in accord."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch.utils.checkpoint import checkpoint

import oracle
from oracle.judge.verdict import Verdict
from oracle.lift.torch_lift import lift_torch
from tests.oracle.lift.torch_comparison import check, tensor

nn = torch.nn
F = nn.functional


class Pooled(nn.Module):
    """A small residual block with grouped convolutions, pooled."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(2, 4, 3, padding=1, groups=2),
            nn.BatchNorm2d(4),
            nn.ReLU(inplace=True),
            nn.Conv2d(4, 2, 1),
        )

    def forward(self, x: Any) -> Any:
        """The input plus what the body makes of it, pooled."""
        return F.max_pool2d(torch.relu(x + self.body(x)), 2)


class Residual(nn.Module):
    """The basic block of a ResNet, with a projection on its shortcut."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(2, 3, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(3)
        self.conv2 = nn.Conv2d(3, 3, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(3)
        self.shortcut = nn.Sequential(nn.Conv2d(2, 3, 1, bias=False), nn.BatchNorm2d(3))

    def forward(self, x: Any) -> Any:
        """Two normalized convolutions, added in place to the shortcut."""
        y = F.relu(self.bn1(self.conv1(x)), inplace=True)
        y = self.bn2(self.conv2(y))
        y += self.shortcut(x)
        return F.relu(y)


class Checkpointed(nn.Module):
    """A body whose activations are computed again in the backward pass."""

    def __init__(self, *, reentrant: bool) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Linear(4, 5), nn.Tanh(), nn.Linear(5, 4))
        self.reentrant = reentrant

    def forward(self, x: Any) -> Any:
        """The body of 2x, plus x."""
        return checkpoint(self.body, x * 2, use_reentrant=self.reentrant) + x


class Attention(nn.Module):
    """Causal self-attention."""

    def __init__(self) -> None:
        super().__init__()
        self.heads = nn.MultiheadAttention(4, 2, batch_first=True)

    def forward(self, x: Any) -> Any:
        """Attention of x to its own past."""
        mask = nn.Transformer.generate_square_subsequent_mask(x.shape[1], dtype=x.dtype)
        return self.heads(x, x, x, attn_mask=mask)[0]


class Words(nn.Module):
    """Rows of a table, some of them more than once."""

    def __init__(self) -> None:
        super().__init__()
        self.table = nn.Embedding(5, 3)
        self.out = nn.Linear(3, 2)

    def forward(self, scale: Any) -> Any:
        """A linear map of scaled rows."""
        return self.out(self.table(torch.tensor([[1, 2, 1], [0, 1, 4]])) * scale)


class First(nn.Module):
    """The first result of a module that has several."""

    def __init__(self, body: Any) -> None:
        super().__init__()
        self.body = body

    def forward(self, x: Any) -> Any:
        """The body's first result."""
        return self.body(x)[0]


def _tied() -> Any:
    layer = nn.Linear(3, 3)
    return nn.Sequential(layer, nn.Tanh(), layer)


MODULES: dict[str, tuple[Callable[[], Any], tuple[int, ...]]] = {
    "mlp": (lambda: nn.Sequential(nn.Linear(4, 5), nn.GELU(), nn.Dropout(0.4), nn.Linear(5, 2)), (3, 4)),
    "prelu": (lambda: nn.Sequential(nn.Linear(3, 4), nn.PReLU(4), nn.Softplus()), (5, 3)),
    "tied weights": (_tied, (2, 3)),
    "lstm": (lambda: First(nn.LSTM(3, 2, 2, bidirectional=True)), (3, 2, 3)),
    "gru": (lambda: First(nn.GRU(3, 2)), (3, 2, 3)),
    "transformer": (lambda: nn.TransformerEncoderLayer(4, 2, 8, dropout=0.1), (3, 2, 4)),
    "transformer evaluating": (
        lambda: nn.TransformerEncoderLayer(4, 2, 8, batch_first=True).eval(),
        (2, 3, 4),
    ),
    "attention": (Attention, (2, 3, 4)),
    "words": (Words, (3,)),
    "residual": (Residual, (2, 2, 4, 4)),
    "pooled": (Pooled, (2, 2, 4, 4)),
    "convolution": (lambda: nn.Conv2d(4, 6, 3, padding=2, dilation=2, groups=2, stride=2), (2, 4, 5, 5)),
    "transposed": (lambda: nn.ConvTranspose2d(4, 2, 3, stride=2, groups=2, output_padding=1), (1, 4, 3, 3)),
    "batch norm": (lambda: nn.BatchNorm1d(4), (5, 4)),
    "batch norm evaluating": (lambda: nn.BatchNorm1d(4).eval(), (5, 4)),
    "instance norm": (lambda: nn.InstanceNorm1d(2, affine=True), (2, 2, 5)),
    "weight norm": (lambda: nn.utils.parametrizations.weight_norm(nn.Linear(3, 4)), (2, 3)),
    "spectral norm": (lambda: nn.utils.parametrizations.spectral_norm(nn.Linear(3, 4)), (2, 3)),
    "checkpointed": (lambda: Checkpointed(reentrant=False), (3, 4)),
    "checkpointed reentrant": (lambda: Checkpointed(reentrant=True), (3, 4)),
}
"""Modules and the shape of their input."""


@pytest.mark.parametrize("name", [n for n in MODULES if n != "checkpointed reentrant"])
def test_value_and_gradient(name: str) -> None:
    """Value and gradients of inputs and parameters are torch's."""
    torch.manual_seed(1)
    make, shape = MODULES[name]
    module = make().double()
    lifted = check(lambda x: module(x), tensor(*shape))
    assert sorted(s.path for s in lifted.inputs if s.captured) == sorted(
        f"module.{n}" for n, _ in module.named_parameters()
    )


@pytest.mark.filterwarnings("ignore:.*jit:DeprecationWarning")
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=str)
@pytest.mark.parametrize("name", list(MODULES))
def test_every_route_agrees(name: str, dtype: Any) -> None:
    """Every route that a correct module offers gives its certified derivative, in the module's precision."""
    torch.manual_seed(1)
    make, shape = MODULES[name]
    module = make().to(dtype)
    kept = {n: b.clone() for n, b in module.state_dict().items()}
    result = oracle.check(module, tensor(*shape).detach().to(dtype))
    assert result.certified
    assert {f.verdict for f in result.findings} <= {Verdict.AGREE, Verdict.NOT_OFFERED}, str(result)
    assert all(torch.equal(kept[n], b) for n, b in module.state_dict().items())
    assert all(p.grad is None for p in module.parameters())


def test_padding_row_is_held() -> None:
    """The row at ``padding_idx`` gets no gradient, by declaration; every other row gets its own."""
    torch.manual_seed(1)
    table = nn.Embedding(4, 3, padding_idx=0).double()
    check(lambda x: torch.tanh(table(torch.tensor([[1, 0, 2], [0, 1, 1]])) * x), tensor(3))
    check(lambda x: F.embedding(torch.tensor([1, 0, 1]), x, scale_grad_by_freq=True).sin(), tensor(3, 2))


def test_module_inside_of_an_inner_function() -> None:
    """A module that only a function within the function names is found: buffers put back, names known."""

    def function(x: Any) -> Any:
        return checkpoint(lambda y: NORM(y), x * x, use_reentrant=False)

    before = NORM.running_mean.clone()
    oracle.assert_gradients(function, tensor(4, 3))
    lifted = lift_torch(function, (tensor(4, 3),))
    assert [s.path for s in lifted.inputs] == ["x", "NORM.weight", "NORM.bias"]
    assert torch.equal(before, NORM.running_mean)


NORM = nn.BatchNorm1d(3).double()
"""A module among the globals."""


def test_attention_alone() -> None:
    """nn.MultiheadAttention with its parameters as named inputs, called as a module."""
    torch.manual_seed(0)
    attention = nn.MultiheadAttention(4, 2).double()
    x = tensor(3, 1, 4)
    lifted = check(lambda x: attention(x, x, x)[0], x)
    assert {s.path for s in lifted.inputs if s.captured} == {
        f"attention.{n}" for n, _ in attention.named_parameters()
    }


def test_module_itself_is_the_function() -> None:
    """All parameters of a module that is the function are inputs, in its order and under its names."""
    module = nn.Linear(4, 2).double()
    lifted = check(module, tensor(3, 4))
    assert [(s.path, s.captured) for s in lifted.inputs] == [
        ("input", False),
        ("weight", True),
        ("bias", True),
    ]
