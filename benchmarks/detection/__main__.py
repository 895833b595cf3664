"""How many faults are found, and how many right derivatives flagged: ``python -m benchmarks.detection``.

Ours, torch's gradcheck, JAX's check_grads, chex and HIPS autograd, each at its defaults, in one run. Options:
``--quick`` takes a small part of everything, ``--write FILE`` puts the tables into a document between its
marks, ``--space NAME`` (torch, jax or hips; repeatable) takes the tools of one framework. Exit status 1 if
ours missed what it has to find, or called a control faulty.
"""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

import cloudpickle

from benchmarks.detection import table
from benchmarks.detection.reach import Reach, reaches
from benchmarks.detection.trials import OURS, Trial, chosen_controls, chosen_faults, try_control, try_fault

SPACES = ("torch", "jax", "hips")
BEGIN, END = "<!-- tables: begin -->", "<!-- tables: end -->"
PACKAGES = ("torch", "jax", "chex", "autograd", "numpy")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the trials of every framework in a process of its own, two at a time, and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a small part of everything, in two minutes")
    parser.add_argument("--write", type=Path, help="a document whose tables are renewed")
    parser.add_argument("--space", action="append", choices=SPACES, help="only the tools of this framework")
    parser.add_argument("--into", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    spaces = options.space or list(SPACES)
    if options.into:
        return _work(spaces[0], options.into, quick=options.quick)
    started = time.perf_counter()
    trials, reached = _all(spaces, quick=options.quick)
    text = document(trials, reached, time.perf_counter() - started)
    print(text)
    if options.write:
        before, _, rest = options.write.read_text().partition(BEGIN)
        options.write.write_text(f"{before}{BEGIN}\n\n{text}\n\n{END}{rest.partition(END)[2]}")
    return int(bool(table.missed(trials)) or any(t.found for t in trials if t.kind == "control"))


def _all(spaces: Sequence[str], *, quick: bool) -> tuple[list[Trial], list[Reach]]:
    """The trials of each framework from a child: JAX's switch to 64 bits and torch's threads are its own."""
    with tempfile.TemporaryDirectory() as folder:
        children = []
        environment = os.environ | {"JAX_ENABLE_X64": "1", "OMP_NUM_THREADS": "1"}
        for name in spaces:
            into = Path(folder) / name
            command = [sys.executable, "-m", "benchmarks.detection", "--space", name, "--into", str(into)]
            children.append((into, subprocess.Popen(command + ["--quick"] * quick, env=environment)))
        trials: list[Trial] = []
        reached: list[Reach] = []
        for into, child in children:
            if child.wait():
                msg = f"the trials of {into.name} ended with status {child.returncode}"
                raise RuntimeError(msg)
            own, reach = cloudpickle.loads(into.read_bytes())
            trials += own
            reached += reach
    return trials, reached


def _work(name: str, into: Path, *, quick: bool) -> int:
    """All trials of one framework, written to a file."""
    warnings.simplefilter("ignore")
    trials = []
    for fault in chosen_faults(name, quick=quick):
        trials.append(try_fault(fault, name))
        _tell(trials[-1])
    for control, dtype in chosen_controls(name, quick=quick):
        trials.append(try_control(control, dtype, name))
        _tell(trials[-1])
    reached = list(reaches(quick=quick)) if name == "torch" else []
    into.write_bytes(cloudpickle.dumps((trials, reached)))
    return 0


def _tell(trial: Trial) -> None:
    """Progress, on stderr."""
    told = ", ".join(f"{tool} {said.value}" for tool, said in trial.answers.items() if said)
    print(
        f"{trial.space}: {trial.name}: {told} ({trial.verdict}, {trial.seconds:.1f} s)",
        file=sys.stderr,
        flush=True,
    )


def document(trials: Sequence[Trial], reached: Sequence[Reach], seconds: float) -> str:
    """All tables, with what they were made by."""
    planted = [t for t in trials if t.kind not in {"control", "known"}]
    controls = [t for t in trials if t.kind == "control"]
    known = [f"- {t.name} ({t.space}): {t.verdict}" for t in trials if t.kind == "known"]
    versions = ", ".join(f"{p} {version(p)}" for p in PACKAGES)
    alarms = [
        f"- {t.name} ({t.space}): {d}" for t in controls if t.answers.get(OURS) and t.found for d in t.details
    ]
    parts = {
        "Faults found, by kind": table.kinds(planted),
        "A factor 1 + d on the whole gradient, by size": table.sizes(planted),
        "One wrong element among many": table.numbers(planted),
        "What ours has to find": table.quality(planted),
        "What ours missed of that, or called by another name": table.misses(planted),
        "Smaller faults, or below the power": table.small(planted),
        "Where ours could have seen the smallest fault": table.reach(reached),
        "Right derivatives called faulty": table.alarms(controls),
        "False alarms of ours": "\n".join(alarms) or "None.",
        "Known findings among the controls": "\n".join(known) or "None.",
        "Which controls were called faulty": table.which_alarms(controls),
    }
    body = "\n\n".join(f"### {title}\n\n{text}" for title, text in parts.items())
    count = f"{len(planted)} faults and {len(controls)} controls in {seconds:.0f} s"
    return f"{versions}, Python {platform.python_version()}; {count}.\n\n{body}"


if __name__ == "__main__":
    sys.exit(main())
