"""A user's torch function as something that can be judged: its tensors, its routes, its value."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from copy import copy
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from oracle.frameworks import torch_tensors as tensors
from oracle.frameworks.protocol import Answer, Array, Framework, NotOfferedError, Point
from oracle.frameworks.torch_framework import TorchFramework, one_thread
from oracle.frameworks.torch_routes import calling_torch
from oracle.frameworks.versions import version_of
from oracle.functions import torch_accumulation, torch_call
from oracle.functions.errors import ChangesInputError, FunctionRaisedError
from oracle.functions.outputs import coarsest, no_tensor, split_cotangents
from oracle.functions.subject import Observed, Pulled
from oracle.functions.torch_callable import TorchCallable, drew_otherwise, dtype_in
from oracle.functions.torch_operation import TorchOperation
from oracle.functions.torch_pairs import pairs_of
from oracle.lift.complex_numbers import whole
from oracle.lift.process import Generators, generators_kept
from oracle.lift.program import Lifted, Output
from oracle.lift.steps import Ran, Stepwise
from oracle.lift.torch_inputs import (
    arrays_of,
    at_numbers,
    copy_of,
    is_array,
    is_tensor,
    names_of,
    open_container,
    outputs_of,
)
from oracle.lift.torch_state import as_before, modules_in_reach
from oracle.lift.trees import Tree, flatten, function_name
from reference_engine.program import Program
from reference_engine.syntax import check_name

IN_PLACE = "leaf Variable that requires grad is being used in an in-place operation"
"""What torch says when a function writes into an input."""


COMPILED = "torch.compile"
"""The route on which the function is compiled and asked as on the main one; it may take a minute."""


class TorchFunction:
    """``function`` at ``inputs``, behind the protocol of a framework.

    Differentiated are the inputs that require a gradient, all floating-point ones if none does, and the
    parameters of a module that require one. ValueError if there are none.
    """

    name = "torch"
    routes: tuple[str, ...] = tuple(torch_call.ROUTES)
    routes_by_name: tuple[str, ...] = (COMPILED,)
    second_order_routes: tuple[str, ...] = tuple(torch_call.SECOND_ORDER_ROUTES)
    forward_routes: tuple[str, ...] = ("torch.func.jvp",)
    dtypes: tuple[str, ...] = TorchFramework.dtypes

    def __init__(self, function: Any, inputs: tuple[Any, ...]) -> None:
        self.version = version_of("torch")
        self.function = function
        self.label = function_name(function)
        self.modules = modules_in_reach(function)
        self.generators = Generators()
        self.inputs = inputs
        self.callable = TorchCallable(function, inputs)
        self.fixed: dict[str, Any] = {}
        self.leaves = self.callable.leaves
        self.slots = tuple(slot for leaf in self.leaves for slot in leaf.slots)
        self.own = self.slots
        self.outputs: tuple[Output, ...] = ()
        self.native = ""
        self.backward_only = ""
        self.draws = False
        if not any(s.differentiable for s in self.slots):
            msg = f"{self.label} has no floating-point tensor among its inputs: there is no gradient to check"
            raise ValueError(msg)

    def operations(self) -> frozenset[str]:
        """None by name: the function runs as it is."""
        return frozenset()

    def arguments(self, arrays: Sequence[Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """The user's structure with other arrays, one for each slot; a module's parameters by keyword."""
        rest = iter(arrays)
        return self.callable.arguments([whole([next(rest) for _ in leaf.slots]) for leaf in self.leaves])

    def observe(self) -> Observed:
        """Call the function once, with inputs that require a gradient."""
        given = {leaf.key: copy_of(leaf.tensor) for leaf in self.leaves}
        for leaf in self.leaves:
            given[leaf.key].requires_grad_(leaf.differentiable)
        with self._as_before(), torch.inference_mode(mode=False), torch.enable_grad():
            before = torch.get_rng_state()
            try:
                result = self.callable.call(given, None)
            except Exception as error:
                kind = ChangesInputError if IN_PLACE in str(error) else FunctionRaisedError
                raise kind(str(error)) from error
            self.draws = not torch.equal(before, torch.get_rng_state())
            tree = flatten(result, "out", is_tensor, open_container)
            if not tree.leaves:
                raise no_tensor(self.label, result)
            names = names_of(tree.leaves, tree.paths, (), check_name)
            found = zip(tree.leaves, names, tree.paths, strict=True)
            self.outputs = tuple(output for leaf in found for output in outputs_of(*leaf))
        self.native = coarsest(self.slots, self.outputs)
        changed = [leaf for leaf in self.leaves if not leaf.holds(given[leaf.key])]
        fixed = [leaf.path for leaf in changed if not leaf.differentiable]
        notes = (f"the function changes {', '.join(fixed)}, which is held fixed",) if fixed else ()
        return Observed(self.outputs, tuple(leaf.path for leaf in changed if leaf.differentiable), notes)

    def lift(self) -> Lifted:
        """The function as a Program."""
        from oracle.lift.torch_lift import lift_torch  # noqa: PLC0415 - not needed with a spec

        return lift_torch(self.function, self.inputs, kept=self._as_before())

    def stepwise(self) -> Stepwise:
        """The function as a Program, with each of its operations as it ran."""
        from oracle.lift.torch_steps import lift_torch_steps  # noqa: PLC0415 - only after a failure

        return lift_torch_steps(self.function, self.inputs)

    def alone(self, ran: Ran) -> Framework:
        """One of these operations, to be asked by itself."""
        return TorchOperation(ran)

    def adopt(self, lifted: Lifted) -> None:
        """Add the tensors that were found outside, which stay where they are, and name outputs alike."""
        known = {s.name for s in self.own}
        found = tuple(s for s in lifted.inputs if s.name not in known)
        self.slots = (*self.own, *found)
        self.fixed = {s.name: lifted.captured[s.name] for s in found}
        self.backward_only = lifted.backward_only
        pairs = zip(self.outputs, lifted.outputs, strict=True)
        self.outputs = tuple(replace(own, name=other.name) for own, other in pairs)

    def cotangent_arrays(self, given: Any) -> list[Array]:
        """The arrays in a cotangent of the user's structure."""
        tree = flatten(given, "cotangent", is_array, open_container)
        if not tree.leaves and not isinstance(given, (dict, str)):
            return split_cotangents([np.asarray(given)], self.outputs)
        return split_cotangents(arrays_of(tree.leaves), self.outputs)

    def value(self, program: Program, point: Point) -> tuple[npt.NDArray[np.generic], ...]:
        """Output values; of another Program than the function's own, values by torch's operations."""
        if program.output_names != tuple(o.name for o in self.outputs):
            return TorchFramework().value(program, point)
        with self._as_before(), torch.inference_mode(mode=False), torch.enable_grad():
            call = self._at(program, point)
            return call.values(call.run(call.given))

    def derivative(self, route: str, program: Program, point: Point) -> Answer:
        """Derivatives by one first-order route."""
        if route == COMPILED:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # about the compiler's own insides
                return self._compiled().derivative(self.routes[0], program, point)
        self._refuse_forward(route)
        return self._follow(torch_call.ROUTES[route], program, point, offered=route == self.routes[0])

    def _compiled(self) -> TorchFunction:
        """The same function, run by ``torch.compile``."""
        other = copy(self)
        other.callable = self.callable.compiled()
        return other

    def second_order(self, route: str, program: Program, point: Point) -> Answer:
        """Gradient of <VJP, directions> by one second-order route."""
        self._refuse_forward(route)
        return self._follow(torch_call.SECOND_ORDER_ROUTES[route], program, point, offered=False)

    def reading(self, route: str, program: Program, point: Point, read: Callable[..., Any]) -> Any:
        """What ``read`` makes of a route: its formula, for one."""
        self._refuse_forward(route)
        body = {**torch_call.ROUTES, **torch_call.SECOND_ORDER_ROUTES}[route]
        with self._as_before(), torch.inference_mode(mode=False), torch.enable_grad():
            return read("torch", body, self._at(program, point))

    def _refuse_forward(self, route: str) -> None:
        """NotOfferedError for a route with forward mode in it, where that differentiates another function."""
        if self.backward_only and (route in self.forward_routes or "forward" in route):
            raise NotOfferedError(self.backward_only)

    def _follow(self, route: Any, program: Program, point: Point, *, offered: bool) -> Answer:
        """The answer of a route; torch's refusals count as such where the route need not be ``offered``."""
        with (
            self._as_before(),
            torch.inference_mode(mode=False),
            torch.enable_grad(),
            nullcontext() if offered else calling_torch(),
        ):
            answer: Answer = route(self._at(program, point))
            if not offered and self.draws and self._drew_otherwise(answer, point):
                msg = "draws other random numbers on this route than when called plainly"
                raise NotOfferedError(msg)
            return answer

    def _drew_otherwise(self, answer: Answer, point: Point) -> bool:
        """Whether a random function was another one on this route, at the inputs where it was observed."""
        there = all(point.inputs[s.name] is s.array for s in self.own)
        return there and drew_otherwise(answer.values, [o.value for o in self.outputs])

    def pull(self, program: Program, point: Point, factors: Sequence[float]) -> Pulled:
        """Gradients for the cotangents times each factor, through one graph, on one thread."""
        with (
            self._as_before(),
            one_thread(),
            torch.inference_mode(mode=False),
            torch.enable_grad(),
        ):
            gradients, broken = torch_call.pull(self._at(program, point), factors)
        return Pulled(tuple(gradients), tuple(broken))

    def accumulated(self, program: Program, point: Point) -> Sequence[Mapping[str, Array]]:
        """What one and two backward passes leave in ``.grad``, on one thread."""
        with (
            self._as_before(),
            one_thread(),
            torch.inference_mode(mode=False),
            torch.enable_grad(),
        ):
            return torch_accumulation.accumulated(self._at(program, point))

    def flushes_subnormals(self) -> bool:
        """As torch's own operations."""
        return TorchFramework().flushes_subnormals()

    def contract(self, name: str, program: Program, point: Point) -> Sequence[str]:
        """The promises of a function are asked of :meth:`pull`."""
        raise NotOfferedError(name)

    def _at(self, program: Program, point: Point) -> torch_call.UserCall:
        """The function with its tensors at the numbers of ``point``."""
        cast = None if point.dtype == self.native else tensors.DTYPES[point.dtype]
        given = {}
        for leaf in self.leaves:
            own, arrays = leaf.tensor, [point.inputs[s.name] for s in leaf.slots]
            if cast is None and all(a is s.array for a, s in zip(arrays, leaf.slots, strict=True)):
                given[leaf.key] = copy_of(own)
            else:
                given[leaf.key] = at_numbers(own, arrays, own.dtype if cast is None else dtype_in(own, cast))
        if self.fixed and cast is not None:
            msg = "captured tensors have one dtype"
            raise NotOfferedError(msg)
        state = torch.get_rng_state()

        def run(given: Mapping[str, Any]) -> tuple[Any, ...]:
            with generators_kept(
                self.generators
            ):  # a route may call more than once; each call draws the same
                torch.set_rng_state(state)
                return self._tensors(given, cast)

        pairs = pairs_of((*self.slots, *self.outputs))
        return torch_call.UserCall(
            run, program, point, given, self.fixed, pairs, lambda given: self.callable.held(given, cast)
        )

    def _tensors(self, given: Mapping[str, Any], cast: Any) -> tuple[Any, ...]:
        tree: Tree = flatten(self.callable.call(given, cast), "out", is_tensor, open_container)
        return tree.leaves

    def _as_before(self) -> as_before:
        return as_before(self.modules, self.generators)
