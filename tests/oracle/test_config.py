from __future__ import annotations

from pathlib import Path

import pytest

from oracle.config import ConfigError, find_config


def test_table_of_pyproject(tmp_path: Path) -> None:
    """Keys are the names of the options; the nearest file at or above the folder counts."""
    text = '[tool.oracle]\npaths = ["cases"]\nstrict-conventions = true\nworkers = 2\noutput = ["text"]\n'
    (tmp_path / "pyproject.toml").write_text(text, encoding="utf-8")
    inner = tmp_path / "a" / "b"
    inner.mkdir(parents=True)
    config = find_config(inner)
    assert config.file == tmp_path / "pyproject.toml"
    expected = {"paths": ["cases"], "strict_conventions": True, "workers": 2, "output": ["text"]}
    assert config.values == expected


def test_oracle_toml_goes_first(tmp_path: Path) -> None:
    """A file of our own needs no table and goes before pyproject.toml."""
    (tmp_path / "pyproject.toml").write_text("[tool.oracle]\nseed = 1\n", encoding="utf-8")
    (tmp_path / "oracle.toml").write_text("seed = 2\n", encoding="utf-8")
    assert find_config(tmp_path).values == {"seed": 2}


def test_no_configuration(tmp_path: Path) -> None:
    """Somebody else's pyproject.toml, even a broken one, is no matter of ours."""
    (tmp_path / "pyproject.toml").write_text("[tool.other]\nseed = 1\n", encoding="utf-8")
    inner = tmp_path / "a"
    inner.mkdir()
    (inner / "pyproject.toml").write_text("not toml", encoding="utf-8")
    assert find_config(inner).values == {}


@pytest.mark.parametrize(
    "name, text, message",
    [
        ("pyproject.toml", "[x]\nsed = 1\n[tool.oracle]\nsed = 2\n", "4: unknown key 'sed'; did you mean"),
        ("oracle.toml", "\n\nzzz = 1\n", "3: unknown key 'zzz'; expected one of paths, framework, "),
        ("oracle.toml", "seed = 1\nworkers = 'two'\n", "2: workers: found 'two'; input should be a valid"),
        ("oracle.toml", "timeout = 0\n", "1: timeout: found 0; input should be greater than 0"),
        ("oracle.toml", "output = []\n", "1: output: found []; list should have at least 1 item"),
        ("oracle.toml", "seed = \n", " Invalid value (at line 1, column 8)"),
        ("pyproject.toml", "[tool]\noracle = 3\n", " found tool.oracle = 3; expected a table"),
    ],
)  # fmt: skip
def test_bad_file(tmp_path: Path, name: str, text: str, message: str) -> None:
    """A mistake is told with file, line, key and what would be right."""
    (tmp_path / name).write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        find_config(tmp_path)
    assert str(caught.value).startswith(f"{tmp_path / name}:{message}")


def test_bytes_that_are_no_text(tmp_path: Path) -> None:
    """A file that is not UTF-8 is refused."""
    (tmp_path / "oracle.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match="expected UTF-8 text"):
        find_config(tmp_path)
