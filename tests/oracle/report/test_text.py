from __future__ import annotations

import io
from dataclasses import replace

import pytest
from syrupy.assertion import SnapshotAssertion

from oracle.execution.events import RunFinished
from oracle.execution.record import Kept, Recorded, Run
from oracle.judge.verdict import Verdict
from oracle.report.tally import LOUDEST_FIRST
from oracle.report.text import TextWriter
from oracle.report.writer import Page


def text(run: Run, width: int, *, color: bool = False, verbose: bool = False) -> str:
    """The report as it is written."""
    stream = io.StringIO()
    TextWriter(Page(stream, width, color=color, verbose=verbose)).finish(RunFinished(run))
    return stream.getvalue()


@pytest.mark.parametrize("width", [60, 110])
def test_report(run: Run, width: int, snapshot: SnapshotAssertion) -> None:
    """The whole report, narrow and wide."""
    assert text(run, width) == snapshot


def test_verbose_report(run: Run, snapshot: SnapshotAssertion) -> None:
    """Verbose leaves nothing out: whole tracebacks, all places, agreeing cases."""
    assert text(run, 110, verbose=True) == snapshot


@pytest.mark.parametrize("width", [60, 80, 110, 200])
def test_lines_fit(run: Run, width: int) -> None:
    """No line is longer than the page, but for commands, which must stay in one piece."""
    for line in text(run, width, verbose=True).splitlines():
        assert len(line) <= width or line.startswith("    oracle check ")


def test_colors_only_where_wanted(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Escape sequences go to terminals only, and say nothing that the words do not."""
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert "\x1b[" in text(run, 100, color=True)
    assert "\x1b[" not in text(run, 100)


def test_clean_run_is_short(run: Run) -> None:
    """Where nothing is to be said the report is its summary."""
    agreeing = next(r for r in run.results if r.case == "models/lstm")
    findings = tuple(f for f in agreeing.findings if f.verdict is Verdict.AGREE)
    clean = Run({}, (replace(agreeing, findings=findings, seconds=0.0),), seconds=1.0)
    weakest = "an error of 2e-07 relative would pass in models/lstm, gradient of x [torch vjp float32]"
    assert text(clean, 110).splitlines() == [
        "1 case, 1 comparison of 21 elements, torch 2.13.0, 1 route, float32",
        "1 certified",
        "agree 1",
        f"weakest agreement: {weakest}",
        "nothing failed   1.0 s",
    ]


def test_run_that_judged_nothing_says_so() -> None:
    """An empty run does not look like a success."""
    assert text(Run({}, ()), 110).splitlines()[-1] == "nothing was judged   0.0 s"


def test_many_cases_of_a_quiet_verdict_are_cut(run: Run) -> None:
    """Only the first cases of a verdict that does not fail are listed."""
    (relu,) = (r for r in run.results if r.case == "kinks/relu-at-zero")
    many = tuple(
        replace(
            relu,
            case=f"kinks/{i:02}",
            findings=tuple(replace(f, case=f"kinks/{i:02}") for f in relu.findings),
        )
        for i in range(20)
    )
    lines = text(Run({}, many), 110).splitlines()
    assert lines[0] == "convention  40 findings in 20 cases"
    assert lines[9] == "    and 12 more cases (--verbose)"


def test_every_verdict_has_its_place() -> None:
    """The order of reading names each verdict once."""
    assert sorted(LOUDEST_FIRST) == sorted(Verdict)


@pytest.mark.parametrize("width", [60, 110])
def test_weakest_agreement_of_every_route(run: Run, width: int, snapshot: SnapshotAssertion) -> None:
    """Where several routes or dtypes agreed, each has its weakest, coarsest dtypes last; hard cases aside."""
    agreeing = next(f for r in run.results for f in r.findings if f.verdict is Verdict.AGREE and f.power)
    powers = {"float64": 3e-14, "bfloat16": 0.05, "float32": 4e-5}
    findings = [
        replace(agreeing, case=f"{folder}/{dtype}", route=f"torch.{route}", dtype=dtype, power=power * worse)
        for dtype, power in powers.items()
        for route, worse in (("autograd", 1.0), ("func.jvp", 2.0), ("autograd", 3.0))
        for folder in ("operations", "conditioning")
    ]
    results = tuple(replace(run.results[0], case=f.case, findings=(f,)) for f in findings)
    lines = text(Run({}, results, seconds=1.0), width)
    assert "conditioning/" not in lines
    assert lines == snapshot


@pytest.mark.parametrize("width", [60, 120])
def test_recorded_failures(run: Run, width: int, snapshot: SnapshotAssertion) -> None:
    """Blocks of what was recorded end with both commands, one of its own ID; else with the check itself."""
    first, second, *_ = [f for f in run.failures if f.verdict is Verdict.WRONG and f.dtype == "float64"]
    kept = {
        f.id: Kept(f.id, f".oracle/repro/{f.id}.py") for f in run.failures if f.verdict is not Verdict.CRASH
    }
    kept |= {f.id: Kept(f"{f.id}-2") for f in (first, second)}
    note = "3 more failures are not recorded: .oracle keeps 200"
    assert text(replace(run, recorded=Recorded(kept, note)), width) == snapshot
