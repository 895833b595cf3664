"""How often the right operation is named: ``python -m benchmarks.culprit`` prints a table.

One fault is planted in the derivative of one operation of a random Program of 5 to 40 operations; what is
named is right if it is that operation. Asked are Programs and user functions, in torch and in JAX. Options:
``--count N`` (200 by default), ``--dtype NAME`` (float64), ``--only WORD`` takes rows whose name holds WORD.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

import oracle
from benchmarks.culprit_programs import (
    FAULTS,
    planted,
    random_inputs,
    random_program,
    spoiled_jax,
    spoiled_torch,
)
from oracle.execution.culprits import blamed
from oracle.execution.judging import Subject, Truth, judge_routes
from oracle.execution.points import set_up
from oracle.frameworks.interpret import run
from oracle.frameworks.jax_framework import JaxFramework
from oracle.frameworks.torch_framework import TorchFramework
from oracle.judge.verdict import FAILING, Culprit, Finding
from reference_engine.precision import PRECISIONS
from reference_engine.program import Program

SMALLEST, LARGEST = 5, 40
"""Operations of a Program."""

RULE = "Planted"
"""Name of a user's rule with the fault."""


@dataclass(frozen=True)
class Trial:
    """One Program, the operation and the fault planted in it."""

    program: Program
    inputs: dict[str, Any]
    operation: str
    fault: str
    dtype: str


def trials(dtype: str = "float64", seed: int = 0) -> Iterator[Trial]:
    """Endlessly many, the same every time."""
    generator = np.random.default_rng(seed)
    while True:
        program = random_program(generator, int(generator.integers(SMALLEST, LARGEST + 1)))
        inputs = {n: PRECISIONS[dtype].round(a) for n, a in random_inputs(generator).items()}
        real = [
            n.op
            for _, n in program
            if n.inputs and n.type.kind == "real" and any(program.nodes[i].op != "constant" for i in n.inputs)
        ]
        operation = str(generator.choice(real))
        fault = str(generator.choice(list(FAULTS)))
        yield Trial(program, inputs, operation, fault, dtype)


def of_program_in_torch(trial: Trial) -> Culprit | None:
    """A Program as a case file holds it."""
    from oracle.frameworks.torch_operations import OPERATIONS  # noqa: PLC0415

    call = spoiled_torch(OPERATIONS[trial.operation], FAULTS[trial.fault], RULE)
    with planted(OPERATIONS, trial.operation, call):  # type: ignore[arg-type]
        return _of_program(trial, TorchFramework(), "torch.autograd")


def of_program_in_jax(trial: Trial) -> Culprit | None:
    """A Program as a case file holds it."""
    from oracle.frameworks.jax_operations import OPERATIONS  # noqa: PLC0415

    call = spoiled_jax(OPERATIONS[trial.operation], FAULTS[trial.fault], RULE)
    with planted(OPERATIONS, trial.operation, call):  # type: ignore[arg-type]
        return _of_program(trial, JaxFramework(), "jax.vjp")


def _of_program(trial: Trial, framework: Any, route: str) -> Culprit | None:
    where = set_up(trial.program, trial.inputs, tuple(trial.inputs), PRECISIONS[trial.dtype], 1, {}, [0], {})
    subject, truth = Subject("random", framework), Truth(where, 0)
    found = list(judge_routes(subject, truth, [route], asked_by_name=True))
    failing = [f for f in found if f.verdict in FAILING]
    return next((f.culprit for _, f in blamed(failing[:1], framework, {1: where})), None)


def of_function_in_torch(trial: Trial) -> Culprit | None:
    """A user's function with an autograd.Function in it."""
    from oracle.frameworks import torch_tensors  # noqa: PLC0415
    from oracle.frameworks.torch_operations import OPERATIONS  # noqa: PLC0415

    def function(x: Any, w: Any, s: Any) -> Any:
        return run(trial.program, {"x": x, "w": w, "s": s}, torch_tensors.dialect(trial.dtype))[0]

    inputs = [torch_tensors.tensor(trial.inputs[n], "real", trial.dtype) for n in ("x", "w", "s")]
    call = spoiled_torch(OPERATIONS[trial.operation], FAULTS[trial.fault], RULE)
    with planted(OPERATIONS, trial.operation, call):  # type: ignore[arg-type]
        return _first(oracle.check(function, *inputs, routes=["torch.autograd"]).findings)


def of_function_in_jax(trial: Trial) -> Culprit | None:
    """A user's function with a custom_vjp in it."""
    import jax.numpy as jnp  # noqa: PLC0415

    from oracle.frameworks import jax_arrays  # noqa: PLC0415
    from oracle.frameworks.jax_operations import OPERATIONS  # noqa: PLC0415

    def function(x: Any, w: Any, s: Any) -> Any:
        return run(trial.program, {"x": x, "w": w, "s": s}, jax_arrays.dialect(trial.dtype))[0]

    call = spoiled_jax(OPERATIONS[trial.operation], FAULTS[trial.fault], RULE)
    with planted(OPERATIONS, trial.operation, call), jax_arrays.sixty_four_bits():  # type: ignore[arg-type]
        inputs = [jnp.asarray(trial.inputs[n], trial.dtype) for n in ("x", "w", "s")]
        return _first(oracle.check(function, *inputs, routes=["jax.vjp"]).findings)


def _first(findings: tuple[Finding, ...]) -> Culprit | None:
    return next((f.culprit for f in findings if f.verdict in FAILING and f.culprit), None)


ROWS: dict[str, Callable[[Trial], Culprit | None]] = {
    "Programs in torch": of_program_in_torch,
    "functions in torch": of_function_in_torch,
    "Programs in JAX": of_program_in_jax,
    "functions in JAX": of_function_in_jax,
}


def is_right(trial: Trial, culprit: Culprit) -> bool:
    """Whether the operation that was spoiled is named; in a function it has the rule's name."""
    return culprit.operation in {trial.operation, RULE}


def rate(
    ask: Callable[[Trial], Culprit | None], count: int, dtype: str = "float64"
) -> tuple[int, list[tuple[Trial, Culprit]]]:
    """Of ``count`` faults that were found how many were named rightly, and the others."""
    right, others, found = 0, [], 0
    for trial in trials(dtype):
        culprit = ask(trial)
        if culprit is None:
            continue
        found += 1
        if is_right(trial, culprit):
            right += 1
        else:
            others.append((trial, culprit))
        if found == count:
            break
    return right, others


def main() -> None:
    """Print the rates, and what was named wrongly."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--only", default="")
    parser.add_argument("--dtype", default="float64")
    options = parser.parse_args()
    for name, ask in ROWS.items():
        if options.only not in name:
            continue
        started = time.perf_counter()
        right, others = rate(ask, options.count, options.dtype)
        seconds = (time.perf_counter() - started) / options.count
        print(f"{name:20} {right} of {options.count} named rightly, {seconds:.2f} s each", flush=True)
        for trial, culprit in others:
            print(f"    {trial.fault} in {trial.operation}: {culprit}", flush=True)


if __name__ == "__main__":
    main()
