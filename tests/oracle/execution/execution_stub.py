"""What the workers of these tests call: each case's name says how it behaves."""

from __future__ import annotations

import ctypes
import os
import re
import sys
import threading
import time
from pathlib import Path

import numpy as np

from oracle.cases import Case, read_case
from oracle.execution.plan import Settings
from oracle.execution.record import CaseResult
from oracle.execution.stage import NOWHERE, Stage, entering
from oracle.judge.verdict import Finding, Verdict

FRAMEWORKS = {"torch": "2.13.0", "jax": "0.10.2"}


def make_case(name: str, extra: str = "") -> Case:
    """A small valid case of this name; ``extra`` are more lines of its file."""
    text = f"about: A case for the workers.\ninputs: {{x: 1.0}}\nprogram: y = x\ndtypes: [float64]\n{extra}"
    return read_case(Path(f"cases/{name}.yaml"), text, name)


def prepare(frameworks: tuple[str, ...]) -> None:
    """Nothing is imported, so that workers start at once."""


def prepare_badly(frameworks: tuple[str, ...]) -> None:
    """A framework whose import ends the process."""
    sys.stderr.write("libkernels.so: cannot open shared object file\n")
    os._exit(7)


def examine(case: Case, settings: Settings) -> CaseResult:
    """One agreeing finding for each framework; a word in the case's name says what jax does instead."""
    findings = []
    for framework in settings.frameworks or ():
        stage = Stage(framework, FRAMEWORKS[framework], f"{framework}.vjp", "float64")
        entering(stage)
        if framework == "jax":
            misbehave(case.name)
        findings.append(
            Finding(
                case.name, framework, stage.version, stage.route, "float64", 1, "gradient of x",
                Verdict.AGREE, tier="certified", elements=1, power=1e-12,
            )
        )  # fmt: skip
        entering(NOWHERE)
    if case.name.startswith("engine-"):
        misbehave(case.name.removeprefix("engine-"))
    return CaseResult(case.name, str(case.path), tuple(findings), 0.01)


def misbehave(how: str) -> object:
    """Do what the first word says."""
    match how.partition("-")[0]:
        case "abort":
            os.abort()
        case "segfault":
            ctypes.string_at(0)
        case "leave":
            os._exit(0)
        case "exit":
            sys.exit("a framework called exit")
        case "hang":
            re.match(r"(a+)+$", "a" * 60 + "b")  # holds the interpreter's lock all the while
        case "sleep":
            time.sleep(60)
        case "wait":
            time.sleep(0.3)
        case "eat":
            return [np.ones(1 << 24) for _ in range(1000)]  # 128 MB each
        case "raise":
            msg = "no rule for this"
            raise ValueError(msg)
        case "print":
            os.write(1, b"noise of a library\n")
        case "closure":
            return lambda: None
        case "later":
            threading.Timer(0.1, os.abort).start()
    return None


def pid_after(how: str) -> object:
    """The worker's process id, or whatever ``misbehave`` gives."""
    return misbehave(how) or os.getpid()
