"""Hypothesis strategies for gradients: numbers, matrices, shapes, layouts, indices, Programs and cases.

They are for your own tests too: ``@given(programs())`` fuzzes any backend that can run a Program. Whatever is
drawn is valid by construction, and shrinks to the fewest operations, the smallest shapes and to ones.
"""

from __future__ import annotations

from oracle.strategies._cases import cases, text_of
from oracle.strategies._indices import indices
from oracle.strategies._layouts import LAYOUTS, Laid, MemoryLayout, laid_out, layouts
from oracle.strategies._matrices import MATRICES, MatrixClass, matrices
from oracle.strategies._programs import DrawnProgram, programs
from oracle.strategies._shapes import SIZES, broadcastable, empty_shapes, extents, shapes
from oracle.strategies._values import values
from oracle.strategies.classes import CLASSES, Place, ValueClass

__all__ = [
    "CLASSES",
    "LAYOUTS",
    "MATRICES",
    "SIZES",
    "DrawnProgram",
    "Laid",
    "MatrixClass",
    "MemoryLayout",
    "Place",
    "ValueClass",
    "broadcastable",
    "cases",
    "empty_shapes",
    "extents",
    "indices",
    "laid_out",
    "layouts",
    "matrices",
    "programs",
    "shapes",
    "text_of",
    "values",
]
