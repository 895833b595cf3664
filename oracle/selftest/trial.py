"""One fault planted, looked for, and taken away again; and the same rule without it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

from oracle.cases.load import read_case
from oracle.cases.model import Case
from oracle.execution.examine import examine
from oracle.execution.plan import Settings
from oracle.frameworks.protocol import Framework
from oracle.functions.check import check
from oracle.functions.result import LOUDNESS
from oracle.judge.verdict import FAILING, Finding, Verdict
from oracle.selftest.engine_planting import in_reference
from oracle.selftest.faults import FAULTS, OWN_FACTOR, OWN_RULES, Door, Fault, Rule

PLANTED_IN = ("torch", "jax")
"""Frameworks that the rules are written for; a plug-in has its own notation."""

REFERENCE = "reference"
"""Who is at fault where our own rule is spoiled."""


class Outcome(StrEnum):
    """Whether a fault was found, and nothing where there was none."""

    CAUGHT = "caught"
    MISSED = "MISSED"
    FALSE_ALARM = "FALSE ALARM"


@dataclass(frozen=True, slots=True)
class Planned:
    """A fault to plant in ``framework``, looked for by ``door`` in one dtype. ``route`` is what is asked."""

    fault: str
    door: str
    framework: str
    dtype: str
    route: str


@dataclass(frozen=True, slots=True)
class Trial:
    """What was said of a planted fault, and of the same rule without it."""

    planned: Planned
    verdict: Verdict
    control: Verdict
    expected: Verdict = Verdict.WRONG

    @property
    def outcome(self) -> Outcome:
        """A fault is caught when it is called what it is and its control is not called anything."""
        if self.control is not Verdict.AGREE:
            return Outcome.FALSE_ALARM
        return Outcome.CAUGHT if self.verdict is self.expected else Outcome.MISSED


def trials(frameworks: Sequence[Framework]) -> Iterator[tuple[Planned, Callable[[], Trial]]]:
    """What there is to try with these frameworks, each with the call that does it and returns a Trial."""
    for fault in FAULTS:
        for framework in frameworks:
            for door, dtype in fault.tried:
                planned = Planned(fault.name, door, framework.name, dtype, _routes(fault, framework)[-1])
                yield planned, partial(_in_framework, planned, fault, door, framework)
    for operation, program in OWN_RULES:
        names = tuple(f.name for f in frameworks)
        planned = Planned(f"our rule of {operation}", "case", REFERENCE, "float64", " and ".join(names))
        yield planned, partial(_in_reference, planned, operation, program, names)


def _routes(fault: Fault, framework: Framework) -> tuple[str, ...]:
    """The routes to ask, that which shall find the fault last."""
    if fault.forward:
        return framework.forward_routes[:1]
    return (*framework.routes[:1], *framework.second_order_routes[: fault.order - 1])


def _in_framework(planned: Planned, fault: Fault, door: Door, framework: Framework) -> Trial:
    rules = fault.wrong(planned.dtype), fault.right
    look = _by_case if door == "case" else _by_function
    verdict, control = (loudest(look(fault, framework, planned.dtype, rule), fault.order) for rule in rules)
    return Trial(planned, verdict, control)


def _by_case(fault: Fault, framework: Framework, dtype: str, rule: Rule) -> Sequence[Finding]:
    """The rule in the adapter's table, and a case that meets it."""
    planting = import_module(f"oracle.selftest.{framework.name}_planting")
    settings = Settings(
        frameworks=(framework.name,), dtypes=(dtype,), routes=_routes(fault, framework), order=fault.order
    )
    with planting.in_adapter(fault.operation, _operation(planting, fault, rule)):
        return examine(_case(fault), settings).findings


def _by_function(fault: Fault, framework: Framework, dtype: str, rule: Rule) -> Sequence[Finding]:
    """The rule as a person's own function, held to what its forward pass says."""
    planting = import_module(f"oracle.selftest.{framework.name}_planting")
    operation, names = _operation(planting, fault, rule), list(fault.inputs)

    def function(*tensors: Any) -> Any:
        return operation(**dict(zip(names, tensors, strict=True)))

    with planting.setting():
        inputs = planting.tensors(fault.inputs, dtype)
        return check(function, *inputs, order=fault.order, routes=_routes(fault, framework)).findings


def _operation(planting: Any, fault: Fault, rule: Rule) -> Any:
    value = partial(fault.value, planting)
    if fault.forward:
        return planting.planted(value, partial(fault.right, planting), partial(rule, planting))
    return planting.planted(value, partial(rule, planting))


def _in_reference(planned: Planned, operation: str, program: str, names: tuple[str, ...]) -> Trial:
    text = f"about: A rule of our own.\ninputs:\n  x: [0.5, 1.25, -0.75]\nprogram: {program}\n"
    case = read_case(Path("selftest.yaml"), text, "selftest")
    settings = Settings(frameworks=names, dtypes=(planned.dtype,))
    with in_reference(operation, lambda tangent: tangent * (1 + OWN_FACTOR)):
        spoiled = examine(case, settings).findings
    control = examine(case, settings).findings
    failing = {f.verdict for f in spoiled if f.verdict in FAILING}
    verdict = min(failing - {Verdict.ORACLE_SUSPECT} or failing, key=LOUDNESS.index, default=Verdict.AGREE)
    return Trial(planned, verdict, loudest(control, 1), Verdict.ORACLE_SUSPECT)


def _case(fault: Fault) -> Case:
    """The fault's program as a case file."""
    inputs = "".join(f"  {name}: {array.tolist()}\n" for name, array in fault.inputs.items())
    text = f"about: A rule with {fault.name}.\ninputs:\n{inputs}program: {fault.program}\n"
    text += "dtypes: [float64, float32, bfloat16, float16]\n"
    return read_case(Path("selftest.yaml"), text, "selftest")


def loudest(findings: Sequence[Finding], order: int) -> Verdict:
    """What is said first: a failure at a lower order or in a value, else of the derivative asked for."""
    failing = [f.verdict for f in findings if f.verdict in FAILING and f.order < order]
    derivative = [
        f.verdict for f in findings
        if f.order == order and f.argument.startswith(("gradient of", "tangent of"))
    ]  # fmt: skip
    if not derivative:
        return Verdict.UNSUPPORTED
    others = [f.verdict for f in findings if f.verdict in FAILING and f.verdict not in derivative]
    return min((*failing, *derivative, *others), key=LOUDNESS.index)
