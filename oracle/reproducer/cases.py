"""The script for a finding on a case: its program in plain calls of the framework, or a person's function."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from oracle.execution.points import Bench, bench, set_up
from oracle.judge.verdict import Finding
from oracle.reproducer.native import MAKERS, function_lines
from oracle.reproducer.operations import Operations
from oracle.reproducer.script import TEXTS, Parts, place, script
from oracle.reproducer.torch_text import LAYOUTS
from oracle.reproducer.values import array_text

if TYPE_CHECKING:
    from oracle.cases.model import Case, Implementation

PROGRAM = """

def program(*inputs):
    names = {names!r}
    parameters = inspect.signature(fn).parameters
    if all(name in parameters for name in names):
        result = fn(**dict(zip(names, inputs)))
    else:
        result = fn(*inputs)
    return tuple(tensors_in(result))
"""


def case_script(finding: Finding, case: Case, seed: int) -> str | None:
    """The script; None for a framework, a route or an operation that none is written for."""
    own = next((i for i in case.implementations if i.name == finding.framework), None)
    framework = own.framework if own else finding.framework
    if framework not in TEXTS or finding.dtype == "-":
        return None
    texts = TEXTS[framework]
    where = bench(case, finding.dtype, seed, finding.order)
    if own is not None:  # functions have cotangents of their own
        point, given = where.point, case.cotangent or {}
        where = set_up(
            case.program, point.inputs, point.wrt, where.precision, where.order, given, [seed], point.layouts
        )
    try:
        definitions = _program(framework, where) if own is None else _function(own, case, where)
    except KeyError:
        return None
    point = where.point
    parts = Parts(
        framework,
        [*_layouts(framework, where), *definitions],
        {n: _given(n, framework, where) for n in case.program.input_names},
        point.wrt,
        where.real_outputs,
        [point.cotangents[n] for n in where.real_outputs],
        [point.tangents[n] for n in point.wrt],
        [point.directions[n] for n in point.wrt],
        texts.START.format(wide=True) + texts.TENSORS.format(dtype=finding.dtype),
        f"Needs {framework} and numpy" + (f", and {own.name}." if own else " alone."),
    )
    title = f"{case.name}: {place(finding)} by {finding.route} is {finding.verdict.value}."
    return script(finding, title, parts)


def _program(framework: str, where: Bench) -> Sequence[str]:
    operations = Operations(framework)
    program = function_lines(where.program, operations)
    return [*operations.lines(), "", "", *program]


def _function(own: Implementation, case: Case, where: Bench) -> Sequence[str]:
    """The function that the case names, imported as the case's file says."""
    lines = ["import inspect", "import sys", "from importlib import import_module", ""]
    if own.module.endswith(".py"):
        file = (case.path.parent / own.module).resolve()
        folder, module = file.parent, file.stem
    else:
        folder, module = Path.cwd(), own.module
    lines += [f"sys.path.insert(0, {str(folder)!r})", f"fn = import_module({module!r})"]
    lines += [f"for name in {own.attribute.split('.')!r}:", "    fn = getattr(fn, name)", ""]
    return [*lines, TEXTS[own.framework].CALL, PROGRAM.format(names=list(where.program.input_names))]


def _given(name: str, framework: str, where: Bench) -> str:
    kind = where.program.input_types[name].kind
    text = f"{MAKERS[kind]}({array_text(where.point.inputs[name])})"
    layout = _layout(name, framework, where)
    return text if layout == "contiguous" else f"{layout}({text})"


def _layout(name: str, framework: str, where: Bench) -> str:
    """How an input lies in memory; arrays of JAX have no layout."""
    return where.point.layouts.get(name, "contiguous") if framework == "torch" else "contiguous"


def _layouts(framework: str, where: Bench) -> list[str]:
    used = dict.fromkeys(_layout(n, framework, where) for n in where.program.input_names)
    return [LAYOUTS[layout].rstrip() for layout in used if layout != "contiguous"]
