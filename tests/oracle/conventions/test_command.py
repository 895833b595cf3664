"""``oracle conventions`` from the command line to its output."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner, Result

from oracle.cli import main


def conventions(*arguments: str) -> Result:
    """The command in this process."""
    return CliRunner().invoke(main, ["conventions", *arguments])


def test_markdown() -> None:
    """The page in short: versions, a heading for the family, a row with what torch answers."""
    done = conventions("--framework", "torch", "--operation", "abs", "--operation", "det")
    assert done.exit_code == 0, done.output
    lines = done.output.splitlines()
    assert any(line.startswith("Versions: torch ") and "findings at 1." in line for line in lines)
    assert "|  | `abs(x)` | x = 0 | [-1, 1] | 0 | 0 |" in lines
    assert [line for line in lines if line.startswith("## ")] == ["## Selection", "## Linear algebra"]


def test_json() -> None:
    """The same as data: corners, slopes by route, verdicts; numbers that JSON has not are texts."""
    done = conventions("-f", "torch", "--operation", "hypot", "--operation", "maximum", "-o", "json")
    assert done.exit_code == 0, done.output
    table = json.loads(done.output)
    tie, *_, origin = table["rows"]
    assert tie["slopes"] == [{"inputs": ["x1", "x2"], "kind": "kink", "corners": [[0, 1], [1, 0]]}]
    assert tie["central_difference"] == {"x1": 0.5, "x2": 0.5}
    reply = origin["frameworks"]["torch"][0]
    assert (reply["route"], reply["verdict"], reply["finding"]) == ("torch.autograd", "nonfinite", True)
    assert reply["slopes"] == {"x1": "nan", "x2": "nan"}


@pytest.mark.parametrize(
    "arguments, message",
    [
        (("--operation", "reluu"), "unknown operation 'reluu'; did you mean"),
        (("--operation", "exp", "-f", "torch"), "no point of the table is about exp"),
        (("-f", "torhc"), "torhc: unknown framework; did you mean 'torch'?"),
    ],
)
def test_refusals(arguments: tuple[str, ...], message: str) -> None:
    """What is not there is refused with status 2 and one sentence."""
    done = conventions(*arguments)
    assert done.exit_code == 2
    assert message in done.output
