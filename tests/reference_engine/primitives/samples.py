"""Sample calls of the primitives, and of the composites next to them, in the smooth interior of each."""

from __future__ import annotations

import numpy as np

from reference_engine.operations import OPERATIONS, Primitive
from tests.reference_engine.sample import Array, Sample


def normal(seed: int, *shape: int) -> Array:
    """Normal numbers, reproducible."""
    return np.random.default_rng(seed).normal(size=shape)


def ordinary(operation: Primitive) -> Sample:
    """A call with three ordinary values an operand, drawn from the domains in the table."""
    generator = np.random.default_rng(len(operation.name))
    operands = [p.name for p in operation.parameters if p.slot]
    attrs = {p.name: p.default for p in operation.parameters if not p.slot}
    arrays = {
        name: generator.uniform(*domain.ordinary, size=3)
        for name, domain in zip(operands, operation.domains, strict=True)
    }
    return Sample(arrays, attrs)


X, Y = normal(1, 3, 4), normal(2, 3, 4)
SHORT, CUBE = normal(3, 4), normal(4, 2, 3, 2)
POSITIVE = np.abs(X) + 0.1
SQUARE = normal(5, 3, 3)
SYMMETRIC = SQUARE + SQUARE.T
DEFINITE = SQUARE @ SQUARE.T + np.eye(3)
STACK = normal(6, 2, 3, 3)
TALL, WIDE = normal(7, 4, 3), normal(8, 2, 3)
PLACES = np.array([[5, 0, 5], [11, 2, 3]])
MASK = X > 0

ELEMENTWISE = {
    name: [ordinary(op)]
    for name, op in OPERATIONS.items()
    if isinstance(op, Primitive) and op.elementwise and op.domains and name != "polygamma"
} | {
    "abs": [Sample({"x": X})],
    **{
        name: [Sample({"x": POSITIVE[0]}, {"n": n}) for n in (0, 1, 3)]
        for name in ("bessel_i", "bessel_ie", "bessel_k", "bessel_ke", "bessel_j", "bessel_y")
    },
    **{name: [Sample({"x": 3 * X})] for name in ("i0", "i1", "i0e", "i1e", "j0", "j1")},
    **{name: [Sample({"x": 3 * POSITIVE})] for name in ("k0", "k1", "k0e", "k1e", "y0", "y1")},
    "betainc_derivative": [
        Sample({"a": POSITIVE[0, :2], "b": POSITIVE[1, :2], "x": np.array([0.3, 0.8])}, {"n": n, "m": m})
        for n, m in ((1, 0), (0, 1), (1, 1))
    ],
    "clip": [
        Sample({"x": X, "min": np.array(-0.4), "max": np.array(0.6)}),
        Sample({"x": X, "max": SHORT}),
        Sample({"x": X, "min": SHORT}),
        Sample({"x": X}),
    ],
    "e": [Sample()],
    "exp2": [Sample({"x": X})],
    "floor_divide": [Sample({"x1": X, "x2": POSITIVE[0]})],
    "gammainc_derivative": [Sample({"a": POSITIVE[0], "x": POSITIVE[1]}, {"n": n}) for n in (1, 2)],
    "hypot": [Sample({"x1": X, "x2": Y[0]})],
    "log10": [Sample({"x": POSITIVE})],
    "log2": [Sample({"x": POSITIVE})],
    "logaddexp": [
        Sample({"x1": X, "x2": Y[0]}),
        Sample({"x1": np.array([40.0, -50.0]), "x2": np.array([-60.0, 0.0])}),
    ],
    "maximum": [Sample({"x1": X, "x2": Y[0]})],
    "minimum": [Sample({"x1": X, "x2": Y[0]})],
    "pi": [Sample()],
    "polygamma": [Sample({"x": POSITIVE[0]}, {"n": n}) for n in (0, 1, 3)],
    "positive": [Sample({"x": X})],
    "power": [
        Sample({"x1": POSITIVE, "x2": SHORT}),
        *(Sample({"x1": X, "x2": np.array(n)}) for n in (-2, 0, 1, 2, 3)),
    ],
    "remainder": [Sample({"x1": X, "x2": POSITIVE[0]}), Sample({"x1": X, "x2": -POSITIVE})],
    "select": [Sample({"condition": MASK, "x1": X, "x2": Y})],
    "square": [Sample({"x": X})],
    "where": [Sample({"condition": MASK, "x1": X, "x2": SHORT})],
    "zeta_derivative": [Sample({"s": POSITIVE[0] + 1, "q": POSITIVE[1]}, {"n": n}) for n in (1, 2)],
}

