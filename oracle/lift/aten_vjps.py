"""ATen's fused ``*_backward`` calls that are documented as the derivative of a forward operation, and nothing
more: convolutions, pooling, resampling, distances. They are lowered as just that, the pullback of the
forward's own lowering.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch

from oracle.lift.aten import Call, Lowering, lookup, lowers
from oracle.lift.torch_arguments import bound, unbound
from oracle.lift.torch_internals import arguments_of, name_of, rank_of
from reference_engine.differentiate import COTANGENT, GRADIENT, vjp
from reference_engine.program import Program, TensorType
from reference_engine.trace import Builder, Tensor, building, constant, xp

_ATEN = torch.ops.aten


def pulled_back(
    call: Call, forward: Any, given: Mapping[str, Any], wanted: Sequence[str], cotangent: Tensor
) -> list[Tensor]:
    """Gradients of the first result of ``forward`` for its tensor arguments ``wanted``.

    ``given`` are the forward's arguments by schema name; tensors among them that the call does not know are
    constants.
    """
    raw = bound(forward, (), given)
    args, kwargs = unbound(forward, raw)
    with torch.no_grad():
        result = forward(*args, **kwargs)
    lowering = lookup(forward)
    assert lowering is not None, forward
    outer: dict[str, Tensor] = {}
    names: dict[int, str] = {}
    inner: dict[int, Tensor] = {}
    inside = Builder(surface=True)
    with building(inside):
        for name, value in raw.items():
            if torch.is_tensor(value) and value.is_floating_point():
                inner[id(value)] = inside.input(name, TensorType(tuple(value.shape)))
                names[id(value)] = name
        found = lowering(Call(forward, raw, result, lambda t: inner[id(t)]))
        out = found[0] if isinstance(found, (list, tuple)) else found
        program = inside.finish(list(inner.values()), [out], ["out"])
    for name, value in raw.items():
        if id(value) in inner:
            outer[name] = _known(call, value)
    derivative = vjp(program, tuple(wanted))
    results = inlined(derivative, {**outer, COTANGENT + "out": cotangent})
    by_name = dict(zip(derivative.output_names, results, strict=True))
    return [by_name[GRADIENT + name] for name in wanted]


def inlined(program: Program, inputs: Mapping[str, Tensor]) -> list[Tensor]:
    """The outputs of a lowered Program, its nodes written to the Program that ``inputs`` belong to.

    Zeros of a derivative are numbers here: a framework's formula knows no others.
    """
    builder = next(iter(inputs.values())).builder
    values: list[Tensor] = []
    for _, node in program:
        if node.op == "input":
            values.append(inputs[node.name or ""])
            continue
        attrs = {k: v for k, v in node.attributes.items() if k != "structural"}
        before = [values[i].index for i in node.inputs]
        values.append(builder.add(node.op, before, node.type, attrs, output=node.output))
    return [values[i] for i in program.outputs]


def _known(call: Call, tensor: Any) -> Tensor:
    for value in call.raw.values():
        if value is tensor:
            return call.symbol(tensor)
    return constant(tensor.double().numpy(force=True))


def _of(forward: Any, *wanted: str, cotangent: str = "grad_output") -> Lowering:
    """The lowering of a backward call that has the forward's arguments under the same names."""

    def lowering(call: Call) -> Any:
        known = {a.name for a in arguments_of(forward)}
        given = {n: v for n, v in call.raw.items() if n in known}
        if "output_size" in known and "output_size" not in given:
            given["output_size"] = list(call.shape(cotangent)[-rank_of(forward) :])
        mask = call.get("output_mask") or [True] * len(wanted)
        asked = [n for n, m in zip(wanted, mask, strict=True) if m]
        found = iter(pulled_back(call, forward, given, asked, call[cotangent]))
        return [next(found) if m else None for m in mask]

    return lowering


for _name in ("avg_pool2d", "avg_pool3d", "replication_pad1d", "replication_pad2d", "replication_pad3d",
              "reflection_pad1d", "reflection_pad2d", "reflection_pad3d"):  # fmt: skip
    lowers(f"{_name}_backward")(_of(getattr(_ATEN, _name).default, "self"))
for _rank in (2, 3):
    _pool = getattr(_ATEN, f"_adaptive_avg_pool{_rank}d").default
    lowers(f"_adaptive_avg_pool{_rank}d_backward")(_of(_pool, "self"))
lowers("_cdist_backward")(_of(_ATEN._cdist_forward.default, "x1", cotangent="grad"))  # noqa: SLF001
lowers("_pdist_backward")(_of(_ATEN._pdist_forward.default, "self", cotangent="grad"))  # noqa: SLF001
lowers("multi_margin_loss_backward")(_of(_ATEN.multi_margin_loss.default, "self"))
lowers("multilabel_margin_loss_backward")(_of(_ATEN.multilabel_margin_loss_forward.default, "self"))


@lowers("convolution_backward")
def _convolution_backward(call: Call) -> Any:
    """Gradients for input, weight and bias."""
    names = ("input", "weight", "stride", "padding", "dilation", "transposed", "output_padding", "groups")
    given = {n: call.raw[n] for n in names} | {"bias": None}
    mask = call["output_mask"]
    asked = [n for n, m in zip(("input", "weight"), mask, strict=False) if m]
    c = call["grad_output"]
    found = iter(pulled_back(call, _ATEN.convolution.default, given, asked, c) if asked else ())
    over = (0, *range(2, c.ndim))
    return [*(next(found) if m else None for m in mask[:2]), xp.sum(c, axis=over) if mask[2] else None]


def _upsample_backward(call: Call) -> Any:
    """Resampling is linear, so that its pullback needs no more than the shape of what it is for."""
    forward = getattr(_ATEN, name_of(call.func).removesuffix("_backward")).default
    known = {a.name for a in arguments_of(forward)}
    blank = torch.zeros(call["input_size"], dtype=call.raw["grad_output"].dtype)
    given = {n: v for n, v in call.raw.items() if n in known} | {"self": blank}
    return pulled_back(call, forward, given, ["self"], call["grad_output"])


for _name in ("nearest1d", "nearest2d", "nearest3d", "linear1d", "bilinear2d", "bicubic2d", "trilinear3d"):
    lowers(f"upsample_{_name}_backward")(_upsample_backward)
for _name in ("nearest_exact1d", "nearest_exact2d", "nearest_exact3d", "bilinear2d_aa", "bicubic2d_aa"):
    lowers(f"_upsample_{_name}_backward")(_upsample_backward)
