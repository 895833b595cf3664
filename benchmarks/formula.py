"""Wrong or imprecise, by the formula check alone: ``python -m benchmarks.formula`` prints a confusion table.

Hand-written derivative rules, each with a fault planted in it: in its formula (a factor, a sign, a dropped
term, a wrong constant, a missing factor of the chain rule) or in its arithmetic only (a round trip through a
coarser format, a difference that cancels, a mean of squares, sums that lose what they add). Right is to say
``differs`` of the first and ``equal`` of the second. Options: ``--count N`` points of each rule (3 by
default), ``--only WORD`` takes rules whose name holds WORD, ``--each`` prints every answer that is not right.
"""

from __future__ import annotations

import argparse
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.formula_jax import JAX_RULES
from benchmarks.formula_torch import TORCH_RULES
from oracle.execution.cause import formula_check
from oracle.execution.points import set_up
from oracle.formula.check import Outcome
from oracle.functions.framework import subject_of
from oracle.judge.decide import judge_route
from oracle.judge.verdict import Verdict
from reference_engine.certify import certify
from reference_engine.differentiate import GRADIENT, TANGENT
from reference_engine.precision import PRECISIONS

ANSWERS = ("differs", "equal", "unknown")
RIGHT = {"fault": Outcome.DIFFERS, "loss": Outcome.EQUAL}
"""What is to be said of each label."""


@dataclass(frozen=True)
class Trial:
    """A rule at one point, and what was planted in it: a ``fault`` of its formula or a ``loss`` of digits."""

    name: str
    label: str
    function: Any
    inputs: tuple[Any, ...]


def trials(count: int, only: str) -> Iterator[Trial]:
    """Every rule at so many points, the same every time."""
    for rules in (TORCH_RULES, JAX_RULES):
        for name, rule in rules.items():
            if only in name:
                for k in range(count):
                    inputs = rule.inputs(np.random.default_rng([k, len(name)]))
                    yield Trial(f"{name}[{k}]", rule.label, rule.function, inputs)


def answer(trial: Trial) -> tuple[str, str]:
    """What the formula check says of the derivative by the rule's own route, and the words for it.

    ``not off`` where the planted error is within rounding at this point: nobody asks then.
    """
    function = subject_of(trial.function, trial.inputs)
    function.observe()
    lifted = function.lift()
    assert lifted.program is not None, lifted.unsupported
    function.adopt(lifted)
    wrt = tuple(s.name for s in function.slots if s.differentiable)
    precision = PRECISIONS[function.native]
    where = set_up(lifted.program, lifted.arrays, wrt, precision, 1, {}, [0], {})
    route = function.routes[0]
    if "custom_jvp" in trial.name:
        (route,) = function.forward_routes
    forward = route in function.forward_routes
    truth = certify(where.derivative(forward=forward), where.inputs(forward=forward), wrt, precision)
    prefix = TANGENT if forward else GRADIENT
    observed = {
        prefix + n: np.asarray(d, dtype=np.float64)
        for n, d in function.derivative(route, where.program, where.point).derivatives.items()
    }
    judged = judge_route(truth, where.inputs(forward=forward), wrt, observed)
    off = [one.name for one in judged if one.verdict is Verdict.WRONG]
    if not off:
        return "not off", ""
    check = formula_check(function, route, where, 0)
    found = [check.formula(name, observed[name]) for name in off]
    loudest = min(found, key=lambda f: ANSWERS.index(f.outcome.value))
    return loudest.outcome.value, loudest.words


def main() -> None:
    """Ask and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=3)
    parser.add_argument("--only", default="")
    parser.add_argument("--each", action="store_true")
    options = parser.parse_args()
    table: Counter[tuple[str, str]] = Counter()
    started = time.perf_counter()
    for trial in trials(options.count, options.only):
        found, words = answer(trial)
        table[trial.label, found] += 1
        if options.each and found != RIGHT[trial.label].value:
            print(f"{trial.label:6} {found:8} {trial.name}: {words}", flush=True)
    print(f"{'planted':24} {'differs':>8} {'equal':>8} {'unknown':>8} {'not off':>8}")
    for label, words in (("fault", "a fault of the formula"), ("loss", "a loss of digits")):
        print(f"{words:24} " + " ".join(f"{table[label, a]:8}" for a in (*ANSWERS, "not off")))
    asked = sum(n for (_, found), n in table.items() if found != "not off")
    right = sum(table[label, outcome.value] for label, outcome in RIGHT.items())
    print(f"right: {right} of {asked} ({right / max(asked, 1):.1%}), {time.perf_counter() - started:.0f} s")


if __name__ == "__main__":
    main()
