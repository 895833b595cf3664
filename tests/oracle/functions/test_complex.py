"""Torch functions of complex numbers: the right ones are green on every route, the wrong ones are not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

import oracle
from oracle.judge.verdict import Verdict
from tests.oracle.functions import torch_rules as rules

PARTS = {"gradient of x.real", "gradient of x.imag"}


def point(*shape: int, dtype: Any = torch.complex128, seed: int = 0) -> Any:
    """Ordinary complex numbers without touching the global generator."""
    return rules.point(*shape, dtype=dtype, seed=seed)


def judged(result: Any, route: str = "torch.autograd") -> set[str]:
    """What of a result the route was held to."""
    return {f.argument for f in result.findings if f.route == route}


def filtered(x: Any) -> Any:
    """The sizes of a signal's low frequencies."""
    return torch.fft.fft(x)[..., :5].abs().sum()


WRONG: dict[str, tuple[Callable[[Any], Any], rules.Backward]] = {
    "no conjugate": (torch.exp, lambda c, z: c * torch.exp(z)),
    "a conjugate too many": (lambda z: z * z, lambda c, z: (c * 2 * z.conj()).conj()),
    "only the real part": (torch.sin, lambda c, z: (c * torch.cos(z).conj()).real + 0j),
    "a factor 1 + 1e-9": (torch.sin, lambda c, z: c * torch.cos(z).conj() * (1 + 1e-9)),
    "one imaginary part off by 1e-6": (
        torch.sin,
        lambda c, z: c * torch.cos(z).conj() + 1e-6j * torch.tensor([0, 0, 1]),
    ),
    "half the slope of a size": (torch.abs, lambda c, z: c * torch.sgn(z) / 2),
}

RIGHT: dict[str, tuple[Callable[[Any], Any], rules.Backward]] = {
    "exponential": (torch.exp, lambda c, z: c * torch.exp(z).conj()),
    "square": (lambda z: z * z, lambda c, z: c * 2 * z.conj()),
    "size": (torch.abs, lambda c, z: c * torch.sgn(z)),
    "conjugate": (lambda z: z.conj() * 1j, lambda c, z: c.conj() * 1j),
    "lazy conjugate as an answer": (torch.sin, lambda c, z: (c.conj() * torch.cos(z)).conj()),
}


@pytest.mark.parametrize("forward, backward", WRONG.values(), ids=WRONG.keys())
def test_wrong_rule(forward: Any, backward: Any) -> None:
    """A rule with a fault in either part is wrong, and the message names the part."""
    with pytest.raises(oracle.GradientError) as caught:
        oracle.assert_gradients(rules.rule(forward, backward), point(3))
    assert caught.value.result.verdict is Verdict.WRONG
    assert "gradient of x.imag[" in str(caught.value) or "gradient of x.real[" in str(caught.value)


@pytest.mark.parametrize("dtype", [torch.complex128, torch.complex64], ids=str)
@pytest.mark.parametrize("modern", [False, True], ids=["old", "modern"])
@pytest.mark.parametrize("forward, backward", RIGHT.values(), ids=RIGHT.keys())
def test_right_rule(forward: Any, backward: Any, modern: bool, dtype: Any) -> None:
    """The same rules without their fault are certified in both parts, with power."""
    result = oracle.check(rules.rule(forward, backward, modern=modern), point(3, dtype=dtype))
    assert (result.ok, result.certified, result.verdict) == (True, True, Verdict.AGREE), result
    assert judged(result) >= PARTS
    weakest = max(f.power for f in result.findings if f.argument in PARTS and f.power is not None)
    assert weakest < (1e-12 if dtype is torch.complex128 else 1e-3)


FUNCTIONS: dict[str, Callable[[Any], Any]] = {
    "holomorphic": lambda z: torch.exp(z) * z**3 / (z + 4),
    "not holomorphic": lambda z: z.abs() * torch.angle(z) + z.real * z.conj().imag,
    "several results": lambda z: (z.sqrt(), z.abs().sum(), (z.conj() @ z).log()),
    "real in between": lambda z: torch.polar(z.abs().sqrt(), z.angle() * 2),
    "transform": lambda z: torch.fft.ifft(torch.fft.fft(z).sgn()),
    "memory": lambda z: torch.view_as_complex(torch.view_as_real(z).clone().mul_(2)).tanh(),
}


@pytest.mark.parametrize("function", FUNCTIONS.values(), ids=FUNCTIONS.keys())
@pytest.mark.parametrize("order", [1, 2])
def test_every_route_agrees(function: Any, order: int) -> None:
    """All routes of both orders and all contract checks are green."""
    result = oracle.check(function, point(3), order=order)
    offered = {f.route for f in result.findings if f.verdict is not Verdict.NOT_OFFERED}
    assert {f.verdict for f in result.findings} == {Verdict.AGREE}, result
    assert offered >= {"torch.autograd", "torch.func.vjp", "torch.func.jvp", "torch.vmap", "contract form"}
    second = {"torch.double_backward", "torch.forward_over_reverse", "torch.reverse_over_forward"}
    assert (second | {"torch.forward_over_forward"} <= offered) == (order == 2)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=str)
