"""The four transforms of ``lax.fft``, over the last axes, as XLA defines them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from oracle.lift import fourier
from oracle.lift.complex_numbers import Symbol, as_complex, each_part
from oracle.lift.jax_call import Call


def fft(call: Call) -> Symbol:
    """Forward without a factor, inverse divided by the number of elements."""
    lengths: Sequence[int] = call.params["fft_lengths"]
    x = call.inputs[0].symbol
    if not lengths:
        return x
    *others, last = range(x.ndim - len(lengths), x.ndim)
    count = int(np.prod(lengths))
    match call.params["fft_type"].name:
        case "FFT":
            return _along(x, [*others, last], -1)
        case "IFFT":
            return each_part(lambda part: part / count, _along(x, [*others, last], 1))
        case "RFFT":
            return _along(fourier.first_half(x, last), others, -1)
        case _:
            return fourier.from_half(as_complex(_along(x, others, 1)), last, lengths[-1]) / count


def _along(x: Symbol, axes: Sequence[int], sign: int) -> Symbol:
    for axis in axes:
        x = fourier.along(x, axis, sign)
    return x
