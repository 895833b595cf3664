"""Which symbol a torch tensor stands for: by the memory it looks at, never by the identity of an object.

A storage that holds anything that depends on the inputs has a cell. Views read from it, in-place operations
write to it. What has no cell is a constant, read off the tensor at the moment of use. Complex numbers lie in
memory as pairs of real ones, so that real views of them (``z.real``, ``view_as_real``) share their cell; that
a tensor is only marked as conjugate or negative is applied when it is read.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from oracle.frameworks.torch_tensors import array
from oracle.lift.complex_numbers import Complex, Symbol, conj, constant_pair, each_part, whole
from oracle.lift.torch_internals import address, unmarked
from reference_engine.trace import Builder, Tensor, constant, xp

NUMPY = {"real": float, "int": int, "bool": bool}
"""Element types by kind."""

Geometry = tuple[int, tuple[int, ...], tuple[int, ...], Any]


def geometry(tensor: Any) -> Geometry:
    """What of its storage a tensor sees: offset, sizes, strides, dtype."""
    return tensor.storage_offset(), tuple(tensor.shape), tuple(tensor.stride()), tensor.dtype


def parts_of(seen: Geometry) -> tuple[Geometry, ...]:
    """Where real numbers lie that a tensor of that geometry is made of: itself, or both parts."""
    offset, shape, strides, dtype = seen
    if not dtype.is_complex:
        return (seen,)
    doubled = tuple(2 * s for s in strides)
    return tuple((2 * offset + k, shape, doubled, dtype.to_real()) for k in (0, 1))


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
        return constant(np.zeros(positions.shape, NUMPY[symbol.kind]))
    return xp.take(flattened(symbol), constant(positions), axis=0)  # type: ignore[no-any-return]


def tensors_of(symbol: Symbol) -> tuple[Tensor, ...]:
    """The real tensors of a symbol."""
    return (symbol.re, symbol.im) if isinstance(symbol, Complex) else (symbol,)


def as_marked(symbol: Symbol, tensor: Any) -> Symbol:
    """What a tensor stands for that sees ``symbol`` in memory, and the other way around."""
    found = conj(symbol) if tensor.is_conj() else symbol
    return each_part(lambda part: -part, found) if tensor.is_neg() else found


@dataclass
class Cell:
    """One storage: the symbols of the tensors that see it as it is now.

    ``owner`` keeps the storage alive, so that its address is not used again. ``whole`` is the symbol that
    everything else can be read from, and where its elements lie; ``size`` counts real numbers.
    """

    owner: Any
    size: int
    whole: tuple[np.ndarray | Geometry, Symbol]
    known: dict[Geometry, Symbol] = field(default_factory=dict)
    tracked: bool = False

    def read(self, tensor: Any) -> Symbol:
        """The symbol of a tensor in this storage."""
        return as_marked(self._seen(geometry(tensor)), tensor)

    def remember(self, tensor: Any, symbol: Symbol) -> None:
        """Note what a tensor is that sees this storage as it is."""
        key = geometry(tensor)
        if key not in self.known:
            self.known[key] = as_marked(symbol, tensor)
            self.known.update(zip(parts_of(key), tensors_of(self.known[key]), strict=True))

    def write(self, tensor: Any, symbol: Symbol) -> None:
        """Let ``tensor`` hold ``symbol`` from now on."""
        key, symbol = geometry(tensor), as_marked(symbol, tensor)
        if isinstance(self.whole[0], tuple) and self.whole[0] == key:
            self.whole = (key, symbol)
        else:
            spread, old, new = self._inverse(), self._flat(), self._joined(symbol)
            where = np.concatenate([places(part).reshape(-1) for part in parts_of(key)])
            spread[where] = old.size + np.arange(where.size)
            kept = np.flatnonzero(spread >= 0)
            if old.kind != new.kind:
                old, new = (xp.astype(s, dtype="float64") for s in (old, new))
            self.whole = (kept, gathered(xp.concatenate([old, new], axis=0), spread[kept]))
        self.known = {key: symbol, **dict(zip(parts_of(key), tensors_of(symbol), strict=True))}

    def _seen(self, key: Geometry) -> Symbol:
        if key not in self.known:
            inverse, flat = self._inverse(), self._flat()
            found = [gathered(flat, np.maximum(inverse[places(part)], 0)) for part in parts_of(key)]
            self.known[key] = whole(found)
        return self.known[key]

    def _flat(self) -> Tensor:
        """The real numbers of the whole in one row."""
        return self._joined(self.whole[1])

    @staticmethod
    def _joined(symbol: Symbol) -> Tensor:
        rows = [flattened(part) for part in tensors_of(symbol)]
        return xp.concatenate(rows, axis=0) if len(rows) > 1 else rows[0]

    def _inverse(self) -> np.ndarray:
        """For each place of the storage which element of the whole lies there; -1 where none does."""
        lying = self.whole[0]
        rows = [places(part).reshape(-1) for part in parts_of(lying)] if isinstance(lying, tuple) else [lying]
        covered = np.concatenate(rows)
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

    def bind(self, tensor: Any, symbol: Symbol, *, tracked: bool) -> None:
        """A result: in memory of its own, or a view of memory that is known."""
        cell = self.cell(tensor)
        if cell is None:
            whole = (geometry(tensor), as_marked(symbol, tensor))
            cell = self._cells[address(tensor)] = Cell(tensor.detach(), _real_size(tensor), whole)
        cell.remember(tensor, symbol)
        cell.tracked |= tracked

    def adopt(self, tensor: Any) -> Cell:
        """The cell of a tensor's storage; a constant's is made of the numbers that are there now."""
        found = self.cell(tensor)
        if found is not None:
            return found
        size = tensor.untyped_storage().nbytes() // tensor.element_size()
        whole = unmarked(tensor.detach()).as_strided((size,), (1,), 0)
        numbers = array(torch.view_as_real(whole).reshape(-1) if whole.is_complex() else whole)
        cell = Cell(tensor.detach(), numbers.size, (np.arange(numbers.size), constant(numbers)))
        self._cells[address(tensor)] = cell
        return cell

    def forget(self, tensor: Any) -> None:
        """Take what a tensor holds for a constant from now on."""
        self._cells.pop(address(tensor), None)

    def active(self, symbol: Symbol) -> bool:
        """Whether a symbol depends on any input."""
        self._extend()
        return any(self._active[part.index] for part in tensors_of(symbol))

    def linked(self, symbol: Symbol) -> bool:
        """Whether a symbol depends on a differentiated input without a stop on the way."""
        self._extend()
        return any(self._linked[part.index] for part in tensors_of(symbol))

    def explained(self, symbol: Symbol) -> bool:
        """Whether how a value comes from the inputs is known: linked, or constant by a lowering's word."""
        self._extend()
        return any(self._explained[part.index] or part.index in self.vouched for part in tensors_of(symbol))

    def vouch(self, symbol: Symbol) -> None:
        """Note that a lowering says of a value that no derivative reaches it."""
        self.vouched.update(part.index for part in tensors_of(symbol))

    def _extend(self) -> None:
        for index in range(len(self._active), len(self.builder.nodes)):
            node = self.builder.nodes[index]
            given = node.op == "input"
            self._active.append(given or any(self._active[i] for i in node.inputs))
            passes = node.op != "stop_gradient" and any(self._linked[i] for i in node.inputs)
            self._linked.append((given and index not in self.constant_inputs) or passes)
            known = any(self._explained[i] or i in self.vouched for i in node.inputs)
            self._explained.append(self._linked[index] or known)


def _real_size(tensor: Any) -> int:
    """How many real numbers of the tensor's format its storage holds."""
    size = tensor.untyped_storage().nbytes() // tensor.element_size()
    return 2 * int(size) if tensor.is_complex() else int(size)


def exact(tensor: Any) -> np.ndarray:
    """The numbers of a real tensor as float64, int64 or bool."""
    with torch.no_grad():
        return array(tensor.detach())


def constant_of(tensor: Any) -> Symbol:
    """The numbers of a tensor as they are now."""
    if not tensor.is_complex():
        return constant(exact(tensor))
    return constant_pair(tensor.detach().to(torch.complex128).numpy(force=True))
