"""What a worker is busy with, told before each call into a framework: a sudden death can then be blamed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Stage:
    """A framework's route in a dtype, or ``-`` while none is at work."""

    framework: str = "-"
    version: str = ""
    route: str = "-"
    dtype: str = "-"
    order: int = 1


NOWHERE = Stage()
"""Between frameworks: loading, the reference engine, the judge."""

_listeners: list[Callable[[Stage], None]] = []


def entering(stage: Stage) -> None:
    """Tell whoever watches this process what it does next; nothing happens where nobody watches.

    Call it before each route of a framework, and with ``NOWHERE`` when the framework has answered.
    """
    for listener in _listeners:
        listener(stage)


@contextmanager
def told_to(listener: Callable[[Stage], None]) -> Iterator[None]:
    """Within this context every stage is told to ``listener``.

    >>> seen = []
    >>> with told_to(seen.append):
    ...     entering(Stage("torch", "2.13.0", "torch.autograd", "float32"))
    >>> seen[0].route
    'torch.autograd'
    """
    _listeners.append(listener)
    try:
        yield
    finally:
        _listeners.remove(listener)
