"""The ways in which torch gives derivatives of a Program, each by torch's own machinery."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch

from oracle.frameworks import torch_tensors as tensors
from oracle.frameworks.interpret import run
from oracle.frameworks.protocol import Answer, Array, NotOfferedError, Point
from reference_engine.program import Program

_REFUSALS = re.compile(
    r"not implemented for '(BFloat16|Half)'"
    r"|not supported for (BFloat16|Half)"
    r"|does not support forward AD|forward AD .*not implemented"
    r"|derivative for .* (is|was) not implemented"
    r"|does not support (automatic differentiation|double backward)"
    r"|is not differentiable with respect to|is not implemented for"
    r"|^unsupported operation|Expected more than 1 (spatial element|value per channel) when training"
    r"|Low precision dtypes not supported|got (BFloat16|Half|torch\.bfloat16|torch\.float16)",
    re.IGNORECASE,
)
"""What torch says when it does not offer something, as opposed to when something breaks."""


@contextmanager
def calling_torch() -> Iterator[None]:
    """Turn torch's own refusals into NotOfferedError with the first line of its message; let other errors
    pass.

    Warnings here are torch's about its own insides; nobody who runs a check could act on them.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except (NotImplementedError, RuntimeError, TypeError, ValueError) as error:
        first = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        if isinstance(error, NotImplementedError) or _REFUSALS.search(first):
            raise NotOfferedError(first) from error
        raise


def value(program: Program, point: Point) -> tuple[Any, ...]:
    """Output tensors, without recording a graph."""
    with torch.no_grad(), calling_torch():
        given = tensors.inputs(program, point.inputs, point.layouts, point.dtype)
        return run(program, given, tensors.dialect(point.dtype))


class Function:
    """A Program as a function of the inputs that are differentiated, all others fixed."""

    def __init__(self, program: Program, point: Point) -> None:
        self.program = program
        self.point = point
        self.dialect = tensors.dialect(point.dtype)
        self.given = tensors.inputs(program, point.inputs, point.layouts, point.dtype)
        self.real = [k for k, t in enumerate(program.output_types) if t.kind == "real"]

    @property
    def primals(self) -> tuple[Any, ...]:
        """The inputs that are differentiated."""
        return tuple(self.given[name] for name in self.point.wrt)

    def __call__(self, *primals: Any) -> tuple[Any, ...]:
        """All outputs."""
        return run(
            self.program, {**self.given, **dict(zip(self.point.wrt, primals, strict=True))}, self.dialect
        )

    def differentiable(self, *primals: Any) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
        """Real outputs, and all outputs."""
        outputs = self(*primals)
        return tuple(outputs[k] for k in self.real), outputs

    def real_outputs(self, *primals: Any) -> tuple[Any, ...]:
        """Real outputs."""
        return self.differentiable(*primals)[0]

    def cotangents(self, outputs: Sequence[Any]) -> tuple[Any, ...]:
        """One cotangent for each real output, in that output's dtype."""
        return tuple(
            torch.tensor(self.point.cotangents[self.program.output_names[k]]).to(out.dtype)
            for k, out in zip(self.real, outputs, strict=True)
        )

    def along(self, vectors: Mapping[str, Array]) -> tuple[Any, ...]:
        """One vector for each differentiated input, in that input's dtype."""
        pairs = zip(self.point.wrt, self.primals, strict=True)
        return tuple(torch.tensor(vectors[name]).to(primal.dtype) for name, primal in pairs)

    def answer(self, outputs: Sequence[Any], gradients: Sequence[Any]) -> Answer:
        """The result of a reverse route."""
        derivatives = {n: tensors.real_array(g) for n, g in zip(self.point.wrt, gradients, strict=True)}
        return Answer(tuple(tensors.array(v) for v in outputs), derivatives)

    def forward_answer(self, outputs: Sequence[Any], tangents: Sequence[Any]) -> Answer:
        """The result of a forward route, with a tangent for each real output."""
        names = [self.program.output_names[k] for k in self.real]
        derivatives = {name: tensors.real_array(t) for name, t in zip(names, tangents, strict=True)}
        return Answer(tuple(tensors.array(v) for v in outputs), derivatives)


def gradient_of(
    outputs: Sequence[Any], leaves: Sequence[Any], cotangents: Sequence[Any], **options: Any
) -> list[Any]:
    """``torch.autograd.grad`` where an output may be out of the leaves' reach: zeros for what is not
    reached.
    """
    pairs = [(o, c) for o, c in zip(outputs, cotangents, strict=True) if o.requires_grad]
    if not pairs:
        return [torch.zeros_like(x) for x in leaves]
    found = torch.autograd.grad(
        [o for o, _ in pairs], leaves, [c for _, c in pairs], allow_unused=True, **options
    )
    return [torch.zeros_like(x) if g is None else g for x, g in zip(leaves, found, strict=True)]


def _leaves(function: Function) -> tuple[Any, ...]:
    return tuple(x.detach().requires_grad_() for x in function.primals)


