"""The table of lowerings: what each ATen operation is in operations of a Program.

A lowering takes a :class:`Call` and returns one symbol for each result of the operation; CONSTANT for one
that no derivative reaches; None for one that it has no formula for (a real output that comes from it is
refused).
Operations that only move elements need no formula: the same ATen operation is run on positions.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from oracle.lift.torch_internals import arguments_of, name_of, overload_of
from oracle.lift.torch_memory import NUMPY, exact, flattened
from reference_engine.trace import Tensor, constant, xp

Lowering = Callable[["Call"], Any]

LOWERINGS: dict[str, Lowering] = {}
"""Lowering by the operation's name without its overload, or with it where overloads differ."""


CONSTANT = object()
"""What a lowering gives for a result that no derivative reaches: drawn, or constant in pieces."""


class NoLoweringError(Exception):
    """This call of an operation has no lowering; the message says which case."""


@dataclass(frozen=True)
class Call:
    """One recorded ATen call: concrete arguments by schema name, concrete result, and how to get symbols."""

    func: Any
    raw: Mapping[str, Any]
    result: Any
    symbol: Callable[[Any], Tensor]

    def __getitem__(self, name: str) -> Any:
        """An argument: the symbol of a tensor, lists of tensors as lists of symbols, else as it is."""
        return self._symbols(self.raw[name])

    def get(self, name: str, default: Any = None) -> Any:
        """An argument, or ``default`` where this overload has none of that name."""
        return self[name] if name in self.raw else default

    def _symbols(self, value: Any) -> Any:
        if torch.is_tensor(value):
            return self.symbol(value)
        if isinstance(value, (list, tuple)) and any(torch.is_tensor(v) for v in value):
            return [self._symbols(v) for v in value]
        return value

    @property
    def results(self) -> list[Any]:
        """All results as a list."""
        return list(self.result) if isinstance(self.result, (tuple, list)) else [self.result]

    def shape(self, name: str) -> tuple[int, ...]:
        """The shape of a tensor argument."""
        return tuple(self.raw[name].shape)


def lowers(*names: str) -> Callable[[Lowering], Lowering]:
    """Decorator: the function lowers the operations of these names."""

    def wrap(function: Lowering) -> Lowering:
        for name in names:
            assert name not in LOWERINGS, name
            LOWERINGS[name] = function
        return function

    return wrap


def lookup(func: Any, table: Mapping[str, Lowering] = LOWERINGS) -> Lowering | None:
    """The lowering of an ATen overload; an in-place or ``out`` form has that of the functional one."""
    name, overload = name_of(func), overload_of(func)
    for base in (name, name.removesuffix("_")):
        for key in (f"{base}.{overload}", base):
            if key in table:
                return table[key]
    return None


def axes(value: Any, rank: int) -> tuple[int, ...] | None:
    """Dimensions as a sorted tuple of non-negative axes; None (and no dimension at all) means all."""
    if value is None or (isinstance(value, (list, tuple)) and not value):
        return None
    given = value if isinstance(value, (list, tuple)) else [value]
    return tuple(sorted({int(d) % max(rank, 1) for d in given})) if rank else ()


def real(symbol: Any) -> Tensor:
    """A symbol with real elements."""
    found = symbol if isinstance(symbol, Tensor) else constant(symbol)
    return found if found.kind == "real" else xp.astype(found, dtype="float64")


def move(call: Call, *sources: str, fill: str | None = None) -> list[Tensor]:
    """The results of an operation that only moves the elements of its tensor arguments ``sources``.

    The operation itself is run on positions, counted from 1 through all sources: what it sets to zero by
    itself stays 0, and the number that it fills in (argument ``fill``) is marked -1.
    """
    given = dict(call.raw)
    symbols: list[Tensor] = []
    count = 1

    def numbered(tensor: Any) -> Any:
        nonlocal count
        symbols.append(call.symbol(tensor))
        size = tensor.numel()
        numbers = torch.arange(count, count + size, dtype=torch.float64).reshape(tensor.shape)
        count += size
        return numbers

    for name in sources:
        value = given[name]
        if isinstance(value, (list, tuple)):
            given[name] = [numbered(v) if torch.is_tensor(v) else v for v in value]
        elif torch.is_tensor(value):
            given[name] = numbered(value)
    if fill is not None:
        given[fill] = torch.tensor(-1.0, dtype=torch.float64) if torch.is_tensor(given[fill]) else -1.0
    found = _run(call.func, given)
    filler = None if fill is None else call[fill]
    results = list(found) if isinstance(found, (tuple, list)) else [found]
    return [_taken(symbols, r, filler) for r in results]


