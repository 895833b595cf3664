"""Random Programs, and faults planted in one operation's derivative in torch or in JAX."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from typing import Any

import numpy as np
import numpy.typing as npt

from reference_engine import Program, TensorType, trace, xp
from reference_engine.trace import Tensor

Array = npt.NDArray[np.float64]
Call = Callable[..., Any]

UNARY: tuple[Callable[[Tensor], Tensor], ...] = (
    lambda x: xp.sin(x),
    lambda x: xp.cos(x),
    lambda x: xp.tanh(x),
    lambda x: xp.sigmoid(x),
    lambda x: xp.softplus(x),
    lambda x: xp.silu(x),
    lambda x: xp.gelu(x),
    lambda x: xp.erf(x),
    lambda x: xp.atan(x),
    lambda x: xp.relu(x),
    lambda x: xp.elu(x),
    lambda x: xp.exp(xp.sin(x)),
    lambda x: xp.log1p(xp.square(x)),
    lambda x: xp.sqrt(xp.square(x) + 1.0),
    lambda x: xp.lgamma(xp.sigmoid(x) + 1.5),
    lambda x: -x,
    lambda x: xp.flip(x, axis=0) if x.ndim else x * 2.0,
    lambda x: xp.softmax(x, axis=-1) if x.ndim else xp.tanh(x),
    lambda x: xp.log_softmax(x, axis=-1) if x.ndim else xp.sin(x),
    lambda x: xp.logsumexp(x, axis=-1) if x.ndim else xp.cos(x),
    lambda x: xp.layer_norm(x, (3,)) if x.ndim else xp.atan(x),
    lambda x: xp.cumsum(x, axis=-1) if x.ndim else xp.erf(x),
    lambda x: xp.sort(x, axis=-1) if x.ndim else xp.silu(x),
    lambda x: xp.mean(x, axis=0) if x.ndim else xp.sigmoid(x),
    lambda x: xp.sum(x, axis=-1) if x.ndim else xp.softplus(x),
    lambda x: xp.matrix_transpose(x) if x.ndim > 1 else xp.square(x),
)
BINARY: tuple[Callable[[Tensor, Tensor], Tensor], ...] = (
    lambda a, b: a + b,
    lambda a, b: a - b,
    lambda a, b: a * b,
    lambda a, b: a / (xp.square(b) + 1.0),
    lambda a, b: xp.maximum(a, b),
    lambda a, b: xp.logaddexp(a, b),
    lambda a, b: xp.where(a > b, a, b * 2.0),
    lambda a, b: xp.matmul(a, b) if a.ndim and b.ndim else a * b,
    lambda a, b: xp.atan2(a, xp.square(b) + 0.5),
)

GROWS = frozenset({"multiply", "matmul", "square", "add", "cumsum", "exp", "sum", "layer_norm"})
"""Operations behind which a value is now and then brought back to order 1."""

INPUTS: Mapping[str, TensorType] = {"x": TensorType((3, 3)), "w": TensorType((3,)), "s": TensorType(())}


def random_program(generator: np.random.Generator, size: int) -> Program:
    """A Program of about ``size`` operations, in which nearly every value is used."""

    def body(*inputs: Tensor) -> Tensor:
        values = list(inputs)
        unused = list(values)
        builder = values[0].builder
        while len(builder.nodes) < size + len(inputs) - 2:
            first = unused.pop(0) if unused and generator.random() < 0.7 else _any(values, generator)
            if generator.random() < 0.5:
                made = UNARY[generator.integers(len(UNARY))](first)
            else:
                made = BINARY[generator.integers(len(BINARY))](first, _any(values, generator))
            if builder.nodes[made.index].op in GROWS and generator.random() < 0.5:
                made = xp.tanh(made)
            values.append(made)
            unused.append(made)
        total = xp.sum(unused[0])
        for value in unused[1:]:
            total = total + xp.sum(value)
        return total

    return trace(body, INPUTS, ["y"])


def _any(values: list[Tensor], generator: np.random.Generator) -> Tensor:
    return values[int(generator.integers(max(0, len(values) - 6), len(values)))]


def random_inputs(generator: np.random.Generator) -> dict[str, Array]:
    """Ordinary numbers for the inputs."""
    return {n: np.asarray(generator.normal(size=t.shape)) for n, t in INPUTS.items()}


FAULTS: Mapping[str, Callable[[Any], Any]] = {
    "a factor 1 + 1e-3": lambda g: g * (1 + 1e-3),
    "the sign": lambda g: -g,
    "a dropped row": lambda g: g * _row(g),
    "a term too many": lambda g: g + 0.01,
}


def _row(gradient: Any) -> Any:
    """Ones, and zero in the first place of each axis together."""
    mask = np.ones(tuple(gradient.shape))
    mask[(0,) * mask.ndim] = 0.0
    return mask if not hasattr(gradient, "new_tensor") else gradient.new_tensor(mask)


def spoiled_torch(operation: Call, spoil: Callable[[Any], Any], name: str) -> Call:
    """A torch operation whose derivative rule is its own, spoiled."""
    import torch  # noqa: PLC0415 - only one of the two frameworks is asked for

    def call(**arguments: Any) -> Any:
        names = [n for n, v in arguments.items() if torch.is_tensor(v) and v.is_floating_point()]
        rest = {n: v for n, v in arguments.items() if n not in names}

        def forward(ctx: Any, *tensors: Any) -> Any:
            ctx.save_for_backward(*tensors)
            return operation(**dict(zip(names, tensors, strict=True)), **rest)

        def backward(ctx: Any, cotangent: Any) -> Any:
            with torch.enable_grad():
                leaves = [t.detach().requires_grad_() for t in ctx.saved_tensors]
                out = operation(**dict(zip(names, leaves, strict=True)), **rest)
                found = torch.autograd.grad(out, leaves, cotangent, allow_unused=True)
            return tuple(None if g is None else spoil(g) for g in found)

        rule = type(name, (torch.autograd.Function,), {
            "forward": staticmethod(forward), "backward": staticmethod(backward)
        })  # fmt: skip
        return rule.apply(*(arguments[n] for n in names))

    return call


def spoiled_jax(operation: Call, spoil: Callable[[Any], Any], name: str) -> Call:
    """A JAX operation whose derivative rule is its own, spoiled."""
    import jax  # noqa: PLC0415 - only one of the two frameworks is asked for
    import jax.numpy as jnp  # noqa: PLC0415

    def call(**arguments: Any) -> Any:
        names = [
            n for n, v in arguments.items()
            if isinstance(v, jax.Array) and jnp.issubdtype(v.dtype, jnp.floating)
        ]  # fmt: skip
        rest = {n: v for n, v in arguments.items() if n not in names}

        def plain(*arrays: Any) -> Any:
            return operation(**dict(zip(names, arrays, strict=True)), **rest)

        def forward(*arrays: Any) -> Any:
            return plain(*arrays), arrays

        def backward(arrays: Any, cotangent: Any) -> Any:
            return tuple(spoil(g) for g in jax.vjp(plain, *arrays)[1](cotangent))

        plain.__name__ = name
        rule = jax.custom_vjp(plain)
        rule.defvjp(forward, backward)
        return rule(*(arguments[n] for n in names))

    return call


@contextmanager
def planted(table: MutableMapping[str, Call], name: str, call: Call) -> Iterator[None]:
    """The table of a framework's operations with another call under ``name``."""
    kept = table[name]
    table[name] = call
    try:
        yield
    finally:
        table[name] = kept
