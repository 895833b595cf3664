"""The leaves of a JAX function's arguments: which are inputs, what they are called, and how to call with
others.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, Protocol

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from oracle.frameworks.jax_arrays import sixty_four_bits
from oracle.lift.jax_trees import is_array, is_complex, jax_tree, split
from oracle.lift.jax_values import numbers
from oracle.lift.program import Slot
from oracle.lift.trees import joined

Pair = Callable[[Any, Any], Any]
"""Makes what is complex of its two parts."""


class Call(Protocol):
    """The function at other arrays."""

    def __call__(self, arrays: Sequence[Any], pair: Pair = ...) -> Any:
        """What the function returns."""


@dataclass(frozen=True, eq=False)
class Arguments:
    """A function and its arguments, taken apart.

    ``leaves`` are the JAX arrays of ``slots``: a complex array is two real ones. ``call`` calls the function
    with other arrays in their places, ``pair`` making a complex one of two; all else (Python numbers,
    strings, typed random keys, objects that are no pytrees) stays as given.
    """

    slots: tuple[Slot, ...]
    leaves: tuple[Any, ...]
    call: Call
    notes: tuple[str, ...]


def read_arguments(fn: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]) -> Arguments:
    """Arrays become slots in the order of JAX's flattening; those within ``fn`` itself, where it is a pytree
    (an equinox module, a ``Partial``), are captured and come last.

    TypeError for a call that does not fit the function's signature.
    """
    names = _parameters(fn, args, kwargs)
    given = [jax_tree(v, n) for n, v in zip(names, (*args, *kwargs.values()), strict=True)]
    own = jax_tree(fn, "fn")
    tree = joined([*given, own], lambda parts: parts)
    values, captured = tree.leaves, len(tree.leaves) - len(own.leaves)
    places = [i for i, leaf in enumerate(values) if is_array(leaf)]
    with own_precision(values):
        pieces = [(i, *piece) for i in places for piece in split(tree.paths[i], jnp.asarray(values[i]))]
    names = unique_names(path for _, path, _, _ in pieces)
    slots = []
    for name, (i, path, part, leaf) in zip(names, pieces, strict=True):
        dtype = jnp.dtype(leaf.dtype)
        real = bool(jnp.issubdtype(dtype, jnp.floating))
        slots.append(Slot(name, path, np.array(numbers(leaf)), dtype.name, real, i >= captured, part))

    def call(arrays: Sequence[Any], pair: Pair = lax.complex) -> Any:
        filled, waiting = list(values), iter(arrays)
        for i in places:
            first = next(waiting)
            filled[i] = pair(first, next(waiting)) if is_complex(values[i]) else first
        *arguments, function = tree.rebuild(filled)
        keywords = dict(zip(kwargs, arguments[len(args) :], strict=True))
        return function(*arguments[: len(args)], **keywords)

    leaves = tuple(leaf for _, _, _, leaf in pieces)
    return Arguments(tuple(slots), leaves, call, _notes(tree.paths[:captured], values))


def own_precision(leaves: Iterable[Any]) -> AbstractContextManager[Any]:
    """The mode in which the function runs as its user runs it: 64-bit values exist if an input is one.

    Elsewhere the caller's flag stays: with 64 bits on, a float32 function that makes an array of ones or a
    dropout mask would compute something else.
    """
    held = (leaf.dtype for leaf in leaves if isinstance(leaf, jax.Array) and is_array(leaf))
    wide = any(d.itemsize == (16 if jnp.issubdtype(d, jnp.complexfloating) else 8) for d in held)
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


def _parameters(fn: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]) -> list[str]:
    """Where the arguments are found: under the names of the parameters that take them."""
    try:
        bound: Any = inspect.signature(fn).bind(*args, **kwargs)
        kinds = {p.name: p.kind for p in inspect.signature(fn).parameters.values()}
    except ValueError:  # a builtin that does not tell its signature
        names = [f"x{i}" for i in range(len(args))]
    else:
        names = []
        for name in bound.arguments:
            if kinds[name] is inspect.Parameter.VAR_POSITIONAL:
                names += [f"{name}[{i}]" for i in range(len(bound.arguments[name]))]
            elif len(names) < len(args):
                names.append(name)
    return [*names, *kwargs]


def _notes(paths: Sequence[str], leaves: Sequence[Any]) -> tuple[str, ...]:
    return tuple(
        f"{path} is a {type(leaf).__name__}, which JAX does not look into: its arrays are constants"
        for path, leaf in zip(paths, leaves, strict=False)
        if hasattr(leaf, "__dict__") and any(is_array(v) for v in vars(leaf).values()) and not is_array(leaf)
    )
