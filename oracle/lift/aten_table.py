"""All families of lowerings, imported so that the table is complete."""

from __future__ import annotations

from oracle.lift import (
    aten_activations,
    aten_groups,
    aten_layers,
    aten_linalg,
    aten_losses,
    aten_lu,
    aten_ordering,
    aten_pointwise,
    aten_pooling,
    aten_products,
    aten_reductions,
    aten_shaping,
    aten_special,
)
from oracle.lift.aten import LOWERINGS, lookup

__all__ = [
    "LOWERINGS", "aten_activations", "aten_groups", "aten_layers", "aten_linalg", "aten_losses", "aten_lu",
    "aten_ordering", "aten_pointwise", "aten_pooling", "aten_products", "aten_reductions", "aten_shaping",
    "aten_special", "lookup",
]  # fmt: skip
