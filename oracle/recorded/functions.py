"""The failures of one check of a function, recorded before they are raised."""

from __future__ import annotations

import base64
import pickle
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import cloudpickle

from oracle.execution.record import Recorded
from oracle.frameworks.protocol import Point
from oracle.judge.verdict import Finding
from oracle.lift.program import Slot
from oracle.recorded.folder import folder_for
from oracle.recorded.keeper import Keeper
from oracle.recorded.record import FunctionSource
from oracle.reproducer.functions import function_script
from oracle.reproducer.origin import MAIN, Origin, origin_of, search_path
from oracle.reproducer.sources import Module
from reference_engine.program import Program

LARGEST = 50_000_000
"""Bytes of function and inputs that are kept for a replay."""


@dataclass(frozen=True)
class Checked:
    """A check as it was made: all that it needs to be made again, and where its function was asked.

    ``names`` are those of the parameters, ``setting`` generators and flags, packed by the caller. ``points``
    are by order, and none if the check did not come that far.
    """

    framework: str
    function: Any
    inputs: Sequence[Any]
    options: Mapping[str, Any]
    setting: Any
    names: Sequence[str]
    slots: Sequence[Slot]
    wide: bool
    points: Mapping[int, Point]
    program: Program | None


def record_failures(findings: Sequence[Finding], checked: Checked) -> Recorded:
    """Record failing findings on a function."""
    keeper = Keeper(folder_for(Path.cwd()))
    made: list[FunctionSource] = []

    def source() -> FunctionSource:
        if not made:
            made.append(_source(checked))
        return made[0]

    for finding in findings:
        keeper.keep(finding, source, partial(_script, finding, checked))
    return keeper.recorded


def _source(checked: Checked) -> FunctionSource:
    origin = origin_of(checked.function)
    by_name = bool(origin.module) or _is_top_level(origin)
    packed, as_it_was, why = _packed(checked, by_name=by_name)
    return FunctionSource(
        framework=checked.framework,
        module=origin.module,
        attribute=origin.qualified if by_name else "",
        file=origin.file,
        qualified=origin.qualified,
        search=search_path(),
        packed=packed,
        main=_main(),
        as_it_was=as_it_was and not by_name,
        explained=_explained(checked),
        unpacked_because=why,
    )


def _main() -> str:
    file = getattr(sys.modules.get(MAIN), "__file__", None)
    return str(Path(file).resolve()) if file else ""


def _is_top_level(origin: Origin) -> bool:
    """Whether a function that cannot be imported, a script's, is found in the text of its file."""
    if not origin.file or "<" in origin.qualified or not Path(origin.file).is_file():
        return False
    return origin.qualified.partition(".")[0] in Module(Path(origin.file)).bound


def _packed(checked: Checked, *, by_name: bool) -> tuple[str, bool, str]:
    """Everything but what is found by name, as text, and whether code is in it; or why that cannot be.

    Python's own pickle refers to classes by name, so that a replay has them as they are then.
    """
    function = None if by_name else checked.function
    content = (function, tuple(checked.inputs), dict(checked.options))
    as_it_was = False
    try:
        packed = pickle.dumps(content)
    except Exception:  # noqa: BLE001 - whatever its parts do when they are copied
        as_it_was = True
        try:
            packed = cloudpickle.dumps(content)
        except Exception as error:  # noqa: BLE001 - as above
            return "", False, f"{type(error).__name__}: {(str(error).splitlines() or [''])[0]}"
    if len(packed) > LARGEST:
        return "", False, f"it takes {len(packed) / 1e6:.0f} MB"
    both = pickle.dumps((pickle.dumps(checked.setting), packed))  # the flags go before arrays are made
    return base64.b85encode(both).decode("ascii"), as_it_was, ""


def _explained(checked: Checked) -> str:
    """The Program and where it was asked, for an explanation that does not run the function."""
    point = checked.points.get(1)
    if checked.program is None or point is None:
        return ""
    cotangents = {n: point.cotangents[n] for n in checked.program.output_names if n in point.cotangents}
    content = (checked.program, dict(point.inputs), tuple(point.wrt), cotangents)
    try:
        packed = pickle.dumps(content)
    except Exception:  # noqa: BLE001 - the failure is replayed without it
        return ""
    return base64.b85encode(packed).decode("ascii") if len(packed) <= LARGEST else ""


def _script(finding: Finding, checked: Checked) -> str | None:
    point = checked.points.get(finding.order)
    if point is None:
        return None
    return function_script(
        finding, checked.function, checked.inputs, checked.names, checked.slots, point, wide=checked.wide
    )
