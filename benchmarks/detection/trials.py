"""One fault or control put before every tool of one framework."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from importlib import import_module
from typing import Any

import numpy as np

from benchmarks.detection.controls import DTYPES, GENERAL, Control, draw
from benchmarks.detection.faults import (
    FACTORS,
    TRANSPOSED,
    Planted,
    changed,
    faults,
    function_of,
    inputs_of,
    plant,
)
from benchmarks.detection.ours import ask
from benchmarks.detection.tools import TOOLS, Answer, Question, answer

OURS = "oracle"

MOST = {"torch": 8, "jax": 1, "hips": 16}
"""Faults of one kind, dtype, size and number of elements: each function costs JAX seconds of compilation."""

SIZED = frozenset({"factor 1 + d", "one element", "sign of one element"})
"""Kinds whose relative size is known at every element that they touch."""


@dataclass(frozen=True)
class Trial:
    """What all tools said of one thing: answers by tool, ours with verdict and power beside it.

    ``size`` is the largest relative error that the fault makes; ``power`` the relative error that ours could
    have seen where the fault is; ``checked`` the elements that it held to the reference.
    """

    kind: str
    name: str
    space: str
    dtype: str
    elements: int
    answers: Mapping[str, Answer | None]
    size: float = 0.0
    power: float = np.inf
    verdict: str = ""
    right_verdict: bool = True
    checked: int = 0
    seconds: float = 0.0
    details: tuple[str, ...] = field(default=())

    @property
    def found(self) -> bool:
        """Whether ours found fault."""
        return self.answers.get(OURS) is Answer.FAULT


def space(name: str) -> Any:
    """The space of names of a framework."""
    return import_module(f"benchmarks.detection.{name}_space")


def _first_few(planted: Iterable[Planted], most: int) -> Iterator[Planted]:
    """At most so many of each kind, dtype, size and number of elements, and of other samples each time."""
    groups: dict[tuple[Any, ...], list[Planted]] = {}
    for fault in planted:
        group = (fault.kind, fault.dtype, fault.size if fault.kind in SIZED else None, fault.n)
        groups.setdefault(group, []).append(fault)
    for number, group in enumerate(groups.values()):
        start = 5 * number % len(group)
        yield from (group[start:] + group[:start])[:most]


def chosen_faults(name: str, *, quick: bool) -> Iterator[Planted]:
    """The faults put before the tools of one framework."""
    dtypes = ("float64",) if name == "hips" else tuple(FACTORS)
    mine = (f for f in faults() if name in f.spaces and f.dtype in dtypes)
    if quick:
        small = (f for f in mine if f.n <= 100 and f.size in {None, 1.0, 1e-9, 1e-4, -2.0})
        small = (f for f in small if name != "jax" or f.dtype == "float64")
        yield from _first_few(small, 1)
    else:
        yield from _first_few(mine, MOST[name])


def chosen_controls(name: str, *, quick: bool) -> Iterator[tuple[Control, str]]:
    """The controls of one framework and the dtypes in which they are asked."""
    controls = [*GENERAL]
    if name != "hips":
        controls += import_module(f"benchmarks.detection.{name}_controls").CONTROLS
    if quick:
        controls = controls[:: 4 if name == "torch" else 8]
    for dtype in DTYPES[:1] if name == "hips" else DTYPES:
        yield from ((c, dtype) for c in controls)


def _given(fault: Planted, m: Any) -> list[Any]:
    given = [m.array(x, fault.dtype) for x in inputs_of(fault)]
    if fault.sample in TRANSPOSED:
        given[0] = given[0].t()
    return given


def _gradients(fault: Planted, m: Any) -> tuple[list[Any], list[Any]]:
    """The right gradients and the faulty ones, for one cotangent."""
    given, f = _given(fault, m), function_of(fault, m)
    generator = np.random.default_rng(0)
    shape = m.numbers(f(*given)).shape
    values = generator.choice([-1.0, 1.0], size=shape) * generator.uniform(0.5, 1.0, size=shape)
    right = [m.numbers(g) for g in m.pull(f, given, m.array(values, fault.dtype))]
    if fault.kind in SIZED:
        return right, right
    return right, [m.numbers(g) for g in changed(fault, m, given, m.array(values, fault.dtype))]


def _located(fault: Planted, m: Any) -> Planted:
    """The fault with the element that it touches: one whose gradient is not zero."""
    if "one element" not in fault.kind:
        return fault
    right = _gradients(fault, m)[0][0].ravel()
    choices = np.flatnonzero(np.abs(right) > np.median(np.abs(right[right != 0])) / 4)
    return replace(fault, index=int(np.random.default_rng(fault.n).choice(choices)))


def _relative_size(fault: Planted, m: Any) -> float:
    """The largest relative error; infinite where the kind is not one of wrong gradients."""
    if fault.kind in SIZED or fault.mode == "pushforward":
        assert fault.size is not None
        return abs(fault.size)
    if fault.mode != "pullback" or fault.order == 2 or fault.kind == "cotangent mutated":
        return np.inf
    sizes = [0.0]
    for right, wrong in zip(*_gradients(fault, m), strict=True):
        with np.errstate(all="ignore"):
            off = np.where(right == wrong, 0.0, np.abs(wrong - right) / np.abs(right))
        sizes.append(float(np.max(off, initial=0.0)))
    return max(sizes)


def try_fault(fault: Planted, name: str) -> Trial:
    """What every tool of a framework says of a fault."""
    m = space(name)
    fault = _located(fault, m)
    function, given = plant(fault, m), _given(fault, m)
    jvp = fault.mode == "pushforward"
    elements = sum(math.prod(x.shape) for x in given)
    question = Question(function, given, elements, fault.dtype, fault.order, jvp, fault.mode != "pullback")
    answers = {t.name: answer(t, question) for t in TOOLS if t.space == name}
    trial = Trial(fault.kind, fault.name, name, fault.dtype, fault.n, answers, _relative_size(fault, m))
    if name == "hips":
        return trial
    started = time.perf_counter()
    ours = ask(function, given, fault.order)
    failing = bool(ours.verdicts)
    verdict = ours.result.verdict.value
    return replace(
        trial,
        answers={OURS: Answer.FAULT if failing else Answer.FINE, **answers},
        power=ours.power_at(fault.index),
        verdict=verdict,
        right_verdict=verdict in fault.verdicts,
        seconds=time.perf_counter() - started,
    )


def try_control(control: Control, dtype: str, name: str, seed: int = 0) -> Trial:
    """What every tool of a framework says of what is right."""
    m = space(name)
    given = control.prepared([m.array(x, dtype) for x in draw(control, seed)])

    def function(*xs: Any) -> Any:
        return control.function(m, *xs)

    elements = sum(math.prod(x.shape) for x in given)
    question = Question(function, given, elements, dtype, forward_mode="right rule" not in control.name)
    asked = [t for t in TOOLS if t.space == name and dtype != "bfloat16"]
    answers = {t.name: answer(t, question) for t in asked}
    kind = "known" if control.known == name else "control"
    trial = Trial(kind, f"{control.name}, {dtype}", name, dtype, elements, answers)
    if name == "hips":
        return trial
    started = time.perf_counter()
    ours = ask(function, given)
    return replace(
        trial,
        answers={OURS: Answer.FAULT if ours.verdicts else Answer.FINE, **answers},
        verdict=ours.result.verdict.value,
        checked=ours.checked,
        seconds=time.perf_counter() - started,
        details=tuple(
            f"{f.route}, {f.argument}: {f.verdict.value}, {f.detail}" for f in ours.result.failures
        ),
    )
