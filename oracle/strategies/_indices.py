"""Integer positions along an axis: in order, repeated, from the end, too few, and outside."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

Indices = npt.NDArray[np.int64]

IndexClass = Literal["in_order", "any", "repeated", "negative", "short", "none", "out_of_range"]
"""In the order of the axis; any place; one place again and again; from the end; fewer than the axis has; no
position at all; and positions that the axis does not have, which must be refused or dropped.
"""

VALID: tuple[IndexClass, ...] = ("in_order", "any", "repeated", "negative", "short", "none")


def indices(
    extent: int, length: int | None = None, *, classes: Sequence[IndexClass] = VALID
) -> SearchStrategy[Indices]:
    """One axis of positions for an axis of ``extent``, of one class each; ``length`` of them if it is given.

    A given length leaves out the classes that choose their own: ``short`` and ``none``. ValueError for an
    unknown class, and where no class is left (only ``none`` has positions along an axis of extent 0).

    >>> from hypothesis import find
    >>> find(indices(3, classes=["repeated"]), lambda i: True)
    array([0, 0, 0])
    """
    unknown = [c for c in classes if c not in get_args(IndexClass)]
    if unknown:
        msg = f"found the index class {unknown[0]!r}; expected one of {', '.join(get_args(IndexClass))}"
        raise ValueError(msg)
    usable = [
        c for c in classes
        if not (length is not None and c in {"short", "none"}) and (extent or c in {"none", "out_of_range"})
    ]  # fmt: skip
    if not usable:
        msg = f"found no class of {', '.join(classes)} for extent {extent} and length {length}"
        raise ValueError(msg)
    return st.sampled_from(usable).flatmap(lambda c: _of_class(c, extent, length))


def _of_class(name: IndexClass, extent: int, length: int | None) -> SearchStrategy[Indices]:
    count = extent if length is None else length
    match name:
        case "in_order":
            return st.just(_positions([k % extent for k in range(count)]))
        case "any":
            return _lists(st.integers(0, extent - 1), count)
        case "repeated":
            many = max(2, count) if length is None else count
            return st.integers(0, extent - 1).map(lambda k: _positions([k] * many))
        case "negative":
            return _lists(st.integers(-extent, -1).map(lambda k: -1 - k - extent), count)
        case "short":
            return st.lists(st.integers(0, extent - 1), min_size=1, max_size=max(1, extent - 1)).map(
                _positions
            )
        case "none":
            return st.just(_positions([]))
        case "out_of_range":
            outside = st.sampled_from((extent, -extent - 1, extent + 7, 2**31))
            return _lists(outside, max(1, count))


def _lists(elements: SearchStrategy[int], count: int) -> SearchStrategy[Indices]:
    return st.lists(elements, min_size=count, max_size=count).map(_positions)


def _positions(numbers: Sequence[Any]) -> Indices:
    return np.array(numbers, dtype=np.int64)
