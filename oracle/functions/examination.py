"""One check of a function under way: every route, the promises, and finite differences beside them."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, cast

import numpy as np

from oracle.execution.judging import Subject, Truth, blank, in_gauge, judge_routes
from oracle.execution.points import Bench, set_up
from oracle.execution.stage import NOWHERE, Stage, entering
from oracle.execution.suspicion import with_suspicion
from oracle.execution.voices import add_voices, finite_difference_findings
from oracle.frameworks.protocol import Array
from oracle.functions.adjoint import Heard, adjoint_findings
from oracle.functions.contract import Allowed, contract_findings
from oracle.functions.culprits import with_culprits
from oracle.functions.endings import CULPRIT
from oracle.functions.estimate import estimated_findings, linked_only
from oracle.functions.outputs import cotangents_for, stand_in
from oracle.functions.result import Result
from oracle.functions.subject import FunctionSubject, Observed
from oracle.functions.waivers import Waivers, unneeded, waived, without_waived
from oracle.judge.verdict import FAILING, Finding, Verdict
from reference_engine.certify import certify
from reference_engine.differentiate import GRADIENT
from reference_engine.precision import PRECISIONS
from reference_engine.program import Program

CHANGES = "contract mutation"
"""The promise to leave inputs and cotangents as they are."""


class Examination:
    """One check under way: who is examined, since when, and what was found so far."""

    def __init__(self, function: FunctionSubject, seed: int) -> None:
        self.function = function
        self.subject = Subject(function.label, function)
        self.observed = Observed(())
        self.waivers: Waivers = {}
        self.seed = seed
        self.started = time.perf_counter()
        self.findings: list[Finding] = []
        self.benches: dict[int, Bench] = {}
        self.truths: dict[int, Truth] = {}
        self.written = False

    def certified(
        self,
        program: Program,
        arrays: Mapping[str, Array],
        notes: tuple[str, ...],
        cotangent: Any,
        order: int,
        chosen: tuple[str, ...] | None,
        *,
        written: bool,
    ) -> Result:
        """Every route held to the certified derivative of ``program``, ``written`` by a person or lifted."""
        function, findings = self.function, self.findings
        heard = Heard(function)
        self.written = written
        subject = replace(self.subject, framework=cast("FunctionSubject", heard))
        main_seconds = 0.0
        for level in range(1, order + 1):
            offered = function.routes if level == 1 else function.second_order_routes
            if chosen is None:
                wanted = list(offered)
            else:
                further = function.routes_by_name if level == 1 else ()
                wanted = [r for r in (*offered, *further) if r in chosen]
            if not wanted:
                continue
            where = without_waived(self._bench(program, arrays, cotangent, level), self.waivers)
            self.benches[level] = where
            truth = Truth(where, self.seed)
            if written:  # a lifted program has the signs of the recorded vectors already
                truth = in_gauge(truth, function)
            self.truths[level] = truth
            for finding in judge_routes(subject, truth, wanted, asked_by_name=chosen is not None):
                findings.append(finding)
                if finding.route == function.routes[0]:
                    main_seconds = time.perf_counter() - self.started
            if level == 1:
                self._beside(truth, heard, everything=chosen is None)
        return self.result(program, notes, main_seconds)

    def _beside(self, truth: Truth, heard: Heard, *, everything: bool) -> None:
        """Contract checks, and finite differences as a second opinion on what failed."""
        findings = self.findings
        main = self.function.routes[0]
        answered = any(f.route == main and f.argument.startswith("gradient of") for f in findings)
        if everything and answered:
            findings += contract_findings(
                self.subject, self.function, truth.bench, partial(self._rounding, truth)
            )
            if not set(truth.bench.point.wrt) <= set(self.waivers):  # what is no derivative has no adjoint
                findings += adjoint_findings(self.subject, heard, truth)
        failing = [f for f in findings if f.verdict in FAILING and not self._waived(f).expected]
        if failing and not self.function.fixed:
            findings += finite_difference_findings(
                self.subject, truth.bench, truth.certificate(forward=False)
            )

    def _rounding(self, truth: Truth, where: Bench) -> Allowed:
        """What rounding explains with the cotangents of ``where``, which may be others than the truth's."""
        certificate = truth.certificate(forward=False)
        if where is not truth.bench:
            derivative, given = truth.bench.derivative(forward=False), where.inputs(forward=False)
            certificate = certify(derivative, given, where.point.wrt, where.precision, self.seed)
        return lambda name: np.nan_to_num(certificate.allowed(GRADIENT + name))

    def unsupported(self, reasons: Sequence[str], cotangent: Any) -> Result:
        """No reference: the main route held to finite differences of the function, and to its promises."""
        function, subject = self.function, self.subject
        program = stand_in(function.slots, self.observed.outputs)
        native = function.native if function.native in PRECISIONS else "float64"
        where = self._bench(program, {}, cotangent, 1, native)
        missing = blank(subject, function.routes[0], where, Verdict.UNSUPPORTED, "; ".join(reasons))
        findings = self.findings
        findings.append(missing)
        linked = any(o.differentiable for o in self.observed.outputs)
        if linked and native == function.native:
            slopes = linked_only(where, self.observed.outputs)
            estimated = list(estimated_findings(subject, function, slopes, self.waivers))
            findings += estimated
            if not any(f.verdict is Verdict.ERROR for f in estimated):
                findings += contract_findings(subject, function, where)
        return self.result(None, (), time.perf_counter() - self.started)

    def _bench(
        self,
        program: Program,
        arrays: Mapping[str, Array],
        cotangent: Any,
        level: int,
        native: str | None = None,
    ) -> Bench:
        own = {s.name: s.array for s in self.function.slots}
        given = None if cotangent is None else self.function.cotangent_arrays(cotangent)
        outputs = self.observed.outputs
        cotangents = cotangents_for(given, outputs)
        renamed = zip(outputs, program.output_names, strict=True)
        by_name = {new: cotangents[o.name] for o, new in renamed if o.name in cotangents}
        wrt = tuple(s.name for s in self.function.slots if s.differentiable)
        precision = PRECISIONS[native or self.function.native]
        return set_up(program, {**arrays, **own}, wrt, precision, level, by_name, [self.seed], {})

    def result(
        self, program: Program | None = None, notes: tuple[str, ...] = (), main_seconds: float = 0.0
    ) -> Result:
        """All that was found, with what others say of failures and whom to blame for them."""
        function = self.function
        entering(Stage(function.name, function.version, CULPRIT))
        told = self._suspected(add_voices(self._found(), function.routes[:1]))
        told = with_culprits(told, function, self.benches)
        entering(NOWHERE)
        paths = {s.name: s.path for s in function.slots}
        return replace(
            self._as_result(told),
            program=program,
            notes=(*notes, *self.observed.notes, *unneeded(told, self.waivers, paths)),
            seconds=main_seconds,
            further_seconds=time.perf_counter() - self.started - main_seconds,
        )

    def _suspected(self, findings: Sequence[Finding]) -> list[Finding]:
        """The findings, of which some may be our own fault: on values and derivatives of each order."""
        told = list(findings)
        for level, truth in self.truths.items():
            places = [k for k, f in enumerate(told) if f.order == level]
            looked_into = with_suspicion(
                [told[k] for k in places], [self.function], truth, written=self.written
            )
            for k, finding in zip(places, looked_into, strict=True):
                told[k] = finding
        return told

    def broken_off(self, last: Finding) -> Result:
        """What was found before the check ended early, as ``last`` says."""
        return self._as_result([*self._found(), last])

    def _found(self) -> list[Finding]:
        found = [self._waived(f) for f in self.findings]
        changed = self.observed.changed
        if changed:
            found = [f for f in found if f.route != CHANGES]
            found.append(self._changes(changed, self.function.native))
        return found

    def _as_result(self, findings: Sequence[Finding]) -> Result:
        by_path = tuple(self._by_path(f) for f in findings)
        return Result(
            self.function.label,
            by_path,
            seed=self.seed,
            seconds=time.perf_counter() - self.started,
            points={order: where.point for order, where in self.benches.items()},
        )

    def _waived(self, finding: Finding) -> Finding:
        return waived(finding, self.waivers, [s.name for s in self.function.slots if s.differentiable])

    def _changes(self, paths: Sequence[str], dtype: str) -> Finding:
        subject, function = self.subject, self.function
        detail = f"the function changes its input {', '.join(paths)}; work on a clone of it"
        return Finding(
            subject.case, function.name, function.version, CHANGES, dtype, 1, "the function",
            Verdict.CONTRACT, elements=1, detail=detail,
        )  # fmt: skip

    def _by_path(self, finding: Finding) -> Finding:
        """A finding on ``params_w`` speaks of ``params['w']``."""
        paths = {s.name: s.path for s in self.function.slots} | {
            o.name: o.path for o in self.observed.outputs
        }
        what, _, name = finding.argument.rpartition(" ")
        return replace(finding, argument=f"{what} {paths[name]}") if what and name in paths else finding
