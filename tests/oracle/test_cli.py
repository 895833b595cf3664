from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from oracle.cli import main
from oracle.report.document import read_run

CASE = """about: A product of two numbers.
inputs: {x: 3.0, y: -2.0}
program: z = x * y
expect: {gradient: {x: -2.0, y: 3.0}}
dtypes: [float64]
routes: [torch.autograd]
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with one case, which is also the current folder."""
    (tmp_path / "cases").mkdir()
    (tmp_path / "cases" / "product.yaml").write_text(CASE, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def oracle(*arguments: str) -> Result:
    """The command in this process."""
    return CliRunner().invoke(main, arguments)


def spawn(*arguments: str) -> subprocess.CompletedProcess[str]:
    """The command in a process of its own, without a terminal."""
    code = f"import sys; sys.path[:] = {sys.path!r}; from oracle.cli import main; main({list(arguments)!r})"
    environment = {k: v for k, v in os.environ.items() if k not in {"FORCE_COLOR", "COLUMNS"}}
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=False
    )


class TestCheck:
    """``oracle check`` from the command line to the exit status."""

    def test_good_run(self, folder: Path) -> None:
        """Status 0, the report on standard output, progress on standard error, the run in a file."""
        done = spawn(
            "check", "cases", "--framework", "torch", "--output", "text", "--output", "json=run.json"
        )
        assert (done.returncode, done.stdout.splitlines()[-1][:14]) == (0, "nothing failed"), done.stderr
        assert done.stdout.startswith("1 case, ")
        assert done.stderr.splitlines()[0].startswith("1 case, torch ")
        assert "\x1b[" not in done.stdout + done.stderr
        run = read_run(folder / "run.json")
        assert run.ok
        assert {f.framework for f in run.results[0].findings} == {"torch"}

    def test_python_api(self, folder: Path) -> None:
        """``oracle.run`` does the same from a script without a guard, and its result can be saved."""
        script = folder / "script.py"
        code = "import oracle\nrun = oracle.run('cases', frameworks=['torch'], workers=1)\n"
        end = "run.save('run.json')\nprint(run.ok, run.status, len(run.results))\n"
        script.write_text(f"import sys; sys.path[:] = {sys.path!r}\n{code}{end}", encoding="utf-8")
        done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, check=False)
        assert done.stdout == "True 0 1\n", done.stderr
        assert json.loads((folder / "run.json").read_text(encoding="utf-8"))["status"] == 0

    def test_bad_file_does_not_stop_the_others(self, folder: Path) -> None:
        """Status 2, the file named with its line, the good case judged."""
        (folder / "cases" / "bad.yaml").write_text("about: x\nimputs: {}\n", encoding="utf-8")
        done = spawn(
            "check", "cases", "--framework", "torch", "--output", "concise", "--output", "json=run.json", "-q"
        )
        assert done.returncode == 2
        assert done.stdout.startswith("cases/bad.yaml:2:1: unknown key 'imputs'")
        assert done.stderr == ""
        assert [r.case for r in read_run(folder / "run.json").results] == ["product"]

    def test_wrong_expectation_fails(self, folder: Path) -> None:
        """A value that a person derived wrongly makes status 1, or 0 with --exit-zero."""
        text = CASE.replace("{x: -2.0,", "{x: 2.0,")
        (folder / "cases" / "product.yaml").write_text(text, encoding="utf-8")
        done = spawn("check", "cases", "--framework", "torch", "--output", "concise", "-q")
        assert done.returncode == 1
        assert done.stdout.startswith("cases/product.yaml:product: [")
        assert spawn("check", "cases", "--framework", "torch", "--exit-zero", "-q").returncode == 0

    @pytest.mark.parametrize(
        "arguments, message",
        [
            ((), "no PATH given, and none configured; try: oracle check cases/"),
            (("cases", "-k", "nowhere"), "none of the cases found (1) matches the options"),
            (("cases", "--dtype", "bfloat16"), "none of the cases found (1) matches the options"),
            (("cases", "-k", "a and"), "found the end in 'a and'; expected a word, 'not' or '('"),
            (("cases", "-f", "torhc"), "torhc: unknown framework; did you mean 'torch'?"),
            (("cases", "--route", "jax.jti"), "unknown route 'jax.jti'; did you mean 'jax.jit'?"),
            (("cases", "-o", "jsn"), "--output jsn: unknown format 'jsn'; did you mean 'json'?"),
            (("cases", "-o", "json=no/run.json"), "--output json=no/run.json: No such file or directory"),
            (("cases", "-o", "json", "-o", "text"), "--output text: only one format can go to standard out"),
        ],
    )  # fmt: skip
    def test_refusals(self, folder: Path, arguments: tuple[str, ...], message: str) -> None:
        """What cannot be run is refused with status 2 and one sentence on standard error."""
        result = oracle("check", *arguments)
        assert result.exit_code == 2
        assert f"oracle: {message}" in result.stderr
        assert len(result.stderr.splitlines()) == 1
        assert result.stdout == ""

    def test_missing_path(self, folder: Path) -> None:
        """A path that is not there is a problem of the run, with status 2."""
        result = oracle("check", "cases/none.yaml", "-q")
        assert result.exit_code == 2
        assert "cases/none.yaml" in result.stdout

    def test_usage_error(self) -> None:
        """A bad option is refused by click with the same status."""
        assert oracle("check", "cases", "--dtype", "float8").exit_code == 2
        assert oracle("check", "cases", "--workers", "0").exit_code == 2
        assert oracle("chekc").exit_code == 2

    def test_configuration(self, folder: Path) -> None:
        """The configuration file speaks where the command line does not; its mistakes are refused."""
        (folder / "oracle.toml").write_text('paths = ["cases"]\nroute = ["nothing"]\n', encoding="utf-8")
        assert "oracle: unknown route 'nothing'" in oracle("check").stderr
        assert "unknown route 'other'" in oracle("check", "--route", "other").stderr
        (folder / "oracle.toml").write_text("pahts = []\n", encoding="utf-8")
        result = oracle("check")
        assert result.exit_code == 2
        assert result.stderr.endswith("oracle.toml:1: unknown key 'pahts'; did you mean 'paths'?\n")


