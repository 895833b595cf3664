"""PyTorch's operator database held to the certified gradient: ``python -m benchmarks.operators``.

One line for each entry that is not certified, with the reason, then a table of verdicts. Options: ``--only
WORD`` takes entries whose name holds WORD, ``--samples N`` the first N samples of each that hold a number (4
by default; empty ones before them are checked too), ``--float32`` asks in float32, ``--each`` prints every
sample that is not certified.

Entries are those that torch says have autograd. One that has none in float64 is asked in complex128; what
has neither on a CPU is listed as ``no real dtype``. A *finding* is certified too: a verdict that fails was
held to the certified gradient, and torch's answer is not it.
"""

from __future__ import annotations

import argparse
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch.testing._internal.common_methods_invocations import op_db

import oracle
from oracle.judge.verdict import FAILING, Verdict

CERTIFIED = frozenset({"agree", "convention", "artifact", "singular", "ill-conditioned"})
"""Verdicts of an entry whose derivative was held to the reference and explained."""

FINDINGS = frozenset({"wrong", "nonfinite", "imprecise", "value-mismatch"})
"""Verdicts of an entry whose derivative was held to the reference and contradicts it."""

LOUDNESS = (
    *("vacuous", "agree", "artifact", "convention", "ill-conditioned", "singular"),
    *("imprecise", "value-mismatch", "nonfinite", "wrong", "undecided", "refused", "unsupported"),
)
"""Verdicts by what an entry is listed under: what was not certified before what was."""

NO_DTYPE = "no real dtype"

LARGEST = 50_000
"""Elements of the largest sample that is taken: one entry has samples of five million."""


@dataclass(frozen=True)
class Row:
    """An entry of the database: its loudest verdict over all samples, and why."""

    name: str
    verdict: str
    reason: str
    seconds: float
    samples: int


def name_of(entry: Any) -> str:
    """The entry's name with that of its variant."""
    return f"{entry.name}.{entry.variant_test_name}".rstrip(".")


def differentiable(only: str = "") -> Iterator[Any]:
    """Entries with autograd whose name holds ``only``."""
    return (entry for entry in op_db if only in name_of(entry) and entry.supports_autograd)


def entries(only: str) -> Iterator[Any]:
    """Entries with autograd in float64 whose name holds ``only``, all with a tensor operand."""
    for entry in differentiable(only):
        if torch.float64 in entry.supported_dtypes("cpu") and not name_of(entry).startswith("normal.number"):
            yield entry


def function_of(entry: Any, sample: Any) -> tuple[Callable[..., Any], list[Any]]:
    """A function of the sample's tensors alone, and these tensors."""
    given = [sample.input, *sample.args]
    places = [k for k, v in enumerate(given) if isinstance(v, torch.Tensor)]
    lists = [k for k, v in enumerate(given) if isinstance(v, (list, tuple)) and _tensors(v)]
    tensors = [given[k] for k in (*places, *lists)]
    operation, wrapper, kwargs = entry.get_op(), entry.gradcheck_wrapper, sample.kwargs
    processed = sample.output_process_fn_grad

    def function(*values: Any) -> Any:
        filled = list(given)
        for k, value in zip((*places, *lists), values, strict=True):
            filled[k] = value
        return processed(wrapper(operation, *filled, **kwargs))

    function.__qualname__ = entry.name
    return function, tensors


def _tensors(values: Any) -> bool:
    return any(isinstance(v, torch.Tensor) for v in values)


def samples_of(entry: Any, dtype: torch.dtype, count: int) -> Iterator[Any]:
    """The first samples, up to the ``count``-th whose differentiated tensors hold a number."""
    torch.manual_seed(0)
    for sample in list(entry.sample_inputs("cpu", dtype, requires_grad=True)):
        if not count:
            return
        given = function_of(entry, sample)[1]
        leaves = [t for v in given for t in (v if isinstance(v, (list, tuple)) else [v])]
        sizes = [t.numel() for t in leaves if isinstance(t, torch.Tensor) and t.requires_grad]
        if sum(sizes) > LARGEST:
            continue
        yield sample
        count -= any(sizes)


def dtype_of(entry: Any, wanted: torch.dtype) -> torch.dtype | None:
    """The dtype to ask an entry in: the wanted one, else complex128; None where it has neither."""
    offered = entry.supported_dtypes("cpu")
    return next((d for d in (wanted, torch.complex128) if d in offered), None)


def examine(entry: Any, dtype: torch.dtype, count: int, *, each: bool) -> Row:
    """The loudest verdict of the entry's first samples on torch's main route."""
    name = name_of(entry)
    started = time.perf_counter()
    worst, reason, seen = "vacuous", "", 0
    for sample in samples_of(entry, dtype, count):
        seen += 1
        verdict, why = _verdict(entry, sample)
        if each and verdict not in CERTIFIED | {"vacuous"}:
            print(f"{verdict:16} {f'{name}[{seen - 1}]':44} {why}", flush=True)
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
        reasons = [f.detail[:160] for f in result.findings if f.verdict is Verdict.UNSUPPORTED]
        return "unsupported", "; ".join(reasons)
    return result.verdict.value, ""


def _loudness(verdict: str) -> int:
    return LOUDNESS.index(verdict) if verdict in LOUDNESS else len(LOUDNESS)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="")
    parser.add_argument("--samples", type=int, default=4)
    parser.add_argument("--float32", action="store_true")
    parser.add_argument("--each", action="store_true")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    rows = []
    for entry in differentiable(options.only):
        dtype = dtype_of(entry, torch.float32 if options.float32 else torch.float64)
        if dtype is None:
            row = Row(name_of(entry), NO_DTYPE, "not offered on a CPU, or for integers only", 0.0, 0)
        else:
            row = examine(entry, dtype, options.samples, each=options.each)
        rows.append(row)
        if row.verdict not in CERTIFIED:
            print(f"{row.verdict:16} {row.name:44} {row.reason}", flush=True)
    _print_totals(rows)


def _print_totals(rows: Sequence[Row]) -> None:
    counts = Counter(row.verdict for row in rows)
    for verdict, count in counts.most_common():
        print(f"{count:5}  {verdict}")
    certified = sum(row.verdict in CERTIFIED for row in rows)
    findings = sum(row.verdict in FINDINGS for row in rows)
    print(
        f"{certified + findings} of {len(rows)} entries certified ({findings} of them findings), "
        f"{sum(r.samples for r in rows)} samples, {sum(r.seconds for r in rows):.0f} s"
    )


if __name__ == "__main__":
    main()
