"""Checks that did not come to their end: which stage they had reached."""

from __future__ import annotations

from oracle.execution.stage import NOWHERE, Stage
from oracle.judge.verdict import Finding, Verdict

FORWARD = "forward pass"
READING = "reading the function"
CULPRIT = "search for the culprit"
UNPACKING = "unpacking the function"

REFERENCE = "reference"
"""Whom a finding speaks of while no framework is at work: the engine and the judge."""


def ended(label: str, stage: Stage, verdict: Verdict, how: str, where: str = "") -> Finding:
    """The finding that a check ended at a stage, in a Python frame if that is known."""
    place = "in the reference engine" if stage == NOWHERE else f"in {_words(stage)}"
    return Finding(
        label,
        REFERENCE if stage == NOWHERE else stage.framework,
        stage.version,
        stage.route,
        stage.dtype,
        stage.order,
        "the function",
        verdict,
        detail=f"{how} {place}" + (f", at {where}" if where else ""),
    )


def _words(stage: Stage) -> str:
    """The stage as a person calls it."""
    match stage.route:
        case "forward pass" | "search for the culprit":
            return f"the {stage.route}"
        case "contract":
            return "the contract checks"
        case "reading the function" | "unpacking the function":
            return stage.route
        case route:
            return f"the route {route}"
