"""A script that shows one finding again, put together of its parts."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt

from oracle.judge.verdict import Finding
from oracle.reproducer import jax_text, torch_text
from oracle.reproducer.values import UNPACK, array_text

TEXTS: Mapping[str, ModuleType] = {"torch": torch_text, "jax": jax_text}
"""The parts of each framework that scripts are written for."""

_CERTIFIED = re.compile(r"(-?[0-9.]+(?:e[-+]?[0-9]+)?)(?: .*)?")
"""A certified number, as a finding has it."""

_IMPORT = re.compile(r"(import|from) [\w.]+( |$)")

ALWAYS = frozenset(
    {
        "import base64", "import math", "import zlib", "from decimal import Decimal", "import numpy as np",
        "from __future__ import annotations",
    }
)  # fmt: skip
"""What every script imports."""

HEAD = '''"""{title}

{needs}
"""

from __future__ import annotations

import base64
import math
import zlib
from decimal import Decimal

import numpy as np
{imports}
'''

RESULT = """
observed = {element}
print(f"observed    {{observed!r}}{was}")
print("certified  ", {reference!r})
"""

DIFFERENCE = """print(f"difference  {{Decimal(observed) - Decimal({certified!r}):.3g}}")
"""


@dataclass(frozen=True)
class Parts:
    """What a script is made of.

    ``definitions`` make ``program``, the function of all inputs that returns all outputs; ``given`` are the
    inputs in its order, as expressions. Vectors are in the order of the real outputs, or of ``wrt``.
    ``needs`` says what must be there to run it; ``setup`` stands before everything else and has what makes
    tensors.
    """

    framework: str
    definitions: Sequence[str]
    given: Mapping[str, str]
    wrt: Sequence[str]
    outputs: Sequence[str]
    cotangents: Sequence[npt.NDArray[Any]]
    tangents: Sequence[npt.NDArray[Any]]
    directions: Sequence[npt.NDArray[Any]]
    setup: str
    needs: str


def script(finding: Finding, title: str, parts: Parts) -> str | None:
    """The text of the script; None for a route that no script is written for."""
    texts = TEXTS[parts.framework]
    promise = finding.route.startswith("contract")
    if not promise and finding.route not in texts.ROUTES:
        return None
    imports = [line for line in parts.definitions if _IMPORT.match(line) and "\n" not in line]
    rest = [line for line in parts.definitions if line not in imports]
    sections = [
        parts.setup,
        "\n".join(rest),
        f"# {WHERE}\ngiven = {{\n" + "".join(f"    {n!r}: {e},\n" for n, e in parts.given.items()) + "}",
        f"wrt = {list(parts.wrt)!r}  # what is differentiated",
        _vectors(finding, parts),
        texts.FUNCTION,
        f'print({parts.framework!r}, {texts.VERSION}, "({_recorded(finding)})")\nprint({_asked(finding)!r})',
        texts.PROMISES if promise else f"# {finding.route}{texts.ROUTES[finding.route]}",
        _result(finding, parts),
    ]
    body = "\n\n\n".join(s.strip("\n") for s in sections if s.strip())
    if "unpacked(" in body:
        body = f"{UNPACK.strip()}\n\n\n{body}"
    own = [line for line in imports if line not in ALWAYS and line not in texts.IMPORTS.splitlines()]
    named = "\n".join([*texts.IMPORTS.splitlines(), *dict.fromkeys(own)])
    return f"{HEAD.format(title=title, needs=parts.needs, imports=named)}\n{body}\n"


WHERE = "the very numbers"


def _recorded(finding: Finding) -> str:
    return f"recorded with {finding.version}" if finding.version else "recorded"


def _asked(finding: Finding) -> str:
    order = " at order 2" if finding.order > 1 else ""
    return f"{place(finding)} by {finding.route} in {finding.dtype}{order}"


def place(finding: Finding) -> str:
    """What was compared, with the worst element's index."""
    index = f"[{', '.join(map(str, finding.index))}]" if finding.index else ""
    return "the function" if finding.argument == "-" else f"{finding.argument}{index}"


def _vectors(finding: Finding, parts: Parts) -> str:
    """Only those that the route needs have numbers."""
    forward = finding.route.endswith(".jvp")
    chosen = {
        "cotangents": [] if forward else parts.cotangents,
        "tangents": parts.tangents if forward else [],
        "directions": parts.directions if finding.order > 1 else [],
    }
    lines = []
    for name, arrays in chosen.items():
        inner = "".join(f"    {array_text(np.asarray(a, dtype=np.float64))},\n" for a in arrays)
        lines.append(f"{name} = [\n{inner}]" if arrays else f"{name} = []")
    return "\n".join(lines)


def _result(finding: Finding, parts: Parts) -> str:
    """Observed beside certified; of a finding without a number what was said of it."""
    said = (finding.detail.strip().splitlines() or [finding.verdict.value])[0]
    array = _array(finding, parts)
    if array is None or finding.observed is None or finding.index is None:
        return f"print({f'recorded: {finding.verdict.value}: {said}'!r})"
    index = ", ".join(map(str, finding.index)) or "()"
    element = TEXTS[parts.framework].ELEMENT.format(array=array, index=index)
    was = f"   (recorded: {finding.observed!r})"
    text = RESULT.format(element=element, was=was, reference=finding.reference or "no finite value")
    certified = _CERTIFIED.fullmatch(finding.reference or "")
    return text + (DIFFERENCE.format(certified=certified[1]) if certified else "")


def _array(finding: Finding, parts: Parts) -> str | None:
    """The array that a finding speaks of, as an expression."""
    what, _, name = finding.argument.rpartition(" ")
    match what:
        case "gradient of" if name in parts.wrt:
            return f"derivatives[{list(parts.wrt).index(name)}]"
        case "tangent of" if _word(name) in parts.outputs:
            return f"derivatives[{list(parts.outputs).index(_word(name))}]"
        case "value of" if _word(name) in parts.outputs:
            return f"[o for o in outputs if is_real(o)][{list(parts.outputs).index(_word(name))}]"
    return None


def _word(path: str) -> str:
    """The name of what lies at a path: ``out_0`` for ``out[0]``."""
    return "_".join(re.findall(r"[0-9A-Za-z]+", path)) if not path.isidentifier() else path
