"""Nested values as JAX flattens them: the one order in which arrays are read, filled in and returned.

JAX sorts the keys of a dict. A dataclass that JAX does not know is one leaf to it; here it is opened like a
dict of its fields, unless no array is in it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.tree_util import keystr, tree_flatten_with_path, tree_unflatten

from oracle.lift.jax_values import is_key
from oracle.lift.program import Part
from oracle.lift.trees import Tree, fields_of, joined


def jax_tree(value: Any, path: str) -> Tree:
    """All leaves of a value that lies at ``path``, arrays or not.

    >>> tree = jax_tree({"w": 1.5, "b": [2.5, None]}, "p")
    >>> tree.paths, tree.rebuild([0, 1])
    (("p['b'][0]", "p['w']"), {'b': [0, None], 'w': 1})
    """
    found, structure = tree_flatten_with_path(value)
    leaves = [_leaf(leaf, path + keystr(keys)) for keys, leaf in found]
    return joined(leaves, lambda parts: tree_unflatten(structure, parts))


def _leaf(value: Any, path: str) -> Tree:
    opened = fields_of(value)
    if opened is not None:
        children, make = opened
        whole = joined([jax_tree(child, path + key) for key, child in children], make)
        if any(is_array(leaf) for leaf in whole.leaves):
            return whole
    return Tree((path,), (value,), _only)


def _only(arrays: Sequence[Any]) -> Any:
    return arrays[0]


def split(path: str, leaf: Any) -> list[tuple[str, Part, Any]]:
    """Path, part and value of what is known of a leaf: of complex numbers both parts, else the leaf."""
    if not is_complex(leaf):
        return [(path, "", leaf)]
    return [(f"{path}.real", "real", jnp.real(leaf)), (f"{path}.imag", "imag", jnp.imag(leaf))]


def pieces(value: Any, path: str) -> list[tuple[str, Part, Any]]:
    """The same of all leaves of a value."""
    tree = jax_tree(value, path)
    return [piece for p, leaf in zip(tree.paths, tree.leaves, strict=True) for piece in split(p, leaf)]


def is_complex(leaf: Any) -> bool:
    """Whether a leaf holds complex numbers."""
    if not hasattr(leaf, "dtype"):
        return isinstance(leaf, complex)
    return bool(jnp.issubdtype(leaf.dtype, jnp.complexfloating))


def is_array(leaf: Any) -> bool:
    """Whether a leaf holds numbers that could be differentiated or indexed with: a JAX or a numpy array."""
    if not isinstance(leaf, (jax.Array, np.ndarray, np.generic)) or is_key(leaf.dtype):
        return False
    kinds = (jnp.inexact, jnp.integer, np.bool_)
    return any(jnp.issubdtype(leaf.dtype, kind) for kind in kinds)
