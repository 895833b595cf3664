"""The command line's work as Python functions."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from oracle.cases import Code, load_cases
from oracle.execution.events import Event, RunFinished
from oracle.execution.execute import Plan, execute, never
from oracle.execution.plan import DEFAULT_TIMEOUT, Settings, chosen, usable_cores
from oracle.execution.record import LoadProblem, Run
from oracle.frameworks import registry
from oracle.frameworks.protocol import Framework
from oracle.functions.entry import examine_case

__all__ = ["NothingToRunError", "Run", "make_plan", "run"]


class NothingToRunError(ValueError):
    """No framework is installed, or no case is left to check; says why and what there is instead."""


def run(
    paths: str | Path | Sequence[str | Path],
    *,
    frameworks: Sequence[str] | None = None,
    dtypes: Sequence[str] | None = None,
    routes: Sequence[str] | None = None,
    order: int | None = None,
    keyword: str = "",
    seed: int = 0,
    workers: int | None = None,
    timeout: float = DEFAULT_TIMEOUT,
    strict: bool = False,
    strict_conventions: bool = False,
    on_event: Callable[[Event], None] | None = None,
) -> Run:
    """Judge all case files below ``paths`` in worker processes, as ``oracle check`` does.

    ``run.ok`` says whether all was read and nothing failed, ``run.results`` holds a result for each case, and
    ``run.save("run.json")`` keeps it. None means all that a case asks for. ``timeout`` is in seconds a case.
    NothingToRunError if no framework is installed, a name is unknown or no case matches.
    """
    many = [paths] if isinstance(paths, str | Path) else paths
    settings = Settings(
        frameworks=_tuple(frameworks),
        dtypes=_tuple(dtypes),
        routes=_tuple(routes),
        order=order,
        seed=seed,
        timeout=timeout,
        strict=strict,
        strict_conventions=strict_conventions,
    )
    plan = make_plan([Path(p) for p in many], settings, keyword=keyword, workers=workers)
    for event in execute(plan, never):
        if on_event is not None:
            on_event(event)
        if isinstance(event, RunFinished):
            return event.run
    raise AssertionError  # execute ends with RunFinished


def make_plan(
    paths: Iterable[Path],
    settings: Settings,
    *,
    keyword: str = "",
    workers: int | None = None,
    code: Code = "imported",
) -> Plan:
    """Load the cases and find the frameworks. NothingToRunError or KeywordError if nothing is left to run.

    ``code="refused"`` is for cases of others: a file that names functions to import is not read then.
    """
    available, missing = registry.available(settings.frameworks)
    reasons = "; ".join(f"{name}: {reason}" for name, reason in missing.items())
    if settings.frameworks is not None and missing:
        raise NothingToRunError(reasons)
    if not available:
        raise NothingToRunError(f"no framework to check ({reasons})")
    _check_routes(settings, available)
    cases, errors = load_cases(paths, code)
    problems = tuple(LoadProblem(str(e.path), e.line or None, e.column or None, e.message) for e in errors)
    left = chosen(cases, settings, keyword)
    if not left and not problems:
        found = (
            f"none of the cases found ({len(cases)}) matches the options" if cases else "found no case files"
        )
        raise NothingToRunError(found)
    return Plan(
        cases=left,
        settings=settings,
        frameworks={f.name: f.version for f in available},
        workers=workers or usable_cores(),
        skipped=missing,
        problems=problems,
        examine=examine_case,
    )


def _check_routes(settings: Settings, frameworks: Sequence[Framework]) -> None:
    """NothingToRunError for a route that none of the frameworks has."""
    known = [route for f in frameworks for route in (*f.routes, *f.second_order_routes)]
    for route in settings.routes or ():
        if route not in known:
            close = difflib.get_close_matches(route, known, 1)
            hint = f"did you mean {close[0]!r}?" if close else f"expected one of {', '.join(known)}"
            raise NothingToRunError(f"unknown route {route!r}; {hint}")


def _tuple(names: Sequence[str] | None) -> tuple[str, ...] | None:
    return None if names is None else tuple(names)
