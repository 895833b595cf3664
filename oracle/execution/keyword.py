"""Expressions that choose cases by words: ``softmax and not (large or kinks/)``."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

Matcher = Callable[[Iterable[str]], bool]

_TOKEN = re.compile(r"[()]|[^\s()]+")
_DEPTH = 100
"""Deeper nesting is no expression that a person wrote."""


class KeywordError(ValueError):
    """An expression that cannot be read; says what was found and what was expected."""


def keyword_matcher(expression: str) -> Matcher:
    """A test of names: a word holds if it is part of any of them, whatever the case of its letters.

    ``not`` binds before ``and``, ``and`` before ``or``. KeywordError for anything else.

    >>> matches = keyword_matcher("softmax and not large")
    >>> matches(["operations/softmax", "float32"]), matches(["operations/softmax-large"])
    (True, False)
    """
    tokens = [*_TOKEN.findall(expression), ""]
    matcher, rest = _either(tokens, 0, 0)
    if tokens[rest]:
        raise _unexpected(tokens[rest], expression)
    return matcher


def _either(tokens: list[str], at: int, depth: int) -> tuple[Matcher, int]:
    first, at = _both(tokens, at, depth)
    parts = [first]
    while tokens[at] == "or":
        part, at = _both(tokens, at + 1, depth)
        parts.append(part)
    return (lambda names: any(p(names) for p in parts)), at


def _both(tokens: list[str], at: int, depth: int) -> tuple[Matcher, int]:
    first, at = _one(tokens, at, depth)
    parts = [first]
    while tokens[at] == "and":
        part, at = _one(tokens, at + 1, depth)
        parts.append(part)
    return (lambda names: all(p(names) for p in parts)), at


def _one(tokens: list[str], at: int, depth: int) -> tuple[Matcher, int]:
    token = tokens[at]
    if depth > _DEPTH:
        msg = f"found more than {_DEPTH} nested parts; expected a shorter expression"
        raise KeywordError(msg)
    if tokens[at] == "not":
        inner, at = _one(tokens, at + 1, depth + 1)
        return (lambda names: not inner(names)), at
    if tokens[at] == "(":
        inner, at = _either(tokens, at + 1, depth + 1)
        if tokens[at] != ")":
            raise _unexpected(tokens[at], " ".join(tokens[:-1]), "')'")
        return inner, at + 1
    if token in {"", ")", "and", "or"}:
        raise _unexpected(token, " ".join(tokens[:-1]), "a word, 'not' or '('")
    word = token.lower()
    return (lambda names: any(word in n.lower() for n in names)), at + 1


def _unexpected(token: str, expression: str, expected: str = "'and', 'or' or the end") -> KeywordError:
    found = repr(token) if token else "the end"
    return KeywordError(f"found {found} in {expression!r}; expected {expected}")
