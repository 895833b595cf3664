"""Case files that are right: what they become, and how they are found."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from oracle.cases import Case, load_case, load_cases, read_case
from oracle.judge.verdict import Verdict
from reference_engine.program import TensorType

REGRESSION = """\
about: One-sample linear regression, the worked example of the tutorial
inputs:
  x: {value: 1.0, grad: false}
  y: {value: 2.0, grad: false}
  w: 1.0
program: |
  y_hat = w * x
  s = y_hat - y
  loss = s ** 2
expect:                      # what a person derived by hand
  loss: 1.0
  gradient: {w: -2.0}
"""


def read(text: str) -> Case:
    """The case of a text."""
    return read_case(Path("case.yaml"), text, "case")


def with_inputs(inputs: str, program: str = "y = x", more: str = "") -> Case:
    """A case with these inputs."""
    return read(f"about: a test\ninputs: {inputs}\nprogram: {program}\n{more}")


@pytest.fixture
def folder(tmp_path: Path) -> Callable[..., Path]:
    """Writes files below a temporary folder."""

    def write(*names: str, text: str = REGRESSION) -> Path:
        for name in names:
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        return tmp_path

    return write


class TestCase:
    """What the keys of a file become."""

    def test_the_tutorial(self) -> None:
        """The worked example, in full."""
        case = read(REGRESSION)
        assert case.about == "One-sample linear regression, the worked example of the tutorial"
        assert [(i.name, float(i.array), i.kind, i.grad) for i in case.inputs] == [
            ("x", 1.0, "real", False),
            ("y", 2.0, "real", False),
            ("w", 1.0, "real", True),
        ]
        assert case.program.output_names == ("loss",)
        assert [n.text for n in case.expect_values["loss"].numbers] == ["1.0"]
        assert [n.text for n in case.expect_gradient["w"].numbers] == ["-2.0"]
        assert (case.dtypes, case.frameworks, case.routes, case.order) == (
            ("float64", "float32"),
            None,
            None,
            1,
        )
        assert (case.cotangent, case.known, case.contract, case.timeout, case.tags) == (
            None,
            (),
            (),
            None,
            (),
        )

    def test_program_lines(self) -> None:
        """Line k of the program is line program_line + k - 1 of the file."""
        case = read(REGRESSION)
        (loss,) = [n for n in case.program.nodes if n.name == "loss"]
        assert loss.line is not None
        assert REGRESSION.split("\n")[case.program_line + loss.line - 2].strip() == "loss = s ** 2"

    def test_inputs_in_order(self) -> None:
        """Inputs keep the order of the file and their kinds."""
        case = with_inputs("{b: {value: [true, false], dtype: bool}, a: {value: [1, 2], dtype: int}, x: 1}")
        assert [(i.name, i.kind, str(i.array.dtype), i.grad) for i in case.inputs] == [
            ("b", "bool", "bool", False),
            ("a", "int", "int64", False),
            ("x", "real", "float64", True),
        ]
        assert case.program.input_types["a"] == TensorType((2,), "int")

    def test_inputs_are_read_only(self) -> None:
        """Nobody can change a case's inputs by accident."""
        with pytest.raises(ValueError, match="read-only"):
            with_inputs("{x: [1, 2]}").inputs[0].array[0] = 3.0

    def test_exact_values(self) -> None:
        """Hex floats, infinities and negative zeros arrive as they are."""
        array = with_inputs("{x: [0x1.8p+1, -inf, -0.0, 1e-3]}").inputs[0].array
        assert array.tolist() == [3.0, -np.inf, 0.0, 0.001]
        assert np.signbit(array).tolist() == [False, True, True, False]

    def test_filled_inputs(self) -> None:
        """Distributions and special points fill a shape."""
        inputs = (
            "{x: {shape: [2, 3], values: {normal: [0, 1], seed: 4}},"
            " u: {shape: [4], values: {uniform: [1, 2]}},"
            " k: {shape: [5], dtype: int, values: {uniform: [0, 1]}}, p: {shape: [3], values: [0.0, 1.0]},"
            " c: {shape: [2], values: 7}, S: {values: {positive_definite: 2}},"
            " b: {shape: [3], dtype: bool, values: [true, false]}}"
        )
        arrays = {i.name: i.array for i in with_inputs(inputs).inputs}
        assert arrays["x"].shape == (2, 3)
        assert 1 <= arrays["u"].astype(float).min() <= arrays["u"].astype(float).max() < 2
        assert set(arrays["k"].tolist()) <= {0, 1}
        assert arrays["p"].tolist() == [0.0, 1.0, 0.0]
        assert arrays["c"].tolist() == [7.0, 7.0]
        assert arrays["S"].shape == (2, 2)
        assert arrays["b"].tolist() == [True, False, True]

    def test_layouts(self) -> None:
        """Layouts are kept for the frameworks; an expanded input has equal rows."""
        case = with_inputs("{x: {value: [[1, 2], [1, 2]], layout: expanded}}")
        assert case.inputs[0].layout == "expanded"

    def test_empty_shapes(self) -> None:
        """A tensor without elements is an input like any other."""
        case = with_inputs("{x: {shape: [0, 3], values: [1.0]}}", "y = sum(x)")
        assert case.inputs[0].array.shape == (0, 3)

    def test_other_keys(self) -> None:
        """Everything else a file may say."""
        case = with_inputs(
            "{x: [1, 2]}",
            "y = exp(x)",
            "cotangent: [0.5, -1]\ndtypes: [bfloat16]\nframeworks: [torch]\n"
            "routes: [torch.autograd]\norder: 2\n"
            "known:\n"
            "- {framework: jax, version: '>=0.4,<0.5', dtype: float32, verdict: wrong, reason: a bug}\n"
            "contract: [accumulate]\ntimeout: 5\ntags: [slow, 2]",
        )
        assert case.cotangent is not None
        assert case.cotangent["y"].tolist() == [0.5, -1.0]
        assert (case.dtypes, case.frameworks, case.routes) == (("bfloat16",), ("torch",), ("torch.autograd",))
        assert (case.order, case.contract, case.timeout, case.tags) == (
            2,
            ("accumulate",),
            5.0,
            ("slow", "2"),
        )
        (known,) = case.known
        assert (known.verdict, known.dtype, known.route, known.reason) == (
            Verdict.WRONG,
            "float32",
            None,
            "a bug",
        )

    def test_known_versions(self) -> None:
        """An expected finding holds for its framework's versions, whatever their local part."""
        more = "known: [{framework: torch, version: ==2.10, verdict: imprecise, reason: digits}]"
        (known,) = with_inputs("{x: 1}", more=more).known
        assert known.covers("torch", "2.10.0+cpu")
        assert not known.covers("torch", "2.1.0")
        assert not known.covers("jax", "2.10.0")

    def test_cotangents_by_name(self) -> None:
        """Several outputs take their cotangents by name."""
        case = with_inputs("{x: 1}", "|\n  y = exp(x)\n  return x, y", "cotangent: {y: 2, x: 1}")
        assert case.cotangent is not None
        assert {name: float(c) for name, c in case.cotangent.items()} == {"y": 2.0, "x": 1.0}

    @pytest.mark.parametrize(
        "program", ["y = exp(x)", "'y = exp(x)'", '"y = exp(x)"', "|\n  y = exp(x)", "|-\n    y = exp(x)"]
    )
    def test_styles_of_text(self, program: str) -> None:
        """A program can be plain, quoted or a block."""
        assert with_inputs("{x: 1}", program).program.nodes[-1].op == "exp"

    def test_crlf_and_byte_order_mark(self, tmp_path: Path) -> None:
        """Files of other systems are read as they are."""
        path = tmp_path / "case.yaml"
        path.write_bytes(b"\xef\xbb\xbf" + REGRESSION.replace("\n", "\r\n").encode())
        assert load_case(path, tmp_path).program.digest == read(REGRESSION).program.digest


