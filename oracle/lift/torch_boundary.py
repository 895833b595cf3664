"""Where user code leaves the recorder's sight: custom Functions, and numbers that leave torch."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import torch
from torch.autograd.function import _SingleLevelFunction

OF_CUSTOM_OPERATION = "GeneratedBackwardFor_"
"""How torch names the Function that it makes for a ``torch.library.custom_op``."""

ESCAPES = ("numpy", "__array__", "tolist", "data_ptr", "__dlpack__")
"""Methods by which numbers of a tensor leave torch unseen."""


@contextmanager
def functions_marked(inside: Callable[[str], AbstractContextManager[None]]) -> Iterator[None]:
    """Run the forward of every ``torch.autograd.Function`` that is applied in ``inside(its name)``.

    The class below ``Function`` is patched: user code often keeps ``MyFunction.apply`` itself in a name.
    """

    def apply(cls: Any, *args: Any, **kwargs: Any) -> Any:
        with inside(cls.__name__):
            return super(_SingleLevelFunction, cls).apply(*args, **kwargs)

    _SingleLevelFunction.apply = classmethod(apply)
    try:
        yield
    finally:
        del _SingleLevelFunction.apply


@contextmanager
def watched(report: Callable[[Any, str], None], names: Sequence[str] = ESCAPES) -> Iterator[None]:
    """Call ``report`` before one of these methods of a tensor runs; none of them is seen below autograd."""
    kept = {name: getattr(torch.Tensor, name) for name in names}
    own = {name for name in names if name in vars(torch.Tensor)}

    def reporting(name: str) -> Any:
        def method(tensor: Any, *args: Any, **kwargs: Any) -> Any:
            report(tensor, name)
            return kept[name](tensor, *args, **kwargs)

        return method

    for name in names:
        setattr(torch.Tensor, name, reporting(name))
    try:
        yield
    finally:
        for name, method in kept.items():
            if name in own:
                setattr(torch.Tensor, name, method)
            else:
                delattr(torch.Tensor, name)
