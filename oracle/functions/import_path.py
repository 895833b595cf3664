"""The function that a case file names by ``package.module:function`` or ``file.py:function``."""

from __future__ import annotations

import difflib
import hashlib
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

from oracle.cases.model import Implementation


class ImplementationError(Exception):
    """No such function; says what was found instead."""


def function_at(implementation: Implementation, folder: Path) -> Callable[..., Any]:
    """The function itself. A file's path starts from ``folder``; a module is found as Python finds it from
    the current folder.

    ImplementationError if the module cannot be imported, has no such attribute, or if that is no function.
    """
    if implementation.module.endswith(".py"):
        value: Any = _from_file((folder / implementation.module).resolve())
    else:
        value = _from_module(implementation.module)
    path = implementation.module
    for name in implementation.attribute.split("."):
        if not hasattr(value, name):
            close = difflib.get_close_matches(name, [n for n in dir(value) if not n.startswith("_")], 1)
            hint = f"; did you mean {close[0]!r}?" if close else ""
            raise ImplementationError(f"{path} has no {name!r}{hint}")
        value, path = getattr(value, name), f"{path}.{name}"
    if not callable(value):
        raise ImplementationError(f"found {type(value).__name__} at {path}; expected a function")
    found: Callable[..., Any] = value
    return found


def _from_module(name: str) -> ModuleType:
    with _current_folder():
        try:
            return import_module(name)
        except ModuleNotFoundError as error:
            if error.name is None or not f"{name}.".startswith(f"{error.name}."):
                raise ImplementationError(f"importing {name} raises {_words(error)}") from error
            raise ImplementationError(f"found no module {error.name!r} from {Path.cwd()}") from error
        except Exception as error:
            raise ImplementationError(f"importing {name} raises {_words(error)}") from error


def _from_file(path: Path) -> ModuleType:
    """A module of its own name for each file, so that two files of one name are two modules."""
    if not path.is_file():
        raise ImplementationError(f"found no file {path}")
    name = f"{path.stem}_{hashlib.sha256(str(path).encode()).hexdigest()[:8]}"
    if name in sys.modules:
        return sys.modules[name]
    spec = spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ImplementationError(f"{path} cannot be imported")
    module = module_from_spec(spec)
    sys.modules[name] = module  # dataclasses and pickle look it up there
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        del sys.modules[name]
        raise ImplementationError(f"importing {path.name} raises {_words(error)}") from error
    return module


@contextmanager
def _current_folder() -> Iterator[None]:
    """Modules of the current folder come first, as under ``python -m``."""
    sys.path.insert(0, str(Path.cwd()))
    try:
        yield
    finally:
        sys.path.pop(0)


def _words(error: Exception) -> str:
    return f"{type(error).__name__}: {(str(error).strip().splitlines() or [''])[0]}"
