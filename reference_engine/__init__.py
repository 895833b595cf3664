"""The calculus: Programs, their derivatives by the chain rule, and their values in proved arithmetic."""

from __future__ import annotations

from reference_engine import composites, primitives
from reference_engine.program import Program, ProgramError, TensorType
from reference_engine.trace import trace, xp

__all__ = ["Program", "ProgramError", "TensorType", "composites", "primitives", "trace", "xp"]
