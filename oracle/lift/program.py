"""What lifting a user's function gives: its Program, the exact inputs and the values it returned."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from reference_engine.arithmetic.float64 import Float64
from reference_engine.differentiate import lower
from reference_engine.evaluate import as_inputs, evaluate
from reference_engine.program import Program

Array = npt.NDArray[Any]

Part = Literal["", "real", "imag"]
"""Which part of a complex tensor a real one is; nothing for what is real itself."""


@dataclass(frozen=True, eq=False)
class Slot:
    """One leaf of the function's arguments, or a captured tensor that needs a gradient.

    ``name`` is the Program's input name, ``path`` how the user reaches the leaf (``params['w'][0]``).
    ``array`` holds the exact numbers as float64, int64 or bool; ``dtype`` is the framework's name of the
    leaf's own format (``float32``, ``int64``, ``bool``). ``captured`` tensors are no arguments.

    A complex leaf ``z`` is two slots, one after the other: ``z_real`` and ``z_imag`` under the paths
    ``z.real`` and ``z.imag``, in the format of its ``part``.
    """

    name: str
    path: str
    array: Array
    dtype: str
    differentiable: bool
    captured: bool = False
    part: Part = ""


@dataclass(frozen=True, eq=False)
class Output:
    """One leaf of what the function returned: ``value`` as float64 (int64 and bool for other kinds).

    ``differentiable`` says whether the framework offers a gradient of it. A complex leaf is two
    outputs, as it would be two slots.
    """

    name: str
    path: str
    value: Array
    dtype: str
    differentiable: bool
    part: Part = ""


@dataclass(frozen=True)
class Unsupported:
    """An operation that has no lowering, and a line on what to do about it."""

    operation: str
    hint: str

    def __str__(self) -> str:
        return f"{self.operation}: {self.hint}"


@dataclass(frozen=True, eq=False)
class Lifted:
    """A user's function at one point.

    ``program`` is in surface form, its nodes' ``line`` are lines of ``file`` where known; it is None when
    ``unsupported`` names an operation. Inputs of the Program are the slots, in the order of the flattened
    arguments (captured ones last); its outputs are ``outputs`` by name. ``captured`` holds the framework's
    own tensors behind captured slots. ``notes`` are sentences for the report. ``backward_only`` says why the
    framework's forward mode differentiates another function, if it does.
    """

    program: Program | None
    inputs: tuple[Slot, ...]
    outputs: tuple[Output, ...]
    unsupported: tuple[Unsupported, ...] = ()
    notes: tuple[str, ...] = ()
    file: str | None = None
    captured: Mapping[str, Any] = field(default_factory=dict)
    backward_only: str = ""

    @property
    def arrays(self) -> dict[str, Array]:
        """The exact inputs by name."""
        return {slot.name: slot.array for slot in self.inputs}

    @property
    def differentiable_inputs(self) -> tuple[str, ...]:
        """Names of the inputs whose gradient is asked for."""
        return tuple(slot.name for slot in self.inputs if slot.differentiable)

    def forward(self) -> dict[str, Array]:
        """The Program's outputs in float64 by name; ValueError without a Program."""
        if self.program is None:
            names = ", ".join(entry.operation for entry in self.unsupported)
            msg = f"the function was not lifted: no lowering for {names}"
            raise ValueError(msg)
        core = lower(self.program)
        values = evaluate(core, as_inputs(core, self.arrays), Float64())
        return {name: np.asarray(values[i]) for name, i in zip(core.output_names, core.outputs, strict=True)}
