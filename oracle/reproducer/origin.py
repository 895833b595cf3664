"""Where a function is found again: by import, or as text of the file that it stands in."""

from __future__ import annotations

import ast
import inspect
import sys
import types
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from oracle.reproducer.sources import Closure, Module

MAIN = "__main__"


@dataclass(frozen=True)
class Origin:
    """``module`` and ``attribute`` name a function that can be imported, both empty for any other.

    ``file`` is its source, empty if there is none, ``qualified`` what it is called there; an object that can
    be called has the name of its class in angle brackets.
    """

    module: str
    attribute: str
    file: str
    qualified: str


def origin_of(function: Any) -> Origin:
    """Where a function comes from."""
    owner, method = _owner(function)
    module = getattr(owner, "__module__", None) or ""
    qualified = getattr(owner, "__qualname__", "")
    if not qualified:  # an object that can be called
        kind = type(owner)
        return Origin("", "", _file(kind, kind.__module__), f"<{kind.__qualname__}>")
    named = f"{qualified}.{method}" if method else qualified
    file = _file(owner, module)
    if module != MAIN and _resolves(module, named, function):
        return Origin(module, named, file, named)
    return Origin("", "", file, named)


def search_path() -> tuple[str, ...]:
    """The folders of the module path that are a person's own, not those of installed packages."""
    found = [str(Path(entry or ".").resolve()) for entry in sys.path]
    installed = {str(Path(prefix).resolve()) for prefix in (sys.prefix, sys.base_prefix)}
    return tuple(
        entry
        for entry in dict.fromkeys(found)
        if Path(entry).is_dir() and not any(Path(entry).is_relative_to(p) for p in installed)
    )


def _owner(function: Any) -> tuple[Any, str]:
    """What stands in a module: the function, or the class whose method it is."""
    holder = getattr(function, "__self__", None)
    if isinstance(holder, type):  # Swish.apply
        return holder, getattr(function, "__name__", "")
    return function, ""


def _file(owner: Any, module: str) -> str:
    try:
        return str(Path(inspect.getsourcefile(inspect.unwrap(owner)) or "").resolve())
    except (TypeError, ValueError):
        return getattr(sys.modules.get(module), "__file__", None) or ""


def _resolves(module: str, attribute: str, function: Any) -> bool:
    """Whether the function is what the module has under that name."""
    value: Any = sys.modules.get(module)
    for name in attribute.split("."):
        value = getattr(value, name, None)
    return value is not None and (value is function or (inspect.ismethod(value) and value == function))


class NotWrittenError(Exception):
    """A function that cannot be written as text; says why."""


def source_lines(function: Any, origin: Origin, name: str) -> list[str]:
    """The function as text, all that it refers to in its file, and ``name = ...`` for it.

    NotWrittenError if its file is unknown, if it needs us, or closes over what has no text.
    """
    if not origin.file or not Path(origin.file).is_file():
        msg = "its source is not in a file"
        raise NotWrittenError(msg)
    module = Module(Path(origin.file))
    closure = Closure()
    root = origin.qualified.partition(".")[0]
    if root in module.bound and "<" not in origin.qualified:
        closure.take(module, root)
        last = [f"{name} = {origin.qualified}"] if name != origin.qualified else []
    else:
        last = _local(function, module, closure, name)
    if closure.packages & {"oracle", "reference_engine", "."}:
        msg = "its file uses a module that a script cannot"
        raise NotWrittenError(msg)
    return [*closure.lines(), "", "", *last]


def _local(function: Any, module: Module, closure: Closure, name: str) -> list[str]:
    """A function that was made inside another one, with what it closes over."""
    if not isinstance(function, types.FunctionType):
        msg = f"it is an object of {type(function).__qualname__}"
        raise NotWrittenError(msg)
    node = _definition(function, module)
    closure.need(module, node)
    lines: list[str] = []
    for held, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        value = cell.cell_contents
        if isinstance(value, (bool, int, float, str, type(None))):
            lines.append(f"{held} = {value!r}")
        elif isinstance(value, types.FunctionType):
            lines += _local(value, module, closure, held)
        elif isinstance(value, type) and (found := _class(value, module)) is not None:
            closure.need(module, found)
            lines += [ast.unparse(found), "", ""]
        elif isinstance(value, types.ModuleType):
            lines.append(f"import {value.__name__} as {held}")
        else:
            msg = f"it closes over {held}, an object of {type(value).__qualname__}"
            raise NotWrittenError(msg)
    if isinstance(node, ast.Lambda):
        return [*lines, f"{name} = {ast.unparse(node)}", ""]
    return [*lines, ast.unparse(node), "", f"{name} = {node.name}" if name != node.name else "", ""]


def _definition(function: types.FunctionType, module: Module) -> ast.FunctionDef | ast.Lambda:
    line = function.__code__.co_firstlineno
    found = [n for n in _functions(module) if _first_line(n) == line and _called(n) == function.__name__]
    if len(found) != 1:
        msg = f"found {len(found)} functions that it could be on line {line} of {module.path.name}"
        raise NotWrittenError(msg)
    return found[0]


def _functions(module: Module) -> Iterator[ast.FunctionDef | ast.Lambda]:
    for node in ast.walk(module.tree):
        if isinstance(node, (ast.FunctionDef, ast.Lambda)):
            yield node


def _first_line(node: ast.FunctionDef | ast.Lambda) -> int:
    decorators = node.decorator_list if isinstance(node, ast.FunctionDef) else []
    return min([node.lineno, *(d.lineno for d in decorators)])


def _called(node: ast.FunctionDef | ast.Lambda) -> str:
    return "<lambda>" if isinstance(node, ast.Lambda) else node.name


def _class(kind: type, module: Module) -> ast.ClassDef | None:
    """The text of a class that stands in the module, inside a function or not."""
    found = [n for n in ast.walk(module.tree) if isinstance(n, ast.ClassDef) and n.name == kind.__name__]
    return found[0] if len(found) == 1 and kind.__module__ in {MAIN, *_names_of(module)} else None


def _names_of(module: Module) -> set[str]:
    return {n for n, m in list(sys.modules.items()) if getattr(m, "__file__", None) == str(module.path)}
