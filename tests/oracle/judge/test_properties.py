"""What must not change a verdict does not, on real frameworks: scale, order, names, inputs without influence.

Each property is shown to be none of the empty ones: with a fault planted in the judge it fails.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from oracle.cases.load import read_case
from oracle.execution import judging
from oracle.execution.examine import examine
from oracle.execution.judging import Truth
from oracle.execution.plan import Settings
from oracle.execution.points import bench
from oracle.frameworks.registry import available
from oracle.judge import decide
from oracle.judge.decide import Judgement, judge_route
from oracle.judge.verdict import FAILING, Verdict
from oracle.selftest import jax_planting, torch_planting
from reference_engine.differentiate import GRADIENT
from reference_engine.precision import PRECISIONS

(TORCH,) = available(["torch"])[0]

few = settings(
    max_examples=25,
    deadline=None,
    database=None,
    derandomize=True,
    report_multiple_bugs=False,
    phases=[Phase.generate],  # examples are small as they are, and most tests here are meant to fail
)
fewer = settings(few, max_examples=4)

HOMOGENEOUS = (
    "y = x * w",
    "y = x * sqrt(x * x + w * w)",
    "y = maximum(x * x, w * w)",
    "y = abs(x - w) * w",
    "y = x * x * x / w",
    "y = cumsum(x * w, axis=0) + relu(w) * x",
    "y = sum(x * w)",
    "y = norm(x) * w",
)
"""Programs that scale when both inputs do, and so do their gradients."""

PROGRAMS = (
    *HOMOGENEOUS,
    "y = sin(x) * w",
    "y = exp(x / w)",
    "y = softmax(x * w, axis=0)",
    "y = tanh(x) + log(w * w)",
)

NUMBERS = st.sampled_from([-3.0, -1.5, -1.0, -0.375, 0.3, 0.5, 1.0, 1.7, 2.0])
"""Few numbers, so that ties and kinks are met; none is zero, since two programs divide."""

ARRAYS = st.lists(NUMBERS, min_size=3, max_size=3)
FAULTS = st.sampled_from([0.0, 0.0, -2.0, 1.0, 0.25, float("nan")])
"""Relative errors in one of the two gradients: none, or one that rounding cannot explain in any format."""

DTYPES = st.sampled_from(["float64", "float32", "bfloat16"])


@dataclass(frozen=True)
class Asked:
    """A program at a point, and by how much the framework is off in the gradient of one input."""

    program: str
    inputs: Mapping[str, Any]
    off: Mapping[str, float]
    dtype: str = "float64"
    scale: float = 1.0

    def judged(self) -> dict[str, Judgement]:
        """What is said of torch's gradient, spoiled, by input name; ``scale`` is that of the cotangent."""
        inputs = "".join(f"  {n}: {list(map(float, v))}\n" for n, v in self.inputs.items())
        text = f"about: A program.\ninputs:\n{inputs}program: {self.program}\ndtypes: [{self.dtype}]\n"
        where = bench(read_case(Path("case.yaml"), text, "case"), self.dtype, 0, 1)
        scaled = {n: c * self.scale for n, c in where.point.cotangents.items()}
        where = replace(where, point=replace(where.point, cotangents=scaled))
        found = TORCH.derivative(TORCH.routes[0], where.program, where.point).derivatives
        answer = {
            GRADIENT + n: np.asarray(PRECISIONS[self.dtype].round(g * (1 + self.off.get(n, 0.0))))
            for n, g in found.items()
        }
        certificate = Truth(where, 0).certificate(forward=False)
        given = where.inputs(forward=False)
        said = decide.judge_route(certificate, given, where.point.wrt, answer)
        return {j.name.removeprefix(GRADIENT): j for j in said}


def verdicts(asked: Asked) -> dict[str, Verdict]:
    """By input name."""
    return {n: j.verdict for n, j in asked.judged().items()}


@few
@given(st.sampled_from(PROGRAMS), ARRAYS, ARRAYS, FAULTS, DTYPES, st.integers(-60, 60))
def test_scaled_cotangent(
    program: str, x: list[float], w: list[float], off: float, dtype: str, exponent: int
) -> None:
    """A cotangent times 2^k scales error and rounding alike: same verdicts, same elements, same ratios."""
    asked = Asked(program, {"x": x, "w": w}, {"x": off}, dtype)
    scaled = replace(asked, scale=2.0**exponent)
    for name, one in asked.judged().items():
        other = scaled.judged()[name]
        assert (one.verdict, one.index) == (other.verdict, other.index)
        if one.tier == "certified":
            assert np.array_equal(one.comparison.rho, other.comparison.rho)


@few
@given(st.sampled_from(HOMOGENEOUS), ARRAYS, ARRAYS, FAULTS, DTYPES, st.integers(-30, 30))
def test_scaled_inputs(
    program: str, x: list[float], w: list[float], off: float, dtype: str, exponent: int
) -> None:
    """So do all inputs times 2^k, where the program scales with them, ties and kinks included."""
    asked = Asked(program, {"x": x, "w": w}, {"w": off}, dtype)
    scale = 2.0**exponent
    scaled = replace(asked, inputs={"x": np.multiply(x, scale), "w": np.multiply(w, scale)})
    assert verdicts(asked) == verdicts(scaled)


@few
@given(st.sampled_from(PROGRAMS), ARRAYS, ARRAYS, FAULTS, st.sampled_from(["x", "w"]), DTYPES)
def test_permuted_inputs(
    program: str, x: list[float], w: list[float], off: float, where: str, dtype: str
) -> None:
    """In which order the inputs come is nothing to the judge."""
    asked = Asked(program, {"x": x, "w": w}, {where: off}, dtype)
    assert verdicts(asked) == verdicts(replace(asked, inputs={"w": w, "x": x}))


