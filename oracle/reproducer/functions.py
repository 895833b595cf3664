"""The script for a finding on a person's own function: imported, or written out with what it refers to."""

from __future__ import annotations

import base64
import io
import pickle
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from oracle.frameworks.protocol import Point
from oracle.judge.verdict import Finding
from oracle.lift.program import Slot
from oracle.reproducer.origin import MAIN, NotWrittenError, Origin, origin_of, search_path, source_lines
from oracle.reproducer.script import TEXTS, Parts, place, script
from oracle.reproducer.sources import Closure, Module
from oracle.reproducer.values import array_text, literal

KINDS: Mapping[str, Any] = {"f": np.float64, "i": np.int64, "b": np.bool_}
"""Formats in which arrays of numpy are written."""

LARGEST = 1_000_000
"""Bytes of an object that is packed into a script."""


def function_script(
    finding: Finding,
    function: Any,
    inputs: Sequence[Any],
    names: Sequence[str],
    slots: Sequence[Slot],
    point: Point,
    *,
    wide: bool,
) -> str | None:
    """The script; None where the inputs or the function have no text. ``names`` are those of the parameters.

    ``wide`` says whether JAX had 64 bits.
    """
    own = {s.path: s for s in slots}
    paths = [s.path for s in slots if s.name in point.wrt]
    framework = finding.framework
    if framework not in TEXTS or len(paths) != len(point.wrt) or any(s.part for s in slots):
        return None  # somebody else's tensors are among those differentiated, or complex ones
    texts = TEXTS[framework]
    try:
        call = _call(framework, inputs, names, slots)
        definitions = [*_function(function), "", "", texts.CALL.strip(), "", *call]
    except NotWrittenError:
        return None
    parts = Parts(
        framework,
        definitions,
        {path: f"tensor({array_text(s.array)}, {s.dtype!r})" for path, s in own.items()},
        paths,
        list(point.cotangents),
        list(point.cotangents.values()),
        [point.tangents[n] for n in point.wrt],
        [point.directions[n] for n in point.wrt],
        (texts.START.format(wide=wide) if framework == "jax" else "") + texts.OWN_TENSORS,
        f"Needs {framework}, numpy and what the function itself imports.",
    )
    title = f"{finding.case}: {place(finding)} by {finding.route} is {finding.verdict.value}."
    return script(finding, title, parts)


def _call(
    framework: str, inputs: Sequence[Any], names: Sequence[str], slots: Sequence[Slot]
) -> Iterator[str]:
    """``def program(...)``, which puts tensors back into the structure of the inputs."""
    variables = {s.path: f"x{k}" for k, s in enumerate(slots)}
    arguments = [_expression(value, name, variables) for value, name in zip(inputs, names, strict=True)]
    held = {s.path: variables[s.path] for s in slots if s.captured}
    if held and framework != "torch":
        msg = "arrays in a function that is a pytree"
        raise NotWrittenError(msg)
    called = f"fn({', '.join(arguments)})"
    if held:
        state = ", ".join(f"{path!r}: {v}" for path, v in held.items())
        called = f"torch.func.functional_call(fn, {{{state}}}, ({''.join(a + ', ' for a in arguments)}))"
    yield ""
    yield f"def program({', '.join(variables.values())}):"
    yield f"    return tuple(tensors_in({called}))"


def _expression(value: Any, path: str, variables: Mapping[str, str]) -> str:
    """An input as text, tensors by name."""
    if path in variables:
        return variables[path]
    if type(value) is dict:
        pairs = [f"{literal(k)}: {_expression(v, f'{path}[{k!r}]', variables)}" for k, v in value.items()]
        return f"{{{', '.join(pairs)}}}"
    if type(value) in {list, tuple}:
        inner = [_expression(v, f"{path}[{k}]", variables) for k, v in enumerate(value)]
        return f"[{', '.join(inner)}]" if type(value) is list else f"({''.join(v + ', ' for v in inner)})"
    if isinstance(value, np.ndarray) and value.dtype.kind in KINDS:
        return array_text(value.astype(KINDS[value.dtype.kind]))
    try:
        return literal(value)
    except TypeError as error:
        raise NotWrittenError(str(error)) from error


def _function(function: Any) -> list[str]:
    """``fn``, by the plainest way there is."""
    origin = origin_of(function)
    if origin.module not in {"", MAIN} and not _needs_us(origin):
        return _imported(origin)
    try:
        return source_lines(function, origin, "fn")
    except NotWrittenError as why:
        return _packed(function) or _to_be_pasted(origin, str(why))


def _needs_us(origin: Origin) -> bool:
    """Whether the file of a function, such as a test's, imports the oracle."""
    if not origin.file or not Path(origin.file).is_file():
        return False
    module = Module(Path(origin.file))
    return module.imports("oracle") or module.imports("reference_engine") or module.imports("pytest")


def _imported(origin: Origin) -> list[str]:
    own = [p for p in search_path() if origin.file and Path(origin.file).is_relative_to(p)]
    root = origin.attribute.partition(".")[0]
    found = "\n".join([*(f"sys.path.insert(0, {p!r})" for p in own), f"from {origin.module} import {root}"])
    lines = ["import sys", found]
    return lines if origin.attribute == "fn" else [*lines, f"fn = {origin.attribute}"]


def _packed(function: Any) -> list[str] | None:
    """An object, such as a module with its weights, as Python's own pickle; None if there is none, or if it
    needs us. Classes that cannot be imported are written out before it.
    """
    try:
        packed = pickle.dumps(function)
        found = _Classes(packed)
        found.load()
    except Exception:  # noqa: BLE001 - whatever its class does when it is copied
        return None
    if len(packed) > LARGEST:
        return None
    closure = Closure()
    for module, name in found.classes:
        file = getattr(sys.modules.get(module), "__file__", None) or ""
        if module == MAIN or _needs_us(Origin(module, name, file, name)):
            if not Path(file).is_file():
                return None
            closure.take(Module(Path(file)), name.partition(".")[0])
            found.written.add(module)
    if closure.packages & {"oracle", "reference_engine", "pytest", "."}:
        return None
    text = base64.b85encode(packed).decode("ascii")
    lines = [f"    {text[k : k + 96]!r}" for k in range(0, len(text), 96)]
    loader = LOADER.format(written=sorted(found.written)).splitlines()
    return [*closure.lines(), *loader, "fn = Here(io.BytesIO(base64.b85decode(", *lines, "))).load()"]


LOADER = """import io
import pickle


class Here(pickle.Unpickler):
    def find_class(self, module, name):
        return globals()[name] if module in {written!r} else super().find_class(module, name)

"""


class _Classes(pickle.Unpickler):
    """Reads a pickle and notes what it refers to."""

    def __init__(self, packed: bytes) -> None:
        super().__init__(io.BytesIO(packed))
        self.classes: list[tuple[str, str]] = []
        self.written: set[str] = set()

    def find_class(self, module: str, name: str) -> Any:
        """As pickle finds it."""
        self.classes.append((module, name))
        return super().find_class(module, name)


def _to_be_pasted(origin: Origin, why: str) -> list[str]:
    where = f"{origin.qualified} of {Path(origin.file).name}" if origin.file else origin.qualified
    return [
        "def fn(*inputs):",
        f"    raise NotImplementedError({f'paste {where} here: {why}'!r})",
    ]
