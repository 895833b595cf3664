"""A user's torch function with the tensors that it is given, called with others in their places."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from copy import copy
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from oracle.frameworks.protocol import NotOfferedError
from oracle.lift.torch_inputs import is_tensor, open_container
from oracle.lift.torch_internals import reparametrized
from oracle.lift.torch_slots import leaves_of
from oracle.lift.trees import argument_names, flatten


class TorchCallable:
    """``function`` at ``inputs``: values for ``leaves`` go by their keys, parameters of a module among them.

    ``runner`` is what is called: the function itself, or what a compiler made of it.
    """

    def __init__(self, function: Any, inputs: tuple[Any, ...]) -> None:
        self.runner = function
        self.module = function if isinstance(function, torch.nn.Module) else None
        names = argument_names(self.module.forward if self.module else function, len(inputs))
        self.trees = [flatten(v, n, is_tensor, open_container) for v, n in zip(inputs, names, strict=True)]
        self.leaves = leaves_of(self.trees, self.module)

    def compiled(self) -> TorchCallable:
        """The same, run by ``torch.compile``."""
        other = copy(self)
        other.runner = torch.compile(self.runner)
        return other

    def arguments(self, values: Sequence[Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """The user's structure with one value for each leaf; parameters by key."""
        args, start = [], 0
        for tree in self.trees:
            args.append(tree.rebuild(values[start : start + len(tree.leaves)]))
            start += len(tree.leaves)
        names = [leaf.key for leaf in self.leaves[start:]]
        return tuple(args), dict(zip(names, values[start:], strict=True))

    def call(self, given: Mapping[str, Any], cast: Any) -> Any:
        """What the function returns; all else that a module keeps runs in ``cast``, if that is not None."""
        args, parameters = self.arguments([given[leaf.key] for leaf in self.leaves])
        if self.module is None:
            return self.runner(*args)
        return torch.func.functional_call(self.runner, self._state(parameters, cast), args)

    def held(self, given: Mapping[str, Any], cast: Any) -> AbstractContextManager[Any]:
        """The module with these parameters in their place, also after the call."""
        if self.module is None:
            return nullcontext()
        _, parameters = self.arguments([given[leaf.key] for leaf in self.leaves])
        return reparametrized(self.runner, self._state(parameters, cast))

    def _state(self, parameters: Mapping[str, Any], cast: Any) -> dict[str, Any]:
        """Parameters and copies of all else that the module keeps, under the names that the runner has."""
        assert self.module is not None
        paths = {leaf.key: leaf.path for leaf in self.leaves}
        state = {paths[n]: p for n, p in parameters.items()}
        for name, value in [*self.module.named_parameters(), *self.module.named_buffers()]:
            if name not in state:
                own = value.detach().clone()
                state[name] = own if cast is None else own.to(dtype_in(own, cast))
        wrapped = {} if self.runner is self.module else {f"_orig_mod.{n}": v for n, v in state.items()}
        return wrapped or state


def dtype_in(tensor: Any, dtype: Any) -> Any:
    """The dtype in which a tensor is run where real numbers have ``dtype``.

    NotOfferedError for complex numbers of 16 bits.
    """
    if tensor.is_complex():
        if dtype not in {torch.float32, torch.float64}:
            msg = "complex numbers of 16 bits"
            raise NotOfferedError(msg)
        return dtype.to_complex()
    return dtype if tensor.is_floating_point() else tensor.dtype


OTHER_DRAW = 2.0**-6
"""Values of a random function that differ by more than this part of their largest come from other random
numbers: a dropped element is a change of order 1, rounding one of 2^-8 in bfloat16 and far less elsewhere."""


def drew_otherwise(values: Sequence[npt.NDArray[Any]], before: Sequence[npt.NDArray[Any]]) -> bool:
    """Whether values come from other random numbers than before: torch.func has its own kernels for some
    operations (attention with dropout), and these draw in another order.
    """
    return any(
        float(np.abs(a - b).max(initial=0.0)) > OTHER_DRAW * float(np.abs(b).max(initial=0.0))
        for a, b in zip(map(np.asarray, values), before, strict=True)
        if b.dtype.kind == "f"
    )
