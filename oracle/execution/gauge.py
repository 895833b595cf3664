"""Signs of eigenvectors, singular vectors and QR factors: the reference takes those of the framework's own
forward.

The sign of each vector is a choice, not a value; a different choice changes every derivative behind it. So
the reference Program multiplies each vector by the sign that makes it the framework's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from oracle.frameworks.protocol import Framework, Point
from reference_engine.arithmetic.balls import midpoints
from reference_engine.ball_values import in_balls
from reference_engine.differentiate import lower
from reference_engine.program import FrozenArray, Node, Program, TensorType

Array = npt.NDArray[Any]

VECTOR_AXES: Mapping[tuple[str, int], int] = {
    ("eigh", 1): -1,
    ("svd", 0): -1,
    ("svd", 2): -2,
    ("qr", 0): -1,
    ("qr", 1): -2,
}
"""For each result that holds vectors the axis that numbers them: columns (-1) or rows (-2)."""


def vector_nodes(program: Program) -> tuple[int, ...]:
    """Nodes whose value has a gauge."""
    return tuple(i for i, n in program if (n.op, n.output) in VECTOR_AXES)


def in_gauge_of(program: Program, framework: Framework, point: Point) -> Program:
    """``program`` with the signs that the framework chose at ``point``, itself where it has no gauge."""
    nodes = vector_nodes(program)
    if not nodes:
        return program
    names = tuple(f"gauge{i}" for i in nodes)
    theirs = framework.value(replace(program, outputs=nodes, output_names=names), point)
    signs: dict[int, Array] = {}
    for node, found in zip(nodes, theirs, strict=True):
        ours = _reference(_with_signs(program, signs), node, len(signs), point)
        axis = VECTOR_AXES[program.nodes[node].op, program.nodes[node].output]
        other = -1 if axis == -2 else -2
        sign = np.sign(np.nan_to_num((np.asarray(found, dtype=float) * ours).sum(axis=other, keepdims=True)))
        signs[node] = np.where(sign == 0, 1.0, sign)
    return _with_signs(program, signs)


def _reference(program: Program, node: int, shift: int, point: Point) -> Array:
    """Our value of one node; ``shift`` signs come before it in the rewritten Program."""
    moved = node + 2 * shift
    core = lower(replace(program, outputs=(moved,), output_names=("vectors",)))
    values, _ = in_balls(core, point.inputs, frozenset(), 128)
    return midpoints(values[core.outputs[0]])


def _with_signs(program: Program, signs: Mapping[int, Array]) -> Program:
    """Each node in ``signs`` followed by a constant and a product that stands for it from there on."""
    nodes: list[Node] = []
    new: dict[int, int] = {}
    for index, node in program:
        nodes.append(replace(node, inputs=tuple(new[i] for i in node.inputs)))
        new[index] = len(nodes) - 1
        if index in signs:
            constant = FrozenArray(signs[index])
            nodes.append(Node("constant", (), TensorType(signs[index].shape), (("value", constant),)))
            nodes.append(Node("multiply", (len(nodes) - 2, len(nodes) - 1), node.type, name=node.name))
            new[index] = len(nodes) - 1
    return Program(
        tuple(nodes),
        tuple(new[i] for i in program.inputs),
        tuple(new[i] for i in program.outputs),
        program.output_names,
    )
