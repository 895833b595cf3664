"""One operation of a function by itself: its own small Program, its numbers, and whom to ask about it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy.typing as npt

from oracle.frameworks.protocol import Framework, Layout
from reference_engine.program import Node, Program

Array = npt.NDArray[Any]


def _nothing() -> Sequence[Step]:
    return ()


@dataclass(frozen=True, eq=False)
class Step:
    """One operation in its place in the ``whole`` Program.

    ``program`` is this operation alone; ``inputs`` are exactly the numbers that it is held to. ``operands``
    and ``results`` say which node of the whole Program each of its inputs and outputs is, ``unseen`` names
    differentiated inputs that the operation reads behind the framework's back. ``framework`` runs this
    operation alone. ``inside`` gives the operations that it is made of, where one can look into it.
    """

    operation: str
    node: int
    source: str | None
    program: Program
    inputs: Mapping[str, Array]
    operands: Mapping[str, int]
    results: Mapping[str, int]
    wrt: tuple[str, ...]
    framework: Framework
    layouts: Mapping[str, Layout] = field(default_factory=dict)
    unseen: tuple[str, ...] = ()
    inside: Callable[[], Sequence[Step]] = _nothing


def cut_out(
    whole: Program, operands: Mapping[str, int], results: Mapping[str, int]
) -> tuple[Program, dict[str, int]]:
    """The part of a Program between the nodes named in ``operands`` and those named in ``results``.

    Inputs that the part reaches by another way become operands of their own, named ``unseen<node>``; the
    second result are these.
    """
    stops = {i: name for name, i in operands.items()}
    found: set[int] = set()
    unseen: dict[str, int] = {}
    stack = list(results.values())
    while stack:
        index = stack.pop()
        if index in found or index in stops:
            continue
        if whole.nodes[index].op == "input":
            name = f"unseen{index}"
            unseen[name] = index
            stops[index] = name
            continue
        found.add(index)
        stack.extend(whole.nodes[index].inputs)
    nodes: list[Node] = []
    new: dict[int, int] = {}
    for name, index in [*operands.items(), *unseen.items()]:
        if index not in new:
            new[index] = len(nodes)
            nodes.append(Node("input", (), whole.nodes[index].type, name=name))
    given = tuple(range(len(nodes)))
    for index in sorted(found):
        node = whole.nodes[index]
        new[index] = len(nodes)
        nodes.append(replace(node, inputs=tuple(new[i] for i in node.inputs), name=None, origin=None))
    outputs = tuple(new[i] for i in results.values())
    return Program(tuple(nodes), given, outputs, tuple(results)), unseen
