"""What the commands do, once their options are read."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from oracle.api import NothingToRunError, make_plan
from oracle.config import ConfigError, find_config
from oracle.execution.events import Event, RunFinished, RunStarted
from oracle.execution.execute import Plan, execute
from oracle.execution.interrupt import stop_on_signals
from oracle.execution.keyword import KeywordError
from oracle.execution.plan import DEFAULT_MEMORY, DEFAULT_TIMEOUT, Settings
from oracle.recorded.cases import recording
from oracle.report.destination import OutputError, open_writers
from oracle.report.writer import Writer

MEGABYTE = 1_000_000


class Refusal(Exception):  # noqa: N818  (not an error of the program: what it tells the person)
    """Nothing can be done; the message is one sentence for a person."""


def configure(options: dict[str, Any], given: frozenset[str]) -> None:
    """Fill in from the configuration file what the command line leaves open. Refusal if the file is wrong."""
    try:
        config = find_config(Path.cwd())
    except ConfigError as error:
        raise Refusal(str(error)) from error
    for name, value in config.values.items():
        if name == "paths":
            if not options["paths"] and config.file is not None:
                options["paths"] = tuple(config.file.parent / path for path in value)
        elif name not in given:
            options[name] = tuple(value) if isinstance(value, list) else value


def check(options: Mapping[str, Any]) -> int:
    """Run the cases, write the reports, and return the exit status. Refusal if there is nothing to run."""
    if not options["paths"]:
        msg = "no PATH given, and none configured; try: oracle check cases/"
        raise Refusal(msg)
    settings = Settings(
        frameworks=options["framework"] or None,
        dtypes=options["dtype"] or None,
        routes=options["route"] or None,
        order=options["order"],
        seed=options["seed"],
        timeout=options["timeout"] or DEFAULT_TIMEOUT,
        memory=options["memory"] * MEGABYTE if options["memory"] else DEFAULT_MEMORY,
        strict=options["strict"],
        strict_conventions=options["strict_conventions"],
    )
    try:
        plan = make_plan(options["paths"], settings, keyword=options["keyword"], workers=options["workers"])
        return report(
            plan, options["output"] or ("text",), verbose=options["verbose"], quiet=options["quiet"]
        )
    except (NothingToRunError, KeywordError, OutputError) as error:
        raise Refusal(str(error)) from error


def report(plan: Plan, outputs: tuple[str, ...], *, verbose: bool = False, quiet: bool = False) -> int:
    """Carry out a plan with a writer for each output. OutputError if one cannot be opened."""
    with ExitStack() as stack:
        writers = stack.enter_context(open_writers(outputs, verbose=verbose, quiet=quiet))
        should_stop = stack.enter_context(stop_on_signals())
        return _tell(recording(execute(plan, should_stop), plan), writers)


def _tell(events: Iterator[Event], writers: list[Writer]) -> int:
    """Pass every event to every writer; the exit status is in the last one."""
    status = 2
    for event in events:
        for writer in writers:
            match event:
                case RunStarted():
                    writer.start(event)
                case RunFinished():
                    writer.finish(event)
                    status = event.run.status
                case _:
                    writer.handle(event)
    return status


def explain(path: Path, svg: Path | None) -> str:
    """The case at ``path`` step by step; its graph is drawn into ``svg``. Refusal for an unreadable file."""
    from oracle import explain as explanation  # noqa: PLC0415
    from oracle.cases import CaseError, load_case  # noqa: PLC0415
    from oracle.cases.load import root_of  # noqa: PLC0415
    from reference_engine.program import ProgramError  # noqa: PLC0415

    try:
        case = load_case(path, root_of(path))
        if svg is not None:
            svg.write_text(explanation.graph_svg(case), encoding="utf-8")
        return explanation.explain(case)
    except (CaseError, OSError, ProgramError) as error:
        raise Refusal(str(error)) from error


def explain_finding(name: str, svg: Path | None) -> str:
    """A recorded failure step by step; its graph is drawn into ``svg``. Refusal if there is none."""
    from oracle.cases import CaseError  # noqa: PLC0415
    from oracle.replay.command import explained  # noqa: PLC0415
    from oracle.report.destination import screen  # noqa: PLC0415
    from reference_engine.program import ProgramError  # noqa: PLC0415

    try:
        return explained(name, svg, screen(verbose=False).width)
    except (CaseError, OSError, ProgramError, ValueError) as error:
        raise Refusal(str(error)) from error


def replay(names: tuple[str, ...]) -> int:
    """Run recorded failures again, print what became of each, and return the exit status. Refusal for an ID
    that none has.
    """
    from oracle.replay.command import replay_all  # noqa: PLC0415
    from oracle.replay.replay import UnknownRecordError  # noqa: PLC0415
    from oracle.report.destination import screen  # noqa: PLC0415
    from oracle.report.layout import console_for  # noqa: PLC0415

    page = screen(verbose=False)
    try:
        return replay_all(names, console_for(page), page.width)
    except UnknownRecordError as error:
        raise Refusal(str(error)) from error


def operations(name: str | None, *, as_json: bool) -> str:
    """The support matrix, or one operation's documentation. Refusal if there is no such operation."""
    from oracle import support  # noqa: PLC0415
    from reference_engine.program import ProgramError  # noqa: PLC0415

    try:
        if name is not None:
            return support.describe(name, as_json=as_json)
    except ProgramError as error:
        raise Refusal(str(error)) from error
    rows = support.matrix()
    return json.dumps([row.as_dict() for row in rows], indent=1) if as_json else support.as_text(rows)


