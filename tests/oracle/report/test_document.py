from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path

import pytest

from oracle.execution.events import RunFinished
from oracle.execution.record import Run
from oracle.report.document import JsonWriter, RunFileError, read_run, run_json, run_schema
from oracle.report.writer import Page


def test_round_trip(run: Run, tmp_path: Path) -> None:
    """What is written is read back the same, special values included."""
    path = tmp_path / "run.json"
    run.save(path)
    again = read_run(path)
    assert run_json(again) == run_json(run)
    assert again.status == run.status
    (pole,) = (r for r in again.results if r.case == "kinks/sqrt-at-zero")
    assert [repr(f.observed) for f in pole.findings] == ["inf", "nan"]
    assert replace(again, results=()) == replace(run, results=())


def test_document(run: Run) -> None:
    """Strict JSON: every finding, the environment, the counts; special values are strings."""
    stream = io.StringIO()
    JsonWriter(Page(stream)).finish(RunFinished(run))

    def refuse(name: str) -> object:
        raise AssertionError(name)

    document = json.loads(stream.getvalue(), parse_constant=refuse)
    assert document["schema_version"] == 1
    assert document["status"] == 2
    assert document["environment"]["jax"] == "0.10.2"
    assert document["counts"]["failing"] == 9
    assert document["counts"]["known"] == 1
    assert document["counts"]["verdicts"]["wrong"] == 6
    assert sum(len(r["findings"]) for r in document["results"]) == document["counts"]["findings"]
    assert document["results"][2]["findings"][0]["observed"] == "Infinity"
    assert document["results"][2]["findings"][1]["observed"] == "NaN"
    failing = [f for r in document["results"] for f in r["findings"] if f["fails"]]
    assert len(failing) == 9


def test_only_timing_differs(run: Run) -> None:
    """Two runs of the same cases differ in ``timing`` alone."""
    slower = replace(run, seconds=99.0, results=tuple(replace(r, seconds=r.seconds + 1) for r in run.results))
    one, other = json.loads(run_json(run)), json.loads(run_json(slower))
    assert one.pop("timing") != other.pop("timing")
    assert one == other


def test_schema_names_every_key(run: Run) -> None:
    """The published schema requires exactly the keys that are written."""
    schema = run_schema()
    document = json.loads(run_json(run))
    assert set(schema["required"]) == set(document)
    finding = schema["$defs"]["FindingDocument"]
    assert set(finding["required"]) == set(document["results"][0]["findings"][0])
    assert finding["properties"]["observed"]["anyOf"][1] == {"enum": ["NaN", "Infinity", "-Infinity"]}


@pytest.mark.parametrize(
    "text, message",
    [
        ("{", "Invalid JSON"),
        ("{}", "schema_version: Field required; expected a run, as `oracle check` writes it"),
        ("[1]", "the file: Input should be an object"),
    ],
)
def test_file_that_holds_no_run(tmp_path: Path, text: str, message: str) -> None:
    """A bad file is refused with what is wrong."""
    path = tmp_path / "run.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(RunFileError) as caught:
        read_run(path)
    assert message in str(caught.value)


def test_newer_format(run: Run, tmp_path: Path) -> None:
    """A format of the future is refused, not misread."""
    path = tmp_path / "run.json"
    path.write_text(run_json(run).replace('"schema_version": 1', '"schema_version": 2'), encoding="utf-8")
    with pytest.raises(RunFileError, match="written in format 2; this version reads up to 1"):
        read_run(path)


def test_missing_file(tmp_path: Path) -> None:
    """A file that is not there is told as such."""
    with pytest.raises(RunFileError, match="No such file"):
        read_run(tmp_path / "run.json")
