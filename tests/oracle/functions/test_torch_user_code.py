"""Torch as users write it: correct functions agree on every route, faulty rules are caught."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch.autograd.function import once_differentiable

import oracle
from oracle.judge.verdict import Verdict

F = torch.nn.functional
GREEN = {Verdict.AGREE, Verdict.NOT_OFFERED}


def _numbers(*shape: int) -> Any:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(5))


X, V, W = _numbers(4, 5), _numbers(6), _numbers(5, 5)


def writes_through_views(x: Any) -> Any:
    """In-place operations on slices, a column and a transpose."""
    y = x.clone()
    y[1:3, ::2] *= 2
    y[:, 0].sub_(y[:, 1])
    y.t()[3].exp_()
    return y


def writes_by_index(v: Any) -> Any:
    """Repeated places that add up, then one that is replaced."""
    z = torch.zeros(4, dtype=v.dtype)
    z.index_put_((torch.tensor([0, 1, 1, 3, 0, 0]),), v, accumulate=True)
    z[torch.tensor([2])] = v[0] * v[1]
    return z


def fills_a_buffer(x: Any) -> Any:
    """Rows written one by one into memory that was empty."""
    out = torch.empty_like(x)
    for i in range(4):
        out[i] = x[i].cumsum(0) / (i + 1)
    return out


def normalizes_by_constants(x: Any) -> Any:
    """Mean and deviation under ``no_grad``, which forward mode does not heed."""
    with torch.no_grad():
        mean, deviation = x.mean(0), x.std(0)
    return (x - mean) / deviation


def loops_on_data(x: Any) -> Any:
    """As many steps as the numbers ask for."""
    count = 0
    while x.norm() > 1 and count < 10:
        x, count = x * 0.7, count + 1
    return x.sum(0) * count


def keeps_the_largest(x: Any) -> Any:
    """Elements that reach a threshold which is their own."""
    threshold = x.topk(2, 1).values[:, -1:].detach()
    return torch.where(x >= threshold, x, torch.zeros_like(x)).sum(1)


def changes_what_is_detached(x: Any) -> Any:
    """A write through a detached view, which autograd does not see."""
    y = x * 2
    y.detach()[0] = 7.0
    return torch.sin(y) + y


def unrolls_training(x: Any) -> Any:
    """Three steps of gradient descent inside of the function."""
    w = torch.zeros(5, dtype=x.dtype, requires_grad=True)
    for _ in range(3):
        (slope,) = torch.autograd.grad(((x @ w - 1) ** 2).sum(), w, create_graph=True)
        w = w - 0.01 * slope
    return w


def quantizes(x: Any) -> Any:
    """Nearest rows of a code book, straight through."""
    book = torch.linspace(-1, 1, 15, dtype=x.dtype).reshape(3, 5)
    nearest = book[torch.cdist(x, book).argmin(1)]
    return x + (nearest - x).detach() + (x - nearest).pow(2).mean()


def packs_sequences(x: Any) -> Any:
    """Padded sequences, packed and padded again."""
    packed = torch.nn.utils.rnn.pack_padded_sequence(x[:, :, None], [5, 4, 2, 1], batch_first=True)
    return torch.nn.utils.rnn.pad_packed_sequence(packed, batch_first=True)[0] * 2


def returns_a_tree(x: Any) -> Any:
    """Tensors in containers."""
    return {"a": x.sum(0), "b": (x.prod(1), [x.max()])}


class Several(torch.autograd.Function):
    """Two results of two tensors and a number."""

    @staticmethod
    def forward(ctx: Any, x: Any, y: Any, factor: float) -> Any:  # noqa: D102
        ctx.save_for_backward(x, y)
        ctx.factor = factor
        return x * y * factor, x + y

    @staticmethod
    def backward(ctx: Any, a: Any, b: Any) -> Any:  # noqa: D102
        x, y = ctx.saved_tensors
        return a * y * ctx.factor + b, a * x * ctx.factor + b, None


class InPlace(torch.autograd.Function):
    """A square that overwrites its operand."""

    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:  # noqa: D102
        ctx.save_for_backward(x.clone())
        ctx.mark_dirty(x.mul_(x))
        return x

    @staticmethod
    def backward(ctx: Any, c: Any) -> Any:  # noqa: D102
        return 2 * c * ctx.saved_tensors[0]


class Sorted(torch.autograd.Function):
    """Sorted elements and where they were."""

    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:  # noqa: D102
        order = x.argsort()
        ctx.mark_non_differentiable(order)
        ctx.save_for_backward(order)
        return x[order], order

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, c: Any, _: Any) -> Any:  # noqa: D102
        found = torch.zeros_like(c)
        found[ctx.saved_tensors[0]] = c
        return found


class Product(torch.autograd.Function):
    """A matrix product that answers what is asked for."""

    generate_vmap_rule = True

    @staticmethod
    def forward(x: Any, w: Any) -> Any:  # noqa: D102
        return x @ w

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:  # noqa: ARG004, D102
        ctx.save_for_backward(*inputs)

    @staticmethod
    def backward(ctx: Any, c: Any) -> Any:  # noqa: D102
        x, w = ctx.saved_tensors
        return (c @ w.t() if ctx.needs_input_grad[0] else None), (
            x.t() @ c if ctx.needs_input_grad[1] else None
        )


@torch.library.custom_op("oracle_tests::cube", mutates_args=())
def cube(x: torch.Tensor) -> torch.Tensor:
    """The cube; its registered backward is right, forward mode takes its tangent for zero."""
    return x * x * x


@torch.library.custom_op("oracle_tests::wrong_cube", mutates_args=())
def wrong_cube(x: torch.Tensor) -> torch.Tensor:
    """The cube; its registered backward drops a factor."""
    return x * x * x


@torch.library.custom_op("oracle_tests::cube_elsewhere", mutates_args=())
def cube_elsewhere(x: torch.Tensor) -> torch.Tensor:
    """The cube out of the recorder's sight."""
    return torch.from_numpy(x.numpy() ** 3)


