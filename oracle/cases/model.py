"""What a case file may hold (the pydantic models, from which the JSON Schema comes) and what it becomes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import numpy.typing as npt
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, field_validator
from pydantic.json_schema import WithJsonSchema

from oracle.cases.values import DType, WrittenArray
from oracle.frameworks.protocol import Layout
from oracle.judge.verdict import Verdict
from reference_engine.program import Kind, Program

Precision = Literal["float64", "float32", "bfloat16", "float16"]

NOT_YET = ("for_all",)
"""Keys of the format that this version knows and does not read."""

Text = Annotated[str, StringConstraints(min_length=1, strip_whitespace=True)]
NUMBERS_MARK = "x-numbers"
Numbers = Annotated[Any, WithJsonSchema({NUMBERS_MARK: True})]
"""A number or nested lists of numbers; read from the file's nodes, which know their digits and places."""


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class ValuesModel(_Model):
    """How the elements of an input are made; exactly one of the first four."""

    normal: tuple[float, float] | None = Field(None, strict=False, description="mean and standard deviation")
    uniform: tuple[float, float] | None = Field(
        None, strict=False, description="low and high; for int both included"
    )
    positive_definite: int | None = Field(None, ge=1, le=1000, description="extent n of an n by n matrix")
    points: Numbers = Field(None, description="numbers, repeated in order until they fill the shape")
    seed: int = Field(0, ge=0, lt=2**32)


def _points(value: object) -> object:
    return value if isinstance(value, dict) else {"points": value}


class InputModel(_Model):
    """One input: a value, or a shape and how to fill it."""

    value: Numbers = Field(None, description="a number or nested lists of numbers")
    shape: list[Annotated[int, Field(ge=0)]] | None = Field(None, max_length=32)
    values: Annotated[ValuesModel | None, BeforeValidator(_points)] = None
    dtype: DType = "float"
    grad: bool | None = Field(None, description="whether it is differentiated; true for float")
    layout: Layout = Field(
        "contiguous", description="how frameworks get it; expanded has stride 0 along its first axis"
    )


def _input(value: object) -> object:
    return value if isinstance(value, dict) else {"value": value}


class KnownModel(_Model):
    """A finding that is expected, and why."""

    framework: Text
    version: Text = Field(description="a range such as '>=2.0,<3'")
    dtype: Precision | None = None
    route: Text | None = None
    argument: Text | None = None
    verdict: Annotated[Verdict, Field(strict=False)]
    reason: Text

    @field_validator("version")
    @classmethod
    def _is_range(cls, value: str) -> str:
        try:
            SpecifierSet(value)
        except InvalidSpecifier as error:
            msg = f"found {value!r}; expected a version range such as '>=2.0,<3'"
            raise ValueError(msg) from error
        return value


Owner = Literal["torch", "jax"]
"""Frameworks whose functions can be held to a program."""


def _several(value: object) -> object:
    return [value] if isinstance(value, str) else value


class CaseModel(_Model):
    """A program, its inputs, and what to check."""

    about: Text = Field(description="one sentence: what this case is for")
    inputs: dict[str, Annotated[InputModel, BeforeValidator(_input)]] = Field(min_length=1)
    program: Text = Field(description="one 'name = expression' a line; an optional 'return a, b' at the end")
    expect: dict[str, Numbers] = Field(
        default_factory=dict,
        description="values derived by hand, by name; 'gradient' holds them by input. Held to half a unit of "
        "the last digit written",
    )
    cotangent: Numbers = Field(None, description="cotangent by output; a bare value if there is one output")
    dtypes: list[Precision] = Field(default=["float64", "float32"], min_length=1)
    frameworks: list[Text] | None = Field(None, min_length=1)
    routes: list[Text] | None = Field(None, min_length=1)
    order: Literal[1, 2] = 1
    known: list[KnownModel] = Field(default_factory=list)
    contract: list[Literal["accumulate"]] = Field(default_factory=list)
    implementations: dict[Owner, Annotated[list[Text], BeforeValidator(_several)]] = Field(
        default_factory=dict,
        description="functions to hold to this program, by framework: 'package.module:function', or "
        "'file.py:function' with a path from this file's folder",
    )
    timeout: float | None = Field(None, gt=0, le=86400, description="seconds")
    tags: list[Text] = Field(default_factory=list)


@dataclass(frozen=True, slots=True)
class CaseInput:
    """One input: its exact values (float64, int64 or bool), and whether it is differentiated."""

    name: str
    array: npt.NDArray[np.generic]
    kind: Kind
    grad: bool
    layout: Layout


@dataclass(frozen=True, slots=True)
class KnownFinding:
    """A finding that is expected from some versions of a framework, and why."""

    framework: str
    version: str
    verdict: Verdict
    reason: str
    dtype: str | None = None
    route: str | None = None
    argument: str | None = None

    def covers(self, framework: str, version: str) -> bool:
        """Whether it speaks of this version of this framework; a local part such as ``+cpu`` is ignored."""
        public = version.partition("+")[0]
        return framework == self.framework and SpecifierSet(self.version).contains(public, prereleases=True)


@dataclass(frozen=True, slots=True)
class Implementation:
    """A function of somebody's own that a case holds to its program, as it is written at a place of the file.

    ``module`` is a dotted name or the path of a file, ``attribute`` the dotted name in it.
    """

    framework: str
    module: str
    attribute: str
    line: int
    column: int

    @property
    def name(self) -> str:
        """As the file writes it; findings speak of it by this name."""
        return f"{self.module}:{self.attribute}"


@dataclass(frozen=True, slots=True)
class Case:
    """A case that can be run. ``program_line`` is the file's line of the program's first line."""

    name: str
    path: Path
    about: str
    program: Program
    program_text: str
    program_line: int
    inputs: tuple[CaseInput, ...]
    expect_values: Mapping[str, WrittenArray]
    expect_gradient: Mapping[str, WrittenArray]
    cotangent: Mapping[str, npt.NDArray[np.float64]] | None
    dtypes: tuple[str, ...]
    frameworks: tuple[str, ...] | None
    routes: tuple[str, ...] | None
    order: int
    known: tuple[KnownFinding, ...]
    contract: tuple[str, ...]
    timeout: float | None
    tags: tuple[str, ...]
    implementations: tuple[Implementation, ...] = ()
