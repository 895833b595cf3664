"""The text of a case file: the inverse of reading one, for cases that a program makes."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

_NAMES = {"f": "float", "i": "int", "b": "bool"}


def case_text(
    about: str,
    program: str,
    inputs: Mapping[str, npt.NDArray[Any]],
    *,
    layouts: Mapping[str, str] | None = None,
    dtypes: Sequence[str] = (),
    options: Mapping[str, str | int | Sequence[str]] | None = None,
) -> str:
    """YAML that reads as this case; every number is exact.

    ``inputs`` are float64, int64 or bool arrays, ``layouts`` those that are not contiguous, and ``options``
    further keys of the format with plain values, such as ``order`` or ``frameworks``. TypeError for an
    array of another dtype.

    >>> print(case_text("A square.", "y = x * x", {"x": np.array([1.0, -0.5])}, dtypes=["float64"]), end="")
    about: "A square."
    inputs:
      x: [1.0, -0.5]
    program: |
      y = x * x
    dtypes: [float64]
    """
    lines = [f"about: {json.dumps(about)}", "inputs:"]
    lines += [f"  {name}: {_input(array, (layouts or {}).get(name))}" for name, array in inputs.items()]
    lines += ["program: |", *(f"  {line}" for line in program.splitlines())]
    if dtypes:
        lines.append(f"dtypes: [{', '.join(dtypes)}]")
    lines += [f"{key}: {json.dumps(value)}" for key, value in (options or {}).items()]
    return "\n".join(lines) + "\n"


def _input(array: npt.NDArray[Any], layout: str | None) -> str:
    if array.dtype not in {np.dtype(np.float64), np.dtype(np.int64), np.dtype(np.bool_)}:
        msg = f"found an array of {array.dtype}; expected float64, int64 or bool"
        raise TypeError(msg)
    kind = _NAMES[array.dtype.kind]
    fields = {"dtype": kind} if kind != "float" else {}
    if layout not in {None, "contiguous"}:
        fields["layout"] = str(layout)
    if array.size:
        fields = {"value": _nested(array.tolist()), **fields}
    else:  # nested lists cannot say how long the axes behind an empty one are
        fields = {
            "shape": str(list(array.shape)),
            "values": f"[{_number(array.dtype.type(0).item())}]",
            **fields,
        }
    if list(fields) == ["value"]:
        return fields["value"]
    return "{" + ", ".join(f"{key}: {text}" for key, text in fields.items()) + "}"


def _nested(value: Any) -> str:
    return f"[{', '.join(map(_nested, value))}]" if isinstance(value, list) else _number(value)


def _number(value: float) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and not math.isfinite(value):
        return ".nan" if math.isnan(value) else f"{'-' if value < 0 else ''}.inf"
    return repr(value)
