"""Where the time of a check goes: stopwatches around its stages, for benchmarks only."""

from __future__ import annotations

import functools
import time
from collections import defaultdict
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

from oracle.execution import judging
from oracle.functions import examination
from oracle.functions.examination import Examination
from oracle.functions.torch_function import TorchFunction
from reference_engine import apply, certify, differentiate

FURTHER = "beside the main part, reported apart"

STAGES: tuple[tuple[Any, str, str], ...] = (
    (TorchFunction, "observe", "observe: one plain call"),
    (TorchFunction, "lift", "lift: one recorded forward"),
    (examination, "set_up", "set up: cotangents"),
    (differentiate, "lower", "derivative: lower"),
    (judging.Bench, "derivative", "derivative: chain rule"),
    (judging, "certify", "certify: the rest"),
    (certify, "in_balls", "certify: balls"),
    (certify, "perturb", "certify: perturbed runs"),
    (judging, "judge_route", "judge: derivatives"),
    (judging, "judge_values", "judge: values"),
    (TorchFunction, "derivative", "route: torch.autograd"),
    (Examination, "_beside", FURTHER),
    (Examination, "result", FURTHER),
)
"""Owner, attribute and label of each stage; time inside an inner stage counts for that one alone."""


class Stopwatch:
    """Processor seconds of each stage while it is entered; ``with`` may be used many times."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)
        self.checks = 0
        self._stack: list[str] = []
        self._last = 0.0
        self._replaced: list[tuple[Any, str, Any]] = []

    def __enter__(self) -> Self:
        for owner, name, label in STAGES:
            original = getattr(owner, name)
            self._replaced.append((owner, name, original))
            setattr(owner, name, self._timed(original, label))
        self.checks += 1
        self._last = time.process_time()
        self._stack = ["everything else"]
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace_: TracebackType | None
    ) -> None:
        self._switch()
        while self._replaced:
            owner, name, original = self._replaced.pop()
            setattr(owner, name, original)

    def _switch(self) -> None:
        now = time.process_time()
        self.seconds[self._stack[-1]] += now - self._last
        self._last = now

    def _timed(self, original: Callable[..., Any], label: str) -> Callable[..., Any]:
        @functools.wraps(original)
        def timed(*args: Any, **kwargs: Any) -> Any:
            self._switch()
            self._stack.append(label)
            try:
                return original(*args, **kwargs)
            finally:
                self._switch()
                self._stack.pop()

        return timed

    def report(self) -> None:
        """Print the mean per check of each stage."""
        self.seconds.pop(FURTHER, None)
        total = sum(self.seconds.values())
        print(
            f"where our time goes, mean of {self.checks} checks ({1e3 * total / max(1, self.checks):.2f} ms):"
        )
        for label, seconds in sorted(self.seconds.items(), key=lambda item: -item[1]):
            print(f"  {1e3 * seconds / self.checks:8.3f} ms  {100 * seconds / total:5.1f} %  {label}")


def forget_programs() -> None:
    """Empty every cache that is keyed by a Program or by types."""
    for module in (differentiate, apply):
        for cached in vars(module).values():
            if hasattr(cached, "cache_clear"):
                cached.cache_clear()