MOVING = {
    "broadcast_to": [
        Sample({"x": X[:, :1]}, {"shape": (2, 3, 4)}),
        Sample({"x": np.array(1.5)}, {"shape": (2,)}),
    ],
    "concatenate": [Sample({"arrays": [X, Y[:1]]}, {"axis": 0}), Sample({"arrays": [X, Y]}, {"axis": -1})],
    "cumprod": [Sample({"x": X}, {"axis": 1})],
    "cumsum": [Sample({"x": X}, {"axis": 1}), Sample({"x": CUBE}, {"axis": 0})],
    "diagonal": [Sample({"x": X}), Sample({"x": CUBE}, {"offset": -1})],
    "embedding": [Sample({"indices": np.array([2, 0, 2]), "weight": X})],
    "expand_dims": [Sample({"x": X}, {"axis": 1})],
    "flip": [Sample({"x": X}), Sample({"x": X}, {"axis": 1})],
    "gather": [Sample({"x": X, "index": PLACES})],
    "getitem": [
        Sample({"x": X, "indices": []}, {"key": (("slice", None, None, -2), ("at", -1))}),
        Sample(
            {"x": X, "indices": [np.array([2, 0, 2])]},
            {"key": (("tensor", 0), ("newaxis",), ("slice", 1, None, None))},
        ),
    ],
    "matrix_transpose": [Sample({"x": CUBE})],
    "moveaxis": [Sample({"x": CUBE}, {"source": 0, "destination": -1})],
    "ones_like": [Sample({"x": X})],
    "pad": [Sample({"x": X}, {"pad_width": ((1, 0), (2, 1)), "value": 3.0})],
    "place": [Sample({"x": X[:2, :3], "index": PLACES}, {"shape": (3, 4)})],
    "repeat": [Sample({"x": X}, {"repeats": 2, "axis": 1})],
    "reshape": [Sample({"x": X}, {"shape": (2, -1)})],
    "roll": [Sample({"x": X}, {"shift": 2, "axis": 1})],
    "round_to": [Sample({"x": X}, {"dtype": "float32"})],
    "astype": [Sample({"x": X}, {"dtype": "float32"})],
    "scatter_add": [Sample({"x": X, "indices": np.array([2, 2]), "updates": Y[:2]}, {"axis": 0})],
    "split": [Sample({"x": X}, {"sections": 2, "axis": 1})],
    "squeeze": [Sample({"x": X[:, None]}, {"axis": 1})],
    "stack": [Sample({"arrays": [X, Y]}, {"axis": 1})],
    "take": [Sample({"x": X, "indices": np.array([3, -1, 0])}, {"axis": 1})],
    "take_along_axis": [Sample({"x": X, "indices": np.array([[1], [3], [0]])}, {"axis": 1})],
    "tile": [Sample({"x": X}, {"repetitions": (2, 1)})],
    "transpose": [Sample({"x": CUBE}), Sample({"x": CUBE}, {"axes": (2, 0, 1)})],
    "tril": [Sample({"x": CUBE}, {"k": -1})],
    "triu": [Sample({"x": X})],
    "zeros_like": [Sample({"x": X})],
}

REDUCING = {
    "max": [Sample({"x": X}), Sample({"x": CUBE}, {"axis": (0, 2), "keepdims": True})],
    "mean": [Sample({"x": CUBE}, {"axis": 1})],
    "min": [Sample({"x": X}, {"axis": 0})],
    "pick": [
        Sample({"x": X, "key": Y}, {"how": "gather_max"}),
        Sample({"x": X, "key": Y}, {"how": "gather_sorted"}),
        Sample({"x": X[:, 0], "key": Y}, {"how": "scatter_max"}),
        Sample({"x": X, "key": Y}, {"how": "scatter_sorted"}),
    ],
    "prod": [Sample({"x": X}, {"axis": 1}), Sample({"x": SHORT})],
    "reduce_max": [Sample({"x": X})],
    "reduce_sum": [Sample({"x": CUBE}, {"axes": (0, 2)})],
    "sort": [Sample({"x": X}), Sample({"x": X}, {"axis": 0, "descending": True})],
    "sort_last": [Sample({"x": X})],
    "sum": [Sample({"x": X}), Sample({"x": CUBE}, {"axis": (0, 2), "keepdims": True})],
    "topk": [Sample({"x": X}, {"k": 2})],
}

