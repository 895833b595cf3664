"""What lifting needs of torch that has no public name, all in one place."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import torch
from torch._library.custom_ops import OPDEFS
from torch.nn.utils import stateless


def arguments_of(func: Any) -> Any:
    """The arguments in the schema of an ATen overload."""
    return func._schema.arguments  # noqa: SLF001


def name_of(func: Any) -> str:
    """The name of an ATen operation without its namespace and overload."""
    return str(func._schema.name).rpartition("::")[2]  # noqa: SLF001


def overload_of(func: Any) -> str:
    """The name of an overload; that of a form with ``out`` is its functional one's."""
    return str(func._overloadname).removesuffix("_out").replace("out", "default")  # noqa: SLF001


def body_of(func: Any, device: str) -> Any:
    """The Python function that runs for a ``torch.library.custom_op`` on a device; None for other ones."""
    found = OPDEFS.get(str(func._schema.name))  # noqa: SLF001
    if found is None:
        return None
    kernels = found._backend_fns  # noqa: SLF001
    return kernels.get(device) or kernels.get(None) or found._init_fn  # noqa: SLF001


def composition_of(func: Any) -> Any:
    """What runs an operation that torch itself composes of others for every device; None for other ones."""
    key = torch._C.DispatchKey.CompositeImplicitAutograd  # noqa: SLF001
    composed = func.has_kernel_for_dispatch_key(key)
    return func.decompose if composed else None


def rank_of(func: Any) -> int:
    """The rank in the name of an operation: 2 for ``avg_pool2d`` and ``_upsample_bilinear2d_aa``."""
    return int(next(c for c in reversed(name_of(func)) if c.isdigit()))


def address(tensor: Any) -> int:
    """Where the storage of a tensor is kept; another storage may have it once this one is freed."""
    return int(tensor.untyped_storage()._cdata)  # noqa: SLF001


def sequence_number(node: Any) -> int:
    """When a node of autograd's graph was made, in its thread."""
    return int(node._sequence_nr())  # noqa: SLF001


def next_sequence_number() -> int:
    """The number that autograd gives to the next node of its graph."""
    with torch.enable_grad():
        probe = torch.zeros((), requires_grad=True).view(1)
    return sequence_number(probe.grad_fn) + 1


def caller(depth: int) -> FrameType | None:
    """The frame so many calls up."""
    return sys._getframe(depth + 1)  # noqa: SLF001


_LIBRARY = (str(Path(torch.__file__).parent), str(Path(__file__).parent))


def line_in(file: str | None) -> int | None:
    """The line that runs in a file; without one, in the innermost file that is neither torch's nor ours."""
    frame = caller(2)
    while frame is not None:
        found = frame.f_code.co_filename
        if found == file or (file is None and not found.startswith((*_LIBRARY, "<"))):
            return frame.f_lineno
        frame = frame.f_back
    return None


def in_backward() -> bool:
    """Whether autograd is at work on a node of a graph right now."""
    return torch._C._current_autograd_node() is not None  # noqa: SLF001


READ_NUMBER = torch.ops.aten._local_scalar_dense.default  # noqa: SLF001
"""What ``Tensor.item()`` calls."""


@contextmanager
def eagerly() -> Iterator[None]:
    """Let compiled functions run as they were written: a graph of a compiler's is not what was meant."""
    if "torch._dynamo" not in sys.modules:
        yield
        return
    with torch.compiler.set_stance("force_eager"):
        yield


@contextmanager
def without_fused_layers() -> Iterator[None]:
    """Run a whole LSTM step by step, as it is without oneDNN, so that the recorder sees the steps."""
    enabled = torch._C._get_mkldnn_enabled()  # noqa: SLF001
    torch._C._set_mkldnn_enabled(False)  # noqa: SLF001
    try:
        yield
    finally:
        torch._C._set_mkldnn_enabled(enabled)  # noqa: SLF001


def reparametrized(module: Any, state: Mapping[str, Any]) -> AbstractContextManager[Any]:
    """A module with other parameters and buffers, as ``functional_call`` runs it, for a block."""
    found: AbstractContextManager[Any] = stateless._reparametrize_module(  # noqa: SLF001
        module, dict(state), tie_weights=True
    )
    return found


def unmarked(tensor: Any) -> Any:
    """The numbers that lie in a tensor's memory, whatever marks (conjugate, negative) say of them."""
    found = tensor.conj() if tensor.is_conj() else tensor
    return torch._neg_view(found) if found.is_neg() else found  # noqa: SLF001


def called(func: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
    """Run an overload. A tensor that is known to be zero and has no memory ends the process in ``mul.Scalar``
    when it comes by way of a mode; it is given memory.
    """
    if func is torch.ops.aten.mul.Scalar and args[0]._is_zerotensor():  # noqa: SLF001
        args = (torch.zeros(args[0].shape, dtype=args[0].dtype, device=args[0].device), *args[1:])
    return func(*args, **kwargs)


def is_inexact(tensor: Any) -> bool:
    """Whether a tensor has numbers that a derivative can be taken of: real or complex ones."""
    return bool(tensor.is_floating_point() or tensor.is_complex())
