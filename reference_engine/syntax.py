"""Program text as checked syntax: Python's own parser behind limits, and errors that say where and what."""

from __future__ import annotations

import ast
import keyword
import re
import textwrap
import unicodedata
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

from reference_engine.program import ProgramError

MAX_TEXT = 200_000
"""Characters of a program: ten thousand nodes take about that, and Python parses it in half a second."""

MAX_DEPTH = 60
"""Brackets inside brackets, operators inside operators: more than people write, far below Python's stack."""

MAX_EXPONENT = 5000
"""Decimal exponent of a number: beyond every float format's range, and 1e999999999 would fill the memory."""

MAX_DIGITS = 1000
"""Characters of a number: the longest exact decimal of a float64 has 1,075."""

RESERVED = frozenset({"inf", "nan", "pi", "constant"})
"""Names that mean the same in every program."""

_REFUSED: dict[type[ast.AST], tuple[str, str]] = {
    ast.If: ("an if statement", "where(condition, a, b) chooses between values"),
    ast.IfExp: ("an if expression", "where(condition, a, b) chooses between values"),
    ast.BoolOp: ("'and' or 'or'", "write & and | with parentheses around comparisons"),
    ast.For: ("a loop", "write its steps one after the other"),
    ast.While: ("a loop", "write its steps one after the other"),
    ast.ListComp: ("a list comprehension", "write its elements one after the other"),
    ast.GeneratorExp: ("a generator expression", "write its elements one after the other"),
    ast.AugAssign: ("an assignment in place", "each name is assigned once; give the result a new name"),
    ast.AnnAssign: ("an annotation", "write name = expression"),
    ast.Expr: ("an expression on its own", "give it a name: name = expression"),
    ast.FunctionDef: ("a function definition", "write its statements without def"),
    ast.Lambda: ("a lambda expression", "write its expression where it is used"),
    ast.Import: ("an import", "operations are called by their bare names"),
    ast.ImportFrom: ("an import", "operations are called by their bare names"),
    ast.Starred: ("a starred expression", "write the elements out"),
    ast.JoinedStr: ("a formatted string", "write a plain string"),
    ast.NamedExpr: ("an assignment inside an expression", "write it as a statement of its own"),
}

_NO_CODE = re.compile(r"\"[^\"]*\"|'[^']*'|#.*")
_GLUED = re.compile(r"(?<![\w.])\.?[0-9][0-9a-fA-FxX_.]*(?:and|else|for|if|in|is|not|or)")
"""A number that runs into a keyword, for which Python's parser would print a warning."""

_OPEN = "([{"
_CLOSE = ")]}"


class LanguageError(ProgramError):
    """Program text that cannot be right: where (line, column from 1), what was found, what was expected."""

    def __init__(self, line: int, column: int, found: str, expected: str = "", hint: str = "") -> None:
        self.line = line
        self.column = column
        self.found = found
        self.expected = expected
        self.hint = hint
        super().__init__(f"line {line}, column {column}: {self.message}")

    @property
    def message(self) -> str:
        """What is wrong, without the position."""
        return sentence(self.found, self.expected, self.hint)


def sentence(found: str, expected: str, hint: str) -> str:
    """One line for what was found, what was expected and what to write instead.

    >>> sentence("found a loop", "", "write its steps out")
    'found a loop; write its steps out'
    """
    return "; ".join(part for part in (found, expected and f"expected {expected}", hint) if part)


@dataclass(frozen=True)
class Source:
    """Parsed statements, and their text; ``margin`` is the indentation that was taken off each line."""

    statements: tuple[ast.stmt, ...]
    lines: tuple[str, ...]
    margin: int

    def column(self, line: int, offset: int) -> int:
        """Column (from 1, in characters of the original text) of a byte offset into a line."""
        return len(self.lines[line - 1].encode()[:offset].decode(errors="ignore")) + 1 + self.margin

    def error(self, node: ast.AST, found: str, expected: str = "", hint: str = "") -> LanguageError:
        """An error at a node."""
        line: int = getattr(node, "lineno", 1)
        column = self.column(line, getattr(node, "col_offset", 0))
        return LanguageError(line, column, found, expected, hint)

    def text(self, node: ast.expr) -> str:
        """A node's text, for a node within one line."""
        return self.lines[node.lineno - 1].encode()[node.col_offset : node.end_col_offset].decode()

    def refuse(self, node: ast.AST) -> LanguageError:
        """The error for syntax that the language does not have."""
        name = " ".join(_words(type(node).__name__))
        found, hint = _REFUSED.get(type(node), (f"{name!r}", ""))
        expected = "" if hint else "numbers, names, operators, indexing and calls of operations"
        return self.error(node, f"found {found}, which the language does not have", expected, hint)


