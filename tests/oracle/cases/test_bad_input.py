"""Case files that are wrong: each is one CaseError with its place, and the other files still load."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from oracle.cases import CaseError, load_case, load_cases, read_case

GOOD = "about: a test\ninputs: {x: 1.0}\nprogram: y = exp(x)\n"
FILE = Path("case.yaml")


def refused(text: str) -> str:
    """The message with which a text is refused."""
    with pytest.raises(CaseError) as caught:
        read_case(FILE, text, "case")
    return str(caught.value)


def refused_file(content: bytes, folder: Path) -> str:
    """The message with which a file of these bytes is refused, without its folder."""
    path = folder / "case.yaml"
    path.write_bytes(content)
    with pytest.raises(CaseError) as caught:
        load_case(path, folder)
    return str(caught.value).replace(f"{folder}{os.sep}", "")


class TestYaml:
    """What is no plain YAML."""

    @pytest.mark.parametrize(
        "text, message",
        [
            ("", "case.yaml:1:1: the file is empty; expected about, inputs and program"),
            ("# nothing\n", "case.yaml:1:1: the file is empty; expected about, inputs and program"),
            ("- 1", "case.yaml:1:1: found a list; expected keys such as about: and inputs:"),
            ("hello", "case.yaml:1:1: found 'hello'; expected keys such as about: and inputs:"),
            (
                "about: [a",
                (
                    "case.yaml:1:10: expected ',' or ']', but got '<stream end>' "
                    "while parsing a flow sequence; expected YAML"
                ),
            ),
            (
                "about: a\nabout: b",
                "case.yaml:2:1: the key 'about' is already on line 1; expected each key once",
            ),
            ("a: &x 1\nb: *x", "case.yaml:1:4: found the anchor &x; expected no anchors or aliases"),
            ("a: *x", "case.yaml:1:4: found the alias *x; expected the value itself"),
            ("a: !!int 1", "case.yaml:1:4: found the tag tag:yaml.org,2002:int; expected no tags"),
            ("a: 1\n---\nb: 1", "case.yaml:2:1: found a second document; expected one case a file"),
            ("? [a]\n: 1", "case.yaml:1:3: found a list as a key; expected a name"),
            ("a: b\n c: \x07", "case.yaml:2:5: found the character '\\x07'; expected text"),
        ],
    )
    def test_messages(self, text: str, message: str) -> None:
        """Each mistake is named with its line and column."""
        assert refused(text) == message

    @pytest.mark.parametrize(
        "text",
        [
            "inputs: " + "[" * 200_000,
            "inputs: " + "{a: " * 50_000,
            "- " * 100_000,
            "? " * 100_000,
            "inputs: {x: " + "[" * 40 + "1" + "]" * 40 + "}",
        ],
    )
    def test_deep_nesting(self, text: str) -> None:
        """Deep nesting is refused quickly, before any recursion."""
        start = time.process_time()
        assert "values are nested too deeply; expected at most 32 levels" in refused(text)
        assert time.process_time() - start < 5

    def test_billion_laughs(self) -> None:
        """Anchors are refused, so that no file can multiply itself; neither can one contain itself."""
        laughs = "a: &a [lol, lol]\n" + "\n".join(
            f"{b}: &{b} [*{a}, *{a}, *{a}, *{a}]" for a, b in zip("abcdefgh", "bcdefghi", strict=True)
        )
        assert "found the anchor &a" in refused(laughs)
        assert "found the anchor &a" in refused("a: &a [*a]")


class TestFiles:
    """What cannot be read at all."""

    def test_encoding(self, tmp_path: Path) -> None:
        """A file in another encoding is refused at the byte."""
        message = "case.yaml:2:8: found the byte 0xff; expected UTF-8"
        assert refused_file(b"about: a\nabout: \xff", tmp_path) == message

    def test_utf16(self, tmp_path: Path) -> None:
        """So is UTF-16."""
        assert refused_file(GOOD.encode("utf-16"), tmp_path).startswith("case.yaml:1:1: found the byte 0xff")

    def test_size(self, tmp_path: Path) -> None:
        """A file that would take minutes to read is refused by its size."""
        message = (
            "case.yaml: found 2000000 bytes; expected at most 1000000; give large inputs by shape and values"
        )
        assert refused_file(b"#" * 2_000_000, tmp_path) == message

    def test_missing(self, tmp_path: Path) -> None:
        """A path that leads nowhere is an error of its own."""
        path = tmp_path / "none.yaml"
        assert [str(e) for e in load_cases([path])[1]] == [f"{path}: no such file or folder"]
        folder = tmp_path / "none"
        assert [str(e) for e in load_cases([folder])[1]] == [f"{folder}: no such file or folder"]

    def test_empty_folder(self, tmp_path: Path) -> None:
        """So is a folder without case files."""
        message = f"{tmp_path}: found no case files in the folder; expected *.yaml"
        assert [str(e) for e in load_cases([tmp_path])[1]] == [message]

    def test_other_file(self, tmp_path: Path) -> None:
        """And a file of another kind."""
        path = tmp_path / "case.txt"
        path.write_text(GOOD)
        assert [str(e) for e in load_cases([path])[1]] == [
            f"{path}: found a file ending in '.txt'; expected *.yaml"
        ]

    def test_pipe(self, tmp_path: Path) -> None:
        """A pipe is not waited for."""
        path = tmp_path / "pipe.yaml"
        os.mkfifo(path)
        message = f"{path}: found no regular file; expected a case file"
        assert [str(e) for e in load_cases([path])[1]] == [message]

    def test_same_name(self, tmp_path: Path) -> None:
        """Two files that would be one case are refused, the first is kept."""
        for folder in ("a", "b"):
            (tmp_path / folder).mkdir()
            (tmp_path / folder / "x.yaml").write_text(GOOD)
        cases, errors = load_cases([tmp_path / "a", tmp_path / "b"])
        assert [c.path for c in cases] == [tmp_path / "a" / "x.yaml"]
        assert "the case name 'x' is also that of" in str(errors[0])

    def test_the_others_load(self, tmp_path: Path) -> None:
        """Bad files are reported one by one, in order, and the good ones load."""
        contents = {"a": GOOD, "b": "about: [", "c": GOOD.replace("exp", "exq"), "d": "\x00", "e": GOOD}
        for name, text in contents.items():
            (tmp_path / f"{name}.yaml").write_text(text)
        cases, errors = load_cases([tmp_path, tmp_path / "zzz.yaml"])
        assert [c.name for c in cases] == ["a", "e"]
        assert [e.path.stem for e in errors] == ["b", "c", "d", "zzz"]


class TestKeys:
    """Keys and their values."""

    @pytest.mark.parametrize(
        "text, message",
        [
            (f"{GOOD}dtype: [float32]", "case.yaml:4:1: unknown key 'dtype'; did you mean 'dtypes'?"),
            (GOOD.replace("inputs", "imputs"), "case.yaml:2:1: unknown key 'imputs'; did you mean 'inputs'?"),
            ("about: a test\ninputs: {x: 1}", "case.yaml:1:1: the key 'program' is missing"),
            (GOOD.replace("a test", "''"), "case.yaml:1:8: found ''; expected text"),
            (GOOD.replace("{x: 1.0}", "[1]"), "case.yaml:2:9: found a list; expected keys with values"),
            (
                GOOD.replace("{x: 1.0}", "{}"),
                "case.yaml:2:9: found a mapping; expected at least 1",
            ),
            (f"{GOOD}order: 3", "case.yaml:4:8: found '3'; expected 1 or 2"),
            (f"{GOOD}order: two", "case.yaml:4:8: found 'two'; expected 1 or 2"),
            (
                f"{GOOD}dtypes: [float32, flaot16]",
                (
                    "case.yaml:4:19: found 'flaot16'; "
                    "expected 'float64', 'float32', 'bfloat16' or 'float16'; did you mean 'float16'?"
                ),
            ),
            (f"{GOOD}dtypes: []", "case.yaml:4:9: found a list; expected at least 1"),
            (f"{GOOD}timeout: -1", "case.yaml:4:10: found '-1'; expected greater than 0"),
            (f"{GOOD}timeout: soon", "case.yaml:4:10: found 'soon'; expected a number"),
            (f"{GOOD}contract: [acumulate]", "case.yaml:4:12: found 'acumulate'; expected 'accumulate'"),
            (f"{GOOD}for_all: {{}}", "case.yaml:4:1: 'for_all' is not supported in this version"),
            (f"{GOOD}implementations: []", "case.yaml:4:18: found a list; expected keys with values"),
            (
                f"{GOOD}implementations: {{torhc: a:f}}",
                "case.yaml:4:19: unknown key 'torhc'; did you mean 'torch'?",
            ),
            (
                f"{GOOD}implementations: {{tf: a:f}}",
                "case.yaml:4:19: unknown key 'tf'; expected one of 'torch', 'jax'",
            ),
            (
                f"{GOOD}implementations: {{torch: [a:f, a.ops.f]}}",
                (
                    "case.yaml:4:32: found 'a.ops.f'; "
                    "expected 'package.module:function' or 'file.py:function'; did you mean 'a.ops:f'?"
                ),
            ),
            (f"{GOOD}implementations: {{torch: 3}}", "case.yaml:4:26: found '3'; expected 'package.module:"),
            (
                f"{GOOD}implementations: {{torch: [a:f, a:f]}}",
                "case.yaml:4:32: 'a:f' is there twice; expected each function once",
            ),
            (f"{GOOD}known: [{{framework: torch}}]", "case.yaml:4:9: the key 'version' is missing"),
            (
                f"{GOOD}known: [{{framework: torch, version: new, verdict: wrong, reason: x}}]",
                "case.yaml:4:37: found 'new'; expected a version range such as '>=2.0,<3'",
            ),
        ],
    )
    def test_messages(self, text: str, message: str) -> None:
        """Each wrong key or value is named at its own place."""
        assert refused(text).startswith(message)

    def test_verdicts(self) -> None:
        """A verdict that does not exist is answered with the nearest."""
        text = f"{GOOD}known: [{{framework: torch, version: '>=2', verdict: wrongg, reason: x}}]"
        assert refused(text).startswith("case.yaml:4:53: found 'wrongg'; expected 'agree', 'convention'")
        assert refused(text).endswith("did you mean 'wrong'?")


class TestInputs:
    """Inputs that cannot be made."""

    @pytest.mark.parametrize(
        "inputs, message",
        [
            ("{x: one}", "2:13: found 'one'; expected a number"),
            ("{x: }", "2:12: found nothing; expected a number; the value is empty"),
            ("{x: [1, [2]]}", "2:17: found a row of shape (1,); expected shape () like the first"),
            ("{x: 1e999}", "2:13: found 1e999, which float64 cannot hold; expected a number"),
            ("{2x: 1}", "2:10: '2x' is no name; expected letters, digits and underscores"),
            ("{nan: 1}", "2:10: 'nan' is a constant of the language; expected another name"),
            ("{x: {valeu: 1}}", "2:14: unknown key 'valeu'; did you mean 'value'?"),
            ("{x: {}}", "2:13: the input 'x' has no value; expected value, or shape and values"),
            ("{x: {shape: [2]}}", "2:13: the input 'x' has no value; expected value, or shape and values"),
            ("{x: {values: [1]}}", "2:13: found 'values' without 'shape'; expected a shape such as [3, 4]"),
            (
                "{x: {value: 1, shape: [2]}}",
                "2:31: found both 'value' and 'shape'; expected value, or shape and values",
            ),
            (
                "{x: {shape: [1000000000], values: [1]}}",
                "2:21: found 1000000000 elements; expected at most 1000000 in one input",
            ),
            (
                "{x: {shape: [0, 1000000000], values: [1]}}",
                "2:21: found 1000000000 elements; expected at most 1000000",
            ),
            (
                "{x: {shape: [99999999999999999999], values: [1]}}",
                "2:22: found '99999999999999999999'; expected an integer",
            ),
            ("{x: {shape: [-1], values: [1]}}", "2:22: found '-1'; expected greater than or equal to 0"),
            ("{x: {shape: 3, values: [1]}}", "2:21: found '3'; expected a list"),
            ("{x: {shape: [3], values: {}}}", "2:34: found no rule; expected one of normal, uniform"),
            (
                "{x: {shape: [3], values: {normal: [0]}}}",
                "2:43: found a list; expected a list of two numbers",
            ),
            (
                "{x: {shape: [3], values: {norml: [0, 1]}}}",
                "2:35: unknown key 'norml'; did you mean 'normal'?",
            ),
            (
                "{x: {shape: [3], values: {normal: [0, 1], uniform: [0, 1]}}}",
                "2:34: found normal and uniform; expected one of normal",
            ),
            ("{x: {shape: [3], values: []}}", "2:34: found no points; expected at least one"),
            (
                "{x: {shape: [3], values: {positive_definite: 3}}}",
                "2:21: found shape [3]; expected [3, 3] as",
            ),
            (
                "{x: {value: 1, dtype: flaot}}",
                "2:31: found 'flaot'; expected 'float', 'int' or 'bool'; did you mean 'float'?",
            ),
            ("{x: {value: 1.5, dtype: int}}", "2:21: found '1.5'; expected an integer of 64 bits"),
            ("{x: {value: 1, dtype: bool}}", "2:21: found '1'; expected true or false"),
            ("{x: {value: 1, dtype: int, grad: true}}", "2:42: found grad: true for an input of dtype int"),
            ("{x: {shape: [2], dtype: int, values: {normal: [0, 1]}}}", "2:46: found normal for dtype int"),
            (
                "{x: {shape: [2], dtype: int, values: {uniform: [0, 1.5]}}}",
                "2:46: found uniform: [0.0, 1.5]; expected integers",
            ),
            ("{x: {value: 1, grad: yes}}", "2:30: found 'yes'; expected true or false"),
            (
                "{x: {value: 1, grad: false}}",
                "2:9: no input is differentiated; expected grad: true for one of them",
            ),
            (
                "{x: {value: [1], layout: transposed}}",
                "2:34: found layout transposed for shape (1,); expected at least 2",
            ),
            (
                "{x: {value: [1, 2], layout: expanded}}",
                "2:37: found layout expanded for rows that differ; expected equal rows",
            ),
            (
                "{x: {value: 1, layout: padded}}",
                "2:32: found 'padded'; expected 'contiguous', 'transposed', 'strided'",
            ),
        ],
    )
    def test_messages(self, inputs: str, message: str) -> None:
        """Each wrong input is named at its own place."""
        assert refused(GOOD.replace("{x: 1.0}", inputs)).startswith(f"case.yaml:{message}")


class TestProgram:
    """Errors in the program are said at the file's own lines."""

    @pytest.mark.parametrize(
        "program, message",
        [
            ("|\n  s = x\n  y = exq(s)", "5:7: unknown operation 'exq'; did you mean 'exp'?"),
            ("|\n\n    # a comment\n    y = exp(s)", "6:13: unknown name 's'"),
            ("|2\n    y = exp(s)", "4:13: unknown name 's'"),
            ("|\n  y = exp(x, x)", "4:7: exp takes 1 arguments (exp(x)), found 2"),
            (
                "|\n  s = x\n  y = [1, 2] + [1, 2, 3]",
                "5:7: add: shapes (2,) and (3,) cannot be broadcast together",
            ),
            ("y = exp(q)", "3:18: unknown name 'q'"),
            ("'y = exp(q)'", "3:19: unknown name 'q'"),
            ("''", "3:10: found ''; expected text"),
            ("|\n  # nothing", "4:3: the program is empty; expected name = expression"),
            (">\n  s = x\n  y = s", "3:10: found a text whose lines are joined; write 'program: |'"),
            ("s = x\n  y = s", "3:10: found a text whose lines are joined; write 'program: |'"),
            ("[y = x]", "3:10: found a list; expected text"),
            ("|\n  y = x > 0", "3:10: every output is bool; expected a real output to differentiate"),
            (
                "|\n  y = " + "(" * 100 + "x",
                "4:67: brackets are nested too deeply; expected at most 60 levels",
            ),
            ("|\n  y = " + "-" * 100_000 + "x", "4:3: expressions are nested too deeply"),
            (
                "|\n  y = repeat(x, 1000000000)",
                "4:7: repeat: found 1000000000 in repeats; expected at most 100000",
            ),
        ],
    )
    def test_messages(self, program: str, message: str) -> None:
        """Line and column are those of the file."""
        assert refused(GOOD.replace("y = exp(x)", program)).startswith(f"case.yaml:{message}")


