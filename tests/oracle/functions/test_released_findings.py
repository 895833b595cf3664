"""Faults of released frameworks that no case file can express are found, by name and place.

Inside the versions given, the finding must be there; outside of them nothing may be found. So a release that
mends a fault, and one that does not, are both noticed. What is wrong with each is in docs/findings.md.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch
from packaging.specifiers import SpecifierSet

import oracle
from oracle.judge.verdict import FAILING, Verdict

TORCH, JAX = ">=2.13,<2.14", ">=0.10,<0.11"
INF = float("inf")


@dataclass(frozen=True)
class Released:
    """One fault: a function at a point, and the only findings on ``route`` that fail, by argument."""

    name: str
    function: Callable[..., Any]
    inputs: Sequence[Any]
    route: str
    expected: dict[str, Verdict]
    options: dict[str, Any] = field(default_factory=dict)

    @property
    def affected(self) -> bool:
        """Whether the installed release is one of those that have it."""
        framework = self.route.partition(".")[0]
        return version(framework) in SpecifierSet(TORCH if framework == "torch" else JAX)


def t(values: Any, dtype: Any = torch.float64) -> torch.Tensor:
    """A float64 tensor."""
    return torch.tensor(values, dtype=dtype)


def j(values: Any) -> Any:
    """A float64 array."""
    with jax.enable_x64(True):
        return jnp.asarray(np.array(values, dtype=np.float64))


LOWER = t([[2.0, 0.0, 0.0], [1.0, 3.0, 0.0], [0.5, 1.0, 1.5]])
TWO_LOWER = t([[[2.0, 0.0], [-7.0, 3.0]], [[3.0, 0.0], [-13.0, 2.0]]])
RIGHT = t([[1.0, 2.0], [-1.0, 3.0]])
TALL_RIGHT = t([[1.0, 2.0], [-1.0, 0.5], [3.0, 1.0]])
REFLECTORS = t([[1.0, 0.0], [0.5, 1.0], [-0.25, 2.0]])
SYMMETRIC = [[4.0, 1.0, 0.5], [1.0, 3.0, -0.5], [0.5, -0.5, 2.0]]


def alignments(target: Sequence[int], steps: int, classes: int) -> list[tuple[int, ...]]:
    """All label sequences that collapse to the target: repeats are merged, then blanks (0) dropped."""
    return [
        path
        for path in itertools.product(range(classes), repeat=steps)
        if [label for label, _ in itertools.groupby(path) if label] == list(target)
    ]


def ctc(log_probs: Any) -> Any:
    """Torch's CTC loss of the target 1, 2 in four steps."""
    return torch.nn.functional.ctc_loss(log_probs, torch.tensor([[1, 2]]), (4,), (2,), reduction="sum")


def ctc_by_definition(xp: Any, log_probs: Any) -> Any:
    """The negative logarithm of the sum of the probabilities of all alignments."""
    paths = alignments([1, 2], 4, 3)
    return -xp.logsumexp(xp.stack([sum(log_probs[k, 0, c] for k, c in enumerate(path)) for path in paths]))


WRONG, IMPRECISE, NONFINITE, ERROR = Verdict.WRONG, Verdict.IMPRECISE, Verdict.NONFINITE, Verdict.ERROR
SECOND = {"order": 2}

