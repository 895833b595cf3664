"""A case explained as the tutorial does it: forward pass, local derivatives, backward pass, a graph."""

from __future__ import annotations

import shutil

import numpy as np
import numpy.typing as npt

from oracle.cases.model import Case
from oracle.explain.derive import Derivation, derive
from oracle.explain.graph import as_svg
from oracle.explain.text import as_text

__all__ = ["derive_case", "explain", "graph_svg", "ordinary_cotangent"]

WIDTH = 100
"""Columns where the terminal does not say how many it has."""


def derive_case(case: Case) -> Derivation:
    """The chain rule carried out on a case, with its own cotangents or :func:`ordinary_cotangent`."""
    arrays = {given.name: given.array for given in case.inputs}
    wrt = [given.name for given in case.inputs if given.grad]
    program = case.program
    outputs = dict(zip(program.output_names, program.output_types, strict=True))
    if case.cotangent is not None or not any(type_.shape for type_ in outputs.values()):
        return derive(program, arrays, wrt, case.cotangent)
    return derive(program, arrays, wrt, {name: ordinary_cotangent(t.shape) for name, t in outputs.items()})


def ordinary_cotangent(shape: tuple[int, ...]) -> npt.NDArray[np.float64]:
    """1 for a scalar; 1, -2, 3, -1, 2, -3... for more, because a uniform one hides what softmax does.

    >>> ordinary_cotangent((4,)).tolist()
    [1.0, -2.0, 3.0, -1.0]
    """
    return np.resize([1.0, -2.0, 3.0, -1.0, 2.0, -3.0], shape)


def explain(case: Case, width: int | None = None) -> str:
    """The explanation as text of at most ``width`` columns, those of the terminal by default."""
    columns = shutil.get_terminal_size((WIDTH, 24)).columns if width is None else width
    return as_text(case.about, derive_case(case), columns)


def graph_svg(case: Case) -> str:
    """The computational graph as an SVG picture: forward values, local derivatives, backward cotangents."""
    return as_svg(derive_case(case))
