"""Where in the user's file an equation comes from."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from jax._src import source_info_util  # no public door leads here; without it Programs have no lines


def file_of(fn: Callable[..., Any]) -> str | None:
    """The file that ``fn`` is written in, None if it is in none."""
    function = inspect.unwrap(fn)
    while hasattr(function, "func"):
        function = function.func
    if not (inspect.isfunction(function) or inspect.ismethod(function) or inspect.isclass(function)):
        function = type(function)
    try:
        return inspect.getsourcefile(function)
    except TypeError:
        return None


def line_of(equation: Any, file: str | None) -> int | None:
    """The line of ``file`` that made the equation, None if another file or none did."""
    try:
        frame = source_info_util.user_frame(equation.source_info.traceback)
    except (AttributeError, TypeError):  # another release's form
        return None
    return frame.start_line if frame is not None and frame.file_name == file else None
