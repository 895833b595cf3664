from __future__ import annotations

import execution_stub as stub

from oracle.execution.plan import Settings, chosen


def names(settings: Settings, keyword: str = "") -> list[str]:
    """Names of the cases that are left of three."""
    cases = [
        stub.make_case("c", "routes: [jax.jit]"),
        stub.make_case("b", "frameworks: [torch]\ntags: [quick]"),
        stub.make_case("a"),
    ]
    return [case.name for case in chosen(cases, settings, keyword)]


def test_all_cases_by_name() -> None:
    """Without choices all cases are left, sorted."""
    assert names(Settings()) == ["a", "b", "c"]


def test_choices_leave_what_they_meet() -> None:
    """A choice drops the cases for which it leaves nothing to do."""
    assert names(Settings(frameworks=("jax",))) == ["a", "c"]
    assert names(Settings(routes=("jax.vjp",))) == ["a", "b"]
    assert names(Settings(dtypes=("bfloat16",))) == []
    assert names(Settings(dtypes=("bfloat16", "float64"))) == ["a", "b", "c"]


def test_keyword_sees_tags() -> None:
    """The expression may name a tag."""
    assert names(Settings(), "quick or c") == ["b", "c"]
