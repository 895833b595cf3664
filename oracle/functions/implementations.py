"""Functions that a case file holds to its program, each a subject beside the frameworks."""

from __future__ import annotations

import inspect
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from importlib import import_module
from typing import TYPE_CHECKING, Any

from oracle.execution.known import unmet, with_expectations
from oracle.execution.points import Bench, bench
from oracle.execution.record import CaseResult
from oracle.execution.stage import NOWHERE, Stage, entering
from oracle.functions.errors import FunctionRaisedError
from oracle.functions.examination import Examination
from oracle.functions.framework import subject_of
from oracle.functions.import_path import ImplementationError, function_at
from oracle.functions.subject import FunctionSubject, kind_of
from oracle.judge.verdict import Finding, Verdict

if TYPE_CHECKING:
    from oracle.cases.model import Case, Implementation
    from oracle.execution.plan import Settings


def with_implementations(result: CaseResult, case: Case, settings: Settings) -> CaseResult:
    """The result for the frameworks, with the findings on every implementation that the case names."""
    started = time.perf_counter()
    found = [f for one in case.implementations for f in _examine(case, settings, one)]
    entering(NOWHERE)
    noted = with_expectations(found, case)
    return replace(
        result,
        findings=(*result.findings, *noted),
        seconds=result.seconds + time.perf_counter() - started,
        passes_unexpectedly=(*result.passes_unexpectedly, *unmet(noted, case)),
    )


def _examine(case: Case, settings: Settings, one: Implementation) -> Iterator[Finding]:
    entering(Stage(one.name, "", "import"))
    try:
        function = function_at(one, case.path.parent)
    except ImplementationError as error:
        yield _error(case, one, "-", f"{case.path}:{one.line}:{one.column}: {error}")
        return
    for dtype in case.dtypes:
        if settings.dtypes is None or dtype in settings.dtypes:
            yield from _examine_in(case, settings, one, function, dtype)


def _examine_in(
    case: Case, settings: Settings, one: Implementation, function: Callable[..., Any], dtype: str
) -> Iterator[Finding]:
    where = bench(case, dtype, settings.seed, 1)
    subject = _subject(case, one, function, where)
    asked = [names for names in (settings.routes, case.routes) if names is not None]
    routes = (*subject.routes, *subject.routes_by_name, *subject.second_order_routes)
    chosen = tuple(r for r in routes if all(r in names for names in asked)) if asked else None
    if chosen == ():
        return
    entering(Stage(subject.name, subject.version, "forward pass", dtype))
    examination = Examination(subject, settings.seed)
    try:
        examination.observed = subject.observe()
    except (FunctionRaisedError, TypeError) as error:
        reason = error.__cause__ or error
        yield _error(case, one, dtype, f"{type(reason).__name__}: {reason}")
        return
    unlike = _unlike(case, subject)
    if unlike:
        yield _error(case, one, dtype, unlike)
        return
    renamed = zip(subject.outputs, case.program.output_names, strict=True)
    subject.outputs = tuple(replace(o, name=n, path=n) for o, n in renamed)
    examination.observed = replace(examination.observed, outputs=subject.outputs)
    given = case.cotangent and [case.cotangent[n] for n in where.real_outputs]
    order = settings.order or case.order
    result = examination.certified(case.program, {}, (), given, order, chosen, written=True)
    yield from (replace(f, tags=case.tags) for f in result.findings)


def _subject(case: Case, one: Implementation, function: Callable[..., Any], where: Bench) -> FunctionSubject:
    """The function at the case's inputs, under the name that the case gives it."""
    if one.framework == "torch":
        tensors = import_module("oracle.frameworks.torch_tensors")
        point = where.point
        given = tensors.inputs(case.program, point.inputs, point.layouts, point.dtype)
        for name in point.wrt:
            given[name].requires_grad_()
        subject = subject_of(_by_name(function, list(given)), tuple(given.values()))
    else:
        arrays = import_module("oracle.frameworks.jax_arrays")
        with arrays.sixty_four_bits():
            given = arrays.inputs(case.program, where.point.inputs, where.point.dtype)
            subject = subject_of(_by_name(function, list(given)), tuple(given.values()))
    subject.name, subject.label = one.name, case.name
    subject.slots = tuple(replace(s, differentiable=s.name in where.point.wrt) for s in subject.slots)
    return subject


def _by_name(function: Callable[..., Any], names: Sequence[str]) -> Callable[..., Any]:
    """The function of the case's inputs in order: by keyword if its parameters bear their names, else by
    position.
    """
    try:
        parameters: Mapping[str, inspect.Parameter] = inspect.signature(function).parameters
    except (TypeError, ValueError):
        parameters = {}
    by_keyword = all(
        name in parameters and parameters[name].kind is not inspect.Parameter.POSITIONAL_ONLY
        for name in names
    )

    def call(*values: Any) -> Any:
        return function(**dict(zip(names, values, strict=True))) if by_keyword else function(*values)

    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    call.__signature__ = inspect.Signature([inspect.Parameter(n, kind) for n in names])  # type: ignore[attr-defined]
    call.__wrapped__ = function  # type: ignore[attr-defined]
    return call


def _unlike(case: Case, subject: FunctionSubject) -> str:
    """A sentence if the function returns something else than the program gives; empty if not."""
    program, outputs = case.program, subject.outputs
    if len(outputs) != len(program.outputs):
        return f"returned {len(outputs)} arrays; the program has {len(program.outputs)} outputs"
    for name, type_, output in zip(program.output_names, program.output_types, outputs, strict=True):
        shape, kind = tuple(output.value.shape), kind_of(output.dtype)
        if shape != type_.shape or kind != type_.kind:
            return (
                f"returned {output.dtype} of shape {shape} for {name}; expected {type_.kind}, {type_.shape}"
            )
    return ""


def _error(case: Case, one: Implementation, dtype: str, detail: str) -> Finding:
    return Finding(
        case.name, one.name, "", "-", dtype, 1, "the function", Verdict.ERROR, detail=detail, tags=case.tags
    )
