"""Failures of cases, run again in worker processes: the text as recorded, the frameworks as they are."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import groupby
from pathlib import Path

from oracle.cases import CaseError
from oracle.cases.load import read_case
from oracle.cases.model import Case
from oracle.execution.events import CaseFinished
from oracle.execution.execute import Plan, execute, never
from oracle.execution.plan import Settings
from oracle.execution.record import CaseResult, Run
from oracle.frameworks import registry
from oracle.functions.entry import examine_case
from oracle.recorded.record import CaseSource, Record
from oracle.replay.outcome import Outcome, Replayed, compare


def replay_cases(records: Sequence[Record], should_stop: Callable[[], bool] = never) -> Iterator[Replayed]:
    """The outcome for each record of a case; those of the same case and settings run once."""
    keyed = []
    for record in records:
        try:
            case = case_of(record)
            keyed.append((_settings(record, case), case, record))
        except CaseError as error:
            yield Replayed(record.id, record.place.finding(), Outcome.ERROR, str(error))
    keyed.sort(key=lambda k: (repr(k[0]), k[1].name, k[2].id))
    for settings, group in groupby(keyed, key=lambda k: k[0]):
        yield from _together(settings, [(case, record) for _, case, record in group], should_stop)


def case_of(record: Record) -> Case:
    """The case of a record, as it was. CaseError if this version cannot read it any more."""
    assert isinstance(record.source, CaseSource)
    return read_case(Path(record.source.path), record.source.text, record.place.case)


def _settings(record: Record, case: Case) -> Settings:
    """What asks for the place of the failure and little else."""
    assert isinstance(record.source, CaseSource)
    place, source = record.place, record.source
    owner = next((i.framework for i in case.implementations if i.name == place.framework), place.framework)
    named = place.route.startswith(("torch.", "jax."))
    return Settings(
        frameworks=(owner,) if owner in registry.known_names() else None,
        dtypes=None if place.dtype == "-" else (place.dtype,),
        routes=(place.route,) if named else None,
        order=place.order,
        seed=source.seed,
        strict=source.strict,
        strict_conventions=source.strict_conventions,
    )


def _together(
    settings: Settings, pairs: Sequence[tuple[Case, Record]], should_stop: Callable[[], bool]
) -> Iterator[Replayed]:
    """Outcomes for records of the same settings."""
    available, missing = registry.available(settings.frameworks)
    if not available:
        why = "; ".join(f"{name}: {reason}" for name, reason in missing.items())
        for _, record in pairs:
            yield Replayed(record.id, record.place.finding(), Outcome.ERROR, why)
        return
    for case in {_key(case): case for case, _ in pairs}.values():  # two cases may have one name
        plan = Plan([case], settings, {f.name: f.version for f in available}, 1, examine=examine_case)
        found = [e.result for e in execute(plan, should_stop) if isinstance(e, CaseFinished)]
        mine = [record for other, record in pairs if _key(other) == _key(case)]
        yield from map(partial(_outcome, settings, found), mine)


def _key(case: Case) -> tuple[str, str, Path]:
    return case.name, case.program_text, case.path


def _outcome(settings: Settings, results: Sequence[CaseResult], record: Record) -> Replayed:
    before = record.place.finding()
    if not results:
        return Replayed(record.id, before, Outcome.ERROR, "stopped before it was judged")
    run = Run({}, tuple(results), strict=settings.strict, strict_conventions=settings.strict_conventions)
    return compare(record.id, before, run.findings, run.failures)