class TestFinding:
    """Which files are read, and what the cases are called."""

    def test_names_and_order(self, folder: Callable[..., Path]) -> None:
        """Names are paths below the folder given, sorted, hidden folders and other files left out."""
        root = folder("b.yaml", "a/x.yml", "a/notes.txt", ".oracle/c.yaml")
        cases, errors = load_cases([root])
        assert ([c.name for c in cases], errors) == (["a/x", "b"], [])

    def test_names_do_not_depend_on_where_one_starts(self, folder: Callable[..., Path]) -> None:
        """Inside a folder called cases, names always start there."""
        root = folder("cases/kinks/relu.yaml", "cases/models/mlp.yaml") / "cases"
        starts = [root, root / "kinks", root / "kinks" / "relu.yaml"]
        assert [load_cases([start])[0][0].name for start in starts] == ["kinks/relu"] * 3

    def test_a_file_is_read_once(self, folder: Callable[..., Path]) -> None:
        """Overlapping paths give each case once."""
        root = folder("a/x.yaml")
        cases, errors = load_cases([root / "a", root / "a" / "x.yaml"])
        assert (len(cases), errors) == (1, [])

    def test_two_hundred_files(self, folder: Callable[..., Path]) -> None:
        """Loading is fast: two hundred files in less than two seconds of processor time."""
        root = folder(*(f"{k // 20}/case{k}.yaml" for k in range(200)))
        start = time.process_time()
        cases, errors = load_cases([root])
        assert (len(cases), errors) == (200, [])
        assert time.process_time() - start < 2


class TestImplementations:
    """Functions that a case names."""

    TEXT = """about: a test
inputs: {x: 1.0}
program: y = exp(x)
implementations: {torch: a.b:f, jax: [c.py:g, d:h.k]}
"""

    def test_read(self) -> None:
        """One or several for each framework, with their places."""
        found = read_case(Path("case.yaml"), self.TEXT, "case").implementations
        assert [(i.framework, i.name, i.line, i.column) for i in found] == [
            ("torch", "a.b:f", 4, 26),
            ("jax", "c.py:g", 4, 39),
            ("jax", "d:h.k", 4, 47),
        ]

    def test_refused(self, tmp_path: Path) -> None:
        """Whoever runs the cases of others does not import their code; other files still load."""
        (tmp_path / "a.yaml").write_text(self.TEXT)
        (tmp_path / "b.yaml").write_text(self.TEXT.partition("implementations")[0])
        cases, errors = load_cases([tmp_path], "refused")
        assert [case.name for case in cases] == ["b"]
        (error,) = errors
        assert str(error) == (
            f"{tmp_path / 'a.yaml'}:4:1: found implementations, which are code to import; "
            "expected a case without code, as it comes from elsewhere"
        )
        assert len(load_cases([tmp_path])[0]) == 2
