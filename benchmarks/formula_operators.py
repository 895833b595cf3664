"""How much of PyTorch can be read: ``python -m benchmarks.formula_operators``.

The formula of autograd's derivative for samples of the operator database, beside the certified one. One line
for each argument whose formula is not equal, then a count. Options: ``--only WORD`` takes entries whose name
holds WORD, ``--samples N`` the first N samples of each that hold a number (2 by default).
"""

from __future__ import annotations

import argparse
import warnings
from collections import Counter
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch

from benchmarks.operators import entries, function_of, name_of, samples_of
from oracle.execution.cause import formula_check
from oracle.execution.points import set_up
from oracle.functions.framework import subject_of
from reference_engine.differentiate import GRADIENT
from reference_engine.precision import PRECISIONS


def words_of(function: Any, inputs: list[Any]) -> Iterator[str]:
    """What the formula check says of each gradient that holds a number."""
    subject = subject_of(function, tuple(inputs))
    subject.observe()
    lifted = subject.lift()
    if lifted.program is None:
        yield "forward not lifted"
        return
    subject.adopt(lifted)
    wrt = tuple(s.name for s in subject.slots if s.differentiable)
    where = set_up(lifted.program, lifted.arrays, wrt, PRECISIONS[subject.native], 1, {}, [0], {})
    answer = subject.derivative(subject.routes[0], where.program, where.point)
    check = formula_check(subject, subject.routes[0], where, 0)
    for name, gradient in answer.derivatives.items():
        if gradient.size:
            yield check.formula(GRADIENT + name, np.asarray(gradient, dtype=np.float64)).words


def main() -> None:
    """Ask and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="")
    parser.add_argument("--samples", type=int, default=2)
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    table: Counter[str] = Counter()
    for entry in entries(options.only):
        for sample in samples_of(entry, torch.float64, options.samples):
            try:
                found = list(words_of(*function_of(entry, sample)))
            except Exception as error:  # noqa: BLE001 - the table is to show it, not to end with it
                found = [f"refused: {type(error).__name__}: {str(error)[:80]}"]
            for words in found:
                kind = "formula equal" if words.startswith("formula equal") else words.partition(":")[0]
                table[kind] += 1
                if kind != "formula equal" or "explain" in words:
                    print(f"{name_of(entry):44} {words}", flush=True)
    print("; ".join(f"{kind}: {count}" for kind, count in table.most_common()))


if __name__ == "__main__":
    main()
