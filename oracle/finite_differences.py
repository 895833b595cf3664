"""Finite differences with an honest error bar: a derivative of <cotangents, outputs> from values alone.

Steps are relative powers of two and exact. Central differences on a ladder of steps are extrapolated
(Richardson 1911; the tableau is Ridders', 1982); rounding is measured by second differences at steps so
small that nothing but rounding is left (after Moré and Wild, 2011). A value counts only where the ladder
shows a plateau and where the remainder of Taylor's formula shrinks with the step.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
Function = Callable[[Mapping[str, npt.NDArray[np.generic]]], Mapping[str, npt.NDArray[np.generic]]]
"""From inputs to outputs, both by name."""

COARSEST = 3
"""The largest step is 2^-3 of the inputs: beyond that most functions are another function."""

ORDERS = 3
"""How often a difference is extrapolated; higher orders only extrapolate rounding."""

FLOOR = 2.0**-10
"""Elements smaller than this part of their tensor's largest are stepped as if they had that size."""

ROUNDINGS = 2.0
"""Roundings charged to every value, each of the size of the unit roundoff: an elementary function and a
product.
"""

SAFETY = 2.0
"""Factor on the disagreement within the tableau, whose smallest entry is smallest by luck too."""

SHRINKS = 0.8
"""Taylor's remainder over the step must shrink at least by this much when the step is halved: a smooth
function's halves; at a kink it stays.
"""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A derivative from finite differences.

    The true value lies within ``error`` of ``value`` if ``reliable``; otherwise there is no plateau (a kink,
    a jump or an infinite slope). ``left`` and ``right`` are the slopes of the two sides, NaN for a side
    without values. ``direction`` is the one taken: that asked for, rounded so that every step is exact.
    """

    value: float
    error: float
    reliable: bool
    left: float
    right: float
    direction: Mapping[str, Array]


@dataclass(frozen=True, slots=True)
class _Ladder:
    """Changes of the scalar function at ``steps``, largest step first; NaN where a value is not finite."""

    steps: Array
    ahead: Array
    behind: Array
    noise: float


def directional(
    function: Function,
    inputs: Mapping[str, npt.NDArray[np.generic]],
    direction: Mapping[str, Array],
    cotangents: Mapping[str, Array],
    bits: int = 53,
) -> Estimate:
    """Derivative of <cotangents, outputs> at ``inputs`` along ``direction``.

    ``direction`` has an array for each input to move and ``cotangents`` one for each output that counts.
    ``bits`` are those of the significand in which ``function`` computes. The function is called about
    ``bits`` times.

    >>> point = {"x": np.array(0.7)}
    >>> one = np.array(1.0)
    >>> found = directional(lambda v: {"y": np.sin(v["x"])}, point, {"x": one}, {"y": one})
    >>> found.reliable, abs(found.value - np.cos(0.7)) < found.error < 1e-12
    (True, True)
    """
    base = {name: np.asarray(inputs[name], dtype=np.float64) for name in direction}
    largest = _largest_step(base, direction)
    levels = bits // 2 - COARSEST + 1
    steps = np.array([largest * 2.0**-k for k in range(levels)])
    exact = {name: _on_grid(base[name], d, steps, bits) for name, d in direction.items()}
    ladder = _climb(function, inputs, base, exact, cotangents, steps, bits)
    right, right_error = _extrapolate(ladder, ladder.ahead, 1)
    left, left_error = _extrapolate(ladder, -ladder.behind, 1)
    central = (ladder.ahead - ladder.behind) / 2
    value, error = _extrapolate(ladder, central, 2)
    if math.isnan(value):
        value, error = (left, left_error) if math.isnan(right) else (right, right_error)
    reliable = math.isfinite(value) and math.isfinite(error) and _has_plateau(ladder, value)
    if not reliable:
        error = max(error, abs(right - left) / 2) if math.isfinite(right - left) else math.inf
    return Estimate(value, error, reliable, left, right, exact)


def element(
    function: Function,
    inputs: Mapping[str, npt.NDArray[np.generic]],
    cotangents: Mapping[str, Array],
    name: str,
    index: tuple[int, ...],
    bits: int = 53,
) -> Estimate:
    """As :func:`directional`, for the gradient's element ``index`` of input ``name``."""
    unit = np.zeros(np.shape(inputs[name]))
    unit[index] = 1.0
    return directional(function, inputs, {name: unit}, cotangents, bits)


def _largest_step(base: Mapping[str, Array], direction: Mapping[str, Array]) -> float:
    """The power of two that moves no element by more than 2^-3 of its own size."""
    bound = math.inf
    for name, d in direction.items():
        sizes = np.abs(base[name])
        typical = sizes.max(initial=0.0)
        scale = np.maximum(sizes, FLOOR * typical) if typical > 0 else np.ones_like(sizes)
        moved = d != 0
        if moved.any():
            bound = min(bound, float((scale[moved] / np.abs(d[moved])).min()))
    if not math.isfinite(bound):
        return 2.0**-COARSEST
    return 2.0 ** (math.floor(math.log2(bound)) - COARSEST)


