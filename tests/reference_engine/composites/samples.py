"""Sample calls of the composites, in the smooth interior of each."""

from __future__ import annotations

import numpy as np

from tests.reference_engine.sample import Array, Sample


def normal(seed: int, *shape: int, scale: float = 1.0) -> Array:
    """Normal numbers, reproducible."""
    return np.random.default_rng(seed).normal(scale=scale, size=shape)


def uniform(seed: int, *shape: int, low: float = 0.1, high: float = 0.9) -> Array:
    """Uniform numbers, reproducible."""
    return np.random.default_rng(seed).uniform(low, high, size=shape)


def distribution(seed: int, *shape: int) -> Array:
    """Positive numbers that sum to one along axis 1."""
    raw = uniform(seed, *shape)
    return raw / raw.sum(axis=1, keepdims=True)


X = normal(1, 3, 4)
WIDE = normal(2, 3, 4, scale=3.0)
LABELS = np.array([2, 0, 3])
SIGNS = np.array([[1.0, -1.0, 1.0, -1.0]] * 3)
IMAGE = normal(3, 2, 4, 5, 6)
SIGNAL = normal(4, 2, 4, 7)
CHANNELS = {"weight": normal(5, 4), "bias": normal(6, 4)}
GATES = {"x": normal(7, 2, 3), "h": normal(8, 2, 2)}

ACTIVATIONS: dict[str, list[Sample]] = {
    "relu": [Sample({"x": X})],
    "relu6": [Sample({"x": 4 * WIDE})],
    "hardtanh": [Sample({"x": WIDE}), Sample({"x": WIDE}, {"min_val": -0.3, "max_val": 2.5})],
    "hardsigmoid": [Sample({"x": WIDE})],
    "hardswish": [Sample({"x": WIDE})],
    "leaky_relu": [Sample({"x": X}), Sample({"x": X}, {"negative_slope": 0.3})],
    "prelu": [
        Sample({"x": X, "weight": np.array([0.25])}),
        Sample({"x": IMAGE[0], "weight": normal(9, 5)}),
        Sample({"x": X[0], "weight": np.array([0.25])}),
    ],
    "elu": [Sample({"x": X}), Sample({"x": X}, {"alpha": 0.7})],
    "celu": [Sample({"x": X}), Sample({"x": X}, {"alpha": 0.7})],
    "selu": [Sample({"x": X})],
    "threshold": [Sample({"x": X}, {"threshold": 0.1, "value": 20.0})],
    "softshrink": [Sample({"x": X}), Sample({"x": X}, {"lambd": 0.2})],
    "hardshrink": [Sample({"x": X}), Sample({"x": X}, {"lambd": 0.2})],
    "softplus": [
        Sample({"x": 10 * WIDE}),
        Sample({"x": 10 * WIDE}, {"beta": 2.5, "threshold": 20.0}),
        Sample({"x": np.array([-800.0, -40.0, 0.0, 40.0, 800.0])}),
    ],
    "log_sigmoid": [Sample({"x": WIDE}), Sample({"x": np.array([-800.0, -40.0, 0.0, 40.0, 800.0])})],
    "silu": [Sample({"x": WIDE})],
    "mish": [Sample({"x": WIDE})],
    "gelu": [Sample({"x": X}), Sample({"x": X}, {"approximate": "tanh"})],
    "softsign": [Sample({"x": WIDE})],
    "tanhshrink": [Sample({"x": WIDE})],
    "logit": [Sample({"x": uniform(10, 3, 4)}), Sample({"x": uniform(10, 3, 4)}, {"eps": 0.3})],
    "glu": [Sample({"x": X}), Sample({"x": X.T}, {"axis": 0})],
    "softmax": [Sample({"x": WIDE}), Sample({"x": 1000 * WIDE}, {"axis": 0})],
    "softmin": [Sample({"x": WIDE}), Sample({"x": WIDE}, {"axis": 0})],
    "log_softmax": [Sample({"x": WIDE}), Sample({"x": 1000 * WIDE}, {"axis": 0})],
    "logsumexp": [
        Sample({"x": WIDE}),
        Sample({"x": 1000 * WIDE}, {"axis": 1}),
        Sample({"x": WIDE}, {"axis": (0, 1), "keepdims": True}),
    ],
    "logcumsumexp": [Sample({"x": WIDE}, {"axis": 1}), Sample({"x": 300 * WIDE}, {"axis": 0})],
    "cummax": [Sample({"x": X}, {"axis": 1}), Sample({"x": X}, {"axis": 0})],
}

