"""Which sums and products of numbers a format holds without a rounding."""

from __future__ import annotations

import numpy as np

from reference_engine.arithmetic import Values


def sums_exactly(terms: Values, where: Values, bits: int) -> Values:
    """Where every partial sum in any order is representable: the terms are multiples of one power of two
    and the sum of their sizes has few enough bits.
    """
    mantissa, exponent = np.frexp(terms[where])
    with np.errstate(all="ignore"):
        whole = np.nan_to_num(mantissa * 2.0**53).astype(np.int64)
        lowest = (whole & -whole).astype(np.float64)
        quantum = np.where(whole == 0, np.inf, np.ldexp(lowest, exponent - 53)).min(axis=-1)
        size = np.abs(terms[where]).sum(axis=-1)
        fits = (size == 0) | (size / quantum <= 2.0**bits)
    out = np.zeros(where.shape, dtype=bool)
    out[where] = fits
    return out


def products_exact(products: Values, where: Values, bits: int) -> Values:
    """Where all products along the last axis are numbers of so few bits, as float64 shows them up to 26."""
    mantissa, _ = np.frexp(np.nan_to_num(products[where]))
    scaled = mantissa * 2.0 ** min(bits, 26)
    out = np.zeros(where.shape, dtype=bool)
    out[where] = (scaled == np.floor(scaled)).all(axis=-1)
    return out