def _autograd(function: Function) -> Answer:
    leaves = _leaves(function)
    real, outputs = function.differentiable(*leaves)
    return function.answer(outputs, gradient_of(real, leaves, function.cotangents(real)))


def _func_vjp(function: Function) -> Answer:
    real, pullback, outputs = torch.func.vjp(function.differentiable, *function.primals, has_aux=True)
    return function.answer(outputs, pullback(function.cotangents(real)))


def _func_jvp(function: Function) -> Answer:
    _, moved, outputs = torch.func.jvp(
        function.differentiable, function.primals, function.along(function.point.tangents), has_aux=True
    )
    return function.forward_answer(outputs, moved)


def _double_backward(function: Function) -> Answer:
    leaves = _leaves(function)
    real, outputs = function.differentiable(*leaves)
    first = gradient_of(real, leaves, function.cotangents(real), create_graph=True)
    directions = function.along(function.point.directions)
    return function.answer(outputs, gradient_of(first, leaves, directions))


def _forward_over_reverse(function: Function) -> Answer:
    def gradient(*primals: Any) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
        real, pullback, outputs = torch.func.vjp(function.differentiable, *primals, has_aux=True)
        return pullback(function.cotangents(real)), outputs

    directions = function.along(function.point.directions)
    _, moved, outputs = torch.func.jvp(gradient, function.primals, directions, has_aux=True)
    return function.answer(outputs, moved)


def _reverse_over_forward(function: Function) -> Answer:
    directions = function.along(function.point.directions)

    def tangent(*primals: Any) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
        _, moved, outputs = torch.func.jvp(function.differentiable, primals, directions, has_aux=True)
        return moved, outputs

    moved, pullback, outputs = torch.func.vjp(tangent, *function.primals, has_aux=True)
    return function.answer(outputs, pullback(function.cotangents(moved)))


ROUTES: Mapping[str, Callable[[Function], Answer]] = {
    "torch.autograd": _autograd,
    "torch.func.vjp": _func_vjp,
    "torch.func.jvp": _func_jvp,
}
SECOND_ORDER_ROUTES: Mapping[str, Callable[[Function], Answer]] = {
    "torch.double_backward": _double_backward,
    "torch.forward_over_reverse": _forward_over_reverse,
    "torch.reverse_over_forward": _reverse_over_forward,
}


def reading(route: str, program: Program, point: Point, read: Callable[[Any, Function], Any]) -> Any:
    """What ``read`` makes of a route, given as a function of the call that it makes."""
    with torch.inference_mode(mode=False), torch.enable_grad(), calling_torch():
        return read({**ROUTES, **SECOND_ORDER_ROUTES}[route], Function(program, point))


def follow(route: Callable[[Function], Answer], program: Program, point: Point) -> Answer:
    """The answer of one route, whatever grad mode the caller is in."""
    with torch.inference_mode(mode=False), torch.enable_grad(), calling_torch():
        return route(Function(program, point))


def accumulation(program: Program, point: Point) -> list[str]:
    """What is wrong with ``.grad`` over two backward passes and a reset; empty if it adds up.

    The first pass must leave the gradient, the second exactly twice that, and after a reset the next one the
    gradient again.
    """
    with torch.inference_mode(mode=False), torch.enable_grad(), calling_torch():
        function = Function(program, point)
        leaves = _leaves(function)
        real, _ = function.differentiable(*leaves)
        once = gradient_of(real, leaves, function.cotangents(real))
        doubled = [2 * g for g in once]
        found: list[str] = []
        for step, expected in (("the first backward pass", once), ("the second backward pass", doubled)):
            _backward(function, leaves)
            found += _differences(function.point.wrt, leaves, expected, step)
        for leaf in leaves:
            if leaf.grad is not None:
                leaf.grad.zero_()
        found += _differences(function.point.wrt, leaves, [torch.zeros_like(g) for g in once], "zeroing")
        _backward(function, leaves)
        return found + _differences(function.point.wrt, leaves, once, "a backward pass after zeroing")


def _backward(function: Function, leaves: Sequence[Any]) -> None:
    real = function.real_outputs(*leaves)
    pairs = [(o, c) for o, c in zip(real, function.cotangents(real), strict=True) if o.requires_grad]
    if pairs:
        torch.autograd.backward([o for o, _ in pairs], [c for _, c in pairs])


def _differences(
    names: Sequence[str], leaves: Sequence[Any], expected: Sequence[Any], step: str
) -> list[str]:
    sentences = []
    for name, leaf, right in zip(names, leaves, expected, strict=True):
        grad = torch.zeros_like(leaf) if leaf.grad is None else leaf.grad
        if not torch.equal(torch.nan_to_num(grad), torch.nan_to_num(right)):
            unlike = (grad != right) & ~(grad.isnan() & right.isnan())
            worst = int(np.argmax(unlike.reshape(-1).numpy()))
            was, should = grad.reshape(-1)[worst].item(), right.reshape(-1)[worst].item()
            sentences.append(f"after {step} {name}.grad[{worst}] is {was!r}, expected {should!r}")
    return sentences
