"""ATen's operations that treat both parts of complex numbers alike, and the table of those that do not.

An operation that is linear over the reals needs no lowering of its own for complex tensors: its real one is
run on each part. That it is linear is read off the nodes that it writes, so nothing is listed twice.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch

from oracle.lift.aten import CONSTANT, Call, Lowering, NoLoweringError, lookup, real
from oracle.lift.complex_numbers import Complex, imaginary_part, real_part
from oracle.lift.torch_arguments import tensors_in
from oracle.lift.torch_internals import arguments_of, is_inexact
from oracle.lift.torch_memory import tensors_of
from reference_engine.program import Node
from reference_engine.trace import Tensor

COMPLEX: dict[str, Lowering] = {}
"""Lowering by name, for calls with a complex tensor among operands or results."""

LINEAR = frozenset(
    {
        "broadcast_to", "concatenate", "constant", "cumsum", "expand_dims", "flip", "getitem",
        "matrix_transpose", "mean", "negative", "permute_dims", "positive", "reshape", "roll", "scatter_add",
        "squeeze", "stack", "stop_gradient", "sum", "take", "trace", "transpose", "tril", "triu", "where",
    }
)  # fmt: skip
"""Operations of a Program that are linear in their real operands (``where`` given its condition)."""


def lowers_complex(*names: str) -> Callable[[Lowering], Lowering]:
    """Decorator: the function lowers these operations on complex tensors."""

    def wrap(function: Lowering) -> Lowering:
        for name in names:
            assert name not in COMPLEX, name
            COMPLEX[name] = function
        return function

    return wrap


def lookup_complex(func: Any) -> Lowering | None:
    """The lowering of a call with complex tensors: its own, or its real one for each part."""
    own = lookup(func, COMPLEX)
    common = lookup(func)
    return own if own is not None or common is None else lambda call: _by_parts(common, call)


def _by_parts(lowering: Lowering, call: Call) -> Any:
    """The real lowering on each part; NoLoweringError if it writes anything that is not linear."""
    symbols = [part for t in tensors_in(call.raw.values()) for part in tensors_of(call.symbol(t))]
    found = []
    for k in (0, 1):
        one = _part_of(call, k)
        builder = symbols[0].builder
        start = len(builder.nodes)
        found.append(_listed(lowering(one)))
        new = builder.nodes[start:]
        if not all(_is_linear(node, builder.nodes, start) for node in new):
            raise NoLoweringError("of complex numbers")  # noqa: EM101
    return [_together(re, im, r) for re, im, r in zip(*found, call.results, strict=True)]


def _listed(found: Any) -> list[Any]:
    return list(found) if isinstance(found, (tuple, list)) else [found]


def _together(re: Any, im: Any, result: Any) -> Any:
    """One result of both parts; what is not complex (positions, a truth value) is the same in both."""
    if not torch.is_tensor(result) or not result.is_complex():
        return re
    if isinstance(re, Tensor) and isinstance(im, Tensor):
        return Complex(real(re), real(im))
    return CONSTANT if re is CONSTANT or im is CONSTANT else None


def _is_linear(node: Node, nodes: Sequence[Node], start: int) -> bool:
    """Whether a node that a lowering wrote after ``start`` is linear in what it was given."""
    fixed = [nodes[i].op == "constant" for i in node.inputs]
    if node.op in {"add", "subtract"}:  # of what it was given; a number of its own would be added twice
        return not any(c and i >= start for c, i in zip(fixed, node.inputs, strict=True))
    if node.op == "multiply":
        return any(fixed)
    return fixed[1] if node.op == "divide" else node.op in LINEAR


def _part_of(call: Call, k: int) -> Call:
    """The same call with the real (0) or imaginary (1) part of all tensors and numbers that have parts.

    Factors (``alpha``) are no summands: they stay as they are.
    """
    part = (real_part, imaginary_part)[k]
    symbols: dict[int, Any] = {}

    def of(value: Any) -> Any:
        if isinstance(value, (list, tuple)):
            return type(value)(of(v) for v in value) if any(map(torch.is_tensor, value)) else value
        if not torch.is_tensor(value):
            return value
        found = value
        if value.is_complex():
            found = real_view(value, k)
        elif value.is_floating_point() and k:
            found = torch.zeros_like(value)
        symbols[id(found)] = part(call.symbol(value)) if is_inexact(value) else call.symbol(value)
        return found

    raw = {name: of(value) for name, value in call.raw.items()}
    for argument in arguments_of(call.func):
        if "number" in str(argument.type) and raw[argument.name] is not None:
            if argument.name not in {"alpha", "beta"}:
                raw[argument.name] = part(raw[argument.name]) if k == 0 else part(complex(raw[argument.name]))
            elif isinstance(raw[argument.name], complex):
                raise NoLoweringError("with a complex factor")  # noqa: EM101
    results = [real_view(r, k) if torch.is_tensor(r) and r.is_complex() else r for r in call.results]
    return Call(call.func, raw, results if len(results) > 1 else results[0], lambda t: symbols[id(t)])


def real_view(tensor: Any, k: int) -> Any:
    """One part of a complex tensor, as numbers: 0 the real, 1 the imaginary one."""
    return torch.view_as_real(tensor.detach().resolve_conj()).select(-1, k)
