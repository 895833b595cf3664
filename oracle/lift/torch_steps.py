"""A torch function lifted with a record of every operation that autograd differentiates, each ready to be run
again by itself. It costs copies of all operands, so it is done where something is to be explained. Operations
on complex numbers are not noted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch.autograd.function import _SingleLevelFunction
from torch.utils._python_dispatch import _disable_current_modes

from oracle.lift.aten import Call
from oracle.lift.steps import Operand, Ran, Stepwise, place_of, placed
from oracle.lift.torch_arguments import tensors_in, unbound
from oracle.lift.torch_inputs import copy_of
from oracle.lift.torch_internals import caller, name_of
from oracle.lift.torch_lift import lift_torch
from oracle.lift.torch_memory import exact
from oracle.lift.torch_recorder import Captured, Recorder
from reference_engine.trace import Builder, Tensor

_SKIPPED = (str(Path(torch.__file__).parent), str(Path(__file__).parents[1]))

SPOKEN = {
    "_softmax": "softmax",
    "_log_softmax": "log_softmax",
    "native_layer_norm": "layer_norm",
    "native_batch_norm": "batch_norm",
    "native_group_norm": "group_norm",
    "native_dropout": "dropout",
    "_unsafe_view": "reshape",
    "_to_copy": "to",
    "_euclidean_dist": "cdist",
    "_cdist_forward": "cdist",
    "_fused_rms_norm": "rms_norm",
}
"""Names of ATen operations that nobody calls so."""


DETACH = torch.ops.aten.detach.default
"""Kernels call it on what they keep for the backward pass; where a user does, nothing is differentiated."""


def lift_torch_steps(fn: Callable[..., Any], args: Sequence[Any]) -> Stepwise:
    """The function at these arguments, with its operations. What ``fn`` raises passes through."""
    builder = Builder(surface=True)
    recorders: list[StepRecorder] = []

    def made(builder: Builder, captured: Captured, file: str | None) -> StepRecorder:
        recorders.append(StepRecorder(builder, captured, file))
        return recorders[-1]

    lifted = lift_torch(fn, args, builder=builder, recorder=made)
    return Stepwise(lifted, placed(recorders[0].ran, builder.places) if recorders else ())


class StepRecorder(Recorder):
    """Notes each operation outside of Functions, and each Function as one operation."""

    def __init__(self, builder: Builder, captured: Captured, file: str | None) -> None:
        super().__init__(builder, captured, file)
        self.ran: list[Ran] = []
        self._copies: dict[int, Any] = {}
        self._random: Any = None
        self._entered = 0

    def __enter__(self) -> Any:
        """Begin, with Functions told apart from what they call."""
        self._entered += 1
        if self._entered == 1:
            self._marked = vars(_SingleLevelFunction)["apply"]
            _SingleLevelFunction.apply = classmethod(self._applying(self._marked.__func__))
        return super().__enter__()

    def __exit__(self, *failure: object) -> Any:
        """End."""
        self._entered -= 1
        if self._entered == 0:
            _SingleLevelFunction.apply = self._marked
        return super().__exit__(*failure)

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        """Run the call on the very numbers of which copies are kept."""
        if not (self.inside or self.looking_through):
            self._copies = {id(t): copy_of(t) for t in _dense([*args, *(kwargs or {}).values()])}
            self._random = _random_state(func)
        return super().__torch_dispatch__(func, types, args, kwargs)

    def _record(
        self, call: Call, written: Sequence[Any], before: Mapping[int, Any], *, tracked: bool
    ) -> None:
        copies, random = self._copies, self._random
        super()._record(call, written, before, tracked=tracked)
        if not tracked or self.inside or self.looking_through or call.func is DETACH:
            return
        given = _dense(call.raw.values())
        if any(t.is_complex() for t in given):
            return
        operands = self._operands(given, copies, [call.symbol(t) for t in given])
        places, nodes = self._results(call.results)
        overwritten = {id(t) for t in written}

        def run(arrays: Mapping[str, Any]) -> tuple[Any, ...]:
            names = {id(t): f"x{k}" for k, t in enumerate(given)}

            def own(value: Any) -> Any:
                if isinstance(value, (list, tuple)):
                    return type(value)(own(v) for v in value)
                if id(value) not in names:
                    return value
                found = arrays.get(names[id(value)], copies[id(value)])
                return found.clone() if id(value) in overwritten else found

            if random is not None:
                torch.set_rng_state(random)
            args, kwargs = unbound(call.func, {n: own(v) for n, v in call.raw.items()})
            result = call.func(*args, **kwargs)
            results = list(result) if isinstance(result, (tuple, list)) else [result]
            return tuple(results[k] for k in places)

        name = name_of(call.func)
        spoken = SPOKEN.get(name, name.removesuffix("_").removeprefix("_"))
        self.ran.append(Ran(spoken, place_of(caller(0), _SKIPPED), operands, nodes, run))

    def _applying(self, apply: Any) -> Callable[..., Any]:
        """The ``apply`` of a Function that is noted as one operation."""

        def applied(cls: Any, *args: Any, **kwargs: Any) -> Any:
            if self.inside or self.looking_through or not torch.is_grad_enabled():
                return apply(cls, *args, **kwargs)
            given = _dense(args)
            if any(t.is_complex() for t in given):
                return apply(cls, *args, **kwargs)
            with _disable_current_modes():
                copies = {id(t): copy_of(t) for t in given}
                operands = self._operands(given, copies, [self.symbol(t) for t in given])
                random = torch.get_rng_state()
            result = apply(cls, *args, **kwargs)
            results = list(result) if isinstance(result, tuple) else [result]
            places, nodes = self._results(results)

            def run(arrays: Mapping[str, Any]) -> tuple[Any, ...]:
                names = {id(t): f"x{k}" for k, t in enumerate(given)}
                own = [arrays.get(names[id(a)], copies[id(a)]) if id(a) in names else a for a in args]
                torch.set_rng_state(random)
                found = cls.apply(*own, **kwargs)
                found = list(found) if isinstance(found, tuple) else [found]
                return tuple(found[k] for k in places)

            if nodes:
                source = place_of(caller(0), _SKIPPED)
                self.ran.append(Ran(cls.__name__, source, operands, nodes, run, own_rule=True))
            return result

        return applied

    def _operands(
        self, given: Sequence[Any], copies: Mapping[int, Any], symbols: Sequence[Any]
    ) -> tuple[Operand, ...]:
        """What depends on the function's inputs, once each; the rest are constants of the Program."""
        found = {}
        for k, (tensor, symbol) in enumerate(zip(given, symbols, strict=True)):
            if isinstance(symbol, Tensor) and self.builder.nodes[symbol.index].op != "constant":
                moving = tensor.is_floating_point() and self.memory.linked(symbol)
                copy = copies[id(tensor)]
                found[f"x{k}"] = Operand(f"x{k}", symbol.index, copy, exact(copy), moving)
        return tuple(found.values())

    def _results(self, results: Sequence[Any]) -> tuple[list[int], tuple[int, ...]]:
        """Places and nodes of the real results that the Program knows."""
        places, nodes = [], []
        with _disable_current_modes():
            for k, tensor in enumerate(results):
                if torch.is_tensor(tensor) and tensor.is_floating_point():
                    cell = self.memory.cell(tensor)
                    symbol = None if cell is None else cell.read(tensor)
                    if isinstance(symbol, Tensor) and symbol.kind == "real":
                        places.append(k)
                        nodes.append(symbol.index)
        return places, tuple(nodes)


def _dense(values: Iterable[Any]) -> list[Any]:
    """The dense tensors among arguments, also in lists, each once."""
    return list({id(t): t for t in tensors_in(values)}.values())


def _random_state(func: Any) -> Any:
    """The state of the generator before an operation that draws."""
    return torch.get_rng_state() if torch.Tag.nondeterministic_seeded in func.tags else None
