"""One forward of a torch function, recorded call by call below autograd.

What autograd tracks decides what is differentiated: a tensor that requires no gradient although its symbol
depends on the inputs (``detach``, ``no_grad``, ``.data``) stops the gradient. Inside the forward of a
``torch.autograd.Function`` nothing is tracked, and everything is looked through: its backward is what is to
be checked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch._decomp import decomposition_table
from torch.utils._python_dispatch import TorchDispatchMode

from oracle.lift import aten_table
from oracle.lift.aten import CONSTANT, Call, NoLoweringError
from oracle.lift.program import Unsupported
from oracle.lift.torch_boundary import watched
from oracle.lift.torch_internals import READ_NUMBER, address, arguments_of, caller
from oracle.lift.torch_memory import Memory, exact
from reference_engine.program import ProgramError
from reference_engine.trace import Builder, Tensor, constant, xp

HINT = "add a lowering for it to oracle/lift/aten_*.py, or give the function's formula with spec="
ESCAPED = "values leave torch inside the forward, so its formula cannot be seen; give it with spec="
UNLINKED = (
    "it requires a gradient, but what was recorded does not connect it with the inputs (numpy or an "
    "extension inside a forward?); give the function's formula with spec="
)
_LIBRARY = (str(Path(torch.__file__).parent), str(Path(__file__).parent))

Captured = Callable[[Any], "Tensor | None"]


class Recorder(TorchDispatchMode):  # type: ignore[misc]
    """Writes the calls of one forward to a Program under construction.

    ``captured`` is asked for the symbol of a tensor that requires a gradient and comes from outside.
    ``native`` is the coarsest machine epsilon among the inputs: coarser results are rounded once more.
    """

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """No compiler is loaded for the recorder's own sake; :func:`eagerly` keeps it away."""
        return False

    def __init__(self, builder: Builder, captured: Captured, file: str | None) -> None:
        super().__init__()
        self.builder = builder
        self.memory = Memory(builder)
        self.captured = captured
        self.file = file
        self.inside = 0
        self.looking_through = False
        self.native: Any = None
        self._born: dict[int, Any] = {}
        self._tracked: dict[int, Any] = {}
        self._constants: dict[int, Any] = {}
        self.unsupported: dict[str, Unsupported] = {}
        self.notes: dict[str, None] = {}

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        """Run the call and write down what it computes."""
        given = _bound(func, args, kwargs or {})
        written = [given[a.name] for a in arguments_of(func) if _writes(a) and a.name in given]
        written = [
            t for w in written for t in (w if isinstance(w, (list, tuple)) else [w]) if torch.is_tensor(t)
        ]
        active = self._is_active(given)
        before: dict[int, Tensor] = {}
        if active:
            for tensor in written:
                self.memory.adopt(tensor)
                before[id(tensor)] = self.symbol(tensor, raw=True)
        # Operands are read before the call: it may overwrite them.
        # A view shares its cell with tensors that are tracked: what stops there is decided when it is read.
        view = any(a.alias_info is not None and not _writes(a) for a in arguments_of(func))
        symbols = {id(t): self.symbol(t, raw=view) for t in _tensors(given)} if active else {}
        result = func(*args, **(kwargs or {}))
        if not active:
            for tensor in _tensors({"result": result}):
                if not tensor.requires_grad:
                    self._born[address(tensor)] = tensor
                if not self.inside:
                    self._constants[id(tensor)] = tensor
        else:
            self._line()
            tracked = torch.is_grad_enabled() and any(self._is_tracked(t) for t in _tensors(given))
            if tracked and func is not torch.ops.aten.detach.default and not isinstance(result, tuple):
                self._tracked.update({id(t): t for t in _tensors({"result": result})})
            call = Call(func, given, result, lambda t: symbols[id(t)])
            self._record(call, written, before, tracked=tracked or bool(self.inside) or self.looking_through)
        return result

    def symbol(self, tensor: Any, *, raw: bool = False) -> Tensor:
        """What a tensor stands for, the gradient stopped where autograd does not track it."""
        cell = self.memory.cell(tensor)
        if cell is None:
            found = self.captured(tensor) if tensor.requires_grad else None
            if found is None:
                seen = tensor.is_leaf or self._constants.get(id(tensor)) is tensor
                if tensor.requires_grad and not seen and not self.unsupported:
                    self.refuse("a tensor that requires a gradient", UNLINKED)
                return constant(exact(tensor))
            self.memory.bind(tensor, found, tracked=True)
            return found
        found = cell.read(tensor)
        cell.tracked |= tensor.requires_grad
        if (
            raw
            or self.inside
            or self.looking_through
            or self._is_tracked(tensor)
            or not self.memory.linked(found)
        ):
            return found
        return xp.stop_gradient(found)  # type: ignore[no-any-return]

    def _is_tracked(self, tensor: Any) -> bool:
        """Whether autograd follows a tensor: it says so, or it has not come to it yet.

        A kernel that calls others (with a zero tensor, for one) sees results that autograd marks only at
        the end.
        """
        return bool(tensor.requires_grad) or self._tracked.get(id(tensor)) is tensor

    def detached(self, tensor: Any, how: str) -> None:
        """Note that autograd no longer follows a tensor (``detach_`` is no call below autograd)."""
        self._tracked.pop(id(tensor), None)

    def born_inside(self, tensor: Any) -> bool:
        """Whether the memory of a tensor was made during the recording."""
        return address(tensor) in self._born

    def refuse(self, operation: str, hint: str = HINT) -> None:
        """Note an operation without lowering."""
        self.unsupported.setdefault(operation, Unsupported(operation, hint))

    @contextmanager
    def function(self, name: str) -> Iterator[None]:
        """The forward of a ``torch.autograd.Function``."""
        self.inside += 1
        try:
            with watched(lambda tensor, how: self._escaped(tensor, how, name)):
                yield
        finally:
            self.inside -= 1

    def _escaped(self, tensor: Any, how: str, name: str) -> None:
        cell = self.memory.cell(tensor)
        if self.inside and cell is not None and self.memory.active(cell.read(tensor)):
            self.refuse(f"Tensor.{how} in {name}.forward", ESCAPED)

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
            explained = self._explains(call)
            for tensor, symbol in zip(written, found, strict=False):
                self._write(tensor, symbol, before[id(tensor)], tracked=tracked, explained=explained)
            return
        for tensor in written:  # statistics that a layer keeps beside its result
            self.memory.forget(tensor)
        for tensor, given in zip(call.results, found, strict=True):
            if torch.is_tensor(tensor) and tensor.is_meta:
                continue
            symbol = given
            if torch.is_tensor(tensor) and tensor.layout is not torch.strided:
                self.refuse(name, "sparse tensors are not lifted")
                continue
            if symbol is CONSTANT and torch.is_tensor(tensor):
                symbol = constant(exact(tensor))
                self.memory.vouch(symbol)
            if symbol is not None and torch.is_tensor(tensor):
                if symbol.shape != tuple(tensor.shape):
                    self.refuse(f"{name} (shape {symbol.shape} for {tuple(tensor.shape)})")
                    continue
                symbol = self._rounded(_of_kind(symbol, tensor), tensor)
                if self._explains(call):
                    self.memory.vouch(symbol)
                self.memory.bind(tensor, symbol, tracked=tracked)

    def _rounded(self, symbol: Tensor, tensor: Any) -> Tensor:
        """A result in a format that is coarser than the inputs' is rounded to it, operation by operation."""
        if self.native is None or not tensor.is_floating_point() or self.memory.cell(tensor) is not None:
            return symbol
        if torch.finfo(tensor.dtype).eps <= self.native or self.builder.nodes[symbol.index].op == "astype":
            return symbol
        return xp.astype(symbol, dtype=str(tensor.dtype).removeprefix("torch."))  # type: ignore[no-any-return]

    def _explains(self, call: Call) -> bool:
        """Whether a floating-point operand is explained: then so is what a lowering makes of it."""
        return any(self.memory.explained(call.symbol(t)) for t in _tensors(call.raw) if t.is_floating_point())

    def _write(
        self, tensor: Any, symbol: Tensor | None, old: Tensor, *, tracked: bool, explained: bool
    ) -> None:
        cell = self.memory.adopt(tensor)
        if symbol is None or symbol is CONSTANT:
            symbol = constant(exact(tensor))
            self.memory.vouch(symbol)
        if symbol.shape != tuple(tensor.shape):
            symbol = xp.broadcast_to(symbol, shape=tuple(tensor.shape))
        symbol = _of_kind(symbol, tensor)
        if explained:
            self.memory.vouch(symbol)
        if cell.tracked and not tracked and self.memory.linked(old):
            # Autograd does not see this change: to it the tensor is still what it was.
            symbol = old + xp.stop_gradient(symbol - old)
        cell.write(tensor, symbol)
        cell.tracked |= tracked

    def _lowered(self, call: Call) -> list[Any]:
        if call.func is torch.ops.aten.as_strided.default:
            cell = self.memory.cell(call.raw["self"])
            assert cell is not None
            return [cell.read(call.result)]
        if any(t.is_complex() for t in [*_tensors(call.raw), *call.results] if torch.is_tensor(t)):
            raise NoLoweringError("complex numbers are not lifted yet")  # noqa: EM101
        if call.func is READ_NUMBER:
            if self.inside and call.raw["self"].is_floating_point():
                self.refuse("Tensor.item in the forward of a torch.autograd.Function", ESCAPED)
            return [None]
        lowering = aten_table.lookup(call.func)
        if lowering is not None:
            found = lowering(call)
            return list(found) if isinstance(found, (tuple, list)) else [found]
        if not any(torch.is_tensor(r) and r.is_floating_point() for r in call.results):
            return [None] * len(call.results)
        return self._decomposed(call)

    def _decomposed(self, call: Call) -> list[Any]:
        """The framework's own reduction to simpler operations, run on the same numbers and recorded."""
        recipe = decomposition_table.get(call.func)
        if recipe is None or any(_writes(a) for a in arguments_of(call.func)):
            raise NoLoweringError
        args: list[Any] = []
        kwargs: dict[str, Any] = {}
        for argument in arguments_of(call.func):
            (kwargs if argument.kwarg_only else {}).update({argument.name: call.raw[argument.name]})
            if not argument.kwarg_only:
                args.append(call.raw[argument.name])
        known = dict(self.unsupported)
        outer, self.looking_through = self.looking_through, True
        try:
            with torch.no_grad(), self:
                parts = recipe(*args, **kwargs)
        finally:
            self.looking_through = outer
        if len(self.unsupported) > len(known):
            self.unsupported = known
            raise NoLoweringError
        parts = list(parts) if isinstance(parts, (tuple, list)) else [parts]
        found = [
            self.symbol(p, raw=True) if torch.is_tensor(p) and self.memory.cell(p) else None for p in parts
        ]
        if all(f is None for f in found):
            raise NoLoweringError
        return found

    def _line(self) -> None:
        frame = caller(2)
        while frame is not None:
            file = frame.f_code.co_filename
            if file == self.file or (self.file is None and not file.startswith((*_LIBRARY, "<"))):
                self.builder.line = frame.f_lineno
                return
            frame = frame.f_back
        self.builder.line = None


def _writes(argument: Any) -> bool:
    return argument.alias_info is not None and argument.alias_info.is_write


def _bound(func: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> dict[str, Any]:
    bound = {}
    for k, argument in enumerate(arguments_of(func)):
        if k < len(args) and not argument.kwarg_only:
            bound[argument.name] = args[k]
        elif argument.name in kwargs:
            bound[argument.name] = kwargs[argument.name]
        else:
            bound[argument.name] = argument.default_value if argument.has_default_value() else None
    return bound


def _tensors(given: Mapping[str, Any]) -> Iterator[Any]:
    for value in given.values():
        for part in value if isinstance(value, (list, tuple)) else [value]:
            if torch.is_tensor(part) and part.layout is torch.strided and not part.is_meta:
                yield part


def _of_kind(symbol: Tensor, tensor: Any) -> Tensor:
    kind = "bool" if tensor.dtype == torch.bool else "real" if tensor.is_floating_point() else "int"
    if symbol.kind == kind:
        return symbol
    return xp.astype(symbol, dtype={"real": "float64", "int": "int64", "bool": "bool"}[kind])  # type: ignore[no-any-return]