def _run(func: Any, given: Mapping[str, Any]) -> Any:
    """Call an overload with arguments by schema name."""
    args, kwargs = [], {}
    for argument in arguments_of(func):
        if argument.name in given:
            if argument.kwarg_only:
                kwargs[argument.name] = given[argument.name]
            else:
                args.append(given[argument.name])
    return func(*args, **kwargs)


def _taken(symbols: Sequence[Tensor], found: Any, filler: Any) -> Tensor:
    """Elements of all sources at numbers from 1; 0 is zero, -1 the filler."""
    numbers = exact(found).astype(np.int64)
    if all(s.kind == "bool" for s in symbols):
        zero: Any = False
    else:
        zero = 0
        if len({s.kind for s in symbols}) > 1:
            symbols = [real(s) for s in symbols]
    if len(symbols) == 1 and (numbers > 0).all():
        return _arranged(symbols[0], numbers - 1)
    whole = [flattened(s) for s in symbols]
    flat = whole[0] if len(whole) == 1 else xp.concatenate(whole, axis=0)
    if flat.size == 0:
        taken: Any = constant(np.full(numbers.shape, zero, dtype=NUMPY[flat.kind]))
    else:
        taken = xp.take(flat, constant(np.maximum(numbers - 1, 0)), axis=0)
    if (numbers > 0).all():
        return taken  # type: ignore[no-any-return]
    out = taken
    if (numbers == 0).any():
        out = xp.where(
            constant(numbers == 0), constant(zero, flat.kind if flat.kind != "bool" else None), out
        )
    if (numbers < 0).any():
        out = xp.where(constant(numbers < 0), filler, out)
    return out  # type: ignore[no-any-return]


def _arranged(symbol: Tensor, positions: np.ndarray) -> Tensor:
    """One source: a reshape, a broadcast or a permutation where it is one, else a gather."""
    flat = positions.reshape(-1)
    if flat.size == symbol.size and np.array_equal(flat, np.arange(flat.size)):
        return symbol if symbol.shape == positions.shape else xp.reshape(symbol, shape=positions.shape)
    if not flat.size:
        return constant(np.zeros(positions.shape, NUMPY[symbol.kind]))
    own = np.arange(symbol.size).reshape(symbol.shape)
    try:
        if np.array_equal(np.broadcast_to(own, positions.shape), positions):
            return xp.broadcast_to(symbol, shape=positions.shape)  # type: ignore[no-any-return]
    except ValueError:
        pass
    if symbol.ndim == positions.ndim >= 2 and symbol.size == flat.size:
        order = tuple(int(a) for a in np.argsort(_steps(positions))[::-1])
        inverse = tuple(int(a) for a in np.argsort(order))
        if positions.shape == tuple(symbol.shape[i] for i in inverse) and np.array_equal(
            np.transpose(own, inverse), positions
        ):
            return xp.transpose(symbol, axes=inverse)  # type: ignore[no-any-return]
    return xp.take(flattened(symbol), constant(positions), axis=0)  # type: ignore[no-any-return]


def _steps(positions: np.ndarray) -> list[int]:
    """How far apart in the source neighbors along each axis are."""
    first = positions.reshape(-1)[0]
    out = []
    for axis, extent in enumerate(positions.shape):
        at: list[Any] = [0] * positions.ndim
        at[axis] = 1
        out.append(int(positions[tuple(at)] - first) if extent > 1 else 0)
    return out
