"""Every lowering of an ATen operation on complex numbers against torch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F  # noqa: N812 - its usual name
from torch.utils._python_dispatch import TorchDispatchMode

from oracle.lift.aten_parts import COMPLEX
from oracle.lift.aten_table import lookup
from oracle.lift.torch_internals import name_of
from oracle.lift.torch_lift import lift_torch
from reference_engine.arithmetic.float64 import Float64
from reference_engine.differentiate import TANGENT, jvp
from reference_engine.evaluate import as_inputs, evaluate
from tests.oracle.lift.complex_comparison import check, numbers, real_numbers

MASK = torch.tensor([[True, False, True, False]] * 3)
HALF = torch.tensor(0.5 + 0.25j, dtype=torch.complex128)
ONES = torch.tensor([1, 1])

FUNCTIONS: dict[str, Callable[[Any], Any]] = {
    "exponentials": lambda z: z.exp() + z.exp2() + z.expm1() + z.sinh() * z.cosh() + z.tanh(),
    "circular": lambda z: z.sin() + z.cos() * z.tan() + z.sinc(),
    "logarithms": lambda z: z.log() + z.log2() * z.log10() + z.log1p(),
    "roots": lambda z: z.sqrt() + z.rsqrt() + z.square() + z.reciprocal(),
    "inverse circular": lambda z: z.asin() + z.acos() * z.atan(),
    "inverse hyperbolic": lambda z: z.asinh() + z.acosh() * z.atanh(),
    "activations": lambda z: torch.sigmoid(z) + torch.sigmoid(-9 * z),
    "powers": lambda z: z**3 + z**-2 + z**0.5 + z**-0.5 + z**2.5 + z ** (1 + 2j) + z**0,
    "power of powers": lambda z: z**z + 2**z + (1 + 2j) ** z + torch.pow(z, z.real) + z.float_power(2),
    "sizes": lambda z: z.abs() + z.angle() + z.sgn() * 2,
    "parts": lambda z: z.real * z.imag + z.conj().imag + z.conj().conj().real - (-z).imag,
    "as real": lambda z: torch.view_as_real(z).sin() + torch.view_as_real(z.conj().resolve_conj()),
    "as complex": lambda z: torch.view_as_complex(torch.view_as_real(z).cos()),
    "made": lambda z: torch.complex(z.real.sin(), z.imag) + torch.polar(z.abs(), z.imag),
    "sums": lambda z: torch.add(z, z.conj(), alpha=2) + torch.sub(z, z.exp(), alpha=0.5j) + torch.rsub(z, 1j),
    "quotients": lambda z: (1 - z) / z + z.real / z + z / z.real + z.conj_physical() / (2 - 1j),
    "fused": lambda z: torch.addcmul(z, z, z.conj(), value=2) + torch.addcdiv(z, z.sin(), z, value=1j),
    "between": lambda z: torch.lerp(z, z.exp(), HALF) + torch.lerp(z, z.sin(), z),
    "sums of exponentials": lambda z: torch.logaddexp(z, z.conj() * 1j) + torch.logsumexp(z, 1, keepdim=True),
    "running sums of exponentials": lambda z: torch.logcumsumexp(z, 1),
    "doubled": lambda z: torch.ldexp(z, torch.tensor([1.0, 2.0, -1.0, 0.0])),
    "chosen": lambda z: torch.where(z == z[0], z.sin(), z) + torch.where(z != z[0], z, 2j),
}  # fmt: skip

SHAPES: dict[str, Callable[[Any], Any]] = {
    "views": lambda z: z.t()[1:, ::2].reshape(-1) + z.permute(1, 0)[0].expand(6, 3)[:, :1].sum(),
    "turned": lambda z: z.flip(0) * z.roll(1, 1) + z.tril() - z.rot90(2) + z.unfold(1, 2, 2).sum(-1).sum(),
    "joined": lambda z: torch.cat([z, z.real, z.conj()]) + torch.stack([z, z, z]).reshape(9, 4),
    "picked": lambda z: z[torch.tensor([0, 2, 2])] + z.gather(1, torch.tensor([[3, 0, 0, 1]] * 3)),
    "filled": lambda z: z.masked_fill(MASK, 2.0) + z.masked_fill(MASK, 1j) * F.pad(z, (1, 1))[:, :4],
    "put": lambda z: z.clone().index_put((torch.tensor([0, 0]),), z[1:], accumulate=True),
    "added": lambda z: z.index_add(0, ONES, z[:2]) + z.scatter_add(1, torch.zeros(3, 2).long(), z[:, :2]),
    "added a factor of": lambda z: z.index_add(0, ONES, z[:2], alpha=2),
    "summed": lambda z: z.sum() + z.mean(0).sum() * z.cumsum(1) + z.trace() + z.diagonal().prod(),
    "formats": lambda z: z.real.to(torch.complex128) * z.to(torch.complex128),
    "copied": lambda z: torch.zeros(3, 4, dtype=torch.complex128).copy_(z.real.sin()) * z,
}  # fmt: skip

PRODUCTS: dict[str, Callable[[Any], Any]] = {
    "matrices": lambda z: z @ z.mH + z @ z.t() + z.real.to(z.dtype) @ z.t(),
    "vectors": lambda z: z.mv(z[0]).sum() + z[0].dot(z[1]) + torch.vdot(z[0], z[2]) + torch.outer(z[0], z[1]),
    "fused": lambda z: torch.addmm(z[:, :3], z, z.t(), beta=0.5, alpha=2j) + torch.addmv(z[:, 0], z, z[1]),
    "fused vectors": lambda z: torch.addr(z[:, :3], z[:, 0], z[:, 1]),
    "batched": lambda z: torch.bmm(z[None], z.t()[None]) + torch.addbmm(z[:, :3], z[None], z.t()[None]),
    "fused batches": lambda z: torch.baddbmm(z[None, :, :3], z[None], z.t()[None], beta=0),
    "cross": lambda z: torch.linalg.cross(z[:, :3], z[:, 1:].conj()),
    "linear": lambda z: F.linear(z, z.conj(), z[:, 0]),
    "convolution": lambda z: F.conv1d(z[None], z[:, None, :2].expand(3, 3, 2), z[:, 3]),
    "products": lambda z: z.prod(1, keepdim=True) + z.cumprod(0) + z.prod() + z[:, :0].prod(1).sum(),
    "spread": lambda z: z.var(1) + z.std() + torch.var_mean(z, 0)[0].sum() + torch.std_mean(z)[1].real,
    "norms": lambda z: torch.linalg.vector_norm(z, dim=1, keepdim=True) + torch.linalg.vector_norm(z, ord=3),
    "other norms": lambda z: torch.linalg.vector_norm(z, ord=float("inf")) + z.norm(p=1) + z[0].norm(dim=0),
    "distances": lambda z: torch.dist(z, z.conj()) + torch.dist(z, z.exp(), p=3),
    "renorm": lambda z: torch.renorm(z, 2, 0, 1.0),
}

LINALG: dict[str, Callable[[Any], Any]] = {
    "solve": lambda z: torch.linalg.solve(_square(z), z) + torch.linalg.solve(_square(z), z[:, 0])[:, None],
    "solve on the right": lambda z: torch.linalg.solve(_square(z), z.t(), left=False),
    "inverse": lambda z: torch.linalg.inv(_square(z)) * torch.linalg.det(_square(z)),
    "determinant": lambda z: torch.linalg.slogdet(_square(z)),
    "cholesky": lambda z: _factor(z) + torch.linalg.cholesky(_positive(z), upper=True),
    "older cholesky": lambda z: torch.cholesky(_positive(z)),
    "cholesky inverse": lambda z: torch.cholesky_inverse(_factor(z)),
    "cholesky inverse of upper": lambda z: torch.cholesky_inverse(_factor(z).mH, upper=True),
    "cholesky solve": lambda z: torch.cholesky_solve(z, _factor(z)),
    "cholesky solve of upper": lambda z: torch.cholesky_solve(z, _factor(z).mH, upper=True),
    "triangular": lambda z: torch.linalg.solve_triangular(_square(z), z, upper=False),
    "triangular on the right": lambda z: torch.linalg.solve_triangular(
        _square(z), z.t(), upper=True, unitriangular=True, left=False
    ),
    "older triangular": lambda z: torch.triangular_solve(z, _square(z), transpose=True)[0],
    "exponential": lambda z: torch.linalg.matrix_exp(_square(z) / 4) @ torch.linalg.matrix_power(z[:, :3], 3),
    "lu": lambda z: torch.linalg.lu(_square(z))[1:],
    "packed lu": lambda z: torch.linalg.lu_factor(_square(z)).LU + torch.linalg.lu_factor(z).LU[:, :3],
    "unpacked lu": lambda z: torch.lu_unpack(*torch.linalg.lu_factor(_square(z)))[1:],
    "lu solve": lambda z: torch.linalg.lu_solve(*torch.linalg.lu_factor(_square(z)), z),
    "lu solve of the adjoint": lambda z: torch.linalg.lu_solve(
        *torch.linalg.lu_factor(_square(z)), z.t(), left=False, adjoint=True
    ),
    "qr": lambda z: torch.linalg.qr(z.t()).Q @ torch.linalg.qr(z.t()).R.sin(),
}  # fmt: skip


def _square(z: Any) -> Any:
    return z[:, :3] + 3 * torch.eye(3, dtype=z.dtype)


def _positive(z: Any) -> Any:
    return _square(z) @ _square(z).mH


def _factor(z: Any) -> Any:
    return torch.linalg.cholesky(_positive(z))


TRANSFORMS: dict[str, Callable[[Any], Any]] = {
    "forward": lambda z: torch.fft.fft(z) * torch.fft.fft(z, norm="forward"),
    "back": lambda z: torch.fft.ifft(z, norm="ortho") + torch.fft.ifft(z),
    "planes": lambda z: torch.fft.fft2(z) + torch.fft.ifftn(z, norm="backward"),
    "of real numbers": lambda z: torch.fft.rfft(z.real) * torch.fft.rfft(z.imag, norm="ortho"),
    "planes of real numbers": lambda z: torch.fft.rfft2(z.real) + torch.fft.rfftn(z.imag, norm="ortho"),
    "to real numbers": lambda z: torch.fft.irfft(z, n=6) + torch.fft.irfft(z, norm="forward"),
    "to one real number": lambda z: torch.fft.irfft(z[:, :1], n=1),
    "to an odd number": lambda z: torch.fft.irfft(z, n=7) * torch.fft.irfft2(z, s=(3, 7), norm="ortho"),
    "Hermitian": lambda z: torch.fft.hfft(z) + torch.fft.ihfft(z.real, n=11).real.sum() + torch.fft.hfft2(z),
    "shifted": lambda z: torch.fft.fftshift(z) * torch.fft.ifftshift(z, dim=1),
    "of many factors": lambda z: torch.fft.fft(z, n=360)[:, ::45],
    "of two factors": lambda z: torch.fft.fft(z, n=34)[:, ::5],
    "of a prime length": lambda z: torch.fft.fft(z, n=23, dim=0)[:3],
    "all of a real one": lambda z: torch.fft.fft(z.real, n=5),
}  # fmt: skip


@pytest.mark.parametrize(
    "family, name",
    [(f, n) for f in ("FUNCTIONS", "SHAPES", "PRODUCTS", "LINALG", "TRANSFORMS") for n in globals()[f]],
    ids=lambda v: str(v).lower(),
)
@pytest.mark.filterwarnings("ignore:torch.(triangular_solve|cholesky) is deprecated")
def test_value_and_gradient(family: str, name: str) -> None:
    """Evaluated in float64 the lifted Program gives torch's value, and its VJP torch's gradient."""
    check(globals()[family][name], numbers(3, 4, seed=7))


@pytest.mark.filterwarnings("ignore:torch.(triangular_solve|cholesky) is deprecated")
def test_every_lowering_is_tried() -> None:
    """The functions above call every operation of the table, or say here why not."""
    seen: set[str] = set()

    class Listening(TorchDispatchMode):  # type: ignore[misc]
        def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            base = name_of(func)
            seen.update((base, base.removesuffix("_")))
            return func(*args, **(kwargs or {}))

    z = numbers(3, 4, seed=7)
    with Listening():
        for family in (FUNCTIONS, SHAPES, PRODUCTS, LINALG, TRANSFORMS):
            for function in family.values():
                function(z)
        for function in PREDICATES:
            function(z)
    in_place = {"conj_physical"}  # what torch does before and after it writes through a conjugate view
    assert set(COMPLEX) - seen == in_place


PREDICATES: tuple[Callable[[Any], Any], ...] = (
    lambda z: torch.isfinite(z).any() & torch.isnan(z).all() & torch.isinf(z).any(),
    lambda z: z.any() & z.all() & torch.equal(z, z) & (torch.count_nonzero(z) > 0),
    lambda z: torch.logical_and(z, z) | torch.logical_or(z, z) ^ torch.logical_xor(z, torch.logical_not(z)),
)


@pytest.mark.parametrize("window", [torch.ones(8), torch.hann_window(8)], ids=["plain", "hann"])
def test_short_time_transform(window: Any) -> None:
    """Frames of a signal transformed, changed and put together again."""

    def filtered(x: Any) -> Any:
        found = torch.stft(x, 8, window=window.double(), return_complex=True)
        return torch.istft(found * found.abs(), 8, window=window.double())

    check(filtered, real_numbers(24))


def test_memory_is_shared_with_real_views() -> None:
    """What is written through real views, conjugate views and slices of complex memory is seen by all."""

    def function(z: Any) -> Any:
        w = z.clone()
        w.real.mul_(2)
        torch.view_as_real(w)[1, ..., 1] = z[0].abs()
        w.conj()[2].mul_(1j)
        w.imag[:, 0] -= 1
        w.t()[3].copy_(z[:, 0].real)
        row = w[1]
        row += z[0]
        row.transpose_(0, 0)
        return w.sin(), w.conj().imag, row.mH if row.ndim > 1 else row

    check(function, numbers(3, 4))


def test_real_memory_is_written_as_complex() -> None:
    """What is written to a complex view of real memory is seen in it."""

    def function(x: Any) -> Any:
        pairs = x.clone()
        torch.view_as_complex(pairs).mul_(1 + 2j)
        pairs[0] += 1
        return pairs * torch.view_as_complex(pairs).abs()[:, None]

    check(function, real_numbers(3, 2))


def test_constant_memory_becomes_active() -> None:
    """A complex constant that is written to holds its other numbers as they were."""

    def function(z: Any) -> Any:
        table = torch.full((3, 2), 1 + 2j, dtype=torch.complex128)
        table[1] = z
        table.conj()[2, 0] = z[1]
        return table * table

    check(function, numbers(2))


def test_mixed_inputs() -> None:
    """A real input of a complex computation has a real gradient."""
    lifted = check(lambda x, z: torch.polar(x.abs(), x) @ z * x.sum(), real_numbers(3), numbers(3, 2, seed=1))
    assert [s.name for s in lifted.inputs] == ["x", "z_real", "z_imag"]
    assert [s.path for s in lifted.inputs] == ["x", "z.real", "z.imag"]
    assert [o.part for o in lifted.outputs] == ["real", "imag"]


@pytest.mark.parametrize("side", [0.0, -0.0], ids=["above", "below"])
@pytest.mark.parametrize("across", [False, True], ids=["real axis", "imaginary axis"])
@pytest.mark.parametrize(
    "function",
    ["log", "sqrt", "angle", "log1p", "asin", "acos", "acosh", "asinh", "atan", "atanh", "log10", "rsqrt"],
)
def test_sides_of_a_cut(function: str, across: bool, side: float) -> None:
    """On a cut the sign of a zero chooses the side: the value is torch's, the slope that of torch's values
    along the cut. (Torch's own gradient of asin and acos beyond 1 is that of the other side.)
    """

    def along(x: Any) -> Any:
        zero = torch.full((4,), side, dtype=torch.float64)
        z = torch.complex(zero, x) if across else torch.complex(x, zero)
        found = getattr(torch, function)(z)
        return torch.view_as_real(found) if found.is_complex() else found

    x = torch.tensor([-2.5, 2.5, -0.5, 0.5], dtype=torch.float64)
    lifted = lift_torch(along, [x])
    (output,) = lifted.outputs
    np.testing.assert_allclose(lifted.forward()[output.name], output.value, rtol=1e-13, atol=1e-15)
    step = 1e-6
    slope = (along(x + step) - along(x - step)) / (2 * step)
    np.testing.assert_allclose(_slopes(lifted), slope.numpy(), rtol=1e-8, atol=1e-8)


def _slopes(lifted: Any) -> np.ndarray:
    """The tangent of the only output along ones."""
    program = jvp(lifted.program, ("x",))
    given = {**lifted.arrays, TANGENT + "x": np.ones(4)}
    values = evaluate(program, as_inputs(program, given), Float64())
    found = dict(zip(program.output_names, (values[i] for i in program.outputs), strict=True))
    return np.asarray(found[TANGENT + "out"])


@pytest.mark.parametrize("function", ["tanh", "sqrt", "expm1", "log1p", "asin", "acosh", "sigmoid", "atan"])
def test_formulas_are_stable(function: str) -> None:
    """Formulas neither overflow nor lose digits at large, small and nearly real arguments."""
    z = torch.tensor([700 + 1j, -700 + 2j, 1e-9 + 1e-9j, 30 - 1e-12j, 1e-3 + 50j], dtype=torch.complex128)
    lifted = lift_torch(getattr(torch, function), [z])
    re, im = (lifted.forward()[o.name] for o in lifted.outputs)
    np.testing.assert_allclose(re + 1j * im, getattr(torch, function)(z).numpy(), rtol=1e-14)


def test_operation_without_formula_is_named() -> None:
    """What is not linear and has no complex lowering is unsupported, never wrong."""
    lifted = lift_torch(lambda z: torch.linalg.eigvals(z), [numbers(3, 3)])
    assert lifted.program is None
    assert "linalg_eig" in str(lifted.unsupported[0])


def test_one_table_for_what_moves() -> None:
    """Operations that treat both parts alike have no entry among the complex ones."""
    assert lookup(torch.ops.aten.permute.default) is not None
    assert "permute" not in COMPLEX