STATISTICS: dict[str, list[Sample]] = {
    "var": [Sample({"x": X}), Sample({"x": X + 1000}, {"axis": 1, "correction": 1, "keepdims": True})],
    "std": [Sample({"x": X}), Sample({"x": X}, {"axis": (0, 1), "correction": 1})],
    "median": [
        Sample({"x": X}),
        Sample({"x": X}, {"axis": 1}),
        Sample({"x": X}, {"axis": 0, "keepdims": True}),
        Sample({"x": X}, {"axis": 1, "method": "midpoint"}),
    ],
    "norm": [
        Sample({"x": X}),
        *(Sample({"x": X}, {"ord": p, "axis": 1}) for p in (0, 1, 2, 3, 4, 2.5, "inf", "-inf")),
        Sample({"x": X}, {"ord": "fro", "axis": (0, 1), "keepdims": True}),
    ],
    "normalize": [Sample({"x": X}), Sample({"x": X}, {"p": 1, "axis": 0, "eps": 1e-3})],
    "cosine_similarity": [Sample({"x1": X, "x2": WIDE}), Sample({"x1": X, "x2": WIDE}, {"axis": 0})],
    "layer_norm": [
        Sample({"x": X}, {"normalized_shape": (4,)}),
        Sample({"x": X, **CHANNELS}, {"normalized_shape": (4,), "eps": 1e-3}),
        Sample({"x": IMAGE, "weight": normal(11, 5, 6)}, {"normalized_shape": (5, 6)}),
    ],
    "rms_norm": [
        Sample({"x": X}, {"normalized_shape": (4,)}),
        Sample({"x": X, "weight": normal(5, 4)}, {"normalized_shape": (4,), "eps": 1e-3}),
    ],
    "group_norm": [Sample({"x": SIGNAL, **CHANNELS}, {"num_groups": 2})],
    "instance_norm": [Sample({"x": SIGNAL, **CHANNELS}), Sample({"x": SIGNAL})],
    "batch_norm": [Sample({"x": X, **CHANNELS}), Sample({"x": SIGNAL}), Sample({"x": SIGNAL, **CHANNELS})],
}

PAIR = {"input": X, "target": normal(12, 3, 4)}
CHANCES = {"input": uniform(13, 3, 4), "target": uniform(14, 3, 4)}
LOGITS = {"input": WIDE, "target": uniform(14, 3, 4)}
REDUCTIONS = [{"reduction": r} for r in ("mean", "sum", "none")]

