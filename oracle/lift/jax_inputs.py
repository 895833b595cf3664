"""The leaves of a JAX function's arguments: which are inputs, what they are called, and how to call with
others.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.tree_util import keystr, tree_flatten_with_path, tree_unflatten

from oracle.frameworks.jax_arrays import sixty_four_bits
from oracle.lift.jax_values import is_key, numbers
from oracle.lift.program import Slot


@dataclass(frozen=True, eq=False)
class Arguments:
    """A function and its arguments, taken apart.

    ``leaves`` are the JAX arrays of ``slots``. ``call`` calls the function with other arrays in their places;
    all else (Python numbers, strings, typed random keys, objects that are no pytrees) stays as given.
    """

    slots: tuple[Slot, ...]
    leaves: tuple[Any, ...]
    call: Callable[[Sequence[Any]], Any]
    notes: tuple[str, ...]
    has_complex: bool


def read_arguments(fn: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]) -> Arguments:
    """Arrays become slots in the order of JAX's flattening; those within ``fn`` itself, where it is a pytree
    (an equinox module, a ``Partial``), are captured and come last.

    TypeError for a call that does not fit the function's signature.
    """
    named, where = _by_parameter(fn, args, kwargs)
    given, structure = tree_flatten_with_path(named)
    own, shape = tree_flatten_with_path(fn)
    entries = [(_path(p), leaf, False) for p, leaf in given]
    entries += [("fn" + keystr(p), leaf, True) for p, leaf in own]
    values = [leaf for _, leaf, _ in entries]
    places = [i for i, leaf in enumerate(values) if is_array(leaf)]
    names = unique_names(entries[i][0] for i in places)
    with own_precision(values):
        leaves = tuple(jnp.asarray(values[i]) for i in places)
    slots = []
    for name, i, leaf in zip(names, places, leaves, strict=True):
        dtype = jnp.dtype(leaf.dtype)
        real = bool(jnp.issubdtype(dtype, jnp.floating))
        slots.append(Slot(name, entries[i][0], np.array(numbers(leaf)), dtype.name, real, entries[i][2]))

    def call(arrays: Sequence[Any]) -> Any:
        filled = list(values)
        for place, array in zip(places, arrays, strict=True):
            filled[place] = array
        arguments = tree_unflatten(structure, filled[: len(given)])
        function = tree_unflatten(shape, filled[len(given) :])
        positional, keywords = where(arguments)
        return function(*positional, **keywords)

    has_complex = any(
        hasattr(v, "dtype") and not is_key(v.dtype) and jnp.issubdtype(v.dtype, jnp.complexfloating)
        for v in values
    )
    return Arguments(tuple(slots), leaves, call, _notes(entries), has_complex)


def is_array(leaf: Any) -> bool:
    """Whether a leaf holds numbers that could be differentiated or indexed with: a JAX or a numpy array."""
    if not isinstance(leaf, (jax.Array, np.ndarray, np.generic)) or is_key(leaf.dtype):
        return False
    kinds = (jnp.floating, jnp.integer, np.bool_)
    return any(jnp.issubdtype(leaf.dtype, kind) for kind in kinds)


def own_precision(leaves: Iterable[Any]) -> AbstractContextManager[Any]:
    """The mode in which the function runs as its user runs it: 64-bit values exist if an input is one.

    Elsewhere the caller's flag stays: with 64 bits on, a float32 function that makes an array of ones or a
    dropout mask would compute something else.
    """
    wide = any(isinstance(leaf, jax.Array) and is_array(leaf) and leaf.dtype.itemsize == 8 for leaf in leaves)
    return sixty_four_bits() if wide else nullcontext()


def unique_names(paths: Iterable[str]) -> list[str]:
    """Identifiers made of paths: ``params['w'][0]`` is ``params_w_0``; a second one of that name gets a
    number.

    >>> unique_names(["x", "p['w'][0]", "p['w'].0"])
    ['x', 'p_w_0', 'p_w_0_2']
    """
    names: list[str] = []
    for path in paths:
        base = re.sub(r"\W+", "_", path).strip("_") or "value"
        name, count = base, 1
        while name in names:
            count += 1
            name = f"{base}_{count}"
        names.append(name)
    return names


def _by_parameter(
    fn: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]
) -> tuple[list[tuple[str, Any]], Callable[[Any], tuple[Sequence[Any], Mapping[str, Any]]]]:
    """Arguments with the names of the parameters that take them, and the way back to a call."""
    try:
        bound: Any = inspect.signature(fn).bind(*args, **kwargs)
        kinds = {p.name: p.kind for p in inspect.signature(fn).parameters.values()}
    except ValueError:  # a builtin that does not tell its signature
        names, kinds = [f"x{i}" for i in range(len(args))], {}
    else:
        names = []
        for name in bound.arguments:
            if kinds[name] is inspect.Parameter.VAR_POSITIONAL:
                names += [f"{name}[{i}]" for i in range(len(bound.arguments[name]))]
            elif len(names) < len(args):
                names.append(name)
    named = [_Named(n, a) for n, a in zip(names, args, strict=True)]
    named += [_Named(k, v) for k, v in kwargs.items()]

    def where(filled: Sequence[Any]) -> tuple[Sequence[Any], Mapping[str, Any]]:
        count = len(args)
        plain = [entry.value for entry in filled]
        return plain[:count], dict(zip(kwargs, plain[count:], strict=True))

    return named, where  # type: ignore[return-value]


@jax.tree_util.register_pytree_with_keys_class
class _Named:
    """An argument with its parameter's name as the first part of its path."""

    def __init__(self, name: str, value: Any) -> None:
        self.name = name
        self.value = value

    def tree_flatten_with_keys(self) -> tuple[tuple[tuple[str, Any]], str]:
        return ((self.name, self.value),), self.name

    @classmethod
    def tree_unflatten(cls, name: str, children: tuple[Any]) -> _Named:
        return cls(name, children[0])


def _path(path: tuple[Any, ...]) -> str:
    """The path below the list of arguments, which is no part of what a person wrote."""
    inner: str = keystr(path[2:])
    return str(path[1]) + inner


def _notes(entries: Iterable[tuple[str, Any, bool]]) -> tuple[str, ...]:
    return tuple(
        f"{path} is a {type(leaf).__name__}, which JAX does not look into: its arrays are constants"
        for path, leaf, captured in entries
        if not captured
        and hasattr(leaf, "__dict__")
        and any(is_array(v) for v in vars(leaf).values())
        and not is_array(leaf)
    )
