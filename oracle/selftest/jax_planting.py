"""Derivative rules of our own in JAX's place: in the adapter's table, or as a function of a person's."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import Any, cast

import jax
import jax.numpy as jnp
import numpy as np
import numpy.typing as npt

from oracle.frameworks import jax_arrays as arrays
from oracle.frameworks import jax_operations
from oracle.frameworks.jax_routes import forget_compiled

Rule = Callable[..., Any]
"""A pullback ``(cotangent, *arrays, **attributes)``: cotangents of the arrays."""


def planted(forward: Callable[..., Any], backward: Rule, tangent: Rule | None = None) -> Callable[..., Any]:
    """An operation whose derivative rule is ``backward`` or, if it is given, the forward rule ``tangent``:
    JAX transposes the one and has no forward mode of the other.

    It takes its arguments by name; those that are arrays are passed on in order. ``tangent`` takes the tuple
    of tangents in the place of the cotangent.
    """

    def call(**arguments: Any) -> Any:
        names = [n for n, v in arguments.items() if isinstance(v, (jax.Array, np.ndarray))]
        attributes = {n: v for n, v in arguments.items() if n not in names}

        def value(*operands: Any) -> Any:
            return forward(*operands, **attributes)

        def pull(operands: Any, cotangent: Any) -> Any:
            found = backward(cotangent, *operands, **attributes)
            return found if isinstance(found, tuple) else (found,)

        own: Any
        if tangent is None:
            own = jax.custom_vjp(value)
            own.defvjp(lambda *operands: (value(*operands), operands), pull)
        else:
            own = jax.custom_jvp(value)
            own.defjvp(lambda operands, moved: (value(*operands), tangent(moved, *operands, **attributes)))
        return own(*(arguments[n] for n in names))

    return call


@contextmanager
def in_adapter(operation: str, rule: Callable[..., Any]) -> Iterator[None]:
    """Within this context the adapter's ``operation`` is ``rule``; what was compiled is compiled anew."""
    table = cast("dict[str, Callable[..., Any]]", jax_operations.OPERATIONS)
    own = table[operation]
    table[operation] = rule
    forget_compiled()
    try:
        yield
    finally:
        table[operation] = own
        forget_compiled()


NUMBERS = jnp
"""Where the functions are that rules are written in."""


def hold(value: Any) -> Any:
    """The value, through which no derivative passes."""
    return jax.lax.stop_gradient(value)


def tensors(given: Mapping[str, npt.NDArray[Any]], dtype: str) -> tuple[Any, ...]:
    """The arrays as inputs of a person's function."""
    return tuple(jnp.asarray(arrays.numbers(a, "real", dtype)) for a in given.values())


def setting() -> AbstractContextManager[None]:
    """What must hold while a person's function is made and checked: 64 bits."""
    return arrays.sixty_four_bits()