LOSSES: dict[str, list[Sample]] = {
    "mse_loss": [Sample(PAIR, r) for r in REDUCTIONS],
    "l1_loss": [Sample(PAIR, r) for r in REDUCTIONS],
    "huber_loss": [Sample(PAIR), Sample(PAIR, {"delta": 0.4, "reduction": "sum"})],
    "smooth_l1_loss": [Sample(PAIR), Sample(PAIR, {"beta": 0.4}), Sample(PAIR, {"beta": 0.0})],
    "hinge_loss": [
        Sample({"input": X, "target": SIGNS}),
        Sample({"input": X, "target": SIGNS}, {"reduction": "sum"}),
    ],
    "hinge_embedding_loss": [
        Sample({"input": X, "target": SIGNS.astype(np.int64)}),
        Sample({"input": X, "target": SIGNS.astype(np.int64)}, {"margin": 0.4}),
    ],
    "poisson_nll_loss": [Sample(CHANCES), Sample(CHANCES, {"log_input": False})],
    "soft_margin_loss": [Sample({"input": WIDE, "target": SIGNS})],
    "nll_loss": [
        Sample({"input": X, "target": LABELS}),
        Sample({"input": X, "target": LABELS, "weight": uniform(15, 4)}, {"reduction": "sum"}),
        Sample({"input": X, "target": LABELS, "weight": uniform(15, 4)}, {"ignore_index": 0}),
        Sample({"input": SIGNAL, "target": np.arange(14).reshape(2, 7) % 4}, {"reduction": "none"}),
        Sample({"input": X[0], "target": np.array(1)}),
    ],
    "cross_entropy": [
        Sample({"input": WIDE, "target": LABELS}),
        Sample(
            {"input": WIDE, "target": np.array([2, -100, 3])}, {"ignore_index": -100, "label_smoothing": 0.1}
        ),
        Sample({"input": WIDE, "target": LABELS, "weight": uniform(15, 4)}, {"label_smoothing": 0.1}),
        Sample({"input": WIDE, "target": LABELS}, {"label_smoothing": 0.1, "reduction": "none"}),
        Sample({"input": WIDE, "target": distribution(16, 3, 4)}),
        Sample(
            {"input": WIDE, "target": distribution(16, 3, 4), "weight": uniform(15, 4)},
            {"label_smoothing": 0.1},
        ),
        Sample({"input": SIGNAL, "target": np.arange(14).reshape(2, 7) % 4, "weight": uniform(15, 4)}),
        Sample({"input": X[0], "target": np.array(1)}),
    ],
    "binary_cross_entropy": [
        Sample(CHANCES),
        Sample({**CHANCES, "weight": uniform(17, 3, 4)}, {"reduction": "sum"}),
    ],
    "binary_cross_entropy_with_logits": [
        Sample(LOGITS),
        Sample({**LOGITS, "weight": uniform(17, 3, 4), "pos_weight": uniform(18, 4)}, {"reduction": "sum"}),
    ],
    "kl_div": [
        Sample({"input": WIDE, "target": distribution(16, 3, 4)}),
        Sample({"input": WIDE, "target": distribution(16, 3, 4)}, {"reduction": "batchmean"}),
        Sample({"input": WIDE, "target": X}, {"log_target": True, "reduction": "sum"}),
    ],
    "gaussian_nll_loss": [
        Sample({**PAIR, "var": uniform(19, 3, 4)}),
        Sample({**PAIR, "var": uniform(19, 3, 4)}, {"full": True}),
    ],
}

CELL = {"w_ih": normal(20, 2, 3), "w_hh": normal(21, 2, 2), "b_ih": normal(22, 2), "b_hh": normal(23, 2)}
QUERIES = {"query": normal(24, 2, 3, 4), "key": normal(25, 2, 5, 4), "value": normal(26, 2, 5, 3)}

LAYERS: dict[str, list[Sample]] = {
    "linear": [
        Sample({"x": X, "weight": normal(27, 2, 4)}),
        Sample({"x": IMAGE[0], "weight": normal(28, 3, 6), "bias": normal(29, 3)}),
        Sample({"x": X[0], "weight": normal(30, 2, 4), "bias": normal(31, 2)}),
    ],
    "bilinear": [
        Sample({"x1": X, "x2": normal(32, 3, 2), "weight": normal(33, 5, 4, 2), "bias": normal(34, 5)}),
        Sample({"x1": X[0], "x2": normal(32, 2), "weight": normal(33, 5, 4, 2)}),
    ],
    "dropout": [
        Sample({"x": X, "mask": X > 0}, {"p": 0.3}),
        Sample({"x": X, "mask": (X > 0).astype(np.float64)}),
    ],
    "scaled_dot_product_attention": [
        Sample(QUERIES),
        Sample({**QUERIES, "attn_mask": normal(35, 3, 5)}, {"scale": 0.7}),
        Sample({**QUERIES, "attn_mask": np.tri(3, 5, 1, dtype=bool)}),
        Sample(QUERIES, {"is_causal": True}),
    ],
    "rnn_tanh_cell": [Sample({**GATES, **CELL})],
    "rnn_relu_cell": [Sample({**GATES, **CELL})],
    "lstm_cell": [
        Sample(
            {
                **GATES,
                "c": normal(36, 2, 2),
                "w_ih": normal(37, 8, 3),
                "w_hh": normal(38, 8, 2),
                "b_ih": normal(39, 8),
                "b_hh": normal(40, 8),
            }
        ),
    ],
    "gru_cell": [
        Sample(
            {
                **GATES,
                "w_ih": normal(41, 6, 3),
                "w_hh": normal(42, 6, 2),
                "b_ih": normal(43, 6),
                "b_hh": normal(44, 6),
            }
        ),
        Sample({**GATES, "w_ih": normal(41, 6, 3), "w_hh": normal(42, 6, 2)}),
    ],
}

