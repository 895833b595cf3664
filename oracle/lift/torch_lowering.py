"""From one recorded ATen call to the symbols of its results: by the table, or by torch's own reduction."""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

import torch
from torch._decomp import decomposition_table

from oracle.lift import aten_table
from oracle.lift.aten import CONSTANT, Call, NoLoweringError
from oracle.lift.complex_numbers import Complex, Symbol, as_complex
from oracle.lift.torch_arguments import tensors_in, unbound, writes
from oracle.lift.torch_internals import READ_NUMBER, arguments_of, body_of, composition_of, is_inexact
from oracle.lift.torch_memory import Memory, constant_of
from reference_engine.trace import xp

if TYPE_CHECKING:
    from oracle.lift.torch_recorder import Recorder

ESCAPED = "values leave torch inside the forward, so its formula cannot be seen; give it with spec="


def lowered(recorder: Recorder, call: Call) -> list[Any]:
    """One symbol for each result; CONSTANT or None as lowerings say. NoLoweringError where there is none."""
    if call.func is torch.ops.aten.as_strided.default:
        cell = recorder.memory.cell(call.raw["self"])
        assert cell is not None
        return [cell.read(call.result)]
    if call.func is READ_NUMBER:
        if recorder.inside and is_inexact(call.raw["self"]):
            recorder.refuse("Tensor.item in the forward of a torch.autograd.Function", ESCAPED)
        return [None]
    if all(torch.is_tensor(r) and is_inexact(r) and not r.numel() for r in call.results):
        return [CONSTANT] * len(call.results)
    if any(t.is_complex() for t in [*tensors_in(call.raw.values()), *call.results] if torch.is_tensor(t)):
        lowering = aten_table.lookup_complex(call.func)
    else:
        lowering = aten_table.lookup(call.func)
    if lowering is not None:
        found = lowering(call)
        return list(found) if isinstance(found, (tuple, list)) else [found]
    if not any(torch.is_tensor(r) and is_inexact(r) for r in call.results):
        return [None] * len(call.results)
    return _decomposed(recorder, call)


def _decomposed(recorder: Recorder, call: Call) -> list[Any]:
    """The framework's own reduction to simpler operations, or the body of an operation that is written
    in Python, run on the same numbers and recorded.
    """
    recipe = decomposition_table.get(call.func) or composition_of(call.func)
    body = body_of(call.func, call.results[0].device.type) if recipe is None else None
    reduced = recipe or body
    if reduced is None or any(writes(a) for a in arguments_of(call.func)):
        raise NoLoweringError
    args, kwargs = unbound(call.func, call.raw)
    known = dict(recorder.unsupported)
    outer, recorder.looking_through = recorder.looking_through, True
    try:
        inside = nullcontext() if body is None else recorder.function(str(call.func))
        with torch.no_grad(), inside, recorder:
            parts = reduced(*args, **kwargs)
    finally:
        recorder.looking_through = outer
    if len(recorder.unsupported) > len(known):
        if body is not None:  # what is missing in the user's own operation is named itself
            return [None] * len(call.results)
        recorder.unsupported = known
        raise NoLoweringError
    parts = list(parts) if isinstance(parts, (tuple, list)) else [parts]
    found = [
        recorder.symbol(p, raw=True) if torch.is_tensor(p) and recorder.memory.cell(p) else None
        for p in parts
    ]
    if all(f is None for f in found):
        raise NoLoweringError
    return found


def fitting(memory: Memory, symbol: Any, tensor: Any) -> Symbol | None:
    """What a lowering gives for a result, in the result's kind; None where there is nothing to note."""
    if not torch.is_tensor(tensor) or tensor.is_meta:
        return None
    if tensor.layout is not torch.strided:
        raise NoLoweringError("sparse tensors are not lifted")  # noqa: EM101
    if symbol is CONSTANT:
        found = constant_of(tensor)
        memory.vouch(found)
        return found
    return None if symbol is None else _of_kind(symbol, tensor)


def _of_kind(symbol: Symbol, tensor: Any) -> Symbol:
    """A lowering's result with elements of the tensor's kind. NoLoweringError for a complex symbol of a real
    tensor.
    """
    if tensor.is_complex():
        return as_complex(symbol)
    if isinstance(symbol, Complex):
        raise NoLoweringError("a complex value for a real result")  # noqa: EM101
    kind = "bool" if tensor.dtype == torch.bool else "real" if tensor.is_floating_point() else "int"
    if symbol.kind == kind:
        return symbol
    return xp.astype(symbol, dtype={"real": "float64", "int": "int64", "bool": "bool"}[kind])  # type: ignore[no-any-return]
