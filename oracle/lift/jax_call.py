"""One equation of a jaxpr on its way into the Program, as the lowerings of the primitives see it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from oracle.lift.complex_numbers import Complex, Symbol
from oracle.lift.jax_values import Value
from oracle.lift.program import Array
from reference_engine.trace import Tensor


class NotLoweredError(Exception):
    """This use of a primitive has no lowering; the message says what about it and what to do."""


class Jaxprs(Protocol):
    """What reads jaxprs within jaxprs."""

    def inline(self, jaxpr: Any, inputs: Sequence[Value]) -> list[Value]:
        """The outputs of a closed jaxpr, its equations lifted into the same Program."""

    def note(self, sentence: str) -> None:
        """Say something in the report, once."""


@dataclass(frozen=True, eq=False)
class Call:
    """A primitive with its parameters and operands. ``outputs`` are the types of its results; ``run`` binds
    it to concrete operands.
    """

    name: str
    params: Mapping[str, Any]
    inputs: tuple[Value, ...]
    outputs: tuple[Any, ...]
    run: Callable[[Sequence[Any]], Sequence[Any]]
    jaxprs: Jaxprs

    @property
    def tensors(self) -> list[Tensor]:
        """The operands in the Program, none of them complex."""
        return [v.tensor for v in self.inputs]

    @property
    def symbols(self) -> list[Symbol]:
        """The operands in the Program, complex ones too."""
        return [v.symbol for v in self.inputs]

    @property
    def tensor(self) -> Tensor:
        """The first operand in the Program."""
        return self.inputs[0].tensor

    @property
    def pair(self) -> Complex:
        """The first operand where it is complex."""
        return self.inputs[0].pair

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the first result."""
        return tuple(self.outputs[0].shape)

    def array(self, place: int) -> Array:
        """The concrete value of an operand."""
        return self.inputs[place].array


Lowering = Callable[[Call], Symbol | Sequence[Symbol | None]]
"""A primitive in operations of ours. None stands for a result that is a constant here: an integer."""

Structure = Callable[[Call], Sequence[Value]]
"""A primitive that holds jaxprs: its results come from lifting those."""
