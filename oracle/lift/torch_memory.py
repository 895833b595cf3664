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
from oracle.lift.torch_internals import address
from reference_engine.trace import Builder, Tensor, constant, xp

Geometry = tuple[int, tuple[int, ...], tuple[int, ...], Any]


def geometry(tensor: Any) -> Geometry:
    """What of its storage a tensor sees: offset, sizes, strides, dtype."""
    return tensor.storage_offset(), tuple(tensor.shape), tuple(tensor.stride()), tensor.dtype


def places(seen: Geometry) -> np.ndarray:
    """Position within its storage of each element of a tensor of that geometry."""
    offset, shape, strides, _ = seen
    found = np.full(shape, offset, dtype=np.int64)
    for axis, (extent, stride) in enumerate(zip(shape, strides, strict=True)):
        along = [1] * len(shape)
        along[axis] = extent
        found = found + (np.arange(extent, dtype=np.int64) * stride).reshape(along)
    return found


def flattened(symbol: Tensor) -> Tensor:
    """The elements in row-major order."""
    return symbol if symbol.ndim == 1 else xp.reshape(symbol, shape=(symbol.size,))


def gathered(symbol: Tensor, positions: np.ndarray) -> Tensor:
    """The elements of ``symbol`` at row-major positions; a reshape where they are all of them in order."""
    flat = positions.reshape(-1)
    if flat.size == symbol.size and np.array_equal(flat, np.arange(flat.size)):
        return symbol if symbol.shape == positions.shape else xp.reshape(symbol, shape=positions.shape)
    if not flat.size:
        return constant(np.zeros(positions.shape, {"real": float, "int": int, "bool": bool}[symbol.kind]))
    return xp.take(flattened(symbol), constant(positions), axis=0)  # type: ignore[no-any-return]


@dataclass
class Cell:
    """One storage: the symbols of the tensors that see it as it is now.

    ``owner`` keeps the storage alive, so that its address is not used again. ``whole`` is the symbol that
    everything else can be read from, and where its elements lie.
    """

    owner: Any
    size: int
    whole: tuple[np.ndarray | Geometry, Tensor]
    known: dict[Geometry, Tensor] = field(default_factory=dict)
    tracked: bool = False

    def read(self, tensor: Any) -> Tensor:
        """The symbol of a tensor in this storage."""
        key = geometry(tensor)
        if key not in self.known:
            inverse = self._inverse()
            self.known[key] = gathered(self.whole[1], np.maximum(inverse[places(key)], 0))
        return self.known[key]

    def write(self, tensor: Any, symbol: Tensor) -> None:
        """Let ``tensor`` hold ``symbol`` from now on."""
        key = geometry(tensor)
        old = self.whole[1]
        if self.whole[0] == key if isinstance(self.whole[0], tuple) else False:
            self.whole = (key, symbol)
        else:
            spread, where = self._inverse(), places(key)
            spread[where.reshape(-1)] = old.size + np.arange(where.size)
            kept = np.flatnonzero(spread >= 0)
            if old.kind != symbol.kind:
                old, symbol = (xp.astype(s, dtype="float64") for s in (old, symbol))
            both = xp.concatenate([flattened(old), flattened(symbol)], axis=0)
            self.whole = (kept, gathered(both, spread[kept]))
        self.known = {key: symbol}

    def _inverse(self) -> np.ndarray:
        """For each place of the storage which element of the whole lies there; -1 where none does."""
        lying = self.whole[0]
        covered = (places(lying) if isinstance(lying, tuple) else lying).reshape(-1)
        inverse = np.full(self.size, -1, dtype=np.int64)
        inverse[covered] = np.arange(covered.size)
        return inverse


class Memory:
    """The cells by storage, and what the Program knows of each symbol."""

    def __init__(self, builder: Builder) -> None:
        self.builder = builder
        self._cells: dict[int, Cell] = {}
        self._active: list[bool] = []
        self._linked: list[bool] = []
        self._explained: list[bool] = []
        self.constant_inputs: set[int] = set()
        self.vouched: set[int] = set()

    def cell(self, tensor: Any) -> Cell | None:
        """The cell of a tensor's storage, None for a constant."""
        return self._cells.get(address(tensor))

    def bind(self, tensor: Any, symbol: Tensor, *, tracked: bool) -> None:
        """A result: in memory of its own, or a view of memory that is known."""
        cell = self.cell(tensor)
        if cell is None:
            size = tensor.untyped_storage().nbytes() // tensor.element_size()
            cell = Cell(tensor.detach(), size, (geometry(tensor), symbol))
            self._cells[address(tensor)] = cell
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
        self._cells[address(tensor)] = cell
        return cell

    def forget(self, tensor: Any) -> None:
        """Take what a tensor holds for a constant from now on."""
        self._cells.pop(address(tensor), None)

    def active(self, symbol: Tensor) -> bool:
        """Whether a symbol depends on any input."""
        self._extend()
        return self._active[symbol.index]

    def linked(self, symbol: Tensor) -> bool:
        """Whether a symbol depends on a differentiated input without a stop on the way."""
        self._extend()
        return self._linked[symbol.index]

    def explained(self, symbol: Tensor) -> bool:
        """Whether how a value comes from the inputs is known: linked, or constant by a lowering's word."""
        self._extend()
        return self._explained[symbol.index] or symbol.index in self.vouched

    def vouch(self, symbol: Tensor) -> None:
        """Note that a lowering says of a value that no derivative reaches it."""
        self.vouched.add(symbol.index)

    def _extend(self) -> None:
        for index in range(len(self._active), len(self.builder.nodes)):
            node = self.builder.nodes[index]
            given = node.op == "input"
            self._active.append(given or any(self._active[i] for i in node.inputs))
            passes = node.op != "stop_gradient" and any(self._linked[i] for i in node.inputs)
            self._linked.append((given and index not in self.constant_inputs) or passes)
            known = any(self._explained[i] or i in self.vouched for i in node.inputs)
            self._explained.append(self._linked[index] or known)


def exact(tensor: Any) -> np.ndarray:
    """The numbers of a tensor as float64, int64 or bool."""
    with torch.no_grad():
        return array(tensor.detach())
