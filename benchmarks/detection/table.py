"""What was found and what was falsely flagged, as Markdown."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from benchmarks.detection.faults import SMALLEST
from benchmarks.detection.reach import MARGIN, Reach
from benchmarks.detection.tools import TOOLS, Answer
from benchmarks.detection.trials import OURS, Trial

COLUMNS: tuple[tuple[str, str], ...] = (
    ("torch", OURS),
    *(("torch", t.name) for t in TOOLS if t.space == "torch"),
    ("jax", OURS),
    *(("jax", t.name) for t in TOOLS if t.space == "jax"),
    *(("hips", t.name) for t in TOOLS if t.space == "hips"),
)
"""Framework and tool."""

HEAD = tuple(f"{OURS} ({space})" if tool == OURS else tool for space, tool in COLUMNS)

BLUNT = frozenset({"ill-conditioned", "vacuous", "undecided", "singular", "unsupported"})
"""Verdicts on a control that say little: its elements do not count as checked."""

ALMOST = 1 - 1e-9
"""Sizes are powers of ten, which have roundings of their own."""

REQUIRED = 0.99
"""Part of the judged faults that is to be found, with the right verdict."""


def markdown(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table."""
    lines = [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]
    return "\n".join([*lines, *(f"| {' | '.join(row)} |" for row in rows)])


def cell(trials: Iterable[Trial], space: str, tool: str) -> str:
    """How many a tool found of those that it was asked about; ``-`` if of none.

    >>> one = Trial("sign", "sign in swish", "torch", "float64", 10, {"gradcheck": Answer.FAULT})
    >>> cell([one], "torch", "gradcheck"), cell([one], "jax", "chex 1")
    ('1/1', '-')
    """
    answers = [t.answers.get(tool) for t in trials if t.space == space]
    asked = [a for a in answers if a is not None]
    if not asked:
        return "-"
    refused = sum(a is Answer.REFUSED for a in asked)
    if refused == len(asked):
        return "refused"
    held = f"{sum(a is Answer.FAULT for a in asked)}/{len(asked) - refused}"
    return f"{held} ({refused} refused)" if refused else held


def grouped(trials: Sequence[Trial], key: Callable[[Trial], tuple[str, ...]]) -> Iterator[Sequence[str]]:
    """A row for each value of the key, in the order of appearance, and a last one for all."""
    groups: dict[tuple[str, ...], list[Trial]] = {}
    for trial in trials:
        groups.setdefault(key(trial), []).append(trial)
    for names, group in groups.items():
        yield *names, *(cell(group, *c) for c in COLUMNS)


def kinds(trials: Sequence[Trial]) -> str:
    """Faults found, by kind and dtype."""
    rows = [*grouped(trials, lambda t: (t.kind, t.dtype))]
    totals = [*grouped(trials, lambda t: ("**all**", t.dtype))]
    return markdown(("fault", "dtype", *HEAD), [*rows, *totals])


def sizes(trials: Sequence[Trial]) -> str:
    """Faults of the whole gradient by their relative size."""
    chosen = [t for t in trials if t.kind == "factor 1 + d"]
    return markdown(("d", "dtype", *HEAD), grouped(chosen, lambda t: (f"{t.size:g}", t.dtype)))


def numbers(trials: Sequence[Trial]) -> str:
    """Faults of one element by the number of elements, sizes together and sign alone."""
    chosen = [t for t in trials if "one element" in t.kind]
    return markdown(
        ("fault", "elements", "dtype", *HEAD), grouped(chosen, lambda t: (t.kind, str(t.elements), t.dtype))
    )


