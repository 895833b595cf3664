"""A user's torch function at one point, in the form in which torch's routes ask for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch

from oracle.frameworks import torch_routes
from oracle.frameworks import torch_tensors as tensors
from oracle.frameworks.protocol import Answer, Array, NotOfferedError, Point
from oracle.frameworks.torch_routes import Function, gradient_of
from reference_engine.program import Program

Run = Callable[[Mapping[str, Any]], tuple[Any, ...]]
"""From tensors by slot name to the function's output tensors."""


class UserCall(Function):
    """The function of the inputs that are differentiated, all other tensors fixed.

    ``fixed`` are captured tensors: they are differentiated where they are, since nothing can be put in their
    place.
    """

    def __init__(
        self, run: Run, program: Program, point: Point, given: Mapping[str, Any], fixed: Mapping[str, Any]
    ) -> None:
        self.run = run
        self.program = program
        self.point = point
        self.given = dict(given)
        self.fixed = fixed
        self.moving = [n for n in point.wrt if n not in fixed]
        self.real = [k for k, t in enumerate(program.output_types) if t.kind == "real"]

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
        return tuple(self.given[n] if n in self.given else self.fixed[n] for n in self.point.wrt)

    def __call__(self, *primals: Any) -> tuple[Any, ...]:
        """All output tensors."""
        return self.run({**self.given, **dict(zip(self.moving, primals, strict=False))})

    def outputs(self) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
        """Real outputs and all outputs, of the leaves as they are."""
        found = self.run(self.given)
        return tuple(found[k] for k in self.real), found

    def cotangents(self, outputs: Sequence[Any], factor: float = 1.0) -> tuple[Any, ...]:
        """One cotangent for each real output, in its dtype and on its device."""
        names = [self.program.output_names[k] for k in self.real]
        return tuple(
            torch.tensor(factor * self.point.cotangents[n]).to(out.dtype).to(out.device)
            for n, out in zip(names, outputs, strict=True)
        )

    def along(self, vectors: Mapping[str, Array]) -> tuple[Any, ...]:
        """One vector for each differentiated input, in its dtype and on its device."""
        whole: list[Any] = [self.given.get(name, self.fixed.get(name)) for name in self.point.wrt]
        pairs = zip(self.point.wrt, whole, strict=True)
        return tuple(torch.tensor(vectors[name]).to(t.dtype).to(t.device) for name, t in pairs)


def _autograd(call: UserCall) -> Answer:
    leaves = call.leaves()
    real, outputs = call.outputs()
    return call.answer(outputs, gradient_of(real, leaves, call.cotangents(real)))


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
    size = sum(p.numel() for p in call.primals)
    if size > MANY:
        msg = f"not asked for {size} elements; forward over forward runs once for each, at most {MANY}"
        raise NotOfferedError(msg)
    directions = call.along(call.point.directions)

    def slope(*primals: Any) -> Any:
        real, moved = torch.func.jvp(call.real_outputs, primals, directions)
        return sum((c * t).sum() for c, t in zip(call.cotangents(real), moved, strict=True))

    gradients = []
    for k, primal in enumerate(call.primals):
        found = torch.zeros_like(primal)
        for element in range(primal.numel()):
            unit = [torch.zeros_like(p) for p in call.primals]
            unit[k].view(-1)[element] = 1.0
            found.view(-1)[element] = torch.func.jvp(slope, call.primals, tuple(unit))[1]
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


def pull(call: UserCall, factors: Sequence[float]) -> tuple[list[dict[str, Array]], list[tuple[str, str]]]:
    """Gradients for the cotangents times each factor, through one graph, and the promises that broke."""
    leaves = call.leaves()
    names = call.point.wrt
    before = [tensors.array(x.detach()) for x in leaves]
    real, _ = call.outputs()
    broken: list[tuple[str, str]] = []
    gradients: list[dict[str, Array]] = []
    kept: list[Any] = []
    for factor in factors:
        given = call.cotangents(real, factor)
        copies = [c.clone() for c in given]
        try:
            found = gradient_of(real, leaves, given, retain_graph=True)
        except Exception as error:
            if not gradients:
                raise
            first = (str(error).strip().splitlines() or [""])[0]
            broken.append(("second call", f"a second backward pass raises {type(error).__name__}: {first}"))
            break
        if any(not _equal(c, copy) for c, copy in zip(given, copies, strict=True)):
            broken.append(("mutation", "the backward pass changes the cotangent that it is given"))
        if kept and any(not _equal(g, copy) for g, copy in kept):
            broken.append(("second call", "a later backward pass changes the gradients of an earlier one"))
        kept = [(g, g.clone()) for g in found]
        gradients.append({n: tensors.real_array(g) for n, g in zip(names, found, strict=True)})
        for name, g, x in zip(names, found, leaves, strict=True):
            broken += _form(name, g, x)
    for name, x, was in zip(names, leaves, before, strict=True):
        if not _equal(tensors.array(x.detach()), was):
            broken.append(("mutation", f"running forward and backward changes {name}"))
    return gradients, list(dict.fromkeys(broken))


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
