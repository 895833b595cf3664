"""A layered drawing of a graph from top to bottom: who stands in which layer, in which order, and where.

After Sugiyama, Tagawa and Toda, "Methods for visual understanding of hierarchical system structures" (1981):
longest-path layers, bends where an edge passes a layer, orders by barycenter, then places by relaxation.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

SWEEPS = 8
"""Rounds of ordering and of placing; small graphs settle in three or four."""

GAP = 36.0
"""Room between neighbors of a layer."""

BEND = 12.0
"""Width kept free where an edge passes a layer."""

Key = int | tuple[int, int, int]
"""A node, or the bend of an edge (source, target) in a layer."""


@dataclass(frozen=True)
class Layout:
    """Centers across of nodes and bends, the layer of each, and every edge as the places that it passes."""

    centers: Mapping[Key, float]
    layers: Sequence[Sequence[Key]]
    paths: Mapping[tuple[int, int], Sequence[Key]]
    width: float


def lay_out(widths: Mapping[int, float], edges: Sequence[tuple[int, int]]) -> Layout:
    """Place nodes of the given widths; ``edges`` lead from lower to higher node numbers.

    >>> layout = lay_out({0: 10.0, 1: 10.0, 2: 10.0}, [(0, 2), (1, 2)])
    >>> layout.layers, layout.centers[2]
    ([[0, 1], [2]], 28.0)
    """
    layer_of = _layers(widths, edges)
    count = max(layer_of.values()) + 1
    layers: list[list[Key]] = [[] for _ in range(count)]
    for node in widths:
        layers[layer_of[node]].append(node)
    paths: dict[tuple[int, int], list[Key]] = {}
    for source, target in edges:
        bends: list[Key] = [(source, target, k) for k in range(layer_of[source] + 1, layer_of[target])]
        for bend, k in zip(bends, range(layer_of[source] + 1, layer_of[target]), strict=True):
            layers[k].append(bend)
        paths[source, target] = [source, *bends, target]
    neighbors = _neighbors(paths)
    layers = _ordered(layers, neighbors)
    centers = _placed(layers, neighbors, widths)
    left = min(centers[k] - _width(k, widths) / 2 for layer in layers for k in layer)
    right = max(centers[k] + _width(k, widths) / 2 for layer in layers for k in layer)
    return Layout({k: c - left for k, c in centers.items()}, layers, paths, right - left)


def _layers(widths: Mapping[int, float], edges: Sequence[tuple[int, int]]) -> dict[int, int]:
    """Longest paths from above; what nothing leads to stands just above its first use."""
    layer = dict.fromkeys(widths, 0)
    for node in sorted(widths):
        layer[node] = max((layer[s] + 1 for s, t in edges if t == node), default=0)
    targets = {t for _, t in edges}
    for node in widths:
        uses = [layer[t] for s, t in edges if s == node]
        if node not in targets and uses:
            layer[node] = min(uses) - 1
    return layer


def _neighbors(paths: Mapping[tuple[int, int], Sequence[Key]]) -> dict[Key, list[Key]]:
    found: dict[Key, list[Key]] = {}
    for path in paths.values():
        for a, b in pairwise(path):
            found.setdefault(a, []).append(b)
            found.setdefault(b, []).append(a)
    return found


def _ordered(layers: list[list[Key]], neighbors: Mapping[Key, Sequence[Key]]) -> list[list[Key]]:
    """Each layer sorted by the mean place of its neighbors in the one before, downward and upward in turn."""
    for sweep in range(SWEEPS):
        order = range(1, len(layers)) if sweep % 2 == 0 else range(len(layers) - 2, -1, -1)
        for k in order:
            fixed = layers[k - 1 if sweep % 2 == 0 else k + 1]
            place = {key: i / max(len(fixed) - 1, 1) for i, key in enumerate(fixed)}
            own = {key: i / max(len(layers[k]) - 1, 1) for i, key in enumerate(layers[k])}
            means = {
                key: _mean([place[n] for n in neighbors.get(key, ()) if n in place], own[key]) for key in own
            }
            layers[k] = sorted(layers[k], key=lambda key, means=means: means[key])  # type: ignore[misc]
    return layers


def _placed(
    layers: Sequence[Sequence[Key]], neighbors: Mapping[Key, Sequence[Key]], widths: Mapping[int, float]
) -> dict[Key, float]:
    """Centers near the mean of their neighbors', in the order of the layer and without overlap."""
    centers: dict[Key, float] = {}
    for layer in layers:
        _pack(layer, dict.fromkeys(layer, 0.0), widths, centers)
    for sweep in range(SWEEPS):
        for layer in layers if sweep % 2 == 0 else reversed(layers):
            wanted = {key: _mean([centers[n] for n in neighbors.get(key, ())], centers[key]) for key in layer}
            _pack(layer, wanted, widths, centers)
    return centers


def _pack(
    layer: Sequence[Key], wanted: Mapping[Key, float], widths: Mapping[int, float], centers: dict[Key, float]
) -> None:
    """Centers as near to the wanted ones as the order allows (blocks that touch move together)."""
    blocks: list[tuple[float, list[Key], list[float]]] = []
    for key in layer:
        blocks.append((wanted[key], [key], [0.0]))
        while len(blocks) > 1:
            (first, keys, offsets), (second, more, shifts) = blocks[-2:]
            distance = offsets[-1] + (_width(keys[-1], widths) + _width(more[0], widths)) / 2 + GAP
            if second + shifts[0] - first >= distance:
                break
            joined = [*offsets, *(distance + s for s in shifts)]
            start = (first * len(keys) + (second - distance) * len(more)) / (len(keys) + len(more))
            blocks[-2:] = [(start, keys + more, joined)]
    for start, keys, offsets in blocks:
        centers.update({key: start + offset for key, offset in zip(keys, offsets, strict=True)})


def _width(key: Key, widths: Mapping[int, float]) -> float:
    return widths[key] if isinstance(key, int) else BEND


def _mean(values: Sequence[float], default: float) -> float:
    return sum(values) / len(values) if values else default