def _keep(ctx: Any, inputs: Any, output: Any) -> None:
    ctx.x = inputs[0]


cube.register_autograd(lambda ctx, c: 3 * c * ctx.x**2, setup_context=_keep)
wrong_cube.register_autograd(lambda ctx, c: 2 * c * ctx.x**2, setup_context=_keep)
cube_elsewhere.register_autograd(lambda ctx, c: 3 * c * ctx.x**2, setup_context=_keep)

RIGHT: dict[str, tuple[Callable[..., Any], tuple[Any, ...]]] = {
    **{
        f.__name__: (f, (X,))
        for f in (writes_through_views, fills_a_buffer, normalizes_by_constants, loops_on_data)
    },
    **{
        f.__name__: (f, (X,))
        for f in (keeps_the_largest, changes_what_is_detached, unrolls_training, quantizes)
    },
    **{f.__name__: (f, (X,)) for f in (packs_sequences, returns_a_tree)},
    "writes_by_index": (writes_by_index, (V,)),
    "windows": (lambda v: v.as_strided((3, 4), (1, 1)) @ v[:4], (V,)),
    "gumbel": (lambda x: F.gumbel_softmax(x, hard=True, dim=1) @ torch.arange(5.0).double(), (X,)),
    "item": (lambda v: v / v.abs().max().item(), (V,)),
    "masked attention": (lambda x: x.masked_fill(x > 1, float("-inf")).softmax(1), (X,)),
    "einsum": (lambda x, w: torch.einsum("bi,ij,kj->bk", x, w, x), (X, W)),
    "spectral": (lambda w: torch.linalg.eigvalsh(w + w.t()).relu() + torch.linalg.svdvals(w), (W,)),
    "several results": (lambda x, y: Several.apply(x, y, 3.0), (V, V.flip(0))),
    "dirty": (lambda v: InPlace.apply(v * 1) + v, (V,)),
    "not differentiable": (lambda v: Sorted.apply(v)[0] * torch.arange(6.0).double(), (V,)),
    "asked for": (lambda x, w: Product.apply(x, w), (X, W)),
    "custom operation": (lambda v: torch.sin(cube(v)) * v, (V,)),
}


@pytest.mark.filterwarnings("ignore:.*jit:DeprecationWarning")
@pytest.mark.parametrize("name", list(RIGHT))
def test_correct_code_agrees(name: str) -> None:
    """Every route that is offered gives the certified derivative, and every promise is kept."""
    function, inputs = RIGHT[name]
    torch.manual_seed(0)
    result = oracle.check(function, *inputs)
    assert result.certified
    assert {f.verdict for f in result.findings} <= GREEN, str(result)


