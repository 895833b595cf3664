"""What a framework must offer to be judged: run a Program, and give its derivatives by its own routes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
import numpy.typing as npt

from reference_engine.program import Program

Array = npt.NDArray[np.float64]
"""Values cross this border as float64 (every narrower float fits exactly), int64 or bool numpy arrays."""

Layout = Literal["contiguous", "transposed", "strided", "expanded"]


class NotOfferedError(Exception):
    """The framework does not offer this route, dtype or order for this function; says which."""


class UnsupportedOperationError(Exception):
    """The framework's adapter has no such operation; the message is its name."""


@dataclass(frozen=True, slots=True)
class Point:
    """Where a Program is evaluated: inputs by name, what is differentiated, dtype and layouts.

    ``wrt`` names the inputs whose gradient is asked for. ``cotangents`` are by output name, ``tangents`` and
    ``directions`` (order 2) by input name.
    """

    inputs: Mapping[str, npt.NDArray[np.generic]]
    wrt: tuple[str, ...]
    dtype: str
    cotangents: Mapping[str, Array]
    tangents: Mapping[str, Array]
    directions: Mapping[str, Array]
    layouts: Mapping[str, Layout]


@dataclass(frozen=True, slots=True)
class Answer:
    """Output values in order, and derivatives: by input name for reverse routes, by output name for forward
    ones.
    """

    values: tuple[npt.NDArray[np.generic], ...]
    derivatives: Mapping[str, Array]


class Framework(Protocol):
    """One framework. ``routes`` are first-order, ``second_order_routes`` give the gradient of <VJP, d>.

    A route whose name is in ``forward_routes`` gives JVPs (output tangents); all others give VJPs.
    """

    name: str
    version: str
    routes: tuple[str, ...]
    second_order_routes: tuple[str, ...]
    forward_routes: tuple[str, ...]
    dtypes: tuple[str, ...]

    def operations(self) -> frozenset[str]:
        """Names of the operations that the adapter runs."""

    def value(self, program: Program, point: Point) -> tuple[npt.NDArray[np.generic], ...]:
        """Output values of the surface Program, by the framework's own kernels."""

    def derivative(self, route: str, program: Program, point: Point) -> Answer:
        """Derivatives by one first-order route. NotOfferedError if the framework has none there."""

    def second_order(self, route: str, program: Program, point: Point) -> Answer:
        """Gradient of <VJP, directions> by one second-order route."""

    def flushes_subnormals(self) -> bool:
        """Whether results below the smallest normal number become zero."""

    def contract(self, name: str, program: Program, point: Point) -> Sequence[str]:
        """Sentences about broken promises of the named contract check; empty when it holds."""
