"""Slopes, sets of slopes and replies as short texts for a cell."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import assert_never

import numpy as np
import numpy.typing as npt

from oracle.conventions.slopes import Kind, Slopes
from oracle.conventions.survey import Reply, Row
from oracle.judge.verdict import FAILING, Verdict

Array = npt.NDArray[np.float64]

SAME = 1e-6
"""Two frameworks answer alike when their slopes differ by no more than this part."""

NOTHING = 1e-12
"""Rounding of numbers of the size of 1: what is smaller is written as 0."""

NO_ANSWER = frozenset({Verdict.UNSUPPORTED, Verdict.NOT_OFFERED})


def array_text(array: npt.NDArray[np.generic]) -> str:
    """Numbers to four digits; an array of one element reads as that element.

    >>> array_text(np.array([[0.5], [-0.0]])), array_text(np.array([[1 / 3]]))
    ('[[0.5], [0]]', '0.3333')
    """
    return number_text(array.item()) if array.size == 1 else _nested(array)


def number_text(value: bool | float) -> str:
    """One number, without a sign on zero.

    >>> number_text(-0.0), number_text(float("nan")), number_text(1e12), number_text(True)
    ('0', 'NaN', '1e+12', 'true')
    """
    if isinstance(value, bool):
        return str(value).lower()
    if math.isnan(value):
        return "NaN"
    return "0" if abs(value) < NOTHING else f"{value:.4g}"


def _nested(array: npt.NDArray[np.generic]) -> str:
    if array.ndim == 0:
        return number_text(array.item())
    return f"[{', '.join(map(_nested, array))}]"


def by_name(arrays: Mapping[str, npt.NDArray[np.generic]]) -> str:
    """Arrays by input name; the name is left out where there is one."""
    if len(arrays) == 1:
        return array_text(*arrays.values())
    return ", ".join(f"{name}: {array_text(array)}" for name, array in arrays.items())


def place_text(row: Row) -> str:
    """Where the point lies."""
    return ", ".join(f"{name} = {array_text(array)}" for name, array in row.point.inputs.items())


def valid_text(row: Row) -> str:
    """The set of valid slopes; for each input where there is none in all together."""
    if len(row.valid) == 1:
        names, slopes = row.valid[0]
        return _set_text(row, names, slopes)
    parts = {names[0]: _set_text(row, names, slopes) for names, slopes in row.valid}
    if len(set(parts.values())) == 1 and not row.differentiable:
        return parts.popitem()[1]
    return ", ".join(f"{name}: {text}" for name, text in parts.items())


def _set_text(row: Row, names: tuple[str, ...], slopes: Slopes) -> str:
    corners = [_split(row, names, corner) for corner in slopes.corners]
    match slopes.kind:
        case Kind.SMOOTH:
            return by_name(corners[0])
        case Kind.KINK if slopes.corners.shape[1] == 1:
            low, high = sorted(slopes.corners[:, 0])
            return f"[{number_text(float(low))}, {number_text(float(high))}]"
        case Kind.KINK if len(corners) == 2:
            return f"from {by_name(corners[0])} to {by_name(corners[1])}"
        case Kind.KINK:
            return f"mixtures of {'; '.join(map(by_name, corners))}"
        case Kind.CURVED:
            return row.point.curved
        case Kind.JUMP:
            return "none: jump"
        case Kind.UNBOUNDED:
            return "none: unbounded"
        case Kind.SLOW:
            return "undecided"
        case Kind.NOWHERE:
            return "none: undefined"
        case _:
            assert_never(slopes.kind)


def _split(row: Row, names: tuple[str, ...], flat: Array) -> dict[str, Array]:
    """The gradient of several inputs in one row as an array for each."""
    out, start = {}, 0
    for name in names:
        like = row.point.inputs[name]
        out[name] = flat[start : start + like.size].reshape(like.shape)
        start += like.size
    return out


def differences_text(row: Row) -> str:
    """Central differences; what has no limit and no growth is undefined."""
    return by_name(row.differences).replace("NaN", "undefined")


def reply_text(row: Row, reply: Reply) -> str:
    """What a framework answers; a finding in bold, with its verdict."""
    if reply.verdict is Verdict.UNSUPPORTED:
        return "not there"
    if reply.verdict is Verdict.NOT_OFFERED:
        return "no derivative"
    answer = f"raises {reply.note}" if reply.slopes is None else by_name(reply.slopes)
    return f"**{answer}** ({reply.verdict.value})" if is_finding(row, reply) else answer


def is_finding(row: Row, reply: Reply) -> bool:
    """Whether an answer is outside the valid set. An exception is no finding where no slope is valid."""
    if reply.verdict is Verdict.ERROR:
        return row.differentiable
    return reply.verdict in FAILING or reply.verdict is Verdict.ARTIFACT


def alike(one: Reply, other: Reply) -> bool:
    """Whether two replies are the same to the digits that anybody compares."""
    if one.slopes is None or other.slopes is None:
        return one.slopes is other.slopes
    return all(
        np.allclose(one.slopes[name], other.slopes[name], rtol=SAME, atol=SAME, equal_nan=True)
        for name in one.slopes
    )


def mark(row: Row) -> str:
    """``!`` where an answer is a finding, ``≠`` where frameworks answer differently by their main routes."""
    found = any(is_finding(row, reply) for replies in row.replies.values() for reply in replies)
    main = [replies[0] for replies in row.replies.values() if replies[0].verdict not in NO_ANSWER]
    differ = any(not alike(main[0], other) for other in main[1:])
    return ("!" if found else "") + ("≠" if differ else "")
