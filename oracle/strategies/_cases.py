"""Random cases: a Program, its inputs with layouts, and dtypes, as a case file would hold them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, get_args

import numpy as np
import numpy.typing as npt
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from oracle.cases.load import read_case
from oracle.cases.model import Case
from oracle.cases.write import case_text
from oracle.frameworks.protocol import Layout
from oracle.strategies._layouts import LAYOUTS
from oracle.strategies._programs import MOST_NODES, ORDINARY, programs
from oracle.strategies.classes import ValueClass

DTYPES = ("float64", "float32")

NAME = "drawn"


@st.composite
def cases(
    draw: DrawFn,
    *,
    operations: Sequence[str] | None = None,
    max_nodes: int = MOST_NODES,
    dtypes: Sequence[str] = DTYPES,
    classes: Sequence[str | ValueClass] = ORDINARY,
) -> Case:
    """Cases as read from a file; ``case.path`` names none, and ``text_of(case)`` is the file's text.

    Inputs are numbers of the narrowest of ``dtypes``, so that all formats compute from the same ones. The
    other arguments are those of :func:`programs`.
    """
    narrowest = min(dtypes, key=_WIDTHS.index)
    drawn = draw(programs(operations=operations, max_nodes=max_nodes, dtype=narrowest, classes=classes))
    layouts = {name: draw(st.sampled_from(_layouts(array))) for name, array in drawn.inputs.items()}
    text = case_text("A drawn program.", drawn.text, drawn.inputs, layouts=layouts, dtypes=dtypes)
    return read_case(Path(f"{NAME}.yaml"), text, NAME)


_WIDTHS = ("float16", "bfloat16", "float32", "float64")


def _layouts(array: npt.NDArray[Any]) -> list[str]:
    """The layouts of the case format that keep the values of an array."""
    found = [n for n in get_args(Layout) if array.ndim >= LAYOUTS[n].least_rank]
    same = array.ndim and array.shape[0] and np.array_equal(array, np.broadcast_to(array[:1], array.shape))
    return [n for n in found if n != "expanded" or same]


def text_of(case: Case) -> str:
    """The text of a case file that reads as this case: its program, inputs, layouts, dtypes and order."""
    return case_text(
        case.about,
        case.program_text,
        {i.name: i.array for i in case.inputs},
        layouts={i.name: i.layout for i in case.inputs},
        dtypes=case.dtypes,
        options={"order": case.order} if case.order != 1 else None,
    )
