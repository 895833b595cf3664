"""What a function returned: names, cotangents for it, and what to say when it is nothing to differentiate."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from oracle.frameworks.protocol import Array
from oracle.functions.subject import kind_of, types_of
from oracle.lift.program import Output, Slot
from reference_engine.precision import PRECISIONS
from reference_engine.program import Program
from reference_engine.trace import Builder, building, constant


def no_tensor(label: str, result: Any) -> TypeError:
    """The error for a function that returned no tensor."""
    if isinstance(result, (bool, int, float, complex)):
        found = f"the Python number {result!r}"
        hint = "a number carries no gradient: return the tensor itself, without item() or float()"
    elif result is None:
        found, hint = "None", "does it end without a return statement?"
    else:
        found = f"{type(result).__name__} without a tensor in it"
        hint = "convert nothing to numpy or Python before returning"
    return TypeError(
        f"{label} returned {found}; expected a tensor, or tensors in tuples, lists or dicts ({hint})"
    )


def coarsest(slots: Iterable[Slot], outputs: Iterable[Output]) -> str:
    """The format with the fewest bits among differentiated inputs and real outputs; one not judged
    comes first.
    """
    found = {s.dtype for s in slots if s.differentiable}
    found |= {o.dtype for o in outputs if kind_of(o.dtype) == "real"}
    return min(found, key=lambda name: PRECISIONS[name].bits if name in PRECISIONS else 0)


def split_cotangents(given: Sequence[Any], outputs: Sequence[Output]) -> list[Array]:
    """One real array for each real output: complex numbers in parts, zeros for the imaginary part of a real
    array that is given for a complex output. ValueError for complex numbers that belong to a real output.
    """
    found: list[Array] = []
    real = [o for o in outputs if kind_of(o.dtype) == "real"]
    for array in map(np.asarray, given):
        output = real[len(found)] if len(found) < len(real) else None
        if output is not None and output.part:
            found += [np.asarray(array.real, dtype=np.float64), np.asarray(array.imag, dtype=np.float64)]
        elif np.iscomplexobj(array):
            path = output.path if output is not None else "nothing"
            msg = f"the cotangent of {path} is complex, expected real numbers"
            raise ValueError(msg)
        else:
            found.append(np.asarray(array, dtype=np.float64))
    return found


def cotangents_for(
    given: Mapping[str, Any] | Sequence[Any] | None, outputs: Sequence[Output]
) -> dict[str, Array]:
    """The user's cotangents by output name, from one array for each real output, in order.

    ValueError if there are more or fewer, or if one has another shape than its output.
    """
    if given is None:
        return {}
    real = [o for o in outputs if kind_of(o.dtype) == "real"]
    arrays = list(given.values()) if isinstance(given, Mapping) else list(given)
    if len(arrays) != len(real):
        msg = f"cotangent has {len(arrays)} arrays; expected one for each of {len(real)} real outputs"
        raise ValueError(msg)
    found = {}
    for output, array in zip(real, arrays, strict=True):
        if np.shape(array) != output.value.shape:
            msg = f"the cotangent of {output.path} has shape {np.shape(array)}, expected {output.value.shape}"
            raise ValueError(msg)
        found[output.name] = np.asarray(array, dtype=np.float64)
    return found


def stand_in(slots: Sequence[Slot], outputs: Sequence[Output]) -> Program:
    """A Program with the function's inputs and outputs and nothing between: names and shapes for the routes
    of a function that has no Program.
    """
    builder = Builder(surface=True)
    with building(builder):
        inputs = [builder.input(name, type_) for name, type_ in types_of(slots).items()]
        values = [constant(np.asarray(o.value), kind_of(o.dtype)) for o in outputs]
    return builder.finish(inputs, values, [o.name for o in outputs])
