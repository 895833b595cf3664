"""Surrogate gradients that are meant: findings that a person expects, by argument and with a reason."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np

from oracle.execution.points import Bench
from oracle.frameworks.protocol import Array
from oracle.judge.verdict import FAILING, UNJUDGED, Finding, Known, Verdict
from oracle.lift.program import Slot

Waivers = Mapping[str, str]
"""Reasons by the name of the slot whose gradient is no derivative on purpose."""

WAIVED = frozenset({Verdict.WRONG, Verdict.IMPRECISE, Verdict.ORACLE_SUSPECT})
"""What a surrogate explains. It is another number than the derivative: NaN, an error or a broken promise is
no surrogate.
"""


def read_waivers(given: Mapping[str, str] | None, slots: Sequence[Slot]) -> Waivers:
    """Reasons by slot name, from reasons by path or name.

    TypeError if ``given`` is no mapping of texts, ValueError for an argument that is unknown or not
    differentiated, and for a reason that says nothing.
    """
    if given is None:
        return {}
    if not isinstance(given, Mapping) or not all(isinstance(t, str) for p in given.items() for t in p):
        msg = f"waive is {given!r}; expected a reason for each waived argument, such as {{'x': 'why'}}"
        raise TypeError(msg)
    moving = [s for s in slots if s.differentiable]
    fixed = {n for s in slots if not s.differentiable for n in (s.name, s.path)}
    found: dict[str, str] = {}
    for argument, reason in given.items():
        parts = {argument, f"{argument}.real", f"{argument}.imag"}  # a complex tensor is two slots
        named = [s.name for s in moving if s.name == argument or s.path in parts]
        if not named:
            raise ValueError(_unknown(argument, [s.path for s in moving], fixed))
        if not reason.strip():
            msg = f"the waiver for {argument!r} gives no reason; expected a sentence that says why"
            raise ValueError(msg)
        found |= dict.fromkeys(named, reason.strip())
    return found


def _unknown(argument: str, paths: Sequence[str], fixed: Collection[str]) -> str:
    if argument in fixed:
        return f"waived argument {argument!r} is not differentiated; expected one of {', '.join(paths)}"
    close = difflib.get_close_matches(argument, paths, 1)
    hint = f"did you mean {close[0]!r}?" if close else f"expected one of {', '.join(paths)}"
    return f"waived argument {argument!r} does not exist; {hint}"


def without_waived(where: Bench, waivers: Waivers) -> Bench:
    """The bench with tangents and directions of 0 along waived inputs, so that all others are still judged by
    forward mode and at second order; unchanged if there are none or no others.
    """
    point = where.point
    if not waivers or set(point.wrt) <= set(waivers):
        return where

    def still(vectors: Mapping[str, Array]) -> dict[str, Array]:
        return {n: np.zeros_like(v) if n in waivers else v for n, v in vectors.items()}

    return replace(
        where, point=replace(point, tangents=still(point.tangents), directions=still(point.directions))
    )


def waived(finding: Finding, waivers: Waivers, moving: Collection[str]) -> Finding:
    """The finding, expected if a surrogate explains it and it speaks of a waived input; of a tangent, if all
    of the inputs that are ``moving`` are waived.
    """
    if finding.verdict not in WAIVED:
        return finding
    what, _, name = finding.argument.rpartition(" ")
    if what == "gradient of" and name in waivers:
        return replace(finding, known=Known(finding.verdict, waivers[name]))
    if what == "tangent of" and waivers and set(moving) <= set(waivers):
        return replace(finding, known=Known(finding.verdict, "; ".join(dict.fromkeys(waivers.values()))))
    return finding


def unneeded(findings: Sequence[Finding], waivers: Waivers, paths: Mapping[str, str]) -> Iterator[str]:
    """A sentence on each waived input whose gradient was judged and fails nowhere."""
    for name, reason in waivers.items():
        about = [f for f in findings if f.argument == f"gradient of {name}" and f.verdict not in UNJUDGED]
        if about and not any(f.verdict in FAILING for f in about):
            yield f"the waiver for {paths[name]} ({reason}) is not needed: its gradient agrees"
