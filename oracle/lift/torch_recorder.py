"""One forward of a torch function, recorded call by call below autograd.

What autograd tracks decides what is differentiated: a tensor that requires no gradient although its symbol
depends on the inputs (``detach``, ``no_grad``, ``.data``) stops the gradient. Inside the forward of a
``torch.autograd.Function`` nothing is tracked, and everything is looked through: its backward is what is to
be checked.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch._decomp import decomposition_table
from torch.autograd.function import _SingleLevelFunction
from torch.utils._python_dispatch import TorchDispatchMode

from oracle.lift import aten_table
from oracle.lift.aten import Call, NoLoweringError
from oracle.lift.program import Unsupported
from oracle.lift.torch_memory import Memory, exact
from reference_engine.program import ProgramError
from reference_engine.trace import Builder, Tensor, constant, xp

HINT = "add a lowering for it to oracle/lift/aten_*.py, or give the function's formula with spec="
_LIBRARY = (str(Path(torch.__file__).parent), str(Path(__file__).parent))
_ESCAPES = ("numpy", "__array__", "tolist", "data_ptr", "__dlpack__")

Captured = Callable[[Any], "Tensor | None"]


class Recorder(TorchDispatchMode):
    """Writes the calls of one forward to a Program under construction.

    ``captured`` is asked for the symbol of a tensor that requires a gradient and comes from outside.
    """

    def __init__(self, builder: Builder, captured: Captured, file: str | None) -> None:
        super().__init__()
        self.builder = builder
        self.memory = Memory(builder)
        self.captured = captured
        self.file = file
        self.inside = 0
        self.unsupported: dict[str, Unsupported] = {}
        self.notes: dict[str, None] = {}

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        """Run the call and write down what it computes."""
        given = _bound(func, args, kwargs or {})
        written = [given[a.name] for a in func._schema.arguments if _writes(a) and a.name in given]
        written = [t for w in written for t in (w if isinstance(w, (list, tuple)) else [w]) if torch.is_tensor(t)]
        active = self._is_active(given)
        before: dict[int, Tensor] = {}
        if active:
            for tensor in written:
                self.memory.adopt(tensor)
                before[id(tensor)] = self.symbol(tensor, raw=True)
        # Operands are read before the call: it may overwrite them.
        symbols = {id(t): self.symbol(t) for t in _tensors(given)} if active else {}
        result = func(*args, **(kwargs or {}))
        if active:
            self._line()
            tracked = torch.is_grad_enabled() and any(t.requires_grad for t in _tensors(given))
            call = Call(func, given, result, lambda t: symbols[id(t)])
            self._record(call, written, before, tracked=tracked or bool(self.inside))
        return result

    def symbol(self, tensor: Any, *, raw: bool = False) -> Tensor:
        """What a tensor stands for, the gradient stopped where autograd does not track it."""
        cell = self.memory.cell(tensor)
        if cell is None:
            found = self.captured(tensor) if tensor.requires_grad else None
            if found is None:
                return constant(exact(tensor))
            self.memory.bind(tensor, found, tracked=True)
            return found
        found = cell.read(tensor)
        cell.tracked |= tensor.requires_grad
        if raw or self.inside or tensor.requires_grad or not self.memory.linked(found):
            return found
        return xp.stop_gradient(found)  # type: ignore[no-any-return]

    def refuse(self, operation: str, hint: str = HINT) -> None:
        """Note an operation without lowering."""
        self.unsupported.setdefault(operation, Unsupported(operation, hint))

    @contextmanager
    def function(self, name: str) -> Iterator[None]:
        """The forward of a ``torch.autograd.Function``."""
        self.inside += 1
        try:
            with _watched(lambda tensor, how: self._escaped(tensor, how, name)):
                yield
        finally:
            self.inside -= 1

    def _escaped(self, tensor: Any, how: str, name: str) -> None:
        cell = self.memory.cell(tensor)
        if self.inside and cell is not None and self.memory.active(cell.read(tensor)):
            hint = "values leave torch inside the forward, so its formula cannot be seen; give it with spec="
            self.refuse(f"Tensor.{how} in {name}.forward", hint)

    def _is_active(self, given: Mapping[str, Any]) -> bool:
        for tensor in _tensors(given):
            cell = self.memory.cell(tensor)
            if cell is not None or (tensor.requires_grad and self.captured(tensor) is not None):
                return True
        return False

    def _record(
        self, call: Call, written: Sequence[Any], before: Mapping[int, Tensor], *, tracked: bool
    ) -> None:
        name = str(call.func)
        try:
            found = self._lowered(call)
        except NoLoweringError as error:
            self.refuse(name if not str(error) else f"{name} ({error})")
            found = [None] * len(call.results)
        except ProgramError as error:
            self.refuse(f"{name} ({error})")
            found = [None] * len(call.results)
        if written and all(any(r is w for w in written) for r in call.results):
            for tensor, symbol in zip(written, found, strict=False):
                self._write(tensor, symbol, before[id(tensor)], tracked=tracked)
            return
        for tensor in written:  # statistics that a layer keeps beside its result
            self.memory.forget(tensor)
        for tensor, symbol in zip(call.results, found, strict=True):
            if symbol is not None and torch.is_tensor(tensor):
                if symbol.shape != tuple(tensor.shape):
                    self.refuse(f"{name} (shape {symbol.shape} for {tuple(tensor.shape)})")
                    continue
                self.memory.bind(tensor, _of_kind(symbol, tensor), tracked=tracked)

    def _write(self, tensor: Any, symbol: Tensor | None, old: Tensor, *, tracked: bool) -> None:
        cell = self.memory.adopt(tensor)
        if symbol is None:
            symbol = constant(exact(tensor))
        if symbol.shape != tuple(tensor.shape):
            symbol = xp.broadcast_to(symbol, shape=tuple(tensor.shape))
        symbol = _of_kind(symbol, tensor)
        if cell.tracked and not tracked and self.memory.linked(old):
            # Autograd does not see this change: to it the tensor is still what it was.
            symbol = old + xp.stop_gradient(symbol - old)
        cell.write(tensor, symbol)
        cell.tracked |= tracked

    def _lowered(self, call: Call) -> list[Any]:
        if any(t.is_complex() for t in [*_tensors(call.raw), *call.results] if torch.is_tensor(t)):
            raise NoLoweringError("complex numbers are not lifted yet")  # noqa: EM101, TRY003
        lowering = aten_table.lookup(call.func)
        if lowering is not None:
            with torch._C._DisableTorchDispatch():
                found = lowering(call)
            return list(found) if isinstance(found, (tuple, list)) else [found]
        if not any(torch.is_tensor(r) and r.is_floating_point() for r in call.results):
            return [None] * len(call.results)
        return self._decomposed(call)

    def _decomposed(self, call: Call) -> list[Any]:
        """The framework's own reduction to simpler operations, run on the same numbers and recorded."""
        recipe = decomposition_table.get(call.func)
        if recipe is None or any(_writes(a) for a in call.func._schema.arguments):
            raise NoLoweringError
        args, kwargs = [], {}
        for argument in call.func._schema.arguments:
            (kwargs if argument.kwarg_only else {}).update({argument.name: call.raw[argument.name]})
            if not argument.kwarg_only:
                args.append(call.raw[argument.name])
        known = dict(self.unsupported)
        self.inside += 1
        try:
            with torch.no_grad(), self:
                parts = recipe(*args, **kwargs)
        finally:
            self.inside -= 1
        if len(self.unsupported) > len(known):
            self.unsupported = known
            raise NoLoweringError
        parts = list(parts) if isinstance(parts, (tuple, list)) else [parts]
        return [self.symbol(p, raw=True) if torch.is_tensor(p) and self.memory.cell(p) else None for p in parts]

    def _line(self) -> None:
        frame = sys._getframe(2)
        while frame is not None:
            file = frame.f_code.co_filename
            if not file.startswith(_LIBRARY) and not file.startswith("<"):
                if self.file in {None, file}:
                    self.builder.line = frame.f_lineno
                    return
            frame = frame.f_back  # type: ignore[assignment]
        self.builder.line = None


