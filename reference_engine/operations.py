"""The table of operations: one record each, from which everything else about an operation is derived."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal, Protocol

from reference_engine.program import Attr, ProgramError, TensorType

if TYPE_CHECKING:
    from reference_engine.arithmetic import Arithmetic, Values
    from reference_engine.trace import Tensor

Slot = Literal["one", "optional", "many"]
"""How many tensors a parameter takes: exactly one, one or None, or a sequence."""


@dataclass(frozen=True, slots=True)
class Domain:
    """Open interval of the real line in which an argument is smooth, and ordinary values to try in it."""

    low: float = -float("inf")
    high: float = float("inf")
    ordinary: tuple[float, float] = (-2.0, 2.0)


REAL_LINE = Domain()

Shapes = Mapping[str, tuple[int, ...]]
"""Shapes of operands by parameter name; the k-th of a list is called ``name_k``."""

AttributeRule = tuple[Attr, ...] | Callable[[Shapes], Sequence[Attr]]
"""Values that an attribute can take, the simplest first, or a function that gives them."""

CallRules = Mapping[str, str | AttributeRule]
"""What arguments fit an operation, by parameter name; ``reference_engine/calls.py`` says in what words."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter of an operation: a tensor slot, or an attribute with its default."""

    name: str
    slot: Slot | None
    default: Attr = inspect.Parameter.empty

    @property
    def required(self) -> bool:
        """Whether a call must give it."""
        return self.default is inspect.Parameter.empty and self.slot != "optional"


class JvpRule(Protocol):
    """Tangent of the result, in operations of the Program; ``None`` tangents are structurally zero."""

    def __call__(
        self,
        primals: Sequence[Tensor],
        tangents: Sequence[Tensor | None],
        out: Tensor,
        attrs: Mapping[str, Attr],
        /,
    ) -> Tensor | None:
        """The tangent, None if it is structurally zero."""


class TransposeRule(Protocol):
    """Cotangents of the operands that the result is linear in.

    ``operands`` holds the Tensor of an operand that is fixed, and the TensorType of one that is linear.
    """

    def __call__(
        self, cotangent: Tensor, operands: Sequence[Tensor | TensorType], attrs: Mapping[str, Attr], /
    ) -> Sequence[Tensor | None]:
        """One cotangent for each operand, None for the fixed ones."""


