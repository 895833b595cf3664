"""Program text: what it means, how it is refused, and that it comes back."""

from __future__ import annotations

import time
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import HealthCheck, given, reject, settings
from hypothesis import strategies as st

import reference_engine  # noqa: F401 - fills the table of operations
from reference_engine.language import LanguageError, parse, unparse
from reference_engine.program import FrozenArray, Program, ProgramError, TensorType
from reference_engine.syntax import MAX_DEPTH, MAX_TEXT, check_name, decimal
from reference_engine.trace import Tensor, constant, trace, xp

SCALAR = TensorType(())
TYPES = {
    "x": TensorType((3,)),
    "A": TensorType((3, 3)),
    "w": SCALAR,
    "i": TensorType((2,), "int"),
    "m": TensorType((3,), "bool"),
}


def read(text: str) -> Program:
    """The Program of a text over the inputs above."""
    return parse(text, TYPES)


def refused(text: str) -> str:
    """The message with which a text is refused."""
    with pytest.raises(LanguageError) as caught:
        read(text)
    return str(caught.value)


class TestMeaning:
    """What text stands for."""

    def test_equals_the_traced_function(self) -> None:
        """Text and the same Python function over xp give one Program."""
        text = "s = w * x - 2.5\nout0 = sum(s ** 2 / exp(-x), axis=0)"
        types = {"w": SCALAR, "x": TensorType((3,))}
        traced = trace(lambda w, x: xp.sum((w * x - 2.5) ** 2 / xp.exp(-x), axis=0), types)
        assert parse(text, types).digest == traced.digest

    @pytest.mark.parametrize(
        "text, op",
        [
            ("x + w", "add"),
            ("x - w", "subtract"),
            ("x * w", "multiply"),
            ("x / w", "divide"),
            ("x ** w", "power"),
            ("x @ A", "matmul"),
            ("x % w", "remainder"),
            ("x // w", "floor_divide"),
            ("x < w", "less"),
            ("x <= w", "less_equal"),
            ("x > w", "greater"),
            ("x >= w", "greater_equal"),
            ("x == w", "equal"),
            ("x != w", "not_equal"),
            ("m & m", "logical_and"),
            ("m | m", "logical_or"),
            ("~m", "logical_not"),
            ("-x", "negative"),
            ("x[0]", "getitem"),
        ],
    )
    def test_operators_are_operations(self, text: str, op: str) -> None:
        """Every operator is one operation of the table."""
        assert read(f"y = {text}").nodes[-1].op == op

    def test_decimals_are_exact(self) -> None:
        """0.1 is one tenth, not the nearest float64."""
        (value,) = [n.attr("value") for n in read("y = x * 0.1").nodes if n.op == "constant"]
        assert str(value) == "1/10"

    def test_decimal_lists_are_exact(self) -> None:
        """A list that float64 holds is one constant; any other is a stack of exact constants."""
        held = [n for n in read("y = x * [0.5, 1, 2]").nodes if n.op == "constant"]
        stacked = [n for n in read("y = x * [0.1, 1, 2]").nodes if n.op == "constant"]
        assert [n.attr("value") for n in held] == [FrozenArray(np.array([0.5, 1.0, 2.0]))]
        assert [str(n.attr("value")) for n in stacked] == ["1/10", "1", "2"]

    def test_minus_keeps_the_sign_of_zero(self) -> None:
        """-0.0 in a list of numbers is negative zero."""
        (node,) = [n for n in read("y = x * [-0.0, 0.0, 1.0]").nodes if n.op == "constant"]
        assert np.signbit(node.attr("value").value).tolist() == [True, False, False]

    def test_names_and_lines(self) -> None:
        """Nodes carry the names and lines of the text, constants too."""
        program = read("\nk = 2\ns = x * k\n\ny = s + 1")
        named = {n.name: n.line for n in program.nodes if n.name and n.op != "input"}
        assert named == {"k": 2, "s": 3, "y": 5}

    def test_an_alias_renames_nothing(self) -> None:
        """A second name for a value leaves the first in place; the output is called as it is returned."""
        program = read("s = exp(x)\nt = s\nreturn t")
        assert (program.output_names, program.nodes[-1].name) == (("t",), "s")

    def test_outputs(self) -> None:
        """Without return the last names are the outputs; unnamed ones are numbered."""
        assert read("y = exp(x)\nz = y + 1").output_names == ("z",)
        assert read("values, places = topk(x, 2)").output_names == ("values", "places")
        assert read("y = exp(x)\nreturn x, y, y + 1").output_names == ("x", "y", "out2")

    def test_underscore_drops_a_result(self) -> None:
        """A result that nobody needs is unpacked into an underscore."""
        program = read("_, places = topk(x, 2)\ny = sum(x[places])")
        assert [n.output for n in program.nodes if n.op == "topk"] == [1]

    def test_one_of_several_results(self) -> None:
        """A several-valued call can be indexed with an integer."""
        assert read("y = topk(x, 2)[0]").digest == read("y, _ = topk(x, 2)").digest

    def test_constants_as_attributes(self) -> None:
        """A named number or list serves as an attribute, and a decimal is the float that it spells."""
        assert read("k = -1\ny = sum(A, axis=k)").nodes[-1].attr("axis") == -1
        assert read("s = [9]\ny = reshape(A, s)").nodes[-1].attr("shape") == (9,)
        assert read("y = pad(x, [[1, 0]], value=0.1)").nodes[-1].attr("value") == 0.1

    def test_indexing(self) -> None:
        """Slices, new axes, ellipses, integers and integer tensors."""
        assert read("y = A[1:, None, ::-1]").output_types == (TensorType((2, 1, 3)),)
        assert read("y = A[..., 0]").output_types == (TensorType((3,)),)
        assert read("y = A[i]").output_types == (TensorType((2, 3)),)
        assert read("y = A[[0, 2], -1]").output_types == (TensorType((2,)),)
        assert read("k = 1\ny = A[k, k:]").output_types == (TensorType((2,)),)

    def test_indented_text(self) -> None:
        """Text indented as a whole means the same."""
        assert read("\n    y = exp(x)\n    z = y\n").digest == read("y = exp(x)\nz = y").digest

    def test_infinity_and_nan(self) -> None:
        """The names inf and nan are numbers, and -inf is a literal."""
        values = [n.attr("value") for n in read("y = x * inf + nan - -inf").nodes if n.op == "constant"]
        assert repr(values) == "[inf, nan, -inf]"


