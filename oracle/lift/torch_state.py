"""Leaving the caller's process as it was: generators, default dtype and the buffers of modules in reach."""

from __future__ import annotations

import functools
import types
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

from oracle.lift.process import generators_kept


def modules_in_reach(function: Any) -> tuple[Any, ...]:
    """Modules that the function is, holds, closes over or names among its globals."""
    found: dict[int, Any] = {}
    seen: set[int] = set()
    stack = [function]
    while stack:
        value = stack.pop()
        if id(value) in seen:
            continue
        seen.add(id(value))
        if isinstance(value, torch.nn.Module):
            found[id(value)] = value
            continue
        stack += _held(value)
    return tuple(found.values())


def _held(value: Any) -> list[Any]:
    """What a callable can call without being given it."""
    match value:
        case functools.partial():
            return [value.func, *value.args, *value.keywords.values()]
        case types.MethodType():
            return [value.__self__, value.__func__]
        case types.FunctionType():
            cells = [c.cell_contents for c in value.__closure__ or () if _filled(c)]
            named = [value.__globals__[n] for n in value.__code__.co_names if n in value.__globals__]
            defaults = [*(value.__defaults__ or ()), *(value.__kwdefaults__ or {}).values()]
            wrapped = [value.__wrapped__] if hasattr(value, "__wrapped__") else []
            return [v for v in (*cells, *named, *defaults, *wrapped) if _may_hold(v)]
        case list() | tuple():
            return [v for v in value if _may_hold(v)]
        case dict():
            return [v for v in value.values() if _may_hold(v)]
        case _ if callable(value) and not isinstance(value, type) and hasattr(value, "__dict__"):
            return [v for v in vars(value).values() if _may_hold(v)]
        case _:
            return []


def _may_hold(value: Any) -> bool:
    kinds = (torch.nn.Module, functools.partial, types.FunctionType, types.MethodType, list, tuple, dict)
    return isinstance(value, kinds) or (callable(value) and not isinstance(value, (type, types.ModuleType)))


def _filled(cell: types.CellType) -> bool:
    try:
        return cell.cell_contents is not cell
    except ValueError:
        return False


@contextmanager
def as_before(modules: tuple[Any, ...]) -> Iterator[None]:
    """Restore after the block what running a function may have changed: all generators, the default dtype,
    warning filters, and buffers of ``modules``.
    """
    cpu = torch.get_rng_state()
    devices = torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else []
    dtype = torch.get_default_dtype()
    buffers = [(b, b.detach().clone()) for m in modules for b in m.buffers()]
    try:
        with generators_kept():
            yield
    finally:
        torch.set_rng_state(cpu)
        if devices:
            torch.cuda.set_rng_state_all(devices)
        torch.set_default_dtype(dtype)
        with torch.no_grad():
            for buffer, saved in buffers:
                if not _same(buffer, saved):
                    buffer.copy_(saved)


def _same(buffer: Any, saved: Any) -> bool:
    return bool(((buffer == saved) | (torch.isnan(buffer) & torch.isnan(saved))).all())
