"""A failing result, recorded with what its check was made of."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import replace
from importlib import import_module
from typing import Any

from oracle.execution.record import Recorded
from oracle.functions import setting
from oracle.functions.framework import subject_of
from oracle.functions.result import Result
from oracle.lift.trees import argument_names
from oracle.recorded.functions import Checked, record_failures


def recorded(result: Result, function: Any, inputs: tuple[Any, ...], options: Mapping[str, Any]) -> Result:
    """The result that knows where its failures are recorded; whatever goes wrong there is a note."""
    try:
        kept = record_failures(result.failures, _checked(result, function, inputs, options))
    except Exception as error:  # noqa: BLE001 - the failure is told whatever becomes of its record
        kept = Recorded(note=f"failures are not recorded: {type(error).__name__}: {error}")
    return replace(result, recorded=kept)


def _checked(result: Result, function: Any, inputs: tuple[Any, ...], options: Mapping[str, Any]) -> Checked:
    subject = subject_of(function, inputs)
    called = function
    wide = False
    if subject.name == "torch":
        torch = import_module("torch")
        called = function.forward if isinstance(function, torch.nn.Module) else function
    else:
        wide = any(s.dtype.endswith("64") for s in subject.slots) or bool(
            import_module("jax").config.jax_enable_x64
        )
    return Checked(
        subject.name,
        function,
        inputs,
        options,
        setting.present(subject.name, inputs),
        _names(called, len(inputs)),
        subject.slots,
        wide,
        result.points,
        result.program,
    )


def _names(function: Any, count: int) -> list[str]:
    """What the first positional parameters are called, as both frameworks' paths begin."""
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):
        return argument_names(function, count)
    names: list[str] = []
    for p in parameters:
        if p.kind is inspect.Parameter.VAR_POSITIONAL:
            break
        if p.kind in {inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD}:
            names.append(p.name)
    return (names + [f"x{k}" for k in range(len(names), count)])[:count]
