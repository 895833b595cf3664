"""Hypothesis strategies for gradients: numbers, matrices, shapes, layouts, indices, Programs and cases.

They are for your own tests too: ``@given(programs())`` fuzzes any backend that can run a Program. Whatever is
drawn is valid by construction, and shrinks to the fewest operations, the smallest shapes and to ones.
"""

from __future__ import annotations

from oracle.strategies.cases import cases
from oracle.strategies.classes import CLASSES, Place, ValueClass
from oracle.strategies.indices import indices
from oracle.strategies.layouts import LAYOUTS, Laid, MemoryLayout, laid_out, layouts
from oracle.strategies.matrices import MATRICES, MatrixClass, matrices
from oracle.strategies.programs import DrawnProgram, programs
from oracle.strategies.shapes import SIZES, broadcastable, empty_shapes, extents, shapes
from oracle.strategies.values import values

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
    "values",
]
