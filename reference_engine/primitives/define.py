"""Short ways to write a record of the table, for the forms that come up again and again."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from reference_engine.arithmetic import Arithmetic, Elementwise, Values
from reference_engine.operations import REAL_LINE, Domain, Primitive, register
from reference_engine.program import Attr, Kind, ProgramError, TensorType
from reference_engine.trace import Tensor, apply

Partial = Callable[..., Tensor]
"""A local derivative from the operands, then the result, then the attributes as keywords."""


def broadcast_shapes(name: str, types: Sequence[TensorType]) -> tuple[int, ...]:
    """The common shape by numpy's rule, or a ProgramError that names the shapes."""
    first = types[0].shape
    for t in types:
        if t.shape != first:
            break
    else:
        return first
    try:
        return tuple(int(n) for n in np.broadcast_shapes(*(t.shape for t in types)))
    except ValueError:
        shapes = " and ".join(str(t.shape) for t in types)
        msg = f"{name}: shapes {shapes} cannot be broadcast together"
        raise ProgramError(msg) from None


def prototype(
    name: str, operands: Sequence[str], attrs: Mapping[str, Attr], documentation: str
) -> Callable[..., Any]:
    """A function that only carries a signature and a docstring."""

    def stub(*args: Any, **kwargs: Any) -> Any:
        return apply(name, *args, **kwargs)

    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    parameters = [inspect.Parameter(o, kind, annotation="Tensor") for o in operands]
    parameters += [inspect.Parameter(a, kind, default=d) for a, d in attrs.items()]
    stub.__name__ = name
    stub.__doc__ = documentation
    stub.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    return stub


def describe(definition: str, derivative: str, kinks: str, conventions: str) -> str:
    """The documentation paragraph with its fixed headings."""
    return (
        f"Definition: {definition}\nDerivative: {derivative}\n"
        f"Where it is not differentiable: {kinks}\nConventions: {conventions}"
    )


def elementwise(
    name: str,
    f: Elementwise,
    partials: Sequence[Partial | None],
    *,
    definition: str,
    derivative: str,
    not_differentiable: str = "nowhere in its domain.",
    conventions: str = "none needed.",
    domains: Sequence[Domain] = (),
    kinks: tuple[float, ...] = (),
    poles: tuple[float, ...] = (),
    attrs: Mapping[str, Attr] | None = None,
    operands: Sequence[str] = (),
    integer: bool = False,
    family: str = "elementwise",
    internal: bool = False,
) -> None:
    """Register an elementwise function of as many real operands as ``partials``.

    ``operands`` are their names, x or x1, x2... by default. ``integer`` functions keep integer operands
    integer; the others make them real.
    """
    numbered = ["x"] if len(partials) == 1 else [f"x{i + 1}" for i in range(len(partials))]
    names = list(operands) or numbered

    def infer(types: Sequence[TensorType], _: Mapping[str, Attr]) -> TensorType:
        kind: Kind = "int" if integer and all(t.kind == "int" for t in types) else "real"
        return TensorType(broadcast_shapes(name, types), kind)

    def evaluate(ar: Arithmetic, values: Sequence[Values], at: Mapping[str, Attr]) -> Values:
        return ar.elementwise(f, values, at)

    def jvp(
        primals: Sequence[Tensor], tangents: Sequence[Tensor | None], out: Tensor, at: Mapping[str, Attr]
    ) -> Tensor | None:
        total: Tensor | None = None
        for tangent, partial in zip(tangents, partials, strict=True):
            if tangent is not None and partial is not None:
                term = tangent * partial(*primals, out, **at)
                total = term if total is None else total + term
        return total

    register(
        Primitive(
            name,
            family,
            prototype(
                name, names, attrs or {}, describe(definition, derivative, not_differentiable, conventions)
            ),
            infer=infer,
            evaluate=evaluate,
            jvp=jvp,
            elementwise=True,
            domains=tuple(domains) or (REAL_LINE,) * len(partials),
            kinks=kinks,
            poles=poles,
            derivative=derivative,
            internal=internal,
        )
    )


def normalize_axis(name: str, axis: int, rank: int) -> int:
    """A non-negative axis, or a ProgramError that says the range."""
    if not isinstance(axis, int) or isinstance(axis, bool) or not -rank <= axis < rank:
        msg = f"{name}: axis {axis!r} is out of range for {rank} dimensions"
        raise ProgramError(msg)
    return axis % rank


def normalize_axes(name: str, axis: int | tuple[int, ...] | None, rank: int) -> tuple[int, ...]:
    """Sorted non-negative axes; None means all."""
    if axis is None:
        return tuple(range(rank))
    axes = [normalize_axis(name, a, rank) for a in (axis if isinstance(axis, tuple) else (axis,))]
    if len(set(axes)) != len(axes):
        msg = f"{name}: axis {axis!r} names an axis twice"
        raise ProgramError(msg)
    return tuple(sorted(axes))