class TestRefusal:
    """What is refused, and how."""

    @pytest.mark.parametrize(
        "text, message",
        [
            ("", "line 1, column 1: the program is empty; expected name = expression"),
            ("y = xx + 1", "line 1, column 5: unknown name 'xx'; did you mean 'x'?"),
            (
                "y = 1\nz = concatenat([x])",
                "line 2, column 5: unknown operation 'concatenat'; did you mean 'concatenate'?",
            ),
            (
                "y = sum(x, axes=0)",
                (
                    "line 1, column 5: sum has no argument 'axes'; "
                    "expected sum(x, axis=None, keepdims=False); did you mean 'axis'?"
                ),
            ),
            ("y = exp()", "line 1, column 5: exp needs argument 'x'; expected exp(x)"),
            ("y = exp(x, x)", "line 1, column 5: exp takes 1 arguments (exp(x)), found 2"),
            (
                "y = x\n\ny = w",
                "line 3, column 1: 'y' is already defined on line 1; each name is assigned once",
            ),
            ("x = 1", "line 1, column 1: 'x' is already defined as an input; each name is assigned once"),
            ("y = 0 < x < 2", "line 1, column 5: found a chain of comparisons; write (a < b) & (b < c)"),
            ("y = x.sum()", "line 1, column 5: found the method 'sum'; write sum(x, ...)"),
            ("y = np.exp(x)", "line 1, column 5: found 'np.exp'; write exp(...)"),
            ("y = topk(x, 2)", "line 1, column 1: found one name for 2 values; unpack them: a, b = ..."),
            ("a, b = sum(x)", "line 1, column 1: found 2 names for 1 value(s)"),
            ("y = exp(topk(x, 2))", "line 1, column 5: found 2 values where one belongs; unpack them"),
            (
                "y = 'abc' * x",
                "line 1, column 5: found 'abc' where a tensor belongs; expected a tensor or a number",
            ),
            ("y = x[1.5]", "line 1, column 7: found 3/2 as an index; expected an integer, a slice or None"),
            ("y = x * 2j", "line 1, column 9: found 2j; expected a real number"),
            ("return x\ny = x", "line 1, column 1: found 'return'; expected it on the last line"),
            ("return w, w", "line 1, column 11: 'w' is returned twice"),
            ("y = 1if x else 2", "line 1, column 5: found '1if'; expected a space after a number"),
            ("inf = 1", "line 1, column 1: 'inf' is a constant of the language; expected another name"),
            (
                "y = (x\nz = 1",
                "line 1, column 5: '(' was never closed: found '(x'; expected name = expression",
            ),
        ],
    )
    def test_messages(self, text: str, message: str) -> None:
        """Each mistake is named with its place and what was expected."""
        assert refused(text) == message

    @pytest.mark.parametrize(
        "text",
        [
            "y = x if w else x",
            "y = x and x",
            "for k in x:\n    y = k",
            "while w: y = x",
            "y = [k for k in x]",
            "y = (lambda: x)()",
            "y += 1",
            "y: int = x",
            "exp(x)",
            "def f(): pass",
            "import os",
            "y = f'{x}'",
            "y = b'x'",
            "y = {'a': x}",
            "y = (z := x)",
            "y = exp(*x)",
            "y = exp(**x)",
            "y = x; del x",
            "x[0] = 1",
            "y = z = x",
            "y = x.__class__",
            "y = __import__('os')",
            "y = exp.__globals__",
        ],
    )
    def test_the_rest_of_python(self, text: str) -> None:
        """Whatever else Python can say is refused at its place."""
        assert refused(text).startswith("line 1, column ")

    def test_columns_count_characters(self) -> None:
        """A column counts characters, not bytes, and the margin that was taken off."""
        assert refused("    θ = exp(x)\n    y = θ + qq").startswith("line 2, column 13: unknown name 'qq'")

    def test_shapes(self) -> None:
        """A shape that does not fit is said at the expression."""
        assert refused("y = exp(x)\nz = 1 + (A + [1, 2])").startswith("line 2, column 10: add")

    def test_ragged_lists(self) -> None:
        """Rows of different lengths are no constant."""
        assert "rows of one shape" in refused("y = A * [[1, 2], [3]]")