@few
@given(st.sampled_from(PROGRAMS), ARRAYS, ARRAYS, FAULTS, DTYPES)
def test_renamed_inputs(program: str, x: list[float], w: list[float], off: float, dtype: str) -> None:
    """Nor are their names."""
    asked = Asked(program, {"x": x, "w": w}, {"x": off}, dtype)
    text = re.sub(r"\bw\b", "zeta", re.sub(r"\bx\b", "first", program))
    renamed = Asked(text, {"first": x, "zeta": w}, {"first": off}, dtype)
    assert list(verdicts(asked).values()) == list(verdicts(renamed).values())


@few
@given(st.sampled_from(PROGRAMS), ARRAYS, ARRAYS, FAULTS, ARRAYS, st.booleans(), DTYPES)
def test_irrelevant_input(
    program: str, x: list[float], w: list[float], off: float, z: list[float], first: bool, dtype: str
) -> None:
    """An input without influence changes no other verdict, and its own gradient of zero agrees."""
    asked = Asked(program, {"x": x, "w": w}, {"x": off}, dtype)
    inputs = {"z": z, "x": x, "w": w} if first else {"x": x, "w": w, "z": z}
    assert verdicts(asked) | {"z": Verdict.AGREE} == verdicts(replace(asked, inputs=inputs))


PLANTINGS = {"torch": torch_planting, "jax": jax_planting}
OTHER = {"torch": "jax", "jax": "torch"}


def blamed(framework: str, size: float) -> dict[str, set[str]]:
    """Failing arguments by framework, with a fault of this size in the sine of one."""
    planting = PLANTINGS[framework]
    rule = planting.planted(planting.NUMBERS.sin, lambda c, x: c * planting.NUMBERS.cos(x) * (1 + size))
    text = "about: A program.\ninputs:\n  x: [0.5, 1.25, -0.75]\n  w: [1.5, 0.5, 2.5]\n"
    case = read_case(Path("case.yaml"), f"{text}program: y = sin(x) * w\n", "case")
    with planting.in_adapter("sin", rule):
        found = examine(case, Settings(routes=("torch.autograd", "jax.vjp"), dtypes=("float64",))).findings
    failing = [f for f in found if f.verdict in FAILING]
    return {name: {f.argument for f in failing if f.framework == name} for name in PLANTINGS}


@fewer
@given(st.sampled_from([1e-9, -1e-6, 0.01, -2.0]))
def test_swapped_frameworks(size: float) -> None:
    """The same fault in the one or the other framework: the blame goes with it, and only there."""
    in_torch, in_jax = blamed("torch", size), blamed("jax", size)
    assert in_torch == {"torch": {"gradient of x"}, "jax": set()}
    assert {OTHER[name]: found for name, found in in_torch.items()} == in_jax


@contextmanager
def replaced(module: Any, name: str, by: Callable[..., Any]) -> Iterator[None]:
    """Within this context a function of the judge is another one."""
    own = getattr(module, name)
    setattr(module, name, by(own))
    try:
        yield
    finally:
        setattr(module, name, own)


def _absolute_floor(compare: Callable[..., Any]) -> Callable[..., Any]:
    """A constant tolerance of 0.1 beside the rounding that is allowed."""

    def spoiled(*arguments: Any) -> Any:
        found = compare(*arguments)
        return replace(found, rho=np.where(found.distance <= 0.1, 0.0, found.rho))

    return spoiled


def _only_the_first(judge: Callable[..., Any]) -> Callable[..., Any]:
    """Whoever comes first decides for all."""

    def spoiled(*arguments: Any) -> Any:
        found = judge(*arguments)
        return [replace(j, verdict=found[0].verdict) for j in found]

    return spoiled


def _not_that_name(judge: Callable[..., Any]) -> Callable[..., Any]:
    """What is called x is right."""

    def spoiled(*arguments: Any) -> Any:
        found = judge(*arguments)
        return [replace(j, verdict=Verdict.AGREE) if j.name == "grad.x" else j for j in found]

    return spoiled


def _zeros_excuse(judge: Callable[..., Any]) -> Callable[..., Any]:
    """Where one gradient is zero, all are right."""

    def spoiled(*arguments: Any) -> Any:
        found = judge(*arguments)
        if any(j.comparison.truly_zero for j in found):
            return [replace(j, verdict=Verdict.AGREE) for j in found]
        return found

    return spoiled


def _not_that_framework(judge: Callable[..., Any]) -> Callable[..., Any]:
    """What JAX says is right."""

    def spoiled(subject: Any, *arguments: Any) -> Any:
        if subject.framework.name != "jax":
            yield from judge(subject, *arguments)

    return spoiled


VACUOUS = [
    (test_scaled_cotangent, decide, "compare", _absolute_floor),
    (test_scaled_inputs, decide, "compare", _absolute_floor),
    (test_permuted_inputs, decide, "judge_route", _only_the_first),
    (test_renamed_inputs, decide, "judge_route", _not_that_name),
    (test_irrelevant_input, decide, "judge_route", _zeros_excuse),
    (test_swapped_frameworks, judging, "_judge_derivatives", _not_that_framework),
]


@pytest.mark.parametrize("prop, module, name, fault", VACUOUS, ids=[v[0].__name__ for v in VACUOUS])
def test_property_can_fail(
    prop: Callable[[], None], module: Any, name: str, fault: Callable[..., Any]
) -> None:
    """With a fault planted in the judge the property does not hold."""
    with replaced(module, name, fault), pytest.raises(AssertionError):
        prop()


def test_judge_is_what_it_was() -> None:
    """The planted faults are gone."""
    assert decide.judge_route is judge_route