def read(text: str) -> Source:
    """The statements of a program's text; LanguageError for text that is too long, too deep or no Python.

    The text may be indented as a whole. Nothing in it is ever evaluated by Python.
    """
    if len(text) > MAX_TEXT:
        raise LanguageError(1, 1, f"found {len(text)} characters", f"at most {MAX_TEXT}")
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    flat = textwrap.dedent(text)
    first = next((i for i, line in enumerate(flat.split("\n")) if line.strip()), 0)
    margin = len(text.split("\n")[first]) - len(flat.split("\n")[first])
    lines = tuple(flat.split("\n"))
    _check_characters(lines, margin)
    try:
        tree = ast.parse(flat)
    except SyntaxError as error:
        raise _syntax_error(error, lines, margin) from None
    except (MemoryError, RecursionError):
        raise LanguageError(
            1, 1, "expressions are nested too deeply", f"at most {MAX_DEPTH} levels"
        ) from None
    except ValueError as error:
        raise LanguageError(1, 1, str(error), "plain text") from None
    source = Source(tuple(tree.body), lines, margin)
    for statement in tree.body:
        _check_depth(source, statement)
    return source


def check_name(name: str) -> str | None:
    """Why ``name`` cannot name a value, or None if it can.

    >>> check_name("2x")
    "'2x' is no name; expected letters, digits and underscores"
    """
    if not name.isidentifier() or unicodedata.normalize("NFKC", name) != name or keyword.iskeyword(name):
        return f"{name!r} is no name; expected letters, digits and underscores"
    if name in RESERVED:
        return f"{name!r} is a constant of the language; expected another name"
    return None


def decimal(text: str) -> Fraction:
    """The exact value of a decimal number's text; ValueError for one that is too long or too far out.

    >>> decimal("1e-1")
    Fraction(1, 10)
    """
    digits = text.replace("_", "").lower()
    if len(digits) > MAX_DIGITS:
        msg = f"found a number of {len(digits)} characters; expected at most {MAX_DIGITS}"
        raise ValueError(msg)
    _, _, exponent = digits.partition("e")
    if exponent and (len(exponent) > 7 or abs(int(exponent)) > MAX_EXPONENT):
        msg = f"found the exponent {exponent[:12]}; expected at most {MAX_EXPONENT} in size"
        raise ValueError(msg)
    return Fraction(digits)


def _words(name: str) -> list[str]:
    starts = [i for i, c in enumerate(name) if c.isupper()] + [len(name)]
    return [name[a:b].lower() for a, b in pairwise(starts)]


def _check_characters(lines: tuple[str, ...], margin: int) -> None:
    """Refuse deep brackets, odd characters and glued numbers before Python's parser sees the text."""
    depth = 0
    for number, line in enumerate(lines, start=1):
        glued = _GLUED.search(_NO_CODE.sub(lambda part: " " * len(part[0]), line))
        if glued:
            found = f"found {glued[0]!r}"
            raise LanguageError(number, glued.start() + 1 + margin, found, "a space after a number")
        quote = ""
        for column, c in enumerate(line, start=1 + margin):
            if c in "\\\0" or (c < " " and c not in "\t\f") or "\ud800" <= c <= "\udfff":
                raise LanguageError(number, column, f"found the character {c!r}", "program text without it")
            if quote:
                quote = "" if c == quote else quote
            elif c in "\"'":
                quote = c
            elif c == "#":
                break
            elif c in _OPEN:
                depth += 1
                if depth > MAX_DEPTH:
                    found = "brackets are nested too deeply"
                    raise LanguageError(number, column, found, f"at most {MAX_DEPTH} levels")
            elif c in _CLOSE:
                depth -= 1


def _check_depth(source: Source, statement: ast.stmt) -> None:
    """Depth of the expression tree, which long chains of operators build without any bracket."""
    stack: list[tuple[ast.AST, int]] = [(statement, 0)]
    while stack:
        node, depth = stack.pop()
        if depth > MAX_DEPTH + 1:
            found = "operators are nested too deeply"
            hint = "name the intermediate results"
            raise source.error(statement, found, f"at most {MAX_DEPTH} levels", hint)
        inner = not isinstance(node, (ast.expr_context, ast.operator, ast.unaryop, ast.cmpop))
        stack += [(child, depth + 1) for child in ast.iter_child_nodes(node) if inner]


def _syntax_error(error: SyntaxError, lines: tuple[str, ...], margin: int) -> LanguageError:
    line = min(max(error.lineno or 1, 1), len(lines))
    column = max(error.offset or 1, 1)
    rest = lines[line - 1][column - 1 :].strip()
    found = f"found {rest[:20]!r}" if rest else "found the end of the line"
    message = (error.msg or "invalid syntax").removesuffix(". Perhaps you forgot a comma?")
    return LanguageError(line, column + margin, f"{message}: {found}", "name = expression")
