"""Comparisons, logic, and the functions with kinks that choose between values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from flint import arb, arb_series

from reference_engine.arithmetic import Elementwise
from reference_engine.operations import Primitive, register
from reference_engine.primitives.define import broadcast_shapes, describe, elementwise, prototype
from reference_engine.program import Attr, ProgramError, TensorType
from reference_engine.trace import Tensor, xp


def _comparison(name: str, sign: str) -> None:
    def infer(types: Sequence[TensorType], _: Mapping[str, Attr]) -> TensorType:
        return TensorType(broadcast_shapes(name, types), "bool")

    register(
        Primitive(
            name,
            "comparison",
            prototype(
                name, ("x1", "x2"), {}, describe(f"x1 {sign} x2.", "none.", "jumps at x1 = x2.", "none.")
            ),
            infer=infer,
            evaluate=lambda ar, values, attrs: ar.compare(name, *values),
            elementwise=True,
        )
    )


for _name, _symbol in {
    "less": "<", "less_equal": "<=", "greater": ">", "greater_equal": ">=", "equal": "==", "not_equal": "!=",
}.items():  # fmt: skip
    _comparison(_name, _symbol)


def _logical(name: str, operands: tuple[str, ...]) -> None:
    def infer(types: Sequence[TensorType], _: Mapping[str, Attr]) -> TensorType:
        for t in types:
            if t.kind != "bool":
                msg = f"{name} expects booleans, found {t}"
                raise ProgramError(msg)
        return TensorType(broadcast_shapes(name, types), "bool")

    register(
        Primitive(
            name,
            "comparison",
            prototype(name, operands, {}, describe(f"{name} of booleans.", "none.", "none.", "none.")),
            infer=infer,
            evaluate=lambda ar, values, attrs: ar.logical(name, values),
            elementwise=True,
            call=dict.fromkeys(operands, "* bool"),
        )
    )


for _name in ("logical_and", "logical_or", "logical_xor"):
    _logical(_name, ("x1", "x2"))
_logical("logical_not", ("x",))

register(
    Primitive(
        "isfinite",
        "comparison",
        prototype("isfinite", ("x",), {}, describe("neither infinite nor NaN.", "none.", "none.", "none.")),
        infer=lambda types, attrs: TensorType(types[0].shape, "bool"),
        evaluate=lambda ar, values, attrs: ar.isfinite(values[0]),
        elementwise=True,
    )
)


def _choice(name: str, *, slope: bool, documentation: str) -> None:
    def infer(types: Sequence[TensorType], _: Mapping[str, Attr]) -> TensorType:
        if types[0].kind != "bool":
            msg = f"{name}: the condition must be bool, found {types[0]}"
            raise ProgramError(msg)
        kinds = {t.kind for t in types[1:]}
        kind = "real" if "real" in kinds else "int" if "int" in kinds else "bool"
        return TensorType(broadcast_shapes(name, types), kind)  # type: ignore[arg-type]

    def jvp(p: Sequence[Tensor], t: Sequence[Tensor | None], out: Tensor, attrs: Any) -> Tensor | None:
        a, b = (zero_like(out) if v is None else v for v in t[1:])
        return None if t[1] is None and t[2] is None else xp.select(p[0], a, b)

    def transpose(c: Tensor, o: Sequence[Tensor | TensorType], attrs: Any) -> list[Tensor | None]:
        zero = zero_like(c)
        return [
            None,
            xp.select(o[0], c, zero) if isinstance(o[1], TensorType) else None,
            xp.select(o[0], zero, c) if isinstance(o[2], TensorType) else None,
        ]

    register(
        Primitive(
            name,
            "selection",
            prototype(name, ("condition", "x1", "x2"), {}, documentation),
            infer=infer,
            evaluate=lambda ar, values, attrs: ar.choose(*values, slope=slope),
            jvp=jvp,
            transpose=transpose,
            elementwise=True,
            internal=slope,
            call={"condition": "* bool"},
        )
    )


def zero_like(x: Tensor) -> Tensor:
    """A structural zero of the same shape."""
    from reference_engine.pullback import zeros  # noqa: PLC0415 - the sweep needs the table first

    return zeros(TensorType(x.shape), x.builder)


_choice(
    "where",
    slope=False,
    documentation=describe(
        "x1 where the condition holds, else x2.",
        "1 for the chosen operand, 0 for the other, whatever its own derivative is.",
        "where the condition depends on a differentiated input and changes.",
        "at such a point both one-sided slopes are valid if the value does not jump.",
    ),
)
_choice(
    "select",
    slope=True,
    documentation=describe(
        "the slope that belongs to a condition; at a kink the ball of both.",
        "as where.",
        "at the kink.",
        "none.",
    ),
)


def _extreme(name: str, f: Elementwise, comparison: str, word: str) -> None:
    def infer(types: Sequence[TensorType], _: Mapping[str, Attr]) -> TensorType:
        kind = "int" if all(t.kind == "int" for t in types) else "real"
        return TensorType(broadcast_shapes(name, types), kind)  # type: ignore[arg-type]

    def jvp(p: Sequence[Tensor], t: Sequence[Tensor | None], out: Tensor, attrs: Any) -> Tensor | None:
        if p[0].index == p[1].index:
            return t[0]
        a, b = (zero_like(out) if v is None else v for v in t)
        return xp.select(getattr(xp, comparison)(*p), a, b)  # type: ignore[no-any-return]

    register(
        Primitive(
            name,
            "selection",
            prototype(
                name,
                ("x1", "x2"),
                {},
                describe(
                    f"the {word} of x1 and x2.",
                    f"1 for the {word}, 0 for the other.",
                    "at x1 = x2: any weights in [0, 1] that sum to 1.",
                    "torch and JAX give each operand one half.",
                ),
            ),
            infer=infer,
            evaluate=lambda ar, values, attrs: ar.elementwise(f, values, {}),
            jvp=jvp,
            elementwise=True,
            kinks=(0.0,),
        )
    )


# Jets are taken in the smooth interior, where one constant coefficient is certainly the larger.
_extreme(
    "maximum",
    Elementwise(np.maximum, arb.max, lambda a, b: a if a[0] > b[0] else b, exact=True),
    "greater_equal",
    "larger",
)
_extreme(
    "minimum",
    Elementwise(np.minimum, arb.min, lambda a, b: a if a[0] < b[0] else b, exact=True),
    "less_equal",
    "smaller",
)


_ABS = Elementwise(np.abs, abs, lambda s: s if s[0] > 0 else -s, exact=True)


def _abs_slope(p: Sequence[Tensor], t: Sequence[Tensor | None], out: Tensor, attrs: Any) -> Tensor | None:
    if t[0] is None:
        return None
    return xp.select(p[0] >= 0, t[0], -t[0])  # type: ignore[no-any-return]


register(
    Primitive(
        "abs",
        "selection",
        prototype(
            "abs",
            ("x",),
            {},
            describe(
                "the size of x.", "the sign of x.", "at 0: any slope in [-1, 1].", "torch and JAX give 0."
            ),
        ),
        infer=lambda types, attrs: types[0],
        evaluate=lambda ar, values, attrs: ar.elementwise(_ABS, values, {}),
        jvp=_abs_slope,
        elementwise=True,
        kinks=(0.0,),
    )
)


def _sign(x: Any) -> Any:
    if x > 0 or x < 0:
        return arb(1) if x > 0 else arb(-1)
    return arb(0) if x.is_zero() else arb.nan() if x.is_nan() else arb(0, 1)


def _round_even(x: Any) -> Any:
    doubled = (x * 2).floor()
    half = (x * 2).is_exact() and doubled == x * 2 and not x.is_integer()
    if half:
        low = x.floor()
        return low if (low / 2).is_integer() else low + 1
    return (x + arb("0.5")).floor()


def _trunc(x: Any) -> Any:
    return x.floor() if x >= 0 else x.ceil() if x <= 0 else x.floor().union(x.ceil())


def _at_integer(x: Any) -> bool:
    return bool(x.contains_integer())


def _at_half(x: Any) -> bool:
    return bool((x - arb("0.5")).contains_integer())


def _step(name: str, float64: Any, ball: Any, jumps: Any, definition: str, places: str) -> None:
    elementwise(
        name,
        Elementwise(float64, ball, lambda s: arb_series([ball(s[0])]), exact=True, jumps=jumps),
        [None],
        definition=definition,
        derivative="0.",
        not_differentiable=f"jumps at {places}.",
        conventions="frameworks give 0 at the jumps too.",
        integer=True,
        family="selection",
    )


def _at_nonzero_integer(x: Any) -> bool:
    return _at_integer(x) and not x.contains(0)


_step("sign", np.sign, _sign, lambda x: x.contains(0), "-1, 0 or 1.", "0")
_step("floor", np.floor, arb.floor, _at_integer, "largest integer <= x.", "integers")
_step("ceil", np.ceil, arb.ceil, _at_integer, "smallest integer >= x.", "integers")
_step("trunc", np.trunc, _trunc, _at_nonzero_integer, "x without its fraction.", "integers but 0")
_step("round", np.round, _round_even, _at_half, "nearest integer, halves to even.", "half-integers")


def _integer_quotient(a: Any, b: Any) -> Any:
    with np.errstate(divide="ignore"):
        return np.floor_divide(a, b)


elementwise(
    "integer_quotient",
    Elementwise(_integer_quotient, lambda a, b: (a / b).floor(), exact=True),
    [None, None],
    definition="largest integer <= x1/x2, for integers.",
    derivative="none.",
    not_differentiable="nowhere: the operands are integers.",
    integer=True,
    family="selection",
    internal=True,
)
