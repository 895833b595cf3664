"""ATen's writing by index: elements added at places or put there, rows looked up, blocks folded."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from oracle.lift.aten import Call, lowers
from oracle.lift.torch_memory import exact, flattened, gathered
from reference_engine.trace import Tensor, constant, xp


@lowers("scatter_add", "index_add")
def _scatter_add(call: Call) -> Any:
    """Adds to self the source elements summed at the places that the operation itself moves them to."""
    x = call["self"]
    source = call.raw["src" if "src" in call.raw else "source"]
    index, axis = call.raw["index"], call["dim"]
    own = torch.arange(max(x.size, 1)).reshape(call.shape("self") or (1,))
    shape = tuple(index.shape)
    if "source" in call.raw:  # whole slices
        target = own.index_select(axis, index) if x.ndim else own[index.reshape(-1)].reshape(source.shape)
        symbol = call["source"]
        symbol = symbol if call.get("alpha", 1) == 1 else symbol * call["alpha"]
    else:
        target = torch.gather(own, axis, index.reshape(shape or (1,)))
        part = torch.arange(max(source.numel(), 1)).reshape(tuple(source.shape) or (1,))
        part = part[tuple(slice(0, n) for n in (shape or (1,)))]
        symbol = gathered(call["src"], part.numpy())
    return x + _placed(symbol, target.numpy(), x)


def _placed(symbol: Tensor, target: np.ndarray, like: Tensor) -> Tensor:
    zeros = (
        constant(np.zeros(like.size))
        if like.kind == "real"
        else constant(np.zeros(like.size, dtype=np.int64))
    )
    total = xp.scatter_add(zeros, constant(target.reshape(-1)), flattened(symbol), axis=0)
    return xp.reshape(total, shape=like.shape)  # type: ignore[no-any-return]


@lowers("index_put", "_index_put_impl", "_unsafe_index_put", "put")
def _index_put(call: Call) -> Any:
    """Elements replaced, or added to where repeated places add up."""
    x, raw = call["self"], call.raw["self"]
    own = torch.arange(raw.numel()).reshape(raw.shape)
    if "indices" in call.raw:
        target = torch.ops.aten.index.Tensor(own, call.raw["indices"]).numpy()
        values = call["values"]
        values = xp.broadcast_to(values, shape=target.shape) if values.shape != target.shape else values
    else:
        target = own.reshape(-1)[call.raw["index"].reshape(-1)].numpy()
        values = flattened(call["source"])
    if call["accumulate"]:
        return x + _placed(values, target, x)
    spread = np.arange(x.size)
    spread[target.reshape(-1)] = x.size + np.arange(target.size)
    both = xp.concatenate([flattened(x), flattened(values)], axis=0)
    return gathered(both, spread.reshape(x.shape))


@lowers("embedding")
def _embedding(call: Call) -> Any:
    """Rows; that at ``padding_idx`` is held by declaration, and others may be held in part."""
    indices = exact(call.raw["indices"])
    rows = xp.take(call["weight"], constant(indices), axis=0)
    share = (indices != call["padding_idx"]).astype(np.float64)
    if call["scale_grad_by_freq"]:
        _, inverse, counts = np.unique(indices, return_inverse=True, return_counts=True)
        share = share / counts[inverse].reshape(indices.shape)
    if (share == 1).all():
        return rows
    moving = constant(share[..., None])
    return rows * moving + xp.stop_gradient(rows * (1 - moving))


@lowers("col2im")
def _col2im(call: Call) -> Any:
    """Overlapping blocks added: the transpose of im2col, whose positions say where each element goes."""
    x, out = call["self"], call.results[0]
    own = torch.arange(1, out.numel() + 1, dtype=torch.float64).reshape(out.shape)
    args = [call[n] for n in ("kernel_size", "dilation", "padding", "stride")]
    target = exact(torch.ops.aten.im2col(own, *args)).astype(np.int64).reshape(-1)
    zeros = constant(np.zeros(out.numel() + 1))
    total = xp.scatter_add(zeros, constant(target), flattened(x), axis=0)
    return gathered(total, np.arange(1, out.numel() + 1).reshape(tuple(out.shape)))


@lowers("_pack_padded_sequence")
def _packed(call: Call) -> Any:
    """Steps of all sequences that are still running, time by time: the operation is run on positions."""
    x = call["input"]
    own = torch.arange(x.size, dtype=torch.float64).reshape(x.shape)
    places = call.func(own, call.raw["lengths"], call["batch_first"])[0]
    return [gathered(x, exact(places).astype(np.int64)), None]