WINDOWS: dict[str, list[Sample]] = {
    "conv1d": [
        Sample({"x": SIGNAL, "weight": normal(45, 3, 4, 3), "bias": normal(46, 3)}),
        Sample(
            {"x": SIGNAL, "weight": normal(47, 6, 2, 2)},
            {"stride": 2, "padding": 1, "dilation": 2, "groups": 2},
        ),
        Sample({"x": SIGNAL[0], "weight": normal(48, 3, 4, 4)}, {"padding": "same"}),
    ],
    "conv2d": [
        Sample({"x": IMAGE, "weight": normal(49, 3, 4, 2, 3), "bias": normal(50, 3)}),
        Sample(
            {"x": IMAGE, "weight": normal(51, 4, 1, 2, 2)},
            {"stride": (2, 1), "padding": (0, 2), "dilation": (1, 2), "groups": 4},
        ),
        Sample({"x": IMAGE, "weight": normal(52, 1, 4, 3, 2)}, {"padding": "same"}),
    ],
    "conv3d": [
        Sample({"x": normal(53, 1, 2, 3, 4, 3), "weight": normal(54, 2, 2, 2, 2, 2)}, {"padding": (1, 0, 0)}),
    ],
    "conv_transpose1d": [
        Sample({"x": SIGNAL, "weight": normal(55, 4, 3, 3), "bias": normal(56, 3)}),
        Sample(
            {"x": SIGNAL, "weight": normal(57, 4, 2, 2)},
            {"stride": 3, "padding": 1, "output_padding": 1, "groups": 2, "dilation": 2},
        ),
    ],
    "conv_transpose2d": [
        Sample(
            {"x": IMAGE, "weight": normal(58, 4, 2, 2, 3), "bias": normal(59, 2)},
            {"stride": (2, 1), "padding": 1},
        ),
    ],
    "conv_transpose3d": [
        Sample(
            {"x": normal(153, 1, 2, 2, 3, 2), "weight": normal(154, 2, 1, 2, 1, 2), "bias": normal(155, 2)},
            {"stride": (2, 1, 1), "padding": (1, 0, 0), "groups": 2},
        ),
    ],
    "max_pool1d": [
        Sample({"x": SIGNAL}, {"kernel_size": 3}),
        Sample({"x": SIGNAL}, {"kernel_size": 3, "stride": 1, "padding": 1, "dilation": 2}),
    ],
    "max_pool2d": [
        Sample({"x": IMAGE}, {"kernel_size": 2}),
        Sample({"x": IMAGE}, {"kernel_size": (3, 2), "stride": (1, 2), "padding": (1, 0)}),
    ],
    "avg_pool1d": [
        Sample({"x": SIGNAL}, {"kernel_size": 3}),
        Sample({"x": SIGNAL}, {"kernel_size": 3, "stride": 2, "padding": 1, "count_include_pad": False}),
    ],
    "avg_pool2d": [
        Sample({"x": IMAGE}, {"kernel_size": 2}),
        Sample(
            {"x": IMAGE},
            {"kernel_size": (3, 2), "stride": (1, 2), "padding": (1, 0), "count_include_pad": False},
        ),
    ],
    "adaptive_avg_pool1d": [Sample({"x": SIGNAL}, {"output_size": 3})],
    "adaptive_avg_pool2d": [Sample({"x": IMAGE}, {"output_size": (2, 4)})],
    "upsample_nearest": [
        Sample({"x": IMAGE}, {"scale_factor": (2, 3)}),
        Sample({"x": SIGNAL}, {"scale_factor": 2}),
    ],
}

COMPOSITE_SAMPLES = {**ACTIVATIONS, **STATISTICS, **LOSSES, **LAYERS, **WINDOWS}
