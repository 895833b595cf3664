"""What a framework's side of a user's function must offer, and the names under which it is spoken of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from oracle.frameworks.protocol import Array, Framework, Point
from oracle.lift.program import Lifted, Output, Slot
from oracle.lift.steps import Ran, Stepwise
from reference_engine.program import Kind, Program, TensorType


@dataclass(frozen=True)
class Observed:
    """What one call of the function gave; ``changed`` are paths of differentiated inputs that it changed."""

    outputs: tuple[Output, ...]
    changed: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Pulled:
    """Gradients by input name for several cotangents in one graph, and sentences on promises that were
    broken meanwhile, by the name of the promise.
    """

    gradients: tuple[Mapping[str, Array], ...]
    broken: tuple[tuple[str, str], ...] = ()


class FunctionSubject(Framework, Protocol):
    """A user's function behind the protocol of a framework, so that the same judge reads its answers.

    ``native`` is the coarsest format among its real inputs and outputs; at that dtype every tensor keeps its
    own. A Program that is passed to a route names inputs and outputs; it is the function that runs.
    ``routes_by_name`` are further routes of first order, taken only when asked for.
    """

    label: str
    slots: tuple[Slot, ...]
    outputs: tuple[Output, ...]
    native: str
    routes_by_name: tuple[str, ...]

    @property
    def fixed(self) -> Mapping[str, Any]:
        """Captured tensors by slot name, which nothing can be put in the place of."""

    def observe(self) -> Observed:
        """Call the function once. FunctionRaisedError if it raises, TypeError if it returns no tensor."""

    def arguments(self, arrays: Sequence[Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Positional and keyword arguments of the user's structure with ``arrays`` in place of tensors."""

    def cotangent_arrays(self, given: Any) -> list[Array]:
        """The arrays in a cotangent of the structure that the function returns."""

    def lift(self) -> Lifted:
        """The function as a Program at this point."""

    def stepwise(self) -> Stepwise:
        """The function as a Program, with each of its operations as it ran."""

    def alone(self, ran: Ran) -> Framework:
        """One of these operations, to be asked by itself."""

    def adopt(self, lifted: Lifted) -> None:
        """Take names and captured tensors from the lifted function."""

    def accumulated(self, program: Program, point: Point) -> Sequence[Mapping[str, Array]]:
        """``.grad`` of each input after one and two backward passes; nothing where there is no ``.grad``."""

    def pull(self, program: Program, point: Point, factors: Sequence[float]) -> Pulled:
        """Gradients of the point's cotangents times each factor: one forward pass, then a backward pass for
        each.
        """


def kind_of(dtype: str) -> Kind:
    """Kind of element of a dtype by its name."""
    if dtype == "bool":
        return "bool"
    return "int" if dtype.startswith(("int", "uint")) else "real"


def types_of(slots: Sequence[Slot]) -> dict[str, TensorType]:
    """Type of each slot by name."""
    return {s.name: TensorType(tuple(s.array.shape), kind_of(s.dtype)) for s in slots}
