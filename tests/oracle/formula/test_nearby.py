"""Points beside a point keep what made it special."""

from __future__ import annotations

import numpy as np

from oracle.formula.nearby import COUNT, STEP, nearby
from oracle.frameworks.protocol import Point
from reference_engine.precision import PRECISIONS


def at(**inputs: np.ndarray) -> Point:
    """A point at which ``x`` is differentiated."""
    return Point(inputs, ("x",), "float64", {}, {}, {}, {})


def test_every_number_moves_by_little_and_equal_ones_alike() -> None:
    """A symmetric matrix stays symmetric, zeros stay, and other inputs too."""
    x = np.array([[0.0, 3.5, -1.0], [3.5, 2.0, 0.25], [-1.0, 0.25, 1.0]])
    where = at(x=x, y=x)
    places = list(nearby(where, frozenset(), PRECISIONS["float64"], 0))
    assert len(places) == COUNT
    for place in places:
        moved = place.inputs["x"]
        assert np.array_equal(moved, moved.T)
        assert moved[0, 2] == -moved[2, 2]
        assert moved[0, 0] == 0
        part = np.abs(moved[x != 0] / x[x != 0] - 1)
        assert (part >= STEP / 4).all()
        assert (part <= STEP).all()
        assert place.inputs["y"] is x


def test_points_are_the_same_every_time_and_differ_among_themselves() -> None:
    """They come from the seed alone."""
    where = at(x=np.array([1.0, 2.0, 3.0]))
    one, again, other = (
        [p.inputs["x"].tolist() for p in nearby(where, frozenset(), PRECISIONS["float64"], seed)]
        for seed in (0, 0, 1)
    )
    assert one == again
    assert one != other
    assert one[0] != one[1]


def test_formats_hold_the_points_and_fixed_inputs_stay() -> None:
    """A float32 function is asked at float32 numbers."""
    where = at(x=np.array([1.0, 0.3], dtype=np.float32).astype(np.float64))
    (first, _) = nearby(where, frozenset(), PRECISIONS["float32"], 0)
    assert np.array_equal(first.inputs["x"].astype(np.float32).astype(np.float64), first.inputs["x"])
    (kept, _) = nearby(where, frozenset({"x"}), PRECISIONS["float32"], 0)
    assert kept.inputs["x"] is where.inputs["x"]
