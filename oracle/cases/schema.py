"""The JSON Schema of case files, for editors and for other tools."""

from __future__ import annotations

from typing import Any

from oracle.cases.model import NUMBERS_MARK, CaseModel

_NUMBERS = {"$ref": "#/$defs/Numbers"}
_BY_NAME = {"type": "object", "additionalProperties": _NUMBERS}
_HEXADECIMAL = r"0[xX][0-9a-fA-F]+(\.[0-9a-fA-F]*)?([pP][-+]?[0-9]+)?"


def case_schema() -> dict[str, Any]:
    """JSON Schema (2020-12) of a case file.

    >>> case_schema()["required"]
    ['about', 'inputs', 'program']
    """
    schema = _linked(CaseModel.model_json_schema())
    definitions, properties = schema["$defs"], schema["properties"]
    definitions["Numbers"] = {
        "description": "a number (decimal, hex float, inf, nan), true or false, or nested lists of these",
        "anyOf": [
            {"type": ["number", "boolean"]},
            {"type": "string", "pattern": rf"^[-+]?({_HEXADECIMAL}|\.?inf|\.?nan)$"},
            {"type": "array", "items": _NUMBERS},
        ],
    }
    properties["inputs"]["additionalProperties"] = {"anyOf": [_NUMBERS, {"$ref": "#/$defs/InputModel"}]}
    properties["expect"]["properties"] = {"gradient": _BY_NAME}
    cotangent = properties["cotangent"].pop("$ref")
    properties["cotangent"]["anyOf"] = [{"$ref": cotangent}, _BY_NAME]
    several = properties["implementations"]["additionalProperties"]
    properties["implementations"]["additionalProperties"] = {"anyOf": [several["items"], several]}
    definitions["InputModel"]["properties"]["values"] = {"anyOf": [_NUMBERS, {"$ref": "#/$defs/ValuesModel"}]}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **schema,
        "title": "Gradient oracle case",
    }


def _linked(schema: Any) -> Any:
    """The schema with a reference wherever the models say that there are numbers."""
    match schema:
        case dict():
            linked = {key: _linked(value) for key, value in schema.items() if key != NUMBERS_MARK}
            return {**linked, **_NUMBERS} if NUMBERS_MARK in schema else linked
        case list():
            return [_linked(item) for item in schema]
    return schema
