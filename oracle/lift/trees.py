"""Nested arguments and results: which arrays are in them, under which paths, and how to put others in their
places.
"""

from __future__ import annotations

import dataclasses
import functools
import inspect
import types
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Children = tuple[list[tuple[str, Any]], Callable[[Sequence[Any]], Any]]
"""What a container holds (path behind its own, value), and how to make one like it."""

Opener = Callable[[Any], Children | None]
"""Opens the containers that a framework knows; None for whatever is none."""


@dataclass(frozen=True)
class Tree:
    """The arrays in a value by path, in order. ``rebuild`` makes the same value of as many other arrays."""

    paths: tuple[str, ...]
    leaves: tuple[Any, ...]
    rebuild: Callable[[Sequence[Any]], Any]


def flatten(value: Any, path: str, is_array: Callable[[Any], bool], open_: Opener) -> Tree:
    """The tree of a value that lies at ``path``; what is neither array nor container stays as it is.

    >>> tree = flatten({"w": [1.5, None]}, "p", lambda v: isinstance(v, float), lambda v: None)
    >>> tree.paths, tree.rebuild([2.5])
    (("p['w'][0]",), {'w': [2.5, None]})
    """
    if is_array(value):
        return Tree((path,), (value,), lambda arrays: arrays[0])
    found = _children(value) or open_(value) or fields_of(value)
    if found is None:
        return Tree((), (), lambda _: value)
    children, make = found
    return joined([flatten(child, path + key, is_array, open_) for key, child in children], make)


def joined(trees: Sequence[Tree], make: Callable[[Sequence[Any]], Any]) -> Tree:
    """The tree of a container: the leaves of its parts, one after another."""
    return Tree(
        tuple(p for t in trees for p in t.paths),
        tuple(leaf for t in trees for leaf in t.leaves),
        lambda arrays: make([t.rebuild(part) for t, part in zip(trees, _parts(trees, arrays), strict=True)]),
    )


def _parts(trees: Sequence[Tree], arrays: Sequence[Any]) -> Iterator[Sequence[Any]]:
    start = 0
    for tree in trees:
        yield arrays[start : start + len(tree.leaves)]
        start += len(tree.leaves)


def _children(value: Any) -> Children | None:
    """Contents of Python's own containers."""
    kind = type(value)
    if kind is dict:
        keys = list(value)
        return [(f"[{k!r}]", v) for k, v in value.items()], lambda parts: dict(zip(keys, parts, strict=True))
    if kind in {list, tuple}:
        return [(f"[{k}]", v) for k, v in enumerate(value)], lambda parts: kind(parts)
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        pairs = zip(value._fields, value, strict=True)
        return [(f".{name}", v) for name, v in pairs], lambda parts: kind(*parts)
    return None


def fields_of(value: Any) -> Children | None:
    """Contents of a dataclass that no framework knows; its copy is made without its ``__init__``, with the
    attributes that are no fields, but without what a ``cached_property`` computed of the fields.
    """
    if not dataclasses.is_dataclass(value) or isinstance(value, type):
        return None
    kind = type(value)
    names = [f.name for f in dataclasses.fields(value) if hasattr(value, f.name)]
    others = {
        name: found
        for name, found in getattr(value, "__dict__", {}).items()
        if name not in names and not isinstance(getattr(kind, name, None), functools.cached_property)
    }

    def make(parts: Sequence[Any]) -> Any:
        new = object.__new__(kind)
        for name, part in (*others.items(), *zip(names, parts, strict=True)):
            object.__setattr__(new, name, part)
        return new

    return [(f".{name}", getattr(value, name)) for name in names], make


def argument_names(function: Callable[..., Any], count: int) -> list[str]:
    """What the function calls its first ``count`` positional arguments; ``x0``, ``x1`` where it has no names.

    >>> argument_names(lambda a, b: a, 2), argument_names(max, 2)
    (['a', 'b'], ['x0', 'x1'])
    """
    if isinstance(function, types.FunctionType) and not vars(function):
        named = list(function.__code__.co_varnames[: function.__code__.co_argcount])
    else:
        named = _named(function)
    return (named + [f"x{k}" for k in range(len(named), count)])[:count]


def _named(function: Callable[..., Any]) -> list[str]:
    """The positional parameters of anything that can be called, which takes ten times as long as of a plain
    function.
    """
    try:
        parameters: Mapping[str, inspect.Parameter] = inspect.signature(function).parameters
    except (TypeError, ValueError):
        return []
    positional = {inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD}
    return [name for name, p in parameters.items() if p.kind in positional]


def identifiers(paths: Sequence[str], refuse: Callable[[str], object]) -> list[str]:
    """A name for each path that program text can use, all different: ``params['w'][0]`` is ``params_w_0``.

    ``refuse`` says whether a name is taken by the language itself.

    >>> identifiers(["params['w'][0]", "exp", "a.b"], lambda name: name == "exp")
    ['params_w_0', 'exp_', 'a_b']
    """
    names: list[str] = []
    for path in paths:
        name = path
        if not (path.isalnum() and path.isascii()):
            words = "".join(c if c.isalnum() and c.isascii() else " " for c in path).split()
            name = "_".join(words) or "out"
        name = name if not name[0].isdigit() else f"x{name}"
        while refuse(name) or name in names:
            name += "_"
        names.append(name)
    return names


def function_name(function: Any) -> str:
    """What a person calls the function."""
    wrapped = getattr(function, "func", None) or getattr(function, "__wrapped__", None)
    name = getattr(function, "__qualname__" if inspect.isfunction(function) else "__name__", None)
    if name is None and wrapped is not None:
        return function_name(wrapped)
    name = name or type(function).__qualname__
    return str(name).rpartition("<locals>.")[2]
