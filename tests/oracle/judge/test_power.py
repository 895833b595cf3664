"""The printed power is true: a fault of three times that size is caught, in blocks of both frameworks."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from oracle.cases.load import load_cases, read_case
from oracle.execution.examine import examine
from oracle.execution.judging import Truth
from oracle.execution.plan import Settings
from oracle.execution.points import Bench, bench
from oracle.execution.voices import FINITE_DIFFERENCES
from oracle.frameworks.registry import available
from oracle.judge.decide import judge_route
from oracle.judge.verdict import UNJUDGED, Verdict
from reference_engine import TensorType, trace, xp
from reference_engine.arithmetic.float64 import Float64
from reference_engine.certify import certify
from reference_engine.differentiate import GRADIENT, lower, vjp
from reference_engine.evaluate import evaluate, outputs
from reference_engine.precision import PRECISIONS
from reference_engine.program import Program

CASES = Path(__file__).parents[3] / "cases"
TIMES = 3.0
"""Size of a fault in units of the printed power: one may be lost where the answer is off the other way."""

PROGRAMS = (
    ("y = x * w", "[4]", "[4]"),
    ("y = sum(x * w)", "[300]", "[300]"),
    ("y = matmul(x, w)", "[5, 40]", "[40, 3]"),
    ("y = softmax(x * w, axis=-1)", "[6, 8]", "[8]"),
    ("y = tanh(x + w)", "[20, 5]", "[5]"),
    ("y = exp(x) / sqrt(1 + w * w)", "[7]", "[7]"),
    ("y = logsumexp(x + w, axis=0)", "[50]", "[50]"),
    ("y = layer_norm(x, [8], weight=w)", "[4, 8]", "[8]"),
    ("y = gelu(x) * w", "[16]", "[16]"),
    ("y = norm(x) * sin(w)", "[9]", "[9]"),
)
"""Programs of two blocks and their shapes."""

POINTS = 4
"""Random points at which each is tried."""


def benches(dtype: str) -> Iterator[Bench]:
    """Every program at every point."""
    for k, (program, x, w) in enumerate(PROGRAMS):
        for seed in range(POINTS):
            inputs = "".join(
                f"  {n}: {{shape: {shape}, values: {{normal: [0, 1], seed: {10 * seed + i}}}}}\n"
                for i, (n, shape) in enumerate((("x", x), ("w", w)))
            )
            text = f"about: A program.\ninputs:\n{inputs}program: {program}\ndtypes: [{dtype}]\n"
            yield bench(read_case(Path("case.yaml"), text, f"case{k}"), dtype, seed, 1)


@pytest.mark.parametrize("framework", ["torch", "jax"])
@pytest.mark.parametrize("dtype", ["float64", "float32", "bfloat16"])
def test_fault_of_three_times_the_power_is_caught(framework: str, dtype: str) -> None:
    """A block that is off by that much is wrong in at least 99 of 100, and by a tenth of it in none."""
    (subject,), _ = available([framework])
    caught, unseen, blocks = 0, 0, 0
    for where in benches(dtype):
        certificate = Truth(where, 0).certificate(forward=False)
        answer = subject.derivative(subject.routes[0], where.program, where.point).derivatives
        right = {GRADIENT + n: np.asarray(g, dtype=float) for n, g in answer.items()}
        asked = certificate, where.inputs(forward=False), where.point.wrt
        for judged in judge_route(*asked, right):
            assert judged.verdict in {Verdict.AGREE, Verdict.ILL_CONDITIONED}
            power = judged.strength.power
            assert power is not None
            blocks += 1
            for sign, size in ((1, TIMES), (-1, TIMES), (1, 0.1)):
                off = right[judged.name] * (1 + sign * size * power)
                (said,) = (
                    j for j in judge_route(*asked, right | {judged.name: off}) if j.name == judged.name
                )
                caught += (said.verdict is Verdict.WRONG) * (size == TIMES)
                unseen += (said.verdict is judged.verdict) * (size != TIMES)
    assert caught >= 0.99 * 2 * blocks
    assert unseen >= 0.9 * blocks, "the printed power is far from the least that is caught"


def test_every_judged_finding_has_its_numbers() -> None:
    """Power and bits wherever something was held to a reference, of any tier; each block's condition."""
    folders = [CASES / "kinks", CASES / "conditioning", CASES / "tutorial"]
    cases, errors = load_cases(folders)
    assert not errors
    tiers = set()
    for case in cases[::3]:
        for f in examine(case, Settings(frameworks=("torch",), dtypes=("float64",))).findings:
            aside = {Verdict.SINGULAR, Verdict.UNDECIDED, *UNJUDGED}
            if f.verdict in aside or (f.index is None and f.route != FINITE_DIFFERENCES):
                continue
            told = (f.power, f.bits_agreed, f.bits_expected)
            assert None not in told, (f.case, f.route, f.argument, told)
            assert f.condition is not None or f.route == FINITE_DIFFERENCES, (f.case, f.route, f.argument)
            tiers.add(f.tier)
    assert tiers >= {"certified", "limit"}


