"""Which frameworks are there, and why one is not."""

from __future__ import annotations

import importlib.metadata
import subprocess
import sys

import pytest

from oracle.frameworks import registry


def test_both_are_found_with_versions() -> None:
    """Torch and JAX come first, with the versions that their metadata tell."""
    found, missing = registry.available()
    assert [(f.name, f.version) for f in found[:2]] == [
        ("torch", importlib.metadata.version("torch")),
        ("jax", importlib.metadata.version("jax")),
    ]
    assert missing == {}


def test_asked_for_by_name_once() -> None:
    """Names are taken in order and once; an unknown one gets a hint."""
    found, missing = registry.available(["jax", "jax", "tocrh"])
    assert [f.name for f in found] == ["jax"]
    assert missing == {"tocrh": "unknown framework; did you mean 'torch'?"}


def test_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A framework that is not installed is said once, with the command that installs it."""
    monkeypatch.setattr(registry, "find_spec", lambda name: None if name == "torch" else object())
    found, missing = registry.available()
    assert [f.name for f in found] == ["jax"]
    assert missing == {"torch": 'not installed; pip install "gradient-oracle[torch]"'}


class _Point:
    """An entry point that loads a name of a module."""

    def __init__(self, name: str, value: str) -> None:
        self.name, self.value = name, value

    def load(self) -> object:
        """What the entry point names."""
        return importlib.metadata.EntryPoint(self.name, self.value, registry.ENTRY_POINTS).load()


def test_plug_ins(monkeypatch: pytest.MonkeyPatch) -> None:
    """A plug-in is one more framework; one that fails to load says so and stops nothing."""
    points = [
        _Point("mine", "oracle.frameworks.torch_framework:TorchFramework"),
        _Point("broken", "no_such_module:F"),
    ]
    monkeypatch.setattr(
        registry, "entry_points", lambda group: points if group == registry.ENTRY_POINTS else []
    )
    assert registry.known_names() == ("torch", "jax", "broken", "mine")
    found, missing = registry.available(["mine", "broken"])
    assert [f.name for f in found] == ["torch"]
    assert missing["broken"].startswith("its plug-in no_such_module:F failed to load: ModuleNotFoundError")


def test_nothing_is_imported() -> None:
    """Asking what there is imports neither torch nor JAX."""
    code = (
        "import sys; from oracle.frameworks.registry import available; "
        "print([f.version for f in available()[0]], {'torch', 'jax'} & set(sys.modules))"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert out.strip().endswith("set()")
