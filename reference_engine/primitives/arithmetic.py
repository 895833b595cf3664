"""Addition, multiplication and their inverses; powers; conversion."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np
from flint import arb

from reference_engine.arithmetic import Arithmetic, Elementwise, Values
from reference_engine.operations import REAL_LINE, CallRules, Domain, Primitive, register
from reference_engine.primitives.define import broadcast_shapes, describe, elementwise, prototype
from reference_engine.program import Attr, Kind, ProgramError, TensorType
from reference_engine.trace import Tensor, broadcast, constant, to_kind, xp

POSITIVE = Domain(low=0.0, ordinary=(0.2, 3.0))


def _linear(
    name: str,
    f: Elementwise,
    jvp: Callable[[Sequence[Tensor | None]], Tensor],
    transpose: Callable[[Tensor, Sequence[Tensor | TensorType]], Sequence[Tensor | None]],
    operands: Sequence[str],
    documentation: str,
) -> None:
    def infer(types: Sequence[TensorType], _: Mapping[str, Attr]) -> TensorType:
        kind: Kind = "int" if all(t.kind == "int" for t in types) else "real"
        return TensorType(broadcast_shapes(name, types), kind)

    def evaluate(ar: Arithmetic, values: Sequence[Values], _: Mapping[str, Attr]) -> Values:
        return ar.elementwise(f, values, {})

    register(
        Primitive(
            name,
            "arithmetic",
            prototype(name, operands, {}, documentation),
            infer=infer,
            evaluate=evaluate,
            jvp=lambda primals, tangents, out, attrs: jvp(tangents),
            transpose=lambda cotangent, operands, attrs: transpose(cotangent, operands),
            linear=True,
            elementwise=True,
            domains=(REAL_LINE,) * len(operands),
        )
    )


def _linear_operands(operands: Sequence[Tensor | TensorType]) -> list[bool]:
    return [isinstance(o, TensorType) for o in operands]


def _add_jvp(t: Sequence[Tensor | None]) -> Tensor:
    if t[0] is None or t[1] is None:
        return t[0] if t[0] is not None else t[1]  # type: ignore[return-value]
    return t[0] + t[1]


def _subtract_jvp(t: Sequence[Tensor | None]) -> Tensor:
    if t[1] is None:
        return t[0]  # type: ignore[return-value]
    return -t[1] if t[0] is None else t[0] - t[1]


_linear(
    "add",
    Elementwise(np.add, np.add, lambda a, b: a + b),
    _add_jvp,
    lambda c, o: [c if on else None for on in _linear_operands(o)],
    ("x1", "x2"),
    describe(
        "x1 + x2, broadcast.", "1 for each operand; summed over broadcast axes.", "nowhere.", "none needed."
    ),
)
_linear(
    "subtract",
    Elementwise(np.subtract, np.subtract, lambda a, b: a - b),
    _subtract_jvp,
    lambda c, o: [c if isinstance(o[0], TensorType) else None, -c if isinstance(o[1], TensorType) else None],
    ("x1", "x2"),
    describe("x1 - x2, broadcast.", "1 for x1, -1 for x2.", "nowhere.", "none needed."),
)
_linear(
    "negative",
    Elementwise(np.negative, np.negative, lambda a: -a, exact=True),
    lambda t: -t[0],  # type: ignore[operator]
    lambda c, o: [-c],
    ("x",),
    describe("-x.", "-1.", "nowhere.", "none needed."),
)


def _product(
    name: str,
    f: Elementwise,
    jvp: Any,
    transpose: Any,
    documentation: str,
    *,
    integer: bool,
    domains: tuple[Domain, ...] = (REAL_LINE, REAL_LINE),
    call: CallRules = MappingProxyType({}),
) -> None:
    def infer(types: Sequence[TensorType], _: Mapping[str, Attr]) -> TensorType:
        kind: Kind = "int" if integer and all(t.kind == "int" for t in types) else "real"
        return TensorType(broadcast_shapes(name, types), kind)

    register(
        Primitive(
            name,
            "arithmetic",
            prototype(name, ("x1", "x2"), {}, documentation),
            infer=infer,
            evaluate=lambda ar, values, attrs: ar.elementwise(f, values, {}),
            jvp=jvp,
            transpose=transpose,
            elementwise=True,
            domains=domains,
            call=call,
        )
    )


def _sum_terms(*terms: Tensor | None) -> Tensor | None:
    total: Tensor | None = None
    for term in terms:
        if term is not None:
            total = term if total is None else total + term
    return total


def _multiply_jvp(p: Sequence[Tensor], t: Sequence[Tensor | None], out: Tensor, attrs: Any) -> Tensor | None:
    return _sum_terms(None if t[0] is None else t[0] * p[1], None if t[1] is None else p[0] * t[1])


def _multiply_transpose(c: Tensor, o: Sequence[Tensor | TensorType], attrs: Any) -> list[Tensor | None]:
    first, second = o
    return [
        c * second if isinstance(second, Tensor) else None,
        first * c if isinstance(first, Tensor) else None,
    ]


_product(
    "multiply",
    Elementwise(np.multiply, np.multiply, lambda a, b: a * b),
    _multiply_jvp,
    _multiply_transpose,
    describe("x1 * x2, broadcast.", "x2 for x1, and x1 for x2.", "nowhere.", "none needed."),
    integer=True,
    call={"x1": "*", "x2": "* any"},
)


def _divide_jvp(p: Sequence[Tensor], t: Sequence[Tensor | None], out: Tensor, attrs: Any) -> Tensor | None:
    return _sum_terms(None if t[0] is None else t[0] / p[1], None if t[1] is None else -(t[1] * (out / p[1])))


_product(
    "divide",
    Elementwise(np.divide, np.divide, lambda a, b: a / b),
    _divide_jvp,
    lambda c, o, attrs: [c / o[1], None],
    describe("x1 / x2, broadcast.", "1/x2 for x1, and -x1/x2^2 for x2.", "at x2 = 0 (pole).", "none needed."),
    integer=False,
    domains=(REAL_LINE, POSITIVE),
)

elementwise(
    "reciprocal",
    Elementwise(lambda x: 1.0 / x, lambda x: 1 / x, lambda x: 1 / x),
    [lambda x, y: -(y * y)],
    definition="1/x.",
    derivative="-1/x^2.",
    not_differentiable="at 0 (pole).",
    domains=[POSITIVE],
    poles=(0.0,),
    family="arithmetic",
)


def _power_ball(a: Any, b: Any) -> Any:
    if b.is_exact() and b.is_integer() and abs(b) < 2**31:
        n = int(b.unique_fmpz())
        return a**n if n >= 0 else 1 / a ** (-n)
    if a.is_zero() and b > 0:
        return arb(0)
    return a**b


def _static_exponent(x2: Tensor) -> Any:
    """The exponent if it is a constant number (also broadcast), else None."""
    node = x2.builder.nodes[x2.index]
    while node.op in {"broadcast_to", "convert"}:
        node = x2.builder.nodes[node.inputs[0]]
    value = node.attr("value") if node.op == "constant" else None
    return value if isinstance(value, (int, float)) or hasattr(value, "numerator") else None


def _power_of_base(x1: Tensor, x2: Tensor, y: Tensor) -> Tensor:
    fixed = _static_exponent(x2)
    if fixed is None:
        return x2 * x1 ** (x2 - 1)
    if fixed == 0:
        return broadcast(constant(0, "real"), x1.shape)  # also at 0, where the general rule is 0/0
    if fixed == 1:
        return broadcast(constant(1, "real"), x1.shape)
    if fixed == 2:
        return x1 * 2
    return x1 ** constant(fixed - 1, "real") * constant(fixed, "real")


elementwise(
    "power",
    Elementwise(np.power, _power_ball, lambda a, b: a**b),
    [_power_of_base, lambda x1, x2, y: y * xp.log(x1)],
    definition="x1 to the power x2, broadcast; for a negative x1 only with an integer x2.",
    derivative="x2 x1^(x2-1) for x1, and x1^x2 log(x1) for x2.",
    not_differentiable="at x1 = 0 for exponents below 1, and in x2 for x1 <= 0.",
    conventions="0^0 is 1.",
    domains=[POSITIVE, Domain(ordinary=(-2.0, 3.0))],
    family="arithmetic",
    integer=False,
)


def _convert(kind: str) -> Kind:
    kinds: dict[str, Kind] = {"real": "real", "int": "int", "bool": "bool"}
    return kinds[kind]


register(
    Primitive(
        "convert",
        "arithmetic",
        prototype(
            "convert", ("x",), {"kind": "real"}, describe("change of kind.", "none.", "nowhere.", "none.")
        ),
        infer=lambda types, attrs: TensorType(types[0].shape, _convert(attrs["kind"])),
        evaluate=lambda ar, values, attrs: ar.convert(
            values[0], _kind_of(values[0]), _convert(attrs["kind"])
        ),
        internal=True,
    )
)


def _kind_of(values: Values) -> Kind:
    if values.dtype.kind == "i":
        return "int"
    return "bool" if values.dtype.kind in "bu" else "real"


DTYPE_KINDS: dict[str, Kind] = {
    "float64": "real", "float32": "real", "bfloat16": "real", "float16": "real",
    "int64": "int", "int32": "int", "bool": "bool",
}  # fmt: skip
"""The dtypes that ``astype`` knows, and the kind of each."""

register(
    Primitive(
        "round_to",
        "arithmetic",
        prototype(
            "round_to",
            ("x",),
            {"dtype": "float32"},
            describe("x in a float type.", "1.", "nowhere.", "none."),
        ),
        infer=lambda types, attrs: types[0],
        evaluate=lambda ar, values, attrs: ar.round_to(values[0], attrs["dtype"]),
        jvp=lambda p, t, out, attrs: None if t[0] is None else xp.round_to(t[0], dtype=attrs["dtype"]),
        transpose=lambda c, o, attrs: [xp.round_to(c, dtype=attrs["dtype"])],
        internal=True,
    )
)


def convert_dtype(x: Tensor, dtype: str) -> Tensor:
    """The body of ``astype``: identity with a rounding between float types, a change of kind otherwise."""
    if dtype not in DTYPE_KINDS:
        msg = f"astype: unknown dtype {dtype!r}; expected one of {', '.join(DTYPE_KINDS)}"
        raise ProgramError(msg)
    if x.kind == "real" and DTYPE_KINDS[dtype] == "real":
        return xp.round_to(x, dtype=dtype)  # type: ignore[no-any-return]
    return x if x.kind == DTYPE_KINDS[dtype] else to_kind(x, DTYPE_KINDS[dtype])


register(
    Primitive(
        "stop_gradient",
        "arithmetic",
        prototype(
            "stop_gradient",
            ("x",),
            {},
            describe("x.", "0, by declaration.", "nowhere.", "torch's detach, JAX's stop_gradient."),
        ),
        infer=lambda types, attrs: types[0],
        evaluate=lambda ar, values, attrs: values[0],
    )
)