def _writes(argument: Any) -> bool:
    return argument.alias_info is not None and argument.alias_info.is_write


def _bound(func: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> dict[str, Any]:
    bound = {}
    for k, argument in enumerate(func._schema.arguments):
        if k < len(args) and not argument.kwarg_only:
            bound[argument.name] = args[k]
        elif argument.name in kwargs:
            bound[argument.name] = kwargs[argument.name]
        else:
            bound[argument.name] = argument.default_value if argument.has_default_value() else None
    return bound


def _tensors(given: Mapping[str, Any]) -> Iterator[Any]:
    for value in given.values():
        if torch.is_tensor(value):
            yield value
        elif isinstance(value, (list, tuple)):
            yield from (v for v in value if torch.is_tensor(v))


def _of_kind(symbol: Tensor, tensor: Any) -> Tensor:
    kind = "bool" if tensor.dtype == torch.bool else "real" if tensor.is_floating_point() else "int"
    if symbol.kind == kind:
        return symbol
    return xp.astype(symbol, dtype={"real": "float64", "int": "int64", "bool": "bool"}[kind])  # type: ignore[no-any-return]


@contextmanager
def functions_marked(recorder: Recorder) -> Iterator[None]:
    """Tell the recorder of every ``torch.autograd.Function`` that is applied.

    The class below ``Function`` is patched: user code often keeps ``MyFunction.apply`` itself in a name.
    """

    def apply(cls: Any, *args: Any, **kwargs: Any) -> Any:
        with recorder.function(cls.__name__):
            return super(_SingleLevelFunction, cls).apply(*args, **kwargs)

    _SingleLevelFunction.apply = classmethod(apply)
    try:
        yield
    finally:
        del _SingleLevelFunction.apply


@contextmanager
def _watched(report: Callable[[Any, str], None]) -> Iterator[None]:
    """Call ``report`` when the numbers of a tensor leave torch."""
    kept = {name: getattr(torch.Tensor, name) for name in _ESCAPES}
    own = {name for name in _ESCAPES if name in vars(torch.Tensor)}

    def reporting(name: str) -> Any:
        def method(tensor: Any, *args: Any, **kwargs: Any) -> Any:
            report(tensor, name)
            return kept[name](tensor, *args, **kwargs)

        return method

    for name in _ESCAPES:
        setattr(torch.Tensor, name, reporting(name))
    try:
        yield
    finally:
        for name, method in kept.items():
            if name in own:
                setattr(torch.Tensor, name, method)
            else:
                delattr(torch.Tensor, name)
