"""JAX as a framework to be judged. JAX itself is imported on first use."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from oracle.frameworks.protocol import Answer, NotOfferedError, Point
from oracle.frameworks.versions import version_of
from reference_engine.program import Program


def _routes() -> Any:
    return import_module("oracle.frameworks.jax_routes")


class JaxFramework:
    """JAX on its default device, as a person would write the Program in it, in 64-bit mode.

    Only ``jax.vjp`` runs operation by operation; all else is compiled as a whole, because that is several
    times faster for a function that is new. Layouts are ignored: JAX arrays have none. NotOfferedError
    carries the first line of JAX's own refusal.
    """

    name = "jax"
    routes: tuple[str, ...] = ("jax.vjp", "jax.jit", "jax.jvp")
    second_order_routes: tuple[str, ...] = (
        "jax.reverse_over_reverse",
        "jax.forward_over_reverse",
        "jax.reverse_over_forward",
    )
    forward_routes: tuple[str, ...] = ("jax.jvp",)
    dtypes: tuple[str, ...] = ("float64", "float32", "bfloat16", "float16")

    def __init__(self) -> None:
        self.version = version_of("jax")

    def operations(self) -> frozenset[str]:
        """Names of the operations that the adapter runs."""
        return frozenset(import_module("oracle.frameworks.jax_operations").OPERATIONS)

    def value(self, program: Program, point: Point) -> tuple[npt.NDArray[np.generic], ...]:
        """Output values, compiled as a whole."""
        answer: Answer = _routes().follow("value", program, point)
        return answer.values

    def derivative(self, route: str, program: Program, point: Point) -> Answer:
        """Derivatives by ``jax.vjp``, by the same under ``jax.jit``, or, forward, by ``jax.jvp``."""
        answer: Answer = _routes().follow(route, program, point)
        return answer

    def second_order(self, route: str, program: Program, point: Point) -> Answer:
        """Gradient of <VJP, directions> by one mode over another."""
        answer: Answer = _routes().follow(route, program, point)
        return answer

    def reading(self, route: str, program: Program, point: Point, read: Callable[..., Any]) -> Any:
        """What ``read`` makes of a route: its formula, for one."""
        return _routes().reading(route, program, point, partial(read, "jax"))

    def flushes_subnormals(self) -> bool:
        """Found by halving the smallest normal number."""
        return any(half == 0 for half in _routes().halves_of_smallest())

    def contract(self, name: str, program: Program, point: Point) -> Sequence[str]:
        """None of the named checks makes sense here: JAX has no ``.grad`` that could accumulate."""
        msg = f"JAX has no contract check {name!r}"
        raise NotOfferedError(msg)


def cache_folder() -> Path:
    """Where compiled functions are kept: ``$ORACLE_CACHE_DIR``, else the user's cache folder."""
    chosen = os.environ.get("ORACLE_CACHE_DIR")
    base = (
        Path(chosen)
        if chosen
        else Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "oracle"
    )
    return base / "jax"


def keep_compiled(folder: Path | None = None) -> Path:
    """Keep what JAX compiles in a folder, so that the next run reads it: 10 to 25 ms instead of 50 to 200.

    Changes JAX's global configuration, so it is for processes of a run's own, before anything is compiled.
    Returns the folder.
    """
    jax = import_module("jax")
    place = folder or cache_folder()
    place.mkdir(parents=True, exist_ok=True)
    jax.config.update("jax_compilation_cache_dir", str(place))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)
    return place
