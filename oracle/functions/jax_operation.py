"""One JAX equation that ran, behind the protocol of a framework: asked alone, by any route."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from oracle.frameworks import jax_arrays as arrays
from oracle.frameworks.jax_framework import JaxFramework
from oracle.frameworks.jax_routes import calling_jax
from oracle.frameworks.protocol import Answer, NotOfferedError, Point
from oracle.frameworks.versions import version_of
from oracle.functions import jax_call
from oracle.lift.jax_inputs import own_precision
from oracle.lift.steps import Ran
from reference_engine.program import Program


class JaxOperation:
    """Runs on the very arrays that it had, in their own format."""

    name = "jax"
    routes: tuple[str, ...] = tuple(jax_call.ROUTES)
    second_order_routes: tuple[str, ...] = tuple(jax_call.SECOND_ORDER_ROUTES)
    forward_routes: tuple[str, ...] = ("jax.jvp",)
    dtypes: tuple[str, ...] = JaxFramework.dtypes

    def __init__(self, ran: Ran) -> None:
        self.version = version_of("jax")
        self._ran = ran
        self._given: Mapping[str, Any] = {o.name: o.own for o in ran.operands}

    def operations(self) -> frozenset[str]:
        """None by name: it runs as it is."""
        return frozenset()

    def value(self, program: Program, point: Point) -> tuple[npt.NDArray[np.generic], ...]:
        """Its results."""
        with own_precision(self._given.values()):
            return tuple(arrays.array(v) for v in self._ran.run(self._given))

    def derivative(self, route: str, program: Program, point: Point) -> Answer:
        """Its local derivative by one first-order route."""
        with own_precision(self._given.values()), calling_jax():
            return jax_call.follow(route, jax_call.UserCall(self._ran.run, program, point), self._given)

    def second_order(self, route: str, program: Program, point: Point) -> Answer:
        """The gradient of its <VJP, directions> by one second-order route."""
        return self.derivative(route, program, point)

    def flushes_subnormals(self) -> bool:
        """As JAX's own operations."""
        return JaxFramework().flushes_subnormals()

    def contract(self, name: str, program: Program, point: Point) -> Sequence[str]:
        """Nothing is promised for one operation."""
        raise NotOfferedError(name)
