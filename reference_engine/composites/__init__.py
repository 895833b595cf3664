"""Operations written as programs over others; none has a gradient rule. Importing this package fills the table."""

from __future__ import annotations

from reference_engine.composites import indexing, products, reductions, shapes

__all__ = ["indexing", "products", "reductions", "shapes"]
