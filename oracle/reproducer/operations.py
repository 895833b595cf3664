"""Calls of a framework's own operations as text, from the tables by which the frameworks are asked."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from oracle.reproducer.sources import Closure, Module

TABLES: Mapping[str, tuple[str, ...]] = {
    "torch": ("torch_operations", "torch_functional", "torch_linalg"),
    "jax": ("jax_operations", "jax_functional", "jax_layers", "jax_losses", "jax_linalg"),
}
"""Modules of ``oracle.frameworks`` that hold a framework's operations."""

HOME = "oracle.frameworks."

INFIX = {
    "add": "+", "sub": "-", "mul": "*", "truediv": "/", "pow": "**", "mod": "%", "floordiv": "//",
    "lt": "<", "le": "<=", "gt": ">", "ge": ">=", "eq": "==", "ne": "!=",
}  # fmt: skip
"""Functions of Python's operator module and what a person writes for them."""


@lru_cache(maxsize=32)
def module_of(name: str) -> Module | None:
    """The text of a module of ours that adapts a framework; None for any other module."""
    if not name.startswith(HOME):
        return None
    spec = find_spec(name)
    assert spec is not None
    assert spec.origin is not None
    return Module(Path(spec.origin))


class Operations:
    """A framework's operations; what the calls refer to gathers in ``closure``."""

    def __init__(self, framework: str) -> None:
        self.closure = Closure(module_of, plain=True)
        self._entries: dict[str, tuple[Module, ast.expr]] = {}
        self.factories: dict[str, str] = {}
        for table in TABLES[framework]:
            module = module_of(HOME + table)
            assert module is not None
            for name, expression in _entries(module):
                self._entries[name] = (module, expression)
        home = module_of(HOME + TABLES[framework][0])
        assert home is not None
        self.number_operands = frozenset(_literal(home, "NUMBER_OPERANDS"))

    def call(self, name: str, arguments: Mapping[str, str]) -> str:
        """The call of an operation of ours, its arguments by our names as text. KeyError if there is none."""
        module, entry = self._entries[name]
        given = {n: ast.parse(text, mode="eval").body for n, text in arguments.items()}
        match entry:
            case ast.Call(func=ast.Name(id="positional"), args=[function]):
                return ast.unparse(self._positional(module, function, list(given.values())))
            case ast.Call(func=ast.Name(id="native"), args=[function]):
                renamed: Mapping[str, str] = _literal(module, "_NAMES")
                self.closure.need(module, function)
                words = [ast.keyword(renamed.get(n, n), value) for n, value in given.items()]
                return ast.unparse(ast.Call(function, [], words))
            case ast.Call(func=ast.Name(id=maker), args=inner) if made := _made(module, maker, inner):
                return self._reduced(module, made, given)
            case ast.Lambda() if _reducible(entry):
                return self._reduced(module, entry, given)
            case ast.Name():
                self.closure.need(module, entry)
                return ast.unparse(_keywords(entry, given))
            case _:
                self.closure.need(module, entry)
                self.factories[f"call_{name}"] = ast.unparse(entry)
                return ast.unparse(_keywords(ast.Name(f"call_{name}"), given))

    def _reduced(self, module: Module, function: ast.Lambda, given: Mapping[str, ast.expr]) -> str:
        """The body of a function with its arguments put in."""
        names = [a.arg for a in function.args.args]
        body = _Substitution({n: given[n] for n in names}).visit(_again(function.body))
        self.closure.need(module, body)
        return ast.unparse(body)

    def _positional(self, module: Module, function: ast.expr, given: list[ast.expr]) -> ast.expr:
        match function, given:
            case ast.Attribute(value=ast.Name(id="operator"), attr=name), [left, right] if name in INFIX:
                written = ast.parse(f"left {INFIX[name]} right", mode="eval").body
                both: ast.expr = _Substitution({"left": left, "right": right}).visit(written)
                return both
        self.closure.need(module, function)
        return ast.Call(function, given, [])

    def lines(self) -> Iterator[str]:
        """Definitions that the calls so far need."""
        yield from self.closure.lines()
        for name, made in self.factories.items():
            yield ""
            yield f"{name} = {made}"


