"""Orders of balls: an order by midpoint, and the groups within which the true order is not known."""

from __future__ import annotations

from itertools import accumulate
from typing import Any

import numpy as np
from flint import arb

from reference_engine.arithmetic import Values
from reference_engine.arithmetic.elements import ZERO, hull, plain, same


class _Midpoint:
    """Orders exact midpoints; sorted() is stable, so ties keep their places."""

    __slots__ = ("value",)

    def __init__(self, ball: arb) -> None:
        self.value = ball.mid()

    def __lt__(self, other: _Midpoint) -> bool:
        return bool(self.value < other.value)


def ordered(x: Values, spread: Values | None = None) -> tuple[Values, Values]:
    """Stable argsort along the last axis by midpoint, and for each sorted place the number of its group.

    A new group starts only where everything before is certainly below everything after, so that the values of
    a group are those of its places in some order. ``spread`` widens the balls before they are told apart.
    """
    order = np.empty(x.shape, dtype=np.int64)
    groups = np.empty(x.shape, dtype=np.int64)
    for place in np.ndindex(x.shape[:-1]):
        row = [plain(v) for v in x[place]]
        indices = sorted(range(len(row)), key=lambda i: _Midpoint(row[i]))
        order[place] = indices
        if spread is not None:
            row = [v + arb(0, r) for v, r in zip(row, spread[place].tolist(), strict=True)]
        groups[place] = _groups([row[i] for i in indices])
    return order, groups


def _groups(row: list[arb]) -> list[int]:
    below = list(accumulate(row, arb.max))
    above = list(accumulate(reversed(row), arb.min))[::-1]
    groups, start = [], 0
    for slot in range(len(row)):
        if slot and below[slot - 1] < above[slot]:
            start = slot
        groups.append(start)
    return groups


def tied(groups: Values) -> Values:
    """Where a sorted place shares its group with the one before it."""
    return np.asarray(groups[..., 1:] == groups[..., :-1])


def first_on_top(order: Values, groups: Values) -> Values:
    """The order with the first place among tied maxima last, so that a resolved tie takes the first."""
    out = order.copy()
    for place in np.ndindex(order.shape[:-1]):
        top = np.flatnonzero(groups[place] == groups[place][-1])
        out[place][top] = np.roll(order[place][top], -1)
    return out


def merged(values: Values, groups: Values) -> Values:
    """Each value replaced by the hull of its group along the last axis."""
    out = values.copy()
    for place in np.ndindex(values.shape[:-1]):
        numbers, counts = np.unique(groups[place], return_counts=True)
        for number in numbers[counts > 1]:
            members = np.flatnonzero(groups[place] == number)
            whole: Any = values[place][members[0]]
            for m in members[1:]:
                whole = hull(whole, values[place][m])
            out[place][members] = [whole] * len(members)
    return out


def mixed(values: Values, groups: Values) -> Values:
    """For each row, whether some group holds values that differ."""
    found = np.zeros(values.shape[:-1], dtype=bool)
    for place in np.ndindex(found.shape):
        for group in np.unique(groups[place]):
            members = values[place][groups[place] == group]
            found[place] |= any(not same(m, members[0]) for m in members)
    return found


def picked(
    x: Values, key: Values, how: str, spread: Values | None, *, resolved: bool
) -> tuple[Values, Values]:
    """Values moved along the last axis as sorting ``key`` would, tied places with the hull of what each could
    get unless ties are ``resolved``; and for each row, whether values that differ were tied.
    """
    order, found = ordered(key, spread)
    places = np.arange(key.shape[-1])
    groups = np.broadcast_to(places, key.shape) if resolved else found
    if how.endswith("max"):
        order = first_on_top(order, found)
        groups = np.where(groups == groups[..., -1:], groups, places)  # what is below the top gets nothing
    match how:
        case "gather_sorted" | "gather_max":
            slots = np.take_along_axis(x, order, axis=-1)
        case "scatter_max":
            slots = np.full(key.shape, ZERO, dtype=object)
            slots[..., -1] = x
        case _:
            slots = x
    whole, differ = merged(slots, groups), mixed(slots, groups)
    match how:
        case "gather_max":
            return whole[..., -1], differ
        case "gather_sorted":
            return whole, differ
    out = np.empty(key.shape, dtype=object)
    np.put_along_axis(out, order, whole, axis=-1)
    return out, differ
