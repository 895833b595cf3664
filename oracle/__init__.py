"""The judgment: holds every source of a gradient to the certified one."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from oracle.api import Run, run
    from oracle.functions.check import assert_gradients, check
    from oracle.functions.errors import GradientError, NotCertified
    from oracle.functions.result import Result

__version__ = "0.1.0"

__all__ = [
    "GradientError",
    "NotCertified",
    "Result",
    "Run",
    "__version__",
    "assert_gradients",
    "check",
    "run",
]

_PUBLIC = {
    "GradientError": "oracle.functions.errors",
    "NotCertified": "oracle.functions.errors",
    "Result": "oracle.functions.result",
    "Run": "oracle.api",
    "assert_gradients": "oracle.functions.check",
    "check": "oracle.functions.check",
    "run": "oracle.api",
}
"""Where public names come from; loaded when used, so that ``import oracle`` costs nothing."""


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        msg = f"module 'oracle' has no attribute {name!r}"
        raise AttributeError(msg)
    return getattr(import_module(_PUBLIC[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_PUBLIC})
