"""What stops a gradient in torch, what does not, and what cannot be seen: each beside a correct control."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
import torch.utils.checkpoint

import oracle
from oracle.lift.torch_lift import lift_torch
from tests.oracle.lift.torch_comparison import check, check_value, gradients, tensor, torch_gradients

F = torch.nn.functional


class Cube(torch.autograd.Function):
    """x^3 with a forward that detaches and a backward that drops the factor 3."""

    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:  # noqa: D102
        ctx.save_for_backward(x)
        with torch.no_grad():
            inner = x.detach() * x.data
        return inner * x

    @staticmethod
    def backward(ctx: Any, c: Any) -> Any:  # noqa: D102
        return c * ctx.saved_tensors[0] ** 2


class NumpyExp(torch.autograd.Function):
    """exp(x) computed by numpy: correct, but out of the recorder's sight."""

    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:  # noqa: D102
        y = torch.from_numpy(np.exp(x.detach().numpy()))
        ctx.save_for_backward(y)
        return y

    @staticmethod
    def backward(ctx: Any, c: Any) -> Any:  # noqa: D102
        return c * ctx.saved_tensors[0]


class NumpySum(torch.autograd.Function):
    """x + exp(x): one half of the forward is in sight, the other is not."""

    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:  # noqa: D102
        y = torch.from_numpy(np.exp(x.detach().numpy()))
        ctx.save_for_backward(y)
        return x + y

    @staticmethod
    def backward(ctx: Any, c: Any) -> Any:  # noqa: D102
        return c * (1 + ctx.saved_tensors[0])


class Scaled(torch.autograd.Function):
    """x times its own maximum as a Python number."""

    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:  # noqa: ARG004, D102
        return x * x.max().item()

    @staticmethod
    def backward(ctx: Any, c: Any) -> Any:  # noqa: ARG004, D102
        return c


apply_cube = Cube.apply
"""The bound method that user code keeps: it must be seen as well."""


def test_function_boundary_is_looked_through() -> None:
    """A Function's forward is lifted whatever it detaches, so that its wrong backward can be caught."""
    x = tensor(3)
    lifted = lift_torch(lambda x: apply_cube(x), (x,))
    check_value(lifted)
    (mine,) = gradients(lifted).values()
    np.testing.assert_allclose(mine, 3 * x.detach().numpy() ** 2 * [1, 2, 3])
    (theirs,) = torch_gradients(Cube.apply, (x,), [x])
    assert not np.allclose(mine, theirs)


def test_detach_stops_outside_of_a_function() -> None:
    """The same operations outside of a Function stop the gradient, as autograd does."""
    check(lambda x: x.detach() * x.data * x, tensor(3))


@pytest.mark.parametrize("detached", [False, True])
def test_detach_and_control(detached: bool) -> None:
    """A detached factor is a constant; without detach it is not."""
    lifted = check(lambda x: (x.detach() if detached else x.clone()) * torch.sin(x), tensor(3))
    stops = [n for n in lifted.program.nodes if n.op == "stop_gradient"] if lifted.program else []
    assert bool(stops) is detached


def test_detach_in_place() -> None:
    """A result that is detached in place stops the gradient from then on."""

    def fn(x: Any) -> Any:
        y = torch.exp(x)
        before = y.sum()
        return y.detach_() * x + before.detach() + torch.sin(x).detach_() * x

    check(fn, tensor(3))


def test_no_grad_block() -> None:
    """What is computed under no_grad is a constant, views and in-place operations included."""

    def fn(x: Any) -> Any:
        with torch.no_grad():
            scale = x.abs().max()
            scale.mul_(2).add_(x[0])
        return x / scale

    check(fn, tensor(4))


def test_change_under_no_grad_is_not_tracked() -> None:
    """An in-place change under no_grad alters the value, and autograd goes on as if it had not happened."""

    def fn(x: Any) -> Any:
        y = x * 3
        with torch.no_grad():
            y.mul_(5)
        return y * y

    check(fn, tensor(3))


def test_unlinked_output_is_unsupported() -> None:
    """An output that numpy computed inside a Function is unsupported, never a certified zero."""
    assert lift_torch(NumpyExp.apply, (tensor(3),)).program is None
    assert lift_torch(lambda x: NumpyExp.apply(x) * 2 + x, (tensor(3),)).program is None
    check(lambda x: torch.exp(x), tensor(3))


def test_unlinked_factor_is_unsupported() -> None:
    """A tensor whose history autograd has and the recorder has not is refused where it is used."""

    def fn(x: Any) -> Any:
        y = x * 2
        y.data = torch.ones(3, dtype=x.dtype)
        return y * x

    assert lift_torch(fn, (tensor(3),)).program is None


@pytest.mark.filterwarnings("ignore:.torch.jit:DeprecationWarning")
def test_transforms_inside() -> None:
    """What functorch and a gradient inside the function compute is lifted like any other operation."""
    check(torch.func.vmap(lambda row: torch.tanh(row) * row.sum()), tensor(3, 4))
    check(torch.func.grad(lambda x: (x**3).sum()), tensor(3))
    check(torch.func.hessian(lambda x: (x**4).sum()), tensor(3))
    check(lambda x: torch.autograd.grad((x**3).sum(), x, create_graph=True)[0], tensor(3))
    check(lambda x: torch.utils.checkpoint.checkpoint(torch.sin, x * x, use_reentrant=False), tensor(3))


def test_half_linked_function_is_unsupported() -> None:
    """A forward that leaves torch for a part of its value is named, although its output is linked."""
    lifted = lift_torch(NumpySum.apply, (tensor(3),))
    assert lifted.program is None
    assert "NumpySum" in str(lifted.unsupported[0])


