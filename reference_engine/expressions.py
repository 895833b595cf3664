"""Expressions of program text: each node of Python's syntax tree becomes operations in a Builder."""

from __future__ import annotations

import ast
import difflib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from types import EllipsisType
from typing import Any

from reference_engine.literals import Several, attribute, check_growth, exact_array, is_numeric, static_index
from reference_engine.operations import OPERATIONS, Composite, Primitive, lookup
from reference_engine.program import ProgramError
from reference_engine.syntax import LanguageError, Source, decimal
from reference_engine.trace import Builder, Tensor, apply, as_tensor, constant

MAX_NODES = 10_000
"""Operations of a program: the reference evaluates that many in seconds; people write fewer than fifty."""

MAX_ELEMENTS = 4_000_000
"""Elements of one tensor: inputs are limited to a million, and a few broadcasts of these must fit."""

MAX_ALL_ELEMENTS = 40_000_000
"""Elements of all tensors together: 320 MB in float64, which every worker process can hold."""

NUMBERS = {"inf": float("inf"), "nan": float("nan")}
"""Names of numbers that have no digits."""

_CONSTANTS = ("pi", "e")

_BINARY: dict[type[ast.operator], str] = {
    ast.Add: "add", ast.Sub: "subtract", ast.Mult: "multiply", ast.Div: "divide", ast.Pow: "power",
    ast.MatMult: "matmul", ast.Mod: "remainder", ast.FloorDiv: "floor_divide", ast.BitAnd: "logical_and",
    ast.BitOr: "logical_or", ast.BitXor: "logical_xor",
}  # fmt: skip
_UNARY: dict[type[ast.unaryop], str] = {ast.USub: "negative", ast.Invert: "logical_not"}
_COMPARE: dict[type[ast.cmpop], str] = {
    ast.Lt: "less", ast.LtE: "less_equal", ast.Gt: "greater", ast.GtE: "greater_equal", ast.Eq: "equal",
    ast.NotEq: "not_equal",
}  # fmt: skip


