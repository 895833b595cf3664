from __future__ import annotations

import pytest

from oracle.execution.keyword import KeywordError, keyword_matcher


@pytest.mark.parametrize(
    "expression, expected",
    [
        ("softmax", True),
        ("SoftMax", True),
        ("operations/soft", True),
        ("kinks", False),
        ("not kinks", True),
        ("slow", True),
        ("softmax and not slow", False),
        ("kinks or softmax and slow", True),
        ("(kinks or softmax) and not slow", False),
        ("not not softmax", True),
        ("not (kinks or conditioning)", True),
    ],
)
def test_words_and_connectives(expression: str, expected: bool) -> None:
    """Words are parts of the name or of a tag; ``not`` binds before ``and``, ``and`` before ``or``."""
    assert keyword_matcher(expression)(["operations/softmax", "slow"]) is expected


@pytest.mark.parametrize(
    "expression, message",
    [
        ("softmax and", "found the end in 'softmax and'; expected a word, 'not' or '('"),
        ("(softmax", "found the end in '( softmax'; expected ')'"),
        ("softmax kinks", "found 'kinks' in 'softmax kinks'; expected 'and', 'or' or the end"),
        ("softmax)", "found ')' in 'softmax)'; expected 'and', 'or' or the end"),
        ("not " * 5000 + "a", "found more than 100 nested parts; expected a shorter expression"),
        ("(" * 5000, "found more than 100 nested parts; expected a shorter expression"),
    ],
)
def test_bad_expression(expression: str, message: str) -> None:
    """A bad expression is refused with what was found and expected, however deep it is."""
    with pytest.raises(KeywordError) as caught:
        keyword_matcher(expression)
    assert str(caught.value) == message
