"""From a JAX function at one point to a Program."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from oracle.lift.jax_eager import ASKED_FOR_A_VALUE, follow
from oracle.lift.jax_inputs import Arguments, own_precision, read_arguments, unique_names
from oracle.lift.jax_interpret import Interpreter
from oracle.lift.jax_source import file_of
from oracle.lift.jax_trees import pieces
from oracle.lift.jax_values import Value, given_value, is_key, numbers
from oracle.lift.process import generators_kept
from oracle.lift.program import Array, Lifted, Output, Slot, Unsupported
from reference_engine.program import Kind, TensorType
from reference_engine.trace import Builder, building

PYTHON = "the function asks in Python for the value of an input; use jnp.where, lax.cond or lax.while_loop"


def lift_jax(
    fn: Callable[..., Any],
    args: Sequence[Any],
    kwargs: Mapping[str, Any] | None = None,
    builder: Builder | None = None,
    reader: Callable[[Builder, str | None], Interpreter] = Interpreter,
) -> Lifted:
    """The Program of ``fn`` at ``args``, its inputs and the values that it returned.

    Floating-point arrays are differentiable inputs; integer and boolean ones are held as they are. The
    function runs once for its values and is traced once; rules of ``custom_vjp`` and ``custom_jvp`` are not
    used. TypeError for a call that does not fit, or a result that JAX cannot hold; what the function raises
    goes through. ``builder`` and ``reader`` are other ones than the plain ones, which note more on the way.
    """
    arguments = read_arguments(fn, args, dict(kwargs or {}))
    with own_precision(arguments.leaves):
        with generators_kept():  # what Python draws is drawn again when the function is traced
            outputs = _outputs(arguments.call(arguments.leaves), arguments.slots)
        return _lifted(fn, arguments, outputs, builder or Builder(surface=True), reader)


def _lifted(
    fn: Callable[..., Any],
    arguments: Arguments,
    outputs: tuple[Output, ...],
    builder: Builder,
    reader: Callable[[Builder, str | None], Interpreter],
) -> Lifted:
    file = file_of(fn)
    with building(builder):
        tensors = [
            builder.input(s.name, TensorType(s.array.shape, kind_of(s.array))) for s in arguments.slots
        ]
        moving = [i for i, s in enumerate(arguments.slots) if s.differentiable]
        interpreter = reader(builder, file)
        values = [given_value(arguments.leaves[i], tensors[i]) for i in moving]
        try:
            results = _results(_flat(arguments, moving), values, interpreter)
        except ASKED_FOR_A_VALUE:
            refused = (Unsupported("control flow in Python", PYTHON),)
            return Lifted(None, arguments.slots, outputs, refused, arguments.notes, file)
        builder.line = None
        nodes = [v.tensor for v in results]
    notes = (*arguments.notes, *interpreter.notes)
    unsupported = tuple(interpreter.unsupported.values())
    if unsupported:
        return Lifted(None, arguments.slots, outputs, unsupported, notes, file)
    program = builder.finish(tensors, nodes, [o.name for o in outputs])
    return Lifted(program, arguments.slots, outputs, (), notes, file)


def _results(function: Callable[..., list[Any]], inputs: list[Value], lifter: Interpreter) -> list[Value]:
    """By way of a jaxpr; of a function whose Python asks for values, step by step."""
    try:
        with generators_kept():
            jaxpr = jax.make_jaxpr(function)(*(v.concrete for v in inputs))
    except ASKED_FOR_A_VALUE:
        return follow(function, inputs, lifter)
    return lifter.inline(jaxpr, inputs)


def _flat(arguments: Arguments, moving: Sequence[int]) -> Callable[..., list[Any]]:
    """The function of its differentiable arrays alone, with a flat result; both real."""

    def flat(*reals: Any) -> list[Any]:
        arrays = list(arguments.leaves)
        for place, value in zip(moving, reals, strict=True):
            arrays[place] = value
        return [leaf for _, _, leaf in pieces(arguments.call(arrays), "out")]

    return flat


def _outputs(result: Any, slots: Sequence[Slot]) -> tuple[Output, ...]:
    """The leaves of what the function returned."""
    found = pieces(result, "out")
    names = unique_names([*(s.name for s in slots), *(path for path, _, _ in found)])[len(slots) :]
    outputs = []
    for name, (path, part, leaf) in zip(names, found, strict=True):
        if not isinstance(leaf, (jax.Array, np.ndarray, np.generic, bool, int, float)) or (
            isinstance(leaf, jax.Array) and is_key(leaf.dtype)
        ):
            msg = f"the function returned a {type(leaf).__name__} in {path}; expected JAX arrays"
            raise TypeError(msg)
        dtype = jnp.asarray(leaf).dtype
        real = bool(jnp.issubdtype(dtype, jnp.floating))
        outputs.append(Output(name, path, np.array(numbers(leaf)), jnp.dtype(dtype).name, real, part))
    return tuple(outputs)


def kind_of(array: Array) -> Kind:
    """The kind of a Program's input that holds these numbers."""
    kinds: dict[str, Kind] = {"f": "real", "i": "int", "b": "bool"}
    return kinds[array.dtype.kind]
