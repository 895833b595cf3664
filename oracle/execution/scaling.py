"""Precision scaling: the error of poor arithmetic shrinks with the unit roundoff, a bug's stays.

Measured: the ratio of the error in float64 to that in float32 has median 1.5e-9 for correct code and about 1
for a faulty formula; above 2^-20 for 99.2 to 99.7 percent of faults between 1e-7 and 1e-1.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from oracle.execution.points import Bench, in_dtype
from oracle.execution.stage import NOWHERE, Stage, entering
from oracle.frameworks.protocol import Answer, Framework
from reference_engine.certify import certify
from reference_engine.differentiate import GRADIENT, TANGENT
from reference_engine.precision import PRECISIONS

SHRINKS = {"float64": 2.0**-20, "float32": 2.0**-20, "bfloat16": 2.0**-11, "float16": 2.0**-9}
"""An error that shrinks by more than this between a dtype and the other one is arithmetic: most of the ratio
of the two unit roundoffs (2^-29, 2^-29, 2^-16, 2^-13), less what a lucky coarse run takes from it."""

OTHER = {"float64": "float32", "float32": "float64", "bfloat16": "float32", "float16": "float32"}
"""The dtype of the second run."""


def explained_by_arithmetic(framework: Framework, route: str, where: Bench, output: str) -> bool:
    """Whether the relative error in one output of the derivative Program shrinks with the precision.

    The finer dtype is asked at the numbers of the finding, the coarser one at numbers that it holds: at
    those a finer dtype may compute without any rounding. False where one of the two answers cannot be had.
    """
    own = where.point.dtype
    coarse, fine = sorted((own, OTHER[own]), key=lambda d: PRECISIONS[d].bits)
    finer = _relative_error(framework, route, in_dtype(where, fine), output)
    coarser = _relative_error(framework, route, in_dtype(_rounded(where, coarse), coarse), output)
    return bool(np.isfinite(coarser) and finer <= coarser * SHRINKS[own])


def _relative_error(framework: Framework, route: str, where: Bench, output: str) -> float:
    """Largest error over the largest element (itself where all are zero); NaN where there is no answer."""
    found = _ask(framework, route, where, output)
    if found is None:
        return float("nan")
    forward = route in framework.forward_routes and where.order == 1
    truth = certify(
        where.derivative(forward=forward), where.inputs(forward=forward), where.point.wrt, where.precision
    ).centers[output]
    with np.errstate(all="ignore"):
        size = float(np.abs(truth).max(initial=0.0))
        return float(np.abs(found - truth).max(initial=0.0)) / (size or 1.0)


def _rounded(where: Bench, dtype: str) -> Bench:
    """The same bench at numbers that ``dtype`` holds."""
    precision = PRECISIONS[dtype]

    def narrow(arrays: Any) -> dict[str, npt.NDArray[Any]]:
        return {n: np.asarray(precision.round(a)) if a.dtype.kind == "f" else a for n, a in arrays.items()}

    point = where.point
    moved = replace(
        point,
        inputs=narrow(point.inputs),
        cotangents=narrow(point.cotangents),
        tangents=narrow(point.tangents),
        directions=narrow(point.directions),
    )
    return replace(where, point=moved)


def _ask(framework: Framework, route: str, where: Bench, output: str) -> npt.NDArray[np.float64] | None:
    ask = framework.derivative if where.order == 1 else framework.second_order
    entering(Stage(framework.name, framework.version, route, where.point.dtype, where.order))
    try:
        return _part(ask(route, where.program, where.point), where, output)
    except Exception:  # noqa: BLE001 - no second answer, no excuse
        return None
    finally:
        entering(NOWHERE)


def _part(answer: Answer, where: Bench, output: str) -> npt.NDArray[np.float64]:
    if output in where.program.output_names:
        values = dict(zip(where.program.output_names, answer.values, strict=True))
        return np.asarray(values[output], dtype=np.float64)
    name = output.removeprefix(GRADIENT).removeprefix(TANGENT)
    return np.asarray(answer.derivatives[name], dtype=np.float64)
