"""Leaving the caller's process as it was: generators, default dtype and the buffers of modules in reach."""

from __future__ import annotations

import functools
import types
from types import TracebackType
from typing import Any

import torch

from oracle.lift.process import Generators, generators_kept


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
            known = {} if _of_library(value) else value.__globals__
            named = [known[n] for n in names_in(value.__code__) if n in known]
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


_HOLDING = (torch.nn.Module, functools.partial, types.FunctionType, types.MethodType, list, tuple, dict)
_EMPTY = (type, types.ModuleType, types.BuiltinFunctionType, types.BuiltinMethodType)


def names_in(code: types.CodeType) -> tuple[str, ...]:
    """Names that a function and the functions in it look up outside of themselves."""
    inner = (names_in(c) for c in code.co_consts if isinstance(c, types.CodeType))
    return tuple(dict.fromkeys([*code.co_names, *(name for names in inner for name in names)]))


def _may_hold(value: Any) -> bool:
    return isinstance(value, _HOLDING) or (callable(value) and not isinstance(value, _EMPTY))


def _of_library(function: types.FunctionType) -> bool:
    """Whether a function was written in torch: what it names belongs to torch, not to the caller."""
    return str(function.__globals__.get("__name__", "")).partition(".")[0] == "torch"


def _filled(cell: types.CellType) -> bool:
    try:
        return cell.cell_contents is not cell
    except ValueError:
        return False


class as_before:  # noqa: N801 - reads as what it does: ``with as_before(modules):``
    """Restore after the block what running a function may have changed: all generators, the default dtype,
    warning filters, and buffers of ``modules``. ``generators`` are as for :func:`generators_kept`.
    """

    def __init__(self, modules: tuple[Any, ...], generators: Generators | None = None) -> None:
        self._modules = modules
        self._generators = generators_kept(generators)

    def __enter__(self) -> None:
        self._cpu = torch.get_rng_state()
        self._devices = torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else []
        self._dtype = torch.get_default_dtype()
        self._buffers = [(b, b.detach().clone()) for m in self._modules for b in m.buffers()]
        self._generators.__enter__()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._generators.__exit__(kind, error, trace)
        torch.set_rng_state(self._cpu)
        if self._devices:
            torch.cuda.set_rng_state_all(self._devices)
        torch.set_default_dtype(self._dtype)
        with torch.no_grad():
            for buffer, saved in self._buffers:
                if not _same(buffer, saved):
                    buffer.copy_(saved)


def _same(buffer: Any, saved: Any) -> bool:
    return bool(((buffer == saved) | (torch.isnan(buffer) & torch.isnan(saved))).all())
