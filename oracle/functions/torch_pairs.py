"""Complex torch tensors under two names each: the judge reads real numbers, torch is given whole tensors."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any

from oracle.frameworks import torch_tensors as tensors
from oracle.frameworks.protocol import Array
from oracle.lift.program import Output, Slot
from oracle.lift.torch_inputs import at_numbers, parts_of

Pairs = Mapping[str, str]
"""The name of a tensor's imaginary part by that of its real part, which stands for the tensor."""

NO_PAIRS: Pairs = MappingProxyType({})


def pairs_of(parts: Iterable[Slot | Output]) -> Pairs:
    """The pairs among slots and outputs, in which parts of one tensor follow each other."""
    found, last = {}, ""
    for one in parts:
        if one.part == "imag":
            found[last] = one.name
        last = one.name
    return found


def keys_of(names: Iterable[str], pairs: Pairs) -> list[str]:
    """One name for each tensor.

    >>> keys_of(["x", "z_real", "z_imag"], {"z_real": "z_imag"})
    ['x', 'z_real']
    """
    second = set(pairs.values())
    return [name for name in names if name not in second]


def joined(arrays: Mapping[str, Any], key: str, like: Any, pairs: Pairs) -> Any:
    """The tensor of the arrays that go by ``key``, in the dtype and on the device of ``like``."""
    names = (key, pairs[key]) if key in pairs else (key,)
    return at_numbers(like, [arrays[name] for name in names], like.dtype)


def parted(key: str, value: Any, pairs: Pairs) -> dict[str, Array]:
    """The numbers of a tensor by name; a real one in a complex one's place has no imaginary part."""
    if key not in pairs:
        return {key: tensors.real_array(value)}
    whole = value if value.is_complex() else value + 0j
    return dict(zip((key, pairs[key]), map(tensors.real_array, parts_of(whole)), strict=True))


def product(one: Any, other: Any) -> Any:
    """The real scalar product: the sum of products of all parts."""
    return (one.conj() * other).real.sum() if one.is_complex() else (one * other).sum()


def whole_name(key: str, pairs: Pairs) -> str:
    """What a person calls the tensor."""
    return key.removesuffix("_").removesuffix("_real") if key in pairs else key
