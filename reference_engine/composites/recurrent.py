"""One step of the recurrent layers, with torch's order of gates."""

from __future__ import annotations

from reference_engine.operations import composite
from reference_engine.trace import Tensor, xp


def _both(
    x: Tensor, h: Tensor, w_ih: Tensor, w_hh: Tensor, b_ih: Tensor | None, b_hh: Tensor | None
) -> Tensor:
    return xp.linear(x, w_ih, b_ih) + xp.linear(h, w_hh, b_hh)  # type: ignore[no-any-return]


@composite(
    "recurrent",
    call=(
        {"x": "b i", "h": "b 2", "w_ih": "2 i", "w_hh": "2 2"},
        {"x": "b i", "h": "b 2", "w_ih": "2 i", "w_hh": "2 2", "b_ih": "2", "b_hh": "2"},
    ),
)
def rnn_tanh_cell(
    x: Tensor, h: Tensor, w_ih: Tensor, w_hh: Tensor, b_ih: Tensor | None = None, b_hh: Tensor | None = None
) -> Tensor:
    """Definition: tanh(x w_ih^T + b_ih + h w_hh^T + b_hh) (Elman 1990).

    Derivative: the chain rule's with tanh' = 1 - tanh^2.
    Where it is not differentiable: nowhere.
    Conventions: none needed.
    """
    return xp.tanh(_both(x, h, w_ih, w_hh, b_ih, b_hh))  # type: ignore[no-any-return]


@composite(
    "recurrent",
    kinks=(0.0,),
    call=(
        {"x": "b i", "h": "b 2", "w_ih": "2 i", "w_hh": "2 2"},
        {"x": "b i", "h": "b 2", "w_ih": "2 i", "w_hh": "2 2", "b_ih": "2", "b_hh": "2"},
    ),
)
def rnn_relu_cell(
    x: Tensor, h: Tensor, w_ih: Tensor, w_hh: Tensor, b_ih: Tensor | None = None, b_hh: Tensor | None = None
) -> Tensor:
    """Definition: relu(x w_ih^T + b_ih + h w_hh^T + b_hh).

    Derivative: the chain rule's through relu.
    Where it is not differentiable: where the argument of relu is 0.
    Conventions: relu's.
    """
    return xp.relu(_both(x, h, w_ih, w_hh, b_ih, b_hh))  # type: ignore[no-any-return]


@composite(
    "recurrent",
    call=(
        {"x": "b i", "h": "b 2", "c": "b 2", "w_ih": "8 i", "w_hh": "8 2"},
        {"x": "b i", "h": "b 2", "c": "b 2", "w_ih": "8 i", "w_hh": "8 2", "b_ih": "8", "b_hh": "8"},
    ),
)
def lstm_cell(
    x: Tensor,
    h: Tensor,
    c: Tensor,
    w_ih: Tensor,
    w_hh: Tensor,
    b_ih: Tensor | None = None,
    b_hh: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """Definition: gates i, f, g, o, in this order, from x w_ih^T + b_ih + h w_hh^T + b_hh; then c' =
    sigmoid(f) c + sigmoid(i) tanh(g) and h' = sigmoid(o) tanh(c'); the result is (h', c') (Hochreiter and
    Schmidhuber 1997).

    Derivative: the chain rule's.
    Where it is not differentiable: nowhere.
    Conventions: the order of gates is torch's.
    """
    i, f, g, o = xp.split(_both(x, h, w_ih, w_hh, b_ih, b_hh), 4, axis=-1)
    new_c = xp.sigmoid(f) * c + xp.sigmoid(i) * xp.tanh(g)
    return xp.sigmoid(o) * xp.tanh(new_c), new_c


@composite(
    "recurrent",
    call=(
        {"x": "b i", "h": "b 2", "w_ih": "6 i", "w_hh": "6 2"},
        {"x": "b i", "h": "b 2", "w_ih": "6 i", "w_hh": "6 2", "b_ih": "6", "b_hh": "6"},
    ),
)
def gru_cell(
    x: Tensor, h: Tensor, w_ih: Tensor, w_hh: Tensor, b_ih: Tensor | None = None, b_hh: Tensor | None = None
) -> Tensor:
    """Definition: with parts r, z, n, in this order, of a = x w_ih^T + b_ih and b = h w_hh^T + b_hh: r =
    sigmoid(a_r + b_r), z = sigmoid(a_z + b_z), n = tanh(a_n + r b_n), h' = (1 - z) n + z h (Cho et al. 2014).

    Derivative: the chain rule's.
    Where it is not differentiable: nowhere.
    Conventions: the order, and r outside of the product with w_hh, are torch's.
    """
    a_r, a_z, a_n = xp.split(xp.linear(x, w_ih, b_ih), 3, axis=-1)
    b_r, b_z, b_n = xp.split(xp.linear(h, w_hh, b_hh), 3, axis=-1)
    r, z = xp.sigmoid(a_r + b_r), xp.sigmoid(a_z + b_z)
    n = xp.tanh(a_n + r * b_n)
    return n + z * (h - n)  # type: ignore[no-any-return]