def test_version() -> None:
    """The version is the package's."""
    assert oracle("--version").stdout == "oracle 0.1.0\n"


def test_schemas_are_json() -> None:
    """Both schemas are printed as JSON Schema."""
    for what, title in (("case", "Gradient oracle case"), ("run", "Gradient oracle run")):
        schema = json.loads(oracle("schema", what).stdout)
        assert schema["title"] == title
        assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"


def test_explain(folder: Path) -> None:
    """A case is explained, and its graph drawn; a file that is none is refused."""
    result = oracle("explain", "cases/product.yaml", "--svg", "graph.svg")
    assert result.exit_code == 0, result.output
    assert "Backward" in result.stdout
    assert (folder / "graph.svg").read_text(encoding="utf-8").lstrip().startswith("<svg")
    refused = oracle("explain", "cases/none.yaml")
    assert (refused.exit_code, refused.stdout) == (2, "")
    assert refused.stderr.startswith("oracle: cases/none.yaml")


def test_operations() -> None:
    """The matrix has a row for each operation; one operation is explained; an unknown one is refused."""
    rows = json.loads(oracle("ops", "--json").stdout)
    tanh = next(row for row in rows if row["name"] == "tanh")
    assert tanh["derivative"] == "rule"
    assert tanh["orders"] == {"jax": 2, "torch": 2}
    table = oracle("ops").stdout.splitlines()
    assert table[0].split() == ["operation", "family", "derivative", "arithmetics", "jax", "torch"]
    assert table[-1] == f"{len(rows)} operations; oracle ops NAME explains one"
    assert "Derivative: 1 - tanh(x)^2." in oracle("ops", "tanh").stdout
    assert "tanh(x)" in json.loads(oracle("ops", "tanh", "--json").stdout)["signature"]
    refused = oracle("ops", "tanhh")
    assert refused.exit_code == 2
    assert refused.stderr == "oracle: unknown operation 'tanhh'; did you mean 'tanh' or 'atanh' or 'tan'?\n"