PRODUCTS = {
    "contract": [
        Sample({"x1": CUBE, "x2": normal(9, 2, 2, 4)}, {"left": "bmk", "right": "bkn", "out": "nbm"})
    ],
    "cross": [Sample({"x1": SQUARE, "x2": TALL[:3]})],
    "einsum": [
        Sample({"operands": [CUBE, X]}, {"subscripts": "abc,bd->ad"}),
        Sample({"operands": [STACK]}, {"subscripts": "...ii->..."}),
    ],
    "matmul": [
        Sample({"x1": X, "x2": normal(10, 4, 2)}),
        Sample({"x1": STACK, "x2": SQUARE[0]}),
        Sample({"x1": SQUARE[0], "x2": STACK}),
    ],
    "outer": [Sample({"x1": SHORT, "x2": X[:, 0]})],
    "tensordot": [
        Sample({"x1": CUBE, "x2": CUBE}, {"axes": ((0, 2), (0, 2))}),
        Sample({"x1": X, "x2": SHORT}, {"axes": 1}),
    ],
    "trace": [Sample({"x": STACK}), Sample({"x": X}, {"offset": 1})],
    "vecdot": [Sample({"x1": X, "x2": SHORT}), Sample({"x1": X, "x2": Y}, {"axis": 0})],
}

LINALG = {
    "cholesky": [Sample({"x": DEFINITE}), Sample({"x": DEFINITE + STACK @ STACK.mT}, {"upper": True})],
    "det": [Sample({"x": STACK})],
    "eigh": [Sample({"x": SYMMETRIC}), Sample({"x": STACK})],
    "eigvalsh": [Sample({"x": SYMMETRIC})],
    "exponential_derivative": [
        Sample({"x": SQUARE / 4, "directions": []}),
        Sample({"x": SQUARE / 4, "directions": [TALL[:3]]}),
        Sample({"x": SQUARE[:2, :2] / 4, "directions": [TALL[:2, :2], SQUARE[:2, :2]]}),
    ],
    "inv": [Sample({"x": SQUARE}), Sample({"x": STACK})],
    "left_singular": [Sample({"x": TALL})],
    "linear_system": [Sample({"a": SQUARE, "b": TALL[:3]})],
    "logabsdet": [Sample({"x": STACK})],
    "matrix_exp": [Sample({"x": SQUARE / 4}), Sample({"x": STACK / 4})],
    "qr": [Sample({"x": TALL}), Sample({"x": WIDE}), Sample({"x": STACK})],
    "qr_orthogonal": [Sample({"x": TALL})],
    "qr_upper": [Sample({"x": TALL})],
    "right_singular": [Sample({"x": WIDE})],
    "singular_values": [Sample({"x": TALL})],
    "slogdet": [Sample({"x": STACK})],
    "solve": [Sample({"x1": SQUARE, "x2": TALL[:3]}), Sample({"x1": STACK, "x2": SQUARE[0]})],
    "solve_triangular": [
        Sample({"x1": DEFINITE, "x2": TALL[:3]}, {"upper": False}),
        Sample({"x1": DEFINITE, "x2": SQUARE[0]}, {"upper": True}),
        Sample({"x1": SQUARE, "x2": TALL[:3]}, {"upper": True, "unitriangular": True}),
    ],
    "svd": [Sample({"x": TALL}), Sample({"x": WIDE}), Sample({"x": SQUARE})],
    "svdvals": [Sample({"x": TALL}), Sample({"x": WIDE})],
    "triangular_system": [
        Sample({"a": DEFINITE, "b": TALL[:3]}),
        Sample({"a": DEFINITE, "b": TALL[:3]}, {"lower": False, "unit_diagonal": True}),
    ],
}

PRIMITIVE_SAMPLES: dict[str, list[Sample]] = {**ELEMENTWISE, **MOVING, **REDUCING, **PRODUCTS, **LINALG}
