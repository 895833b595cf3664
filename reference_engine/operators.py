"""Python's operators as operations of the table."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, Self


class Operators(ABC):
    """The operators of a tensor that can apply an operation."""

    __slots__ = ()
    __array_ufunc__ = None
    __hash__ = object.__hash__

    @abstractmethod
    def _call(self, name: str, *args: Any) -> Self:
        """The operation called ``name`` applied to ``args``."""

    def __add__(self, other: Any) -> Self:
        return self._call("add", self, other)

    def __radd__(self, other: Any) -> Self:
        return self._call("add", other, self)

    def __sub__(self, other: Any) -> Self:
        return self._call("subtract", self, other)

    def __rsub__(self, other: Any) -> Self:
        return self._call("subtract", other, self)

    def __mul__(self, other: Any) -> Self:
        return self._call("multiply", self, other)

    def __rmul__(self, other: Any) -> Self:
        return self._call("multiply", other, self)

    def __truediv__(self, other: Any) -> Self:
        return self._call("divide", self, other)

    def __rtruediv__(self, other: Any) -> Self:
        return self._call("divide", other, self)

    def __pow__(self, other: Any) -> Self:
        return self._call("power", self, other)

    def __rpow__(self, other: Any) -> Self:
        return self._call("power", other, self)

    def __matmul__(self, other: Any) -> Self:
        return self._call("matmul", self, other)

    def __rmatmul__(self, other: Any) -> Self:
        return self._call("matmul", other, self)

    def __mod__(self, other: Any) -> Self:
        return self._call("remainder", self, other)

    def __rmod__(self, other: Any) -> Self:
        return self._call("remainder", other, self)

    def __floordiv__(self, other: Any) -> Self:
        return self._call("floor_divide", self, other)

    def __rfloordiv__(self, other: Any) -> Self:
        return self._call("floor_divide", other, self)

    def __and__(self, other: Any) -> Self:
        return self._call("logical_and", self, other)

    def __rand__(self, other: Any) -> Self:
        return self._call("logical_and", other, self)

    def __or__(self, other: Any) -> Self:
        return self._call("logical_or", self, other)

    def __ror__(self, other: Any) -> Self:
        return self._call("logical_or", other, self)

    def __xor__(self, other: Any) -> Self:
        return self._call("logical_xor", self, other)

    def __rxor__(self, other: Any) -> Self:
        return self._call("logical_xor", other, self)

    def __lt__(self, other: Any) -> Self:
        return self._call("less", self, other)

    def __le__(self, other: Any) -> Self:
        return self._call("less_equal", self, other)

    def __gt__(self, other: Any) -> Self:
        return self._call("greater", self, other)

    def __ge__(self, other: Any) -> Self:
        return self._call("greater_equal", self, other)

    def __eq__(self, other: object) -> Self:  # type: ignore[override]
        return self._call("equal", self, other)

    def __ne__(self, other: object) -> Self:  # type: ignore[override]
        return self._call("not_equal", self, other)

    def __neg__(self) -> Self:
        return self._call("negative", self)

    def __abs__(self) -> Self:
        return self._call("abs", self)

    def __invert__(self) -> Self:
        return self._call("logical_not", self)
