"""Numbers to try, by class: ordinary ones, and the places where derivative rules go wrong."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from oracle.strategies._shapes import Shape
from oracle.strategies.classes import CLASSES, Place, ValueClass
from reference_engine.operations import REAL_LINE, Domain
from reference_engine.precision import PRECISIONS

Array = npt.NDArray[Any]

WHOLE = ("int", "bool")
"""Kinds without fractions; their values are small integers, and truth values."""


def values(
    shape: Shape | SearchStrategy[Shape] = (),
    dtype: str = "float64",
    *,
    classes: Sequence[str | ValueClass] | None = None,
    domain: Domain = REAL_LINE,
    kinks: Sequence[float] = (0.0,),
) -> SearchStrategy[Array]:
    """Arrays of one class of numbers each, all inside the open interval ``domain``.

    ``dtype`` is that of a float format, int64 or bool. The array has this dtype; numpy has no bfloat16, so
    its numbers come as float64. ``classes`` are names of ``CLASSES`` or classes of your own (all by default),
    the simplest first: shrinking prefers it. ``kinks`` are where the function under test has them. ValueError
    for an unknown dtype or class.

    >>> from hypothesis import find
    >>> find(values((2,)), lambda x: True)
    array([1., 1.])
    """
    chosen = [_named(c) for c in (CLASSES if classes is None else classes)]
    if not chosen:
        msg = "found no classes; expected at least one"
        raise ValueError(msg)
    shaped = shape if isinstance(shape, SearchStrategy) else st.just(tuple(shape))
    if dtype == "int64":
        return shaped.flatmap(lambda s: whole_numbers(s))
    if dtype == "bool":
        return shaped.flatmap(lambda s: truth_values(s))
    if dtype not in PRECISIONS:
        msg = f"found dtype {dtype!r}; expected one of {', '.join(PRECISIONS)}, int64, bool"
        raise ValueError(msg)
    precision = PRECISIONS[dtype]
    stored = np.float64 if dtype == "bfloat16" else np.dtype(dtype)

    def of_shape(s: Shape) -> SearchStrategy[Array]:
        place = Place(s, precision, domain, tuple(kinks))
        return st.sampled_from(chosen).flatmap(lambda c: c.arrays(place)).map(lambda a: a.astype(stored))

    return shaped.flatmap(of_shape)


def whole_numbers(shape: Shape, low: int = -3, high: int = 5) -> SearchStrategy[Array]:
    """Arrays of int64 from ``low`` to ``high``, both included; the simplest is 1 where it can be."""
    order = sorted(range(low, high + 1), key=lambda n: (n != 1, n < 1, abs(n)))
    return _filled(st.sampled_from(order), shape, np.int64)


def truth_values(shape: Shape) -> SearchStrategy[Array]:
    """Arrays of booleans; the simplest is false."""
    return _filled(st.booleans(), shape, np.bool_)


def _filled(elements: SearchStrategy[Any], shape: Shape, dtype: type[np.generic]) -> SearchStrategy[Array]:
    size = int(np.prod(shape, dtype=np.int64))
    return st.lists(elements, min_size=size, max_size=size).map(
        lambda numbers: np.array(numbers, dtype=dtype).reshape(shape)
    )


def _named(found: str | ValueClass) -> ValueClass:
    if isinstance(found, ValueClass):
        return found
    if found not in CLASSES:
        msg = f"found the value class {found!r}; expected one of {', '.join(CLASSES)}"
        raise ValueError(msg)
    return CLASSES[found]
