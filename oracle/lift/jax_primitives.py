"""The table: which JAX primitive is what in our operations, and what to say of those that are nothing."""

from __future__ import annotations

from collections.abc import Mapping

import jax.numpy as jnp

from oracle.lift.jax_call import Call, Lowering, NotLoweredError
from oracle.lift.jax_complex import COMPLEX
from oracle.lift.jax_elementwise import ELEMENTWISE
from oracle.lift.jax_indexing import INDEXING
from oracle.lift.jax_linalg import LINALG
from oracle.lift.jax_products import PRODUCTS
from oracle.lift.jax_reductions import REDUCTIONS
from oracle.lift.jax_scatter import SCATTER
from oracle.lift.jax_shaping import SHAPING
from oracle.lift.jax_special import SPECIAL
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
    **SPECIAL,
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

COUNTED = frozenset(
    {
        "bitcast_convert_type", "mulhi", "shift_left", "shift_right_arithmetic", "shift_right_logical",
        "random_bits", "random_fold_in", "random_seed", "random_split", "random_unwrap", "random_wrap",
        "from_edtype", "to_edtype",
    }
)  # fmt: skip
"""Primitives of bits, integers and keys: what they give is constant in pieces, and taken as it came out."""

CALLBACK = "what runs outside JAX cannot be seen; write it as a program and pass it as spec="
DEVICES = "collective operations are not lifted; check the function of one device"
MUTABLE = "mutable references are not lifted; write the function with .at[] updates"
INTERNAL = "JAX makes it while it transforms a function; check the function that is not transformed"
GENERAL = "eigenvalues of a general matrix are complex, and their order is not fixed; use eigh or pass spec="
OF_COMPLEX = "of complex numbers it is not lifted; write it with real and imaginary parts"

HINTS: Mapping[str, str] = {
    **dict.fromkeys(("pure_callback", "io_callback", "ffi_call", "pallas_call"), CALLBACK),
    **dict.fromkeys(
        ("psum", "psum_invariant", "all_gather", "all_to_all", "ppermute", "reduce_scatter", "shard_map",
         "pbroadcast", "all_gather_invariant", "all_gather_reduced", "preduced", "ragged_all_to_all",
         "reduced_vary_cast_p", "global_array_to_host_local_array", "host_local_array_to_global_array",
         "unreduced_psum", "unreduced_reduce_scatter", "vary_unreduced_cast_p"),
        DEVICES,
    ),
    **dict.fromkeys(
        ("get", "swap", "addupdate", "new_ref", "freeze", "run_state", "accum_grad_in_ref", "empty_ref",
         "free_ref", "new_box", "box_get", "box_set", "new_log", "log_extend", "log_read"), MUTABLE
    ),
    **dict.fromkeys(
        ("call_hi_primitive", "call_hi_primitive_linearized", "custom_lin", "remat_opt", "stage", "tie"),
        INTERNAL,
    ),
    "check": "a check of values is no part of a function's result; functionalize it with checkify.checkify",
    "eig": GENERAL,
    "nextafter": "a step to the next number of a format is no function of real numbers",
}  # fmt: skip


def lowering_of(call: Call) -> Lowering:
    """The lowering of a primitive for real or for complex numbers; NotLoweredError if there is none."""
    dtypes = [v.dtype for v in call.inputs] + [a.dtype for a in call.outputs if hasattr(a, "dtype")]
    table = COMPLEX if any(jnp.issubdtype(d, jnp.complexfloating) for d in dtypes) else LOWERINGS
    if call.name not in table:
        raise NotLoweredError(OF_COMPLEX if call.name in LOWERINGS else missing(call.name))
    return table[call.name]


def missing(name: str) -> str:
    """What to do about a primitive that has no lowering."""
    known = HINTS.get(name)
    return known or f"add an entry {name!r} to a table of oracle/lift/jax_*.py, or pass spec="
