"""A torch function at one point as a Program: one recorded forward, its leaves as inputs."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Any

import torch

from oracle.lift.complex_numbers import Symbol, whole
from oracle.lift.program import Lifted, Output, Slot
from oracle.lift.torch_boundary import functions_marked, watched
from oracle.lift.torch_inputs import copy_of, is_tensor, names_of, open_container, outputs_of
from oracle.lift.torch_internals import (
    eagerly,
    is_inexact,
    next_sequence_number,
    sequence_number,
    without_fused_layers,
)
from oracle.lift.torch_memory import constant_of, tensors_of
from oracle.lift.torch_recorder import UNLINKED, Captured, Recorder
from oracle.lift.torch_slots import Leaf, leaf_of, leaves_of
from oracle.lift.torch_state import as_before, modules_in_reach, names_in
from oracle.lift.trees import Tree, argument_names, flatten
from reference_engine.program import Kind, TensorType
from reference_engine.syntax import check_name
from reference_engine.trace import Builder, Tensor, building


def lift_torch(
    fn: Callable[..., Any],
    args: Sequence[Any],
    kwargs: Mapping[str, Any] | None = None,
    kept: AbstractContextManager[None] | None = None,
    builder: Builder | None = None,
    recorder: Callable[[Builder, Captured, str | None], Recorder] = Recorder,
) -> Lifted:
    """The Program of ``fn`` at these arguments, recorded from one forward on copies of them.

    Differentiated are the tensors that require a gradient (all floating-point ones if none does), the
    parameters of a module, and tensors from outside that require a gradient. What ``fn`` raises passes
    through. TypeError if it returns no tensor. ``kept`` leaves the process as it was; by default all that
    ``fn`` can reach is looked through for what to keep. ``builder`` and ``recorder`` are other ones than the
    plain ones, which note more on the way.
    """
    recording = _Recording(fn, args, kwargs or {}, builder or Builder(surface=True), recorder)
    with kept or as_before(modules_in_reach(fn)), torch.inference_mode(mode=False), torch.enable_grad():
        return recording.run()


class _Recording:
    """The slots of one function and its forward."""

    def __init__(
        self,
        fn: Callable[..., Any],
        args: Sequence[Any],
        kwargs: Mapping[str, Any],
        builder: Builder,
        recorder: Callable[[Builder, Captured, str | None], Recorder],
    ) -> None:
        self.fn = fn
        self.module = fn if isinstance(fn, torch.nn.Module) else None
        called = self.module.forward if self.module is not None else fn
        names = [*argument_names(called, len(args)), *kwargs]
        values = [*args, *kwargs.values()]
        self.trees = [flatten(v, n, is_tensor, open_container) for v, n in zip(values, names, strict=True)]
        self.keywords = tuple(kwargs)
        self.builder = builder
        self.slots: list[Slot] = []
        self.symbols: list[Tensor] = []
        self.captured: dict[str, Any] = {}
        self.file = _source_file(called)
        self.recorder = recorder(self.builder, self._capture, self.file)
        self.started = next_sequence_number()

    def run(self) -> Lifted:
        """Call the function under the recorder."""
        leaves = leaves_of(self.trees, self.module)
        for leaf in leaves:
            if leaf.tensor.layout is not torch.strided:
                self.recorder.refuse(f"input {leaf.path}", "sparse tensors are not lifted")
        if self.recorder.unsupported:
            return Lifted(None, (), (), tuple(self.recorder.unsupported.values()))
        copies = []
        floats = [leaf.tensor.dtype for leaf in leaves if is_inexact(leaf.tensor)]
        self.recorder.native = max((torch.finfo(d).eps for d in floats), default=None)
        with building(self.builder):
            for leaf in leaves:
                if leaf.captured:
                    self._input(leaf)
                else:
                    copies.append(copy_of(leaf.tensor).requires_grad_(leaf.differentiable))
                    self._input(replace(leaf, tensor=copies[-1]))
            result = self._call(copies)
            return self._finish(flatten(result, "out", is_tensor, open_container), result)

    def _call(self, copies: Sequence[Any]) -> Any:
        values, start = [], 0
        for tree in self.trees:
            values.append(tree.rebuild(copies[start : start + len(tree.leaves)]))
            start += len(tree.leaves)
        count = len(values) - len(self.keywords)
        keywords = dict(zip(self.keywords, values[count:], strict=True))
        with (
            eagerly(),
            without_fused_layers(),
            functions_marked(self.recorder.function),
            watched(self.recorder.detached, ("detach_",)),
            self.recorder,
        ):
            return self.fn(*values[:count], **keywords)

    def _input(self, leaf: Leaf) -> Symbol:
        type_ = TensorType(tuple(leaf.tensor.shape), _kind(leaf.tensor))
        parts = [self.builder.input(slot.name, type_) for slot in leaf.slots]
        symbol = whole(parts)
        memory = self.recorder.memory
        if not leaf.differentiable:
            memory.constant_inputs.update(part.index for part in parts)
        if type_.kind == "real":  # integers and booleans are constants of the recorded run
            memory.bind(leaf.tensor, symbol, tracked=leaf.differentiable)
        if leaf.captured:
            self.captured.update({slot.name: leaf.tensor for slot in leaf.slots})
        self.slots += leaf.slots
        self.symbols += parts
        return symbol

    def _capture(self, tensor: Any) -> Symbol | None:
        """A tensor from outside that requires a gradient as an input of its own."""
        if self.recorder.born_inside(tensor) or not is_inexact(tensor):
            return None
        if not tensor.is_leaf and sequence_number(tensor.grad_fn) >= self.started:
            return None
        path = _names_outside(self.fn).get(id(tensor), f"captured[{len(self.captured)}]")
        taken = [s.name for s in self.slots]
        self.recorder.notes[f"{path} requires a gradient and is no input: it is checked too"] = None
        return self._input(leaf_of(tensor, path, taken, differentiable=True, captured=True))

    def _finish(self, tree: Tree, result: Any) -> Lifted:
        if not tree.leaves:
            msg = f"the function returns no tensor, but {type(result).__name__}"
            raise TypeError(msg)
        recorder = self.recorder
        names = names_of(tree.leaves, tree.paths, [s.name for s in self.slots], check_name)
        outputs: list[Output] = []
        symbols: list[Tensor] = []
        for own, path, value in zip(names, tree.paths, tree.leaves, strict=True):
            if value.layout is not torch.strided:
                recorder.refuse(f"output {path}", "sparse tensors are not lifted")
                continue
            symbol = recorder.symbol(value)
            if value.requires_grad and not recorder.unsupported and not recorder.memory.explained(symbol):
                recorder.refuse(f"output {path}", UNLINKED)
            parts = tensors_of(symbol)
            if len(parts) != len(own) or parts[0].kind != _kind(value):
                parts = tensors_of(constant_of(value))
            symbols += parts
            outputs += outputs_of(value, own, path)
        program = None
        if not recorder.unsupported:
            program = self.builder.finish(self.symbols, symbols, [o.name for o in outputs])
        return Lifted(
            program,
            tuple(self.slots),
            tuple(outputs),
            tuple(recorder.unsupported.values()),
            tuple(recorder.notes),
            self.file,
            dict(self.captured),
            "; ".join(recorder.backward_only),
        )


def _kind(tensor: Any) -> Kind:
    return "bool" if tensor.dtype == torch.bool else "real" if is_inexact(tensor) else "int"


def _source_file(called: Callable[..., Any]) -> str | None:
    code = getattr(inspect.unwrap(called), "__code__", None)
    return None if code is None or code.co_filename.startswith("<") else str(code.co_filename)


def _names_outside(fn: Callable[..., Any]) -> dict[int, str]:
    """How the user reaches tensors that a function closes over: variables, and parameters of modules."""
    found: dict[int, str] = {}
    try:
        closure = inspect.getclosurevars(inspect.unwrap(fn))
    except TypeError:
        closure = None
    variables = {**closure.globals, **closure.nonlocals} if closure is not None else {}
    code, known = getattr(inspect.unwrap(fn), "__code__", None), getattr(fn, "__globals__", {})
    variables |= {n: known[n] for n in names_in(code) if n in known and n not in variables} if code else {}
    owner = getattr(fn, "__self__", None)
    if owner is not None:
        variables["self"] = owner
    for name, value in variables.items():
        if torch.is_tensor(value):
            found[id(value)] = name
        elif isinstance(value, torch.nn.Module):
            found.update({id(p): f"{name}.{path}" for path, p in value.named_parameters()})
    return found
