"""What a run shall do: its settings, and which cases they leave."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from oracle.execution.keyword import keyword_matcher

if TYPE_CHECKING:
    from oracle.cases.model import Case

DEFAULT_TIMEOUT = 120.0
"""Seconds a case may take. The slowest compile dozens of JAX functions of 0.3 s; machines may be busy."""

DEFAULT_MEMORY = 2_000_000_000
"""Bytes of data a worker may hold: two workers stay below 4 GB. Both frameworks together need 0.3 GB."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Choices of one run, the same for every case. None means all that a case asks for.

    ``timeout`` is in seconds a case, ``memory`` in bytes a worker. ``strict`` also fails what could not be
    decided, ``strict_conventions`` what a framework's kink conventions explain.
    """

    frameworks: tuple[str, ...] | None = None
    dtypes: tuple[str, ...] | None = None
    routes: tuple[str, ...] | None = None
    order: int | None = None
    seed: int = 0
    timeout: float = DEFAULT_TIMEOUT
    memory: int = DEFAULT_MEMORY
    strict: bool = False
    strict_conventions: bool = False


def chosen(cases: Iterable[Case], settings: Settings, keyword: str = "") -> tuple[Case, ...]:
    """The cases that the settings and the keyword expression leave something to do for, sorted by name.

    KeywordError if the expression cannot be read.
    """
    matches = keyword_matcher(keyword) if keyword.strip() else lambda _: True
    left = (
        case
        for case in cases
        if matches((case.name, *case.tags))
        and _meets(settings.dtypes, case.dtypes)
        and _meets(settings.frameworks, case.frameworks)
        and _meets(settings.routes, case.routes)
    )
    return tuple(sorted(left, key=lambda case: case.name))


def _meets(wanted: tuple[str, ...] | None, offered: tuple[str, ...] | None) -> bool:
    return wanted is None or offered is None or not set(wanted).isdisjoint(offered)


def usable_cores() -> int:
    """How many cores this process may use, which in a container are fewer than the machine has."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
