"""A torch function at one point as a Program: one recorded forward, its leaves as inputs."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch

from oracle.lift.program import Lifted, Output, Slot
from oracle.lift.torch_boundary import functions_marked, watched
from oracle.lift.torch_inputs import copy_of, dtype_name, is_tensor, open_container, slot_of
from oracle.lift.torch_internals import eagerly, next_sequence_number, sequence_number, without_fused_layers
from oracle.lift.torch_memory import exact
from oracle.lift.torch_recorder import UNLINKED, Recorder
from oracle.lift.torch_state import as_before, modules_in_reach
from oracle.lift.trees import Tree, argument_names, flatten, identifiers
from reference_engine.program import Kind, TensorType
from reference_engine.syntax import check_name
from reference_engine.trace import Builder, Tensor, building, constant


def lift_torch(
    fn: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any] | None = None
) -> Lifted:
    """The Program of ``fn`` at these arguments, recorded from one forward on copies of them.

    Differentiated are the tensors that require a gradient (all floating-point ones if none does), the
    parameters of a module, and tensors from outside that require a gradient. What ``fn`` raises passes
    through. TypeError if it returns no tensor.
    """
    recording = _Recording(fn, args, kwargs or {})
    with as_before(modules_in_reach(fn)), torch.inference_mode(mode=False), torch.enable_grad():
        return recording.run()


class _Recording:
    """The slots of one function and its forward."""

    def __init__(self, fn: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]) -> None:
        self.fn = fn
        self.module = fn if isinstance(fn, torch.nn.Module) else None
        called = self.module.forward if self.module is not None else fn
        names = [*argument_names(called, len(args)), *kwargs]
        values = [*args, *kwargs.values()]
        self.trees = [flatten(v, n, is_tensor, open_container) for v, n in zip(values, names, strict=True)]
        self.keywords = tuple(kwargs)
        self.builder = Builder(surface=True)
        self.slots: list[Slot] = []
        self.symbols: list[Tensor] = []
        self.captured: dict[str, Any] = {}
        self.outside = _names_outside(fn)
        self.file = _source_file(called)
        self.recorder = Recorder(self.builder, self._capture, self.file)
        self.started = next_sequence_number()

    def run(self) -> Lifted:
        """Call the function under the recorder."""
        arguments = [pair for tree in self.trees for pair in zip(tree.paths, tree.leaves, strict=True)]
        parameters = (
            [p for p in self.module.named_parameters() if p[1].requires_grad]
            if self.module is not None
            else []
        )
        names = identifiers([path for path, _ in arguments + parameters], check_name)
        chosen = any(t.requires_grad for _, t in arguments)
        for path, value in arguments + parameters:
            if value.layout is not torch.strided:
                self.recorder.refuse(f"input {path}", "sparse tensors are not lifted")
        if self.recorder.unsupported:
            return Lifted(None, (), (), tuple(self.recorder.unsupported.values()))
        copies = []
        floats = [t.dtype for _, t in arguments + parameters if t.is_floating_point()]
        self.recorder.native = max((torch.finfo(d).eps for d in floats), default=None)
        with building(self.builder):
            for k, (name, (path, value)) in enumerate(zip(names, arguments + parameters, strict=True)):
                own = k < len(arguments)
                wanted = value.requires_grad if chosen or not own else value.is_floating_point()
                tensor = copy_of(value).requires_grad_(wanted) if own else value
                self._input(name, path, tensor, differentiable=wanted, captured=not own)
                if own:
                    copies.append(tensor)
                else:
                    self.captured[name] = value
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

    def _input(self, name: str, path: str, tensor: Any, *, differentiable: bool, captured: bool) -> Tensor:
        kind: Kind = "bool" if tensor.dtype == torch.bool else "real" if tensor.is_floating_point() else "int"
        if tensor.is_complex():
            self.recorder.refuse(f"complex input {path}", "complex numbers are not lifted yet")
        slot = slot_of(tensor, name, path, differentiable=differentiable, captured=captured)
        symbol = self.builder.input(name, TensorType(tuple(tensor.shape), kind))
        if not differentiable:
            self.recorder.memory.constant_inputs.add(symbol.index)
        if kind == "real":  # integers and booleans are constants of the recorded run
            self.recorder.memory.bind(tensor, symbol, tracked=differentiable)
        self.slots.append(slot)
        self.symbols.append(symbol)
        return symbol

    def _capture(self, tensor: Any) -> Tensor | None:
        """A tensor from outside that requires a gradient as an input of its own."""
        if self.recorder.born_inside(tensor) or not tensor.is_floating_point():
            return None
        if not tensor.is_leaf and sequence_number(tensor.grad_fn) >= self.started:
            return None
        path = self.outside.get(id(tensor), f"captured[{len(self.captured)}]")
        name = identifiers([s.name for s in self.slots] + [path], check_name)[-1]
        self.captured[name] = tensor
        self.recorder.notes[f"{path} requires a gradient and is no input: it is checked too"] = None
        return self._input(name, path, tensor, differentiable=True, captured=True)

    def _finish(self, tree: Tree, result: Any) -> Lifted:
        if not tree.leaves:
            msg = f"the function returns no tensor, but {type(result).__name__}"
            raise TypeError(msg)
        recorder = self.recorder
        names = identifiers([*(s.name for s in self.slots), *tree.paths], check_name)[len(self.slots) :]
        outputs, symbols = [], []
        for name, path, value in zip(names, tree.paths, tree.leaves, strict=True):
            if value.layout is not torch.strided:
                recorder.refuse(f"output {path}", "sparse tensors are not lifted")
                continue
            if value.is_complex():
                recorder.refuse(f"complex output {path}", "complex numbers are not lifted yet")
                continue
            symbol = recorder.symbol(value)
            if value.requires_grad and not recorder.unsupported and not recorder.memory.explained(symbol):
                recorder.refuse(f"output {path}", UNLINKED)
            if symbol.type.kind != _kind(value):
                symbol = constant(exact(value))
            symbols.append(symbol)
            dtype = dtype_name(value.dtype)
            outputs.append(Output(name, path, exact(value), dtype, bool(value.requires_grad)))
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
        )


def _kind(tensor: Any) -> Kind:
    return "bool" if tensor.dtype == torch.bool else "real" if tensor.is_floating_point() else "int"


def _source_file(called: Callable[..., Any]) -> str | None:
    try:
        return inspect.getsourcefile(inspect.unwrap(called))
    except TypeError:
        return None


def _names_outside(fn: Callable[..., Any]) -> dict[int, str]:
    """How the user reaches tensors that a function closes over: variables, and parameters of modules."""
    found: dict[int, str] = {}
    try:
        closure = inspect.getclosurevars(inspect.unwrap(fn))
    except TypeError:
        closure = None
    variables = {**closure.globals, **closure.nonlocals} if closure is not None else {}
    owner = getattr(fn, "__self__", None)
    if owner is not None:
        variables["self"] = owner
    for name, value in variables.items():
        if torch.is_tensor(value):
            found[id(value)] = name
        elif isinstance(value, torch.nn.Module):
            found.update({id(p): f"{name}.{path}" for path, p in value.named_parameters()})
    return found
