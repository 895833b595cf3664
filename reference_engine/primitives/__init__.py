"""The primitives: one record an operation, one file a family. Importing this package fills the table."""

from __future__ import annotations

from reference_engine.primitives import (
    arithmetic,
    contraction,
    elementary,
    indexing,
    linalg,
    ordering,
    reduction,
    selection,
    shaping,
    special,
    spectral,
)

__all__ = [
    "arithmetic",
    "contraction",
    "elementary",
    "indexing",
    "linalg",
    "ordering",
    "reduction",
    "selection",
    "shaping",
    "special",
    "spectral",
]
