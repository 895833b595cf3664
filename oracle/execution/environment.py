"""Where a run took place: versions, machine, and what else may change a gradient's last digits."""

from __future__ import annotations

import os
import platform
from importlib.metadata import PackageNotFoundError, version

import oracle

PACKAGES = ("torch", "jax", "jaxlib", "numpy", "scipy", "python-flint")
"""Packages whose versions decide what is computed."""

VARIABLES = ("JAX_PLATFORMS", "JAX_ENABLE_X64", "XLA_FLAGS", "ATEN_CPU_CAPABILITY", "MKL_CBWR")
"""Variables that change what a framework computes; written down when set."""


def describe_environment() -> dict[str, str]:
    """Versions, processor and variables by name, the same for the same environment. Imports no framework."""
    found = {"oracle": oracle.__version__, "python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    found["system"] = f"{platform.system()} {platform.machine()}"
    found["processor"] = _processor()
    found.update({name: os.environ[name] for name in VARIABLES if name in os.environ})
    return found


def _processor() -> str:
    """The processor's name: kernels are chosen by it, so it can change last digits."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as file:  # noqa: PTH123  (not a user's path)
            for line in file:
                if line.startswith("model name"):
                    return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or "unknown"
