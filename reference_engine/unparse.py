"""A Program as program text: what a person would have written, such that reading it gives the same Program.

The reader makes a node for each operation when its operands have been read, and one for each literal operand
just before the operation. An unnamed node that is used once is therefore written in place where it stood
right there in the order of nodes, and as a statement of its own everywhere else.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from reference_engine.operations import Primitive, lookup
from reference_engine.program import Attr, Node, Program, ProgramError
from reference_engine.spelling import attribute_text, constant_text, name_text
from reference_engine.syntax import check_name
from reference_engine.trace import Builder, apply, building, node_arguments

MAX_INLINE = 12
"""Levels of expressions written in place; deeper ones get names."""

_BINARY: dict[str, ast.operator] = {
    "add": ast.Add(), "subtract": ast.Sub(), "multiply": ast.Mult(), "divide": ast.Div(), "power": ast.Pow(),
    "matmul": ast.MatMult(), "remainder": ast.Mod(), "floor_divide": ast.FloorDiv(),
    "logical_and": ast.BitAnd(), "logical_or": ast.BitOr(), "logical_xor": ast.BitXor(),
}  # fmt: skip
_COMPARE: dict[str, ast.cmpop] = {
    "less": ast.Lt(), "less_equal": ast.LtE(), "greater": ast.Gt(), "greater_equal": ast.GtE(),
    "equal": ast.Eq(), "not_equal": ast.NotEq(),
}  # fmt: skip
_UNARY: dict[str, ast.unaryop] = {"negative": ast.USub(), "logical_not": ast.Invert()}


def unparse(program: Program) -> str:
    """Text such that ``parse(text, program.input_types)`` has the digest of ``program``, a surface Program.

    ProgramError for what has no text: an array attribute, an empty constant of several axes.

    >>> from reference_engine.program import TensorType
    >>> from reference_engine.trace import trace
    >>> print(unparse(trace(lambda w, x: (w * x - 2) ** 2, {"w": TensorType(()), "x": TensorType(())})))
    out0 = (w * x - 2) ** 2
    """
    return _Writer(program, _names(program)).write()


@dataclass
class _Pending:
    """An expression not yet written down: its node, syntax and depth."""

    node: int
    expression: ast.expr
    depth: int
    literal: bool


@dataclass
class _Writer:
    program: Program
    names: dict[int, str]
    lines: list[str] = field(default_factory=list)
    pending: list[_Pending] = field(default_factory=list)

    def write(self) -> str:
        """All lines."""
        uses = self.program.uses()
        index = 0
        while index < len(self.program.nodes):
            node = self.program.nodes[index]
            if node.op == "input":
                index += 1
                continue
            group = self.group(index)
            item = self.item(index, node)
            alone = len(group) == 1 and result_count(node, self.program) == 1
            if alone and index not in self.names and len(uses[index]) == 1 and item.depth <= MAX_INLINE:
                self.pending.append(item)
            else:
                self.flush()
                self.statement(group, node, item)
            index = group[-1] + 1
        self.flush()
        return "\n".join(self.lines + self.returned())

    def group(self, index: int) -> list[int]:
        """This node and those after it that are further results of the same call."""
        nodes = self.program.nodes
        first = nodes[index]
        group = [index]
        for later in range(index + 1, len(nodes)):
            node = nodes[later]
            same = (node.op, node.inputs, node.attrs) == (first.op, first.inputs, first.attrs)
            if not same or node.output <= nodes[group[-1]].output:
                break
            group.append(later)
        return group

    def statement(self, group: list[int], node: Node, item: _Pending) -> None:
        """``name = expression``, with a name for each result of a several-valued operation."""
        count = result_count(node, self.program)
        if count == 1:
            expression = item.expression
            if item.literal and node.type.shape == () and node.type.kind == "bool":
                expression = ast.Call(name_text("constant"), [expression], [])
            self.lines.append(f"{self.name(group[0])} = {_text(expression)}")
            return
        by_output = {self.program.nodes[i].output: self.name(i) for i in group}
        targets = ", ".join(by_output.get(k, "_") for k in range(count))
        self.lines.append(f"{targets} = {_text(item.expression)}")

    def flush(self) -> None:
        """Write every pending expression down as a statement."""
        items, self.pending = self.pending, []
        for item in items:
            self.statement([item.node], self.program.nodes[item.node], item)

    def name(self, index: int) -> str:
        """The node's name, or a fresh one."""
        if index not in self.names:
            taken = set(self.names.values())
            self.names[index] = next(
                n for n in (f"t{index + k}" for k in range(len(taken) + 1)) if n not in taken
            )
        return self.names[index]

    def item(self, index: int, node: Node) -> _Pending:
        """The node as an expression, with pending operands in place where their order allows it."""
        if node.op == "constant":
            written = constant_text(node)
            return _Pending(index, written, 0, literal=not isinstance(written, ast.Call))
        waiting = {p.node: p for p in self.pending if p.node in node.inputs}
        if node.op == "negative" and any(p.literal for p in waiting.values()):
            expected: list[int] = []  # -2 would be read as a negative literal
        else:
            expected = [i for i in node.inputs if i in waiting and not waiting[i].literal]
            expected += [i for i in node.inputs if i in waiting and waiting[i].literal]
        if waiting and [p.node for p in self.pending[-len(waiting) :]] != expected:
            self.flush()
            waiting = {}
        if waiting:
            del self.pending[-len(waiting) :]
        operands = [waiting[i].expression if i in waiting else name_text(self.name(i)) for i in node.inputs]
        depth = 1 + max((p.depth for p in waiting.values()), default=0)
        return _Pending(index, _expression(node, operands), depth, literal=False)

    def returned(self) -> list[str]:
        """The return statement; none if the last assigned name is the only output."""
        outputs, names = self.program.outputs, self.program.output_names
        lines = []
        for index, name in zip(outputs, names, strict=True):
            if self.names.get(index) != name:
                lines.append(f"{name} = {self.name(index)}")
        end = f"{names[0]} = " if len(names) == 1 else None
        written = [*self.lines, *lines]
        if end and written and written[-1].startswith(end):
            return lines
        return [*lines, f"return {', '.join(names)}"]