def conventions(names: tuple[str, ...], operations: tuple[str, ...], form: str) -> str:
    """The table of conventions, ``markdown`` or ``json``. Refusal for a framework or operation that is not
    there.
    """
    from oracle.conventions import POINTS, as_markdown, as_plain, survey  # noqa: PLC0415
    from oracle.frameworks.registry import available  # noqa: PLC0415
    from reference_engine.operations import lookup  # noqa: PLC0415
    from reference_engine.program import ProgramError  # noqa: PLC0415

    frameworks, missing = available(names or None)
    if names and missing:
        raise Refusal("; ".join(f"{name}: {why}" for name, why in missing.items()))
    try:
        wanted = {lookup(name).name for name in operations}
    except ProgramError as error:
        raise Refusal(str(error)) from error
    points = [point for point in POINTS if not wanted or point.operation in wanted]
    if smooth := sorted(wanted - {point.operation for point in points}):
        msg = f"no point of the table is about {', '.join(smooth)}"
        raise Refusal(msg)
    rows, versions = survey(frameworks, points), {f.name: f.version for f in frameworks}
    if form == "json":
        return json.dumps(as_plain(rows, versions), indent=1) + "\n"
    return as_markdown(rows, versions)


def selftest(names: tuple[str, ...]) -> int:
    """Plant faults, write a line on each, and return the exit status: 1 if one was missed, or cried where
    there was none. Refusal if there is no framework to plant them in.
    """
    from oracle.frameworks.registry import available  # noqa: PLC0415
    from oracle.report.destination import screen  # noqa: PLC0415
    from oracle.selftest.run import selftest as plant_all  # noqa: PLC0415
    from oracle.selftest.trial import PLANTED_IN  # noqa: PLC0415

    frameworks, missing = available(names or PLANTED_IN)
    strange = {f.name: f"no faults are planted there, only in {' and '.join(PLANTED_IN)}"
               for f in frameworks if f.name not in PLANTED_IN}  # fmt: skip
    if strange or not frameworks or (names and missing):
        raise Refusal("; ".join(f"{name}: {why}" for name, why in (missing | strange).items()))
    return plant_all(frameworks, screen(verbose=False))


def schema(what: str) -> str:
    """The JSON Schema of ``case`` or ``run`` files as text."""
    from oracle.cases.schema import case_schema  # noqa: PLC0415
    from oracle.report.document import run_schema  # noqa: PLC0415

    return json.dumps(case_schema() if what == "case" else run_schema(), indent=1)
