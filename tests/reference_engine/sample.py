"""What a sample call of an operation is."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from reference_engine import Program, TensorType, trace, xp

Array = npt.NDArray[Any]
KINDS = {"f": "real", "i": "int", "b": "bool"}


@dataclass(frozen=True)
class Sample:
    """One call: an array (or a list of them) for each tensor parameter, a value for each attribute."""

    arrays: dict[str, Any] = field(default_factory=dict)
    attrs: dict[str, Any] = field(default_factory=dict)

    @property
    def inputs(self) -> dict[str, Array]:
        """The arrays by the name of the Program's input; the k-th of a list is called ``name_k``."""
        flat: dict[str, Array] = {}
        for name, value in self.arrays.items():
            if isinstance(value, list):
                flat |= {f"{name}_{k}": v for k, v in enumerate(value)}
            else:
                flat[name] = np.asarray(value)
        return flat

    @property
    def real_inputs(self) -> tuple[str, ...]:
        """The inputs that can be differentiated."""
        return tuple(name for name, value in self.inputs.items() if value.dtype.kind == "f")


def program_of(operation: str, sample: Sample) -> Program:
    """The surface Program of the call."""
    types = {name: TensorType(a.shape, KINDS[a.dtype.kind]) for name, a in sample.inputs.items()}  # type: ignore[arg-type]

    def call(**tensors: Any) -> Any:
        arguments: dict[str, Any] = {}
        for name, value in sample.arrays.items():
            many = isinstance(value, list)
            arguments[name] = [tensors[f"{name}_{k}"] for k in range(len(value))] if many else tensors[name]
        return getattr(xp, operation)(**arguments, **sample.attrs)

    return trace(lambda *tensors: call(**dict(zip(types, tensors, strict=True))), types)
