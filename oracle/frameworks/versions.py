"""Which release of a framework is installed."""

from __future__ import annotations

from functools import cache
from importlib.metadata import version


@cache
def version_of(package: str) -> str:
    """The installed version; it is read from the package's metadata once, which takes a millisecond."""
    return version(package)
