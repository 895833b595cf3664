"""The inputs of a case: exact arrays from what the file says about them."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from oracle.cases.document import Fields, Node, Scalar
from oracle.cases.errors import CaseError
from oracle.cases.model import CaseInput, InputModel, ValuesModel
from oracle.cases.values import (
    MAX_ELEMENTS,
    Array,
    cycled,
    element_count,
    integers,
    normal,
    positive_definite,
    read_array,
    uniform,
)
from reference_engine.program import Kind
from reference_engine.syntax import check_name

_KINDS: dict[str, Kind] = {"float": "real", "int": "int", "bool": "bool"}


def read_input(path: Path, key: Scalar, node: Node, model: InputModel) -> CaseInput:
    """One input with its array; CaseError at whatever does not fit together."""
    problem = check_name(key.text)
    if problem:
        raise CaseError(path, key.line, key.column, problem)
    array = _array(path, key, node, model)
    grad = model.dtype == "float" if model.grad is None else model.grad
    if grad and model.dtype != "float":
        raise _error(
            path, node, "grad", f"found grad: true for an input of dtype {model.dtype}", "dtype: float"
        )
    _check_layout(path, node, model, array)
    array.flags.writeable = False
    return CaseInput(key.text, array, _KINDS[model.dtype], grad, model.layout)


def _array(path: Path, key: Scalar, node: Node, model: InputModel) -> Array:
    if not isinstance(node, Fields):
        return read_array(path, node, model.dtype)
    value, values = node.get("value"), node.get("values")
    if value is not None:
        for other in ("shape", "values"):
            if node.get(other) is not None:
                raise _error(
                    path, node, other, f"found both 'value' and {other!r}", "value, or shape and values"
                )
        return read_array(path, value, model.dtype)
    if values is None or model.values is None:
        found = f"the input {key.text!r} has no value"
        raise CaseError(path, node.line, node.column, found, "value, or shape and values")
    return _filled(path, key.text, node, model, model.values)


def _filled(path: Path, name: str, node: Fields, model: InputModel, values: ValuesModel) -> Array:
    """An array made by a rule."""
    ways = [w for w in ("normal", "uniform", "positive_definite", "points") if getattr(values, w) is not None]
    if len(ways) != 1:
        expected = "one of normal, uniform, positive_definite or a list of points"
        raise _error(path, node, "values", f"found {' and '.join(ways) or 'no rule'}", expected)
    shape = _shape(path, node, model, values)
    match ways[0], model.dtype:
        case "points", _:
            return _points(path, node, model, shape)
        case "normal", "float" if values.normal is not None:
            return normal(name, shape, *values.normal, values.seed)
        case "uniform", "float" if values.uniform is not None:
            return uniform(name, shape, *values.uniform, values.seed)
        case "uniform", "int" if values.uniform is not None:
            low, high = values.uniform
            if low != int(low) or high != int(high) or low > high or max(abs(low), abs(high)) > 2**53:
                raise _error(
                    path, node, "values", f"found uniform: [{low}, {high}]", "integers, low before high"
                )
            return integers(name, shape, int(low), int(high), values.seed)
        case "positive_definite", "float" if values.positive_definite is not None:
            return positive_definite(name, values.positive_definite, values.seed)
    raise _error(path, node, "values", f"found {ways[0]} for dtype {model.dtype}", "a list of points")


def _shape(path: Path, node: Fields, model: InputModel, values: ValuesModel) -> tuple[int, ...]:
    """The shape, refused before anything of that size exists."""
    square = None if values.positive_definite is None else (values.positive_definite,) * 2
    if model.shape is None:
        if square is None:
            raise CaseError(
                path, node.line, node.column, "found 'values' without 'shape'", "a shape such as [3, 4]"
            )
        return square
    shape = tuple(model.shape)
    if element_count(shape) > MAX_ELEMENTS:
        found = f"found {element_count(shape)} elements"
        raise _error(path, node, "shape", found, f"at most {MAX_ELEMENTS} in one input")
    if square is not None and shape != square:
        raise _error(
            path, node, "shape", f"found shape {list(shape)}", f"{list(square)} as positive_definite says"
        )
    return shape


def _points(path: Path, node: Fields, model: InputModel, shape: tuple[int, ...]) -> Array:
    values = node.get("values")
    points = values.get("points") if isinstance(values, Fields) else values
    assert points is not None
    array = read_array(path, points, model.dtype)
    if array.size == 0 and element_count(shape):
        raise CaseError(path, points.line, points.column, "found no points", "at least one")
    return cycled(array, shape)


def _check_layout(path: Path, node: Node, model: InputModel, array: Array) -> None:
    needed = {"contiguous": 0, "transposed": 2, "strided": 1, "expanded": 1}[model.layout]
    if array.ndim < needed:
        found = f"found layout {model.layout} for shape {array.shape}"
        raise _error(path, node, "layout", found, f"at least {needed} dimension(s)")
    if model.layout == "expanded" and not np.array_equal(
        array, np.broadcast_to(array[:1], array.shape), equal_nan=True
    ):
        raise _error(path, node, "layout", "found layout expanded for rows that differ", "equal rows")


def _error(path: Path, node: Node, key: str, found: str, expected: str) -> CaseError:
    place = (node.get(key) if isinstance(node, Fields) else None) or node
    return CaseError(path, place.line, place.column, found, expected)
