"""All families of lowerings, imported so that the table is complete."""

from __future__ import annotations

from oracle.lift import (
    aten_activations,
    aten_backward,
    aten_complex,
    aten_complex_linalg,
    aten_complex_products,
    aten_factors,
    aten_fft,
    aten_foreach,
    aten_groups,
    aten_inverses,
    aten_layers,
    aten_linalg,
    aten_losses,
    aten_lu,
    aten_ordering,
    aten_pointwise,
    aten_pooling,
    aten_products,
    aten_reductions,
    aten_sampling,
    aten_scatter,
    aten_sequences,
    aten_shaping,
    aten_special,
    aten_vjps,
)
from oracle.lift.aten import LOWERINGS, lookup
from oracle.lift.aten_parts import COMPLEX, lookup_complex

__all__ = [
    "COMPLEX", "LOWERINGS", "aten_activations", "aten_backward", "aten_complex",
    "aten_complex_linalg", "aten_complex_products", "aten_factors", "aten_fft", "aten_foreach",
    "aten_groups", "aten_inverses",
    "aten_layers", "aten_linalg", "aten_losses", "aten_lu", "aten_ordering", "aten_pointwise",
    "aten_pooling", "aten_products", "aten_reductions", "aten_sampling", "aten_scatter", "aten_sequences",
    "aten_shaping", "aten_special", "aten_vjps", "lookup", "lookup_complex",
]  # fmt: skip
