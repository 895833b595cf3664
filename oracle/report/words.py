"""Findings in words, as every report for people says them."""

from __future__ import annotations

import math
import shlex

from oracle.execution.record import Run
from oracle.judge.verdict import Finding

_SIGNIFICANDS = {"float32": (24, -149), "float16": (11, -24), "bfloat16": (8, -133)}
"""Bits of the significand, and exponent of the smallest positive number, of each dtype below float64."""


def count(number: int, noun: str) -> str:
    """A number with its noun, in the plural where needed.

    >>> count(1, "case"), count(1204, "case")
    ('1 case', '1,204 cases')
    """
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def subject(finding: Finding) -> str:
    """Who was judged: framework, route without the framework's own name, dtype, order if not the first."""
    return f"{finding.framework} {route_words(finding)}".removeprefix("-").strip() or "no framework"


def route_words(finding: Finding) -> str:
    """Route without the framework's own name, dtype, order if not the first."""
    route = finding.route.removeprefix(f"{finding.framework}.")
    order = f"order {finding.order}" if finding.order > 1 else ""
    return " ".join(p for p in (route, finding.dtype, order) if p and p != "-")


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
    if dtype not in _SIGNIFICANDS or value == 0 or not math.isfinite(value):
        return repr(value)
    precision, lowest = _SIGNIFICANDS[dtype]
    fraction, exponent = math.frexp(abs(value))
    half_gap = 2.0 ** (max(exponent - precision, lowest) - 1)
    for digits in range(1, 10):
        text = f"{value:.{digits}g}"
        below = (
            abs(float(text)) < abs(value) and fraction == 0.5
        )  # the gap below a power of two is half as wide
        if abs(float(text) - value) < (half_gap / 2 if below else half_gap):
            return repr(float(text))
    return repr(value)


def bits(agreed: float, expected: float) -> tuple[str, str]:
    """Binary digits that agree and that were expected, rounded down; to a tenth where they look alike.

    >>> bits(11.9, 22.3), bits(19.12, 19.87)
    (('11', '22'), ('19.1', '19.8'))
    """
    shown = [max(0.0, agreed), max(0.0, expected)]
    whole = [str(math.floor(value)) for value in shown]
    tenths = [f"{math.floor(value * 10) / 10:.1f}" for value in shown]
    return (whole[0], whole[1]) if whole[0] != whole[1] else (tenths[0], tenths[1])


def verdict_words(finding: Finding) -> str:
    """The verdict loud, as it stands behind the place: ``WRONG``."""
    return finding.verdict.value.upper()


def known_as(finding: Finding, run: Run) -> str:
    """The ID of a finding, or that of its record where another finding has it already."""
    kept = run.recorded.kept.get(finding.id)
    return kept.id if kept else finding.id


def reproduction(finding: Finding, path: str, run: Run) -> list[str]:
    """Command lines that show a finding again: those of its record, if there is one."""
    kept = run.recorded.kept.get(finding.id)
    if kept is None:
        return [_repetition(finding, path, run)]
    return [f"oracle replay {kept.id}", *([f"python {shlex.quote(kept.script)}"] if kept.script else [])]


def _repetition(finding: Finding, path: str, run: Run) -> str:
    """A command line that repeats this check and little else; for a function, which has no path, a call."""
    if not path:
        return _call(finding, run)
    words = ["oracle", "check", path]
    if finding.route.startswith(f"{finding.framework}."):
        words += ["--route", finding.route]
    elif finding.framework != "-" and ":" not in finding.framework:  # not a function that the case names
        words += ["--framework", finding.framework]
    if finding.dtype != "-":
        words += ["--dtype", finding.dtype]
    if finding.order > 1:
        words += ["--order", str(finding.order)]
    if run.seed:
        words += ["--seed", str(run.seed)]
    return shlex.join(words)


def _call(finding: Finding, run: Run) -> str:
    options = ""
    if finding.route.startswith(f"{finding.framework}."):
        options += f", routes=[{finding.route!r}]"
    if finding.order > 1:
        options += f", order={finding.order}"
    if run.seed:
        options += f", seed={run.seed}"
    name = finding.case if finding.case.replace(".", "_").isidentifier() else "fn"
    return f"oracle.check({name}, ...{options})"
