"""From a Python function written against ``xp`` to a Program.

``xp`` holds every operation of the table under its name. Called inside :func:`trace` it records the
operation as the user wrote it; called inside a lowering it unfolds composites down to primitives with
explicit broadcasting, which is the form that is differentiated and evaluated.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from reference_engine.apply import apply, broadcast, to_kind
from reference_engine.arguments import as_tensor, constant, node_arguments
from reference_engine.builder import CHOOSING, Builder, Tensor, building
from reference_engine.operations import lookup
from reference_engine.program import Program, TensorType

__all__ = [
    "CHOOSING",
    "Builder",
    "Namespace",
    "Tensor",
    "apply",
    "as_tensor",
    "broadcast",
    "building",
    "constant",
    "node_arguments",
    "to_kind",
    "trace",
    "xp",
]


class Namespace:
    """The operations as attributes: ``xp.exp(x)``. Array API names where the standard has one."""

    def __getattr__(self, name: str) -> Callable[..., Any]:
        if name.startswith("_"):
            raise AttributeError(name)
        lookup(name)
        return lambda *args, **kwargs: apply(name, *args, **kwargs)

    constant = staticmethod(constant)


xp = Namespace()


def trace(
    function: Callable[..., Any], types: Mapping[str, TensorType], names: Sequence[str] | None = None
) -> Program:
    """The Program of ``function``, called once with a Tensor for each input, in the order of ``types``.

    The function returns one Tensor or a tuple of them. ProgramError says what is wrong with a call.

    >>> print(trace(lambda w, x: (w * x - 2) ** 2, {"w": TensorType(()), "x": TensorType(())}))
    w: real[] = input()
    x: real[] = input()
    %2: real[] = multiply(w, x)
    %3: int[] = constant(value=2)
    %4: real[] = subtract(%2, %3)
    %5: int[] = constant(value=2)
    %6: real[] = power(%4, %5)
    return %6
    """
    builder = Builder(surface=True)
    with building(builder):
        inputs = [builder.input(name, type_) for name, type_ in types.items()]
        result = function(*inputs)
        results = [as_tensor(r) for r in (result if isinstance(result, (tuple, list)) else (result,))]
    if names is None:
        names = [builder.nodes[r.index].name or f"out{k}" for k, r in enumerate(results)]
    return builder.finish(inputs, results, names)