def _keywords(function: ast.expr, given: Mapping[str, ast.expr]) -> ast.Call:
    return ast.Call(function, [], [ast.keyword(n, value) for n, value in given.items()])


def _entries(module: Module) -> Iterator[tuple[str, ast.expr]]:
    """Operations of a module's tables and what they are there."""
    for statement in module.tree.body:
        if not isinstance(statement, ast.AnnAssign) or not isinstance(statement.value, ast.Dict):
            continue
        if ast.unparse(statement.annotation) != "Mapping[str, Call]":
            continue
        for key, value in zip(statement.value.keys, statement.value.values, strict=True):
            if isinstance(key, ast.Constant):
                yield str(key.value), value
            elif isinstance(value, ast.DictComp):
                yield from _comprehended(module, value)


def _comprehended(module: Module, made: ast.DictComp) -> Iterator[tuple[str, ast.expr]]:
    """What ``{name: f(name) for name in NAMES}`` holds."""
    (loop,) = made.generators
    assert isinstance(loop.target, ast.Name)
    names = _literal(module, loop.iter.id) if isinstance(loop.iter, ast.Name) else ast.literal_eval(loop.iter)
    for name in names:
        yield name, _Substitution({loop.target.id: ast.Constant(name)}).visit(_again(made.value))


def _literal(module: Module, name: str) -> Any:
    """A constant of a module."""
    (statement,) = module.bound[name]
    value = getattr(statement, "value", None)
    assert value is not None
    if isinstance(value, ast.Call):  # frozenset({...})
        value = value.args[0]
    return ast.literal_eval(value)


def _reducible(function: ast.Lambda) -> bool:
    """Whether arguments can be put into a lambda's body without changing what it means."""
    scopes = (ast.Lambda, ast.ListComp, ast.GeneratorExp, ast.DictComp, ast.SetComp)
    inner = any(isinstance(n, scopes) for n in ast.walk(function.body))
    return function.args.kwarg is None and not inner


def _made(module: Module, maker: str, arguments: list[ast.expr]) -> ast.Lambda | None:
    """The lambda that a function of the module returns, where that is all that it does."""
    match module.bound.get(maker):
        case [ast.FunctionDef(args=parameters, body=[*_, ast.Return(value=ast.Lambda() as found)] as body)]:
            described = isinstance(body[0], ast.Expr)
            if len(body) - described == 1 and _reducible(found):
                names = [a.arg for a in parameters.args]
                given = dict(zip(names, arguments, strict=True))
                made = _Substitution(given).visit(_again(found))
                assert isinstance(made, ast.Lambda)
                return made
    return None


def _again(node: ast.expr) -> ast.expr:
    return ast.parse(ast.unparse(node), mode="eval").body


class _Substitution(ast.NodeTransformer):
    """Puts expressions in the place of names, and writes ``getattr(torch, 'exp')`` as a person does."""

    def __init__(self, found: Mapping[str, ast.expr]) -> None:
        self._found = found

    def visit_Name(self, node: ast.Name) -> ast.expr:
        return self._found.get(node.id, node)

    def visit_IfExp(self, node: ast.IfExp) -> ast.AST:
        """One branch, where literals decide which."""
        test = self.visit(node.test)
        match test:
            case ast.Compare(left=left, ops=[ast.Is() | ast.Eq() as symbol], comparators=[right]):
                found = _values(left, right)
                if found is not None:
                    one, other = found
                    same = one is other if isinstance(symbol, ast.Is) else one == other
                    branch: ast.AST = self.visit(node.body if same else node.orelse)
                    return branch
        return ast.IfExp(test, self.visit(node.body), self.visit(node.orelse))

    def visit_Call(self, node: ast.Call) -> ast.expr:
        self.generic_visit(node)
        match node:
            case ast.Call(func=ast.Name(id="getattr"), args=[value, ast.Constant(value=str(name))]):
                return ast.Attribute(value, name)
        return node


def _values(*nodes: ast.expr) -> list[object] | None:
    """What literals mean; None if one of the nodes is none."""
    try:
        return [ast.literal_eval(n) for n in nodes]
    except ValueError:
        return None
