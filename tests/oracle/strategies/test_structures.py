from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oracle.strategies import (
    LAYOUTS,
    MATRICES,
    broadcastable,
    empty_shapes,
    indices,
    laid_out,
    layouts,
    matrices,
    shapes,
)

FEW = settings(max_examples=30, deadline=None, database=None, derandomize=True)


def holds(name: str, a: np.ndarray) -> bool:
    """Whether a matrix is what its class says."""
    n = min(a.shape)
    sizes = np.linalg.svd(a, compute_uv=False)
    symmetric = a.shape[0] == a.shape[1] and np.array_equal(a, a.T)
    match name:
        case "invertible":
            return bool(sizes[-1] > 0.5)
        case "positive_definite":
            return symmetric and bool(np.linalg.eigvalsh(a)[0] > 0.99)
        case "symmetric":
            return symmetric and bool(np.all(np.diff(np.linalg.eigvalsh(a)) > 0.1))
        case "distinct_singular_values":
            return bool(np.all(np.diff(sizes[::-1]) > 0.1)) and bool(sizes[-1] > 0.1)
        case "triangular":
            lower_or_upper = np.array_equal(a, np.tril(a)) or np.array_equal(a, np.triu(a))
            return lower_or_upper and bool(np.all(np.diag(a) != 0))
        case "singular" | "rank_deficient":
            return int(np.linalg.matrix_rank(a)) < n
        case "equal_eigenvalues":
            gaps = np.diff(np.linalg.eigvalsh(a))
            return symmetric and (n < 3 or bool(np.any(gaps < 1e-12)))
        case "ill_conditioned":
            return n == 1 or bool(sizes[0] > 100 * sizes[-1])
    raise AssertionError(name)


@pytest.mark.parametrize("name", MATRICES)
@FEW
@given(data=st.data(), n=st.sampled_from((1, 2, 3, 5)))
def test_matrices_are_what_their_class_says(name: str, data: st.DataObject, n: int) -> None:
    """Rank, eigenvalues and shape of each class."""
    drawn = data.draw(matrices(n, classes=[name]))
    assert drawn.shape == (n, n)
    assert holds(name, drawn)


@FEW
@given(matrices(2, 5, batch=(3,)), matrices(0))
def test_stacks_and_rectangles(wide: np.ndarray, empty: np.ndarray) -> None:
    """Classes that must be square are left out of wide matrices."""
    assert (wide.shape, empty.shape) == ((3, 2, 5), (0, 0))


@FEW
@given(st.data(), shapes(min_rank=2))
def test_layouts_keep_values(data: st.DataObject, shape: tuple[int, ...]) -> None:
    """Every layout but the expanded one holds the same array, in memory of its own form."""
    array = np.arange(np.prod(shape), dtype=np.float64).reshape(shape)
    laid = data.draw(layouts(array))
    expected = np.broadcast_to(array[:1], shape) if laid.layout == "expanded" else array
    np.testing.assert_array_equal(laid.array, expected)


def test_layouts_have_their_strides() -> None:
    """What each layout is about is seen in the strides."""
    array = np.arange(6.0).reshape(2, 3)
    found = {name: laid_out(array, name).strides for name in LAYOUTS}
    assert found == {
        "contiguous": (24, 8),
        "transposed": (8, 16),
        "strided": (48, 16),
        "expanded": (0, 8),
        "reversed": (24, -8),
        "offset": (24, 8),
    }
    assert laid_out(array, "offset").base is not None
    with pytest.raises(ValueError, match="needs 2 axes"):
        laid_out(array[0], "transposed")
    assert laid_out(np.array(1.0), "offset").shape == ()


@FEW
@given(broadcastable(3), empty_shapes())
def test_shapes_broadcast_and_are_empty(several: tuple[tuple[int, ...], ...], empty: tuple[int, ...]) -> None:
    """Numpy agrees."""
    assert len(np.broadcast_shapes(*several)) == max(map(len, several))
    assert np.prod(empty) == 0


@FEW
@given(st.data(), st.sampled_from((1, 2, 5)))
def test_indices_are_what_their_class_says(data: st.DataObject, extent: int) -> None:
    """In order, anywhere, one place, from the end, too few, none, outside."""

    def drawn(name: str) -> np.ndarray:
        return data.draw(indices(extent, classes=[name]))  # type: ignore[list-item]

    assert drawn("in_order").tolist() == list(range(extent))
    assert set(drawn("any").tolist()) <= set(range(extent))
    assert len(set(drawn("repeated").tolist())) == 1 < len(drawn("repeated"))
    assert all(-extent <= k < 0 for k in drawn("negative").tolist())
    assert 0 < len(drawn("short")) <= max(1, extent - 1)
    assert len(drawn("none")) == 0
    assert not any(-extent <= k < extent for k in drawn("out_of_range").tolist())
    assert len(data.draw(indices(extent, 4))) == 4


def test_what_cannot_be_is_refused() -> None:
    """No class, no extent, no axes: the message says so."""
    with pytest.raises(ValueError, match="no class of in_order for extent 0"):
        indices(0, classes=["in_order"])
    with pytest.raises(ValueError, match="index class 'first'"):
        indices(2, classes=["first"])  # type: ignore[list-item]
    with pytest.raises(ValueError, match="matrix class 'nice'"):
        matrices(2, classes=["nice"])
    with pytest.raises(ValueError, match="no class of singular for 2 rows and 3 columns"):
        matrices(2, 3, classes=["singular"])
    with pytest.raises(ValueError, match="no layout of transposed"):
        layouts(np.zeros(2), names=["transposed"])
    with pytest.raises(ValueError, match="ranks from 3 to 2"):
        shapes(min_rank=3, max_rank=2)
