"""Functions that ask in Python for the value of an input: ``if x > 0``, ``for _ in range(int(n))``.

``make_jaxpr`` refuses them, eager ``jax.vjp`` does not. Here they run once on arrays that know their own
numbers, and each primitive is lifted when it is applied.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import jax
import numpy as np
from jax._src import core  # traces and tracers have no public door

from oracle.lift.jax_interpret import Interpreter
from oracle.lift.jax_values import Value, fixed

ASKED_FOR_A_VALUE = (jax.errors.ConcretizationTypeError, jax.errors.TracerArrayConversionError)
"""What ``make_jaxpr`` raises at such a function."""

NOTE = "the function asks in Python for the value of an input; it was lifted along the way that it took"


class _Array(core.Tracer):  # type: ignore[misc]
    """An array that the function works with: a value that is lifted, and its numbers for whoever asks."""

    __slots__ = ("_own_aval", "value")

    def __init__(self, trace: _Recorder, value: Value, aval: Any) -> None:
        self._trace = trace  # type: ignore[misc]
        self.value = value
        self._own_aval = aval

    @property
    def aval(self) -> Any:
        """Its type, as JAX's promotion of dtypes wants it."""
        return self._own_aval

    def to_concrete_value(self) -> Any:
        """Its numbers, computed outside of the recording."""
        with core.set_current_trace(core.eval_trace):
            return self.value.concrete


class _Recorder(core.Trace):  # type: ignore[misc]
    """Lifts each primitive as it is applied."""

    def __init__(self, interpreter: Interpreter) -> None:
        super().__init__()
        self.interpreter = interpreter

    def process_primitive(self, primitive: Any, arguments: Sequence[Any], params: Any, /) -> Any:
        """One primitive, by way of a jaxpr of it alone."""
        found = self._lifted(lambda *x: primitive.bind(*x, **params), arguments)
        return found if primitive.multiple_results else found[0]

    def _lifted(self, function: Callable[..., Any], arguments: Sequence[Any]) -> list[_Array]:
        """The results of a function of arrays, by way of its jaxpr."""
        avals = [core.typeof(a) for a in arguments]
        jaxpr = jax.make_jaxpr(function)(*avals)
        values = [_value(a, t) for a, t in zip(arguments, avals, strict=True)]
        results = self.interpreter.inline(jaxpr, values)
        return [_Array(self, v, a) for v, a in zip(results, jaxpr.out_avals, strict=True)]

    def _looked_through(self, fun: Any, call: Callable[..., Any], tracers: Sequence[Any]) -> Any:
        """A function with a rule of its own, as one equation; step by step where it asks for values."""
        try:
            return self._lifted(call, tracers)
        except jax.errors.ConcretizationTypeError:
            with core.set_current_trace(self):
                return fun.call_wrapped(*tracers)

    def process_custom_jvp_call(self, primitive: Any, fun: Any, jvp: Any, tracers: Any, /, **p: Any) -> Any:
        """The function itself, without its rule."""

        def call(*x: Any) -> Any:
            return core.trace_ctx.trace.process_custom_jvp_call(primitive, fun, jvp, x, **p)

        return self._looked_through(fun, call, tracers)

    def process_custom_vjp_call(
        self, primitive: Any, fun: Any, fwd: Any, bwd: Any, tracers: Any, /, **p: Any
    ) -> Any:
        """The function itself, without its rule."""

        def call(*x: Any) -> Any:
            return core.trace_ctx.trace.process_custom_vjp_call(primitive, fun, fwd, bwd, x, **p)

        return self._looked_through(fun, call, tracers)


def _value(argument: Any, aval: Any) -> Value:
    """What is lifted, or a constant: an array, a key or a Python number of JAX's choice of dtype."""
    if isinstance(argument, _Array):
        return argument.value
    return fixed(argument if isinstance(argument, jax.Array) else np.asarray(argument, dtype=aval.dtype))


def follow(function: Callable[..., list[Any]], inputs: Sequence[Value], lifter: Interpreter) -> list[Value]:
    """The results of ``function`` (flat) on these inputs, which are concrete.

    What even eager differentiation refuses (``float(x)``) raises JAX's ``ConcretizationTypeError``.
    """
    recorder = _Recorder(lifter)
    with core.set_current_trace(recorder):
        results = function(*(_Array(recorder, v, core.typeof(v.concrete)) for v in inputs))
    lifter.note(NOTE)
    return [r.value if isinstance(r, _Array) else fixed(r) for r in results]
