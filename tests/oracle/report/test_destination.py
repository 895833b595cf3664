from __future__ import annotations

from contextlib import redirect_stdout
from pathlib import Path

import pytest

from oracle.execution.events import RunFinished
from oracle.execution.record import Run
from oracle.report.destination import OutputError, open_writers


class Terminal:
    """Standard output as a terminal that keeps what is written."""

    def __init__(self) -> None:
        self.text = ""

    def write(self, text: str) -> int:
        """Keep it."""
        self.text += text
        return len(text)

    def flush(self) -> None:
        """Nothing is buffered."""

    def isatty(self) -> bool:
        """It is."""
        return True


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """A color terminal of 60 columns."""
    for name in ("NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "60")
    return Terminal()


def write(run: Run, terminal: Terminal, *outputs: str) -> None:
    """Write the run to these outputs."""
    with redirect_stdout(terminal), open_writers(outputs, quiet=True) as writers:
        for writer in writers:
            writer.finish(RunFinished(run))


def test_terminal_has_colors_and_a_width(run: Run, terminal: Terminal) -> None:
    """On a terminal the report is colored and as wide as the terminal."""
    write(run, terminal, "text")
    assert "\x1b[1;31m" in terminal.text


@pytest.mark.parametrize("name, value", [("NO_COLOR", "1"), ("TERM", "dumb")])
def test_no_color(
    run: Run, terminal: Terminal, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    """NO_COLOR and a dumb terminal take the colors away and leave the width."""
    monkeypatch.setenv(name, value)
    write(run, terminal, "text")
    assert "\x1b" not in terminal.text
    assert "  jax 0.10.2" not in terminal.text
    lines = [line for line in terminal.text.splitlines() if not line.startswith("    oracle check ")]
    assert max(map(len, lines)) <= 60


def test_files(run: Run, terminal: Terminal, tmp_path: Path) -> None:
    """Each output with a path goes to its file, without colors; standard output stays empty."""
    write(
        run,
        terminal,
        f"text={tmp_path / 'a.txt'}",
        f"json={tmp_path / 'b=c.json'}",
        f"concise={tmp_path / 'd'}",
    )
    assert terminal.text == ""
    assert (tmp_path / "a.txt").read_text(encoding="utf-8").startswith("x operations/logsumexp")
    assert (tmp_path / "b=c.json").read_text(encoding="utf-8").startswith("{")
    assert "WRONG" in (tmp_path / "d").read_text(encoding="utf-8")


def test_bad_outputs(terminal: Terminal, tmp_path: Path) -> None:
    """What cannot be written is refused before anything runs."""
    for outputs in (("html5",), (f"json={tmp_path / 'no' / 'x'}",), ("json", "text")):
        with pytest.raises(OutputError, match=outputs[-1].partition("=")[0]), open_writers(outputs):
            pytest.fail("opened")
