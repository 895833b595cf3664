"""A lifted JAX function against the function itself: values, and gradients of one random cotangent."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend.core import jaxprs_in_params

from oracle.frameworks.jax_arrays import sixty_four_bits
from oracle.lift.jax_lift import lift_jax
from oracle.lift.program import Lifted
from reference_engine.arithmetic.float64 import Float64
from reference_engine.differentiate import COTANGENT, GRADIENT, vjp
from reference_engine.evaluate import as_inputs, evaluate


def wide(*arrays: Any) -> tuple[Any, ...]:
    """JAX arrays of 64 bits."""
    with sixty_four_bits():
        return tuple(jax.tree_util.tree_map(jnp.asarray, a) for a in arrays)


def cotangents(lifted: Lifted) -> dict[str, np.ndarray]:
    """Random numbers away from zero, of few bits, for each differentiable output."""
    generator = np.random.default_rng(1)
    return {
        o.name: generator.integers(4, 12, o.value.shape) / 8 * generator.choice([-1.0, 1.0], o.value.shape)
        for o in lifted.outputs
        if o.differentiable
    }


def reference_gradients(lifted: Lifted, seeds: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Gradients by our float64 tier, by input name."""
    assert lifted.program is not None, lifted.unsupported
    wrt = lifted.differentiable_inputs
    program = vjp(lifted.program, wrt)
    inputs = lifted.arrays | {COTANGENT + name: seed for name, seed in seeds.items()}
    values = evaluate(program, as_inputs(program, inputs), Float64())
    found = dict(zip(program.output_names, program.outputs, strict=True))
    return {name: np.asarray(values[found[GRADIENT + name]]) for name in wrt}


def jax_gradients(
    fn: Callable[..., Any], args: tuple[Any, ...], lifted: Lifted, seeds: dict[str, np.ndarray]
) -> dict[str, np.ndarray]:
    """Gradients by ``jax.vjp``, by input name. JAX is linear in a complex cotangent: for its conjugate it
    gives the conjugate of dL/dRe + i dL/dIm.
    """
    leaves, structure = jax.tree_util.tree_flatten(args)
    moving = [i for i, leaf in enumerate(leaves) if jnp.issubdtype(leaf.dtype, jnp.inexact)]

    def outputs(*reals: Any) -> list[Any]:
        filled = list(leaves)
        for i, value in zip(moving, reals, strict=True):
            filled[i] = value
        found = jax.tree_util.tree_leaves(fn(*jax.tree_util.tree_unflatten(structure, filled)))
        return [v for v in found if jnp.issubdtype(v.dtype, jnp.inexact)]

    with sixty_four_bits():
        values, pull = jax.vjp(outputs, *(leaves[i] for i in moving))
        waiting = iter(seeds.values())
        given = []
        for v in values:
            seed = next(waiting)
            pair = seed - 1j * next(waiting) if jnp.issubdtype(v.dtype, jnp.complexfloating) else seed
            given.append(jnp.asarray(pair).astype(v.dtype))
        gradients = pull(given)
    parts: list[np.ndarray] = []
    for g in map(np.asarray, gradients):
        parts += [g.real, -g.imag] if np.iscomplexobj(g) else [g]
    return dict(zip(lifted.differentiable_inputs, parts, strict=True))


def lift_and_compare_values(fn: Callable[..., Any], args: tuple[Any, ...], tolerance: float = 1e-9) -> Lifted:
    """Lift and hold the values to those that the function returned."""
    lifted = lift_jax(fn, args)
    assert lifted.unsupported == ()
    forward = lifted.forward()
    assert list(forward) == [o.name for o in lifted.outputs]
    for output in lifted.outputs:
        np.testing.assert_allclose(forward[output.name], output.value, rtol=tolerance, atol=tolerance)
    return lifted


def lift_and_compare(fn: Callable[..., Any], args: tuple[Any, ...], tolerance: float = 1e-9) -> Lifted:
    """Lift and hold values and gradients to JAX's own."""
    lifted = lift_and_compare_values(fn, args, tolerance)
    seeds = cotangents(lifted)
    ours, theirs = reference_gradients(lifted, seeds), jax_gradients(fn, args, lifted, seeds)
    for name in lifted.differentiable_inputs:
        np.testing.assert_allclose(ours[name], theirs[name], rtol=tolerance, atol=tolerance)
    return lifted


def primitives(jaxpr: Any) -> Iterator[str]:
    """Names of all primitives in a jaxpr, also of those within others."""
    for equation in getattr(jaxpr, "jaxpr", jaxpr).eqns:
        yield equation.primitive.name
        for inner in jaxprs_in_params(equation.params):
            yield from primitives(inner)
