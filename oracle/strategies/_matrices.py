"""Matrices by what is special about them, with entries of few digits: what they are, they are exactly."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

Array = npt.NDArray[np.float64]

TINY = tuple(2.0**-k for k in (10, 8, 20))
"""What an ill-conditioned matrix differs from a singular one by; float16 still holds 1 beside the first."""


@dataclass(frozen=True, slots=True)
class MatrixClass:
    """A class of matrices: what it is in a sentence, whether it must be square, and a strategy by extents."""

    about: str
    square: bool
    of: Callable[[int, int], SearchStrategy[Array]]


def _entries(n: int, m: int, among: Sequence[float]) -> SearchStrategy[Array]:
    return st.lists(st.sampled_from(among), min_size=n * m, max_size=n * m).map(
        lambda drawn: np.array(drawn, dtype=np.float64).reshape(n, m)
    )


_SMALL = tuple(k / 8 for k in (0, 1, -1, 2, -2, 3, -3))
_WHOLE = (0.0, 1.0, -1.0, 2.0, -2.0)
_UNLIKE_ZERO = (1.0, 2.0, -1.0, 3.0)


def _invertible(n: int, _: int) -> SearchStrategy[Array]:
    return _entries(n, n, _WHOLE).map(lambda off: off - np.diag(np.diag(off)) + (2 * n + 1) * np.eye(n))


def _positive_definite(n: int, _: int) -> SearchStrategy[Array]:
    return _entries(n, n, tuple(x / 2 for x in _WHOLE)).map(lambda root: root @ root.T + np.eye(n))


def _quadruple(n: int) -> float:
    """A power of two of at least four times n, by which a division is exact.

    >>> _quadruple(3)
    16.0
    """
    return float(2 ** (max(4 * n, 1) - 1).bit_length())


def _symmetric(n: int, _: int) -> SearchStrategy[Array]:
    """The diagonal is 1, 2, ..., and what stands beside it too small to let eigenvalues meet."""
    return _entries(n, n, _SMALL).map(
        lambda off: np.diag(np.arange(1.0, n + 1)) + (off + off.T - 2 * np.diag(np.diag(off))) / _quadruple(n)
    )


def _distinct_singular_values(n: int, m: int) -> SearchStrategy[Array]:
    diagonal = np.zeros((n, m))
    np.fill_diagonal(diagonal, np.arange(1.0, min(n, m) + 1))
    return _entries(n, m, _SMALL).map(lambda off: diagonal + off / _quadruple(max(n, m)))


def _triangular(n: int, _: int) -> SearchStrategy[Array]:
    def build(off: Array, diagonal: list[float], lower: bool) -> Array:
        made = np.tril(off, -1) + np.diag(np.array(diagonal, dtype=np.float64))
        return np.ascontiguousarray(made if lower else made.T)

    diagonals = st.lists(st.sampled_from(_UNLIKE_ZERO), min_size=n, max_size=n)
    return st.builds(build, _entries(n, n, _WHOLE), diagonals, st.sampled_from((True, False)))


def _singular(n: int, _: int) -> SearchStrategy[Array]:
    """The last row is the sum of the others; zero where there are none."""
    return _entries(max(n - 1, 0), n, _WHOLE).map(
        lambda top: np.vstack([top, top.sum(axis=0, keepdims=True)]) if n else np.zeros((0, 0))
    )


def _rank_deficient(n: int, m: int) -> SearchStrategy[Array]:
    def product(rank: int) -> SearchStrategy[Array]:
        return st.builds(np.matmul, _entries(n, rank, _WHOLE), _entries(rank, m, _WHOLE))

    return st.integers(0, max(min(n, m) - 1, 0)).flatmap(product)


def _equal_eigenvalues(n: int, _: int) -> SearchStrategy[Array]:
    """Of a I + b 1: the eigenvalue a stands n - 1 times (n times for b = 0), and a + n b once."""
    return st.builds(
        lambda a, b: a * np.eye(n) + b * np.ones((n, n)),
        st.sampled_from(_UNLIKE_ZERO),
        st.sampled_from((0.0, 1.0, 0.5)),
    )


def _ill_conditioned(n: int, _: int) -> SearchStrategy[Array]:
    """All ones, and a little more on the diagonal; for one element the little alone."""
    return st.sampled_from(TINY).map(
        lambda tiny: tiny * np.diag(np.arange(1.0, n + 1)) + (np.ones((n, n)) if n > 1 else 0.0)
    )


MATRICES: Mapping[str, MatrixClass] = {
    "invertible": MatrixClass("the diagonal outweighs each row", True, _invertible),
    "positive_definite": MatrixClass("symmetric, eigenvalues of 1 and more", True, _positive_definite),
    "symmetric": MatrixClass("symmetric with eigenvalues well apart", True, _symmetric),
    "distinct_singular_values": MatrixClass(
        "any extents, singular values well apart and none zero", False, _distinct_singular_values
    ),
    "triangular": MatrixClass("lower or upper triangular without a zero on the diagonal", True, _triangular),
    "singular": MatrixClass("one row is the sum of the others", True, _singular),
    "rank_deficient": MatrixClass("a product through too few columns", False, _rank_deficient),
    "equal_eigenvalues": MatrixClass("symmetric with an eigenvalue that repeats", True, _equal_eigenvalues),
    "ill_conditioned": MatrixClass("a singular matrix and a little more", True, _ill_conditioned),
}
"""All classes by name, the simplest first."""


def matrices(
    rows: int,
    columns: int | None = None,
    *,
    batch: Sequence[int] = (),
    classes: Sequence[str] = tuple(MATRICES),
) -> SearchStrategy[Array]:
    """Float64 arrays of shape ``(*batch, rows, columns)``, square by default, of one class each.

    Classes that must be square are left out where rows and columns differ; ValueError if none remains or
    one is unknown.

    >>> from hypothesis import find
    >>> find(matrices(2, classes=["positive_definite"]), lambda a: True)
    array([[1., 0.],
           [0., 1.]])
    """
    columns = rows if columns is None else columns
    unknown = [c for c in classes if c not in MATRICES]
    if unknown:
        msg = f"found the matrix class {unknown[0]!r}; expected one of {', '.join(MATRICES)}"
        raise ValueError(msg)
    fitting = [c for c in classes if rows == columns or not MATRICES[c].square]
    if not fitting:
        msg = f"found no class of {', '.join(classes)} for {rows} rows and {columns} columns"
        raise ValueError(msg)
    shape = (*batch, rows, columns)
    count = int(np.prod(batch, dtype=np.int64))

    def stacks(name: str) -> SearchStrategy[Array]:
        one = MATRICES[name].of(rows, columns)
        return st.lists(one, min_size=count, max_size=count).map(lambda drawn: np.array(drawn).reshape(shape))

    return st.sampled_from(fitting).flatmap(stacks)
