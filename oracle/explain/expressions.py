"""The parts of a Program as text: each step as it was written, each local derivative as its rule says."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from reference_engine.differentiate import COTANGENT, GRADIENT, vjp
from reference_engine.operations import Primitive, lookup
from reference_engine.program import FrozenArray, Node, Program, TensorType
from reference_engine.trace import Builder, Tensor, apply, building, node_arguments
from reference_engine.unparse import unparse

LONGEST = 48
"""A local derivative that takes more characters is described in words."""

_BINARY = {
    "add": ("+", 1),
    "subtract": ("-", 1),
    "multiply": ("*", 2),
    "divide": ("/", 2),
    "power": ("**", 4),
}
_TRANSPARENT = frozenset({"broadcast_to", "convert", "reshape"})
_ATOM = 5


def fixed_nodes(program: Program) -> frozenset[int]:
    """Nodes that are numbers: constants, and unnamed operations on nothing else."""
    fixed: set[int] = set()
    for index, node in program:
        if node.op == "constant" or (
            node.op != "input" and node.name is None and all(i in fixed for i in node.inputs)
        ):
            fixed.add(index)
    return frozenset(fixed)


def labels(program: Program) -> dict[int, str]:
    """A name for every node that is no number: the one it was given, or v1, v2..."""
    taken = {node.name for _, node in program}
    fixed = fixed_nodes(program)
    found: dict[int, str] = {}
    count = 0
    for index, node in program:
        if node.name is not None:
            found[index] = node.name
        elif index not in fixed:
            count += 1
            while f"v{count}" in taken:
                count += 1
            found[index] = f"v{count}"
    return found


def one_step(program: Program, index: int, names: Mapping[int, str]) -> Program:
    """The Program of one node alone: its operands are inputs, except for the numbers among them."""
    node = program.nodes[index]
    fixed = fixed_nodes(program)
    builder = Builder(surface=True)
    known: dict[int, Tensor] = {}
    with building(builder):
        for i in node.inputs:
            if i not in fixed and i not in known:
                known[i] = builder.input(names[i], program.nodes[i].type)
        inputs = list(known.values())
        for i in node.inputs:
            _write_number(program, i, builder, known)
        made = apply(node.op, **node_arguments(node, [known[i] for i in node.inputs]))
    return builder.finish(inputs, [made[node.output] if isinstance(made, tuple) else made], [names[index]])


def _write_number(program: Program, index: int, builder: Builder, known: dict[int, Tensor]) -> None:
    if index in known:
        return
    node = program.nodes[index]
    for i in node.inputs:
        _write_number(program, i, builder, known)
    before = [known[i].index for i in node.inputs]
    known[index] = builder.add(node.op, before, node.type, node.attributes, output=node.output)


def written(step: Program) -> str:
    """A one-step Program as the right side of an assignment."""
    *definitions, last = unparse(step).splitlines()
    values = {name: text for name, _, text in (line.partition(" = ") for line in definitions)}
    if last.startswith("return "):
        last = definitions[-1]
    text = last.partition(" = ")[2] or last
    return substitute(text, {name: f"({value})" for name, value in values.items() if value != text})


def substitute(text: str, values: Mapping[str, str]) -> str:
    """The text with names replaced; a name before ``(`` or ``=`` is an operation or a keyword and stays.

    >>> substitute("w * x + clip(x, min=w)", {"w": "2", "x": "-1"})
    '2 * (-1) + clip(-1, min=2)'
    """

    def replace(match: re.Match[str]) -> str:
        value = values.get(match[0])
        if value is None:
            return match[0]
        alone = match.start() == 0 or text[match.start() - 1] in "(,=" or text[: match.start()].endswith(", ")
        alone = alone and (match.end() == len(text) or text[match.end()] in "),")
        return f"({value})" if value.startswith("-") and not alone else value

    return re.sub(r"[A-Za-z_]\w*(?!\w|\(|=)", replace, text)


def local_derivative(step: Program, operand: str) -> str:
    """The local derivative of a step for one operand: as a formula if it is a short one, else in words."""
    formula = derivative_formula(step, operand)
    if formula is not None and len(formula) <= LONGEST:
        return formula
    return in_words(step)


def in_words(step: Program) -> str:
    """What the table says about the derivative of the step's operation."""
    operation = lookup(step.nodes[step.outputs[0]].op)
    if isinstance(operation, Primitive) and operation.derivative:
        text = operation.derivative
    else:
        found = re.search(
            r"^Derivative:\s*(.*?)(?=^\w[\w ]*:|\Z)", operation.documentation, re.DOTALL | re.MULTILINE
        )
        text = " ".join(found[1].split()) if found else ""
    text = text.rstrip(".")
    return f"by the chain rule through {operation.name}" if text in {"", "the chain rule's"} else text


def spread(step: Program) -> Program:
    """The step with every operand of the result's shape, so that broadcasting sums nothing up."""
    shape = step.nodes[step.outputs[0]].type.shape
    if all(t.shape == shape for t in step.input_types.values()):
        return step
    nodes = list(step.nodes)
    for i in step.inputs:
        nodes[i] = Node("input", (), TensorType(shape, nodes[i].type.kind), name=nodes[i].name)
    return Program(tuple(nodes), step.inputs, step.outputs, step.output_names)


def is_elementwise(step: Program) -> bool:
    """Whether an element of the result depends on one of each operand: by the table, or being scalar."""
    result = step.nodes[step.outputs[0]]
    operation = lookup(result.op)
    if isinstance(operation, Primitive) and operation.elementwise:
        return True
    return all(not node.type.shape for _, node in step)


def stops(step: Program, operand: str) -> bool:
    """Whether the result does not depend on the operand as far as derivatives go."""
    derivative = vjp(step, (operand,))
    node = derivative.nodes[derivative.outputs[derivative.output_names.index(GRADIENT + operand)]]
    while node.op == "broadcast_to":
        node = derivative.nodes[node.inputs[0]]
    return bool(node.attr("structural", False))


@dataclass(frozen=True)
class _Text:
    """A formula, how tightly its last operator binds, and its number if it is one."""

    text: str
    binding: int = _ATOM
    number: Fraction | None = None

    def inside(self, binding: int) -> str:
        return self.text if self.binding >= binding else f"({self.text})"


def derivative_formula(step: Program, operand: str) -> str | None:
    """The rule of an elementwise step with a cotangent of 1, simplified; None where it is no formula.

    >>> from reference_engine import TensorType, trace
    >>> derivative_formula(trace(lambda s: s**2, {"s": TensorType(())}, ["loss"]), "s")
    '2 * s'
    """
    if not is_elementwise(step):
        return None
    derivative = vjp(spread(step), (operand,))
    result = derivative.outputs[0]
    formulas: dict[int, _Text | None] = {}
    for index, node in derivative:
        parts = [formulas[i] for i in node.inputs]
        if node.op == "input":
            seed = (node.name or "").startswith(COTANGENT)
            formulas[index] = _number(Fraction(1)) if seed else _Text(node.name or "")
        elif node.op == "constant":
            formulas[index] = _constant(node.attr("value"))
        elif node.op in _TRANSPARENT:
            formulas[index] = parts[0]
        elif index == result:
            formulas[index] = _Text(step.output_names[0])
        else:
            formulas[index] = (
                None if None in parts else _combine(node.op, [p for p in parts if p is not None])
            )
    found = formulas[derivative.outputs[1]]
    return None if found is None else found.text


def _constant(value: Any) -> _Text | None:
    return None if isinstance(value, (FrozenArray, bool, float)) else _number(Fraction(value))


def _number(value: Fraction) -> _Text:
    text = str(value) if value.denominator == 1 else repr(float(value))
    if value.denominator != 1 and Fraction(text) != value:
        return _Text(f"{value.numerator} / {value.denominator}", 2, value)
    return _Text(text, _ATOM if value >= 0 else 3, value)


def _combine(op: str, parts: Sequence[_Text]) -> _Text | None:
    """One operation on formulas, with ones, zeros and signs cleared away."""
    first, second = parts[0], parts[-1]
    match op:
        case "multiply" if first.number is not None and second.number is not None:
            return _number(first.number * second.number)
        case "multiply" if second.number is not None:
            return _combine(op, [second, first])
        case "multiply" if first.number is not None and first.number == 1:
            return second
        case "multiply" if first.number is not None and first.number == -1:
            return _combine("negative", [second])
        case "divide" if second.number is not None and second.number == 1:
            return first
        case "power" if second.number is not None and second.number == 1:
            return first
        case "add" | "subtract" if second.number is not None and second.number == 0:
            return first
        case "negative" if first.number is not None:
            return _number(-first.number)
        case "negative" if first.text.startswith("-") and first.binding == 3:
            return _Text(first.text[1:])
        case "negative":
            return _Text(f"-{first.inside(3)}", 3)
        case _ if op in _BINARY:
            sign, binding = _BINARY[op]
            right = second.inside(binding + (op in {"subtract", "divide", "power"}))
            left = first.inside(binding + (op == "power"))
            return _Text(f"{left} {sign} {right}", binding)
    operation = lookup(op)
    if (
        isinstance(operation, Primitive)
        and operation.elementwise
        and not operation.internal
        and op != "where"
    ):
        return _Text(f"{op}({', '.join(p.text for p in parts)})")
    return None
