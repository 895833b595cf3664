"""Findings in words, as every report for people says them."""

from __future__ import annotations

import math
import shlex

from oracle.execution.record import Run
from oracle.judge.verdict import Finding

_DIGITS = {"float64": 17, "float32": 9, "float16": 5, "bfloat16": 4}
"""Decimal digits that tell any two values of the dtype apart."""

_MOST_DIGITS = 17


def count(number: int, noun: str) -> str:
    """A number with its noun, in the plural where needed.

    >>> count(1, "case"), count(1204, "case")
    ('1 case', '1,204 cases')
    """
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def subject(finding: Finding) -> str:
    """Who was judged: framework, route without the framework's own name, dtype, order if not the first."""
    route = finding.route.removeprefix(f"{finding.framework}.")
    order = f"order {finding.order}" if finding.order > 1 else ""
    parts = [p for p in (finding.framework, route, finding.dtype, order) if p and p != "-"]
    return " ".join(parts) or "no framework"


def place(finding: Finding) -> str:
    """What was compared, with the worst element's index.

    >>> from oracle.judge.verdict import Verdict
    >>> place(Finding("c", "jax", "", "jax.jit", "float32", 1, "gradient of x", Verdict.WRONG, index=(2, 0)))
    'gradient of x[2, 0]'
    """
    if finding.argument == "-":
        return "the case"
    index = f"[{', '.join(map(str, finding.index))}]" if finding.index else ""
    return f"{finding.argument}{index}"


def number(value: float, dtype: str = "float64") -> str:
    """The shortest decimal that is no other value of the dtype.

    >>> number(0.10000000149011612, "float32"), number(-2.0), number(float("nan"))
    ('0.1', '-2.0', 'nan')
    """
    if math.isnan(value) or math.isinf(value) or dtype not in _DIGITS:
        return repr(value)
    if dtype == "float64":
        return repr(value)
    unit = 2.0 ** (math.frexp(value)[1] - {"float32": 24, "float16": 11, "bfloat16": 8}[dtype])
    for digits in range(1, _DIGITS[dtype] + 1):
        text = f"{value:.{digits}g}"
        if abs(float(text) - value) < unit / 4:  # a quarter: also right just above a power of two
            return repr(float(text))
    return repr(value)


def bits(value: float) -> str:
    """Binary digits, rounded; never an accuracy that is not there."""
    return str(max(0, math.floor(value)))


def verdict_words(finding: Finding) -> str:
    """The verdict loud, as it stands behind the place: ``WRONG``."""
    return finding.verdict.value.upper()


def reproduction(finding: Finding, path: str, run: Run) -> str:
    """A command line that repeats exactly this check."""
    words = ["oracle", "check", path]
    for option, value in (
        ("--framework", finding.framework),
        ("--route", finding.route),
        ("--dtype", finding.dtype),
    ):
        if value != "-":
            words += [option, value]
    if finding.order > 1:
        words += ["--order", str(finding.order)]
    if run.seed:
        words += ["--seed", str(run.seed)]
    return shlex.join(words)
