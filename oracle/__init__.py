"""The judgment: holds every source of a gradient to the certified one."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from oracle.api import Run, run

__version__ = "0.1.0"

__all__ = ["Run", "__version__", "run"]

_PUBLIC = {"Run": "oracle.api", "run": "oracle.api"}
"""Where public names come from; loaded when used, so that ``import oracle`` costs nothing."""


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        msg = f"module 'oracle' has no attribute {name!r}"
        raise AttributeError(msg)
    return getattr(import_module(_PUBLIC[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_PUBLIC})
