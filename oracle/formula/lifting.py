"""A framework's derivative as a Program, by the reader of that framework."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from oracle.frameworks.protocol import Framework, Point
from oracle.lift.derivative import LiftedDerivative, not_lifted
from reference_engine.program import Program


def lift_derivative(framework: Framework, route: str, program: Program, point: Point) -> LiftedDerivative:
    """What a route computes at a point; what stood in the way, if it could not be read.

    A framework that lets its derivatives be read has a method ``reading(route, program, point, read)``, which
    calls ``read`` with the name of a reader in ``oracle/lift`` and the route as that reader takes it.
    """
    reading: Callable[..., LiftedDerivative] | None = getattr(framework, "reading", None)
    if reading is None:
        return not_lifted(f"{framework.name} does not show how it differentiates")
    try:
        return reading(route, program, point, _read)
    except MemoryError:
        raise
    except Exception as error:  # noqa: BLE001 - the finding stands, with one sentence less
        first = (str(error).strip().splitlines() or [""])[0]
        return not_lifted(f"{type(error).__name__}: {first}"[:120])


def _read(reader: str, *route: Any, **options: Any) -> LiftedDerivative:
    match reader:
        case "torch":
            from oracle.lift.torch_derivative import lift_torch_derivative  # noqa: PLC0415 - loads torch

            return lift_torch_derivative(*route, **options)
        case "jax":
            from oracle.lift.jax_derivative import lift_jax_derivative  # noqa: PLC0415 - loads JAX

            return lift_jax_derivative(*route, **options)
        case _:
            return not_lifted(f"there is no reader {reader!r}")