def _on_grid(base: Array, direction: Array, steps: Array, bits: int) -> Array:
    """The direction rounded to where each step's ``base`` plus and minus it are numbers of the format."""
    reach = np.abs(base) + steps[0] * np.abs(direction)
    spacing = np.where(base == 0, 0.0, np.ldexp(1.0, np.frexp(reach)[1] - bits + 1))
    grid = spacing / steps[-1]
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(grid > 0, np.round(direction / grid) * grid, direction)


def _climb(
    function: Function,
    inputs: Mapping[str, npt.NDArray[np.generic]],
    base: Mapping[str, Array],
    direction: Mapping[str, Array],
    cotangents: Mapping[str, Array],
    steps: Array,
    bits: int,
) -> _Ladder:
    def outputs(offsets: Mapping[str, Array]) -> list[Array]:
        moved = dict(inputs) | {name: base[name] + offset for name, offset in offsets.items()}
        with np.errstate(all="ignore"):
            found = function(moved)
            return [np.asarray(found[name], dtype=np.float64) for name in cotangents]

    def change(there: Sequence[Array]) -> float:
        # Outputs are subtracted before they are summed: that difference is exact, so it adds no rounding.
        with np.errstate(all="ignore"):
            terms = [c * (y - y0) for c, y, y0 in zip(cotangents.values(), there, here, strict=True)]
        flat = np.concatenate([np.ravel(t) for t in terms]) if terms else np.zeros(0)
        return math.fsum(flat) if np.isfinite(flat).all() else math.nan

    here = outputs({})
    size = math.fsum(float(np.abs(c * y).sum()) for c, y in zip(cotangents.values(), here, strict=True))
    noise = ROUNDINGS * 2.0**-bits * size
    for h in steps[0] * 2.0 ** (COARSEST - np.arange(2 * bits // 3 + 1, 4 * bits // 5 + 1, 2)):
        offsets = {n: _symmetric(base[n], h * d, bits) for n, d in direction.items()}
        second = change(outputs(offsets)) + change(outputs({n: -o for n, o in offsets.items()}))
        noise = max(noise, abs(second)) if math.isfinite(second) else noise
    ahead = np.array([change(outputs({n: h * d for n, d in direction.items()})) for h in steps])
    behind = np.array([change(outputs({n: -h * d for n, d in direction.items()})) for h in steps])
    return _Ladder(steps, ahead, behind, noise if math.isfinite(noise) else math.nan)


def _symmetric(base: Array, offset: Array, bits: int) -> Array:
    """An offset near the given one that can be added and subtracted exactly."""
    spacing = np.ldexp(1.0, np.frexp(np.abs(base) + np.abs(offset))[1] - bits + 1)
    return np.asarray(np.where(base == 0, offset, np.round(offset / spacing) * spacing))


def _extrapolate(ladder: _Ladder, change: Array, power: int) -> tuple[float, float]:
    """The limit of ``change / step`` and its error bar, for errors in powers of ``step**power``; NaN if
    there is none.

    Each entry of the tableau is charged with its distance to its neighbors in order and in step, so that one
    which agrees by chance with a single other does not win.
    """
    table = np.full((len(change), ORDERS + 1), math.nan)
    table[:, 0] = change / ladder.steps
    for j in range(1, ORDERS + 1):
        gain = 2.0 ** (power * j) - 1
        table[j:, j] = table[j:, j - 1] + (table[j:, j - 1] - table[j - 1 : -1, j - 1]) / gain
    rounding = (2.0 if power == 2 else 6.0) * ladder.noise / ladder.steps
    best = math.nan, math.inf
    for k in range(1, len(change) - 1):
        for j in range(1, min(k, ORDERS) + 1):
            neighbors = table[k, j - 1], table[k - 1, j - 1], table[k - 1, j], table[k + 1, j]
            known = [abs(table[k, j] - v) for v in neighbors if not math.isnan(v)]
            error = SAFETY * max(known, default=math.inf) + rounding[k]
            if len(known) > 2 and error < best[1]:
                best = float(table[k, j]), float(error)
    return best


def _has_plateau(ladder: _Ladder, slope: float) -> bool:
    """Whether the slopes of each side converge, and to ``slope``, as far as rounding lets one see.

    An infinite slope or a jump fails the first, a kink the second: there Taylor's remainder over the step,
    ``(f(x + h) - f(x)) / h - slope``, does not go to zero.
    """
    rounding = 4.0 * ladder.noise / ladder.steps
    for change in (ladder.ahead, -ladder.behind):
        slopes = change / ladder.steps
        if not _shrinks(np.abs(np.diff(slopes)), 2 * rounding[1:]) or not _shrinks(
            np.abs(slopes - slope), rounding
        ):
            return False
    return True


def _shrinks(values: Array, rounding: Array) -> bool:
    """Whether what halving the step should halve does shrink over the smallest steps at which it can be
    seen.
    """
    visible = np.flatnonzero(values > 4 * rounding)
    if len(visible) < 3:  # a trend needs three
        return True
    last, before = visible[-1], visible[-3]
    return bool(values[last] <= SHRINKS ** (last - before) * values[before] + rounding[last])
