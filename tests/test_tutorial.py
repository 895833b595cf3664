"""The tutorial's script gives its numbers in torch and here, and what the documents show is what happens."""

from __future__ import annotations

import contextlib
import doctest
import io
import re
import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner

import reference_engine
from oracle.cases.load import read_case
from oracle.cli import main

ROOT = Path(__file__).parents[1]
DOCUMENTS = [ROOT / "README.md", ROOT / "docs" / "tutorial.md"]

SCRIPT = """
x = torch.tensor(1.0)
y = torch.tensor(2.0)
w = torch.tensor(1.0, requires_grad=True)

y_predicted = w * x
loss = (y_predicted - y)**2
print(loss)
print(loss.item())

loss.backward()
print(w.grad)
print(w.grad.item())

with torch.no_grad():
    w -= 0.01 * w.grad
w.grad.zero_()
print(round(w.item(), 6), w.grad, w.requires_grad)
"""


def printed(script: str, module: object) -> list[str]:
    """What the script prints with ``torch`` being the module."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        exec(script, {"torch": module})
    return out.getvalue().splitlines()


def test_script_prints_the_same_here_and_in_torch() -> None:
    """The tutorial's script prints 1.0 and -2.0, and but for a node's name the same lines as in torch."""
    torch = pytest.importorskip("torch")
    here, there = printed(SCRIPT, reference_engine), printed(SCRIPT, torch)
    assert here[1] == there[1] == "1.0"
    assert here[3] == there[3] == "-2.0"
    assert here[0] == "tensor(1., grad_fn=<power>)"
    assert there[0] == "tensor(1., grad_fn=<PowBackward0>)"
    assert here[2] == there[2] == "tensor(-2.)"
    assert here[4] == there[4] == "1.02 tensor(0.) True"


def blocks(document: Path, language: str) -> list[str]:
    """The fenced blocks of a language."""
    return re.findall(
        rf"^```{language}\n(.*?)^```", document.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE
    )


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda d: d.name)
def test_python_blocks_print_what_they_show(document: Path) -> None:
    """The Python blocks of a document run in order and print what stands below each line."""
    found = "\n".join(blocks(document, "python"))
    examples = doctest.DocTestParser().get_doctest(found, {}, document.name, str(document), 0)
    assert examples.examples
    report = io.StringIO()
    outcome = doctest.DocTestRunner(verbose=False).run(examples, out=report.write)
    assert outcome.failed == 0, report.getvalue()


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda d: d.name)
def test_commands_exist_and_print_what_is_shown(document: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every command of a document exists with its options; where output is shown it is the output."""
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("COLUMNS", "100")
    checked = 0
    for command, shown in (pair for block in blocks(document, "console") for pair in commands(block)):
        program, *arguments = shlex.split(command, comments=True)
        if program == "make":
            assert re.search(
                rf"^{arguments[0]}:", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE
            )
        elif shown:
            assert CliRunner().invoke(main, arguments).output.strip() == shown
        else:
            assert parses(arguments)
            assert all((ROOT / a).exists() for a in arguments if a.startswith("cases"))
        checked += 1
    assert checked


def commands(block: str) -> list[tuple[str, str]]:
    """The commands of a block, each with the output shown below it."""
    parts = re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]
    return [(head, rest.strip()) for head, _, rest in (part.partition("\n") for part in parts)]


def parses(arguments: list[str]) -> bool:
    """Whether the command takes these arguments; it is not run."""
    name, *rest = arguments
    command = main.commands[name]
    command.make_context(name, rest)
    return True


def test_case_in_the_readme_is_the_worked_example() -> None:
    """The case that the README shows loads, and is the program of the library's worked example."""
    (text,) = blocks(ROOT / "README.md", "yaml")
    shown = read_case(Path("README.md"), text, "readme")
    path = ROOT / "cases" / "tutorial" / "worked-example.yaml"
    assert shown.program == read_case(path, path.read_text(encoding="utf-8"), "example").program


@pytest.mark.parametrize("document", [*DOCUMENTS, ROOT / "ARCHITECTURE.md"], ids=lambda d: d.name)
def test_links_lead_somewhere(document: Path) -> None:
    """Every link and picture of a document is a file of the repository."""
    for target in re.findall(r"\]\(([^)#:]+)\)", document.read_text(encoding="utf-8")):
        assert (document.parent / target).exists(), target
