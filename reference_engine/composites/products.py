"""Matrix products, einsum and tensordot as contractions."""

from __future__ import annotations

import string
from collections.abc import Sequence

import numpy as np

from reference_engine.composites.reductions import real
from reference_engine.composites.shapes import positions, rearranged
from reference_engine.operations import composite
from reference_engine.primitives.contraction import contract
from reference_engine.program import ProgramError
from reference_engine.trace import Tensor, broadcast, xp


@composite(
    "contraction",
    call=(
        {"x1": "n m", "x2": "m k"},
        {"x1": "... n m", "x2": "... m k"},
        {"x1": "... n m", "x2": "m k"},
        {"x1": "n m", "x2": "m"},
        {"x1": "m", "x2": "m k"},
        {"x1": "m", "x2": "m"},
    ),
)
def matmul(x1: Tensor, x2: Tensor) -> Tensor:
    """Definition: the matrix product of the last two axes, the others broadcast; vectors as rows and columns.

    Derivative: cotangent times the other operand transposed.
    Where it is not differentiable: nowhere.
    Conventions: none needed.
    """
    if x1.ndim == 0 or x2.ndim == 0:
        msg = f"matmul needs at least 1 dimension, found shapes {x1.shape} and {x2.shape}"
        raise ProgramError(msg)
    left = xp.expand_dims(x1, axis=0) if x1.ndim == 1 else x1
    right = xp.expand_dims(x2, axis=-1) if x2.ndim == 1 else x2
    if left.shape[-1] != right.shape[-2]:
        msg = f"matmul: inner extents differ in shapes {x1.shape} and {x2.shape}"
        raise ProgramError(msg)
    try:
        stack = tuple(int(n) for n in np.broadcast_shapes(left.shape[:-2], right.shape[:-2]))
    except ValueError:
        msg = f"matmul: shapes {x1.shape} and {x2.shape} cannot be broadcast together"
        raise ProgramError(msg) from None
    batch = string.ascii_lowercase[: len(stack)]
    left = broadcast(real(left), stack + left.shape[-2:])
    right = broadcast(real(right), stack + right.shape[-2:])
    out = contract(left, right, batch + "MK", batch + "KN", batch + "MN")
    if x1.ndim == 1:
        out = xp.reshape(out, shape=(*stack, *out.shape[len(stack) + 1 :]))
    if x2.ndim == 1:
        out = xp.reshape(out, shape=out.shape[:-1])
    return out


def _parse(subscripts: str, shapes: Sequence[tuple[int, ...]]) -> tuple[list[str], str]:
    text = subscripts.replace(" ", "")
    left, arrow, out = text.partition("->")
    terms = left.split(",")
    if len(terms) != len(shapes):
        msg = f"einsum {subscripts!r} has {len(terms)} terms for {len(shapes)} tensors"
        raise ProgramError(msg)
    spare = [c for c in string.ascii_letters if c not in text]
    full = []
    for term, shape in zip(terms, shapes, strict=True):
        hidden = len(shape) - len(term.replace("...", ""))
        dots = "".join(spare[20 - hidden : 20]) if "..." in term else ""
        full.append(term.replace("...", dots))
        if len(full[-1]) != len(shape):
            msg = f"einsum {subscripts!r}: term {term!r} does not fit shape {shape}"
            raise ProgramError(msg)
    labels = "".join(full)
    dots = "".join(c for c in spare[:20] if c in labels)
    if not arrow:
        out = dots + "".join(sorted(c for c in set(labels) - set(dots) if labels.count(c) == 1))
    return full, out.replace("...", dots)


def _own_diagonal(x: Tensor, labels: str) -> tuple[Tensor, str]:
    """Repeated labels of one operand reduced to the diagonal."""
    unique = "".join(dict.fromkeys(labels))
    if unique == labels:
        return x, labels
    axis = string.ascii_letters.index
    places = np.einsum(positions(x.shape), [axis(c) for c in labels], [axis(c) for c in unique])
    return rearranged(x, places), unique


@composite(
    "contraction",
    call=(
        {
            "operands": "n n",
            "subscripts": ("ij,jk->ik", "ij,kj->ik", "ij,ij->ij", "ij,ij->", "ii,jk->jk", "ij,jk->ki"),
        },
        {
            "operands": "b n n",
            "subscripts": ("bij,bjk->bik", "bij,bkj->ik", "bij,bij->b", "...ij,...jk->...ik"),
        },
    ),
)
def einsum(subscripts: str, operands: Sequence[Tensor]) -> Tensor:
    """Definition: Einstein's summation, contracted from left to right.

    Derivative: multilinear: the product of the other operands.
    Where it is not differentiable: nowhere.
    Conventions: none needed.
    """
    terms, out = _parse(subscripts, [t.shape for t in operands])
    whole, labels = _own_diagonal(real(operands[0]), terms[0])
    for k in range(1, len(operands)):
        right, own = _own_diagonal(real(operands[k]), terms[k])
        needed = set(out).union(*terms[k + 1 :])
        result = "".join(dict.fromkeys(c for c in labels + own if c in needed))
        whole, labels = contract(whole, right, labels, own, result), result
    lonely = tuple(i for i, c in enumerate(labels) if c not in out)
    if lonely:
        whole = xp.reduce_sum(whole, axes=lonely)
        labels = "".join(c for c in labels if c in out)
    return whole if labels == out else xp.transpose(whole, axes=tuple(labels.index(c) for c in out))


@composite(
    "contraction",
    call=(
        {"x1": "n m", "x2": "m k", "axes": (1, ((1,), (0,)))},
        {"x1": "b n m", "x2": "n m k", "axes": (2,)},
        {"x1": "n", "x2": "m", "axes": (0,)},
    ),
)
def tensordot(x1: Tensor, x2: Tensor, axes: int | tuple[tuple[int, ...], tuple[int, ...]] = 2) -> Tensor:
    """Definition: the sum of products over pairs of axes.

    Derivative: bilinear: the other operand.
    Where it is not differentiable: nowhere.
    Conventions: an integer means that many last axes of x1 and first axes of x2.
    """
    if isinstance(axes, int):
        pairs = [(x1.ndim - axes + i, i) for i in range(axes)]
    else:
        pairs = [(a % x1.ndim, b % x2.ndim) for a, b in zip(*axes, strict=True)]
    left = list(string.ascii_lowercase[: x1.ndim])
    right = list(string.ascii_uppercase[: x2.ndim])
    for a, b in pairs:
        right[b] = left[a]
    out = [c for c in left + right if not (c in left and c in right)]
    return contract(real(x1), real(x2), "".join(left), "".join(right), "".join(out))
