"""The support matrix: every operation against every arithmetic, framework and order, read from the tables."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from oracle.frameworks.registry import available
from reference_engine.operations import Composite, Operation, Primitive, lookup, public_operations

ARITHMETICS = ("float64", "perturbed", "balls")
"""Every primitive is written once in terms of the arithmetic's protocol, so it runs in each of them."""


@dataclass(frozen=True, slots=True)
class Row:
    """One operation. ``orders`` is the highest order of derivative by framework, 0 where it has none.

    ``derivative`` is ``rule`` (a local derivative of its own), ``chain rule`` (a program over others) or
    ``none`` (constant between its jumps, or not real).
    """

    name: str
    family: str
    derivative: str
    arithmetics: tuple[str, ...]
    orders: Mapping[str, int]

    def as_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return {
            "name": self.name,
            "family": self.family,
            "derivative": self.derivative,
            "arithmetics": list(self.arithmetics),
            "orders": dict(self.orders),
        }


def matrix() -> list[Row]:
    """A row for every operation that a person can write, by family and name, with what is installed here."""
    highest = {
        f.name: (f.operations(), 2 if f.second_order_routes else 1)
        for f in sorted(available()[0], key=lambda f: f.name)
    }
    rows = [
        Row(
            operation.name,
            operation.family,
            _derivative(operation),
            ARITHMETICS,
            {name: order if operation.name in known else 0 for name, (known, order) in highest.items()},
        )
        for operation in public_operations()
    ]
    return sorted(rows, key=lambda row: (row.family, row.name))


def _derivative(operation: Operation) -> str:
    match operation:
        case Composite():
            return "chain rule"
        case Primitive(jvp=None):
            return "none"
        case _:
            return "rule"


def as_text(rows: Sequence[Row]) -> str:
    """The matrix as a table, with the count of operations below."""
    frameworks = list(rows[0].orders) if rows else []
    head = ("operation", "family", "derivative", "arithmetics", *frameworks)
    lines = [head]
    for row in rows:
        orders = (("-", "first", "first, second")[row.orders[name]] for name in frameworks)
        lines.append((row.name, row.family, row.derivative, " ".join(row.arithmetics), *orders))
    widths = [max(len(line[i]) for line in lines) for i in range(len(head))]
    table = [
        "  ".join(cell.ljust(w) for cell, w in zip(line, widths, strict=True)).rstrip() for line in lines
    ]
    return "\n".join([*table, f"\n{len(rows)} operations; oracle ops NAME explains one"])


def describe(name: str, *, as_json: bool) -> str:
    """One operation: signature, definition, derivative, kinks. ProgramError if there is none of the name."""
    operation = lookup(name)
    if as_json:
        what = {"name": name, "signature": operation.signature, "documentation": operation.documentation}
        return json.dumps(what, indent=1)
    return f"{operation.signature}\n\n{operation.documentation}\n\nFamily: {operation.family}"
