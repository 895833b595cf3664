"""The table as plain data for JSON."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

import numpy.typing as npt

from oracle.conventions.survey import Reply, Row
from oracle.conventions.wording import is_finding, valid_text


def as_plain(rows: Iterable[Row], versions: Mapping[str, str]) -> dict[str, Any]:
    """Versions by framework, and the rows; numbers that JSON does not have are the texts nan, inf, -inf."""
    return {"versions": dict(versions), "rows": [_row(row) for row in rows]}


def _row(row: Row) -> dict[str, Any]:
    point = row.point
    return {
        "operation": point.operation,
        "family": point.family,
        "expression": point.expression,
        "inputs": {name: _numbers(a) for name, a in point.inputs.items()},
        "differentiated": list(point.wrt),
        "valid": valid_text(row),
        "slopes": [
            {"inputs": list(names), "kind": slopes.kind.name.lower(), "corners": _numbers(slopes.corners)}
            for names, slopes in row.valid
        ],
        "frameworks": {name: [_reply(row, r) for r in replies] for name, replies in row.replies.items()},
        "central_difference": {name: _numbers(a) for name, a in row.differences.items()},
    }


def _reply(row: Row, reply: Reply) -> dict[str, Any]:
    slopes = None if reply.slopes is None else {name: _numbers(a) for name, a in reply.slopes.items()}
    return {
        "route": reply.route,
        "slopes": slopes,
        "verdict": reply.verdict.value,
        "finding": is_finding(row, reply),
        "note": reply.note,
    }


def _numbers(array: npt.NDArray[Any]) -> Any:
    return _finite(array.tolist())


def _finite(value: Any) -> Any:
    if isinstance(value, list):
        return [_finite(v) for v in value]
    return value if math.isfinite(value) else str(float(value))
