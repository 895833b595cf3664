from __future__ import annotations

from dataclasses import replace

import pytest

from oracle.execution.record import CaseResult, LoadProblem, Run
from oracle.judge.verdict import FAILING, STRICT, STRICT_CONVENTIONS, Finding, Known, Verdict

AGREE = Finding("a", "jax", "0.10.2", "jax.jit", "float32", 1, "gradient of x", Verdict.AGREE, elements=3)


def run_of(
    *findings: Finding, passes: tuple[str, ...] = (), strict: bool = False, conventions: bool = False
) -> Run:
    """A run of one case."""
    result = CaseResult("a", "cases/a.yaml", findings, passes_unexpectedly=passes)
    return Run({}, (result,), strict=strict, strict_conventions=conventions)


@pytest.mark.parametrize("verdict", Verdict)
def test_status_of_each_verdict(verdict: Verdict) -> None:
    """Beside an agreeing finding only failing verdicts make 1; the strict flags add theirs."""
    finding = replace(AGREE, verdict=verdict)
    assert run_of(AGREE, finding).status == (1 if verdict in FAILING else 0)
    assert run_of(AGREE, finding, strict=True).status == (1 if verdict in FAILING | STRICT else 0)
    expected = 1 if verdict in FAILING | STRICT_CONVENTIONS else 0
    assert run_of(AGREE, finding, conventions=True).status == expected


def test_known_finding_does_not_fail() -> None:
    """What the case file expects, with this verdict, is listed and green."""
    known = replace(AGREE, verdict=Verdict.WRONG, known=Known(Verdict.WRONG, "issue 7"))
    assert run_of(known).status == 0
    assert run_of(replace(known, known=Known(Verdict.CRASH, "issue 7"))).status == 1


def test_unexpected_pass_fails_only_when_strict() -> None:
    """A declared finding that does not come is shown, and fails under strict."""
    assert run_of(AGREE, passes=("jax: expected wrong",)).status == 0
    assert run_of(AGREE, passes=("jax: expected wrong",), strict=True).status == 1


def test_nothing_judged_is_2() -> None:
    """A run that compared no element is not green."""
    assert Run({}, ()).status == 2
    assert run_of(replace(AGREE, verdict=Verdict.NOT_OFFERED)).status == 2
    assert run_of(replace(AGREE, verdict=Verdict.UNSUPPORTED)).status == 2
    assert run_of(replace(AGREE, elements=0)).status == 2


def test_2_goes_before_1() -> None:
    """A file that could not be read, or an interrupt, outweighs failures."""
    failing = run_of(replace(AGREE, verdict=Verdict.WRONG))
    assert failing.status == 1
    assert replace(failing, problems=(LoadProblem("b.yaml", 1, 1, "bad"),)).status == 2
    assert replace(failing, interrupted=True).status == 2
    assert not failing.ok


def test_problem_in_words() -> None:
    """Line and column stand behind the path where they are known."""
    assert str(LoadProblem("b.yaml", 3, 7, "bad")) == "b.yaml:3:7: bad"
    assert str(LoadProblem("b.yaml", None, None, "bad")) == "b.yaml: bad"