class TestExpectations:
    """Expected values and cotangents must fit the program."""

    @pytest.mark.parametrize(
        "more, message",
        [
            ("expect: {z: 1}", "4:10: unknown name 'z'; expected a named value of the program: x, y"),
            ("expect: {y: [1, 2]}", "4:13: found shape (2,) for 'y'; expected shape ()"),
            ("expect: {y: one}", "4:13: found 'one'; expected a number"),
            ("expect: {gradient: 1}", "4:20: found '1'; expected a value for each input"),
            (
                "expect: {gradient: {w: 1}}",
                "4:21: unknown name 'w'; expected an input that is differentiated: x",
            ),
            ("expect: 1", "4:9: found '1'; expected keys with values"),
            ("cotangent: [1, 2]", "4:12: found shape (2,) for 'y'; expected shape ()"),
            ("cotangent: {z: 1}", "4:13: unknown name 'z'; expected a real output: y"),
            ("cotangent: {}", "4:12: the cotangent of 'y' is missing"),
        ],
    )
    def test_messages(self, more: str, message: str) -> None:
        """Names and shapes are checked against the program."""
        assert refused(GOOD + more).startswith(f"case.yaml:{message}")

    def test_gradient_of_a_vector(self) -> None:
        """A gradient is that of a scalar unless the cotangent is given."""
        text = GOOD.replace("1.0", "[1.0, 2.0]") + "expect: {gradient: {x: [1.0, 2.0]}}"
        message = (
            "case.yaml:4:1: the output 'y' has shape (2,), and a gradient is expected; expected cotangent"
        )
        assert refused(text).startswith(message)
        assert read_case(FILE, f"{text}\ncotangent: [1, 1]", "case").expect_gradient["x"].shape == (2,)
