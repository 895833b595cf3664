"""From nodes to the pydantic models, with pydantic's complaints as errors at the file's own places."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from oracle.cases.document import Fields, Items, Node, Scalar, describe
from oracle.cases.errors import CaseError, did_you_mean
from oracle.cases.model import NOT_YET, CaseModel, InputModel, KnownModel, ValuesModel
from oracle.cases.values import float_number, integer_number, truth

_TEXT_KEYS = frozenset(
    {
        "about",
        "program",
        "framework",
        "version",
        "route",
        "argument",
        "reason",
        "frameworks",
        "implementations",
        "routes",
        "tags",
    }
)
"""Keys whose values are texts, even where they look like numbers (version: 2.10)."""

_EXPECTED = {
    "string_type": "text",
    "bool_type": "true or false",
    "int_type": "an integer",
    "int_from_float": "an integer",
    "float_type": "a number",
    "list_type": "a list",
    "tuple_type": "a list of two numbers",
    "dict_type": "keys with values",
    "model_type": "keys with values",
    "string_too_short": "text",
}


def check(path: Path, root: Fields) -> CaseModel:
    """The file's contents as a model; CaseError for the first thing that cannot be right."""
    for name in NOT_YET:
        key = root.key(name)
        if key is not None:
            raise CaseError(path, key.line, key.column, f"{name!r} is not supported in this version")
    try:
        return CaseModel.model_validate(data(root))
    except ValidationError as error:
        found = [_case_error(path, root, item) for item in error.errors(include_url=False)]
        unknown = [e for e in found if e.found.startswith("unknown key")]
        raise min(unknown or found, key=lambda e: (e.line, e.column)) from None


def data(node: Node, key: str = "") -> Any:
    """Plain Python values: plain scalars as numbers, truth values or None where they look so."""
    match node:
        case Fields(entries=entries):
            whole = key == "implementations"  # its keys are frameworks, and each value is a text
            return {k.text: data(value, key if whole else k.text) for k, value in entries}
        case Items(items=items):
            return [data(item, key) for item in items]
        case Scalar(text=text, style=style):
            if style is not None or key in _TEXT_KEYS:
                return text
            if text in {"", "~", "null"}:
                return None
            for reader in (integer_number, float_number, truth):
                try:
                    return reader(text)
                except ValueError:
                    continue
            return text


def _case_error(path: Path, root: Fields, item: Any) -> CaseError:
    """One of pydantic's errors, at the node that it speaks of."""
    location = tuple(item["loc"])
    node, key = _find(root, location)
    place = (key or node) if item["type"] == "extra_forbidden" else node
    line, column = place.line, place.column
    match item["type"]:
        case "extra_forbidden":
            known = _model_at(location[:-1]).model_fields
            name = str(location[-1])
            hint = did_you_mean(name, known)
            expected = "" if hint else f"one of {', '.join(known)}"
            return CaseError(path, line, column, f"unknown key {name!r}", expected, hint)
        case "missing" if isinstance(location[-1], int):
            return CaseError(path, line, column, f"found {describe(node)}", "a list of two numbers")
        case "missing":
            return CaseError(path, line, column, f"the key {location[-1]!r} is missing")
        case "literal_error" if key is not None and location[-1] == "[key]":
            known = item["ctx"]["expected"].replace(" or ", ", ")
            hint = did_you_mean(key.text, re.findall(r"\w+", known))
            found = f"unknown key {key.text!r}"
            return CaseError(path, key.line, key.column, found, "" if hint else f"one of {known}", hint)
        case "literal_error" | "enum":
            expected = item["ctx"]["expected"]
            options = [part.strip(" '") for part in expected.replace(" or ", ",").split(",")]
            hint = did_you_mean(str(item["input"]), options)
            return CaseError(path, line, column, f"found {describe(node)}", expected, hint)
        case "too_short":
            return CaseError(
                path, line, column, f"found {describe(node)}", f"at least {item['ctx']['min_length']}"
            )
        case "too_long":
            return CaseError(
                path, line, column, f"found {describe(node)}", f"at most {item['ctx']['max_length']}"
            )
        case "value_error":
            return CaseError(path, line, column, str(item["ctx"]["error"]))
        case kind if kind in _EXPECTED:
            return CaseError(path, line, column, f"found {describe(node)}", _EXPECTED[kind])
    return CaseError(path, line, column, f"found {describe(node)}", _lower(item["msg"]))


def _lower(message: str) -> str:
    message = message.removeprefix("Input should be ")
    return message[:1].lower() + message[1:]


def _find(root: Fields, location: tuple[int | str, ...]) -> tuple[Node, Scalar | None]:
    """The deepest node on the way to a location, and its key if it stands in a mapping."""
    node: Node = root
    key: Scalar | None = None
    for part in location:
        match node:
            case Fields() if node.get(str(part)) is not None:
                key = node.key(str(part))
                node = node.get(str(part)) or node
            case Items(items=items) if isinstance(part, int) and part < len(items):
                node, key = items[part], None
            case _:
                break
    return node, key


def _model_at(location: tuple[int | str, ...]) -> type[BaseModel]:
    """The model whose keys belong at a location."""
    match location:
        case ("inputs", _):
            return InputModel
        case ("inputs", _, "values"):
            return ValuesModel
        case ("known", _):
            return KnownModel
    return CaseModel
