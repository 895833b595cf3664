"""How constants and attributes are spelled in program text, such that reading them gives the same again."""

from __future__ import annotations

import ast
import math
from fractions import Fraction
from typing import Any

from reference_engine.program import Attr, FrozenArray, Node, ProgramError, literal


def constant_text(node: Node) -> ast.expr:
    """The literal of a constant; ProgramError for one without elements or axes."""
    value = node.attr("value")
    if not isinstance(value, FrozenArray):
        return attribute_text(value)
    if value.value.size == 0 or value.value.ndim == 0:
        msg = f"a constant of shape {value.value.shape} has no text"
        raise ProgramError(msg)
    return _nested(value.value.tolist())


def _nested(value: Any) -> ast.expr:
    """Elements of an array: a float is written with all the decimals it has."""
    match value:
        case list():
            return ast.List([_nested(v) for v in value])
        case float() if math.isfinite(value):
            exact = Fraction(value)
            return _signed(_decimal(abs(exact)) or "", negative=math.copysign(1, value) < 0)
    return attribute_text(value)


def attribute_text(value: Attr) -> ast.expr:
    """An attribute or a constant as a literal."""
    match value:
        case None | bool() | str():
            return ast.Constant(value)
        case int():
            return _signed(str(abs(value)), negative=value < 0)
        case tuple():
            return ast.Tuple([attribute_text(v) for v in value])
        case float() if math.isnan(value):
            return name_text("nan")
        case float() if math.isinf(value):
            return _signed("inf", negative=value < 0)
        case float():
            return _signed(_decimal(abs(Fraction(repr(value)))) or "", negative=math.copysign(1, value) < 0)
        case Fraction():
            digits = _decimal(abs(value))
            if digits is None:
                return ast.Call(name_text("constant"), [ast.Constant(str(value))], [])
            return _signed(digits, negative=value < 0)
    msg = f"an attribute of type {type(value).__name__} has no text"
    raise ProgramError(msg)


def _decimal(value: Fraction) -> str | None:
    """The decimals of a fraction as a float literal, None if they never end.

    >>> _decimal(Fraction(1, 8)), _decimal(Fraction(10) ** 30), _decimal(Fraction(1, 3))
    ('0.125', '1e+30', None)
    """
    try:
        if literal(float(value)) == value:
            return repr(float(value))
    except OverflowError:
        pass
    rest, places = value.denominator, 0
    for prime in (2, 5):
        count = 0
        while rest % prime == 0:
            rest //= prime
            count += 1
        places = max(places, count)
    return f"{value * 10**places}e-{places}" if rest == 1 else None


def _signed(digits: str, *, negative: bool) -> ast.expr:
    return ast.UnaryOp(ast.USub(), name_text(digits)) if negative else name_text(digits)


def name_text(text: str) -> ast.expr:
    """A name; also digits, which the syntax tree would otherwise round to a float."""
    return ast.Name(text)
