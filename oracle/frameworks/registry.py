"""Which frameworks there are, and why one is not. Nothing here imports torch or JAX."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Mapping
from importlib.metadata import EntryPoint, PackageNotFoundError, entry_points
from importlib.util import find_spec

from oracle.frameworks.jax_framework import JaxFramework
from oracle.frameworks.protocol import Framework
from oracle.frameworks.torch_framework import TorchFramework

ENTRY_POINTS = "oracle.frameworks"
"""The entry point group under which a plug-in names a callable that returns a Framework."""

_OWN: Mapping[str, Callable[[], Framework]] = {"torch": TorchFramework, "jax": JaxFramework}


def known_names() -> tuple[str, ...]:
    """Names of all frameworks, ours first, then plug-ins by name."""
    return (*_OWN, *sorted(name for name in _plug_ins() if name not in _OWN))


def available(names: Iterable[str] | None = None) -> tuple[list[Framework], dict[str, str]]:
    """The frameworks that can be used, and for each other one why it cannot.

    ``names`` None means all that are known. A framework that is only not installed is no error.

    >>> available(["torhc"])
    ([], {'torhc': "unknown framework; did you mean 'torch'?"})
    """
    found: list[Framework] = []
    missing: dict[str, str] = {}
    for name in known_names() if names is None else dict.fromkeys(names):
        result = _load(name)
        if isinstance(result, str):
            missing[name] = result
        else:
            found.append(result)
    return found, missing


def _load(name: str) -> Framework | str:
    """The framework, or why there is none."""
    if name in _OWN:
        if find_spec(name) is None:
            return f'not installed; pip install "gradient-oracle[{name}]"'
        try:
            return _OWN[name]()
        except PackageNotFoundError:
            return "importable, but without metadata that tells its version"
    plug_in = _plug_ins().get(name)
    if plug_in is None:
        close = difflib.get_close_matches(name, known_names(), 1)
        return "unknown framework" + (f"; did you mean {close[0]!r}?" if close else "")
    try:
        framework: Framework = plug_in.load()()
    except Exception as error:  # noqa: BLE001 - a plug-in may fail in any way; the run goes on without it
        return f"its plug-in {plug_in.value} failed to load: {type(error).__name__}: {error}"
    return framework


def _plug_ins() -> dict[str, EntryPoint]:
    return {point.name: point for point in entry_points(group=ENTRY_POINTS)}
