"""``custom_linear_solve``: the solution of a linear system that is given as a function, as its definition
says, whatever method finds it.

The matrix is read off by applying the function to few vectors: what the solution of one block needs is found
by its pattern, with random numbers in place of the inputs, and blocks are applied to all at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from oracle.lift.complex_matrices import solved
from oracle.lift.complex_numbers import Complex, Symbol, as_complex, each_part
from oracle.lift.jax_call import Call, NotLoweredError
from oracle.lift.jax_shaping import reshaped, taken
from oracle.lift.jax_values import Application, Value, derived, fixed
from oracle.lift.program import Array
from reference_engine.trace import xp

LARGEST = 512
"""Unknowns of one block."""


def custom_linear_solve(call: Call) -> Sequence[Value]:
    """The x with matvec(x) = b, through the matrix of matvec."""
    count = call.params["const_lengths"].matvec
    given = sum(call.params["const_lengths"])
    matvec, constants, right = call.params["jaxprs"].matvec, call.inputs[:count], call.inputs[given:]
    if len(right) != 1:
        msg = "a system for several arrays at once is not lifted; join them into one"
        raise NotLoweredError(msg)
    b = right[0]
    rows, columns, blocks = _blocks(matvec, constants, b)
    size = rows.shape[1]
    probes = np.zeros((size, int(np.prod(b.shape, dtype=np.int64))))
    for k in range(size):
        probes[k, columns[:, k]] = 1.0
    images = _images(call, matvec, constants, probes.reshape((size, *b.shape)).astype(b.dtype))
    places = np.arange(size) * probes.shape[1] + rows[:, :, None]
    matrices = each_part(lambda part: taken(part, places[blocks[:, 0]]), images.symbol)
    sides = each_part(lambda part: taken(part, rows[blocks].transpose(0, 2, 1)), b.symbol)
    found = _solution(matrices, sides)
    order = np.empty(probes.shape[1], dtype=np.int64)
    distinct, copies = blocks.shape
    slots = np.arange(distinct * size * copies).reshape(distinct, size, copies).transpose(0, 2, 1)
    order[columns[blocks].ravel()] = slots.ravel()
    symbol = each_part(lambda part: reshaped(taken(part, order), b.shape), found)
    return derived([symbol], call.outputs, Application(call.run, call.inputs))


def _solution(matrices: Symbol, sides: Symbol) -> Symbol:
    if isinstance(matrices, Complex) or isinstance(sides, Complex):
        return solved(as_complex(matrices), as_complex(sides))
    return xp.solve(matrices, sides)  # type: ignore[no-any-return]


def _images(call: Call, matvec: Any, constants: Sequence[Value], probes: Array) -> Value:
    """The image of each probe, the function's constants lifted."""
    types = [jax.ShapeDtypeStruct(v.shape, v.dtype) for v in constants]

    def every(held: Sequence[Any], x: Any) -> Any:
        return jax.vmap(lambda one: _applied(matvec, held, one))(x)

    (image,) = call.jaxprs.inline(jax.make_jaxpr(every)(types, probes), [*constants, fixed(probes)])
    return image


def _applied(matvec: Any, constants: Sequence[Any], x: Any) -> Any:
    return jax.core.eval_jaxpr(matvec.jaxpr, matvec.consts, *constants, x)[0]


def _blocks(matvec: Any, constants: Sequence[Value], b: Value) -> tuple[Array, Array, Array]:
    """Rows and columns of each independent block, and the blocks that have one matrix: (distinct, copies).

    Random numbers stand for the inputs, so that an entry that is zero only here counts.
    """
    generator = np.random.default_rng(0)
    held = [
        jnp.asarray(generator.normal(size=v.shape), dtype=v.dtype)
        if v.lifted and (v.is_real or v.is_complex)
        else v.concrete
        for v in constants
    ]
    n = int(np.prod(b.shape, dtype=np.int64))
    basis = jnp.asarray(np.eye(n).reshape((n, *b.shape)), dtype=b.dtype)
    images = jax.vmap(lambda one: _applied(matvec, held, one))(basis)
    matrix = np.asarray(images).astype(np.complex128 if b.is_complex else np.float64).reshape(n, n).T
    row, column = np.nonzero(matrix)
    graph = coo_array((np.ones(row.size), (row, column + n)), shape=(2 * n, 2 * n))
    count, labels = connected_components(graph, directed=False)
    rows = [np.flatnonzero(labels[:n] == c) for c in range(count)]
    columns = [np.flatnonzero(labels[n:] == c) for c in range(count)]
    if any(len(r) != len(rows[0]) or len(c) != len(rows[0]) for r, c in zip(rows, columns, strict=True)):
        rows, columns = [np.arange(n)], [np.arange(n)]
    if len(rows[0]) > LARGEST:
        msg = f"a system of {len(rows[0])} unknowns is too large to be written out as a matrix"
        raise NotLoweredError(msg)
    same: dict[bytes, list[int]] = {}
    for k, (r, c) in enumerate(zip(rows, columns, strict=True)):
        same.setdefault(matrix[np.ix_(r, c)].tobytes(), []).append(k)
    groups = list(same.values())
    if any(len(g) != len(groups[0]) for g in groups):
        groups = [[k] for k in range(len(rows))]
    return np.array(rows), np.array(columns), np.array(groups)
