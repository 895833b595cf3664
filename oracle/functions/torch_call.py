"""A user's torch function at one point, in the form in which torch's routes ask for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, nullcontext
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from oracle.frameworks import torch_routes
from oracle.frameworks import torch_tensors as tensors
from oracle.frameworks.protocol import Answer, Array, NotOfferedError, Point
from oracle.frameworks.torch_routes import Function, gradient_of
from oracle.functions.torch_pairs import (
    NO_PAIRS,
    Pairs,
    joined,
    keys_of,
    parted,
    product,
    whole_name,
)
from oracle.functions.torch_reentrant import by_backward_if_needed, gradients
from oracle.lift.torch_inputs import parts_of
from reference_engine.program import Program

Run = Callable[[Mapping[str, Any]], tuple[Any, ...]]
"""From tensors by slot name to the function's output tensors."""

Held = Callable[[Mapping[str, Any]], AbstractContextManager[Any]]
"""Keeps tensors by slot name where the function looks for them."""


class UserCall(Function):
    """The function of the inputs that are differentiated, all other tensors fixed.

    ``fixed`` are captured tensors: they are differentiated where they are, since nothing can be put in their
    place. ``pairs`` says which names of the point are parts of one complex tensor, which goes by the first of
    them. ``held`` keeps a module's parameters in their place for as long as ``holding`` is open.
    """

    def __init__(
        self,
        run: Run,
        program: Program,
        point: Point,
        given: Mapping[str, Any],
        fixed: Mapping[str, Any],
        pairs: Pairs = NO_PAIRS,
        held: Held = lambda _: nullcontext(),
    ) -> None:
        self.run = run
        self.program = program
        self.point = point
        self.given = dict(given)
        self.fixed = fixed
        self.pairs = pairs
        self.held = held
        self.holding: ExitStack | None = None
        self.asked = keys_of(point.wrt, pairs)
        self.moving = [n for n in self.asked if n not in fixed]
        self.returned = keys_of(program.output_names, pairs)
        kinds = {n: t.kind for n, t in zip(program.output_names, program.output_types, strict=True)}
        self.real = [k for k, n in enumerate(self.returned) if kinds[n] == "real"]

    @property
    def primals(self) -> tuple[Any, ...]:
        """One tensor for each differentiated input. NotOfferedError where one is captured."""
        if self.fixed:
            names = ", ".join(self.fixed)
            msg = f"needs all tensors as inputs; captured from outside: {names}"
            raise NotOfferedError(msg)
        return tuple(self.given[name] for name in self.moving)

    def leaves(self) -> tuple[Any, ...]:
        """Tensors to ask autograd about, in the order of the point's inputs."""
        for name in self.moving:
            self.given[name] = self.given[name].detach().requires_grad_()
        return tuple(self.given[n] if n in self.given else self.fixed[n] for n in self.asked)

    def __call__(self, *primals: Any) -> tuple[Any, ...]:
        """All output tensors."""
        return self.run({**self.given, **dict(zip(self.moving, primals, strict=False))})

    def outputs(self) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
        """Real outputs and all outputs, of the leaves as they are."""
        if self.holding is not None:
            self.holding.enter_context(self.held(self.given))
        found = self.run(self.given)
        return tuple(found[k] for k in self.real), found

    def cotangents(self, outputs: Sequence[Any], factor: float = 1.0) -> tuple[Any, ...]:
        """One cotangent for each real output, in its dtype and on its device."""
        given = {n: factor * c for n, c in self.point.cotangents.items()}
        names = [self.returned[k] for k in self.real]
        return tuple(joined(given, n, out, self.pairs) for n, out in zip(names, outputs, strict=True))

    def along(self, vectors: Mapping[str, Array]) -> tuple[Any, ...]:
        """One vector for each differentiated input, in its dtype and on its device."""
        like = [self.given.get(name, self.fixed.get(name)) for name in self.asked]
        return tuple(joined(vectors, n, t, self.pairs) for n, t in zip(self.asked, like, strict=True))

    def numbers(self, keys: Sequence[str], found: Sequence[Any]) -> dict[str, Array]:
        """Derivatives by name, complex ones by part."""
        parts = zip(keys, found, strict=True)
        return {n: a for key, value in parts for n, a in parted(key, value, self.pairs).items()}

    def values(self, outputs: Sequence[Any]) -> tuple[npt.NDArray[np.generic], ...]:
        """Results in the order of the Program's outputs."""
        return tuple(tensors.array(p) for value in outputs for p in parts_of(value))

    def answer(self, outputs: Sequence[Any], gradients: Sequence[Any]) -> Answer:
        """The result of a reverse route."""
        return Answer(self.values(outputs), self.numbers(self.asked, gradients))

    def forward_answer(self, outputs: Sequence[Any], tangents: Sequence[Any]) -> Answer:
        """The result of a forward route."""
        names = [self.returned[k] for k in self.real]
        return Answer(self.values(outputs), self.numbers(names, tangents))


