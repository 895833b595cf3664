"""Branches that rounding alone could turn: conditions, orders and jumps closer to their boundary than the
noise.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from reference_engine.arithmetic import Values
from reference_engine.arithmetic.balls import midpoints
from reference_engine.program import Node, Program

MARGIN = 16.0
"""A boundary within this many deviations may have been crossed: the factor of the judge's own rule. Without
it 509 of 509 branch flips of relu(a + b - c) next to 0 were called wrong."""

COMPARISONS = frozenset({"less", "less_equal", "greater", "greater_equal", "equal", "not_equal"})
ORDERED = frozenset({"order_last", "sort_last", "reduce_max"})
JUMPS = frozenset({"floor", "ceil", "trunc", "round", "sign"})
MOVES = frozenset({"broadcast_to", "reshape", "transpose", "gather", "concatenate", "negative"})
"""Operations whose results are finite where their operands are."""
TURNING = COMPARISONS | ORDERED | JUMPS | {"pick"}


@dataclass(frozen=True)
class Branches:
    """``forced`` marks elements of comparisons that may have gone the other way; ``radii`` is by how much
    the keys of an ordering or the argument of a jump may be off.
    """

    forced: Mapping[int, Values]
    radii: Mapping[int, Values]


def near_branches(
    program: Program,
    values: Sequence[Values],
    samples: Sequence[Values],
    scale: float,
    depends: frozenset[int],
) -> Branches:
    """Find the branches that the subject's arithmetic may have taken otherwise.

    ``values`` are the nodes' balls, ``samples`` the perturbed runs and ``scale`` their size in the subject's
    noise.
    """
    forced: dict[int, Values] = {}
    radii: dict[int, Values] = {}
    for index, node in program:
        if node.op not in TURNING or not (index in depends or any(i in depends for i in node.inputs)):
            continue
        if node.op in COMPARISONS and program.nodes[node.inputs[0]].type.kind == "real":
            close = _close_comparison(node, values, samples, scale)
            if close.any():
                forced[index] = close
        elif node.op in ORDERED or node.op == "pick":
            key = node.inputs[-1]
            noise = _noise(key, values, samples, scale)
            if program.nodes[key].type.kind == "real" and _orders_close(midpoints(values[key]), noise):
                radii[index] = MARGIN * noise
        elif node.op in JUMPS and program.nodes[node.inputs[0]].type.kind == "real":
            noise = _noise(node.inputs[0], values, samples, scale)
            center = midpoints(values[node.inputs[0]])
            grid = center * 2 if node.op == "round" else center
            near = np.abs(grid - np.round(grid)) <= 2 * MARGIN * noise
            if (near & (noise > 0)).any():
                radii[index] = MARGIN * noise
    return Branches(forced, radii)


def escapes(
    program: Program, values: Sequence[Values], samples: Sequence[Values], scale: float
) -> Mapping[int, int]:
    """Nodes that rounding alone may make NaN or infinite, with the node where that starts.

    There some samples leave a domain and others do not (acos where tanh saturates at 1), or a denominator is
    smaller than its noise, so that the subject may have cancelled it to zero.
    """
    found: dict[int, int] = {}
    for index, node in program:
        earlier = [found[i] for i in node.inputs if i in found]
        if earlier:
            found[index] = min(earlier)
        elif node.inputs and node.op not in MOVES and values[index].dtype == object:
            divides = node.op in {"divide", "reciprocal"}
            finite = np.isfinite(samples[index])
            if finite.all() and not divides:
                continue
            torn = finite.any(axis=0) & ~finite.all(axis=0)
            if divides:
                below = node.inputs[-1]
                center = midpoints(values[below])
                noise = _spread(samples[below], center, scale)
                torn |= (center != 0) & (np.abs(center) <= MARGIN * noise)
            if torn.any() and (torn & np.isfinite(midpoints(values[index]))).any():
                found[index] = index
    return found


def _noise(index: int, values: Sequence[Values], samples: Sequence[Values], scale: float) -> Values:
    if values[index].dtype != object:
        return np.zeros(values[index].shape)
    return _spread(samples[index], midpoints(values[index]), scale)


def _spread(samples: Values, center: Values, scale: float) -> Values:
    with np.errstate(invalid="ignore"):
        spread = np.abs(samples - center).max(axis=0) * scale
    return np.asarray(np.where(np.isfinite(spread), spread, 0.0))


def _close_comparison(
    node: Node, values: Sequence[Values], samples: Sequence[Values], scale: float
) -> Values:
    first, second = node.inputs
    exact = midpoints(np.asarray(_balls(values[first]) - _balls(values[second]), dtype=object))
    with np.errstate(invalid="ignore"):
        drawn = samples[first] - samples[second]
        spread = np.abs(drawn - exact).max(axis=0) * scale
    return np.asarray((np.abs(exact) <= MARGIN * spread) & (spread > 0))


def _balls(value: Values) -> Values:
    return value if value.dtype == object else value.astype(object)


def _orders_close(keys: Values, noise: Values) -> bool:
    """Whether two neighbors in the order could be exchanged; exact ties without noise do not count."""
    if keys.shape[-1] < 2:
        return False
    order = np.argsort(keys, axis=-1)
    gap = np.diff(np.take_along_axis(keys, order, axis=-1), axis=-1)
    spread = np.take_along_axis(noise, order, axis=-1)
    reach = MARGIN * (spread[..., 1:] + spread[..., :-1])
    return bool(((gap <= reach) & (reach > 0)).any())
