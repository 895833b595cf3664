"""A case explained as the tutorial does it: forward pass, local derivatives, backward pass, a graph."""

from __future__ import annotations

import shutil

from oracle.cases.model import Case
from oracle.explain.derive import Derivation, derive
from oracle.explain.graph import as_svg
from oracle.explain.text import as_text

__all__ = ["derive_case", "explain", "graph_svg"]

WIDTH = 100
"""Columns where the terminal does not say how many it has."""


def derive_case(case: Case) -> Derivation:
    """The chain rule carried out on a case. ProgramError where an output needs a cotangent."""
    arrays = {given.name: given.array for given in case.inputs}
    wrt = [given.name for given in case.inputs if given.grad]
    return derive(case.program, arrays, wrt, case.cotangent)


def explain(case: Case, width: int | None = None) -> str:
    """The explanation as text of at most ``width`` columns, those of the terminal by default."""
    columns = shutil.get_terminal_size((WIDTH, 24)).columns if width is None else width
    return as_text(case.about, derive_case(case), columns)


def graph_svg(case: Case) -> str:
    """The computational graph as an SVG picture: forward values, local derivatives, backward cotangents."""
    return as_svg(derive_case(case))
