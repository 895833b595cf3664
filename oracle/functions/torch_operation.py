"""One torch operation that ran, behind the protocol of a framework: asked alone, by any route."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from oracle.frameworks import torch_tensors as tensors
from oracle.frameworks.protocol import Answer, NotOfferedError, Point
from oracle.frameworks.torch_framework import TorchFramework
from oracle.frameworks.torch_routes import calling_torch
from oracle.frameworks.versions import version_of
from oracle.functions import torch_call
from oracle.lift.steps import Ran
from oracle.lift.torch_inputs import copy_of
from oracle.lift.torch_state import as_before
from reference_engine.program import Program


class TorchOperation:
    """Runs on copies of the very tensors that it had, with their memory layouts, in their own format."""

    name = "torch"
    routes: tuple[str, ...] = tuple(torch_call.ROUTES)
    second_order_routes: tuple[str, ...] = tuple(torch_call.SECOND_ORDER_ROUTES)
    forward_routes: tuple[str, ...] = ("torch.func.jvp",)
    dtypes: tuple[str, ...] = TorchFramework.dtypes

    def __init__(self, ran: Ran) -> None:
        self.version = version_of("torch")
        self._ran = ran

    def operations(self) -> frozenset[str]:
        """None by name: it runs as it is."""
        return frozenset()

    def value(self, program: Program, point: Point) -> tuple[npt.NDArray[np.generic], ...]:
        """Its results."""
        with as_before(()), torch.no_grad():
            return tuple(tensors.array(v) for v in self._ran.run(self._copies()))

    def derivative(self, route: str, program: Program, point: Point) -> Answer:
        """Its local derivative by one first-order route."""
        return self._follow(torch_call.ROUTES[route], program, point)

    def second_order(self, route: str, program: Program, point: Point) -> Answer:
        """The gradient of its <VJP, directions> by one second-order route."""
        return self._follow(torch_call.SECOND_ORDER_ROUTES[route], program, point)

    def _follow(self, route: Callable[[Any], Answer], program: Program, point: Point) -> Answer:
        with as_before(()), torch.inference_mode(mode=False), torch.enable_grad(), calling_torch():
            return route(torch_call.UserCall(self._ran.run, program, point, self._copies(), {}))

    def _copies(self) -> Mapping[str, Any]:
        return {o.name: copy_of(o.own) for o in self._ran.operands}

    def flushes_subnormals(self) -> bool:
        """As torch's own operations."""
        return TorchFramework().flushes_subnormals()

    def contract(self, name: str, program: Program, point: Point) -> Sequence[str]:
        """Nothing is promised for one operation."""
        raise NotOfferedError(name)
