from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib import import_module, invalidate_caches
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner, Result

import oracle as package
from oracle.cli import main
from oracle.recorded.folder import names

OPS = """
import torch


class Swish(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x * torch.sigmoid(x)

    @staticmethod
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        s = torch.sigmoid(x)
        return g * (s + x * s * (1 - s) * FACTOR)


def swish(params, x):
    return {"y": Swish.apply(x @ params["w"])}
"""

CASE = """about: a function of our own, held to its formula
inputs: {x: [0.5, -1.25, 2.0]}
program: |
  s = sigmoid(x)
  y = x * s
implementations: {torch: ops.py:Swish.apply}
frameworks: [torch]
dtypes: [float64]
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A project with a module ``ops`` whose rule is wrong."""
    (tmp_path / "ops.py").write_text(OPS.replace("FACTOR", "1.001"), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        if name == "ops":
            del sys.modules[name]


def oracle(*arguments: str) -> Result:
    """The command in this process."""
    return CliRunner().invoke(main, arguments)


def rewrite(folder: Path, factor: str) -> None:
    """Change the rule, as a person does between two commands."""
    (folder / "ops.py").write_text(OPS.replace("FACTOR", factor), encoding="utf-8")
    for cached in folder.rglob("*.pyc"):
        cached.unlink()
    invalidate_caches()
    sys.modules.pop("ops", None)


def failing(**options: object) -> package.GradientError:
    """What a test with a wrong rule raises."""
    ops = import_module("ops")
    generator = torch.Generator().manual_seed(0)
    w = torch.randn(3, 2, dtype=torch.float64, generator=generator)
    x = torch.randn(4, 3, dtype=torch.float64, generator=generator)
    with pytest.raises(package.GradientError) as caught:
        package.assert_gradients(ops.swish, {"w": w}, x, routes=["torch.autograd"], **options)
    return caught.value


class TestFunctions:
    """Failures of ``assert_gradients``."""

    def test_message_ends_with_both_commands(self, folder: Path) -> None:
        """One line to replay and to run the script; every failing finding has a record."""
        error = failing()
        lines = str(error).splitlines()
        name = lines[0].split()[-1]
        assert f"    oracle replay {name}     |     python .oracle/repro/{name}.py" in lines
        assert set(names(folder / ".oracle")) == {f.id for f in error.result.failures}

    def test_failed_then_fixed(self, folder: Path) -> None:
        """While the rule is wrong it has FAILED; once it is right it is FIXED and forgotten."""
        failing()
        sys.modules.pop("ops", None)
        done = oracle("replay")
        assert (done.exit_code, done.output.splitlines()[-1]) == (1, "2 recorded failures: 2 failed")
        assert done.output.startswith("x FAILED ")
        rewrite(folder, "1.0")
        done = oracle("replay")
        assert (done.exit_code, done.output.splitlines()[-1]) == (0, "2 recorded failures: 2 fixed")
        assert names(folder / ".oracle") == []
        assert list((folder / ".oracle" / "repro").iterdir()) == []
        assert oracle("replay").output == "no failures are recorded here\n"

    def test_a_function_that_is_gone(self, folder: Path) -> None:
        """What cannot be found again is an ERROR, which is not forgotten."""
        failing()
        (folder / "ops.py").write_text("", encoding="utf-8")
        rewritten = names(folder / ".oracle")
        sys.modules.pop("ops", None)
        for cached in folder.rglob("*.pyc"):
            cached.unlink()
        done = oracle("replay")
        assert done.exit_code == 2
        assert "found no swish in ops any more" in done.output
        assert names(folder / ".oracle") == rewritten

    def test_unknown_id(self, folder: Path) -> None:
        """An ID that none has is refused with one that is near."""
        name = failing().result.failures[0].id
        done = oracle("replay", f"{name[:-1]}x")
        assert done.exit_code == 2
        assert f"did you mean {name!r}?" in done.output

    def test_a_local_function_is_kept_by_value(self, folder: Path) -> None:
        """A lambda is replayed with its text of then, but with the functions of now that it calls."""
        ops = import_module("ops")
        x = torch.tensor([0.5, -1.25], dtype=torch.float64)
        with pytest.raises(package.GradientError):
            package.assert_gradients(lambda x: ops.Swish.apply(x) * 2, x, routes=["torch.autograd"])
        done = oracle("replay")
        assert "its own text as it was recorded" in " ".join(done.output.split())
        rewrite(folder, "1.0")
        assert oracle("replay").exit_code == 0

    def test_waived_failures_are_not_recorded(self, folder: Path) -> None:
        """What is expected needs no replay."""
        failing(waive={"x": "a surrogate"})
        assert len(names(folder / ".oracle")) == 1

    def test_explained_with_the_culprit_in_red(self, folder: Path) -> None:
        """The explanation says whom to blame and the picture shows it, at the numbers of the finding."""
        error = failing()
        finding = next(f for f in error.result.failures if f.argument == "gradient of x")
        done = oracle("explain", "--finding", finding.id, "--svg", "graph.svg")
        assert done.exit_code == 0, done.output
        assert "culprit: Swish" in done.output
        picture = (folder / "graph.svg").read_text(encoding="utf-8")
        assert picture.count('class="culprit"') == 1
        assert finding.reference is not None
        assert finding.reference.split()[0] in done.output


class TestCases:
    """Failures of ``oracle check``."""

    def test_case_failed_then_fixed(self, folder: Path) -> None:
        """The case is replayed from its recorded text; its own file need not be there any more."""
        (folder / "cases").mkdir()
        case = folder / "cases" / "swish.yaml"
        (folder / "cases" / "ops.py").write_text(OPS.replace("FACTOR", "1.001"), encoding="utf-8")
        case.write_text(CASE, encoding="utf-8")
        done = oracle("check", "cases", "--quiet", "--workers", "1", "--route", "torch.autograd")
        assert done.exit_code == 1, done.output
        (name,) = names(folder / ".oracle")
        assert f"oracle replay {name}     |     python .oracle/repro/{name}.py" in done.output
        case.unlink()
        assert oracle("replay", name).exit_code == 1
        (folder / "cases" / "ops.py").write_text(OPS.replace("FACTOR", "1.0"), encoding="utf-8")
        for cached in folder.rglob("*.pyc"):
            cached.unlink()
        done = oracle("replay", name)
        assert (done.exit_code, names(folder / ".oracle")) == (0, []), done.output


def test_explain_wants_one_of_two() -> None:
    """A case or a finding, not both and not neither."""
    assert oracle("explain").exit_code == 2
    assert oracle("explain", "case.yaml", "--finding", "abc").exit_code == 2
