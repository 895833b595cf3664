"""The calculus: Programs, their derivatives by the chain rule, and their values in proved arithmetic.

Every operation of the table is also a function on eager tensors: ``reference_engine.exp(x)``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from reference_engine import composites, primitives
from reference_engine.eager import EagerTensor, no_grad, tensor
from reference_engine.program import Program, ProgramError, TensorType
from reference_engine.trace import trace, xp

__all__ = [
    "EagerTensor",
    "Program",
    "ProgramError",
    "TensorType",
    "composites",
    "no_grad",
    "primitives",
    "tensor",
    "trace",
    "xp",
]

if not TYPE_CHECKING:  # a type checker keeps refusing names that do not exist
    from reference_engine.eager import function as __getattr__  # noqa: F401 - Python calls it
