"""A Program as a Python function of a framework's tensors, as a person would have written it."""

from __future__ import annotations

import builtins
import keyword
from collections.abc import Iterable
from dataclasses import dataclass

from oracle.reproducer.operations import Operations
from oracle.reproducer.values import array_text, literal
from reference_engine.arguments import node_arguments
from reference_engine.operations import lookup
from reference_engine.program import FrozenArray, Kind, Node, Program

TAKEN = frozenset(
    {
        "np", "math", "sys", "base64", "zlib", "torch", "F", "operator", "jax", "jnp", "jsp", "jsl", "real",
        "integer", "boolean", "convert", "unpacked", "program", "given", "primals", "fn", *dir(builtins),
    }
)  # fmt: skip
"""Names that no variable may have: others of the script, and Python's own."""

MAKERS: dict[Kind, str] = {"real": "real", "int": "integer", "bool": "boolean"}
"""Functions of the script that make a tensor of a kind from numbers."""


@dataclass
class _Writer:
    """The lines of a function under way; ``names`` are of nodes, ``numbers`` tells which are bare numbers."""

    program: Program
    operations: Operations
    names: dict[int, str]
    numbers: set[int]
    lines: list[str]
    pending: dict[object, tuple[str, set[int]]]


def function_lines(program: Program, operations: Operations) -> list[str]:
    """``def program(...)`` of the inputs, which returns all outputs as a tuple. The calls are those that
    :func:`oracle.frameworks.interpret.run` makes.

    KeyError names an operation that the framework's table lacks.
    """
    writer = _Writer(program, operations, {}, set(), [], {})
    for index, node in program:
        _write(writer, index, node)
    outputs = [
        f"{MAKERS[program.nodes[i].type.kind]}({writer.names[i]})" if i in writer.numbers else writer.names[i]
        for i in program.outputs
    ]
    inputs = ", ".join(writer.names[i] for i in program.inputs)
    body = [*writer.lines, f"return ({', '.join(outputs)},)"]
    return [f"def program({inputs}):", *(f"    {line}" for line in body)]


def input_names(program: Program) -> dict[str, str]:
    """What the inputs are called in the function."""
    taken: list[str] = []
    for name in program.input_names:
        taken.append(_free(name, taken))
    return dict(zip(program.input_names, taken, strict=True))


def _write(writer: _Writer, index: int, node: Node) -> None:
    if node.op == "constant":
        value = node.attr("value")
        if isinstance(value, FrozenArray):
            text = f"{MAKERS[node.type.kind]}({array_text(value.value)})"
            _assign(writer, index, text)
        else:
            writer.names[index] = literal(float(value) if node.type.kind == "real" else value)
            writer.numbers.add(index)
        return
    if node.op == "input":
        writer.names[index] = _free(node.name or "x", writer.names.values())
        return
    key = (node.op, node.inputs, node.attrs)
    if key in writer.pending and node.output not in writer.pending[key][1]:
        results, used = writer.pending[key]
        used.add(node.output)
        _assign(writer, index, f"{results}[{node.output}]")
        return
    text = writer.operations.call(node.op, _arguments(writer, node))
    if str(lookup(node.op).prototype.__annotations__.get("return")).startswith("tuple"):
        results = _free("results", writer.names.values())
        writer.lines.append(f"{results} = {text}")
        writer.pending[key] = (results, {node.output})
        writer.names[-1 - len(writer.pending)] = results  # so that no node takes the name
        text = f"{results}[{node.output}]"
    elif node.op in {"pi", "e"}:
        writer.numbers.add(index)
    _assign(writer, index, text)


def _assign(writer: _Writer, index: int, text: str) -> None:
    name = _free(writer.program.nodes[index].name or f"v{index}", writer.names.values())
    writer.names[index] = name
    writer.lines.append(f"{name} = {text}")


def _arguments(writer: _Writer, node: Node) -> dict[str, str]:
    """Arguments by our parameter names; operands in the form in which a person passes them."""
    operands = _operands(writer, node)
    return {name: _text(value) for name, value in node_arguments(node, operands).items()}


@dataclass(frozen=True)
class _Code:
    """An expression, told apart from an attribute that is a text."""

    text: str


def _text(value: object) -> str:
    match value:
        case _Code(text=text):
            return text
        case list() | tuple() if any(isinstance(v, _Code) for v in value):
            return f"[{', '.join(map(_text, value))}]"
        case _:
            return literal(value)


def _operands(writer: _Writer, node: Node) -> list[_Code]:
    """As :func:`oracle.frameworks.interpret.run` passes them: a number stays bare beside a tensor where the
    framework takes one; a real result of no real tensor would get the framework's default dtype otherwise.
    """
    kinds = [writer.program.nodes[i].type.kind for i in node.inputs]
    tensors = [i not in writer.numbers for i in node.inputs]
    bare = node.op in writer.operations.number_operands and any(tensors)
    adrift = node.type.kind == "real" and not any(
        t and k == "real" for t, k in zip(tensors, kinds, strict=True)
    )
    found = []
    for i, kind, tensor in zip(node.inputs, kinds, tensors, strict=True):
        text = writer.names[i]
        if adrift and (kind != "bool" or node.op != "where"):
            text = f"convert({text})" if tensor else f"real({text})"
        elif not tensor and not bare:
            text = f"{MAKERS[kind]}({text})"
        found.append(_Code(text))
    return found


def _free(wanted: str, taken: Iterable[str]) -> str:
    """A name that Python, the script and the function leave free."""
    name = wanted
    used = set(taken) | TAKEN
    while name in used or keyword.iskeyword(name) or name.startswith(("_", "call_")):
        name = f"{name.lstrip('_')}_" if not name.startswith("call_") else f"{name.removeprefix('call_')}_"
    return name
