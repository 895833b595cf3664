"""The eager front door: tensors that compute as they are written, with torch's ``backward()`` and ``grad``.

It is the same engine as everywhere. Each operation is written down as a node of a surface Program;
``backward()`` differentiates that Program and evaluates it in balls, so that every ``grad`` is an enclosure.

A number given to :func:`tensor` is that float64 exactly; a number beside an operator, as the 0.01 in
``0.01 * w.grad``, is the decimal that it is written as.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from reference_engine.arithmetic import Values, truth
from reference_engine.arithmetic.balls import midpoints
from reference_engine.eager_arguments import fill, with_slots
from reference_engine.eager_operators import InPlaceOperators
from reference_engine.eager_record import (
    Leaf,
    Record,
    gradients_of,
    leaf_values,
    record,
    value_of,
)
from reference_engine.eager_text import describe_value
from reference_engine.enclose import ACCURATE, widest
from reference_engine.operations import OPERATIONS, Primitive
from reference_engine.program import Kind, ProgramError
from reference_engine.trace import Tensor, apply

_RECORDING: ContextVar[bool] = ContextVar("recording", default=True)


class GradientUseError(RuntimeError):
    """A use of gradients that has no meaning, such as changing a leaf while its graph is recorded."""


@contextmanager
def no_grad() -> Iterator[None]:
    """Within it nothing is recorded: results have no history, and leaves may be changed in place."""
    token = _RECORDING.set(False)
    try:
        yield
    finally:
        _RECORDING.reset(token)


def tensor(data: npt.ArrayLike | EagerTensor, *, requires_grad: bool = False) -> EagerTensor:
    """A leaf with the exact values of ``data``: a number, nested lists or a numpy array.

    TypeError for what is no number, and where a gradient is asked for integers or booleans.

    >>> w = tensor(1.0, requires_grad=True)
    >>> loss = (w * tensor(1.0) - tensor(2.0)) ** 2
    >>> loss
    tensor(1., grad_fn=<power>)
    >>> loss.backward()
    >>> w.grad
    tensor(-2.)
    """
    if isinstance(data, EagerTensor):
        data = data.numpy()
    type_, values = leaf_values(data)
    if requires_grad and type_.kind != "real":
        msg = f"only real tensors can require gradients; found {type_}; write 1.0 for 1"
        raise TypeError(msg)
    made = EagerTensor(Leaf(type_, values))
    if requires_grad:
        made._record = Leaf(type_, values, owner=made)  # noqa: SLF001 - a leaf and its owner know each other
    return made


def call(name: str, *args: Any, **kwargs: Any) -> Any:
    """Apply the operation called ``name`` of the table to tensors, lists of them, numbers and attributes."""
    operands: list[EagerTensor] = []
    slots = with_slots((args, kwargs), EagerTensor, operands)

    def recorded(inputs: Sequence[Tensor]) -> Any:
        given, named = fill(slots, inputs)
        return apply(name, *given, **named)

    return _run(recorded, operands)


def function(name: str) -> Callable[..., Any]:
    """The operation called ``name`` as a function on eager tensors. AttributeError if there is none."""
    operation = None if name.startswith("_") else OPERATIONS.get(name)
    if operation is None or (isinstance(operation, Primitive) and operation.internal):
        msg = f"there is no operation or attribute {name!r}"
        raise AttributeError(msg)
    return partial(call, name)


def _run(recorded: Callable[[Sequence[Tensor]], Any], operands: Sequence[EagerTensor]) -> Any:
    steps = record(recorded, [t._record for t in operands])  # noqa: SLF001 - as above
    keep = _RECORDING.get()
    made = [EagerTensor(s if keep and s.tracked else Leaf(s.type, value_of(s))) for s in steps]
    return made[0] if len(made) == 1 else tuple(made)


class EagerTensor(InPlaceOperators):
    """A value, and how it was computed where a gradient is wanted. Made by :func:`tensor` and by operations.

    Every operation of the table is a method: ``x.sum(axis=0)`` is ``sum(x, axis=0)``.
    """

    def __init__(self, made: Record) -> None:
        self._record = made
        self._known: Values | None = made.values if isinstance(made, Leaf) else None
        self.grad: EagerTensor | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        """Extent of each axis."""
        return self._record.type.shape

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.shape)

    @property
    def kind(self) -> Kind:
        """real, int or bool."""
        return self._record.type.kind

    @property
    def is_leaf(self) -> bool:
        """Whether it has no history."""
        return isinstance(self._record, Leaf)

    @property
    def requires_grad(self) -> bool:
        """Whether a gradient is wanted for it or for what it was computed from."""
        return self._record.tracked and self.kind == "real"

    @property
    def T(self) -> EagerTensor:
        """The transpose of a matrix."""
        return call("matrix_transpose", self)  # type: ignore[no-any-return]

    mT = T  # noqa: N815 - the Array API's name

    def enclosure(self) -> Values:
        """The proved values: an array of balls, of truth codes for booleans, of int64 for integers."""
        if self._known is None:
            self._known = value_of(self._record)
        return self._known

    @property
    def certified(self) -> bool:
        """Whether every element is known to a relative 2^-65, so that its float64 is right.

        At a kink it is not: the enclosure then holds all allowed slopes.
        """
        values = self.enclosure()
        if self.kind == "bool":
            return not truth.undecided(values).any()
        return widest([values]) <= ACCURATE

    def numpy(self) -> npt.NDArray[Any]:
        """The values as a numpy array of float64, int64 or bool; NaN where an enclosure is not finite."""
        values = self.enclosure()
        match self.kind:
            case "real":
                return midpoints(values)
            case "int":
                return values.copy()
            case "bool":
                if truth.undecided(values).any():
                    msg = "this condition cannot be decided: the two values are not known apart"
                    raise ValueError(msg)
                return truth.here(values)

    def tolist(self) -> Any:
        """The values as nested lists of Python numbers."""
        return self.numpy().tolist()

    def item(self) -> Any:
        """The one element as a Python number. ValueError for a tensor of several."""
        if self._record.type.size != 1:
            msg = f"item() needs a tensor of one element; this one has shape {self.shape}"
            raise ValueError(msg)
        return self.numpy().item()

    def detach(self) -> EagerTensor:
        """The same value without its history."""
        return EagerTensor(Leaf(self._record.type, self.enclosure()))

    def backward(self, gradient: EagerTensor | npt.ArrayLike | None = None) -> None:
        """Add the gradient of ``<gradient, self>`` to ``grad`` of every leaf that requires one.

        ``gradient`` is the cotangent, 1 for a scalar. The graph may be used again.
        """
        if not self.requires_grad:
            msg = "backward() needs a recorded gradient; make a leaf with requires_grad=True"
            raise GradientUseError(msg)
        if gradient is None and self.shape:
            msg = f"backward() of shape {self.shape} needs a cotangent: backward(gradient)"
            raise GradientUseError(msg)
        seed = tensor(1.0) if gradient is None else gradient
        seed = seed if isinstance(seed, EagerTensor) else tensor(np.asarray(seed, dtype=np.float64))
        if (seed.shape, seed.kind) != (self.shape, "real"):
            msg = f"the cotangent must be real of shape {self.shape}; found {seed.kind} of shape {seed.shape}"
            raise GradientUseError(msg)
        for leaf, values in gradients_of(self._record, seed.enclosure()):
            owner = leaf.owner
            new = EagerTensor(Leaf(leaf.type, values))
            if owner.grad is None:
                owner.grad = new
            else:
                with no_grad():
                    owner.grad += new

    def zero_(self) -> EagerTensor:
        """Set every element to zero in place."""
        dtypes: dict[Kind, type[np.generic]] = {"real": np.float64, "int": np.int64, "bool": np.bool_}
        return self._become(EagerTensor(Leaf(*leaf_values(np.zeros(self.shape, dtypes[self.kind])))))

    def _call(self, name: str, *args: Any) -> EagerTensor:
        return call(name, *args)  # type: ignore[no-any-return]

    def _become(self, new: EagerTensor) -> EagerTensor:
        """Take over the value and history of ``new``; graphs recorded before keep the old value."""
        old = self._record
        if new._record.type != old.type:
            msg = f"a change in place keeps the type {old.type}; found {new._record.type}"
            raise ProgramError(msg)
        made = new._record
        if isinstance(old, Leaf) and old.owner is not None:
            if _RECORDING.get():
                msg = "a leaf that requires a gradient is changed in place; do it under no_grad()"
                raise GradientUseError(msg)
            made = Leaf(old.type, new.enclosure(), owner=old.owner)
        self._record, self._known = made, new._known
        return self

    def __getattr__(self, name: str) -> Callable[..., Any]:
        return partial(function(name), self)

    def __getitem__(self, key: Any) -> EagerTensor:
        operands = [self]
        slots = with_slots(key, EagerTensor, operands)
        return _run(lambda inputs: inputs[0][fill(slots, inputs)], operands)  # type: ignore[no-any-return]

    def __repr__(self) -> str:
        body = describe_value(self.enclosure(), self.kind).replace("\n", "\n" + " " * len("tensor("))
        if not isinstance(self._record, Leaf):
            return f"tensor({body}, grad_fn=<{self._record.op}>)"
        return f"tensor({body}, requires_grad=True)" if self.requires_grad else f"tensor({body})"

    def __bool__(self) -> bool:
        return bool(self.item())

    def __float__(self) -> float:
        return float(self.item())

    def __int__(self) -> int:
        return int(self.item())

    def __len__(self) -> int:
        if not self.shape:
            msg = "a 0-d tensor has no length"
            raise TypeError(msg)
        return self.shape[0]

    def __iter__(self) -> Iterator[EagerTensor]:
        return (self[i] for i in range(len(self)))
