"""Shapes from few distinct extents, so that programs repeat and what a framework compiled is used again."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

SIZES = (1, 2, 3, 5)
"""Extents of axes, the simplest first: 1 broadcasts, and the others are distinct and odd or even."""

MAX_RANK = 3

Shape = tuple[int, ...]


def extents(sizes: Sequence[int] = SIZES) -> SearchStrategy[int]:
    """One extent; shrinks towards the first of ``sizes``."""
    return st.sampled_from(tuple(sizes))


def shapes(
    *, min_rank: int = 0, max_rank: int = MAX_RANK, sizes: Sequence[int] = SIZES
) -> SearchStrategy[Shape]:
    """Shapes of ``min_rank`` to ``max_rank`` axes; the simplest has the fewest axes of the first extent.

    ``sizes`` may hold 0. ValueError if there is no such rank.
    """
    if not 0 <= min_rank <= max_rank:
        msg = f"found ranks from {min_rank} to {max_rank}; expected 0 <= min_rank <= max_rank"
        raise ValueError(msg)
    return st.lists(extents(sizes), min_size=min_rank, max_size=max_rank).map(tuple)


@st.composite
def empty_shapes(draw: DrawFn, *, max_rank: int = MAX_RANK) -> Shape:
    """Shapes of at least one axis with one extent of 0, the others from ``SIZES``."""
    shape = list(draw(shapes(min_rank=1, max_rank=max_rank)))
    shape[draw(st.integers(0, len(shape) - 1))] = 0
    return tuple(shape)


@st.composite
def broadcastable(
    draw: DrawFn, count: int = 2, *, max_rank: int = MAX_RANK, sizes: Sequence[int] = SIZES
) -> tuple[Shape, ...]:
    """``count`` shapes that broadcast together: a common one, some leading axes left out, others 1."""
    common = draw(shapes(max_rank=max_rank, sizes=sizes))
    return tuple(draw(parts(common)) for _ in range(count))


@st.composite
def parts(draw: DrawFn, common: Shape) -> Shape:
    """Shapes that broadcast to ``common``; the simplest is ``common`` itself."""
    missing = draw(st.integers(0, len(common)))
    return tuple(1 if draw(st.booleans()) else n for n in common[missing:])