@by_backward_if_needed
def _autograd(call: UserCall) -> Answer:
    leaves = call.leaves()
    real, outputs = call.outputs()
    return call.answer(outputs, gradients(call, real, leaves, call.cotangents(real)))


def _batched(call: UserCall) -> Answer:
    """The backward pass under ``vmap``, over the cotangents and their opposites."""
    leaves = call.leaves()
    real, outputs = call.outputs()
    pairs = [torch.stack([c, -c]) for c in call.cotangents(real)]
    found = gradient_of(real, leaves, pairs, is_grads_batched=True)
    shapes = zip(found, leaves, strict=True)
    return call.answer(outputs, [g[0] if g.ndim > x.ndim else g for g, x in shapes])


def _double_backward(call: UserCall) -> Answer:
    leaves = call.leaves()
    real, outputs = call.outputs()
    first = gradient_of(real, leaves, call.cotangents(real), create_graph=True)
    return call.answer(outputs, gradient_of(first, leaves, call.along(call.point.directions)))


def _forward_over_forward(call: UserCall) -> Answer:
    """Every element by a JVP of a JVP; for few elements, since each costs two forward passes."""
    size = sum(p.numel() * len(parts_of(p)) for p in call.primals)
    if size > MANY:
        msg = f"not asked for {size} elements; forward over forward runs once for each, at most {MANY}"
        raise NotOfferedError(msg)
    directions = call.along(call.point.directions)

    def slope(*primals: Any) -> Any:
        real, moved = torch.func.jvp(call.real_outputs, primals, directions)
        return sum(product(c, t) for c, t in zip(call.cotangents(real), moved, strict=True))

    gradients = []
    for k, primal in enumerate(call.primals):
        found = torch.zeros_like(primal)
        for element in range(primal.numel()):
            for step in (1.0, 1.0j) if primal.is_complex() else (1.0,):
                unit = [torch.zeros_like(p) for p in call.primals]
                unit[k].view(-1)[element] = step
                found.view(-1)[element] += step * torch.func.jvp(slope, call.primals, tuple(unit))[1]
        gradients.append(found)
    return call.answer(call(*call.primals), gradients)


MANY = 32
"""Elements up to which forward over forward is asked: some tens of milliseconds for a small function."""

ROUTES: Mapping[str, Callable[[Any], Answer]] = {
    **torch_routes.ROUTES,
    "torch.autograd": _autograd,
    "torch.vmap": _batched,
}
SECOND_ORDER_ROUTES: Mapping[str, Callable[[Any], Answer]] = {
    **torch_routes.SECOND_ORDER_ROUTES,
    "torch.double_backward": _double_backward,
    "torch.forward_over_forward": _forward_over_forward,
}


@by_backward_if_needed
def pull(call: UserCall, factors: Sequence[float]) -> tuple[list[dict[str, Array]], list[tuple[str, str]]]:
    """Gradients for the cotangents times each factor, through one graph, and the promises that broke."""
    leaves = call.leaves()
    names = call.asked
    before = [x.detach().clone() for x in leaves]
    real, _ = call.outputs()
    broken: list[tuple[str, str]] = []
    answers: list[dict[str, Array]] = []
    kept: list[Any] = []
    for factor in factors:
        given = call.cotangents(real, factor)
        copies = [c.clone() for c in given]
        try:
            found = gradients(call, real, leaves, given, retain_graph=True)
        except Exception as error:
            if not answers:
                raise
            first = (str(error).strip().splitlines() or [""])[0]
            broken.append(("second call", f"a second backward pass raises {type(error).__name__}: {first}"))
            break
        if any(not _equal(c, copy) for c, copy in zip(given, copies, strict=True)):
            broken.append(("mutation", "the backward pass changes the cotangent that it is given"))
        if kept and any(not _equal(g, copy) for g, copy in kept):
            broken.append(("second call", "a later backward pass changes the gradients of an earlier one"))
        kept = [(g, g.clone()) for g in found]
        answers.append(call.numbers(names, found))
        for name, g, x in zip(names, found, leaves, strict=True):
            broken += _form(whole_name(name, call.pairs), g, x)
    for name, x, was in zip(names, leaves, before, strict=True):
        if not _equal(x.detach(), was):
            changed = whole_name(name, call.pairs)
            broken.append(("mutation", f"running forward and backward changes {changed}"))
    return answers, list(dict.fromkeys(broken))


def _form(name: str, gradient: Any, leaf: Any) -> list[tuple[str, str]]:
    found = []
    if gradient.shape != leaf.shape or gradient.dtype != leaf.dtype:
        is_ = f"{tuple(gradient.shape)} {gradient.dtype}"
        found.append(("form", f"the gradient of {name} is {is_}, {name} {tuple(leaf.shape)} {leaf.dtype}"))
    if gradient.numel() and gradient.untyped_storage().data_ptr() == leaf.untyped_storage().data_ptr():
        found.append(("memory", f"the gradient of {name} lies in the memory of {name} itself"))
    return found


def _equal(one: Any, other: Any) -> bool:
    unlike = (one != other) & ~((one != one) & (other != other))  # noqa: PLR0124 - NaN equals itself here
    return not bool(unlike.any())
