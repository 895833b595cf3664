"""Program text to a Program: Python's expression syntax, assignments that name results, and nothing else.

    y_hat = w * x            # operators and calls of the table's operations
    values, vectors = eigh(A)
    return y_hat, values     # optional; without it the last assigned name is the output

A number keeps its decimal meaning: 0.1 is one tenth. A name is assigned once. Nothing is evaluated by Python.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from reference_engine.expressions import ExpressionReader
from reference_engine.literals import Several, is_numeric
from reference_engine.program import Program, TensorType
from reference_engine.syntax import LanguageError, check_name, read
from reference_engine.trace import Builder, Tensor, building
from reference_engine.unparse import unparse

__all__ = ["LanguageError", "check_name", "parse", "unparse"]


def parse(text: str, types: Mapping[str, TensorType]) -> Program:
    """The surface Program that ``text`` describes, with inputs in the order of ``types``.

    Nodes carry the names and lines of the text. What no output needs is left out. LanguageError for whatever
    cannot be right, with line, column, what was found and what was expected.

    >>> print(parse("s = w * x - 2.5", {"w": TensorType(()), "x": TensorType(())}))
    w: real[] = input()
    x: real[] = input()
    %2: real[] = multiply(w, x)
    %3: real[] = constant(value=5/2)
    s: real[] = subtract(%2, %3)
    return s
    """
    source = read(text)
    builder = Builder(surface=True)
    with building(builder):
        inputs = [_input(builder, name, type_) for name, type_ in types.items()]
        reader = StatementReader(source, builder, dict(zip(types, inputs, strict=True)))
        outputs = reader.statements()
    return builder.finish(inputs, list(outputs.values()), list(outputs))


def _input(builder: Builder, name: str, type_: TensorType) -> Tensor:
    problem = check_name(name)
    if problem:
        raise LanguageError(1, 1, f"input {problem}")
    return builder.input(name, type_)


@dataclass
class StatementReader(ExpressionReader):
    """Reads statements: what each assignment names, and what is returned."""

    def statements(self) -> dict[str, Tensor]:
        """Read all statements; the outputs by name."""
        if not self.source.statements:
            raise LanguageError(1, 1, "the program is empty", "name = expression")
        last: list[str] = []
        *_, end = self.source.statements
        for statement in self.source.statements:
            match statement:
                case ast.Assign(targets=[target]):
                    last = self.assign(target, statement.value) or last
                case ast.Assign():
                    found = "found two assignments in one statement"
                    raise self.source.error(statement, found, "name = expression")
                case ast.Return(value=value) if statement is end and value is not None:
                    return self.outputs(value)
                case ast.Return():
                    where = "values after it" if statement is end else "it on the last line"
                    raise self.source.error(statement, "found 'return'", where)
                case _:
                    raise self.source.refuse(statement)
        if not last:
            raise self.source.error(end, "the program names no result", "name = expression")
        return {name: self.tensor(self.names[name], end) for name in last}

    def assign(self, target: ast.expr, expression: ast.expr) -> list[str]:
        """Read ``target = expression``; the names that it defines."""
        start = len(self.builder.nodes)
        value = self.expression(expression)
        match target:
            case ast.Name():
                if isinstance(value, Several):
                    found = f"found one name for {len(value)} values"
                    raise self.source.error(target, found, hint="unpack them: a, b = ...")
                pairs: list[tuple[ast.expr, Any]] = [(target, value)]
            case ast.Tuple(elts=names) | ast.List(elts=names):
                if not isinstance(value, tuple) or len(value) != len(names):
                    count = len(value) if isinstance(value, tuple) else 1
                    raise self.source.error(target, f"found {len(names)} names for {count} value(s)")
                pairs = list(zip(names, value, strict=True))
            case _:
                raise self.source.error(target, "found something else than a name left of '='", "a name")
        return [name for node, item in pairs for name in self.define(node, item, start)]

    def define(self, target: ast.expr, value: Any, start: int) -> list[str]:
        """Let a name stand for a value; a node of this statement takes the name."""
        if not isinstance(target, ast.Name):
            raise self.source.error(target, "found something else than a name left of '='", "a name")
        name = target.id
        if name == "_":
            return []
        problem = check_name(name)
        if problem:
            raise self.source.error(target, problem)
        if name in self.names:
            where = f"on line {self.lines[name]}" if name in self.lines else "as an input"
            found = f"{name!r} is already defined {where}"
            raise self.source.error(target, found, hint="each name is assigned once")
        if is_numeric(value):
            value = self.tensor(value, target)
        if (
            isinstance(value, Tensor)
            and value.index >= start
            and self.builder.nodes[value.index].name is None
        ):
            self.builder.rename(value.index, name, target.lineno)
        self.names[name] = value
        self.lines[name] = target.lineno
        return [name]

    def outputs(self, value: ast.expr) -> dict[str, Tensor]:
        """What the return statement names; an expression without a name is ``out0``, ``out1``..."""
        items = value.elts if isinstance(value, ast.Tuple) else [value]
        outputs: dict[str, Tensor] = {}
        for k, item in enumerate(items):
            name = item.id if isinstance(item, ast.Name) else f"out{k}"
            if name in outputs:
                raise self.source.error(item, f"{name!r} is returned twice")
            outputs[name] = self.tensor(self.expression(item), item)
        return outputs
