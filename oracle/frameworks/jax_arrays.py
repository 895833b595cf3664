"""Between numpy arrays and JAX arrays, and the 64-bit mode in which everything here runs."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Any, assert_never

import jax
import jax.numpy as jnp
import numpy as np
import numpy.typing as npt

from oracle.frameworks.interpret import Dialect
from oracle.frameworks.jax_operations import NUMBER_OPERANDS, OPERATIONS
from oracle.frameworks.protocol import Array
from reference_engine.program import Kind, Program


def sixty_four_bits() -> AbstractContextManager[None]:
    """Float64 and int64 exist inside, for this thread; the caller's flag is untouched.

    It is on for every dtype: bare numbers are weak, so a float32 program stays float32.
    """
    # Releases before 0.8 keep it among the experiments.
    enable = jax.enable_x64 if hasattr(jax, "enable_x64") else jax.experimental.enable_x64
    context: AbstractContextManager[None] = enable(True)
    return context


def numbers(value: Any, kind: Kind, dtype: str) -> npt.NDArray[Any]:
    """A numpy array in the dtype that the framework gets; conversion here spares JAX a compilation."""
    match kind:
        case "real":
            return np.asarray(value, dtype=np.float64).astype(jnp.dtype(dtype))
        case "int":
            return np.asarray(value, dtype=np.int64)
        case "bool":
            return np.asarray(value, dtype=np.bool_)
        case _:
            assert_never(kind)


def array(value: Any) -> npt.NDArray[np.generic]:
    """A numpy array of its own memory: float64, int64 or bool."""
    found = np.asarray(value)
    if found.dtype == np.bool_:
        return np.array(found)
    wide = np.int64 if jnp.issubdtype(found.dtype, jnp.integer) else np.float64
    return np.array(found.astype(wide))


def real_array(value: Any) -> Array:
    """As :func:`array`, for a derivative."""
    return np.array(np.asarray(value).astype(np.float64))


def inputs(program: Program, arrays: Mapping[str, npt.NDArray[np.generic]], dtype: str) -> dict[str, Any]:
    """JAX arrays for the inputs of a Program by name."""
    return {
        name: jnp.asarray(numbers(arrays[name], type_.kind, dtype))
        for name, type_ in program.input_types.items()
    }


def reals(arrays: Mapping[str, Array]) -> dict[str, Any]:
    """Cotangents, tangents or directions by name, still in float64."""
    return {name: jnp.asarray(np.asarray(a, dtype=np.float64)) for name, a in arrays.items()}


def dialect(dtype: str) -> Dialect:
    """How JAX is spoken to in ``dtype``."""
    return Dialect(
        OPERATIONS,
        NUMBER_OPERANDS,
        lambda value, kind: jnp.asarray(numbers(value, kind, dtype)),
        lambda x: x.astype(dtype),
    )
