"""Planted faults are caught, nothing is left behind, and the self-test itself can fail."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import pytest
from click.testing import CliRunner
from syrupy.assertion import SnapshotAssertion

from oracle.cli import main
from oracle.frameworks import jax_operations, torch_operations
from oracle.frameworks.registry import available
from oracle.judge.verdict import Verdict
from oracle.report.writer import Page
from oracle.selftest import faults, trial
from oracle.selftest.engine_planting import in_reference
from oracle.selftest.report import summary, table
from oracle.selftest.run import selftest
from oracle.selftest.trial import REFERENCE, Outcome, Planned, Trial, trials
from reference_engine.operations import OPERATIONS

TORCH, JAX = (available([name])[0] for name in ("torch", "jax"))
TRIALS = list(trials([*TORCH, *JAX]))


def named(planned: Planned) -> str:
    """A trial's name among the tests."""
    return f"{planned.fault}-{planned.framework}-{planned.door}-{planned.dtype}"


@pytest.mark.parametrize("call", [c for _, c in TRIALS], ids=[named(p) for p, _ in TRIALS])
def test_fault_is_caught(call: Callable[[], Trial]) -> None:
    """Each fault is called what it is, and the same rule without it agrees."""
    assert call().outcome is Outcome.CAUGHT


def test_sample_covers_what_it_should() -> None:
    """Both frameworks, our own rules, cases and functions, both orders, forward rules, four formats."""
    planned = [p for p, _ in TRIALS]
    assert {p.framework for p in planned} == {"torch", "jax", REFERENCE}
    for framework in ("torch", "jax"):
        own = [p for p in planned if p.framework == framework]
        assert {p.door for p in own} == {"case", "function"}
        assert {p.dtype for p in own} == {"float64", "float32", "bfloat16", "float16"}
        assert {p.fault for p in own} == {fault.name for fault in faults.FAULTS}
    assert {(f.order, f.forward) for f in faults.FAULTS} == {(1, False), (2, False), (1, True)}


def test_nothing_is_left_behind() -> None:
    """After planting, also where the check breaks off, every table is what it was."""
    before = [dict(t) for t in (torch_operations.OPERATIONS, jax_operations.OPERATIONS, OPERATIONS)]
    for _, call in [t for t in TRIALS if t[0].fault == "a forward rule"]:
        call()
    with pytest.raises(ZeroDivisionError), in_reference("exp", lambda tangent: tangent):
        1 / (OPERATIONS["exp"] is before[2]["exp"])  # 1 / False
    assert before == [dict(t) for t in (torch_operations.OPERATIONS, jax_operations.OPERATIONS, OPERATIONS)]


def written(frameworks: Any, width: int = 110) -> tuple[int, str]:
    """Exit status and output of a self-test of one fault."""
    stream = io.StringIO()
    return selftest(frameworks, Page(stream, width)), stream.getvalue()


@pytest.fixture
def _one_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the first fault, the factor, and no rule of our own."""
    monkeypatch.setattr(trial, "FAULTS", faults.FAULTS[:1])
    monkeypatch.setattr(trial, "OWN_RULES", ())


@pytest.mark.usefixtures("_one_fault")
class TestExitStatus:
    """What the self-test says of itself."""

    def test_all_caught(self) -> None:
        """0 where everything is caught."""
        status, text = written(TORCH)
        assert status == 0
        assert "6 faults planted, 6 caught" in text

    def test_missed(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """1 where a fault is missed: here one that is none."""
        monkeypatch.setitem(faults.FACTOR, "float32", 0.0)
        status, text = written(TORCH)
        assert status == 1
        assert "6 faults planted, 5 caught, 1 MISSED" in text

    def test_false_alarm(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """1 where the rule without its fault is accused: here it has one."""
        right = faults.FAULTS[0]
        off = faults.Fault(
            right.name, right.operation, right.program, right.inputs, right.value,
            right.wrong("float64"), right.wrong, right.tried,
        )  # fmt: skip
        monkeypatch.setattr(trial, "FAULTS", (off,))
        status, text = written(TORCH)
        assert status == 1
        assert "FALSE ALARM" in text


def test_command_refuses_what_it_cannot_plant_in() -> None:
    """An unknown framework is refused with 2, and the nearest name."""
    found = CliRunner().invoke(main, ["selftest", "-f", "torhc"])
    assert found.exit_code == 2
    assert "did you mean 'torch'?" in found.stderr


SAID = [
    Trial(Planned("a factor", "case", "torch", "float64", "torch.autograd"), Verdict.WRONG, Verdict.AGREE),
    Trial(Planned("second order only", "function", "jax", "bfloat16", "jax.reverse_over_reverse"),
          Verdict.AGREE, Verdict.AGREE),
    Trial(Planned("a sign", "case", "jax", "float32", "jax.vjp"), Verdict.WRONG, Verdict.NONFINITE),
    Trial(Planned("our rule of exp", "case", REFERENCE, "float64", "torch and jax"),
          Verdict.ORACLE_SUSPECT, Verdict.AGREE, Verdict.ORACLE_SUSPECT),
]  # fmt: skip
"""One trial of each outcome."""


@pytest.mark.parametrize("width", [60, 110])
def test_table(width: int, snapshot: SnapshotAssertion) -> None:
    """The whole output, narrow and wide."""
    lines = [*table([t.planned for t in SAID], SAID, width), *summary(SAID, 12.34, width)]
    assert all(line.cell_len <= width for line in lines)
    assert "\n".join(line.plain.rstrip() for line in lines) == snapshot


def test_whole_sample_fits_a_wide_page() -> None:
    """No name is so long that the columns fall apart at 110."""
    (heading, *_) = table([p for p, _ in TRIALS], [], 110)
    assert heading.plain.startswith("fault")
