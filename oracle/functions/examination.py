"""One check of a function under way: every route, the promises, and finite differences beside them."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from oracle.execution.judging import Subject, Truth, blank, in_gauge, judge_routes
from oracle.execution.points import Bench, set_up
from oracle.execution.stage import NOWHERE, entering
from oracle.execution.voices import add_voices, finite_difference_findings
from oracle.frameworks.protocol import Array
from oracle.functions.contract import contract_findings
from oracle.functions.estimate import NOISE_UNITS, estimated_findings
from oracle.functions.outputs import cotangents_for, stand_in
from oracle.functions.result import Result
from oracle.functions.subject import FunctionSubject, Observed
from oracle.judge.verdict import FAILING, Finding, Verdict
from reference_engine.differentiate import GRADIENT
from reference_engine.precision import PRECISIONS
from reference_engine.program import Program

CHANGES = "contract mutation"
"""The promise to leave inputs and cotangents as they are."""


class Examination:
    """One check under way: who is examined, and since when."""

    def __init__(
        self, function: FunctionSubject, subject: Subject, observed: Observed, seed: int, started: float
    ) -> None:
        self.function = function
        self.subject = subject
        self.observed = observed
        self.seed = seed
        self.started = started

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
        function, subject = self.function, self.subject
        findings: list[Finding] = []
        main_seconds = 0.0
        for level in range(1, order + 1):
            offered = function.routes if level == 1 else function.second_order_routes
            wanted = [r for r in offered if chosen is None or r in chosen]
            if not wanted:
                continue
            where = self._bench(program, arrays, cotangent, level)
            truth = Truth(where, self.seed)
            if written:  # a lifted program has the signs of the recorded vectors already
                truth = in_gauge(truth, function)
            for finding in judge_routes(subject, truth, wanted, asked_by_name=chosen is not None):
                findings.append(finding)
                if finding.route == function.routes[0]:
                    main_seconds = time.perf_counter() - self.started
            if level == 1:
                findings += self._beside(truth, findings, everything=chosen is None)
        return self._result(findings, program, notes, main_seconds)

    def _beside(self, truth: Truth, findings: Sequence[Finding], *, everything: bool) -> list[Finding]:
        """Contract checks, and finite differences as a second opinion on what failed."""
        found: list[Finding] = []
        main = self.function.routes[0]
        answered = any(f.route == main and f.argument.startswith("gradient of") for f in findings)
        if everything and answered:
            certificate = truth.certificate(forward=False)
            found += contract_findings(
                self.subject,
                self.function,
                truth.bench,
                lambda n: np.nan_to_num(certificate.allowed(GRADIENT + n)),
            )
        if any(f.verdict in FAILING for f in findings) and not self.function.fixed:
            found += finite_difference_findings(self.subject, truth.bench, truth.certificate(forward=False))
        return found

    def unsupported(self, reasons: Sequence[str], cotangent: Any) -> Result:
        """No reference: the main route held to finite differences of the function, and to its promises."""
        function, subject = self.function, self.subject
        program = stand_in(function.slots, self.observed.outputs)
        native = function.native if function.native in PRECISIONS else "float64"
        where = self._bench(program, {}, cotangent, 1, native)
        missing = blank(subject, function.routes[0], where, Verdict.UNSUPPORTED, "; ".join(reasons))
        findings = [missing]
        linked = any(o.differentiable for o in self.observed.outputs)
        if linked and native == function.native:
            estimated = list(estimated_findings(subject, function, where))
            findings += estimated
            if not any(f.verdict is Verdict.ERROR for f in estimated):
                unit = NOISE_UNITS * where.precision.unit_roundoff
                findings += contract_findings(subject, function, where, lambda _: np.asarray(unit))
        return self._result(findings, None, (), time.perf_counter() - self.started)

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

    def _result(
        self,
        findings: Sequence[Finding],
        program: Program | None,
        notes: tuple[str, ...],
        main_seconds: float,
    ) -> Result:
        entering(NOWHERE)
        changed = self.observed.changed
        if changed:
            findings = [
                *(f for f in findings if f.route != CHANGES),
                self._changes(changed, findings[0].dtype),
            ]
        told = add_voices(findings, self.function.routes[:1])
        return Result(
            self.function.label,
            tuple(self._by_path(f) for f in told),
            program,
            (*notes, *self.observed.notes),
            self.seed,
            main_seconds,
            time.perf_counter() - self.started - main_seconds,
        )

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
