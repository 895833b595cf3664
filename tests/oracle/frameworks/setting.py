"""Programs, points and what the reference engine's float64 tier says of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from oracle.frameworks.protocol import Layout, Point
from reference_engine import Program, TensorType, trace, xp
from reference_engine.arithmetic.float64 import Float64
from reference_engine.differentiate import COTANGENT, DIRECTION, TANGENT, jvp, lower, second_order, vjp
from reference_engine.evaluate import as_inputs, evaluate, outputs
from reference_engine.precision import PRECISIONS

Array = npt.NDArray[Any]
KINDS = {"f": "real", "i": "int", "b": "bool"}


@dataclass(frozen=True)
class Setting:
    """A function against ``xp`` and the arrays to call it with."""

    function: Callable[..., Any]
    arrays: dict[str, Array]

    @property
    def program(self) -> Program:
        """The surface Program."""
        types = {name: TensorType(a.shape, KINDS[a.dtype.kind]) for name, a in self.arrays.items()}  # type: ignore[arg-type]
        return trace(self.function, types)


def point_of(
    program: Program,
    arrays: dict[str, Array],
    dtype: str = "float64",
    layouts: dict[str, Layout] | None = None,
) -> Point:
    """Everything real differentiated; cotangents, tangents and directions random but always the same."""
    generator = np.random.default_rng(7)
    held = PRECISIONS[dtype].round
    wrt = tuple(name for name, t in program.input_types.items() if t.kind == "real")
    real = [
        (n, t) for n, t in zip(program.output_names, program.output_types, strict=True) if t.kind == "real"
    ]
    return Point(
        inputs={n: held(a) if a.dtype.kind == "f" else a for n, a in arrays.items()},
        wrt=wrt,
        dtype=dtype,
        cotangents={n: held(generator.normal(size=t.shape)) for n, t in real},
        tangents={n: held(generator.normal(size=program.input_types[n].shape)) for n in wrt},
        directions={n: held(generator.normal(size=program.input_types[n].shape)) for n in wrt},
        layouts=layouts or {},
    )


def reference(program: Program, point: Point, derivative: str) -> dict[str, Array]:
    """Outputs and derivatives by name: ``value``, ``vjp``, ``jvp`` or ``second_order``."""
    made = {
        "value": lambda: lower(program),
        "vjp": lambda: vjp(program, point.wrt),
        "jvp": lambda: jvp(program, point.wrt),
        "second_order": lambda: second_order(program, point.wrt),
    }[derivative]()
    given = dict(point.inputs)
    for prefix, arrays in (
        (COTANGENT, point.cotangents), (TANGENT, point.tangents), (DIRECTION, point.directions),
    ):  # fmt: skip
        given |= {prefix + name: a for name, a in arrays.items()}
    values = evaluate(made, as_inputs(made, given), Float64())
    return dict(zip(made.output_names, outputs(made, values), strict=True))


def close(found: Array, expected: Array, tolerance: float = 1e-10) -> bool:
    """Same shape, and equal up to ``tolerance`` of the largest element."""
    scale = max(float(np.abs(expected).max(initial=0.0)), 1e-3)
    return found.shape == expected.shape and bool(
        np.allclose(found, expected, rtol=0, atol=tolerance * scale, equal_nan=True)
    )


def normal(seed: int, *shape: int) -> Array:
    """Normal numbers, reproducible."""
    return np.random.default_rng(seed).normal(size=shape)


def matrix_function(a: Any) -> tuple[Any, Any]:
    """Eigenvalues and exp of a symmetric matrix by its eigenvectors: free of their signs."""
    values, vectors = xp.eigh(a)
    return values, (vectors * xp.exp(values)) @ xp.matrix_transpose(vectors)


X = normal(1, 3, 4)
SQUARE = normal(2, 3, 3) + 3 * np.eye(3)
PLACES = np.array([2, 0, -1, 2])

SETTINGS: dict[str, Setting] = {
    "worked example": Setting(
        lambda w, x, y: (w * x - y) ** 2, {"w": np.array(1.0), "x": np.array(1.0), "y": np.array(2.0)}
    ),
    "two layers": Setting(
        lambda x, w, b: xp.softmax(xp.tanh(x @ w + b), axis=-1),
        {"x": X, "w": normal(3, 4, 5), "b": normal(4, 5)},
    ),
    "several outputs": Setting(
        lambda x: (xp.sum(x * 0.1, axis=0), xp.argmax(x, axis=1), xp.exp(x[0, 0]), x > 0), {"x": X}
    ),
    "several-valued": Setting(lambda x: (xp.topk(x, k=2, axis=1)[0] ** 3, *xp.split(x, 2, axis=1)), {"x": X}),
    "lstm": Setting(
        lambda x, h, c, w, u: xp.lstm_cell(x, h, c, w, u),
        {
            "x": normal(5, 2, 3),
            "h": normal(6, 2, 2),
            "c": normal(7, 2, 2),
            "w": normal(8, 8, 3),
            "u": normal(9, 8, 2),
        },
    ),
    "eigh": Setting(matrix_function, {"a": SQUARE}),
    "slogdet and solve": Setting(
        lambda a, b: (xp.slogdet(a)[1], xp.solve(a, b)), {"a": SQUARE, "b": normal(10, 3)}
    ),
    "integer indexing": Setting(
        lambda x, i: xp.sin(x[:, i]) + x[0, i] * x[i, None, 1:2][:, 0, 0],
        {"x": X[:, :4][[0, 1, 2]], "i": PLACES},
    ),
    "slices": Setting(lambda x: xp.sin(x)[::-1, ::2] * x[1, ..., -1] + x[None, 0, 1][0], {"x": X}),
    "scatter": Setting(
        lambda x, u, i: xp.scatter_add(x, i, xp.exp(u)), {"x": X, "u": normal(11, 4, 4), "i": PLACES}
    ),
    "where and integers": Setting(
        lambda x, n: xp.where(x > 0, n / 3, x) * n + xp.astype(x > 0, dtype="float64"),
        {"x": X, "n": np.arange(12).reshape(3, 4)},
    ),
    "unreached input": Setting(lambda x, y: xp.exp(x), {"x": X, "y": normal(12, 2)}),
    "stopped": Setting(lambda x: xp.stop_gradient(x) * x + xp.stop_gradient(xp.exp(x)), {"x": X}),
    "constant output": Setting(lambda x: (x * xp.pi(), xp.pi()), {"x": np.array(2.0)}),
    "zero size": Setting(lambda x: (xp.exp(x), xp.sum(x)), {"x": np.zeros((0, 3))}),
    "layer norm": Setting(lambda x, w: xp.layer_norm(x, 4, w), {"x": X, "w": normal(13, 4)}),
}
