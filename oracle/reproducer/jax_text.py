"""The parts of a script for JAX: how numbers become arrays, and each route as a person calls it."""

from __future__ import annotations

from collections.abc import Mapping

IMPORTS = "import jax\nimport jax.numpy as jnp"

VERSION = "jax.__version__"

START = """
jax.config.update("jax_enable_x64", {wide})
"""

TENSORS = """
DTYPE = jnp.dtype("{dtype}")


def real(value):
    return jnp.asarray(np.asarray(value, dtype=np.float64).astype(DTYPE))


def integer(value):
    return jnp.asarray(np.asarray(value, dtype=np.int64))


def boolean(value):
    return jnp.asarray(np.asarray(value, dtype=np.bool_))


def convert(array):
    return array.astype(DTYPE)
"""

FUNCTION = """
names = list(given)  # JAX sorts them


def is_real(array):
    return jnp.issubdtype(array.dtype, jnp.floating)


def at(given):
    \"\"\"Real outputs, and all outputs, as a function of the inputs that are differentiated.\"\"\"

    def function(*primals):
        moved = {**given, **dict(zip(wrt, primals))}
        outputs = program(*(moved[name] for name in names))
        outputs = tuple(jnp.asarray(o) for o in outputs)
        return tuple(o for o in outputs if is_real(o)), outputs

    return function


def primals_of(given):
    return tuple(given[name] for name in wrt)


def like(vectors, arrays):
    return tuple(v.astype(a.dtype) for v, a in zip(vectors, arrays))


def gradient(given, cotangents):
    def function(*primals):
        real_, pullback, outputs = jax.vjp(at(given), *primals, has_aux=True)
        return pullback(like(cotangents, real_)), outputs

    return function


cotangents = [jnp.asarray(c) for c in cotangents]
tangents = [jnp.asarray(t) for t in tangents]
directions = [jnp.asarray(d) for d in directions]
"""

_REVERSE = """
def derivative(given, cotangents, tangents, directions):
    real_, pullback, outputs = jax.vjp(at(given), *primals_of(given), has_aux=True)
    return outputs, pullback(like(cotangents, real_))

"""

_RUN = """
outputs, derivatives = derivative(given, cotangents, tangents, directions)
"""

_COMPILED = """
outputs, derivatives = jax.jit(derivative)(given, cotangents, tangents, directions)
"""

_COMPILED_IF_POSSIBLE = """
try:
    outputs, derivatives = jax.jit(derivative)(given, cotangents, tangents, directions)
except (
    jax.errors.ConcretizationTypeError,
    jax.errors.TracerArrayConversionError,
    jax.errors.TracerIntegerConversionError,
    jax.errors.NonConcreteBooleanIndexError,
    jax.errors.UnexpectedTracerError,
):  # the function looks at values
    outputs, derivatives = derivative(given, cotangents, tangents, directions)
"""

_BODIES: Mapping[str, str] = {
    "jax.jvp": """
def derivative(given, cotangents, tangents, directions):
    primals = primals_of(given)
    _, moved, outputs = jax.jvp(at(given), primals, like(tangents, primals), has_aux=True)
    return outputs, moved

""",
    "jax.vmap": """
def derivative(given, cotangents, tangents, directions):
    real_, pullback, outputs = jax.vjp(at(given), *primals_of(given), has_aux=True)
    both = tuple(jnp.stack([c, -c]) for c in like(cotangents, real_))
    return outputs, [g[0] for g in jax.vmap(pullback)(both)]

""",
    "jax.reverse_over_reverse": """
def derivative(given, cotangents, tangents, directions):
    primals = primals_of(given)
    _, pullback, outputs = jax.vjp(gradient(given, cotangents), *primals, has_aux=True)
    return outputs, pullback(like(directions, primals))

""",
    "jax.forward_over_reverse": """
def derivative(given, cotangents, tangents, directions):
    primals = primals_of(given)
    along = like(directions, primals)
    _, moved, outputs = jax.jvp(gradient(given, cotangents), primals, along, has_aux=True)
    return outputs, moved

""",
    "jax.reverse_over_forward": """
def derivative(given, cotangents, tangents, directions):
    primals = primals_of(given)

    def tangent(*moving):
        _, moved, outputs = jax.jvp(at(given), moving, like(directions, primals), has_aux=True)
        return moved, outputs

    moved, pullback, outputs = jax.vjp(tangent, *primals, has_aux=True)
    return outputs, pullback(like(cotangents, moved))

""",
    "jax.forward_over_forward": """
def derivative(given, cotangents, tangents, directions):
    primals = primals_of(given)

    def slope(*moving):
        real_, moved, _ = jax.jvp(at(given), moving, like(directions, primals), has_aux=True)
        return sum(jnp.sum(c * t) for c, t in zip(like(cotangents, real_), moved))

    found = []
    for k, primal in enumerate(primals):
        def element(unit, k=k):
            units = [unit if i == k else jnp.zeros_like(p) for i, p in enumerate(primals)]
            return jax.jvp(slope, primals, tuple(units))[1]

        units = jnp.eye(primal.size, dtype=primal.dtype).reshape(primal.size, *primal.shape)
        found.append(jax.vmap(element)(units).reshape(primal.shape))
    return at(given)(*primals)[1], found

""",
}

ROUTES: Mapping[str, str] = {
    "jax.vjp": _REVERSE + _RUN,
    "jax.jit": _REVERSE + _COMPILED,
    **{name: body + _COMPILED_IF_POSSIBLE for name, body in _BODIES.items()},
}
"""Each defines ``outputs`` and ``derivatives``."""

PROMISES = """
real_, pullback, outputs = jax.vjp(at(given), *primals_of(given), has_aux=True)
given_ = like(cotangents, real_)


def pull(factor, vectors=given_):
    return pullback(tuple(jnp.asarray(factor, c.dtype) * c for c in vectors))


def report(what, found, expected):
    for name, a, b in zip(wrt, found, expected):
        print(f"{what:36} {name}: off by {float(jnp.max(jnp.abs(a - b))) if a.size else 0.0:.3g}")


once = pull(1.0)
report("a second call of the pullback", pull(1.0), once)
report("twice the cotangent", pull(2.0), [2 * g for g in once])
report("the opposite cotangent", pull(-1.0), [-g for g in once])
report("no cotangent", pull(0.0), [0 * g for g in once])
other = [c * jnp.where(jnp.arange(c.size).reshape(c.shape) % 2 == 0, 1, -2).astype(c.dtype) for c in given_]
report(
    "the sum of two cotangents",
    pull(1.0, [c + d for c, d in zip(given_, other)]),
    [a + b for a, b in zip(once, pull(1.0, other))],
)
report("another run", jax.vjp(at(given), *primals_of(given), has_aux=True)[1](given_), once)
"""

ELEMENT = "float({array}[{index}])"
"""One element of an array as a Python float."""

CALL = """
def tensors_in(value):
    \"\"\"The arrays in a result, in order.\"\"\"
    return [jnp.asarray(v) for v in jax.tree_util.tree_leaves(value)]
"""

OWN_TENSORS = """
def tensor(array, dtype):
    return jnp.asarray(np.asarray(array).astype(jnp.dtype(dtype)))
"""
