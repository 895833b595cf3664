"""Case files to Cases: every bad file is one CaseError, and the others load."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from oracle.cases.check import check
from oracle.cases.document import Fields, Node, Scalar, describe, read_document, read_file
from oracle.cases.errors import CaseError, did_you_mean
from oracle.cases.implementations import Code, read_implementations
from oracle.cases.inputs import read_input
from oracle.cases.model import Case, CaseInput, CaseModel, KnownFinding
from oracle.cases.values import Array, WrittenArray, read_array, read_written
from reference_engine.language import parse
from reference_engine.program import Program, TensorType
from reference_engine.syntax import LanguageError

SUFFIXES = (".yaml", ".yml")
LIBRARY = "cases"
"""A folder of this name is the root that case names start from, wherever inside it a run begins."""


def load_cases(paths: Iterable[Path], code: Code = "imported") -> tuple[list[Case], list[CaseError]]:
    """All cases of files and folders (searched for *.yaml and *.yml in order), and what could not be read.

    With ``code="refused"`` a file that names code to import is among the latter.
    """
    cases: dict[str, Case] = {}
    errors: list[CaseError] = []
    seen: set[Path] = set()
    for given in paths:
        root = root_of(given)
        try:
            files = find_files(given)
        except CaseError as error:
            errors.append(error)
            continue
        for path in files:
            if path.resolve() in seen:
                continue
            seen.add(path.resolve())
            try:
                case = load_case(path, root, code)
            except CaseError as error:
                errors.append(error)
                continue
            if case.name in cases:
                found = f"the case name {case.name!r} is also that of {cases[case.name].path}"
                hint = "run the folder that holds both"
                errors.append(CaseError(path, 0, 0, found, "one name each", hint))
                continue
            cases[case.name] = case
    return list(cases.values()), errors


def root_of(path: Path) -> Path:
    """Where names start: the nearest folder called ``cases`` around the path, else the folder given.

    >>> root_of(Path("repo/cases/kinks/relu.yaml")).as_posix()
    'repo/cases'
    """
    folder = path if path.suffix not in SUFFIXES else path.parent
    return next((f for f in (folder, *folder.parents) if f.name == LIBRARY), folder)


def find_files(path: Path) -> list[Path]:
    """The case files of a folder, sorted, hidden folders left out; a file is itself."""
    if not path.is_dir():
        if path.exists() and path.suffix not in SUFFIXES:
            raise CaseError(path, 0, 0, f"found a file ending in {path.suffix!r}", "*.yaml")
        return [path]

    def fail(error: OSError) -> None:
        raise CaseError(Path(error.filename), 0, 0, f"cannot be read: {error.strerror}") from error

    files: list[Path] = []
    for folder, inner, names in os.walk(path, onerror=fail):
        inner[:] = [name for name in inner if not name.startswith(".")]
        files += [Path(folder, name) for name in names if Path(name).suffix in SUFFIXES]
    if not files:
        raise CaseError(path, 0, 0, "found no case files in the folder", "*.yaml")
    return sorted(files)


def load_case(path: Path, root: Path, code: Code = "imported") -> Case:
    """The case in a file, named by its path below ``root``; CaseError if it cannot be right."""
    return read_case(path, read_file(path), _name(path, root), code)


def read_case(path: Path, text: str, name: str, code: Code = "imported") -> Case:
    """The case in a text; ``path`` is only where errors say they are."""
    document = read_document(path, text)
    model = check(path, document)
    implementations = read_implementations(path, document, code)
    inputs = _inputs(path, document, model)
    program, line = _program(path, text, document, inputs)
    values, gradient = _expect(path, document, program, inputs)
    cotangent = _cotangent(path, document, program)
    if gradient and cotangent is None:
        for output, type_ in zip(program.output_names, program.output_types, strict=True):
            if type_.shape:
                found = f"the output {output!r} has shape {type_.shape}, and a gradient is expected"
                raise _at(path, document, "expect", found, "cotangent: a value of that shape")
    return Case(
        name=name,
        path=path,
        about=model.about,
        program=program,
        program_text=model.program,
        program_line=line,
        inputs=inputs,
        expect_values=values,
        expect_gradient=gradient,
        cotangent=cotangent,
        dtypes=tuple(model.dtypes),
        frameworks=None if model.frameworks is None else tuple(model.frameworks),
        routes=None if model.routes is None else tuple(model.routes),
        order=model.order,
        known=tuple(
            KnownFinding(k.framework, k.version, k.verdict, k.reason, k.dtype, k.route, k.argument)
            for k in model.known
        ),
        contract=tuple(model.contract),
        timeout=model.timeout,
        tags=tuple(model.tags),
        implementations=implementations,
    )


def _name(path: Path, root: Path) -> str:
    try:
        return path.relative_to(root).with_suffix("").as_posix()
    except ValueError:
        return path.stem


def _inputs(path: Path, document: Fields, model: CaseModel) -> tuple[CaseInput, ...]:
    node = document.get("inputs")
    assert isinstance(node, Fields)
    inputs = tuple(read_input(path, key, value, model.inputs[key.text]) for key, value in node.entries)
    if not any(i.grad for i in inputs):
        raise CaseError(
            path, node.line, node.column, "no input is differentiated", "grad: true for one of them"
        )
    return inputs


def _program(path: Path, text: str, document: Fields, inputs: Sequence[CaseInput]) -> tuple[Program, int]:
    """The program and the file's line of its first line."""
    node = document.get("program")
    assert isinstance(node, Scalar)
    types = {i.name: TensorType(i.array.shape, i.kind) for i in inputs}
    block = node.style == "|"
    if node.style == ">" or (not block and node.end_line != node.line):
        hint = "write 'program: |' and the statements below it"
        raise CaseError(path, node.line, node.column, "found a text whose lines are joined", hint=hint)
    line, indent = (node.line + 1, _indentation(text, node)) if block else (node.line, node.column - 1)
    indent += 1 if node.style in {"'", '"'} else 0
    try:
        program = parse(node.text, types)
    except LanguageError as error:
        place = (line + error.line - 1, indent + error.column)
        raise CaseError(path, *place, error.found, error.expected, error.hint) from error
    if all(t.kind != "real" for t in program.output_types):
        kinds = " and ".join(t.kind for t in program.output_types)
        raise CaseError(
            path, node.line, node.column, f"every output is {kinds}", "a real output to differentiate"
        )
    return program, line


