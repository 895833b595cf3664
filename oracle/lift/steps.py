"""The operations of a user's function as they ran, each ready to be run again by itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import FrameType
from typing import Any

from oracle.lift.program import Array, Lifted

Run = Callable[[Mapping[str, Any]], tuple[Any, ...]]
"""From the framework's arrays by operand name to those of the results."""


@dataclass(frozen=True, eq=False)
class Operand:
    """One array that an operation was given: the framework's own, its numbers, and its node."""

    name: str
    node: int
    own: Any
    array: Array
    differentiable: bool


@dataclass(frozen=True, eq=False)
class Ran:
    """One operation as it ran.

    ``operation`` is what a person calls it, ``source`` where it is written (``model.py:31``). ``run`` gives
    its results of other arrays of the framework by operand name; ``results`` are their nodes, in order.
    ``inside`` are the operations that it is made of. One with a derivative of the user's own (``own_rule``)
    is looked at as a whole, and answers for all that its forward reads.
    """

    operation: str
    source: str | None
    operands: tuple[Operand, ...]
    results: tuple[int, ...]
    run: Run
    inside: tuple[Ran, ...] = ()
    own_rule: bool = False


def placed(ran: Sequence[Ran], places: Mapping[int, int]) -> tuple[Ran, ...]:
    """The operations that the finished Program has something of, with its numbers for nodes."""
    found = []
    for one in ran:
        kept = [k for k, node in enumerate(one.results) if node in places]
        if kept:
            operands = tuple(
                Operand(o.name, places[o.node], o.own, o.array, o.differentiable)
                for o in one.operands
                if o.node in places
            )
            results = tuple(places[one.results[k]] for k in kept)
            run = _some(one.run, kept)
            inside = placed(one.inside, places)
            found.append(replace(one, operands=operands, results=results, run=run, inside=inside))
    return tuple(found)


def _some(run: Run, kept: Sequence[int]) -> Run:
    """The same with only some of its results."""

    def some(arrays: Mapping[str, Any]) -> tuple[Any, ...]:
        results = run(arrays)
        return tuple(results[k] for k in kept)

    return some


@dataclass(frozen=True, eq=False)
class Stepwise:
    """A lifted function with its operations; there is none where it could not be lifted."""

    lifted: Lifted
    ran: tuple[Ran, ...]


def place_of(frame: FrameType | None, skipped: Sequence[str]) -> str | None:
    """File and line of the innermost frame that is in none of the ``skipped`` folders, nor made up."""
    while frame is not None:
        file = frame.f_code.co_filename
        if not file.startswith((*skipped, "<")):
            return f"{Path(file).name}:{frame.f_lineno}"
        frame = frame.f_back
    return None
