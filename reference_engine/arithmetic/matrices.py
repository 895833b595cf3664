"""Functions of one matrix in balls: proved enclosures, or NaN where none is found at the working precision.

Matrices are object arrays of ``arb``. A singular matrix, an undecided pivot or a repeated eigenvalue gives
NaN instead of an exception: more precision, or a point nearby, may still tell.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from flint import acb_mat, arb, arb_mat

from reference_engine.arithmetic import Values


def as_matrix(a: Values) -> arb_mat:
    """An object array as a flint matrix."""
    return arb_mat(a.shape[0], a.shape[1], a.ravel().tolist())


def as_array(matrix: arb_mat) -> Values:
    """A flint matrix as an object array."""
    return filled((matrix.nrows(), matrix.ncols()), matrix.entries())


def filled(shape: tuple[int, ...], entries: list[Any]) -> Values:
    """An object array of these entries in row-major order."""
    out = np.empty(shape, dtype=object)
    out.reshape(-1)[:] = entries
    return out


def not_known(shape: tuple[int, ...]) -> Values:
    """An array of NaN."""
    return filled(shape, [arb.nan()] * int(np.prod(shape, dtype=np.int64)))


def _dot(a: Values, b: Values) -> arb:
    total = arb(0)
    for x, y in zip(a, b, strict=True):
        total += x * y
    return total


def solve(a: Values, b: Values) -> Values:
    """The x with a x = b."""
    if 0 in b.shape:
        return b
    try:
        return as_array(as_matrix(a).solve(as_matrix(b)))
    except ZeroDivisionError:
        return not_known(b.shape)


def triangular_solve(a: Values, b: Values, *, lower: bool, unit_diagonal: bool) -> Values:
    """The x with a x = b by substitution; the other triangle of a is never read."""
    n, columns = b.shape
    x = not_known(b.shape)
    for i in range(n) if lower else reversed(range(n)):
        done = slice(0, i) if lower else slice(i + 1, n)
        for j in range(columns):
            value = b[i, j] - _dot(a[i, done], x[done, j])
            x[i, j] = value if unit_diagonal else value / a[i, i]
    return x


def cholesky(a: Values) -> Values:
    """The lower L with positive diagonal and L L^T = a; NaN from the first pivot that is not certainly
    positive.
    """
    n = a.shape[0]
    factor = filled(a.shape, [arb(0)] * (n * n))
    for j in range(n):
        pivot = a[j, j] - _dot(factor[j, :j], factor[j, :j])
        factor[j, j] = pivot.sqrt() if pivot > 0 else arb.nan()
        for i in range(j + 1, n):
            factor[i, j] = (a[i, j] - _dot(factor[i, :j], factor[j, :j])) / factor[j, j]
    return factor


def det(a: Values) -> Values:
    """The determinant."""
    return filled((), [as_matrix(a).det()])


def logabsdet(a: Values) -> Values:
    """Log |det a|; negative infinity for a determinant that is exactly zero."""
    found = abs(as_matrix(a).det())
    return filled((), [arb.neg_inf() if found.is_zero() else found.log()])


def reference_vector(n: int) -> Values:
    """Float64 (cos 1, ..., cos n): an eigenvector's sign is fixed by its product with this vector, which
    is zero for no eigenvector of an ordinary matrix (the largest component, by contrast, is often not
    unique).
    """
    return np.cos(np.arange(1, n + 1, dtype=np.float64))


def oriented(columns: Values) -> Values:
    """For each column +1 or -1, so that its product with the reference vector becomes positive; NaN if
    undecided.
    """
    reference = [arb(float(r)) for r in reference_vector(columns.shape[0])]
    signs = []
    for j in range(columns.shape[1]):
        product = _dot(columns[:, j], np.array(reference, dtype=object))
        signs.append(arb(1) if product > 0 else arb(-1) if product < 0 else arb.nan())
    return filled((columns.shape[1],), signs)


def eigenvalues(a: Values) -> Values:
    """Eigenvalues of a symmetric matrix, ascending; repeated ones are enclosed too.

    The k-th smallest of real numbers lies between the k-th smallest of their lower and of their upper bounds.
    """
    n = a.shape[0]
    if n == 0:
        return filled((0,), [])
    try:
        found = [z.real for z in acb_mat(as_matrix(a)).eig(multiple=True)]
    except ValueError:
        return not_known((n,))
    lows, highs = _ascending([v.lower() for v in found]), _ascending([v.upper() for v in found])
    return filled((n,), [low.union(high) for low, high in zip(lows, highs, strict=True)])


def _ascending(numbers: list[arb]) -> list[arb]:
    out: list[arb] = []
    for number in numbers:
        place = len(out)
        while place > 0 and number < out[place - 1]:
            place -= 1
        out.insert(place, number)
    return out


def eigenvectors(a: Values) -> Values:
    """Orthonormal eigenvectors of a symmetric matrix as columns, eigenvalues ascending, signs as in
    :func:`oriented`.

    NaN where eigenvalues cannot be isolated.
    """
    n = a.shape[0]
    if n == 0:
        return filled((0, 0), [])
    try:
        values, vectors = acb_mat(as_matrix(a)).eig(right=True)
    except ValueError:
        return not_known(a.shape)
    order = _order([v.real for v in values])
    out = not_known(a.shape)
    for k, j in enumerate(order):
        column = [vectors[i, j] for i in range(n)]
        # A complex multiple of a real vector: divided by its largest component it is real.
        largest = max(range(n), key=lambda i: float(abs(column[i]).mid()))
        real = filled((n,), [(c / column[largest]).real for c in column])
        out[:, k] = real / _dot(real, real).sqrt()
    return out * oriented(out)


def _order(values: list[arb]) -> list[int]:
    order: list[int] = []
    for i, value in enumerate(values):
        place = len(order)
        while place > 0 and value < values[order[place - 1]]:
            place -= 1
        order.insert(place, i)
    return order


def _root(square: arb) -> arb:
    """Square root of a number that is known not to be negative."""
    if square > 0 or square.is_nan():
        return square.sqrt()
    return arb(0).union(square.upper().sqrt()) if square.upper() > 0 else arb(0)


def _gram(a: Values) -> Values:
    """The smaller of a^T a and a a^T, whose eigenvalues are the squares of the singular values."""
    matrix = as_matrix(a)
    turned = matrix.transpose()
    return as_array(turned * matrix if a.shape[0] >= a.shape[1] else matrix * turned)


def singular_values(a: Values) -> Values:
    """Singular values, descending."""
    if 0 in a.shape:
        return filled((0,), [])
    return filled((min(a.shape),), [_root(w) for w in eigenvalues(_gram(a))[::-1]])


def singular_vectors(a: Values, *, left: bool) -> Values:
    """Left singular vectors as columns, or right ones as rows; signs make the left ones :func:`oriented`.

    NaN where singular values repeat or, for the longer side, vanish.
    """
    m, n = a.shape
    k = min(m, n)
    if k == 0:
        return filled((m, 0) if left else (0, n), [])
    own = eigenvectors(_gram(a))[:, ::-1]
    values = singular_values(a)
    if m >= n:
        other = as_array(as_matrix(a) * as_matrix(own)) / values
        signs = oriented(other)
        return other * signs if left else (own * signs).T
    signs = oriented(own)
    if left:
        return own * signs
    return as_array(as_matrix((own * signs).T) * as_matrix(a)) / values[:, None]


def qr_upper(a: Values) -> Values:
    """The upper triangle R with positive diagonal of a = Q R, for at least as many rows as columns."""
    return cholesky(_gram(a)).T


def qr_orthogonal(a: Values) -> Values:
    """The Q with orthonormal columns of a = Q R, for at least as many rows as columns."""
    return triangular_solve(cholesky(_gram(a)), a.T, lower=True, unit_diagonal=False).T


def exponential_derivative(a: Values, *directions: Values) -> Values:
    """The k-th derivative of the matrix exponential in k directions; without directions the exponential
    itself.
    """
    n = a.shape[0]
    whole = as_array(as_matrix(derivative_block(a, directions, arb(0))).exp())
    return whole[:n, whole.shape[1] - n :]


def derivative_block(a: Values, directions: Sequence[Values], zero: Any) -> Values:
    """The block triangular matrix whose exponential has the derivative in its upper right corner.

    Blocks are numbered by the subsets of the directions; going from one subset to it with one direction
    more has that direction (Higham, "Functions of Matrices", 2008, section 3.4; Najfeld and Havel 1995 for
    one direction).
    """
    n, subsets = a.shape[-1], 1 << len(directions)
    block = np.full((*a.shape[:-2], n * subsets, n * subsets), zero, dtype=a.dtype)
    for s in range(subsets):
        rows = slice(s * n, s * n + n)
        block[..., rows, rows] = a
        for i, direction in enumerate(directions):
            larger = s | 1 << i
            if larger != s:
                block[..., rows, larger * n : larger * n + n] = direction
    return block