class TestLimits:
    """Hostile text costs nothing and says why."""

    @pytest.mark.parametrize(
        "text",
        [
            "y = " + "(" * 5000 + "x" + ")" * 5000,
            "y = " + "[" * 100_000,
            "y = " + "exp(" * 1000,
            "y = " + "-" * 50_000 + "x",
            "y = " + "x + " * 20_000 + "x",
            "y = " + "x ** " * 5000 + "x",
            "y = " + "not " * 5000 + "x",
            "y = " + "x[" * 500 + "0" + "]" * 500,
        ],
    )
    def test_depth(self, text: str) -> None:
        """Deep nesting is refused before it can exhaust any stack."""
        assert f"nested too deeply; expected at most {MAX_DEPTH} levels" in refused(text)

    def test_depth_allowed(self) -> None:
        """What is refused lies far above what people write."""
        assert read("y = " + "(" * 50 + "x" + ")" * 50 + " + x" * 50).nodes[-1].op == "add"

    def test_length(self) -> None:
        """Text is refused by its length before it is read."""
        expected = f"line 1, column 1: found {MAX_TEXT + 5} characters; expected at most {MAX_TEXT}"
        assert refused("y = x" + " " * MAX_TEXT) == expected

    def test_nodes(self) -> None:
        """A program of too many operations is refused."""
        lines = ["v0 = x", *(f"v{k} = v{k - 1} + x" for k in range(1, 10_002))]
        text = "\n".join(lines)
        with pytest.raises(LanguageError, match="expected at most"):
            read(text)

    @pytest.mark.parametrize(
        "text",
        [
            "y = broadcast_to(x, (1000000000, 3))",
            "y = x[:, None] * broadcast_to(w, (3, 2000000))",
            "y = repeat(x, 1000000000)",
            "y = repeat(A, 99999)[0] * repeat(repeat(x, 99999), 99999)",
            "y = tile(x, (99999, 99999))",
            "y = pad(x, [[0, 1000000000]])",
            "y = roll(x, 1000000000)",
            "y = avg_pool2d(A[None, None], 1, padding=99999)",
            "y = upsample_nearest(A[None, None], scale_factor=(99999,))",
            "y = adaptive_avg_pool2d(A[None, None], 99999)",
        ],
    )
    def test_elements(self, text: str) -> None:
        """Tensors that would fill the memory are refused before they exist."""
        start = time.process_time()
        assert "; expected at most " in refused(text)
        assert time.process_time() - start < 1

    def test_elements_in_all(self) -> None:
        """So are many that would fill it together."""
        lines = ["v0 = broadcast_to(w, (3000000,))", *(f"v{k} = exp(v{k - 1})" for k in range(1, 20))]
        assert "elements in all; expected at most 40000000" in refused("\n".join(lines))

    @pytest.mark.parametrize("text", ["1e999999999", "1" * 2000 + ".0", "9" * 30, "0." + "0" * 1200 + "1"])
    def test_numbers(self, text: str) -> None:
        """A number that would take the memory to hold is refused."""
        assert refused(f"y = x * {text}").startswith("line 1, column 9: found")

    @pytest.mark.parametrize("character", ["\0", "\x1b", "\\", "\ud800"])
    def test_characters(self, character: str) -> None:
        """Control characters, backslashes and half characters have no place in a program."""
        assert refused(f"y = x {character}").startswith("line 1, column 7: found the character")


