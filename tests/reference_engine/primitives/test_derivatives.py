"""Every derivative in the table is proved, to the second order, against derivatives that use none of its
rules.
"""

from __future__ import annotations

from typing import Any

import pytest

from reference_engine.differentiate import second_order
from reference_engine.operations import OPERATIONS, Primitive
from tests.reference_engine.proof import prove_first_order, prove_second_order
from tests.reference_engine.sample import Sample, program_of
from tests.reference_engine.samples import SAMPLES

WITHOUT_DERIVATIVE = {
    *("argmax", "argmin", "argsort", "order_last", "convert", "isfinite"),
    *("equal", "not_equal", "less", "less_equal", "greater", "greater_equal"),
    *("logical_and", "logical_or", "logical_xor", "logical_not"),
}
BY_DECLARATION = {"stop_gradient"}
"""Its derivative is what its name says, not the function's; tested with the kinks."""
SYMMETRIC_ONLY = {"cholesky_factor", "eigenvalues", "eigenvectors"}
"""Their rules hold for symmetric tangents; proved through the composites that make them so."""


def calls() -> list[Any]:
    """Every sample call with something to differentiate."""
    return [
        pytest.param(name, sample, id=f"{name}-{k}")
        for name, samples in SAMPLES.items()
        for k, sample in enumerate(samples)
        if sample.real_inputs
    ]


@pytest.mark.parametrize("operation, sample", calls())
def test_first_order(operation: str, sample: Sample) -> None:
    """JVP and VJP are the derivative of the values, and the float64 tier is a few roundings away."""
    prove_first_order(operation, sample)


@pytest.mark.parametrize("operation, sample", calls())
def test_second_order(operation: str, sample: Sample) -> None:
    """The derivative of the gradient Program is the derivative of its values."""
    prove_second_order(operation, sample)


def test_no_operation_is_left_out() -> None:
    """Every operation of the table has a sample call, but for those listed with their reason."""
    assert set(OPERATIONS) - set(SAMPLES) == WITHOUT_DERIVATIVE | BY_DECLARATION | SYMMETRIC_ONLY


def test_every_primitive_is_proved() -> None:
    """Every primitive with a rule appears in the second derivative of some sample call, which is proved."""
    met = {
        node.op
        for name, samples in SAMPLES.items()
        for sample in samples
        if sample.real_inputs
        for _, node in second_order(program_of(name, sample), sample.real_inputs)
    }
    with_rule = {name for name, op in OPERATIONS.items() if isinstance(op, Primitive) and op.jvp}
    assert with_rule <= met
