"""Functions of matrices in balls: they enclose, factors multiply back, and what is not known is NaN."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from flint import arb

from reference_engine import TensorType, trace, xp
from reference_engine.arithmetic import matrices
from reference_engine.arithmetic.balls import Balls, exact, midpoints, precision
from reference_engine.arithmetic.float64 import Float64
from reference_engine.differentiate import vjp
from reference_engine.evaluate import evaluate, outputs
from tests.reference_engine.primitives.samples import DEFINITE, SQUARE, SYMMETRIC, TALL, WIDE
from tests.reference_engine.sample import Array

BOTH = pytest.mark.parametrize("tier", ["balls", "float64"])


def derivative(f: Callable[..., Any], x: Any, tier: str) -> list[Array]:
    """Value and gradient for one matrix, as float64 midpoints."""
    x = np.asarray(x, dtype=np.float64)
    program = vjp(trace(f, {"x": TensorType(x.shape)}), ("x",))
    values = {n: x if n == "x" else np.ones(t.shape) for n, t in program.input_types.items()}
    if tier == "float64":
        return outputs(program, evaluate(program, values, Float64()))
    with precision(128):
        balls = evaluate(program, {n: exact(v) for n, v in values.items()}, Balls())
        return [midpoints(v) for v in outputs(program, balls)]


def holds(found: Array, expected: Array) -> bool:
    """Whether every ball contains the number."""
    return all(a.contains(b) for a, b in zip(found.ravel(), expected.ravel(), strict=True))


@pytest.fixture(autouse=True)
def _bits() -> Any:
    with precision(200):
        yield


def test_cholesky_multiplies_back() -> None:
    """L L^T encloses the matrix."""
    factor = matrices.cholesky(exact(DEFINITE))
    assert holds(factor @ factor.T, exact(DEFINITE))


@pytest.mark.parametrize("a", [TALL, WIDE, SQUARE], ids=["tall", "wide", "square"])
def test_svd_multiplies_back(a: Array) -> None:
    """U diag(s) Vh encloses the matrix."""
    left = matrices.singular_vectors(exact(a), left=True)
    right = matrices.singular_vectors(exact(a), left=False)
    assert holds((left * matrices.singular_values(exact(a))) @ right, exact(a))


def test_eigenvectors_multiply_back() -> None:
    """V diag(w) V^T encloses the matrix, and V V^T the identity."""
    vectors = matrices.eigenvectors(exact(SYMMETRIC))
    values = matrices.eigenvalues(exact(SYMMETRIC))
    assert holds((vectors * values) @ vectors.T, exact(SYMMETRIC))
    assert holds(vectors @ vectors.T, exact(np.eye(3)))


def test_qr_multiplies_back() -> None:
    """Q R encloses the matrix, and R has a positive diagonal."""
    upper = matrices.qr_upper(exact(TALL))
    assert holds(matrices.qr_orthogonal(exact(TALL)) @ upper, exact(TALL))
    assert all(upper[i, i] > 0 for i in range(3))


@pytest.mark.parametrize("name", ["eigh", "svd", "qr"])
def test_signs_are_the_same_in_both_tiers(name: str) -> None:
    """Float64 and balls give factors of the same signs, also where components are equal in size."""
    a = np.array([[2.0, 1.0, 0.0], [1.0, 2.0, 0.0], [0.0, 0.0, 7.0]])
    function = getattr(xp, name)
    plain, certain = (derivative(function, a, tier) for tier in ("float64", "balls"))
    for found, expected in zip(plain[:-1], certain[:-1], strict=True):
        np.testing.assert_allclose(found, expected, atol=1e-15)


def test_repeated_eigenvalues_are_enclosed() -> None:
    """Eigenvalues are continuous, so that repeated ones have values; their vectors do not."""
    a = exact(np.diag([2.0, 1.0, 2.0]))
    assert holds(matrices.eigenvalues(a), exact(np.array([1.0, 2.0, 2.0])))
    assert all(v.is_nan() for v in matrices.eigenvectors(a).ravel())


@BOTH
@pytest.mark.parametrize(
    "f, x",
    [
        pytest.param(xp.inv, [[1.0, 2.0], [2.0, 4.0]], id="inv of a singular matrix"),
        pytest.param(xp.det, [[1.0, 2.0], [2.0, 4.0]], id="det of a singular matrix"),
        pytest.param(lambda x: xp.slogdet(x)[1], [[1.0, 2.0], [2.0, 4.0]], id="slogdet of a singular matrix"),
        pytest.param(xp.cholesky, [[1.0, 2.0], [2.0, 1.0]], id="cholesky of an indefinite matrix"),
        pytest.param(lambda x: xp.eigh(x)[1], [[1.0, 0.0], [0.0, 1.0]], id="eigenvectors of the identity"),
        pytest.param(lambda x: xp.svd(x)[0], [[1.0, 0.0], [0.0, 1.0]], id="singular vectors of the identity"),
        pytest.param(lambda x: xp.qr(x)[0], np.zeros((2, 2)), id="Q of zero"),
        pytest.param(xp.inv, np.full((2, 2), np.nan), id="inv of NaN"),
        pytest.param(xp.eigvalsh, np.full((2, 2), np.nan), id="eigenvalues of NaN"),
        pytest.param(xp.matrix_exp, np.full((2, 2), np.inf), id="exponential of infinity"),
    ],
)
def test_no_derivative_is_nan(f: Callable[..., Any], x: Any, tier: str) -> None:
    """Where there is no derivative, the gradient is NaN and nothing is raised."""
    assert np.isnan(derivative(f, x, tier)[-1]).any()


@BOTH
def test_one_singular_entry_of_a_stack(tier: str) -> None:
    """A singular matrix in a stack leaves the others alone."""
    stack = np.stack([np.eye(2), np.ones((2, 2)), 2 * np.eye(2)])
    value, _ = derivative(xp.inv, stack, tier)
    np.testing.assert_array_equal(value[[0, 2]], [np.eye(2), np.eye(2) / 2])
    assert np.isnan(value[1]).all()


@BOTH
@pytest.mark.parametrize("name", ["inv", "det", "slogdet", "eigh", "svd", "qr", "cholesky", "matrix_exp"])
@pytest.mark.parametrize("shape", [(0, 0), (0, 2, 2)], ids=str)
def test_nothing(name: str, shape: tuple[int, ...], tier: str) -> None:
    """Matrices without elements, and stacks without matrices, have the shapes of their types."""
    program = trace(getattr(xp, name), {"x": TensorType(shape)})
    found = derivative(getattr(xp, name), np.zeros(shape), tier)
    assert [v.shape for v in found[:-1]] == [t.shape for t in program.output_types]
    assert found[-1].shape == shape


def test_determinant_of_nothing() -> None:
    """The determinant of the empty matrix is 1."""
    assert matrices.det(exact(np.zeros((0, 0)))).item() == 1


def test_exponential_of_a_nilpotent_matrix() -> None:
    """exp([[0, 1], [0, 0]]) is [[1, 1], [0, 1]], and its derivative along the identity is itself."""
    a = exact(np.array([[0.0, 1.0], [0.0, 0.0]]))
    expected = exact(np.array([[1.0, 1.0], [0.0, 1.0]]))
    assert holds(matrices.exponential_derivative(a), expected)
    assert holds(matrices.exponential_derivative(a, exact(np.eye(2))), expected)


def test_derivatives_of_the_exponential_are_symmetric() -> None:
    """The second derivative does not depend on the order of its directions."""
    a, first, second = (exact(m) for m in (SQUARE, TALL[:3], DEFINITE))
    one = matrices.exponential_derivative(a, first, second)
    other = matrices.exponential_derivative(a, second, first)
    assert all(x.overlaps(y) for x, y in zip(one.ravel(), other.ravel(), strict=True))


def test_logabsdet_of_a_singular_matrix() -> None:
    """An exact zero determinant has the logarithm minus infinity."""
    assert matrices.logabsdet(exact(np.ones((2, 2)))).item() == arb.neg_inf()
