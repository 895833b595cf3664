"""Three-valued truth with a memory of kinks: what a condition is here, and what it can be arbitrarily near.

A code is one byte: bits 0 and 1 say that the condition can be false, true at nearby points; bits 2 and 3 say
that it can be false, true here. An exact tie ``0 > 0`` is false here and may be either nearby.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Codes = npt.NDArray[np.uint8]

NEAR_FALSE, NEAR_TRUE, HERE_FALSE, HERE_TRUE = 1, 2, 4, 8
FALSE = NEAR_FALSE | HERE_FALSE
TRUE = NEAR_TRUE | HERE_TRUE
BOTH_NEAR = NEAR_FALSE | NEAR_TRUE
TIE_FALSE = BOTH_NEAR | HERE_FALSE
TIE_TRUE = BOTH_NEAR | HERE_TRUE
UNKNOWN = BOTH_NEAR | HERE_FALSE | HERE_TRUE


def encode(values: npt.NDArray[np.bool_]) -> Codes:
    """Codes of conditions that are certain."""
    return np.where(values, np.uint8(TRUE), np.uint8(FALSE))


def here(codes: Codes) -> npt.NDArray[np.bool_]:
    """Whether the condition holds at the point; where that is unknown, True."""
    return np.asarray((codes & HERE_TRUE) != 0)


def undecided(codes: Codes) -> npt.NDArray[np.bool_]:
    """Where the condition at the point itself is not known."""
    mask = HERE_TRUE | HERE_FALSE
    return np.asarray((codes & mask) == mask)


def touched(codes: Codes) -> npt.NDArray[np.bool_]:
    """Where an arbitrarily small step could change the condition."""
    return np.asarray((codes & BOTH_NEAR) == BOTH_NEAR)


def forget_ties(codes: Codes) -> Codes:
    """The same conditions with nearby values equal to the value here, where that is known."""
    return np.where(undecided(codes), codes, encode(here(codes)))


def logical_not(a: Codes) -> Codes:
    """Negation: the false and true bits change places."""
    return ((a & 0b0101) << 1 | (a & 0b1010) >> 1).astype(np.uint8)


def logical_and(a: Codes, b: Codes) -> Codes:
    """Conjunction: true can be where both can be, false where either can be."""
    return ((a & b & 0b1010) | ((a | b) & 0b0101)).astype(np.uint8)


def logical_or(a: Codes, b: Codes) -> Codes:
    """Disjunction, by de Morgan."""
    return logical_not(logical_and(logical_not(a), logical_not(b)))


def logical_xor(a: Codes, b: Codes) -> Codes:
    """Exclusive or."""
    return logical_or(logical_and(a, logical_not(b)), logical_and(logical_not(a), b))


LOGICAL: dict[str, Any] = {
    "logical_and": logical_and,
    "logical_or": logical_or,
    "logical_xor": logical_xor,
    "logical_not": logical_not,
}
