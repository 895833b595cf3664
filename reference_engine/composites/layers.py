"""Linear layers, dropout with a given mask, and attention."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np

from reference_engine.composites.reductions import real
from reference_engine.operations import composite
from reference_engine.program import ProgramError
from reference_engine.trace import Tensor, constant, xp


@composite(
    "layer",
    call=(
        {"x": "... i", "weight": "o i"},
        {"x": "... i", "weight": "o i", "bias": "o"},
    ),
)
def linear(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """Definition: x times the transpose of weight (out, in), plus bias.

    Derivative: cotangent times weight for x; its transpose times x for weight; its sum for bias.
    Where it is not differentiable: nowhere.
    Conventions: none needed.
    """
    if weight.ndim == 1:
        out = x @ weight
    elif weight.ndim == 2 and x.ndim and x.shape[-1] == weight.shape[1]:
        out = x @ xp.matrix_transpose(weight)
    else:
        msg = f"linear: input {x.shape} and weight {weight.shape} must be (..., in) and (out, in)"
        raise ProgramError(msg)
    return out if bias is None else out + bias


@composite(
    "layer",
    call=(
        {"x1": "b i", "x2": "b j", "weight": "o i j"},
        {"x1": "b i", "x2": "b j", "weight": "o i j", "bias": "o"},
    ),
)
def bilinear(x1: Tensor, x2: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """Definition: the sum over i, j of x1[i] weight[k, i, j] x2[j], plus bias[k], for each row.

    Derivative: trilinear: the product of the other two operands.
    Where it is not differentiable: nowhere.
    Conventions: none needed.
    """
    out = xp.einsum("...i,kij,...j->...k", [x1, weight, x2])
    return out if bias is None else out + bias  # type: ignore[no-any-return]


@composite("layer", call={"x": "...", "mask": "... bool", "p": (0.5, 0.25)})
def dropout(x: Tensor, mask: Tensor, p: float = 0.5) -> Tensor:
    """Definition: x mask / (1 - p), with a mask of zeros and ones that is given, not drawn (Srivastava et al.
    2014).

    Derivative: mask / (1 - p).
    Where it is not differentiable: nowhere.
    Conventions: frameworks draw the mask; replay the one they drew.
    """
    return x * real(mask) / (1 - constant(p, "real"))


def _inverse_root(extent: int) -> Tensor:
    """1/sqrt(extent), as a rational number where it is one."""
    root = math.isqrt(extent)
    return constant(Fraction(1, root)) if root * root == extent else xp.rsqrt(constant(extent, "real"))


@composite(
    "attention",
    call=(
        {
            "query": "... n d",
            "key": "... m d",
            "value": "... m e",
            "scale": (None, 0.5),
            "is_causal": (False,),
        },
        {"query": "... n d", "key": "... m d", "value": "... m e", "attn_mask": "n m", "is_causal": (False,)},
        {"query": "... n d", "key": "... n d", "value": "... n e", "is_causal": (True,)},
    ),
)
def scaled_dot_product_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    is_causal: bool = False,
    scale: float | None = None,
) -> Tensor:
    """Definition: softmax(scale query key^T + mask) value over the last two axes (Vaswani et al. 2017); scale
    is 1/sqrt(extent of a query) by default. A boolean mask is True for what takes part.

    Derivative: the chain rule's through softmax; nothing reaches what is masked.
    Where it is not differentiable: nowhere; a row that is wholly masked is 0/0.
    Conventions: for such a row torch gives 0, JAX the mean of the values.
    """
    factor = _inverse_root(query.shape[-1]) if scale is None else constant(scale, "real")
    scores = (real(query) @ xp.matrix_transpose(key)) * factor
    minus_infinity = constant(float("-inf"))
    if is_causal:
        causal = constant(np.tri(*scores.shape[-2:], dtype=bool))
        scores = xp.where(causal, scores, minus_infinity)
    if attn_mask is not None:
        masked = attn_mask.kind == "bool"
        scores = xp.where(attn_mask, scores, minus_infinity) if masked else scores + attn_mask
    return xp.softmax(scores, axis=-1) @ value  # type: ignore[no-any-return]