def test_forward_mode_of_another_function_is_not_offered() -> None:
    """With ``no_grad`` and custom operations forward mode is another function: it is not asked."""
    for function, inputs, why in (
        (normalizes_by_constants, (X,), "no_grad"),
        (RIGHT["custom operation"][0], (V,), "oracle_tests_cube"),
    ):
        result = oracle.check(function, *inputs)
        (forward,) = [f for f in result.findings if f.route == "torch.func.jvp"]
        assert (forward.verdict, why in forward.detail) == (Verdict.NOT_OFFERED, True)


class Forgetful(torch.autograd.Function):
    """A product whose second operand gets no gradient."""

    @staticmethod
    def forward(ctx: Any, x: Any, y: Any) -> Any:  # noqa: D102
        ctx.save_for_backward(x, y)
        return x * y

    @staticmethod
    def backward(ctx: Any, c: Any) -> Any:  # noqa: D102
        return c * ctx.saved_tensors[1], None


class ShortNorm(torch.autograd.Function):
    """A layer norm whose backward lacks the term of the variance."""

    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:  # noqa: D102
        scale = x.var(1, unbiased=False, keepdim=True).add(1e-5).rsqrt()
        ctx.scale = scale
        return (x - x.mean(1, keepdim=True)) * scale

    @staticmethod
    def backward(ctx: Any, c: Any) -> Any:  # noqa: D102
        return ctx.scale * (c - c.mean(1, keepdim=True))


def doubles_by_a_hook(x: Any) -> Any:
    """A hook that doubles the gradient."""
    y = x * 2
    y.register_hook(lambda g: g * 2)
    return y


class Hinge(torch.autograd.Function):
    """A squared hinge for labels 1 and -1; the backward forgets the factor 2."""

    @staticmethod
    def forward(ctx: Any, x: Any, label: Any) -> Any:  # noqa: D102
        ctx.save_for_backward(x, label)
        return torch.where(label == 1, torch.relu(1 - x), torch.relu(1 + x)) ** 2

    @staticmethod
    def backward(ctx: Any, c: Any) -> Any:  # noqa: D102
        x, label = ctx.saved_tensors
        return -c * label * torch.relu(1 - label * x), None


FAULTY: dict[str, tuple[Callable[..., Any], tuple[Any, ...]]] = {
    "forgotten": (lambda x, y: Forgetful.apply(x, y), (V, V.flip(0))),
    "short norm": (lambda x: ShortNorm.apply(x), (X,)),
    "custom operation": (lambda v: wrong_cube(v) * v, (V,)),
    "hook": (doubles_by_a_hook, (X,)),
    "labels": (lambda x, label: Hinge.apply(x, label), (V, torch.tensor([1.0, -1, -1, 1, 1, -1]).double())),
}


@pytest.mark.filterwarnings("ignore:.*jit:DeprecationWarning")
@pytest.mark.parametrize("name", list(FAULTY))
def test_faulty_code_is_wrong(name: str) -> None:
    """The main route is caught, whatever else is."""
    function, inputs = FAULTY[name]
    result = oracle.check(function, *inputs)
    verdicts = {f.verdict for f in result.findings if f.route == "torch.autograd"}
    assert Verdict.WRONG in verdicts, str(result)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=str)
def test_confident_logits(dtype: Any) -> None:
    """Where the target is met, sigmoid(x) - t has few digits in any kernel: that is rounding, no finding."""
    x = torch.tensor([3.0, 9.0, 14.0, -3.0, -9.0, -14.0], dtype=dtype)
    labels = (x > 0).to(dtype)
    result = oracle.check(
        lambda x: F.binary_cross_entropy_with_logits(x, labels), x, routes=["torch.autograd"]
    )
    assert {f.verdict for f in result.findings} == {Verdict.AGREE}, str(result)


def test_smooth_beside_labels() -> None:
    """A loss jumps in its labels; its gradient in everything else is judged all the same."""
    labels = torch.tensor([1.0, -1, -1, 1, 1, -1]).double()
    result = oracle.check(
        lambda x, y: F.hinge_embedding_loss(x, y, 3.0), V, labels, routes=["torch.autograd"]
    )
    found = {f.argument: f.verdict for f in result.findings if f.argument.startswith("gradient")}
    assert found == {"gradient of x": Verdict.AGREE, "gradient of y": Verdict.SINGULAR}


def test_custom_operation_out_of_sight_is_not_certified() -> None:
    """A custom operation that computes with numpy is named, not certified."""
    result = oracle.check(lambda v: cube_elsewhere(v) * v, V, routes=["torch.autograd"])
    assert not result.certified
    assert "Tensor.numpy in" in next(f.detail for f in result.findings if f.verdict is Verdict.UNSUPPORTED)
