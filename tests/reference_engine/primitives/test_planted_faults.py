"""The proof can fail: a rule that is off by 1e-25 is found, whichever rule it is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from typing import Any

import pytest

from reference_engine.differentiate import jvp, lower, second_order, vjp, vjp_with_cotangents
from reference_engine.operations import OPERATIONS, Primitive
from reference_engine.trace import constant
from tests.reference_engine.proof import Mismatch, prove_first_order, prove_second_order
from tests.reference_engine.samples import SAMPLES

OFF = 1 + Fraction(1, 10**25)
STEPS = {"sign", "floor", "ceil", "trunc", "round", "integer_quotient"}
"""Their derivative is zero, so that a factor changes nothing."""
MET_IN = {
    "cholesky_factor": ("cholesky", 0),
    "eigenvalues": ("eigvalsh", 0),
    "eigenvectors": ("eigh", 0),
    "polygamma": ("polygamma", 1),
    "power": ("power", 0),
}
"""Where the rule of a primitive is proved that has no first sample call of its own."""


@pytest.fixture(autouse=True)
def _fresh_derivatives() -> Iterator[None]:
    """Derivative Programs are cached; those with a fault must not stay."""
    caches = (lower, jvp, vjp, second_order, vjp_with_cotangents)
    for cached in caches:
        cached.cache_clear()
    yield
    for cached in caches:
        cached.cache_clear()


def rules(kind: str) -> list[str]:
    """The primitives with a rule of this kind that can be off by a factor."""
    return [
        n
        for n, op in OPERATIONS.items()
        if isinstance(op, Primitive) and getattr(op, kind) and n not in STEPS
    ]


@pytest.mark.parametrize("name", rules("jvp"))
def test_wrong_local_derivative(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A JVP rule multiplied by 1 + 1e-25 fails the proof."""
    operation = OPERATIONS[name]
    assert isinstance(operation, Primitive)
    assert operation.jvp is not None
    right = operation.jvp

    def wrong(*args: Any) -> Any:
        found = right(*args)
        return None if found is None else found * constant(OFF)

    monkeypatch.setitem(OPERATIONS, name, replace(operation, jvp=wrong))
    call, k = MET_IN.get(name, (name, 0))
    with pytest.raises(Mismatch):
        prove_first_order(call, SAMPLES[call][k])


@pytest.mark.parametrize("name", rules("transpose"))
def test_wrong_transpose(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A transpose rule multiplied by 1 + 1e-25 fails the proof of the first or of the second order."""
    operation = OPERATIONS[name]
    assert isinstance(operation, Primitive)
    assert operation.transpose is not None
    right = operation.transpose

    def wrong(*args: Any) -> list[Any]:
        return [None if part is None else part * constant(OFF) for part in right(*args)]

    monkeypatch.setitem(OPERATIONS, name, replace(operation, transpose=wrong))
    call = {"where": "solve_triangular"}.get(name, name)  # its own rule gives select; the triangle is a where
    with pytest.raises(Mismatch):  # noqa: PT012 - either proof may be the one that fails
        for sample in SAMPLES[call]:
            prove_first_order(call, sample)
            prove_second_order(call, sample)
