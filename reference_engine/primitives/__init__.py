"""The primitives: one record an operation, one file a family. Importing this package fills the table."""

from __future__ import annotations

from reference_engine.primitives import (
    arithmetic,
    bessel,
    contraction,
    elementary,
    incomplete,
    indexing,
    linalg,
    ordering,
    reduction,
    sampling,
    selection,
    shaping,
    special,
    spectral,
    zeta,
)

__all__ = [
    "arithmetic",
    "bessel",
    "contraction",
    "elementary",
    "incomplete",
    "indexing",
    "linalg",
    "ordering",
    "reduction",
    "sampling",
    "selection",
    "shaping",
    "special",
    "spectral",
    "zeta",
]
