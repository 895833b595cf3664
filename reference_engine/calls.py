"""How an operation is called with arguments that fit it: the shapes, kinds and values of its operands.

A record says so in a few words next to its name, ``call={"x1": "... n n invertible", "x2": "... n k"}``. An
operand's text holds its axes and then what its values must be:

* a small letter is an extent, the same wherever it stands; a capital one is an extent of at least 3
* a digit is that extent
* ``...`` is any number of leading axes, the same wherever it stands
* ``*`` is any shape that broadcasts with the others of that sign

Words are kinds (``int``, ``bool``, ``number`` for real or int, ``any``), open intervals of ``INTERVALS``,
properties of ``MATRICES``, ``signs`` (-1 and 1), ``index:n`` and ``class:n`` (places along an axis of extent
n, from its end too or not), and ``once`` for a list of one tensor instead of two.

An attribute's rule holds its values, the simplest first, or is a function that gives them from the shapes
of the operands. What a record leaves open follows from its signature: operands broadcast, booleans take both
values, an axis is any axis of the first operand, and every other attribute keeps its default.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from reference_engine.operations import (
    REAL_LINE,
    AttributeRule,
    Domain,
    Operation,
    Primitive,
    Shapes,
)
from reference_engine.program import Attr, Kind

INTERVALS: Mapping[str, Domain] = {
    "positive": Domain(0.0, ordinary=(0.2, 3.0)),
    "probability": Domain(0.0, 1.0, (0.1, 0.9)),
    "unit": Domain(-1.0, 1.0, (-0.9, 0.9)),
    "small": Domain(-4.0, 4.0, (-1.0, 1.0)),
    "moderate": Domain(-30.0, 30.0),
}
"""Open intervals by the word that a record uses for them. Exponentials of what is not moderate overflow."""

MATRICES = frozenset({"invertible", "definite", "triangular", "spectral", "singular_values", "full_rank"})
"""What the last two axes must be: spectral ones have distinct eigenvalues (of the symmetric part)."""

_KINDS: Mapping[str, tuple[Kind, ...]] = {
    "int": ("int",),
    "bool": ("bool",),
    "number": ("real", "int"),
    "any": ("real", "int", "bool"),
}
_COUNTING = ("index", "class")


@dataclass(frozen=True, slots=True)
class Operand:
    """What one operand must be."""

    axes: tuple[str, ...]
    kinds: tuple[Kind, ...] = ("real",)
    domain: Domain = REAL_LINE
    matrix: str | None = None
    signs: bool = False
    index: str | None = None
    negative: bool = False
    """Whether an index may count from the end."""
    count: int = 2
    """How many tensors a list of them has."""


@dataclass(frozen=True, slots=True)
class Call:
    """One way to call an operation: its operands, and its attributes as functions of their shapes."""

    operands: Mapping[str, Operand]
    attributes: Mapping[str, Callable[[Shapes], Sequence[Attr]]]


@lru_cache(maxsize=1024)
def operand(text: str) -> Operand:
    """What a record's text says about an operand; ValueError for a word that means nothing.

    >>> operand("... n n definite").matrix
    'definite'
    >>> operand("n index:k").index
    'k'
    """
    axes: list[str] = []
    found: dict[str, object] = {}
    for word in text.split():
        head, _, letter = word.partition(":")
        if word in {"...", "*"} or len(word) == 1:
            axes.append(word)
        elif word in _KINDS:
            found["kinds"] = _KINDS[word]
        elif word in INTERVALS:
            found["domain"] = INTERVALS[word]
        elif word in MATRICES:
            found["matrix"] = word
        elif word == "signs":
            found["signs"] = True
        elif word == "once":
            found["count"] = 1
        elif head in _COUNTING and letter:
            found |= {"index": letter, "kinds": ("int",), "negative": head == "index"}
        else:
            msg = f"{word!r} says nothing about an operand"
            raise ValueError(msg)
    return Operand(tuple(axes), **found)  # type: ignore[arg-type]


def ways(operation: Operation) -> tuple[Call, ...]:
    """All ways in which the record says that the operation can be called, the simplest first."""
    written = operation.call if isinstance(operation.call, tuple) else (operation.call,)
    return tuple(_way(operation, rules) for rules in written)


def _way(operation: Operation, rules: Mapping[str, str | AttributeRule]) -> Call:
    operands: dict[str, Operand] = {}
    attributes: dict[str, Callable[[Shapes], Sequence[Attr]]] = {}
    domains = list(operation.domains) if isinstance(operation, Primitive) else []
    annotations = {
        p.name: str(p.annotation) for p in inspect.signature(operation.prototype).parameters.values()
    }
    for parameter in operation.parameters:
        name, rule = parameter.name, rules.get(parameter.name)
        if parameter.slot is None:
            assert not isinstance(rule, str), f"{operation.name}: {name} is no operand"
            attributes[name] = _attribute(rule, parameter.default, name, annotations[name])
        elif isinstance(rule, str):
            operands[name] = operand(rule)
        elif rule is None and parameter.slot == "one":
            place = len(operands)
            kinds: tuple[Kind, ...] = (
                ("real", "int") if place and operation.family == "arithmetic" else ("real",)
            )
            operands[name] = Operand(("*",), kinds, domains[place] if place < len(domains) else REAL_LINE)
    return Call(operands, attributes)


def _attribute(
    rule: AttributeRule | None, default: Attr, name: str, annotation: str
) -> Callable[[Shapes], Sequence[Attr]]:
    if callable(rule):
        return rule
    if rule is not None:
        return lambda shapes, rule=rule: rule  # type: ignore[misc]
    if name == "axis":
        several = annotation == "Axis" or "None" in annotation
        return lambda shapes: ((None,) if several else ()) + axes_of(shapes)
    if name == "keepdims" or annotation == "bool":
        first = default is True
        return lambda shapes: (first, not first)
    if name == "reduction":
        return lambda shapes: ("mean", "sum", "none")
    return lambda shapes: (default,)


def axes_of(shapes: Shapes) -> tuple[int, ...]:
    """Every axis of the first operand, from the end and from the start.

    >>> axes_of({"x": (2, 3)})
    (-1, 0)
    >>> axes_of({"x": (2, 3, 5)})
    (-1, 0, 1)
    """
    rank = len(next(iter(shapes.values()), ()))
    return (-1, *range(rank - 1)) if rank else ()
