"""The tools, each at its defaults: whether one finds fault with a function at given inputs."""

from __future__ import annotations

import contextlib
import io
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import partial
from typing import Any

Function = Callable[..., Any]


class Answer(Enum):
    """What a tool says of a function."""

    FAULT = "fault"
    FINE = "fine"
    REFUSED = "refused"


@dataclass(frozen=True)
class Question:
    """A function, its inputs, and what is known of it before any tool is asked.

    ``dtype`` is that of the inputs. ``jvp`` says that forward mode is what is to be looked at,
    ``forward_mode`` that the function has it.
    """

    function: Function
    inputs: Sequence[Any]
    elements: int
    dtype: str = "float64"
    order: int = 1
    jvp: bool = False
    forward_mode: bool = True


@dataclass(frozen=True)
class Tool:
    """``ask`` raises AssertionError or RuntimeError where it finds fault.

    ``orders`` are those of the derivatives that it can look at, ``largest`` the elements up to which it is
    asked: a Jacobian by finite differences costs two forward passes an element and its square in memory.
    In float32 that is ``largest_single``: torch's fast mode, having found fault, runs the slow one, and there
    it always finds fault.
    """

    name: str
    space: str
    ask: Callable[[Question], None]
    orders: tuple[int, ...] = (1, 2)
    jvp: bool = True
    largest: int = 10_000
    largest_single: int = 10_000


def answer(tool: Tool, question: Question) -> Answer | None:
    """What the tool says; None where it has no way to look at such a thing, or is not asked for its cost."""
    if question.order not in tool.orders or (question.jvp and not tool.jvp):
        return None
    if question.elements > (tool.largest if question.dtype == "float64" else tool.largest_single):
        return None
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        try:
            tool.ask(question)
        except (AssertionError, RuntimeError):  # GradcheckError, and what torch raises on being mistreated
            return Answer.FAULT
        except TypeError as error:
            if "custom_vjp" not in str(error):
                raise
            return Answer.REFUSED
    return Answer.FINE


def _leaves(question: Question) -> tuple[Any, ...]:
    return tuple(x.detach().requires_grad_() for x in question.inputs)


def _gradcheck(question: Question, *, fast: bool) -> None:
    import torch  # noqa: PLC0415 - a tool of one framework needs no other

    options = {"check_forward_ad": True} if question.jvp else {}
    torch.autograd.gradcheck(question.function, _leaves(question), fast_mode=fast, **options)


def _gradgradcheck(question: Question, *, fast: bool) -> None:
    import torch  # noqa: PLC0415 - as above

    _gradcheck(question, fast=fast)
    torch.autograd.gradgradcheck(question.function, _leaves(question), fast_mode=fast)


def _check_grads(question: Question, *, order: int, by_hand: bool) -> None:
    from jax.test_util import check_grads  # noqa: PLC0415 - as above

    modes = {} if not by_hand or question.forward_mode else {"modes": ("rev",)}
    check_grads(question.function, tuple(question.inputs), order, **modes)


def _chex(question: Question, *, order: int, by_hand: bool) -> None:
    import chex  # noqa: PLC0415 - as above

    modes = {} if not by_hand or question.forward_mode else {"modes": ("rev",)}
    chex.assert_numerical_grads(question.function, tuple(question.inputs), order, **modes)


def _hips(question: Question) -> None:
    import numpy as np  # noqa: PLC0415 - as above
    from autograd.test_util import check_grads  # noqa: PLC0415 - as above

    np.random.seed(0)  # noqa: NPY002 - autograd draws its directions from numpy's global state
    with np.errstate(all="ignore"):
        check_grads(question.function)(*question.inputs)


TOOLS: tuple[Tool, ...] = (
    Tool("gradcheck", "torch", partial(_gradcheck, fast=False), (1,), largest=1000, largest_single=1000),
    Tool("gradcheck fast", "torch", partial(_gradcheck, fast=True), (1,), largest_single=1000),
    Tool("+ gradgradcheck", "torch", partial(_gradgradcheck, fast=False), largest=100, largest_single=100),
    Tool("+ gradgradcheck fast", "torch", partial(_gradgradcheck, fast=True), largest_single=1000),
    Tool("check_grads 1", "jax", partial(_check_grads, order=1, by_hand=False), (1,)),
    Tool("check_grads 2", "jax", partial(_check_grads, order=2, by_hand=False)),
    Tool("check_grads 1 by hand", "jax", partial(_check_grads, order=1, by_hand=True), (1,)),
    Tool("check_grads 2 by hand", "jax", partial(_check_grads, order=2, by_hand=True)),
    Tool("chex 1", "jax", partial(_chex, order=1, by_hand=False), (1,)),
    Tool("chex 2 by hand", "jax", partial(_chex, order=2, by_hand=True)),
    Tool("HIPS check_grads", "hips", _hips),
)
"""The peers' tools. ``by hand`` leaves out forward mode where a function has none, as its author knows."""
