"""The operators of an eager tensor: those of the table, and changes in place."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import Any, Self

from reference_engine.operators import Operators


def _in_place(name: str) -> Callable[[Any, Any], Any]:
    return lambda self, other: self._become(self._call(name, self, other))


class InPlaceOperators(Operators):
    """The operators of a tensor that can also take over another tensor's value."""

    @abstractmethod
    def _become(self, new: Any) -> Self:
        """Take over the value and history of ``new``."""

    __iadd__ = _in_place("add")
    __isub__ = _in_place("subtract")
    __imul__ = _in_place("multiply")
    __itruediv__ = _in_place("divide")