LENGTHS = (100, 1000, 10_000)
REDUCTIONS = {
    "sum of squares": (lambda x: xp.sum(x * x), lambda n: {"x": (n,)}),
    "mean and variance": (lambda x: (x - xp.mean(x)) / xp.sqrt(xp.var(x) + 1e-5), lambda n: {"x": (n,)}),
    "norm": (xp.norm, lambda n: {"x": (n,)}),
    "dot": (lambda x, w: xp.sum(x * w) ** 2, lambda n: {"x": (n,), "w": (n,)}),
    "matmul": (lambda x, w: x @ w, lambda n: {"x": (4, n), "w": (n, 3)}),
    "matmul over few": (lambda x, w: x @ w, lambda n: {"x": (n // 4, 4), "w": (4, 3)}),
    "softmax": (lambda x: xp.softmax(x, axis=-1), lambda n: {"x": (n,)}),
    "logsumexp": (xp.logsumexp, lambda n: {"x": (n,)}),
    "bias": (lambda x, b: xp.tanh(x + b), lambda n: {"x": (n, 3), "b": (3,)}),
}
LIMITS = {"float64": 1e-9 / TIMES, "float32": 1e-4 / TIMES}
"""Power by which a fault of 1e-9, or of 1e-4 in float32, is three times as large."""

WELL = 8.0
"""How much larger the relative change of a well-conditioned element is than that of the inputs."""

NUDGE = 2.0**-20
"""Relative change of the inputs by which conditions are measured."""


def conditions(program: Program, given: dict[str, Any], generator: np.random.Generator) -> dict[str, Any]:
    """How many times the inputs' relative change each element of the gradient changes, the largest of 8; this
    says nothing of how the arithmetic rounds.
    """

    def gradient(inputs: dict[str, Any]) -> list[Any]:
        return outputs(program, evaluate(program, inputs, Float64()))

    at = gradient(given)
    worst = [np.zeros(a.shape) for a in at]
    for _ in range(8):
        moved = {n: a * (1 + NUDGE * generator.uniform(-1, 1, np.shape(a))) for n, a in given.items()}
        for w, a, b in zip(worst, at, gradient(moved), strict=True):
            np.maximum(w, np.abs(b - a), out=w)
    found = {n: w / (NUDGE * np.abs(a)) for n, w, a in zip(program.output_names, worst, at, strict=True)}
    return {n: c for n, c in found.items() if n.startswith(GRADIENT)}


SEQUENTIAL = pytest.mark.xfail(
    strict=True,
    reason="a sum is modelled as one term after the other; kernels add in blocks, so that 4 u are 30 here",
)


@pytest.mark.parametrize(
    "length, dtype",
    [
        *((length, "float64") for length in LENGTHS),
        (100, "float32"),
        pytest.param(1000, "float32", marks=SEQUENTIAL),
        pytest.param(10_000, "float32", marks=SEQUENTIAL),
    ],
)
def test_power_of_long_reductions(length: int, dtype: str) -> None:
    """Nineteen of twenty well-conditioned elements are held that tightly, over up to 10,000 terms."""
    generator = np.random.default_rng(0)
    precision = PRECISIONS[dtype]
    small, well = 0, 0
    for function, shapes_of in REDUCTIONS.values():
        shapes = shapes_of(length)
        inputs = {n: np.asarray(precision.round(generator.standard_normal(s))) for n, s in shapes.items()}
        program = trace(function, {n: TensorType(s) for n, s in shapes.items()}, ["y"])
        given: dict[str, Any] = dict(inputs)
        given["ct.y"] = precision.round(generator.uniform(0.5, 1.5, program.output_types[0].shape))
        derivative = vjp(program, tuple(shapes))
        certificate = certify(derivative, given, tuple(shapes), precision)
        condition = conditions(lower(derivative), given, generator)
        for name in shapes:
            size = np.abs(certificate.centers[GRADIENT + name])
            fine = condition[GRADIENT + name] <= WELL
            well += int(fine.sum())
            small += int((certificate.allowed(GRADIENT + name)[fine] <= LIMITS[dtype] * size[fine]).sum())
    assert well > 1000
    assert small >= 0.95 * well
