"""One forward of a torch function, recorded call by call below autograd.

What autograd tracks decides what is differentiated: a tensor that requires no gradient although its symbol
depends on the inputs (``detach``, ``no_grad``, ``.data``) stops the gradient. Inside the forward of a
``torch.autograd.Function`` nothing is tracked, and everything is looked through: its backward is what is to
be checked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode

from oracle.lift.aten import Call, NoLoweringError
from oracle.lift.complex_numbers import Symbol, each_part
from oracle.lift.program import Unsupported
from oracle.lift.torch_arguments import bound, is_view, moves_only, tensors_in, written_by
from oracle.lift.torch_boundary import OF_CUSTOM_OPERATION, watched
from oracle.lift.torch_internals import address, called, is_inexact, line_in
from oracle.lift.torch_lowering import ESCAPED, fitting, lowered
from oracle.lift.torch_memory import Memory, constant_of, tensors_of
from reference_engine.program import ProgramError
from reference_engine.trace import Builder, xp

HINT = "add a lowering for it to oracle/lift/aten_*.py, or give the function's formula with spec="
NO_GRAD = "torch's forward mode does not heed no_grad, so it differentiates another function"
SILENT = "torch's forward mode takes the tangent of {} for 0, without a word"
UNLINKED = (
    "it requires a gradient, but what was recorded does not connect it with the inputs (numpy or an "
    "extension inside a forward?); give the function's formula with spec="
)
DETACH = torch.ops.aten.detach.default

Captured = Callable[[Any], "Symbol | None"]


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
        self.backward_only: dict[str, None] = {}
        self._silenced: dict[int, Any] = {}

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        """Run the call and write down what it computes."""
        given = bound(func, args, kwargs or {})
        written = written_by(func, given)
        active = self._is_active(given)
        if active and func is DETACH and torch.is_grad_enabled():
            return func(*args, **(kwargs or {}))  # it sees what its operand sees
        before: dict[int, Symbol] = {}
        if active:
            for tensor in written:
                self.memory.adopt(tensor)
                before[id(tensor)] = self.symbol(tensor, raw=True)
        # Operands are read before the call: it may overwrite them.
        # A view shares its cell with tensors that are tracked: what stops there is decided when it is read.
        view = is_view(func)
        symbols = {id(t): self.symbol(t, raw=view) for t in tensors_in(given.values())} if active else {}
        result = called(func, args, kwargs or {})
        if not active:
            for tensor in tensors_in([result]):
                if not tensor.requires_grad:
                    self._born[address(tensor)] = tensor
                if not self.inside:
                    self._constants[id(tensor)] = tensor
        else:
            self.builder.line = line_in(self.file)
            tracked = torch.is_grad_enabled() and any(self._is_tracked(t) for t in tensors_in(given.values()))
            if tracked and func is not DETACH and not isinstance(result, tuple):
                self._tracked.update({id(t): t for t in tensors_in([result])})
            results = written if result is None else result  # a list operation in place returns nothing
            if self._is_silenced(given):
                self._silenced.update({address(t): t for t in tensors_in([results])})
            call = Call(func, given, results, _reader(symbols))
            self._record(call, written, before, tracked=tracked or bool(self.inside) or self.looking_through)
        return result

    def symbol(self, tensor: Any, *, raw: bool = False) -> Symbol:
        """What a tensor stands for, the gradient stopped where autograd does not track it."""
        cell = self.memory.cell(tensor)
        if cell is None:
            found = self.captured(tensor) if tensor.requires_grad else None
            if found is None:
                seen = tensor.is_leaf or self._constants.get(id(tensor)) is tensor
                if tensor.requires_grad and not seen and not self.unsupported:
                    self.refuse("a tensor that requires a gradient", UNLINKED)
                return constant_of(tensor)
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
        if address(tensor) in self._silenced:
            self.backward_only[NO_GRAD] = None
        return each_part(xp.stop_gradient, found)

    def _is_silenced(self, given: Mapping[str, Any]) -> bool:
        """Whether a call computes with tracked tensors where ``no_grad`` keeps autograd from following."""
        if torch.is_grad_enabled() or self.inside or self.looking_through:
            return False
        return any(self._is_tracked(t) or address(t) in self._silenced for t in tensors_in(given.values()))

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
        if name.startswith(OF_CUSTOM_OPERATION) and not self.inside:
            self.backward_only[SILENT.format(name.removeprefix(OF_CUSTOM_OPERATION))] = None
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
        for tensor in tensors_in(given.values()):
            cell = self.memory.cell(tensor)
            if cell is not None or (tensor.requires_grad and self.captured(tensor) is not None):
                return True
        return False

    def _record(
        self, call: Call, written: Sequence[Any], before: Mapping[int, Symbol], *, tracked: bool
    ) -> None:
        if moves_only(call.func):  # memory holds what it held; its cell is read where the tensor now looks
            return
        name = str(call.func)
        try:
            found = [
                fitting(self.memory, *pair) for pair in zip(lowered(self, call), call.results, strict=False)
            ]
        except (NoLoweringError, ProgramError) as error:
            self.refuse(name if not str(error) else f"{name} ({error})")
            found = [None] * len(call.results)
        explained = self._explains(call)
        if written and all(any(r is w for w in written) for r in call.results):
            for tensor, symbol in zip(written, found, strict=False):
                self._write(tensor, symbol, before[id(tensor)], tracked=tracked, explained=explained)
            return
        for tensor in written:  # statistics that a layer keeps beside its result
            self.memory.forget(tensor)
        for tensor, symbol in zip(call.results, found, strict=True):
            if symbol is None:
                continue
            if symbol.shape != tuple(tensor.shape):
                self.refuse(f"{name} (shape {symbol.shape} for {tuple(tensor.shape)})")
                continue
            rounded = self._rounded(symbol, tensor)
            if explained:
                self.memory.vouch(rounded)
            self.memory.bind(tensor, rounded, tracked=tracked)

    def _rounded(self, symbol: Symbol, tensor: Any) -> Symbol:
        """A result in a format that is coarser than the inputs' is rounded to it, operation by operation."""
        if self.native is None or not is_inexact(tensor) or self.memory.cell(tensor) is not None:
            return symbol
        if torch.finfo(tensor.dtype).eps <= self.native:
            return symbol
        name = str(tensor.dtype.to_real()).removeprefix("torch.")
        if any(self.builder.nodes[part.index].op == "astype" for part in tensors_of(symbol)):
            return symbol
        return each_part(lambda part: xp.astype(part, dtype=name), symbol)

    def _explains(self, call: Call) -> bool:
        """Whether an operand with a derivative is explained: then so is what a lowering makes of it."""
        return any(
            self.memory.explained(call.symbol(t)) for t in tensors_in(call.raw.values()) if is_inexact(t)
        )

    def _write(
        self, tensor: Any, symbol: Symbol | None, old: Symbol, *, tracked: bool, explained: bool
    ) -> None:
        cell = self.memory.adopt(tensor)
        if symbol is None:
            symbol = constant_of(tensor)
            self.memory.vouch(symbol)
        shape = tuple(tensor.shape)
        if symbol.shape != shape:
            symbol = each_part(lambda part: xp.broadcast_to(part, shape=shape), symbol)
        if explained:
            self.memory.vouch(symbol)
        if cell.tracked and not tracked and self.memory.linked(old):
            # Autograd does not see this change: to it the tensor is still what it was.
            self.backward_only[NO_GRAD] = None
            symbol = old + each_part(xp.stop_gradient, symbol - old)
        cell.write(tensor, symbol)
        cell.tracked |= tracked


def _reader(symbols: Mapping[int, Symbol]) -> Callable[[Any], Any]:
    """What a call's operands stand for; lowerings know themselves which kinds of symbols they take."""
    return lambda tensor: symbols[id(tensor)]