@dataclass
class ExpressionReader:
    """Reads expressions into a Builder; ``names`` holds what each name stands for."""

    source: Source
    builder: Builder
    names: dict[str, Any]
    lines: dict[str, int] = field(default_factory=dict)
    elements: int = 0

    def expression(self, node: ast.expr) -> Any:
        """The value of an expression: a Tensor, or a literal (number, string, None, list) not yet placed."""
        match node:
            case ast.Constant(value=value):
                return self.literal(node, value)
            case ast.Name(id=name):
                return self.name(node, name)
            case ast.UnaryOp(op=ast.USub(), operand=ast.Constant() | ast.Name(id="inf" | "nan") as operand):
                return self.negated(node, self.expression(operand))
            case ast.UnaryOp(op=op, operand=operand) if type(op) in _UNARY:
                return self.call(node, _UNARY[type(op)], [self.expression(operand)], {})
            case ast.BinOp(left=left, op=op, right=right) if type(op) in _BINARY:
                return self.binary(node, _BINARY[type(op)], left, right)
            case ast.Compare(left=left, ops=[op], comparators=[right]) if type(op) in _COMPARE:
                return self.binary(node, _COMPARE[type(op)], left, right)
            case ast.Compare(ops=[_, _, *_]):
                raise self.source.error(node, "found a chain of comparisons", hint="write (a < b) & (b < c)")
            case ast.List(elts=items):
                return [self.expression(item) for item in items]
            case ast.Tuple(elts=items):
                return tuple(self.expression(item) for item in items)
            case ast.Subscript(value=value, slice=key):
                return self.index(node, self.expression(value), key)
            case ast.Call(func=function):
                args = [self.expression(a) for a in node.args]
                return self.call(node, self.operation(function), args, self.keywords(node))
            case ast.Attribute(attr=name):
                raise self.source.error(node, f"found the attribute {name!r}", hint=_attribute_hint(name))
        raise self.source.refuse(node)

    def binary(self, node: ast.expr, name: str, left: ast.expr, right: ast.expr) -> Any:
        """An operator between two expressions."""
        return self.call(node, name, [self.expression(left), self.expression(right)], {})

    def keywords(self, node: ast.Call) -> dict[str, Any]:
        """The keyword arguments of a call."""
        found: dict[str, Any] = {}
        for k in node.keywords:
            if k.arg is None:
                raise self.source.error(k.value, "found '**' in a call", "name=value")
            found[k.arg] = self.expression(k.value)
        return found

    def literal(self, node: ast.Constant, value: object) -> Any:
        """A literal of the text; a float as the fraction that its decimals say."""
        match value:
            case None | bool() | str() | EllipsisType():
                return value
            case int():
                if abs(value) >= 2**63:
                    raise self.source.error(node, "found an integer beyond 64 bits", hint="write it as 1e20")
                return value
            case float():
                try:
                    return decimal(self.source.text(node))
                except ValueError as error:
                    raise self.source.error(node, str(error)) from None
        raise self.source.error(node, f"found {self.source.text(node)[:20]}", "a real number")

    def negated(self, node: ast.UnaryOp, value: Any) -> Any:
        """A literal with a minus sign is a negative literal; -0.0 needs a float to keep its sign."""
        match value:
            case bool():
                raise self.source.error(node, f"found -{value}", "a number")
            case Fraction() if value == 0:
                return -0.0
            case int() | Fraction() | float():
                return -value
        return self.call(node, "negative", [value], {})

    def name(self, node: ast.Name, name: str) -> Any:
        """What a name stands for."""
        if name in self.names:
            return self.names[name]
        if name in NUMBERS:
            return NUMBERS[name]
        if name in _CONSTANTS and name in OPERATIONS:
            return self.call(node, name, [], {})
        close = difflib.get_close_matches(name, self.names, 1)
        hint = f"did you mean {close[0]!r}?" if close else ""
        if name in OPERATIONS and not close:
            hint = f"the operation is called as {OPERATIONS[name].signature}"
        known = ", ".join(list(self.names)[:12])
        raise self.source.error(node, f"unknown name {name!r}", "" if hint else f"one of {known}", hint)

    def operation(self, node: ast.expr) -> str:
        """The name of the operation that a call calls."""
        match node:
            case ast.Name(id=name) if name in self.names and name not in OPERATIONS:
                raise self.source.error(node, f"found {name!r} called, which is no operation")
            case ast.Name(id=name):
                return name
            case ast.Attribute(value=ast.Name(id=module), attr=name) if module not in self.names:
                raise self.source.error(node, f"found '{module}.{name}'", hint=f"write {name}(...)")
            case ast.Attribute(attr=name):
                raise self.source.error(node, f"found the method {name!r}", hint=f"write {name}(x, ...)")
        raise self.source.error(node, "found a call of an expression", "a call of an operation by its name")

    def index(self, node: ast.Subscript, value: Any, key: ast.expr) -> Any:
        """``value[key]``."""
        items = [self.key(k) for k in (key.elts if isinstance(key, ast.Tuple) else [key])]
        if isinstance(value, Several):
            match items:
                case [int(k)] if not isinstance(items[0], bool) and -len(value) <= k < len(value):
                    return value[k]
            raise self.source.error(key, f"found no index of {len(value)} values", "an integer")
        tensor = self.tensor(value, node.value)
        return self.guarded(node, "getitem", lambda: tensor[tuple(items)])

    def key(self, node: ast.expr) -> Any:
        """One entry of an index: an integer, a slice, None, an ellipsis or an integer tensor."""
        if isinstance(node, ast.Slice):
            return slice(*(self.bound(b) for b in (node.lower, node.upper, node.step)))
        value = static_index(self.expression(node))
        match value:
            case Fraction() | float() | str():
                raise self.source.error(node, f"found {value} as an index", "an integer, a slice or None")
            case list():
                return self.tensor(value, node)
        return value

    def bound(self, node: ast.expr | None) -> int | None:
        """One bound of a slice."""
        value = None if node is None else static_index(self.expression(node))
        if node is not None and (not isinstance(value, int) or isinstance(value, bool)):
            raise self.source.error(node, "found something else than an integer in a slice", "an integer")
        return value

    def call(self, node: ast.expr, name: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
        """Apply an operation to what the text gives it."""
        if name == "constant":
            return self.constant(node, args, kwargs)

        def run() -> Any:
            operation = _public(name)
            bound = operation.bind(args, kwargs)
            slots = {p.name: p.slot for p in operation.parameters}
            arguments = {k: self.argument(node, slots[k], v) for k, v in bound.items()}
            check_growth(name, arguments, MAX_ALL_ELEMENTS)
            return apply(name, **arguments)

        return self.guarded(node, name, run)

    def argument(self, node: ast.expr, slot: str | None, value: Any) -> Any:
        """A value as an operand (Tensor), a list of operands, or an attribute."""
        if slot is None:
            return attribute(value)
        if value is None:
            return None
        if slot == "many" and isinstance(value, (list, tuple)) and not isinstance(value, Several):
            return [self.tensor(v, node) for v in value]
        return self.tensor(value, node) if slot != "many" else value

    def constant(self, node: ast.expr, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Tensor:
        """``constant(value, kind)``: a node of its own; a string such as "1/3" is an exact fraction."""
        match list(args):
            case [str() as text] if not kwargs:
                try:
                    return constant(Fraction(*(int(part) for part in text.split("/"))), "real")
                except (ValueError, TypeError, ZeroDivisionError):
                    raise self.source.error(
                        node, f"found {text[:20]!r}", 'a fraction such as "1/3"'
                    ) from None
            case [value, "real" | "int" | "bool" as kind] if not kwargs and is_numeric(value):
                if isinstance(value, int):
                    return constant(Fraction(value) if kind == "real" else value)
                array: Tensor = self.guarded(node, "constant", lambda: constant(exact_array(value), kind))
                return array
            case [value] if not kwargs and (is_numeric(value) or isinstance(value, bool)):
                return self.tensor(value, node)
        raise self.source.error(node, "found no constant", 'constant(numbers), constant(numbers, "real")')

    def tensor(self, value: Any, node: ast.expr | ast.stmt) -> Tensor:
        """A value as a Tensor; decimals in a list that float64 cannot hold become constants of their own."""
        match value:
            case Several():
                raise self.source.error(
                    node, f"found {len(value)} values where one belongs", hint="unpack them"
                )
            case Tensor() | bool() | int() | Fraction() | float():
                self.builder.line = node.lineno
                return as_tensor(value)
            case list() | tuple():
                array: Tensor = self.guarded(node, "constant", lambda: self.array(value, node))
                return array
        raise self.source.error(node, f"found {value!r:.40} where a tensor belongs", "a tensor or a number")

    def array(self, value: Sequence[Any], node: ast.expr | ast.stmt) -> Tensor:
        """Nested lists as one constant, or as a stack where they hold tensors or long decimals."""
        exact = exact_array(value)
        if exact is not None:
            return constant(exact)
        rows: Tensor = apply("stack", [self.tensor(v, node) for v in value])
        return rows

    def guarded(self, node: ast.expr | ast.stmt, name: str, action: Callable[[], Any]) -> Any:
        """Run an operation's own checks; whatever they raise becomes an error at the node."""
        self.builder.line = node.lineno
        start = len(self.builder.nodes)
        try:
            result = action()
        except LanguageError:
            raise
        except ProgramError as error:
            raise self.source.error(node, str(error)) from error
        except Exception as error:  # a shape rule or a composite's body may raise anything for odd attributes
            raise self.source.error(node, f"{name} cannot take these arguments: {error}") from error
        self.limit(node, start)
        return Several(result) if isinstance(result, tuple) else result

    def limit(self, node: ast.expr | ast.stmt, start: int) -> None:
        """Refuse a program that has grown too large."""
        if len(self.builder.nodes) > MAX_NODES:
            raise self.source.error(node, "the program is too long", f"at most {MAX_NODES} operations")
        for new in self.builder.nodes[start:]:
            self.elements += new.type.size
            if new.type.size > MAX_ELEMENTS:
                found = f"found a tensor of {new.type.size} elements"
                raise self.source.error(node, found, f"at most {MAX_ELEMENTS}")
        if self.elements > MAX_ALL_ELEMENTS:
            found = f"found tensors of {self.elements} elements in all"
            raise self.source.error(node, found, f"at most {MAX_ALL_ELEMENTS}")


def _public(name: str) -> Primitive | Composite:
    operation = lookup(name)
    if isinstance(operation, Primitive) and operation.internal:
        msg = f"operation {name!r} is internal to derivatives"
        raise ProgramError(msg)
    return operation


def _attribute_hint(name: str) -> str:
    if name in {"T", "mT"}:
        return "write matrix_transpose(x)"
    return f"write {name}(x)" if name in OPERATIONS else "values have no attributes"
