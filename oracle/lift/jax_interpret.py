"""Reads a jaxpr equation by equation into the Program under construction.

What depends on no differentiable input is computed by JAX and enters as constants: random bits, masks,
indices, whole calls. Calls of functions are inlined; rules of custom_jvp and custom_vjp are not looked at,
only the function that they are for.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np

from oracle.lift.complex_numbers import Complex, Symbol
from oracle.lift.jax_call import Call, NotLoweredError
from oracle.lift.jax_control import STRUCTURES
from oracle.lift.jax_primitives import IGNORED, INTEGER, lowering_of
from oracle.lift.jax_source import line_of
from oracle.lift.jax_values import Application, Value, bits_of, derived, fixed
from oracle.lift.program import Unsupported
from reference_engine.trace import Builder, Tensor


class Interpreter:
    """Lifts jaxprs into ``builder``; ``unsupported`` and ``notes`` fill up on the way."""

    def __init__(self, builder: Builder, file: str | None) -> None:
        self.builder = builder
        self.file = file
        self.unsupported: dict[str, Unsupported] = {}
        self.notes: dict[str, None] = {}

    def note(self, sentence: str) -> None:
        """Say something in the report, once."""
        self.notes[sentence] = None

    def refuse(self, name: str, hint: str) -> None:
        """An operation that cannot be lifted."""
        self.unsupported.setdefault(name, Unsupported(name, hint))

    def inline(self, jaxpr: Any, inputs: Sequence[Value]) -> list[Value]:
        """The outputs of a closed jaxpr on these inputs."""
        known: dict[Any, Value] = {}
        known.update(zip(jaxpr.jaxpr.constvars, map(fixed, jaxpr.consts), strict=True))
        known.update(zip(jaxpr.jaxpr.invars, inputs, strict=True))

        def read(atom: Any) -> Value:
            return fixed(np.asarray(atom.val, dtype=atom.aval.dtype)) if hasattr(atom, "val") else known[atom]

        for equation in jaxpr.jaxpr.eqns:
            line = line_of(equation, self.file)
            if line is not None:
                self.builder.line = line
            results = self._equation(equation, [read(v) for v in equation.invars])
            known.update(zip(equation.outvars, results, strict=True))
        return [read(v) for v in jaxpr.jaxpr.outvars]

    def _equation(self, equation: Any, inputs: Sequence[Value]) -> Sequence[Value]:
        name = equation.primitive.name
        run = bound(equation)
        if not any(v.lifted for v in inputs):
            return [fixed(r) for r in run([v.concrete for v in inputs])]
        if name in IGNORED:
            return []
        avals = tuple(v.aval for v in equation.outvars)
        call = Call(name, equation.params, tuple(inputs), avals, run, self)
        try:
            return STRUCTURES[name](call) if name in STRUCTURES else self._lower(call)
        except NotLoweredError as refusal:
            self.refuse(name, str(refusal))
            return self._placeholders(call)

    def _lower(self, call: Call) -> Sequence[Value]:
        source = Application(call.run, call.inputs)
        if call.name == "bitcast_convert_type" or any(v.bits for v in call.inputs):
            return _of_bits(call, source)
        counted = not any(v.is_real or v.is_complex for v in call.inputs)
        whole = all(not jnp.issubdtype(a.dtype, jnp.inexact) and a.dtype != np.bool_ for a in call.outputs)
        if counted and call.name not in INTEGER and not any(a.dtype == np.bool_ for a in call.outputs):
            # Numbers made of integers and booleans only are constant in pieces.
            return [fixed(r) for r in call.run([v.concrete for v in call.inputs])]
        result = lowering_of(call)(call)
        symbols = [result] if isinstance(result, (Tensor, Complex)) else list(result)
        if any(s is None for s in symbols) or (whole and not counted):
            return self._with_constants(call, source, symbols)
        return derived([s for s in symbols if s is not None], call.outputs, source)

    def _with_constants(
        self, call: Call, source: Application, symbols: Sequence[Symbol | None]
    ) -> Sequence[Value]:
        """Results of which some are integers that are taken as they came out."""
        results = call.run([v.concrete for v in call.inputs])
        values = []
        for symbol, aval, result in zip(symbols, call.outputs, results, strict=True):
            if symbol is None or jnp.issubdtype(aval.dtype, jnp.integer):
                values.append(fixed(result))
            else:
                values.append(
                    Value(tuple(aval.shape), aval.dtype, symbol=symbol, concrete=result, source=source)
                )
        return values

    def _placeholders(self, call: Call) -> Sequence[Value]:
        """Something of the right shape, so that the rest can be read and all that is missing is named."""
        avals = [a for a in call.outputs if hasattr(a, "shape") and hasattr(a, "dtype")]
        zeros = [fixed(np.zeros(a.shape, dtype=_plain(a.dtype))) for a in avals]
        source = Application(lambda _: [z.concrete for z in zeros], ())
        return derived([z.symbol for z in zeros], avals, source)


def _plain(dtype: Any) -> Any:
    """A dtype of numpy's own that constants can have."""
    for kind, plain in ((jnp.integer, np.int64), (jnp.complexfloating, np.complex128), (np.bool_, np.bool_)):
        if jnp.issubdtype(dtype, kind):
            return plain
    return np.float64


def _of_bits(call: Call, source: Application) -> Sequence[Value]:
    """Bits stay bits until a condition is made of them, which is constant in pieces: the sign, say."""
    if any(jnp.issubdtype(a.dtype, jnp.inexact) for a in call.outputs):
        msg = "a number rebuilt from bits of another has no derivative that its operations tell"
        raise NotLoweredError(msg)
    if all(a.dtype == np.bool_ for a in call.outputs):
        return [fixed(r) for r in call.run([v.concrete for v in call.inputs])]
    return bits_of(call.outputs, source)


def bound(equation: Any) -> Callable[[Sequence[Any]], Sequence[Any]]:
    """An equation as a function of concrete operands."""

    def run(values: Sequence[Any]) -> Sequence[Any]:
        found = equation.primitive.get_bind_params(equation.params)
        functions, params = found if isinstance(found, tuple) else ((), found)  # a pair before JAX 0.10
        with equation.ctx.manager:
            found = equation.primitive.bind(*functions, *values, **params)
        results: Sequence[Any] = found if equation.primitive.multiple_results else [found]
        return results

    return run
