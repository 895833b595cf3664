"""Choices that a project makes once: ``[tool.oracle]`` of pyproject.toml, or oracle.toml."""

from __future__ import annotations

import difflib
import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

Words = Annotated[list[str], Field(min_length=1)]


class ConfigError(ValueError):
    """A configuration file that cannot be read: file, line, key, what was found and expected."""


class ConfigModel(BaseModel):
    """What may be configured; the names are those of the options of ``oracle check``."""

    model_config = ConfigDict(
        extra="forbid", strict=True, alias_generator=lambda name: name.replace("_", "-")
    )

    paths: Words | None = None
    framework: Words | None = None
    dtype: Words | None = None
    route: Words | None = None
    order: int | None = Field(None, ge=1, le=2)
    seed: int | None = Field(None, ge=0, lt=2**32)
    workers: int | None = Field(None, ge=1)
    timeout: float | None = Field(None, gt=0)
    memory: int | None = Field(None, ge=1)
    output: Words | None = None
    strict: bool | None = None
    strict_conventions: bool | None = None


@dataclass(frozen=True, slots=True)
class Config:
    """What was configured, by option name, and where; ``paths`` are relative to that folder."""

    values: dict[str, Any]
    file: Path | None = None


def find_config(folder: Path) -> Config:
    """The configuration of the nearest folder at or above that has one; empty if there is none.

    ConfigError if it cannot be read. oracle.toml goes before pyproject.toml.
    """
    for place in (folder, *folder.parents):
        for name, table in (("oracle.toml", ()), ("pyproject.toml", ("tool", "oracle"))):
            file = place / name
            if file.is_file():
                values = read_config(file, table)
                if values is not None:
                    return Config(values, file)
    return Config({})


def read_config(file: Path, table: tuple[str, ...]) -> dict[str, Any] | None:
    """Values of one file by option name, or None if it has no such table. ConfigError if unreadable."""
    try:
        text = file.read_text(encoding="utf-8")
        content: Any = tomllib.loads(text)
    except OSError as error:
        raise ConfigError(f"{file}: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{file}: found a byte that is not UTF-8; expected UTF-8 text") from error
    except tomllib.TOMLDecodeError as error:
        if table and not re.search(r"^\s*\[\s*tool\s*\.\s*oracle\b", text, re.MULTILINE):
            return None  # somebody else's file, and nothing in it for us
        raise ConfigError(f"{file}: {error}") from error
    for name in table:
        if not isinstance(content, dict) or name not in content:
            return None
        content = content[name]
    if not isinstance(content, dict):
        raise ConfigError(f"{file}: found {'.'.join(table)} = {content!r}; expected a table")
    try:
        model = ConfigModel.model_validate(content)
    except ValidationError as error:
        raise _explained(file, text, table, error) from error
    return {name: value for name, value in model.model_dump().items() if value is not None}


def _explained(file: Path, text: str, table: tuple[str, ...], error: ValidationError) -> ConfigError:
    """The first mistake with its line."""
    first = error.errors()[0]
    key = str(first["loc"][0])
    place = f"{file}:{_line_of(text, table, key)}"
    if first["type"] == "extra_forbidden":
        known = [name.replace("_", "-") for name in ConfigModel.model_fields]
        close = difflib.get_close_matches(key, known, 1)
        hint = f"; did you mean {close[0]!r}?" if close else f"; expected one of {', '.join(known)}"
        return ConfigError(f"{place}: unknown key {key!r}{hint}")
    message = first["msg"]
    return ConfigError(f"{place}: {key}: found {first['input']!r}; {message[0].lower()}{message[1:]}")


def _line_of(text: str, table: tuple[str, ...], key: str) -> int:
    """The line of a key of a table, by reading lines: the toml reader of Python tells no places."""
    header = re.compile(r"^\s*\[\s*" + r"\s*\.\s*".join(map(re.escape, table)) + r"\b") if table else None
    inside = header is None
    start = 1
    for number, line in enumerate(text.splitlines(), 1):
        if header is not None and header.match(line):
            inside, start = True, number
        elif line.lstrip().startswith("["):
            inside = inside and header is None
        if inside and re.match(rf"""^\s*["']?{re.escape(key)}["']?\s*[.=]""", line):
            return number
    return start