FAULTS = [
    Released(
        "as_strided_scatter keeps the cotangent of what is overwritten",
        lambda x, y: torch.as_strided_scatter(x, y, (4,), (1,), 0),
        [t([1.0, 2.0, 3.0, 4.0, 5.0, 6.0]), t([7.0, 8.0, 9.0, 10.0])],
        "torch.autograd", {"gradient of x": WRONG},
    ),
    Released(
        "scatter_reduce with prod has no forward mode and answers 0",
        lambda x, y: x.scatter_reduce(0, torch.tensor([0, 1, 0]), y, "prod"),
        [t([2.0, 3.0]), t([1.5, -2.0, 4.0])],
        "torch.func.jvp", {"tangent of out": WRONG},
    ),
    Released(
        "max_unpool1d gives the cotangent of a repeated index to the loser too",
        lambda x: torch.nn.functional.max_unpool1d(x, torch.tensor([[[1, 1]]]), 2),
        [t([[[1.0, 2.0]]])],
        "torch.autograd", {"gradient of x": WRONG},
    ),
    Released(
        "cholesky_inverse takes the factors of its forward mode in the wrong order",
        lambda x: torch.cholesky_inverse(x.tril()), [LOWER],
        "torch.func.jvp", {"tangent of out": WRONG},
    ),
    Released(
        "cholesky_inverse has a gradient in the triangle that it does not read",
        torch.cholesky_inverse, [LOWER],
        "torch.autograd", {"gradient of x0": WRONG},
    ),
    Released(
        "cholesky_solve has a gradient in the triangle that it does not read",
        lambda x: torch.cholesky_solve(TALL_RIGHT, x), [LOWER],
        "torch.autograd", {"gradient of x": WRONG},
    ),
    Released(
        "cholesky_solve takes one matrix beside two factors for two vectors",
        lambda x: torch.cholesky_solve(RIGHT, x.tril()), [TWO_LOWER],
        "torch.func.jvp", {"tangent of out": WRONG},
    ),
    Released(
        "triangular_solve with transpose does not transpose the tangent",
        lambda y, x: torch.triangular_solve(y, x.tril(), upper=False, transpose=True)[0],
        [TALL_RIGHT, LOWER],
        "torch.func.jvp", {"tangent of out": WRONG},
    ),
    Released(
        "the backward of triangular_solve solves with transpose, and inherits it",
        lambda y, x: torch.triangular_solve(y, x.tril(), upper=False)[0],
        [TALL_RIGHT, LOWER],
        "torch.forward_over_reverse", {"gradient of y": WRONG, "gradient of x": WRONG}, SECOND,
    ),
    Released(
        "the forward mode of householder_product holds its result constant",
        lambda x, y: torch.linalg.householder_product(x, y), [REFLECTORS, t([0.5, 0.25])],
        "torch.reverse_over_forward", {"gradient of x": WRONG, "gradient of y": WRONG}, SECOND,
    ),
    Released(
        "layer_norm with a bias but no weight has no second derivative",
        lambda x, y: torch.nn.functional.layer_norm(x, (3,), None, y),
        [t([[1.0, 2.0, -1.0]]), t([0.5, 1.0, 2.0])],
        "torch.double_backward", {"gradient": ERROR}, SECOND,
    ),
    Released(
        "safe softmax of a row of -infinity, reverse over forward",
        lambda x: torch.ops.aten._safe_softmax(x, -1), [t([[-INF, -INF], [0.5, 1.0]])],
        "torch.reverse_over_forward", {"gradient of x": NONFINITE}, SECOND,
    ),
    Released(
        "logaddexp2 of far numbers has no second derivative",
        lambda x, y: torch.logaddexp2(x, y), [t([2000.0]), t([0.0])],
        "torch.double_backward", {"gradient of x": NONFINITE, "gradient of y": NONFINITE}, SECOND,
    ),
    Released(
        "ctc_loss differentiates as if its input were the result of a log_softmax",
        ctc, [t([[[0.5, -1.0, 0.25]], [[1.0, 0.0, -0.5]], [[0.25, 0.75, 0.0]], [[-1.0, 0.5, 0.5]]])],
        "torch.autograd", {"gradient of log_probs": WRONG}, {"spec": ctc_by_definition},
    ),
    Released(
        "logcumsumexp works with logarithms of the cotangent, off by ulps of numbers near 10000",
        lambda x: torch.logcumsumexp(x, 0), [t([10000.0, 10001.0, 9999.5])],
        "torch.autograd", {"gradient of x": IMPRECISE},
    ),
    Released(
        "ldexp with negative whole numbers differentiates a power of whole numbers, which is 0",
        lambda x: torch.ldexp(x, torch.tensor([-1, 2])), [t([1.5, 2.5])],
        "torch.autograd", {"gradient of x": WRONG},
    ),
    Released(
        "the slope of asin on its cut is that of the other side",
        lambda x: torch.asin(torch.complex(x, torch.zeros_like(x))).imag, [t([0.5, 2.0])],
        "torch.autograd", {"gradient of x": WRONG},
    ),
    Released(
        "the slope of asinh on its cut is that of the other side",
        lambda x: torch.asinh(torch.complex(-torch.zeros_like(x), x)).real, [t([0.5, 2.0])],
        "torch.autograd", {"gradient of x": WRONG},
    ),
    Released(
        "where of complex and real numbers has no backward",
        lambda z: torch.where(z.real > 0, z.sin(), z.real), [t([1.0 + 0.5j, -1.0 + 2.0j], torch.complex128)],
        "torch.autograd", {"gradient": ERROR},
    ),
    Released(
        "jax cholesky without symmetrization has a gradient in the triangle that it does not read",
        lambda x: jax.lax.linalg.cholesky(x, symmetrize_input=False), [j(SYMMETRIC)],
        "jax.vjp", {"gradient of x": WRONG},
    ),
    Released(
        "jax eigh without symmetrization has a gradient in the triangle that it does not read",
        lambda x: jax.lax.linalg.eigh(x, symmetrize_input=False)[1], [j(SYMMETRIC)],
        "jax.vjp", {"gradient of x": WRONG},
    ),
    Released(
        "jax indexing clamps an index that is out of bounds, its gradient drops it",
        lambda x: x[jnp.array([0, 5])], [j([1.0, 2.0, 3.0])],
        "jax.vjp", {"gradient of x": WRONG},
    ),
    Released(
        "jax clamp with scalar bounds cannot be differentiated in them",
        jax.lax.clamp, [j(0.0), j([-1.0, 1.0, 3.0]), j(2.0)],
        "jax.vjp", {"gradient": ERROR},
    ),
]  # fmt: skip


