"""The judgement: holds every source of a gradient to the certified one."""

from __future__ import annotations

__version__ = "0.1.0"
