"""What a check costs beside ``torch.autograd.gradcheck``: ``python -m benchmarks.speed``.

First table: the samples of PyTorch's operator database in float64, each checked once by both tools in turn in
one warm process. Ours is lift, reference, noise, judge and the reverse route, without what ``Result`` reports
apart; theirs is ``gradcheck(fast_mode=False)`` at its defaults. Before each of our checks every cache of
Programs is emptied, so that nothing is remembered of an earlier one; ``again`` is a second check of the same
sample, with what a user's next check of that function would find in the caches.
Second table: how both grow with the number of elements.

Seconds are of processor time on one thread, so that a busy machine disturbs them less. Options: ``--only
WORD`` takes entries whose name holds WORD, ``--samples N`` the first N samples of each (4 by default),
``--every N`` every N-th entry, ``--growth`` prints the second table only, ``--operators`` the first only.
"""

from __future__ import annotations

import argparse
import math
import statistics
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch

import oracle
from benchmarks.growth import print_growth
from benchmarks.operators import entries, function_of, name_of, samples_of
from benchmarks.stages import FURTHER, Stopwatch, forget_programs
from oracle.functions.result import Result

SLOWEST = 20
"""Rows of the list of our slowest checks."""

LARGEST_JACOBIAN = 10_000_000
"""Entries of the Jacobian above which gradcheck is not run: it keeps several Jacobians in memory, which ended
the process on a machine of 23 GB."""


@dataclass(frozen=True)
class Row:
    """One sample: processor seconds of both tools, and why it is not compared, if it is not."""

    name: str
    ours: float
    again: float
    theirs: float
    excluded: str


def seconds_of(call: Callable[[], Any]) -> tuple[float, Any]:
    """Processor seconds of a call, and what it returned or raised."""
    started = time.process_time()
    try:
        result = call()
    except Exception as error:  # noqa: BLE001 - a tool that gives up is a line of the table
        result = error
    return time.process_time() - started, result


def checked(
    function: Callable[..., Any], tensors: Sequence[Any], stopwatch: Stopwatch | None = None
) -> tuple[float, Any]:
    """Seconds of the main part of one check, and its result."""
    watch = stopwatch or Stopwatch()
    before = watch.seconds[FURTHER]
    with watch:
        seconds, result = seconds_of(lambda: oracle.check(function, *tensors, routes=["torch.autograd"]))
    return seconds - (watch.seconds[FURTHER] - before), result


def gradchecked(function: Callable[..., Any], tensors: Sequence[Any]) -> tuple[float, Any]:
    """Seconds of gradcheck's slow mode on the same tensors, and its answer."""
    counts = [len(t) if isinstance(t, (list, tuple)) else None for t in tensors]
    leaves = [t for given in tensors for t in (given if isinstance(given, (list, tuple)) else [given])]

    def flat(*values: Any) -> Any:
        rest = iter(values)
        return function(*(next(rest) if n is None else [next(rest) for _ in range(n)] for n in counts))

    return seconds_of(lambda: torch.autograd.gradcheck(flat, tuple(leaves), fast_mode=False))


def measure(name: str, entry: Any, sample: Any, stopwatch: Stopwatch) -> Row:
    """Both tools on one sample, one after the other, and before them one call of the function: whoever comes
    first would pay for what torch does at its first call of an operation.
    """
    function, tensors = function_of(entry, sample)
    seconds_of(lambda: function(*tensors))
    forget_programs()
    ours, result = checked(function, tensors, stopwatch)
    again, _ = checked(function, tensors)
    if _size(tensors) * _size(function(*tensors)) > LARGEST_JACOBIAN:
        return Row(name, ours, again, float("nan"), "its Jacobian is too large for gradcheck")
    theirs, answer = gradchecked(function, tensors)
    excluded = ""
    if not isinstance(result, Result) or not result.judged:
        excluded = "not judged by us"
    elif answer is not True:
        excluded = "gradcheck raises"
    return Row(name, ours, again, theirs, excluded)


def _size(values: Any) -> int:
    """Elements of all tensors in nested lists and tuples."""
    if isinstance(values, (list, tuple)):
        return sum(_size(v) for v in values)
    return values.numel() if isinstance(values, torch.Tensor) else 0


def operators(only: str, count: int, every: int) -> None:
    """Print the table over every so many entries of the operator database."""
    rows: list[Row] = []
    stopwatch = Stopwatch()
    warm = next(iter(entries("softmax")))
    for sample in samples_of(warm, torch.float64, 2):
        measure("warm", warm, sample, Stopwatch())
    for entry in list(entries(only))[::every]:
        for k, sample in enumerate(samples_of(entry, torch.float64, count)):
            rows.append(measure(f"{name_of(entry)}[{k}]", entry, sample, stopwatch))
    _print_operators(rows)
    stopwatch.report()


def _print_operators(rows: Sequence[Row]) -> None:
    both = [r for r in rows if not r.excluded]
    timed = [r for r in rows if not math.isnan(r.theirs)]
    for title, chosen in (
        ("samples that both tools finish", both),
        ("all samples that both tools run", timed),
    ):
        ours, again, theirs = ([getattr(r, n) for r in chosen] for n in ("ours", "again", "theirs"))
        mine, other = statistics.median(ours), statistics.median(theirs)
        ratios = sorted(a / b for a, b in zip(ours, theirs, strict=True))
        print(f"{title}: {len(chosen)}")
        print(f"  median  ours {1e3 * mine:.2f} ms, again {1e3 * statistics.median(again):.2f} ms, "
              f"gradcheck {1e3 * other:.2f} ms, ratio {mine / other:.2f}")  # fmt: skip
        means = [1e3 * statistics.mean(seconds) for seconds in (ours, theirs)]
        print(f"  mean    ours {means[0]:.2f} ms, gradcheck {means[1]:.2f} ms")
        print(f"  ratio of each sample: median {statistics.median(ratios):.2f}, "
              f"nine tenths below {ratios[9 * len(ratios) // 10]:.2f}")  # fmt: skip
    for reason in sorted({r.excluded for r in rows} - {""}):
        print(f"{sum(r.excluded == reason for r in rows):5}  {reason}")
    print("our slowest:")
    for row in sorted(rows, key=lambda r: -r.ours)[:SLOWEST]:
        print(f"  {1e3 * row.ours:9.1f} ms  gradcheck {1e3 * row.theirs:9.1f} ms  {row.name} {row.excluded}")


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", default="")
    parser.add_argument("--samples", type=int, default=4)
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("--growth", action="store_true")
    parser.add_argument("--operators", action="store_true")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    if not options.growth:
        operators(options.only, options.samples, options.every)
    if not options.operators:
        print_growth(checked, gradchecked)


if __name__ == "__main__":
    main()