class TestNames:
    """What can be a name."""

    @pytest.mark.parametrize("name", ["x", "x_2", "θ", "e", "sum"])
    def test_names(self, name: str) -> None:
        """Letters of any script are names, and so are names of operations."""
        assert check_name(name) is None

    @pytest.mark.parametrize("name", ["", "2x", "a-b", "lambda", "nan", "pi", "ﬁ", "a b"])
    def test_no_names(self, name: str) -> None:
        """Keywords, constants and letters that Python would change are none."""
        assert check_name(name) is not None

    def test_input_names(self) -> None:
        """An input must have a name too."""
        with pytest.raises(LanguageError, match="input '2x' is no name"):
            parse("y = 1.0", {"2x": SCALAR})


def test_decimal_is_bounded() -> None:
    """An exponent that would fill the memory is refused."""
    with pytest.raises(ValueError, match="found the exponent 999999999; expected at most 5000 in size"):
        decimal("1e999999999")


ROUND_TRIPS = [
    "y = w * x - 2.5",
    "y = where(x > 0, sqrt(x), 0)",
    "a = A[0:2, None, ::-1][..., 0]\nb = a[[0, 1]]\nc = A[i, 1:]",
    "k = 1\ny = sum(A, axis=k)\nz = -y ** -2.0 + [0.5, -0.0, 1e-3][0]",
    "y = maximum(0, exp(x)) * inf - nan\nc = constant('1/3')\nq = [0.5, 1]\nreturn y, c, x * q[0]",
    "values, places = topk(x, 2)\nreturn values",
    "_, places = topk(x, 2)\ny = x[places]",
    "c = 2\ns = exp(x)\ny = s * c + s",
    "y = (x + w) * (x - w) ** 2 / -(x @ A) % 3 // 2",
    "y = where(~(m & (x < 1)) | (x >= 2), x, -x)",
    "y = stack([x, x * 2, x], axis=1)\nz = concatenate([y, y])",
    "t2 = exp(x)\ny = exp(t2) * exp(t2)",
    "y = einsum('ij,j->i', [A, x])",
    "y = x * 0.1000000000000000055511151231257827021181583404541015625",
    "y = x * 1e300 * 1e-300 * 5e-324",
    "y = x + 1000000000000000000000000000000.0 + constant('-22/7')",
    "y = sum(A, axis=(0, 1), keepdims=True)",
    "n = negative(2.0)\ny = x ** n",
    "return x, w",
]