def test_real_through_complex_to_real(dtype: Any) -> None:
    """A real input has a real gradient, whatever lies between."""
    result = oracle.check(filtered, rules.point(12, dtype=dtype))
    assert (result.ok, result.certified, result.verdict) == (True, True, Verdict.AGREE), result
    assert judged(result) == {"gradient of x", "value of out"}


def test_gradient_is_a_complex_number_for_a_real_input() -> None:
    """A rule that answers a real input with complex numbers is refused by torch, which is an error."""
    rule = rules.rule(lambda x: torch.complex(x, x), lambda c, x: c * (1 - 1j))
    result = oracle.check(rule, rules.point(3))
    assert not result.ok


def test_mixed_precision() -> None:
    """Complex numbers that are narrowed on the way are judged in the narrow format."""
    result = oracle.check(lambda z: z.to(torch.complex64).sin().to(torch.complex128) * z, point(3))
    assert (result.ok, result.verdict) == (True, Verdict.AGREE), result


def test_size_at_zero_is_a_convention() -> None:
    """Any slope in the unit disk is one of |z| at 0; a number of size 2 is none."""
    zero = torch.zeros(2, dtype=torch.complex128)
    assert oracle.check(torch.abs, zero).verdict is Verdict.CONVENTION
    steep = rules.rule(torch.abs, lambda c, z: c * torch.full_like(z, 1.5 + 1.5j))
    assert oracle.check(steep, zero).verdict is Verdict.WRONG


def test_cotangent_of_the_user() -> None:
    """A cotangent may be complex, for real results it must not be; real numbers do for complex results."""
    z = point(2)
    given = torch.tensor([1 + 2j, -1j])
    assert oracle.check(torch.sin, z, cotangent=given).verdict is Verdict.AGREE
    assert oracle.check(torch.sin, z, cotangent=[1.0, 2.0]).ok
    fault = rules.rule(torch.sin, lambda c, z: c * torch.cos(z).conj() + c.imag * 1e-3)
    assert oracle.check(fault, z, cotangent=torch.tensor([1.0, 2.0])).ok
    assert not oracle.check(fault, z, cotangent=given).ok
    with pytest.raises(ValueError, match="the cotangent of out is complex, expected real"):
        oracle.check(torch.abs, z, cotangent=given)


def test_mutated_complex_cotangent() -> None:
    """A backward pass that works in its complex cotangent's memory breaks a promise."""
    result = oracle.check(rules.rule(torch.sin, lambda c, z: c.mul_(torch.cos(z).conj())), point(3))
    assert {f.route for f in result.failures} == {"contract mutation"}


def test_captured_and_module() -> None:
    """Complex parameters and tensors from outside are found, named by part and judged."""
    outside = point(3, seed=5).requires_grad_()

    class Phase(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.turn = torch.nn.Parameter(point(3, seed=3))

        def forward(self, x: Any) -> Any:
            return x * torch.exp(self.turn)

    assert judged(oracle.check(Phase(), rules.point(3))) >= {"gradient of turn.real", "gradient of turn.imag"}

    def closed(x: Any) -> Any:
        return outside.conj() * x

    found = judged(oracle.check(closed, rules.point(3)))
    assert found >= {"gradient of outside.real", "gradient of outside.imag", "gradient of x"}


def test_fixed_complex_input() -> None:
    """A complex input that requires no gradient is held fixed beside one that does."""
    result = oracle.check(lambda x, z: x * z.abs(), rules.point(3).requires_grad_(), point(3))
    assert judged(result) == {"gradient of x", "value of out"}


def test_spec_in_parts() -> None:
    """A written program speaks of parts, which its inputs and outputs are named by."""
    text = "re = z_real**2 - z_imag**2\nim = 2 * z_real * z_imag\nreturn re, im"

    def square(z: Any) -> Any:
        return z * z

    assert oracle.check(square, point(3), spec=text).verdict is Verdict.AGREE
    assert oracle.check(square, point(3), spec=text.replace("2 * z", "3 * z")).verdict is not Verdict.AGREE


def test_spec_of_pairs() -> None:
    """A callable that writes the program is given numbers that know complex arithmetic."""
    result = oracle.check(lambda z: z * z / (z + 1), point(3), spec=lambda _, z: z * z / (z + 1))
    assert (result.ok, result.certified, result.verdict) == (True, True, Verdict.AGREE)


def test_without_a_lowering() -> None:
    """What cannot be read is held to finite differences of both parts."""
    result = oracle.check(torch.linalg.eigvals, point(2, 2))
    assert Verdict.UNSUPPORTED in {f.verdict for f in result.findings}
    assert not result.failures, result


@pytest.mark.filterwarnings("ignore:ComplexHalf support is experimental")
def test_half_precision_is_named() -> None:
    """Complex numbers of 16-bit parts are unsupported by name."""
    result = oracle.check(lambda z: z.abs(), torch.ones(2, dtype=torch.complex32))
    assert "z is complex32; judged are" in str(result)


def test_layouts() -> None:
    """The function gets complex inputs as they lie in memory, lazy conjugates resolved."""
    seen = []

    def function(z: Any) -> Any:
        seen.append(z.stride())
        return torch.sin(z)

    assert oracle.check(function, point(4, 4).t()[:, ::2]).ok
    assert seen[0] == (1, 8)
    assert oracle.check(function, point(3).conj()).ok