def alarms(trials: Sequence[Trial]) -> str:
    """False alarms over controls, by dtype, with the elements that ours held to the reference in those that
    it could judge.
    """
    rows = []
    for dtype in dict.fromkeys(t.dtype for t in trials):
        own = [t for t in trials if t.dtype == dtype]
        sharp = [t for t in own if t.verdict not in BLUNT]
        counts = [sum(t.checked for t in sharp if t.space == s) for s in ("torch", "jax")]
        rows.append((dtype, *(cell(own, *c) for c in COLUMNS), *(f"{c:,}" for c in counts)))
    return markdown(("dtype", *HEAD, "element checks (torch)", "element checks (jax)"), rows)


def which_alarms(trials: Sequence[Trial]) -> str:
    """The controls that a tool called faulty."""
    rows = []
    for control in dict.fromkeys(t.name.rpartition(", ")[0] for t in trials):
        own = [t for t in trials if t.name.rpartition(", ")[0] == control]
        flagged = [
            f"{tool if tool != OURS else f'{OURS} ({space})'} {t.dtype}"
            for space, tool in COLUMNS
            for t in own
            if t.space == space and t.answers.get(tool) is Answer.FAULT
        ]
        rows.append((control, ", ".join(flagged) or "none"))
    return markdown(("control", "called faulty by"), rows)


def judged(trials: Iterable[Trial]) -> list[Trial]:
    """Faults that ours has to find: of a size that counts, and three times above the power where they are."""
    asked = [t for t in trials if OURS in t.answers and t.dtype in SMALLEST]
    return [t for t in asked if t.size >= SMALLEST[t.dtype] * ALMOST and t.power < t.size / MARGIN]


def missed(trials: Iterable[Trial]) -> list[Trial]:
    """Judged faults that ours did not find, or gave another name."""
    return [t for t in judged(trials) if not (t.found and t.right_verdict)]


def quality(trials: Sequence[Trial]) -> str:
    """Of the faults that have to be found, how many were, and under the right name."""
    rows = []
    for space in ("torch", "jax"):
        for dtype in SMALLEST:
            own = [t for t in judged(trials) if (t.space, t.dtype) == (space, dtype)]
            right = sum(t.found and t.right_verdict for t in own)
            if not own:
                rows.append((space, dtype, "0", "-", "-", "-", "not asked"))
                continue
            found, share = sum(t.found for t in own), right / len(own)
            met = "yes" if share >= REQUIRED else "**no**"
            rows.append((space, dtype, str(len(own)), str(found), str(right), f"{share:.1%}", met))
    head = ("framework", "dtype", "judged", "found", "right verdict", "share", f"at least {REQUIRED:.0%}")
    return markdown(head, rows)


def misses(trials: Sequence[Trial]) -> str:
    """Every judged fault that ours missed or named wrongly."""
    own = missed(trials)
    rows = [(t.name, t.space, f"{t.size:.1e}", f"{t.power:.1e}", t.verdict or "-") for t in own]
    return markdown(("fault", "framework", "size", "power", "verdict"), rows) if own else "None."


def small(trials: Sequence[Trial]) -> str:
    """Faults below what has to be found, which ours found all the same."""
    must = {id(t) for t in judged(trials)}
    rows = []
    for space in ("torch", "jax"):
        for dtype in SMALLEST:
            own = [t for t in trials if (t.space, t.dtype) == (space, dtype) and id(t) not in must]
            rows.append((space, dtype, f"{sum(t.found for t in own)}/{len(own)}"))
    return markdown(("framework", "dtype", "found"), rows)


def reach(rows: Sequence[Reach]) -> str:
    """Where ours could have seen the smallest fault that counts."""
    lines = [
        (r.function, f"{r.terms:,}", r.dtype, str(r.well), str(r.visible), f"{r.median:.1e}") for r in rows
    ]
    for dtype in SMALLEST:
        own = [r for r in rows if r.dtype == dtype]
        well, visible = sum(r.well for r in own), sum(r.visible for r in own)
        lines.append(("**all**", "", dtype, str(well), f"{visible} ({visible / max(well, 1):.1%})", ""))
    head = ("function", "terms", "dtype", "well-conditioned elements", "power below a third", "median power")
    return markdown(head, lines)
