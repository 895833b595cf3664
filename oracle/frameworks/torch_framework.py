"""PyTorch as a framework to be judged. Torch itself is imported on first use."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from importlib import import_module
from typing import Any

import numpy as np
import numpy.typing as npt

from oracle.frameworks.protocol import Answer, NotOfferedError, Point
from oracle.frameworks.versions import version_of
from reference_engine.program import Program


def _routes() -> Any:
    return import_module("oracle.frameworks.torch_routes")


def _tensors() -> Any:
    return import_module("oracle.frameworks.torch_tensors")


class TorchFramework:
    """Torch on the CPU, as a person would write the Program in it.

    Inputs get the layouts that the Point asks for. The derivative of an input that no output depends on is
    zero. NotOfferedError carries the first line of torch's own refusal.
    """

    name = "torch"
    routes: tuple[str, ...] = ("torch.autograd", "torch.func.vjp", "torch.func.jvp")
    second_order_routes: tuple[str, ...] = (
        "torch.double_backward",
        "torch.forward_over_reverse",
        "torch.reverse_over_forward",
    )
    forward_routes: tuple[str, ...] = ("torch.func.jvp",)
    dtypes: tuple[str, ...] = ("float64", "float32", "bfloat16", "float16")

    def __init__(self) -> None:
        self.version = version_of("torch")

    def operations(self) -> frozenset[str]:
        """Names of the operations that the adapter runs."""
        return frozenset(import_module("oracle.frameworks.torch_operations").OPERATIONS)

    def value(self, program: Program, point: Point) -> tuple[npt.NDArray[np.generic], ...]:
        """Output values, computed without recording a graph."""
        tensors = _tensors()
        return tuple(tensors.array(v) for v in _routes().value(program, point))

    def derivative(self, route: str, program: Program, point: Point) -> Answer:
        """Derivatives by ``torch.autograd.grad``, ``torch.func.vjp`` or, forward, ``torch.func.jvp``."""
        routes = _routes()
        answer: Answer = routes.follow(routes.ROUTES[route], program, point)
        return answer

    def second_order(self, route: str, program: Program, point: Point) -> Answer:
        """Gradient of <VJP, directions>: autograd twice, or torch.func's modes over each other."""
        routes = _routes()
        answer: Answer = routes.follow(routes.SECOND_ORDER_ROUTES[route], program, point)
        return answer

    def reading(self, route: str, program: Program, point: Point, read: Callable[..., Any]) -> Any:
        """What ``read`` makes of a route: its formula, for one."""
        return _routes().reading(route, program, point, partial(read, "torch"))

    def flushes_subnormals(self) -> bool:
        """Found by halving the smallest normal number."""
        torch = import_module("torch")
        for dtype in (torch.float32, torch.float64):
            halves = torch.full((40,), torch.finfo(dtype).tiny, dtype=dtype) * 0.5
            if bool((halves == 0).any()):
                return True
        return False

    def contract(self, name: str, program: Program, point: Point) -> Sequence[str]:
        """``accumulate``: ``.grad`` adds up over backward passes, once each, until it is zeroed."""
        if name != "accumulate":
            msg = f"torch has no contract check {name!r}"
            raise NotOfferedError(msg)
        sentences: list[str] = _routes().accumulation(program, point)
        return sentences


@contextmanager
def one_thread() -> Iterator[None]:
    """Run torch's kernels on one thread, so that sums come out the same every time; restores the number
    after.
    """
    torch = import_module("torch")
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
