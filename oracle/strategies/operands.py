"""What an operation asks of one operand: whether a value has it, and fresh arrays that do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from oracle.strategies._matrices import matrices
from oracle.strategies._shapes import SIZES, Shape, parts, shapes
from oracle.strategies._values import truth_values, values
from reference_engine.calls import Operand
from reference_engine.operations import REAL_LINE
from reference_engine.precision import PRECISIONS

Array = npt.NDArray[Any]

LONG = (3, 5)
"""Extents where a record asks for at least 3."""

ANY_MATRIX: Mapping[str, str] = {
    "invertible": "invertible",
    "definite": "positive_definite",
    "triangular": "triangular",
    "spectral": "symmetric",
    "singular_values": "distinct_singular_values",
    "full_rank": "distinct_singular_values",
}
"""For each word of a record the class of matrices that a fresh operand is drawn from."""

APART = 1e-3
"""Relative distance of eigenvalues, singular values and pivots from each other and from zero."""


class Extents:
    """What the letters of a call mean so far; ``common`` is what operands broadcast to."""

    def __init__(self) -> None:
        self.letters: dict[str, int] = {}
        self.leading: Shape | None = None
        self.common: Shape = ()

    def copy(self) -> Extents:
        """The same, to be changed."""
        other = Extents()
        other.letters, other.leading, other.common = dict(self.letters), self.leading, self.common
        return other

    def match(self, operand: Operand, shape: Shape) -> Extents | None:
        """What the letters mean if the operand has this shape; None if it cannot."""
        found = self.copy()
        if operand.axes == ("*",):
            try:
                found.common = np.broadcast_shapes(self.common, shape)
            except ValueError:
                return None
            return found
        axes = list(operand.axes)
        if "..." in axes:
            at, spare = axes.index("..."), len(shape) - (len(axes) - 1)
            if spare < 0:
                return None
            leading = shape[at : at + spare]
            if found.leading not in {None, leading}:
                return None
            found.leading = leading
            shape = shape[:at] + shape[at + spare :]
            del axes[at]
        if len(axes) != len(shape):
            return None
        for letter, extent in zip(axes, shape, strict=True):
            wanted = int(letter) if letter.isdigit() else found.letters.setdefault(letter, extent)
            if wanted != extent or (letter.isupper() and extent < LONG[0]) or extent == 0:
                return None
        return found


@st.composite
def shape_of(draw: DrawFn, operand: Operand, extents: Extents) -> Shape:
    """A shape that the operand can have, given what the letters mean already."""
    if operand.axes == ("*",):
        return draw(shapes(max_rank=2) if extents.common == () else parts(extents.common))
    shape: list[int] = []
    for axis in operand.axes:
        if axis == "...":
            most = max(0, 3 - len(operand.axes))
            shape += draw(shapes(max_rank=most)) if extents.leading is None else extents.leading
        elif axis.isdigit():
            shape.append(int(axis))
        elif axis in extents.letters:
            shape.append(extents.letters[axis])
        else:
            extents.letters[axis] = draw(st.sampled_from(LONG if axis.isupper() else SIZES))
            shape.append(extents.letters[axis])
    return tuple(shape)


def fresh(
    operand: Operand, shape: Shape, extents: Extents, dtype: str, classes: Any
) -> SearchStrategy[Array]:
    """Arrays that the operand can be, of this shape."""
    if operand.matrix is not None:
        name = ANY_MATRIX[operand.matrix]
        drawn = matrices(shape[-2], shape[-1], batch=shape[:-2], classes=[name])
        return drawn.map(PRECISIONS[dtype].round)
    if operand.index is not None:
        extent = extents.letters.get(operand.index) or SIZES[1]
        order = [*range(extent), *(range(-1, -extent - 1, -1) if operand.negative else ())]
        return _each(st.sampled_from(order), shape, np.int64)
    if operand.signs:
        return _each(st.sampled_from((1.0, -1.0)), shape, np.float64)
    match operand.kinds[0]:
        case "bool":
            return truth_values(shape)
        case "int":
            return values(shape, "int64")
        case "real":
            return values(shape, dtype, classes=classes, domain=operand.domain).map(
                lambda a: a.astype(np.float64)
            )


def _each(elements: SearchStrategy[Any], shape: Shape, dtype: type[np.generic]) -> SearchStrategy[Array]:
    size = int(np.prod(shape, dtype=np.int64))
    return st.lists(elements, min_size=size, max_size=size).map(
        lambda n: np.array(n, dtype=dtype).reshape(shape)
    )


def within(operand: Operand, value: Array) -> bool:
    """Whether all elements lie in the open interval that the operand asks for."""
    domain = operand.domain
    return domain is REAL_LINE or bool(np.all((value > domain.low) & (value < domain.high)))


def has_structure(operand: Operand, value: Array, extents: Extents) -> bool:
    """Whether a value is a matrix, an index or a sign as the operand asks for."""
    if operand.index is not None:
        extent = extents.letters.get(operand.index)
        low = 0 if not operand.negative or extent is None else -extent
        return extent is not None and bool(np.all((value >= low) & (value < extent)))
    if operand.signs:
        return bool(np.all(np.abs(value) == 1))
    return operand.matrix is None or _is_matrix(operand.matrix, np.asarray(value, dtype=np.float64))


def _is_matrix(name: str, a: Array) -> bool:
    if a.size == 0:
        return False
    symmetric = (a + a.swapaxes(-1, -2)) / 2 if a.shape[-1] == a.shape[-2] else a
    match name:
        case "invertible" | "full_rank":
            sizes = np.linalg.svd(a, compute_uv=False)
            return bool(np.all(sizes[..., -1] > APART * sizes[..., 0]))
        case "definite":
            return bool(np.all(np.linalg.eigvalsh(symmetric) > APART * np.abs(a).max()))
        case "triangular":
            return bool(np.all(np.abs(np.diagonal(a, axis1=-2, axis2=-1)) > 0.1))
        case "spectral":
            return _apart(np.linalg.eigvalsh(symmetric))
        case _:
            sizes = np.linalg.svd(a, compute_uv=False)[..., ::-1]
            return _apart(sizes) and bool(np.all(sizes > APART * sizes.max()))


def _apart(ascending: Array) -> bool:
    gaps = np.diff(ascending, axis=-1)
    return bool(np.all(gaps > APART * np.abs(ascending).max()))