UNARY = [
    xp.exp,
    xp.tanh,
    xp.negative,
    lambda t: xp.sum(t, axis=0, keepdims=True),
    lambda t: t[::-1],
    lambda t: t**2,
]
BINARY = [
    xp.add,
    xp.multiply,
    xp.maximum,
    lambda a, b: a - b,
    lambda a, b: xp.where(a > b, a, 0.5),
    lambda a, b: xp.sum(xp.stack([b, a, a]), axis=0),
]
LITERALS = [2, -3, 0.1, -0.5, Fraction(1, 3), float("inf"), True]


@st.composite
def programs(draw: st.DrawFn) -> Program:
    """Programs in which operations, literals and constants made early are used in any order."""

    def function(x: Tensor, y: Tensor) -> tuple[Tensor, ...]:
        values: list[Tensor] = [x, y]
        for _ in range(draw(st.integers(1, 12))):
            picked = draw(st.sampled_from(values))
            match draw(st.integers(0, 4)):
                case 0:
                    values.append(draw(st.sampled_from(UNARY))(picked))
                case 1:
                    values.append(draw(st.sampled_from(BINARY))(picked, draw(st.sampled_from(values))))
                case 2:
                    values.append(draw(st.sampled_from(BINARY[:4]))(draw(st.sampled_from(LITERALS)), picked))
                case 3:
                    values.append(constant(draw(st.sampled_from([2, 0.25, np.array([1.0, 0.1, -0.0])]))))
                case _:
                    values.append(draw(st.sampled_from(xp.topk(xp.exp(picked) + x, 2))) * 1.5 + y[0])
        return tuple(values[-draw(st.integers(1, 3)) :])

    try:
        return trace(function, {"x": TensorType((3,)), "y": TensorType((3,))})
    except ProgramError:
        reject()


class TestUnparse:
    """Programs as text."""

    @pytest.mark.parametrize("text", ROUND_TRIPS)
    def test_round_trip(self, text: str) -> None:
        """Reading what was written gives the same Program."""
        program = read(text)
        assert read(unparse(program)).digest == program.digest

    @pytest.mark.parametrize(
        "text",
        [
            "y_hat = w * x\ns = y_hat - 1\nloss = s ** 2",
            "y = where(x > 0, sqrt(x), 0)",
            "y = sum(exp(x) / 2.5, axis=-1)",
            "a, b = topk(x, 2)\nreturn a, b",
            "y = A[1:, None, ..., 0]",
        ],
    )
    def test_keeps_what_a_person_wrote(self, text: str) -> None:
        """Text in the ordinary form comes back letter by letter."""
        assert unparse(read(text)) == text

    @settings(max_examples=200, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
    @given(programs())
    def test_every_program_comes_back(self, program: Program) -> None:
        """Text of any surface Program gives that Program."""
        assert parse(unparse(program), program.input_types).digest == program.digest

    def test_traced_constants_before_their_use(self) -> None:
        """A constant made long before it is used becomes a statement where it was made."""

        def function(x: Tensor) -> Tensor:
            c = constant(2.0)
            return xp.exp(x) * c + constant(np.array([1.0, 0.1, 3.0])) * c

        types = {"x": TensorType((3,))}
        program = trace(function, types)
        text = unparse(program)
        assert text.startswith("t1 = 2.0\n")
        assert parse(text, types).digest == program.digest

    def test_deep_expressions_get_names(self) -> None:
        """An expression of many levels is broken up, so that it can be read again."""

        def function(x: Tensor) -> Tensor:
            for _ in range(200):
                x = xp.exp(x)
            return x

        types = {"x": SCALAR}
        program = trace(function, types)
        assert parse(unparse(program), types).digest == program.digest

    def test_names_that_collide(self) -> None:
        """Outputs called as inputs cannot be written; equal node names are made different."""
        program = trace(xp.exp, {"x": SCALAR}, names=["x"])
        with pytest.raises(ProgramError, match="the output 'x' is called like an input"):
            unparse(program)
