"""Parts of Python modules as text: a definition, and in turn all that it refers to. Nothing is imported."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from pathlib import Path

Follow = Callable[[str], "Module | None"]
"""The module of a dotted name whose text is to be taken too; None for one that is imported instead."""

REGISTERS = "def"
"""Methods that start so (``f.defvjp(...)``) add to what was defined before, and belong to it."""


class Module:
    """The statements of a module by the names that they bind."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.text = path.read_text(encoding="utf-8")
        self.tree = ast.parse(self.text)
        self.bound: dict[str, list[ast.stmt]] = {}
        for statement in self.tree.body:
            if isinstance(statement, ast.ImportFrom) and statement.module == "__future__":
                continue
            for name in _binds(statement):
                self.bound.setdefault(name, []).append(statement)

    def imports(self, package: str) -> bool:
        """Whether the module imports a package anywhere."""
        found = [n for n in ast.walk(self.tree) if isinstance(n, (ast.Import, ast.ImportFrom))]
        names = [a.name for n in found if isinstance(n, ast.Import) for a in n.names]
        names += [n.module or "" for n in found if isinstance(n, ast.ImportFrom)]
        return any(f"{name}.".startswith(f"{package}.") for name in names)


class Closure:
    """Statements that belong together, grown by what is needed; ``plain`` leaves annotations out."""

    def __init__(self, follow: Follow = lambda _: None, *, plain: bool = False) -> None:
        self._follow = follow
        self._plain = plain
        self._taken: dict[Module, list[ast.stmt]] = {}
        self.packages: set[str] = set()

    def need(self, module: Module, node: ast.AST) -> None:
        """Take all that a piece of a module's text refers to."""
        inner = _Bare().visit(_copy(node)) if self._plain else node
        for name in sorted({n.id for n in ast.walk(inner) if isinstance(n, ast.Name)}):
            self.take(module, name)

    def take(self, module: Module, name: str) -> None:
        """Take whatever binds a name; nothing for a builtin."""
        for statement in module.bound.get(name, []):
            self._take(module, statement, name)

    def _take(self, module: Module, statement: ast.stmt, name: str) -> None:
        if isinstance(statement, ast.ImportFrom):
            other = self._follow(statement.module or "") if not statement.level else None
            if other is not None:
                own = next(a.name for a in statement.names if (a.asname or a.name) == name)
                self.take(other, own)
                return
        if isinstance(statement, (ast.Import, ast.ImportFrom)):
            statement = _only(statement, name)
            self.packages.add(_package(statement))
            if ast.unparse(statement) not in [ast.unparse(s) for t in self._taken.values() for s in t]:
                self._taken.setdefault(module, []).append(statement)
            return
        if statement in self._taken.get(module, []):
            return
        self._taken.setdefault(module, []).append(statement)
        self.need(module, statement)
        for further in module.tree.body:
            if _registers(further, name) and further not in self._taken[module]:
                self._taken[module].append(further)
                self.need(module, further)

    def lines(self) -> Iterator[str]:
        """Imports, then the statements of each module in their order."""
        every = [(m, s) for m, taken in self._taken.items() for s in taken]
        imports = [s for _, s in every if isinstance(s, (ast.Import, ast.ImportFrom))]
        yield from sorted(ast.unparse(s) for s in imports)
        for module in reversed(self._taken):  # what a module refers to was found later
            rest = [s for s in self._taken[module] if not isinstance(s, (ast.Import, ast.ImportFrom))]
            for statement in sorted(rest, key=lambda s: s.lineno):
                yield from ("", "")
                yield self._text(module, statement)

    def _text(self, module: Module, statement: ast.stmt) -> str:
        if self._plain:
            return ast.unparse(_Bare().visit(_copy(statement)))
        first = min([statement.lineno, *(d.lineno for d in getattr(statement, "decorator_list", []))])
        return "\n".join(module.text.splitlines()[first - 1 : statement.end_lineno])


class _Bare(ast.NodeTransformer):
    """Takes annotations out of functions and assignments."""

    def visit_arg(self, node: ast.arg) -> ast.arg:
        node.annotation = None
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        node.returns = None
        return self.generic_visit(node)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST:
        assert node.value is not None
        return self.generic_visit(ast.copy_location(ast.Assign([node.target], node.value), node))


def _copy(node: ast.AST) -> ast.AST:
    """The node again, to be changed."""
    if isinstance(node, ast.expr):
        return ast.parse(ast.unparse(node), mode="eval").body
    return ast.parse(ast.unparse(node)).body[0]


def _binds(statement: ast.stmt) -> Iterator[str]:
    """Names that a statement of a module binds there."""
    match statement:
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            yield name
        case ast.Import(names=names) | ast.ImportFrom(names=names):
            yield from (a.asname or a.name.partition(".")[0] for a in names)
        case ast.If() | ast.Try() | ast.With() | ast.For() | ast.While():
            for child in ast.iter_child_nodes(statement):
                if isinstance(child, ast.stmt):
                    yield from _binds(child)
                elif isinstance(child, ast.ExceptHandler):
                    yield from (n for s in child.body for n in _binds(s))
        case _:
            yield from (
                n.id for n in ast.walk(statement) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)
            )


def _registers(statement: ast.stmt, name: str) -> bool:
    """Whether a statement adds a rule to what is called ``name``."""
    calls: list[ast.expr] = []
    if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call):
        calls = [statement.value.func]
    elif isinstance(statement, ast.FunctionDef):
        calls = [d.func if isinstance(d, ast.Call) else d for d in statement.decorator_list]
    return any(
        isinstance(c, ast.Attribute)
        and isinstance(c.value, ast.Name)
        and c.value.id == name
        and c.attr.startswith(REGISTERS)
        for c in calls
    )


def _only(statement: ast.Import | ast.ImportFrom, name: str) -> ast.stmt:
    """The import of one name alone."""
    kept = [a for a in statement.names if (a.asname or a.name.partition(".")[0]) == name]
    if isinstance(statement, ast.Import):
        return ast.Import(names=kept)
    return ast.ImportFrom(module=statement.module, names=kept, level=statement.level)


def _package(statement: ast.stmt) -> str:
    """The package that an import needs; a dot for one relative to its own."""
    if isinstance(statement, ast.ImportFrom):
        return "." if statement.level else (statement.module or "").partition(".")[0]
    assert isinstance(statement, ast.Import)
    return statement.names[0].name.partition(".")[0]
