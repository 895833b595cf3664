"""A Derivation as text: forward pass, local derivatives, backward pass, and the certified gradient."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence

import numpy as np

from oracle.explain.derive import Derivation, Edge, is_open
from oracle.explain.expressions import substitute
from oracle.explain.numbers import in_full, short, show
from reference_engine.arithmetic import Values

INDENT = "    "
LISTED = 8
"""Elements of a gradient that are listed in full."""

Row = tuple[str, Sequence[str]]
"""A left side, and the expressions that it equals."""


def as_text(about: str, derivation: Derivation, width: int) -> str:
    """The whole explanation in lines of at most ``width`` columns, where a name or number is not longer."""
    total = derivation.total
    sections: list[tuple[str, list[str]]] = [
        ("Forward pass", _rows(_forward(derivation), width)),
        ("Local derivatives", _rows(_local(derivation), width)),
        (f"Backward pass: from {total} to the inputs by the chain rule", _rows(_backward(derivation), width)),
        (
            "Gradient, proved in ball arithmetic",
            _rows(_gradient(derivation), width) + _notes(derivation, width),
        ),
    ]
    lines = [*textwrap.wrap(about, width), "", *_inputs(derivation, width)]
    for title, body in sections:
        lines += ["", *textwrap.wrap(title, width), "", *body]
    lines += _notes(derivation, width)
    return "\n".join(line.rstrip() for line in lines)


def _rows(rows: Iterable[Row], width: int) -> list[str]:
    """Rows with their equals signs below each other; a row that is too long goes on below the first sign."""
    found = list(rows)
    if not found:
        return [f"{INDENT}nothing"]
    column = min(max((len(left) for left, parts in found if parts), default=0), width // 2)
    lines: list[str] = []
    for left, parts in found:
        line = f"{INDENT}{left:<{column}} = {parts[0]}" if parts else INDENT + left
        for part in parts[1:]:
            if len(line) + 3 + len(part) > width:
                lines.append(line)
                line = f"{INDENT}{'':<{column}} = {part}"
            else:
                line += f" = {part}"
        lines.append(line)
    return [short for line in lines for short in _wrap(line, column, width)]


def _wrap(line: str, column: int, width: int) -> list[str]:
    """A line that is too long, broken at spaces; a number keeps its radius beside it."""
    if len(line) <= width:
        return [line]
    hang = column + len(INDENT) + 3
    if hang > width // 2:
        hang = 2 * len(INDENT)
    body = line.strip()
    start = INDENT if line[len(INDENT)] != " " else " " * (hang - 2)
    wrapped = textwrap.wrap(
        body.replace(" ± ", "\u00a0±\u00a0"),
        width,
        initial_indent=start,
        subsequent_indent=" " * hang,
        break_long_words=False,
        break_on_hyphens=False,
    )
    return [part.replace("\u00a0", " ") for part in wrapped]


def _inputs(derivation: Derivation, width: int) -> list[str]:
    program = derivation.program
    parts = []
    for name, i in zip(program.input_names, program.inputs, strict=True):
        node = program.nodes[i]
        value = show(derivation.values[i], node.type.kind)
        parts.append(f"{name} = {value}{f' ({node.type})' if '...' in value else ''}")
    lines = textwrap.wrap("Given " + ", ".join(parts), width, subsequent_indent="  ", break_long_words=False)
    if derivation.total not in program.output_names:
        terms = " + ".join(_term(derivation, i) for i in derivation.seeds)
        lines += textwrap.wrap(f"Differentiated: {derivation.total} = {terms}", width, subsequent_indent="  ")
    return lines


def _term(derivation: Derivation, index: int) -> str:
    seed = show(derivation.seeds[index])
    return derivation.names[index] if seed == "1" else f"<{seed}, {derivation.names[index]}>"


def _forward(derivation: Derivation) -> Iterable[Row]:
    program = derivation.program
    numbers = {
        name: show(derivation.values[i], program.nodes[i].type.kind)
        for i, name in derivation.names.items()
        if i in derivation.values and not program.nodes[i].type.shape
    }
    for i, step in derivation.steps.items():
        node = program.nodes[i]
        expression = derivation.expression(i)
        parts = [expression if node.type.kind == "real" else f"({expression})"]
        scalar = all(not program.nodes[j].type.shape for j in node.inputs)
        result = show(derivation.values[i], node.type.kind)
        filled = substitute(parts[0], numbers)
        if scalar and step.inputs and filled not in {parts[0], result}:
            parts.append(filled)
        yield derivation.names[i], [*parts, result]


def slope(derivation: Derivation, edge: Edge) -> str:
    """The name of an edge's local derivative: dy/dx, with d(...) around the total as everywhere."""
    return f"{differential(derivation, edge.target)}/d{derivation.names[edge.source]}"


