"""PyTorch's operator database held to the certified gradient: ``python -m benchmarks.operators``.

One line for each entry that is not certified, with the reason, then a table of verdicts. Options: ``--only
WORD`` takes entries whose name holds WORD, ``--samples N`` the first N samples of each (4 by default).
"""

from __future__ import annotations

import argparse
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch.testing._internal.common_methods_invocations import op_db

import oracle
from oracle.judge.verdict import FAILING, Verdict

CERTIFIED = frozenset({"agree", "convention", "artifact", "singular", "ill-conditioned"})
"""Verdicts of an entry whose derivative was held to the reference and explained."""


@dataclass(frozen=True)
class Row:
    """An entry of the database: its loudest verdict over all samples, and why."""

    name: str
    verdict: str
    reason: str
    seconds: float
    samples: int


def entries(only: str) -> Iterator[Any]:
    """Entries with autograd in float64 whose name holds ``only``."""
    for entry in op_db:
        name = f"{entry.name}.{entry.variant_test_name}".rstrip(".")
        if (
            only in name
            and entry.supports_autograd
            and not name.startswith("normal.number")
            and torch.float64 in entry.supported_dtypes("cpu")
        ):
            yield entry


def function_of(entry: Any, sample: Any) -> tuple[Callable[..., Any], list[Any]]:
    """A function of the sample's tensors alone, and these tensors."""
    given = [sample.input, *sample.args]
    places = [k for k, v in enumerate(given) if isinstance(v, torch.Tensor)]
    lists = [k for k, v in enumerate(given) if isinstance(v, (list, tuple)) and _tensors(v)]
    tensors = [given[k] for k in (*places, *lists)]

    def function(*values: Any) -> Any:
        filled = list(given)
        for k, value in zip((*places, *lists), values, strict=True):
            filled[k] = value
        result = entry.gradcheck_wrapper(entry.get_op(), *filled, **sample.kwargs)
        return sample.output_process_fn_grad(result)

    function.__qualname__ = entry.name
    return function, tensors


def _tensors(values: Any) -> bool:
    return any(isinstance(v, torch.Tensor) for v in values)


def examine(entry: Any, count: int) -> Row:
    """The loudest verdict of the entry's first samples on torch's main route."""
    name = f"{entry.name}.{entry.variant_test_name}".rstrip(".")
    started = time.perf_counter()
    worst, reason, seen = "vacuous", "", 0
    torch.manual_seed(0)
    for sample in list(entry.sample_inputs("cpu", torch.float64, requires_grad=True))[:count]:
        seen += 1
        verdict, why = _verdict(entry, sample)
        if _loudness(verdict) > _loudness(worst):
            worst, reason = verdict, why
    return Row(name, worst, reason, time.perf_counter() - started, seen)


def _verdict(entry: Any, sample: Any) -> tuple[str, str]:
    function, tensors = function_of(entry, sample)
    try:
        result = oracle.check(function, *tensors, routes=["torch.autograd"])
    except (TypeError, ValueError) as error:
        return "refused", f"{type(error).__name__}: {str(error)[:90]}"
    except Exception as error:  # noqa: BLE001 - the table is to show it, not to end with it
        return "exception", f"{type(error).__name__}: {str(error)[:90]}"
    failing = [f for f in result.findings if f.verdict in FAILING]
    if failing:
        return failing[0].verdict.value, f"{failing[0].argument}: {failing[0].detail[:80]}"
    if not result.judged:
        return "unsupported", "; ".join(
            f.detail[:90] for f in result.findings if f.verdict is Verdict.UNSUPPORTED
        )
    return result.verdict.value, ""


def _loudness(verdict: str) -> int:
    order = ["vacuous", "agree", *sorted(CERTIFIED - {"agree"}), "undecided", "refused", "unsupported"]
    return order.index(verdict) if verdict in order else len(order)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="")
    parser.add_argument("--samples", type=int, default=4)
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    rows = []
    for entry in entries(options.only):
        row = examine(entry, options.samples)
        rows.append(row)
        if row.verdict not in CERTIFIED:
            print(f"{row.verdict:16} {row.name:44} {row.reason}", flush=True)
    counts = Counter(row.verdict for row in rows)
    for verdict, count in counts.most_common():
        print(f"{count:5}  {verdict}")
    certified = sum(row.verdict in CERTIFIED for row in rows)
    print(f"{certified} of {len(rows)} entries certified, {sum(r.samples for r in rows)} samples, "
          f"{sum(r.seconds for r in rows):.0f} s")  # fmt: skip


if __name__ == "__main__":
    main()
