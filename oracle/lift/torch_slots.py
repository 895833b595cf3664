"""The tensors that a torch function is given: under which names, and which of them are differentiated."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from oracle.lift.program import Slot
from oracle.lift.torch_inputs import names_of, numbers_of, parts_of, slots_of
from oracle.lift.torch_internals import is_inexact
from oracle.lift.trees import Tree
from reference_engine.syntax import check_name


@dataclass(frozen=True, eq=False)
class Leaf:
    """One tensor among the arguments, the parameters of a module, or from outside; two slots if complex."""

    tensor: Any
    path: str
    slots: tuple[Slot, ...]

    @property
    def key(self) -> str:
        """The name that stands for the tensor: that of its only slot, or of its real part."""
        return self.slots[0].name

    @property
    def differentiable(self) -> bool:
        """Whether its gradient is asked for."""
        return self.slots[0].differentiable

    @property
    def captured(self) -> bool:
        """Whether it is no argument."""
        return self.slots[0].captured

    def holds(self, tensor: Any) -> bool:
        """Whether a tensor in its place still has its numbers; NaN equals itself."""
        pairs = [(numbers_of(p), s.array) for p, s in zip(parts_of(tensor), self.slots, strict=True)]
        return all(bool(np.array_equal(a, b, equal_nan=b.dtype.kind == "f")) for a, b in pairs)


def leaf_of(
    tensor: Any, path: str, taken: Sequence[str], *, differentiable: bool, captured: bool = False
) -> Leaf:
    """A tensor under names that are not ``taken``."""
    (names,) = names_of([tensor], [path], taken, check_name)
    slots = slots_of(tensor, names, path, differentiable=differentiable, captured=captured)
    return Leaf(tensor, path, tuple(slots))


def leaves_of(trees: Sequence[Tree], module: Any) -> list[Leaf]:
    """The tensors in all arguments, then the parameters of a module that require a gradient.

    Differentiated are the arguments that require a gradient, all real and complex ones if none does.
    """
    arguments = [pair for tree in trees for pair in zip(tree.paths, tree.leaves, strict=True)]
    parameters = [p for p in module.named_parameters() if p[1].requires_grad] if module is not None else []
    chosen = any(t.requires_grad for _, t in arguments)
    pairs = arguments + parameters
    names = names_of([t for _, t in pairs], [path for path, _ in pairs], (), check_name)
    found = []
    for k, (own, (path, tensor)) in enumerate(zip(names, pairs, strict=True)):
        outside = k >= len(arguments)
        wanted = tensor.requires_grad if chosen or outside else is_inexact(tensor)
        slots = slots_of(tensor, own, path, differentiable=wanted, captured=outside)
        found.append(Leaf(tensor, path, tuple(slots)))
    return found
