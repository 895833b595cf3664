"""A derivative that torch computes, recorded call by call below autograd: the formula of a route.

The forward and backward pass run under one recorder. What the forward saved is found again by its memory,
and a ``torch.autograd.Function``'s own backward is Python whose calls are seen like all others: here the rule
*is* read. Nothing is differentiated any more, so nothing stops a gradient.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch.utils._python_dispatch import _disable_current_modes

from oracle.lift.aten import Call, lookup
from oracle.lift.aten_backward import KEPT
from oracle.lift.complex_numbers import Symbol, whole
from oracle.lift.derivative import LiftedDerivative, not_lifted
from oracle.lift.torch_arguments import bound, tensors_in
from oracle.lift.torch_boundary import functions_marked, watched
from oracle.lift.torch_inputs import parts_of
from oracle.lift.torch_internals import (
    READ_NUMBER,
    address,
    eagerly,
    in_backward,
    is_inexact,
    name_of,
    without_fused_layers,
)
from oracle.lift.torch_memory import exact, tensors_of
from oracle.lift.torch_recorder import Captured, Recorder
from reference_engine.differentiate import COTANGENT, DIRECTION, GRADIENT, TANGENT
from reference_engine.program import TensorType
from reference_engine.trace import Builder, Tensor, building


def lift_torch_derivative(route: Callable[[Any], Any], call: Any) -> LiftedDerivative:
    """What ``route`` computes of ``call``, which must be a fresh one: it is changed. What torch raises passes
    through.
    """
    return _Recording(route, call).run()


class DerivativeRecorder(Recorder):
    """Looks through everything, and refuses to take for a constant what is none."""

    def __init__(self, builder: Builder, captured: Captured) -> None:
        super().__init__(builder, captured, None)
        self.looking_through = True
        self._lost: dict[int, tuple[Any, str]] = {}
        self._writing = 0

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        """Run the call and write down what it computes; a number that a backward pass reads off a tensor is
        part of its formula.
        """
        if func is READ_NUMBER and in_backward():
            (tensor,) = tensors_in(bound(func, args, kwargs or {}).values())
            cell = self.memory.cell(tensor)
            if is_inexact(tensor) and cell is not None and self.memory.active(cell.read(tensor)):
                self.refuse("Tensor.item in a backward pass", "")
        self._writing += 1
        try:
            return super().__torch_dispatch__(func, types, args, kwargs)
        finally:
            self._writing -= 1

    def symbol(self, tensor: Any, *, raw: bool = False) -> Symbol:
        """What a tensor stands for; what has no formula is named where it is read."""
        if address(tensor) in self._lost and self.memory.cell(tensor) is None:
            self.refuse(f"what {self._lost[address(tensor)][1]} keeps for its backward pass", "")
        return super().symbol(tensor, raw=raw)

    def left(self, tensor: Any, how: str) -> None:
        """Refuse numbers that leave torch; lowerings may read what they like."""
        if self._writing:
            return
        cell = self.memory.cell(tensor)
        if cell is not None and is_inexact(tensor) and self.memory.active(cell.read(tensor)):
            self.refuse(f"Tensor.{how}", "")

    def _record(
        self, call: Call, written: Sequence[Any], before: Mapping[int, Symbol], *, tracked: bool
    ) -> None:
        super()._record(call, written, before, tracked=tracked)
        keep = lookup(call.func, KEPT)
        complex_ = any(t.is_complex() for t in tensors_in(call.raw.values()))
        kept = [None] * len(call.results) if keep is None or complex_ else keep(call)
        for tensor, symbol in zip(call.results, kept, strict=True):
            inexact = torch.is_tensor(tensor) and is_inexact(tensor) and tensor.numel() > 0
            if inexact and self.memory.cell(tensor) is None:
                if symbol is None:
                    self._lost[address(tensor)] = (tensor, name_of(call.func))
                else:
                    self.memory.bind(tensor, symbol, tracked=tracked)


class _Recording:
    """One run of one route."""

    def __init__(self, route: Callable[[Any], Any], call: Any) -> None:
        self.route = route
        self.call = call
        self.builder = Builder(surface=True)
        self.recorder = DerivativeRecorder(self.builder, lambda _: None)
        self.inputs: dict[str, Tensor] = {}
        self.pairs: Mapping[str, str] = getattr(call, "pairs", {})
        self.fixed: Mapping[str, Any] = getattr(call, "fixed", {})
        self.found: list[tuple[str, Any]] = []

    def run(self) -> LiftedDerivative:
        """Follow the route under the recorder."""
        call, recorder = self.call, self.recorder
        given = {**call.given, **self.fixed}
        formats = [t.dtype for t in given.values() if is_inexact(t)]
        recorder.native = max((torch.finfo(d).eps for d in formats), default=None)
        with building(self.builder):
            for name, tensor in given.items():
                self._bind(name, tensor)
            self._intercept()
            with (
                eagerly(),
                without_fused_layers(),
                functions_marked(recorder.function),
                watched(recorder.left),
                recorder,
            ):
                self.route(call)
            if recorder.unsupported:
                return not_lifted(", ".join(recorder.unsupported))
            names: list[str] = []
            symbols: list[Tensor] = []
            answers = {}
            for name, tensor in self.found:
                parts = self._parts(name, recorder.symbol(tensor), tensor)
                for key, symbol, part in parts:
                    names.append(key)
                    symbols.append(symbol)
                    answers[key] = exact(part)
            if recorder.unsupported:
                return not_lifted(", ".join(recorder.unsupported))
            program = self.builder.finish(list(self.inputs.values()), symbols, names)
        return LiftedDerivative(program, answers)

    def _intercept(self) -> None:
        """Let the call bind what it hands to torch, and keep the tensors that it would turn into numbers."""
        call, point = self.call, self.call.point
        cotangents, along = call.cotangents, call.along

        def bound_cotangents(outputs: Sequence[Any], *args: Any) -> tuple[Any, ...]:
            found: tuple[Any, ...] = cotangents(outputs, *args)
            for name, tensor in zip(self._returned(), found, strict=True):
                self._bind(COTANGENT + name, tensor, self.pairs.get(name))
            return found

        def bound_along(vectors: Mapping[str, Any]) -> tuple[Any, ...]:
            found: tuple[Any, ...] = along(vectors)
            prefix = DIRECTION if vectors is point.directions else TANGENT
            for name, tensor in zip(self._asked(), found, strict=True):
                self._bind(prefix + name, tensor, self.pairs.get(name))
            return found

        def answer(_: Sequence[Any], gradients: Sequence[Any]) -> None:
            self.found += [(GRADIENT + n, g) for n, g in zip(self._asked(), gradients, strict=True)]

        def forward_answer(_: Sequence[Any], tangents: Sequence[Any]) -> None:
            self.found += [(TANGENT + n, t) for n, t in zip(self._returned(), tangents, strict=True)]

        call.cotangents, call.along = bound_cotangents, bound_along
        call.answer, call.forward_answer = answer, forward_answer

    def _returned(self) -> list[str]:
        """Names of the real outputs, complex ones under their real part's."""
        names = getattr(self.call, "returned", self.call.program.output_names)
        return [names[k] for k in self.call.real]

    def _asked(self) -> Sequence[str]:
        """Names of the differentiated inputs, complex ones under their real part's."""
        asked: Sequence[str] = getattr(self.call, "asked", self.call.point.wrt)
        return asked

    def _bind(self, name: str, tensor: Any, second: str | None = None) -> None:
        """A tensor as an input of the Program; integers and booleans are constants of the run."""
        if not is_inexact(tensor):
            return
        prefix = next((p for p in (COTANGENT, TANGENT, DIRECTION) if name.startswith(p)), "")
        second = second or self.pairs.get(name)
        names = [name] if second is None else [name, prefix + second]
        type_ = TensorType(tuple(tensor.shape))
        for own in names:
            if own not in self.inputs:
                self.inputs[own] = self.builder.input(own, type_)
        parts = [self.inputs[own] for own in names]
        symbol = whole(parts)
        self.recorder.memory.forget(tensor)
        self.recorder.memory.bind(tensor, symbol, tracked=True)

    def _parts(self, name: str, symbol: Symbol, tensor: Any) -> list[tuple[str, Tensor, Any]]:
        """A derivative under its name, or both parts of a complex one."""
        prefix = GRADIENT if name.startswith(GRADIENT) else TANGENT
        second = self.pairs.get(name.removeprefix(prefix))
        names = [name] if second is None else [name, prefix + second]
        with _disable_current_modes():
            return list(zip(names, tensors_of(symbol), parts_of(tensor), strict=True))