@dataclass(frozen=True)
class Operation:
    """What primitives and composites share: a name, a family, a signature and a description.

    ``prototype`` is the Python function that gives the signature and the documentation: parameters annotated
    ``Tensor`` are operands, all others are attributes. ``call`` says what arguments fit, or several ways.
    """

    name: str
    family: str
    prototype: Callable[..., Any]
    call: CallRules | tuple[CallRules, ...] = field(
        kw_only=True, default_factory=dict, repr=False, compare=False
    )

    @cached_property
    def parameters(self) -> tuple[Parameter, ...]:
        """Parameters in order, read from the prototype."""
        slots: dict[str, Slot] = {
            "Tensor": "one",
            "Tensor | None": "optional",
            "Sequence[Tensor]": "many",
        }
        return tuple(
            Parameter(p.name, slots.get(str(p.annotation)), p.default)
            for p in inspect.signature(self.prototype).parameters.values()
        )

    @cached_property
    def plain(self) -> bool:
        """Whether every parameter is one tensor."""
        return all(p.slot == "one" for p in self.parameters)

    @cached_property
    def _by_name(self) -> Mapping[str, Parameter]:
        return {p.name: p for p in self.parameters}

    @property
    def documentation(self) -> str:
        """The description with its fixed headings."""
        return inspect.cleandoc(self.prototype.__doc__ or "")

    @property
    def signature(self) -> str:
        """The call as a person writes it, such as ``softmax(x, axis=-1)``."""
        parts = [
            p.name if p.required else f"{p.name}={None if p.slot else p.default!r}" for p in self.parameters
        ]
        return f"{self.name}({', '.join(parts)})"

    def bind(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> dict[str, Any]:
        """Arguments by parameter name with defaults filled in; ProgramError for a call that does not fit."""
        params = self.parameters
        if len(args) > len(params):
            msg = f"{self.name} takes {len(params)} arguments ({self.signature}), found {len(args)}"
            raise ProgramError(msg)
        known = self._by_name
        bound = dict(zip(known, args, strict=False))
        for key, value in kwargs.items():
            if key not in known:
                close = difflib.get_close_matches(key, known, 1)
                hint = f"; did you mean {close[0]!r}?" if close else ""
                msg = f"{self.name} has no argument {key!r}; expected {self.signature}{hint}"
                raise ProgramError(msg)
            if key in bound:
                msg = f"{self.name} got argument {key!r} twice"
                raise ProgramError(msg)
            bound[key] = value
        if len(bound) < len(params):
            for p in params:
                if p.name not in bound:
                    if p.required:
                        msg = f"{self.name} needs argument {p.name!r}; expected {self.signature}"
                        raise ProgramError(msg)
                    bound[p.name] = None if p.default is inspect.Parameter.empty else p.default
        return {name: bound[name] for name in known} if kwargs else bound


@dataclass(frozen=True)
class Primitive(Operation):
    """An operation with a local derivative of its own.

    ``infer`` is the shape rule. ``evaluate`` gives the value in any arithmetic. ``jvp`` is the local
    derivative written in operations of the Program; an operation that is linear in some operands also has
    ``transpose``. A ``linear`` one is linear in all its real operands together, and its tangent is itself.
    ``elementwise`` operations broadcast. ``internal`` ones appear in derivatives and lowered Programs only.
    """

    infer: Callable[[Sequence[TensorType], Mapping[str, Attr]], TensorType] = field(kw_only=True)
    evaluate: Callable[[Arithmetic, Sequence[Values], Mapping[str, Attr]], Values] = field(kw_only=True)
    jvp: JvpRule | None = field(kw_only=True, default=None)
    transpose: TransposeRule | None = field(kw_only=True, default=None)
    linear: bool = field(kw_only=True, default=False)
    elementwise: bool = field(kw_only=True, default=False)
    internal: bool = field(kw_only=True, default=False)
    domains: tuple[Domain, ...] = field(kw_only=True, default=())
    kinks: tuple[float, ...] = field(kw_only=True, default=())
    poles: tuple[float, ...] = field(kw_only=True, default=())
    derivative: str = field(kw_only=True, default="")


@dataclass(frozen=True)
class Composite(Operation):
    """An operation that is a program over others; its gradient is the chain rule's, never its own."""

    kinks: tuple[float, ...] = field(kw_only=True, default=())


OPERATIONS: dict[str, Primitive | Composite] = {}
"""Every operation by name."""


def register(operation: Primitive | Composite) -> None:
    """Put an operation into the table; a name can be taken once."""
    if operation.name in OPERATIONS:
        msg = f"operation {operation.name!r} is already in the table"
        raise ValueError(msg)
    OPERATIONS[operation.name] = operation


def lookup(name: str) -> Primitive | Composite:
    """The record called ``name``; ProgramError with the nearest names if there is none."""
    try:
        return OPERATIONS[name]
    except KeyError:
        visible = [op.name for op in public_operations()]
        close = difflib.get_close_matches(name, visible, 3)
        hint = f"; did you mean {' or '.join(map(repr, close))}?" if close else ""
        msg = f"unknown operation {name!r}{hint}"
        raise ProgramError(msg) from None


def public_operations() -> Iterator[Primitive | Composite]:
    """The operations that a person can write."""
    for operation in OPERATIONS.values():
        if not (isinstance(operation, Primitive) and operation.internal):
            yield operation


def composite(
    family: str,
    *,
    kinks: tuple[float, ...] = (),
    call: CallRules | tuple[CallRules, ...] = MappingProxyType({}),
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Decorator: the function's body over ``xp`` is the operation's definition."""

    def wrap(body: Callable[..., Any]) -> Callable[..., Any]:
        register(Composite(body.__name__.rstrip("_"), family, body, kinks=kinks, call=call))
        return body

    return wrap
