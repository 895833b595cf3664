"""Derivative rules of our own in JAX's place: in the adapter's table, or as a function of a person's."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, cast

import jax
import numpy as np

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

        def value(*arrays: Any) -> Any:
            return forward(*arrays, **attributes)

        def pull(arrays: Any, cotangent: Any) -> Any:
            found = backward(cotangent, *arrays, **attributes)
            return found if isinstance(found, tuple) else (found,)

        own: Any
        if tangent is None:
            own = jax.custom_vjp(value)
            own.defvjp(lambda *arrays: (value(*arrays), arrays), pull)
        else:
            own = jax.custom_jvp(value)
            own.defjvp(
                lambda arrays, tangents: (value(*arrays), tangent(tangents, *arrays, **attributes))
            )
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
