"""A JAX function lifted with a record of its equations, each ready to be run again by itself. Equations on
complex numbers are not noted.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import jax
from jax._src import source_info_util  # no public door leads to the lines of an equation

from oracle.lift.jax_interpret import Interpreter, bound
from oracle.lift.jax_lift import lift_jax
from oracle.lift.jax_values import Value
from oracle.lift.steps import Operand, Ran, Stepwise, place_of, placed
from reference_engine.trace import Builder

_OWN, _JAX = str(Path(__file__).parents[1]), str(Path(jax.__file__).parent)

RULES = frozenset({"custom_vjp_call", "custom_jvp_call", "custom_vjp_call_jaxpr"})
"""Functions with a derivative of their own: what they are made of is not to blame for it."""


def lift_jax_steps(fn: Callable[..., Any], args: Sequence[Any]) -> Stepwise:
    """The function at these arguments, with its equations. What ``fn`` raises passes through."""
    builder = Builder(surface=True)
    readers: list[StepReader] = []

    def made(builder: Builder, file: str | None) -> StepReader:
        readers.append(StepReader(builder, file))
        return readers[-1]

    lifted = lift_jax(fn, args, builder=builder, reader=made)
    return Stepwise(lifted, placed(readers[0].ran, builder.places) if readers else ())


class StepReader(Interpreter):
    """Notes each equation that depends on the inputs, those of a call, loop or branch inside of it."""

    def __init__(self, builder: Builder, file: str | None) -> None:
        super().__init__(builder, file)
        self.ran: list[Ran] = []

    def _equation(self, equation: Any, inputs: Sequence[Value]) -> Sequence[Value]:
        outer, self.ran = self.ran, []
        try:
            results = super()._equation(equation, inputs)
        finally:
            inside, self.ran = self.ran, outer
        nodes = [_node(v) for v in results]
        places = [k for k, node in enumerate(nodes) if node is not None]
        if any(v.lifted and (v.is_complex or v.bits) for v in inputs):
            self.ran += inside
        elif places:
            run, operands = _again(bound(equation), inputs, places)
            own_rule = equation.primitive.name in RULES
            self.ran.append(
                Ran(
                    name_of(equation),
                    _source(equation),
                    operands,
                    tuple(n for n in nodes if n is not None),
                    run,
                    () if own_rule else tuple(inside),
                    own_rule,
                )
            )
        return results


def _again(
    run: Callable[[Sequence[Any]], Sequence[Any]], inputs: Sequence[Value], places: Sequence[int]
) -> tuple[Callable[[Mapping[str, Any]], tuple[Any, ...]], tuple[Operand, ...]]:
    """An equation as a function of arrays by name, and the operands that these are."""
    names: dict[int, str] = {}
    operands = []
    for k, value in enumerate(inputs):
        node = _node(value, any_kind=True)
        if node is not None and id(value) not in names:
            names[id(value)] = f"x{k}"
            operands.append(Operand(f"x{k}", node, value.concrete, value.array, value.is_real))

    def again(arrays: Mapping[str, Any]) -> tuple[Any, ...]:
        results = run([arrays[names[id(v)]] if id(v) in names else v.concrete for v in inputs])
        return tuple(results[k] for k in places)

    return again, tuple(operands)


def _node(value: Value, *, any_kind: bool = False) -> int | None:
    """The node of a value that depends on the inputs; None for constants, bits and complex numbers."""
    if not value.lifted or value.bits or value.is_complex or not (value.is_real or any_kind):
        return None
    return value.tensor.index


def name_of(equation: Any) -> str:
    """What a person calls it: a function by its own name, all else by the primitive's."""
    params = equation.params
    for key in ("call_jaxpr", "fun_jaxpr", "jaxpr"):
        inner = getattr(params.get(key), "jaxpr", params.get(key))
        info = getattr(inner, "debug_info", None)
        name = params.get("name") or getattr(info, "func_name", None)
        if inner is not None and name and equation.primitive.name not in {"scan", "while", "cond"}:
            return str(name)
    return str(equation.primitive.name)


def _source(equation: Any) -> str | None:
    """File and line of the innermost frame of the user's: as JAX noted it, or, of a function that is followed
    as it runs, where it is at the moment.
    """
    try:
        frames = list(source_info_util.user_frames(equation.source_info.traceback))
    except (AttributeError, TypeError):  # another release's form
        return None
    theirs = [f for f in frames if not f.file_name.startswith(_OWN)]
    if theirs:
        return f"{Path(theirs[0].file_name).name}:{theirs[0].start_line}"
    return place_of(sys._getframe(), (_OWN, _JAX)) if frames else None  # noqa: SLF001 - the way to a line
