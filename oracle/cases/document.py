"""YAML as a tree of nodes that know their line and column: no tags, no anchors, no aliases."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)
from ruamel.yaml.reader import ReaderError

from oracle.cases.errors import CaseError

MAX_BYTES = 1_000_000
"""Size of a case file: ruamel reads that in about a second, and larger arrays are given by a distribution."""

MAX_NESTING = 32
"""Levels of nesting: numpy has at most 64 axes, and no case needs half of that."""


@dataclass(frozen=True, slots=True)
class Scalar:
    """A text; ``style`` is None for a plain one, else the quote or block character."""

    text: str
    style: str | None
    line: int
    column: int
    end_line: int


@dataclass(frozen=True, slots=True)
class Items:
    """A sequence."""

    items: tuple[Node, ...]
    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Fields:
    """A mapping whose keys are plain texts, each once."""

    entries: tuple[tuple[Scalar, Node], ...]
    line: int
    column: int

    def get(self, key: str) -> Node | None:
        """The value of a key."""
        return next((value for k, value in self.entries if k.text == key), None)

    def key(self, name: str) -> Scalar | None:
        """The key itself, for its place."""
        return next((k for k, _ in self.entries if k.text == name), None)


Node = Scalar | Items | Fields


def read_file(path: Path) -> str:
    """The text of a file; CaseError if it is missing, too large, unreadable or not UTF-8."""
    try:
        if not path.exists():
            raise CaseError(path, 0, 0, "no such file or folder")
        if not path.is_file():
            raise CaseError(path, 0, 0, "found no regular file", "a case file")
        size = path.stat().st_size
        if size > MAX_BYTES:
            hint = "give large inputs by shape and values"
            raise CaseError(path, 0, 0, f"found {size} bytes", f"at most {MAX_BYTES}", hint)
        content = path.read_bytes()
    except OSError as error:
        raise CaseError(path, 0, 0, f"cannot be read: {error.strerror}") from error
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = content[: error.start].decode("utf-8", errors="replace")
        line = before.count("\n") + 1
        column = len(before) - before.rfind("\n")
        raise CaseError(path, line, column, f"found the byte 0x{content[error.start]:02x}", "UTF-8") from None


def read_document(path: Path, text: str) -> Fields:
    """The mapping that a case file is; CaseError for anything that is not plain YAML."""
    try:
        root = _compose(path, YAML(typ="safe", pure=True).parse(text))
    except YAMLError as error:
        raise _syntax_error(path, text, error) from None
    except (ValueError, IndexError, KeyError, AssertionError, AttributeError, TypeError) as error:
        if isinstance(error, CaseError):
            raise
        raise CaseError(path, 1, 1, f"is no YAML: {error}") from error
    match root:
        case Fields():
            return root
        case None:
            raise CaseError(path, 1, 1, "the file is empty", "about, inputs and program")
    raise CaseError(
        path, root.line, root.column, f"found {describe(root)}", "keys such as about: and inputs:"
    )


def describe(node: Node) -> str:
    """What a node is, in a few words."""
    match node:
        case Scalar(text="", style=None):
            return "nothing"
        case Scalar(text=text):
            return repr(text if len(text) <= 40 else text[:37] + "...")
        case Items():
            return "a list"
        case Fields():
            return "a mapping"


@dataclass(slots=True)
class _Open:
    """A sequence or mapping whose end has not come yet; in a mapping ``key`` waits for its value."""

    mapping: bool
    line: int
    column: int
    items: list[Node]
    entries: list[tuple[Scalar, Node]]
    keys: dict[str, int]
    key: Scalar | None = None

    def close(self) -> Node:
        if self.mapping:
            return Fields(tuple(self.entries), self.line, self.column)
        return Items(tuple(self.items), self.line, self.column)


def _compose(path: Path, events: Iterator[Any]) -> Node | None:
    """Nodes from parser events, without recursion, so that depth is refused before it hurts."""
    root: Node | None = None
    documents = 0
    stack: list[_Open] = []
    for event in events:
        line, column = event.start_mark.line + 1, event.start_mark.column + 1
        done: Node | None = None
        match event:
            case DocumentStartEvent():
                documents += 1
                if documents > 1:
                    raise CaseError(path, line, column, "found a second document", "one case a file")
            case AliasEvent():
                found = f"found the alias *{event.anchor}"
                raise CaseError(path, line, column, found, "the value itself")
            case ScalarEvent():
                _plain(path, event, line, column)
                done = Scalar(event.value, event.style, line, column, event.end_mark.line + 1)
            case SequenceStartEvent() | MappingStartEvent():
                _plain(path, event, line, column)
                if len(stack) >= MAX_NESTING:
                    found = "values are nested too deeply"
                    raise CaseError(path, line, column, found, f"at most {MAX_NESTING} levels")
                stack.append(_Open(isinstance(event, MappingStartEvent), line, column, [], [], {}))
            case SequenceEndEvent() | MappingEndEvent():
                done = stack.pop().close()
        if done is not None:
            if stack:
                _place(path, stack[-1], done)
            else:
                root = done
    return root


def _plain(path: Path, event: Any, line: int, column: int) -> None:
    if event.anchor:
        raise CaseError(path, line, column, f"found the anchor &{event.anchor}", "no anchors or aliases")
    if event.tag and str(event.tag) != "!":
        raise CaseError(path, line, column, f"found the tag {str(event.tag)[:40]}", "no tags")


def _place(path: Path, parent: _Open, node: Node) -> None:
    if not parent.mapping:
        parent.items.append(node)
        return
    if parent.key is not None:
        parent.entries.append((parent.key, node))
        parent.key = None
        return
    if not isinstance(node, Scalar):
        raise CaseError(path, node.line, node.column, f"found {describe(node)} as a key", "a name")
    if node.text in parent.keys:
        found = f"the key {node.text!r} is already on line {parent.keys[node.text]}"
        raise CaseError(path, node.line, node.column, found, "each key once")
    parent.keys[node.text] = node.line
    parent.key = node


def _syntax_error(path: Path, text: str, error: YAMLError) -> CaseError:
    if isinstance(error, ReaderError):
        before = text[: error.position]
        line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
        return CaseError(path, line, column, f"found the character {chr(int(error.character))!r}", "text")
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    problem = getattr(error, "problem", None) or getattr(error, "reason", None) or str(error)
    context = getattr(error, "context", None)
    found = f"{problem} {context}" if context else str(problem)
    line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
    return CaseError(path, line, column, " ".join(found.split()), "YAML")
