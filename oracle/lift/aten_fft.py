"""ATen's Fourier transforms."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from oracle.lift.aten import Call, real
from oracle.lift.aten_parts import lowers_complex
from oracle.lift.complex_numbers import Symbol, as_complex
from oracle.lift.fourier import along, first_half, from_half
from reference_engine.trace import constant, xp

BY_ROOT, BY_SIZE = 1, 2
"""ATen's numbers for what a result is divided by."""


@lowers_complex("_fft_c2c")
def _c2c(call: Call) -> Any:
    z = _along(as_complex(call["self"]), call["dim"], -1 if call["forward"] else 1)
    return _scaled(z, z.shape, call["dim"], call["normalization"])


@lowers_complex("_fft_r2c")
def _r2c(call: Call) -> Any:
    """Of real numbers: ``onesided`` gives the first half along the last of the dimensions."""
    x, dims = real(call["self"]), call["dim"]
    z = first_half(x, dims[-1]) if call["onesided"] else along(x, dims[-1], -1)
    return _scaled(_along(z, dims[:-1], -1), x.shape, dims, call["normalization"])


@lowers_complex("_fft_c2r")
def _c2r(call: Call) -> Any:
    dims = call["dim"]
    z = as_complex(_along(as_complex(call["self"]), dims[:-1], 1))
    found = from_half(z, dims[-1], call["last_dim_size"])
    return _scaled(found, found.shape, dims, call["normalization"])


def _along(x: Symbol, dims: Sequence[int], sign: int) -> Symbol:
    for dim in dims:
        x = along(x, dim, sign)
    return x


def _scaled(x: Any, shape: tuple[int, ...], dims: Sequence[int], normalization: int) -> Any:
    """Divided by the number of elements transformed, by its root, or not."""
    size = math.prod(shape[d] for d in dims)
    if normalization == BY_SIZE:
        return x / size
    return x / xp.sqrt(constant(size, "real")) if normalization == BY_ROOT else x
