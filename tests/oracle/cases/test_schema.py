"""The JSON Schema of case files."""

from __future__ import annotations

import json

from oracle.cases.model import CaseModel
from oracle.cases.schema import case_schema


def references(schema: object) -> set[str]:
    """Every reference in a schema."""
    match schema:
        case dict():
            own = {schema["$ref"]} if "$ref" in schema else set()
            return own.union(*(references(value) for value in schema.values()))
        case list():
            return set().union(*(references(item) for item in schema))
    return set()


def test_is_plain_json() -> None:
    """The schema can be written as JSON and read again."""
    schema = case_schema()
    assert json.loads(json.dumps(schema)) == schema


def test_references_resolve() -> None:
    """Every reference points at a definition that exists."""
    schema = case_schema()
    defined = {f"#/$defs/{name}" for name in schema["$defs"]}
    assert references(schema) <= defined
    assert "#/$defs/Numbers" in references(schema)


def test_keys_are_the_model_s() -> None:
    """The schema names every key that a file may hold, and forbids others."""
    schema = case_schema()
    assert set(schema["properties"]) == set(CaseModel.model_fields)
    assert schema["additionalProperties"] is False


def test_an_input_may_be_a_bare_number() -> None:
    """Inputs are numbers, lists or mappings; values are a rule or points."""
    schema = case_schema()
    inputs = schema["properties"]["inputs"]["additionalProperties"]["anyOf"]
    values = schema["$defs"]["InputModel"]["properties"]["values"]["anyOf"]
    assert inputs == [{"$ref": "#/$defs/Numbers"}, {"$ref": "#/$defs/InputModel"}]
    assert values == [{"$ref": "#/$defs/Numbers"}, {"$ref": "#/$defs/ValuesModel"}]
