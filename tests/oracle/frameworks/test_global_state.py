"""A check leaves the process as it found it."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import warnings
from pathlib import Path

import jax
import numpy as np
import pytest
import torch

from oracle.frameworks.jax_framework import JaxFramework, cache_folder
from oracle.frameworks.protocol import Framework
from oracle.frameworks.torch_framework import TorchFramework
from tests.oracle.frameworks.setting import SETTINGS, point_of


def state() -> list[object]:
    """Every global setting that a check could have changed."""
    return [
        torch.get_default_dtype(),
        torch.get_rng_state().tolist(),
        torch.is_grad_enabled(),
        torch.get_num_threads(),
        torch.are_deterministic_algorithms_enabled(),
        jax.config.jax_enable_x64,
        jax.numpy.ones(1).dtype.name,
        jax.config.jax_compilation_cache_dir,
        random.getstate(),
        np.random.get_state()[1].tolist(),  # type: ignore[index,union-attr]  # noqa: NPY002 - the global generator
        np.geterr(),
        list(warnings.filters),
    ]


@pytest.mark.parametrize("framework", [TorchFramework(), JaxFramework()], ids=lambda f: f.name)
def test_nothing_is_left_behind(framework: Framework) -> None:
    """Default dtype, 64-bit flag, generators, grad mode, threads and warning filters are as before."""
    program = SETTINGS["lstm"].program
    point = point_of(program, SETTINGS["lstm"].arrays)
    before = state()
    for route in framework.routes:
        framework.derivative(route, program, point)
    framework.second_order(framework.second_order_routes[0], program, point)
    framework.value(program, point)
    framework.flushes_subnormals()
    assert state() == before


@pytest.mark.parametrize("framework", [TorchFramework(), JaxFramework()], ids=lambda f: f.name)
def test_inputs_are_not_touched(framework: Framework) -> None:
    """The caller's arrays share no memory with what the framework was given or gave."""
    program = SETTINGS["unreached input"].program
    point = point_of(program, SETTINGS["unreached input"].arrays)
    copies = {name: a.copy() for name, a in point.inputs.items()}
    answer = framework.derivative(framework.routes[0], program, point)
    for derivative in answer.derivatives.values():
        derivative[...] = 99.0
    assert all(np.array_equal(point.inputs[n], a) for n, a in copies.items())
    again = framework.derivative(framework.routes[0], program, point)
    assert not any((d == 99.0).any() for d in again.derivatives.values())


def test_cache_folder_can_be_moved(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The environment says where compiled functions are kept."""
    monkeypatch.setenv("ORACLE_CACHE_DIR", str(tmp_path))
    assert str(cache_folder()).startswith(str(tmp_path))
    monkeypatch.delenv("ORACLE_CACHE_DIR")
    monkeypatch.setenv("XDG_CACHE_HOME", "/somewhere")
    assert cache_folder().as_posix() == "/somewhere/oracle/jax"


def test_compiled_functions_are_kept(tmp_path: Path) -> None:
    """What a run compiles lies in the folder for the next one."""
    code = (
        "import numpy as np; from oracle.frameworks.jax_framework import JaxFramework, keep_compiled; "
        "from tests.oracle.frameworks.setting import SETTINGS, point_of; keep_compiled(); "
        "s = SETTINGS['worked example']; point = point_of(s.program, s.arrays); "
        "JaxFramework().derivative('jax.jit', s.program, point)"
    )
    environment = dict(os.environ) | {"ORACLE_CACHE_DIR": str(tmp_path)}
    subprocess.run([sys.executable, "-c", code], check=True, env=environment)
    assert list((tmp_path / "jax").iterdir())
