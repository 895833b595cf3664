"""Python's operators as operations of the table."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, Self


def _operator(name: str) -> Callable[[Operators, Any], Any]:
    return lambda self, other: self._call(name, self, other)


def _reflected(name: str) -> Callable[[Operators, Any], Any]:
    return lambda self, other: self._call(name, other, self)


def _in_place(name: str) -> Callable[[Any, Any], Any]:
    return lambda self, other: self._become(self._call(name, self, other))


class Operators(ABC):
    """The operators of a tensor that can apply an operation and take over another tensor's value."""

    __array_ufunc__ = None

    @abstractmethod
    def _call(self, name: str, *args: Any) -> Self:
        """The operation called ``name`` applied to ``args``."""

    @abstractmethod
    def _become(self, new: Any) -> Self:
        """Take over the value and history of ``new``."""

    __add__, __radd__, __iadd__ = _operator("add"), _reflected("add"), _in_place("add")
    __sub__, __rsub__, __isub__ = _operator("subtract"), _reflected("subtract"), _in_place("subtract")
    __mul__, __rmul__, __imul__ = _operator("multiply"), _reflected("multiply"), _in_place("multiply")
    __truediv__, __rtruediv__, __itruediv__ = _operator("divide"), _reflected("divide"), _in_place("divide")
    __pow__, __rpow__ = _operator("power"), _reflected("power")
    __matmul__, __rmatmul__ = _operator("matmul"), _reflected("matmul")
    __mod__, __rmod__ = _operator("remainder"), _reflected("remainder")
    __floordiv__, __rfloordiv__ = _operator("floor_divide"), _reflected("floor_divide")
    __and__, __rand__ = _operator("logical_and"), _reflected("logical_and")
    __or__, __ror__ = _operator("logical_or"), _reflected("logical_or")
    __xor__, __rxor__ = _operator("logical_xor"), _reflected("logical_xor")
    __lt__, __le__ = _operator("less"), _operator("less_equal")
    __gt__, __ge__ = _operator("greater"), _operator("greater_equal")
    __eq__ = _operator("equal")
    __ne__ = _operator("not_equal")
    __hash__ = object.__hash__

    def __neg__(self) -> Self:
        return self._call("negative", self)

    def __abs__(self) -> Self:
        return self._call("abs", self)

    def __invert__(self) -> Self:
        return self._call("logical_not", self)