def _indentation(text: str, node: Scalar) -> int:
    """How far YAML moved a block's text to the left."""
    lines = text.split("\n")[node.line :]
    for raw, kept in zip(lines, node.text.split("\n"), strict=False):
        if kept.strip():
            return len(raw.rstrip("\r")) - len(kept)
    return 0


def _expect(
    path: Path, document: Fields, program: Program, inputs: Sequence[CaseInput]
) -> tuple[dict[str, WrittenArray], dict[str, WrittenArray]]:
    """Expected node values and gradients, each of the shape of what it is expected of."""
    node = document.get("expect")
    if not isinstance(node, Fields):
        return {}, {}
    shapes = {n.name: n.type.shape for n in program.nodes if n.name}
    shapes |= {n: t.shape for n, t in zip(program.output_names, program.output_types, strict=True)}
    values: dict[str, WrittenArray] = {}
    gradient: dict[str, WrittenArray] = {}
    for key, value in node.entries:
        if key.text != "gradient":
            values[key.text] = _written(path, key, value, shapes, "a named value of the program")
            continue
        if not isinstance(value, Fields):
            raise CaseError(
                path, value.line, value.column, f"found {describe(value)}", "a value for each input"
            )
        differentiated = {i.name: i.array.shape for i in inputs if i.grad}
        for name, item in value.entries:
            gradient[name.text] = _written(
                path, name, item, differentiated, "an input that is differentiated"
            )
    return values, gradient


def _written(
    path: Path, key: Scalar, node: Node, shapes: Mapping[str, tuple[int, ...]], what: str
) -> WrittenArray:
    _check_key(path, key, shapes, what)
    array = read_written(path, node)
    _check_shape(path, key, node, array.shape, shapes[key.text])
    return array


def _cotangent(path: Path, document: Fields, program: Program) -> dict[str, Array] | None:
    """The cotangent of every real output."""
    node = document.get("cotangent")
    if node is None:
        return None
    shapes = {
        name: t.shape
        for name, t in zip(program.output_names, program.output_types, strict=True)
        if t.kind == "real"
    }
    if not isinstance(node, Fields):
        if len(shapes) > 1:
            found = f"found {describe(node)} for {len(shapes)} outputs"
            raise CaseError(path, node.line, node.column, found, "a value for each output by name")
        (name,) = shapes
        entries: tuple[tuple[Scalar, Node], ...] = (
            (Scalar(name, None, node.line, node.column, node.line), node),
        )
    else:
        entries = node.entries
    found_arrays: dict[str, Array] = {}
    for key, value in entries:
        _check_key(path, key, shapes, "a real output")
        array = read_array(path, value, "float")
        _check_shape(path, key, value, array.shape, shapes[key.text])
        found_arrays[key.text] = array
    missing = [name for name in shapes if name not in found_arrays]
    if missing:
        raise CaseError(path, node.line, node.column, f"the cotangent of {missing[0]!r} is missing")
    return found_arrays


def _check_key(path: Path, key: Scalar, known: Iterable[str], what: str) -> None:
    names = list(known)
    if key.text not in names:
        hint = did_you_mean(key.text, names)
        expected = f"{what}: {', '.join(names)}"
        raise CaseError(path, key.line, key.column, f"unknown name {key.text!r}", expected, hint)


def _check_shape(
    path: Path, key: Scalar, node: Node, found: tuple[int, ...], expected: tuple[int, ...]
) -> None:
    if found != expected:
        message = f"found shape {found} for {key.text!r}"
        raise CaseError(path, node.line, node.column, message, f"shape {expected}")


def _at(path: Path, document: Fields, key: str, found: str, expected: str) -> CaseError:
    place = document.key(key) or document
    return CaseError(path, place.line, place.column, found, expected)
