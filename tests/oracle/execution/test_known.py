from __future__ import annotations

from dataclasses import replace

import execution_stub as stub

from oracle.execution.known import unmet, with_expectations
from oracle.judge.verdict import Finding, Known, Verdict

WRONG = Finding("a", "jax", "0.10.2", "jax.jit", "float32", 1, "gradient of x", Verdict.WRONG, elements=1)


def case(*entries: str) -> object:
    """A case with these entries."""
    return stub.make_case("a", f"known: [{', '.join(entries)}]")


def entry(**changes: str) -> str:
    """An entry that speaks of all of jax, changed."""
    fields = {"framework": "jax", "version": "'<1'", "verdict": "wrong", "reason": "issue 7", **changes}
    return "{" + ", ".join(f"{key}: {value}" for key, value in fields.items()) + "}"


def test_expected_finding() -> None:
    """A finding that an entry names is expected, with its reason."""
    (finding,) = with_expectations([WRONG], case(entry()))  # type: ignore[arg-type]
    assert finding.known == Known(Verdict.WRONG, "issue 7")
    assert finding.expected


def test_other_places_are_not_expected() -> None:
    """Framework, version, dtype, route and argument must each fit; ``x`` is short for ``gradient of x``."""
    for changes in (
        {"framework": "torch"},
        {"version": "'<0.10'"},
        {"dtype": "float64"},
        {"route": "jax.vjp"},
    ):
        (finding,) = with_expectations([WRONG], case(entry(**changes)))  # type: ignore[arg-type]
        assert finding.known is None
    for argument, expected in (("x", True), ("gradient of x", True), ("w", False)):
        (finding,) = with_expectations([WRONG], case(entry(argument=argument)))  # type: ignore[arg-type]
        assert finding.expected is expected


def test_another_verdict_is_not_expected() -> None:
    """An entry for a crash does not excuse a wrong gradient; one of several that names it does."""
    (finding,) = with_expectations([WRONG], case(entry(verdict="crash")))  # type: ignore[arg-type]
    assert not finding.expected
    (finding,) = with_expectations([WRONG], case(entry(verdict="crash"), entry()))  # type: ignore[arg-type]
    assert finding.expected


def test_unmet_entry_is_told() -> None:
    """An entry whose place was judged otherwise passes unexpectedly; one whose place was not, does not."""
    agree = replace(WRONG, verdict=Verdict.AGREE)
    sentences = unmet([agree], case(entry(dtype="float32")))  # type: ignore[arg-type]
    assert sentences == ("jax float32: expected wrong, got agree (issue 7)",)
    assert unmet([agree, WRONG], case(entry())) == ()  # type: ignore[arg-type]
    assert unmet([agree], case(entry(dtype="float64"))) == ()  # type: ignore[arg-type]
    not_offered = replace(WRONG, verdict=Verdict.NOT_OFFERED)
    assert unmet([not_offered], case(entry())) == ()  # type: ignore[arg-type]