@pytest.mark.filterwarnings("ignore:torch.triangular_solve is deprecated")
@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_a_released_fault(fault: Released) -> None:
    """The fault is found where it is known to be, and nowhere else on that route."""
    with jax.enable_x64(True):
        result = oracle.check(fault.function, *fault.inputs, routes=[fault.route], **fault.options)
    found = {
        f.argument: f.verdict for f in result.findings if f.verdict in FAILING and f.route == fault.route
    }
    assert found == (fault.expected if fault.affected else {})


def test_ctc_is_right_behind_a_log_softmax() -> None:
    """With the normalization that torch's CTC loss takes for granted its gradient is the certified one."""
    logits = t([[[0.5, -1.0, 0.25]], [[1.0, 0.0, -0.5]], [[0.25, 0.75, 0.0]], [[-1.0, 0.5, 0.5]]])

    def definition(xp: Any, x: Any) -> Any:
        return ctc_by_definition(xp, xp.log_softmax(x, axis=-1))

    result = oracle.check(lambda x: ctc(x.log_softmax(-1)), logits, spec=definition)
    assert (result.verdict, result.certified) == (Verdict.AGREE, True)


def test_the_unread_triangle_matters_to_unsymmetric_directions_only() -> None:
    """JAX's gradient of an unsymmetrized Cholesky factor is right along every symmetric direction."""
    with jax.enable_x64(True):
        x = j(SYMMETRIC)
        _, pull = jax.vjp(lambda a: jax.lax.linalg.cholesky(a, symmetrize_input=False), x)
        (unread,) = pull(jnp.tril(jnp.arange(1.0, 10.0).reshape(3, 3)))
        _, pull = jax.vjp(lambda a: jax.lax.linalg.cholesky(jnp.tril(a) + jnp.tril(a, -1).T), x)
        (read,) = pull(jnp.tril(jnp.arange(1.0, 10.0).reshape(3, 3)))
    above = np.triu_indices(3, 1)
    assert np.abs(np.asarray(unread)[above]).min() > 0.1
    np.testing.assert_array_equal(np.asarray(read)[above], 0.0)
    both = np.asarray(unread + unread.T), np.asarray(read + read.T)
    np.testing.assert_allclose(both[0], both[1], rtol=1e-13)
