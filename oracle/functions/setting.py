"""The settings of a process that a function may depend on, to be taken to another process."""

from __future__ import annotations

import random
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import numpy as np

JAX_FLAGS = (
    "jax_enable_x64",
    "jax_default_matmul_precision",
    "jax_default_prng_impl",
    "jax_numpy_dtype_promotion",
    "jax_threefry_partitionable",
)
"""Flags of JAX that change what a function computes."""


@dataclass(frozen=True)
class Setting:
    """Generator states, and the flags of one framework by name."""

    python: Any
    numpy: Any
    framework: str
    flags: dict[str, Any]


def present(framework: str, inputs: tuple[Any, ...]) -> Setting:
    """The setting in which a function of these inputs runs in this process."""
    if framework == "torch":
        torch = import_module("torch")
        flags = {
            "generator": torch.get_rng_state(),
            "dtype": torch.get_default_dtype(),
            "matmul": torch.get_float32_matmul_precision(),
            "deterministic": torch.are_deterministic_algorithms_enabled(),
        }
    else:
        jax = import_module("jax")
        flags = {name: getattr(jax.config, name, None) for name in JAX_FLAGS}
        leaves = [v for v in jax.tree_util.tree_leaves(inputs) if isinstance(v, jax.Array)]
        flags["jax_enable_x64"] |= any(v.dtype.itemsize == 8 for v in leaves)  # 64 bits if an input has
    return Setting(random.getstate(), np.random.get_state(), framework, flags)  # noqa: NPY002 - it may be used


def adopt_generators(setting: Setting) -> None:
    """Put the generators of this process into their states."""
    random.setstate(setting.python)
    np.random.set_state(setting.numpy)  # noqa: NPY002
    if setting.framework == "torch":
        import_module("torch").set_rng_state(setting.flags["generator"])


def adopt_flags(setting: Setting) -> None:
    """Make its flags those of this process."""
    flags = setting.flags
    if setting.framework == "torch":
        torch = import_module("torch")
        torch.set_default_dtype(flags["dtype"])
        torch.set_float32_matmul_precision(flags["matmul"])
        if torch.are_deterministic_algorithms_enabled() != flags["deterministic"]:  # loads a compiler
            torch.use_deterministic_algorithms(flags["deterministic"])
        return
    config = import_module("jax").config
    for name, value in flags.items():
        if getattr(config, name, None) != value:
            config.update(name, value)