def test_numpy_outside_of_a_function_is_a_constant() -> None:
    """Numpy in plain code is out of autograd's sight too: a constant, by the user's own detach."""
    check(lambda x: torch.from_numpy(np.exp(x.detach().numpy())) * x, tensor(3))


def test_item_is_a_constant() -> None:
    """A number taken out of a tensor is a constant; inside a Function it hides a dependence."""
    check(lambda x: x * x.max().item(), tensor(3))
    assert lift_torch(Scaled.apply, (tensor(3),)).program is None


def test_branch_on_data() -> None:
    """A branch that depends on the data is the one that this run took."""
    for sign in (1, -1):
        x = (sign * tensor(3).detach().abs()).requires_grad_()
        check(lambda x: torch.exp(x) if x.sum() > 0 else torch.sin(x), x)


@pytest.mark.parametrize("p", [0.3, 0.0])
def test_dropout_replays_its_mask(p: float) -> None:
    """Dropout is a product with the mask of the recorded run."""
    check(lambda x: F.dropout(torch.sin(x), p), tensor(4, 5), seed=3)


def test_in_place_and_views() -> None:
    """Writes through views reach everything that sees the same memory, as it is read afterwards."""

    def fn(x: Any, w: Any) -> Any:
        y = x * 2
        row, column = y[1], y[:, 0]
        before = row.sum()
        row *= w
        column.add_(w[0])
        y.t()[2].copy_(w[:3])
        buffer = torch.zeros(2, 3, dtype=x.dtype)
        buffer[0, 1:] = w[:2]
        buffer.view(-1)[3:] = y[0, 1:]
        return y, before, torch.sin(buffer), y.diagonal().sum()

    check(fn, tensor(3, 4), tensor(4, seed=1))


def test_captured_tensor_is_an_input() -> None:
    """A tensor from outside that requires a gradient becomes an input under its own name; others are
    constants.
    """
    weight, fixed = tensor(3, seed=1), tensor(3, seed=2, grad=False)
    lifted = check(lambda x: x * weight * fixed, tensor(3))
    assert [(s.name, s.captured) for s in lifted.inputs] == [("x", False), ("weight", True)]


def test_tensor_made_inside_is_no_input() -> None:
    """A leaf that the function makes itself cannot be asked about: it stays a constant."""
    lifted = check(lambda x: x * (torch.ones(3, dtype=x.dtype).requires_grad_() * 2), tensor(3))
    assert [s.name for s in lifted.inputs] == ["x"]


def test_casts_are_roundings() -> None:
    """A cast to a shorter format is a node of its own; the gradient passes."""
    lifted = lift_torch(lambda x: x.float().double() * x, (tensor(3),))
    assert lifted.program is not None
    assert [n.op for n in lifted.program.nodes].count("astype") == 1
    check_value(lifted, 1e-6)


def test_coarser_steps_are_rounded() -> None:
    """Operations in a coarser format than the inputs' are rounded to it; those in their own are not."""
    lifted = lift_torch(lambda x: (x.float().sin() * 3).double() + x, (tensor(3),))
    assert lifted.program is not None
    assert [n.op for n in lifted.program.nodes].count("astype") == 3
    lifted = lift_torch(lambda x: x.sin() * 3, (tensor(3).detach().float(),))
    assert lifted.program is not None
    assert [n.op for n in lifted.program.nodes].count("astype") == 0


def test_lines_and_paths() -> None:
    """Nodes know the line of the user's code, slots the way to the leaf."""

    def fn(params: dict[str, Any], x: Any) -> Any:
        hidden = torch.tanh(x @ params["w"][0])
        return {"out": hidden * params["b"]}

    lifted = lift_torch(fn, ({"w": [tensor(3, 3)], "b": tensor(3)}, tensor(2, 3)))
    assert [s.path for s in lifted.inputs] == ["params['w'][0]", "params['b']", "x"]
    assert [s.name for s in lifted.inputs] == ["params_w_0", "params_b", "x"]
    assert lifted.program is not None
    lines = {n.op: n.line for n in lifted.program.nodes}
    first = fn.__code__.co_firstlineno
    assert (lines["tanh"], lines["multiply"]) == (first + 1, first + 2)


def test_shared_storage_without_gradient() -> None:
    """A detached view of a tracked tensor does not stop the tensor itself."""

    def fn(x: Any) -> Any:
        y = x * 2
        seen = y.detach().view(-1)
        return y * seen.sum() + y.t()[0].sum()

    check(fn, tensor(2, 3))


def test_unknown_operation_is_named() -> None:
    """An operation without lowering is named with a line on what to do, and there is no Program."""
    lifted = lift_torch(lambda x: torch.special.airy_ai(x) * x, (tensor(3),))
    assert lifted.program is None
    assert [u.operation for u in lifted.unsupported] == ["aten.special_airy_ai.default"]
    assert "spec=" in lifted.unsupported[0].hint
    with pytest.raises(ValueError, match=r"no lowering for aten\.special_airy_ai"):
        lifted.forward()


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_compiled_function_is_lifted_as_written() -> None:
    """Under the recorder a compiled function runs eagerly."""
    lifted = check(torch.compile(lambda x: torch.sin(x) * x, backend="eager"), tensor(3))
    assert lifted.program is not None
    assert "sin" in {n.op for n in lifted.program.nodes}


def test_zero_tensor_without_memory() -> None:
    """A forward rule that multiplies a tangent known to be zero runs under the recorder; in torch alone it
    ends the process.
    """
    result = oracle.check(lambda x: torch.ldexp(x, torch.tensor([-1, 2])), tensor(2, grad=False))
    assert {f.route for f in result.failures} >= {"torch.autograd", "torch.func.jvp"}
