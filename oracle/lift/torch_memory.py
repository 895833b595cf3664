"""Which symbol a torch tensor stands for: by the memory it looks at, never by the identity of an object.

A storage that holds anything that depends on the inputs has a cell. Views read from it, in-place operations
write to it. What has no cell is a constant, read off the tensor at the moment of use.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from oracle.frameworks.torch_tensors import array
from reference_engine.trace import Builder, Tensor, constant, xp

Geometry = tuple[int, tuple[int, ...], tuple[int, ...], Any]


def geometry(tensor: Any) -> Geometry:
    """What of its storage a tensor sees: offset, sizes, strides, dtype."""
    return tensor.storage_offset(), tuple(tensor.shape), tuple(tensor.stride()), tensor.dtype


def places(tensor: Any) -> np.ndarray:
    """Position within its storage of each element of a tensor."""
    found = np.full(tuple(tensor.shape), tensor.storage_offset(), dtype=np.int64)
    for axis, (extent, stride) in enumerate(zip(tensor.shape, tensor.stride(), strict=True)):
        along = [1] * tensor.ndim
        along[axis] = extent
        found = found + (np.arange(extent, dtype=np.int64) * stride).reshape(along)
    return found


def flattened(symbol: Tensor) -> Tensor:
    """The elements in row-major order."""
    return symbol if symbol.ndim == 1 else xp.reshape(symbol, shape=(symbol.size,))  # type: ignore[no-any-return]


def gathered(symbol: Tensor, positions: np.ndarray) -> Tensor:
    """The elements of ``symbol`` at row-major positions; a reshape where they are all of them in order."""
    flat = positions.reshape(-1)
    if flat.size == symbol.size and np.array_equal(flat, np.arange(flat.size)):
        return symbol if symbol.shape == positions.shape else xp.reshape(symbol, shape=positions.shape)  # type: ignore[no-any-return]
    if not flat.size:
        return constant(np.zeros(positions.shape, {"real": float, "int": int, "bool": bool}[symbol.kind]))
    return xp.take(flattened(symbol), constant(positions), axis=0)  # type: ignore[no-any-return]


@dataclass
class Cell:
    """One storage: the symbols of the tensors that see it as it is now.

    ``owner`` keeps the storage alive, so that its address is not used again. ``whole`` is the tensor (as
    places) and symbol that everything else can be read from.
    """

    owner: Any
    size: int
    whole: tuple[np.ndarray, Tensor]
    known: dict[Geometry, Tensor] = field(default_factory=dict)
    tracked: bool = False

    def read(self, tensor: Any) -> Tensor:
        """The symbol of a tensor in this storage."""
        key = geometry(tensor)
        if key not in self.known:
            covered, symbol = self.whole
            inverse = np.full(self.size, -1, dtype=np.int64)
            inverse[covered.reshape(-1)] = np.arange(covered.size)
            self.known[key] = gathered(symbol, np.maximum(inverse[places(tensor)], 0))
        return self.known[key]

    def write(self, tensor: Any, symbol: Tensor) -> None:
        """Let ``tensor`` hold ``symbol`` from now on."""
        where = places(tensor)
        covered, old = self.whole
        if set(covered.reshape(-1).tolist()) <= set(where.reshape(-1).tolist()):
            self.whole = (where, symbol)
        else:
            spread = np.full(self.size, -1, dtype=np.int64)
            spread[covered.reshape(-1)] = np.arange(covered.size)
            spread[where.reshape(-1)] = covered.size + np.arange(where.size)
            kept = np.flatnonzero(spread >= 0)
            if old.kind != symbol.kind:
                old, symbol = (xp.astype(s, dtype="float64") for s in (old, symbol))
            both = xp.concatenate([flattened(old), flattened(symbol)], axis=0)
            self.whole = (kept, gathered(both, spread[kept]))
        self.known = {geometry(tensor): symbol}


class Memory:
    """The cells by storage, and what the Program knows of each symbol."""

    def __init__(self, builder: Builder) -> None:
        self.builder = builder
        self._cells: dict[int, Cell] = {}
        self._active: list[bool] = []
        self._linked: list[bool] = []
        self.constant_inputs: set[int] = set()

    def cell(self, tensor: Any) -> Cell | None:
        """The cell of a tensor's storage, None for a constant."""
        return self._cells.get(_address(tensor))

    def bind(self, tensor: Any, symbol: Tensor, *, tracked: bool) -> None:
        """A result: in memory of its own, or a view of memory that is known."""
        cell = self.cell(tensor)
        if cell is None:
            size = tensor.untyped_storage().nbytes() // tensor.element_size()
            cell = Cell(tensor.detach(), size, (places(tensor), symbol))
            self._cells[_address(tensor)] = cell
        cell.known[geometry(tensor)] = symbol
        cell.tracked |= tracked

    def adopt(self, tensor: Any) -> Cell:
        """The cell of a tensor's storage; a constant's is made of the numbers that are there now."""
        found = self.cell(tensor)
        if found is not None:
            return found
        storage = tensor.untyped_storage()
        size = storage.nbytes() // tensor.element_size()
        whole = tensor.detach().as_strided((size,), (1,), 0)
        cell = Cell(tensor.detach(), size, (np.arange(size), constant(array(whole))))
        self._cells[_address(tensor)] = cell
        return cell

    def forget(self, tensor: Any) -> None:
        """Take what a tensor holds for a constant from now on."""
        self._cells.pop(_address(tensor), None)

    def active(self, symbol: Tensor) -> bool:
        """Whether a symbol depends on any input."""
        self._extend()
        return self._active[symbol.index]

    def linked(self, symbol: Tensor) -> bool:
        """Whether a symbol depends on a differentiated input without a stop on the way."""
        self._extend()
        return self._linked[symbol.index]

    def _extend(self) -> None:
        for index in range(len(self._active), len(self.builder.nodes)):
            node = self.builder.nodes[index]
            given = node.op == "input"
            self._active.append(given or any(self._active[i] for i in node.inputs))
            passes = node.op != "stop_gradient" and any(self._linked[i] for i in node.inputs)
            self._linked.append((given and index not in self.constant_inputs) or passes)


def _address(tensor: Any) -> int:
    return int(tensor.untyped_storage()._cdata)


def exact(tensor: Any) -> np.ndarray:
    """The numbers of a tensor as float64, int64 or bool."""
    with torch.no_grad():
        return array(tensor.detach())
