"""What a variable of a jaxpr stands for while it is lifted: its symbol in the Program, which is a tensor or
for complex numbers a pair of them, and its concrete value.

Both are made on demand. A variable that depends on no differentiable input has a concrete value only, and
enters the Program as a constant if something lifted uses it. A lifted variable's concrete value is computed,
by JAX itself, only where a branch, a trip count or an index asks for it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np

from oracle.lift.complex_numbers import Complex, Symbol
from oracle.lift.program import Array
from reference_engine.trace import Tensor, constant, xp


class Application:
    """A computation whose results are wanted later: ``run`` takes and gives concrete JAX values."""

    __slots__ = ("inputs", "outputs", "run")

    def __init__(self, run: Callable[[list[Any]], Sequence[Any]], inputs: Sequence[Value]) -> None:
        self.run = run
        self.inputs = tuple(inputs)
        self.outputs: tuple[Value, ...] = ()


class Value:
    """One variable: its shape and dtype, and its symbol or its concrete value or both."""

    __slots__ = ("_concrete", "_symbol", "bits", "dtype", "shape", "source")

    def __init__(
        self,
        shape: tuple[int, ...],
        dtype: Any,
        *,
        symbol: Symbol | None = None,
        concrete: Any = None,
        source: Application | None = None,
    ) -> None:
        self.shape = shape
        self.dtype = dtype
        self.source = source
        self.bits = False
        self._symbol = symbol
        self._concrete = concrete

    @property
    def lifted(self) -> bool:
        """Whether it depends on a differentiable input."""
        return self.source is not None

    @property
    def is_real(self) -> bool:
        """Whether its elements are floating-point numbers."""
        return bool(jnp.issubdtype(self.dtype, jnp.floating))

    @property
    def is_complex(self) -> bool:
        """Whether its elements are complex numbers."""
        return bool(jnp.issubdtype(self.dtype, jnp.complexfloating))

    @property
    def is_bool(self) -> bool:
        """Whether its elements are booleans."""
        return bool(self.dtype == np.bool_)

    @property
    def symbol(self) -> Symbol:
        """What it is in the Program; a constant is written where it is first used."""
        if self._symbol is None:
            self._symbol = _constant(self._concrete)
        return self._symbol

    @property
    def tensor(self) -> Tensor:
        """The same of what is real, an integer or a boolean."""
        symbol = self.symbol
        assert isinstance(symbol, Tensor)
        return symbol

    @property
    def pair(self) -> Complex:
        """The same of what is complex."""
        symbol = self.symbol
        assert isinstance(symbol, Complex)
        return symbol

    def part(self, name: Literal["re", "im"]) -> Value:
        """The real or imaginary part of what is complex; all else itself."""
        if not self.is_complex:
            return self
        dtype, take = real_dtype(self.dtype), jnp.real if name == "re" else jnp.imag
        if not self.lifted:
            return fixed(np.asarray(take(self.concrete)))
        symbol = getattr(self.pair, name)
        return derived([symbol], [jax.ShapeDtypeStruct(self.shape, dtype)], _part_of(self, take))[0]

    @property
    def concrete(self) -> Any:
        """Its value as JAX computes it, operation by operation."""
        if self._concrete is None:
            assert self.source is not None
            _compute(self.source)
        return self._concrete

    @property
    def array(self) -> Array:
        """Its concrete value as float64, int64 or bool."""
        return numbers(self.concrete)

    def assign(self, concrete: Any) -> None:
        """Keep the concrete value."""
        self._concrete = concrete


def given_value(array: Any, symbol: Symbol) -> Value:
    """A differentiable input."""
    source = Application(lambda _: [array], ())
    value = Value(tuple(array.shape), array.dtype, symbol=symbol, concrete=array, source=source)
    source.outputs = (value,)
    return value


def fixed(concrete: Any) -> Value:
    """A variable that no differentiable input reaches."""
    if not hasattr(concrete, "dtype"):
        concrete = np.asarray(concrete)
    return Value(tuple(concrete.shape), concrete.dtype, concrete=concrete)


def _part_of(value: Value, take: Callable[[Any], Any]) -> Application:
    return Application(lambda found: [take(found[0])], (value,))


def derived(symbols: Sequence[Symbol], avals: Sequence[Any], source: Application) -> tuple[Value, ...]:
    """The lifted results of one computation."""
    source.outputs = tuple(
        Value(tuple(a.shape), a.dtype, symbol=s, source=source) for s, a in zip(symbols, avals, strict=True)
    )
    return source.outputs


def bits_of(avals: Sequence[Any], source: Application) -> tuple[Value, ...]:
    """Integers that hold bits of a number: no tensors, since what is rebuilt from them is not constant."""
    source.outputs = tuple(Value(tuple(a.shape), a.dtype, source=source) for a in avals)
    for value in source.outputs:
        value.bits = True
    return source.outputs


def derive(f: Callable[..., Tensor], run: Callable[..., Any], aval: Any, *inputs: Value) -> Value:
    """One lifted result of ``f`` on tensors, which is ``run`` on concrete values. Of complex operands ``f``
    takes the parts, so it must be linear in them together.
    """
    source = Application(lambda values: [run(*values)], inputs)
    if not any(v.is_complex for v in inputs):
        return derived([f(*(v.tensor for v in inputs))], [aval], source)[0]
    parts = [f(*(v.part(k).tensor for v in inputs)) for k in ("re", "im")]
    return derived([Complex(*parts)], [aval], source)[0]


def _compute(wanted: Application) -> None:
    """Run what ``wanted`` needs and then itself, without recursion: chains are as long as loops are."""
    stack = [wanted]
    while stack:
        application = stack[-1]
        missing = [
            v.source
            for v in application.inputs
            if v._concrete is None and v.source is not None  # noqa: SLF001
        ]
        if missing:
            stack += missing
            continue
        stack.pop()
        if any(v._concrete is None for v in application.outputs):  # noqa: SLF001
            results = application.run([v.concrete for v in application.inputs])
            for value, result in zip(application.outputs, results, strict=True):
                value.assign(result)


def numbers(value: Any) -> Array:
    """Concrete numbers as float64, int64 or bool; floats of any width and integers below 2^63 are exact."""
    found = np.asarray(value)
    if found.dtype == np.bool_:
        return found
    return found.astype(np.int64 if jnp.issubdtype(found.dtype, jnp.integer) else np.float64)


def real_dtype(dtype: Any) -> Any:
    """The format of the parts of a complex number."""
    return jnp.finfo(dtype).dtype


def _constant(concrete: Any) -> Symbol:
    found = np.asarray(concrete)
    if jnp.issubdtype(found.dtype, jnp.complexfloating):
        return Complex(as_constant(numbers(found.real)), as_constant(numbers(found.imag)))
    return as_constant(numbers(found))


def as_constant(array: Array) -> Tensor:
    """A constant of exactly these numbers; equal numbers are one number, broadcast."""
    if array.dtype == np.bool_ and array.ndim == 0:
        return constant(bool(array))
    if array.size == 0 or not np.all(array == array.flat[0]) or not np.isfinite(array.flat[0]):
        return constant(array)
    first = array.flat[0].item()
    one = constant(Fraction(first)) if isinstance(first, float) else constant(first)
    return one if array.ndim == 0 else xp.broadcast_to(one, shape=array.shape)


def is_key(dtype: Any) -> bool:
    """Whether elements are typed random keys, which are no numbers."""
    return bool(jnp.issubdtype(dtype, jax.dtypes.extended))
