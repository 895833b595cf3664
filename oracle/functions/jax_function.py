"""A user's JAX function as something that can be judged: its arrays, its routes, its value."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from itertools import zip_longest
from typing import Any

import jax.numpy as jnp
import numpy as np
import numpy.typing as npt

from oracle.frameworks import jax_arrays as arrays
from oracle.frameworks.jax_framework import JaxFramework
from oracle.frameworks.jax_routes import calling_jax
from oracle.frameworks.protocol import Answer, Array, Framework, NotOfferedError, Point
from oracle.frameworks.versions import version_of
from oracle.functions import jax_call
from oracle.functions.errors import FunctionRaisedError
from oracle.functions.jax_operation import JaxOperation
from oracle.functions.outputs import coarsest, no_tensor
from oracle.functions.subject import Observed, Pulled, kind_of
from oracle.lift.complex_numbers import Complex
from oracle.lift.jax_inputs import own_precision, read_arguments
from oracle.lift.jax_trees import is_array, jax_tree, pieces
from oracle.lift.process import generators_kept
from oracle.lift.program import Lifted, Output, Slot
from oracle.lift.steps import Ran, Stepwise
from oracle.lift.trees import function_name, identifiers
from reference_engine.program import Program
from reference_engine.syntax import check_name


class JaxFunction:
    """``function`` at ``inputs``, behind the protocol of a framework.

    Differentiated are all floating-point arrays among the inputs, and in the function itself where it is a
    pytree. It runs in the caller's own precision mode. ValueError if there are none.
    """

    name = "jax"
    routes: tuple[str, ...] = tuple(jax_call.ROUTES)
    routes_by_name: tuple[str, ...] = ()
    second_order_routes: tuple[str, ...] = tuple(jax_call.SECOND_ORDER_ROUTES)
    forward_routes: tuple[str, ...] = ("jax.jvp",)
    dtypes: tuple[str, ...] = JaxFramework.dtypes

    def __init__(self, function: Any, inputs: tuple[Any, ...]) -> None:
        self.version = version_of("jax")
        self.function = function
        self.label = function_name(function)
        self.inputs = inputs
        self.given = read_arguments(function, inputs, {})
        self.slots: tuple[Slot, ...] = self.given.slots
        self.fixed: Mapping[str, Any] = {}
        self.outputs: tuple[Output, ...] = ()
        self.native = ""
        if not any(s.differentiable for s in self.slots):
            msg = f"{self.label} has no floating-point array among its inputs: there is no gradient to check"
            raise ValueError(msg)

    def operations(self) -> frozenset[str]:
        """None by name: the function runs as it is."""
        return frozenset()

    def arguments(self, arrays: Sequence[Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """The user's structure with other arrays; those in the function itself by keyword."""

        @functools.wraps(self.function, updated=())
        def structure(*args: Any, **kwargs: Any) -> Any:
            return args, kwargs

        count = sum(not s.captured for s in self.slots)
        args, _ = read_arguments(structure, self.inputs, {}).call(arrays[:count], Complex)
        held = [s.name for s in self.slots[count:]]
        return tuple(args), dict(zip(held, arrays[count:], strict=True))

    def observe(self) -> Observed:
        """Call the function once."""
        with self._mode(None):
            try:
                result = self.given.call(self.given.leaves)
            except Exception as error:
                raise FunctionRaisedError(str(error)) from error
        if not any(is_array(v) for v in jax_tree(result, "out").leaves):
            raise no_tensor(self.label, result)
        found = [(path, part, jnp.asarray(v)) for path, part, v in pieces(result, "out") if _is_number(v)]
        names = identifiers([path for path, _, _ in found], check_name)
        self.outputs = tuple(
            Output(
                name, path, arrays.array(v), jnp.dtype(v.dtype).name,
                bool(jnp.issubdtype(v.dtype, jnp.floating)), part,
            )
            for name, (path, part, v) in zip(names, found, strict=True)
        )  # fmt: skip
        self.native = coarsest(self.slots, self.outputs)
        return Observed(self.outputs)

    def lift(self) -> Lifted:
        """The function as a Program."""
        from oracle.lift.jax_lift import lift_jax  # noqa: PLC0415 - not needed with a spec

        with self._mode(None):
            return lift_jax(self.function, self.inputs)

    def stepwise(self) -> Stepwise:
        """The function as a Program, with each of its operations as it ran."""
        from oracle.lift.jax_steps import lift_jax_steps  # noqa: PLC0415 - only after a failure

        return lift_jax_steps(self.function, self.inputs)

    def alone(self, ran: Ran) -> Framework:
        """One of these operations, to be asked by itself."""
        return JaxOperation(ran)

    def adopt(self, lifted: Lifted) -> None:
        """Name outputs alike; both read the arguments alike."""
        pairs = zip(self.outputs, lifted.outputs, strict=True)
        self.outputs = tuple(replace(own, name=other.name) for own, other in pairs)

    def cotangent_arrays(self, given: Any) -> list[Array]:
        """The arrays in a cotangent of the structure that the function returns: of what is complex both
        parts, conjugated, since the loss that JAX means is the real part of sum(cotangent * output).
        """
        parts = [o.part for o in self.outputs if kind_of(o.dtype) == "real" and o.part != "imag"]
        leaves = [np.asarray(v) for v in jax_tree(given, "cotangent").leaves]
        found: list[Array] = []
        for leaf, part in zip_longest(leaves, parts):
            if leaf is None:
                continue
            if leaf.dtype.kind == "c" and not part:
                msg = "the cotangent has a complex array for a real output; expected a real one"
                raise ValueError(msg)
            found.append(np.asarray(leaf.real, dtype=np.float64))
            if part:
                found.append(-np.asarray(leaf.imag, dtype=np.float64))
        return found

    def value(self, program: Program, point: Point) -> tuple[npt.NDArray[np.generic], ...]:
        """Output values; of another Program than the function's own, values by JAX's operations."""
        if program.output_names != tuple(o.name for o in self.outputs):
            return JaxFramework().value(program, point)
        with self._mode(point):
            return tuple(arrays.array(v) for v in self._run(self._at(point)))

    def derivative(self, route: str, program: Program, point: Point) -> Answer:
        """Derivatives by one first-order route."""
        return self._follow(route, program, point)

    def second_order(self, route: str, program: Program, point: Point) -> Answer:
        """Gradient of <VJP, directions> by one second-order route."""
        return self._follow(route, program, point)

    def _follow(self, route: str, program: Program, point: Point) -> Answer:
        with self._mode(point):
            call = jax_call.UserCall(self._run, program, point)
            if route == self.routes[0]:
                return jax_call.follow(route, call, self._at(point))
            with calling_jax():
                return jax_call.follow(route, call, self._at(point))

    def reading(self, route: str, program: Program, point: Point, read: Callable[..., Any]) -> Any:
        """What ``read`` makes of a route: its formula, for one."""
        with self._mode(point):
            call = jax_call.UserCall(self._run, program, point)
            return jax_call.reading(route, call, self._at(point), read)

    def pull(self, program: Program, point: Point, factors: Sequence[float]) -> Pulled:
        """Gradients for the cotangents times each factor, by one pullback."""
        with self._mode(point):
            call = jax_call.UserCall(self._run, program, point)
            return Pulled(tuple(jax_call.pull(call, self._at(point), factors)))

    def accumulated(self, program: Program, point: Point) -> Sequence[Mapping[str, Array]]:
        """Nothing: arrays of JAX carry no gradient."""
        return ()

    def flushes_subnormals(self) -> bool:
        """As JAX's own operations."""
        return JaxFramework().flushes_subnormals()

    def contract(self, name: str, program: Program, point: Point) -> Sequence[str]:
        """The promises of a function are asked of :meth:`pull`."""
        raise NotOfferedError(name)

    def _at(self, point: Point) -> dict[str, Any]:
        """The function's arrays at the numbers of ``point``, in their own formats or in the point's."""
        found = {}
        for slot, own in zip(self.slots, self.given.leaves, strict=True):
            array = point.inputs[slot.name]
            if point.dtype == self.native and array is slot.array:
                found[slot.name] = own
            else:
                floating = jnp.issubdtype(own.dtype, jnp.floating)
                cast = jnp.dtype(point.dtype) if floating and point.dtype != self.native else own.dtype
                found[slot.name] = jnp.asarray(np.asarray(array).astype(cast))
        return found

    def _run(self, given: Mapping[str, Any]) -> tuple[Any, ...]:
        """Output arrays of one call."""
        with generators_kept():  # a route may call more than once; each call draws the same
            result = self.given.call([given[s.name] for s in self.slots])
        return tuple(jnp.asarray(v) for _, _, v in pieces(result, "out") if _is_number(v))

    @contextmanager
    def _mode(self, point: Point | None) -> Iterator[None]:
        """The precision mode of the function, its generators put back afterwards."""
        wide = point is not None and point.dtype == "float64" and self.native != "float64"
        mode: AbstractContextManager[Any] = (
            arrays.sixty_four_bits() if wide else own_precision(self.given.leaves)
        )
        with generators_kept(), mode:
            yield


def _is_number(leaf: Any) -> bool:
    return is_array(leaf) or isinstance(leaf, (bool, int, float))
