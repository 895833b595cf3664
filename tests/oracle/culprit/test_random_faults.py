from __future__ import annotations

import pytest

from benchmarks.culprit import ROWS, rate
from oracle.judge.verdict import Culprit

COUNTS = {"Programs in torch": 40, "functions in torch": 20, "Programs in JAX": 6, "functions in JAX": 3}
"""Faults planted here; ``python -m benchmarks.culprit`` plants 200 of each."""

ENOUGH = 0.95
"""Part of the faults whose operation is named."""


@pytest.mark.slow
@pytest.mark.parametrize("name", ROWS)
def test_faults_in_random_programs_are_named(name: str) -> None:
    """Whichever operation has the fault, in Programs of 5 to 40 operations."""
    right, others = rate(ROWS[name], COUNTS[name])
    assert right >= ENOUGH * COUNTS[name], [(t.operation, t.fault, str(c)) for t, c in others]


def test_another_operation_is_not_right() -> None:
    """The measure is one that can fail."""
    right, others = rate(lambda trial: Culprit("positive"), 3)
    assert right == 0
    assert len(others) == 3