def differential(derivation: Derivation, index: int) -> str:
    """How the differential of a node is written."""
    name = derivation.names[index]
    return f"d({name})" if name == derivation.total else f"d{name}"


def _local(derivation: Derivation) -> Iterable[Row]:
    order = {i: place for place, i in enumerate(derivation.steps)}
    for edge in sorted(derivation.edges, key=lambda e: (order[e.target], e.source)):
        parts = [edge.formula]
        if edge.local is not None:
            value = local_value(edge.local)
            if value != edge.formula:
                parts.append(value)
            if is_open(edge.local):
                parts[-1] += "  (a kink: any of these)" if "[" in value else ""
        elif edge.formula == "0":
            parts = [f"0 (stopped by {derivation.program.nodes[edge.target].op})"]
        yield slope(derivation, edge), parts


def local_value(local: Values) -> str:
    """The elements of a local derivative, as one number where all are the same."""
    shown = {short(v) for v in local.ravel()}
    return shown.pop() if len(shown) == 1 else show(local)


def _backward(derivation: Derivation) -> Iterable[Row]:
    program = derivation.program
    for i in sorted(derivation.cotangents, reverse=True):
        left = f"d({derivation.total})/d{derivation.names[i]}"
        sending = sorted((e for e in derivation.edges_from(i) if e.sent is not None), key=lambda e: e.target)
        value = show(derivation.cotangents[i])
        if i in derivation.seeds and not sending:
            if derivation.names[i] != derivation.total:
                yield left, [f"{value} (the start)"]
            continue
        products = [_product(derivation, e, symbols=True) for e in sending]
        numbers = [_product(derivation, e, symbols=False) for e in sending]
        if i in derivation.seeds:
            products.insert(0, "start")
            numbers.insert(0, show(derivation.seeds[i]))
        products = [f"{p} directly" if p == left and len(products) > 1 else p for p in products]
        parts = [" + ".join(products)]
        if all(numbers) and not program.nodes[i].type.shape:
            parts.append(" + ".join(numbers))
        parts = list(dict.fromkeys([*(p for p in parts if p != left), value]))
        yield left, parts


def _product(derivation: Derivation, edge: Edge, *, symbols: bool) -> str:
    """What one edge sends back, in symbols or in numbers.

    It is the cotangent times the local derivative, summed where the operand was broadcast; where the step
    is not elementwise it goes back through its rule.
    """
    program = derivation.program
    target = derivation.cotangents[edge.target]
    first = f"d({derivation.total})/d{derivation.names[edge.target]}" if symbols else show(target)
    if edge.local is None:
        return f"{first} back through {program.nodes[edge.target].op}" if symbols else ""
    second = slope(derivation, edge) if symbols else local_value(edge.local)
    start = derivation.names[edge.target] == derivation.total and not program.nodes[edge.target].type.shape
    product = second if start else f"{first} * {second}"
    broadcast = program.nodes[edge.source].type.shape != program.nodes[edge.target].type.shape
    return f"sum({product})" if broadcast else product


def _gradient(derivation: Derivation) -> Iterable[Row]:
    for name, values in derivation.gradient.items():
        places = list(np.ndindex(values.shape))
        for place in places[:LISTED]:
            where = f"{name}[{', '.join(map(str, place))}]" if place else name
            yield f"d({derivation.total})/d{where}", [in_full(values[place])]
        if len(places) > LISTED:
            yield f"... and {len(places) - LISTED} more elements of {name}", []


def _notes(derivation: Derivation, width: int) -> list[str]:
    """What is to be said where a slope is free: as a whole, or only for the steps on their own."""
    program = derivation.program
    by_name = dict(zip(program.input_names, program.inputs, strict=True))
    free = [name for name, values in derivation.gradient.items() if is_open(values)]
    met = [
        name
        for name in derivation.gradient
        if name not in free and is_open(derivation.cotangents.get(by_name[name], np.empty(0, dtype=object)))
    ]
    notes = []
    if free:
        names = ", ".join(free)
        notes.append(f"At a kink or a singular point for {names}: an interval holds every valid slope.")
    if met:
        names = ", ".join(met)
        notes.append(f"For {names} a step alone leaves the slope open; the program as a whole does not.")
    return [line for note in notes for line in ["", *textwrap.wrap(note, width)]]
