"""One array, many ways to lie in memory: numpy views, to be handed to a framework as they are."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

Array = npt.NDArray[Any]


@dataclass(frozen=True, slots=True)
class Laid:
    """An array in memory: the view, and the name of its layout in ``LAYOUTS``."""

    array: Array
    layout: str


@dataclass(frozen=True, slots=True)
class MemoryLayout:
    """A layout: what it is in a sentence, the axes it needs, and the view that has it.

    ``view`` keeps all values, but for ``expanded``, whose rows are all the first one.
    """

    about: str
    least_rank: int
    view: Callable[[Array], Array]


def _strided(array: Array) -> Array:
    wide = np.empty((*array.shape[:-1], 2 * array.shape[-1]), dtype=array.dtype)
    wide[..., ::2] = array
    wide[..., 1::2] = array[..., ::-1]  # what a kernel reads that forgets the stride is wrong, and no crash
    return wide[..., ::2]


def _offset(array: Array) -> Array:
    buffer = np.concatenate([np.ones(3, dtype=array.dtype), array.ravel()])
    return buffer[3:].reshape(array.shape)


LAYOUTS: Mapping[str, MemoryLayout] = {
    "contiguous": MemoryLayout("row-major", 0, np.ascontiguousarray),
    "transposed": MemoryLayout("column-major: the transpose of a row-major array", 2, lambda a: a.T.copy().T),
    "strided": MemoryLayout("every second element of the last axis of a wider array", 1, _strided),
    "expanded": MemoryLayout(
        "one row repeated: stride 0 along the first axis", 1, lambda a: np.broadcast_to(a[:1].copy(), a.shape)
    ),
    "reversed": MemoryLayout(
        "the last axis backwards: a negative stride", 1, lambda a: a[..., ::-1].copy()[..., ::-1]
    ),
    "offset": MemoryLayout("behind the start of a larger buffer", 0, _offset),
}
"""All layouts by name, the simplest first. torch has no negative strides, and JAX no strides at all."""


def laid_out(array: Array, layout: str) -> Array:
    """The view of ``array`` in a layout of ``LAYOUTS``; ValueError if it has too few axes for it.

    >>> laid_out(np.eye(2), "reversed").strides
    (16, -8)
    """
    found = LAYOUTS[layout]
    if array.ndim < found.least_rank or (layout == "expanded" and not array.shape[0]):
        msg = f"found shape {array.shape}; the layout {layout} needs {found.least_rank} axes"
        raise ValueError(msg)
    view = found.view(array)
    return view.reshape(array.shape) if view.ndim != array.ndim else view


def layouts(array: Array, *, names: Sequence[str] = tuple(LAYOUTS)) -> SearchStrategy[Laid]:
    """``array`` in every layout of ``names`` that it has axes for; ValueError if there is none."""
    unknown = [n for n in names if n not in LAYOUTS]
    if unknown:
        msg = f"found the layout {unknown[0]!r}; expected one of {', '.join(LAYOUTS)}"
        raise ValueError(msg)
    fitting = [
        n for n in names if array.ndim >= LAYOUTS[n].least_rank and (n != "expanded" or array.shape[0])
    ]
    if not fitting:
        msg = f"found no layout of {', '.join(names)} for shape {array.shape}"
        raise ValueError(msg)
    return st.sampled_from(fitting).map(lambda n: Laid(laid_out(array, n), n))
