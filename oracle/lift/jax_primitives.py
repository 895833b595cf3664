"""The table: which JAX primitive is what in our operations, and what to say of those that are nothing."""

from __future__ import annotations

from collections.abc import Mapping

from oracle.lift.jax_call import Lowering
from oracle.lift.jax_elementwise import ELEMENTWISE
from oracle.lift.jax_indexing import INDEXING
from oracle.lift.jax_linalg import LINALG
from oracle.lift.jax_products import PRODUCTS
from oracle.lift.jax_reductions import REDUCTIONS
from oracle.lift.jax_scatter import SCATTER
from oracle.lift.jax_shaping import SHAPING
from oracle.lift.jax_windows import WINDOWS

LOWERINGS: Mapping[str, Lowering] = {
    **ELEMENTWISE,
    **SHAPING,
    **INDEXING,
    **SCATTER,
    **REDUCTIONS,
    **PRODUCTS,
    **WINDOWS,
    **LINALG,
}
"""Primitives by name. Those that hold jaxprs are in ``jax_control``."""

INTEGER = frozenset(
    {
        "add", "sub", "mul", "neg", "abs", "sign", "max", "min", "add_any", "clamp", "select_n", "copy",
        "convert_element_type", "reduce_sum", "reduce_max", "reduce_min", "cumsum", "stop_gradient",
        *SHAPING,
    }
)  # fmt: skip
"""Primitives that do to integers made of conditions what they do to real numbers. With them a count or a mask
of conditions stays tied to the comparisons that it is made of."""

IGNORED = frozenset({"debug_callback", "debug_print", "dce_sink", "inspect_sharding"})
"""Primitives without results."""

SPECIAL = "the reference engine has no such function yet"
CALLBACK = "what runs outside JAX cannot be seen; write it as a program and pass it as spec="
DEVICES = "collective operations are not lifted; check the function of one device"
MUTABLE = "mutable references are not lifted; write the function with .at[] updates"
COMPLEX = "complex numbers are not lifted yet; split the function into real and imaginary parts"

HINTS: Mapping[str, str] = {
    **dict.fromkeys(
        ("bessel_i0e", "bessel_i1e", "igamma", "igammac", "igamma_grad_a", "regularized_incomplete_beta",
         "zeta", "random_gamma"), SPECIAL
    ),
    **dict.fromkeys(("pure_callback", "io_callback", "ffi_call", "pallas_call"), CALLBACK),
    **dict.fromkeys(
        ("psum", "psum_invariant", "all_gather", "all_to_all", "ppermute", "reduce_scatter", "shard_map",
         "pbroadcast"), DEVICES
    ),
    **dict.fromkeys(("get", "swap", "addupdate", "new_ref", "freeze", "run_state"), MUTABLE),
    **dict.fromkeys(("fft", "eig", "complex", "real", "imag", "conj"), COMPLEX),
    "nextafter": "a step to the next number of a format is no function of real numbers",
}  # fmt: skip


def missing(name: str) -> str:
    """What to do about a primitive that has no lowering."""
    known = HINTS.get(name)
    return known or f"add an entry {name!r} to a table of oracle/lift/jax_*.py, or pass spec="