def result_count(node: Node, program: Program) -> int:
    """How many results the node's operation gives."""
    if node.op == "constant" or isinstance(lookup(node.op), Primitive):
        return 1
    scratch = Builder(surface=True)
    with building(scratch):
        operands = [scratch.input(f"x{k}", program.nodes[i].type) for k, i in enumerate(node.inputs)]
        result = apply(node.op, **node_arguments(node, operands))
    return len(result) if isinstance(result, tuple) else 1


def _names(program: Program) -> dict[int, str]:
    """Names that nodes keep: inputs, outputs under their own names, and names given once."""
    names = {i: program.label(i) for i in program.inputs}
    taken = set(names.values())
    if len(set(program.output_names)) < len(program.output_names):
        msg = f"two outputs have one name: {', '.join(program.output_names)}"
        raise ProgramError(msg)
    for index, name in zip(program.outputs, program.output_names, strict=True):
        if name in taken and names.get(index) != name:
            msg = f"the output {name!r} is called like an input"
            raise ProgramError(msg)
        names.setdefault(index, name)
    taken |= set(program.output_names)
    for index, node in program:
        if index not in names and node.name and node.name not in taken and check_name(node.name) is None:
            names[index] = node.name
            taken.add(node.name)
    return names


def _expression(node: Node, operands: list[ast.expr]) -> ast.expr:
    if node.op in _BINARY:
        return ast.BinOp(operands[0], _BINARY[node.op], operands[1])
    if node.op in _COMPARE:
        return ast.Compare(operands[0], [_COMPARE[node.op]], [operands[1]])
    if node.op in _UNARY:
        return ast.UnaryOp(_UNARY[node.op], operands[0])
    bound = node_arguments(node, operands)
    if node.op == "getitem":
        value, tensors, entries = bound.values()
        return _subscript(value, tensors, entries)
    if node.op == "pi":
        return name_text("pi")
    return _call_of(node.op, bound)


def _call_of(op: str, bound: Mapping[str, Any]) -> ast.expr:
    """A call with required arguments by position and the others by name, defaults left out."""
    args: list[ast.expr] = []
    keywords: list[ast.keyword] = []
    positional = True
    for p in lookup(op).parameters:
        value = bound[p.name]
        absent = value is None if p.slot else (value == p.default and type(value) is type(p.default))
        positional = positional and p.required
        if absent and not p.required:
            continue
        syntax = _operand(value) if p.slot else attribute_text(value)
        if positional:
            args.append(syntax)
        else:
            keywords.append(ast.keyword(p.name, syntax))
    return ast.Call(name_text(op), args, keywords)


def _operand(value: Any) -> ast.expr:
    return ast.List([*value]) if isinstance(value, list) else value


def _subscript(value: ast.expr, tensors: list[ast.expr], entries: tuple[Attr, ...]) -> ast.expr:
    keys: list[ast.expr] = []
    for entry in entries:
        match entry:
            case ("slice", start, stop, step):
                parts = [None if b is None else attribute_text(b) for b in (start, stop, step)]
                keys.append(ast.Slice(*parts))
            case ("newaxis",):
                keys.append(ast.Constant(None))
            case ("ellipsis",):
                keys.append(ast.Constant(...))
            case ("at", position):
                keys.append(attribute_text(position))
            case ("tensor", k):
                keys.append(tensors[k])
    return ast.Subscript(value, keys[0] if len(keys) == 1 else ast.Tuple(keys))


def _text(expression: ast.expr) -> str:
    return ast.unparse(expression)
