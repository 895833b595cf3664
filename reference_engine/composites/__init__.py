"""Operations written as programs over others, without gradient rules. Importing this fills the table."""

from __future__ import annotations

from reference_engine.composites import (
    activations,
    bessel,
    classification,
    convolution,
    elementary,
    indexing,
    layers,
    linalg,
    losses,
    normalization,
    pooling,
    products,
    rectifiers,
    recurrent,
    reductions,
    shapes,
    softmax,
    statistics,
)

__all__ = [
    "activations",
    "bessel",
    "classification",
    "convolution",
    "elementary",
    "indexing",
    "layers",
    "linalg",
    "losses",
    "normalization",
    "pooling",
    "products",
    "rectifiers",
    "recurrent",
    "reductions",
    "shapes",
    "softmax",
    "statistics",
]
