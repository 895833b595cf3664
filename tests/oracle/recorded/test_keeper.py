from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from oracle.judge.verdict import Culprit, Finding, Verdict
from oracle.recorded import folder as folders
from oracle.recorded.keeper import Keeper
from oracle.recorded.record import CaseSource, RecordError, read_record

FINDING = Finding(
    "a/case", "jax", "0.10.2", "jax.jit", "float32", 1, "gradient of x", Verdict.NONFINITE,
    index=(2, 0), reference="0.5", observed=float("nan"),
    culprit=Culprit("exp", 4, "line 3", "gradient", (2,), "0.25", float("inf")),
)  # fmt: skip


def source(path: str = "a.yaml") -> CaseSource:
    """A case's text."""
    return CaseSource(path=path, text="about: nothing", seed=7)


def keep(folder: Path, finding: Finding = FINDING, path: str = "a.yaml") -> Keeper:
    """A keeper that kept one finding with a script."""
    keeper = Keeper(folder)
    keeper.keep(finding, lambda: source(path), lambda: "print(1)\n")
    return keeper


def test_record_says_what_was_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The finding comes back as it was, NaN, infinity and culprit included; git ignores the folder."""
    monkeypatch.chdir(tmp_path)
    kept = keep(tmp_path / ".oracle").recorded.kept[FINDING.id]
    assert (kept.id, kept.script) == (FINDING.id, f".oracle/repro/{FINDING.id}.py")
    record = read_record(kept.id, folders.record_file(tmp_path / ".oracle", kept.id).read_text())
    assert record.source == source()
    assert repr(record.place.finding()) == repr(FINDING)
    assert (tmp_path / ".oracle" / ".gitignore").read_text() == "*\n"
    assert Path(kept.script).read_text() == "print(1)\n"


def test_same_finding_is_one_record(tmp_path: Path) -> None:
    """A finding seen again replaces its record; that of another source gets an ID of its own."""
    for path in ("a.yaml", "a.yaml", "b.yaml", "b.yaml"):
        kept = keep(tmp_path, path=path).recorded.kept[FINDING.id]
        assert kept.id == (FINDING.id if path == "a.yaml" else f"{FINDING.id}-2")
    assert sorted(folders.names(tmp_path)) == [FINDING.id, f"{FINDING.id}-2"]


def test_only_the_newest_are_kept(tmp_path: Path) -> None:
    """The oldest records go with their scripts."""
    for k in range(4):
        keep(tmp_path, replace(FINDING, case=f"case {k}"))
    newest = folders.names(tmp_path)[:2]
    folders.keep_newest(tmp_path, 2)
    assert folders.names(tmp_path) == newest
    assert sorted(p.stem for p in (tmp_path / "repro").iterdir()) == sorted(newest)


def test_many_writers_lose_nothing(tmp_path: Path) -> None:
    """Findings of one ID from several sources at once all have a whole record."""
    with ThreadPoolExecutor(8) as pool:
        ids = list(
            pool.map(lambda k: keep(tmp_path, path=f"{k}.yaml").recorded.kept[FINDING.id].id, range(16))
        )
    assert len(set(ids)) == 16
    read = [read_record(i, folders.record_file(tmp_path, i).read_text()) for i in ids]
    assert [r.source.origin for r in read] == [f"{k}.yaml" for k in range(16)]
    assert not list(tmp_path.rglob("*.part"))


def test_a_folder_that_cannot_be_written_is_one_note(tmp_path: Path) -> None:
    """The check goes on, says so once and tries no more."""
    (tmp_path / ".oracle").write_text("a file in its place", encoding="utf-8")
    keeper = keep(tmp_path / ".oracle")
    keeper.keep(FINDING, source, lambda: pytest.fail("tried again"))
    assert keeper.recorded.kept == {}
    assert keeper.recorded.note.startswith("failures are not recorded in ")


def test_a_script_that_cannot_be_made_is_a_note(tmp_path: Path) -> None:
    """Whatever goes wrong while recording does not pass through."""
    keeper = Keeper(tmp_path)

    def broken() -> str:
        msg = "no source"
        raise RuntimeError(msg)

    keeper.keep(FINDING, source, broken)
    assert keeper.recorded.note.endswith("RuntimeError: no source")


def test_folder_is_the_projects(tmp_path: Path) -> None:
    """Below a project's folder it is there; elsewhere right where the check runs."""
    inner = tmp_path / "project" / "src" / "deep"
    inner.mkdir(parents=True)
    assert folders.folder_for(inner) == inner / ".oracle"
    (tmp_path / "project" / "pyproject.toml").touch()
    assert folders.folder_for(inner) == tmp_path / "project" / ".oracle"


def test_a_broken_record_says_so() -> None:
    """What is no record is told by name."""
    with pytest.raises(RecordError, match="record abc: "):
        read_record("abc", '{"id": "abc"}')
