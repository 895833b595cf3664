"""Functions of somebody's own that a case holds to its program: where they are written, and whether they may
be.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from oracle.cases.document import Fields, Items, Node, Scalar
from oracle.cases.errors import CaseError
from oracle.cases.model import Implementation

Code = Literal["imported", "refused"]
"""What becomes of the code that a case names. Whoever runs cases of others, as a service does, refuses it:
everything else in a case file is data.
"""

_PLACE = re.compile(r"(?P<module>[^:]+):(?P<attribute>[^\W\d]\w*(\.[^\W\d]\w*)*)")
_DOTTED = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*")


def read_implementations(path: Path, document: Fields, code: Code) -> tuple[Implementation, ...]:
    """All entries of ``implementations``; CaseError for one that names nothing, and for any if refused."""
    key, node = document.key("implementations"), document.get("implementations")
    if key is None or not isinstance(node, Fields):
        return ()
    if code == "refused" and node.entries:
        found = "found implementations, which are code to import"
        raise CaseError(path, key.line, key.column, found, "a case without code, as it comes from elsewhere")
    read = [_read(path, framework.text, s) for framework, n in node.entries for s in _scalars(n)]
    for k, one in enumerate(read):
        if any(other.name == one.name for other in read[:k]):
            raise CaseError(path, one.line, one.column, f"{one.name!r} is there twice", "each function once")
    return tuple(read)


def _scalars(node: Node) -> Iterator[Scalar]:
    match node:
        case Scalar():
            yield node
        case Items(items=items):
            yield from (item for item in items if isinstance(item, Scalar))


def _read(path: Path, framework: str, node: Scalar) -> Implementation:
    text = node.text.strip()
    place = _PLACE.fullmatch(text)
    if place is None or not (place["module"].endswith(".py") or _DOTTED.fullmatch(place["module"])):
        expected = "'package.module:function' or 'file.py:function'"
        module, _, last = text.rpartition(".")
        hint = f"did you mean '{module}:{last}'?" if module and _DOTTED.fullmatch(text) else ""
        raise CaseError(path, node.line, node.column, f"found {text!r}", expected, hint)
    return Implementation(framework, place["module"], place["attribute"], node.line, node.column)
