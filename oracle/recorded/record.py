"""What is kept of one failing finding, and its text."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from oracle.judge.verdict import Culprit, Finding, Verdict
from oracle.report.run_format import Number

SCHEMA = 1
"""Version of the format; a record of another one is not read."""


class RecordError(ValueError):
    """A file that holds no record; says which and why."""


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Place(_Model):
    """What was found where: all of a finding that a person or a replay needs."""

    case: str
    framework: str
    version: str
    route: str
    dtype: str
    order: int
    argument: str
    verdict: Verdict
    tier: str = "none"
    elements: int = 0
    index: tuple[int, ...] | None = None
    reference: str | None = None
    observed: Number | None = None
    rho: Number | None = None
    detail: str = ""
    culprit: CulpritModel | None = None

    def finding(self) -> Finding:
        """The finding again."""
        fields = {n: getattr(self, n) for n in type(self).model_fields}
        culprit = fields.pop("culprit")
        named = None if culprit is None else Culprit(**culprit.model_dump())
        return Finding(**fields, culprit=named)


class CulpritModel(_Model):
    """The operation that is to blame."""

    operation: str
    node: int | None = None
    source: str | None = None
    part: str = ""
    index: tuple[int, ...] | None = None
    reference: str | None = None
    observed: Number | None = None
    detail: str = ""


class CaseSource(_Model):
    """A case as it was: its whole text, and where it stood."""

    kind: Literal["case"] = "case"
    path: str
    text: str
    seed: int
    strict: bool = False
    strict_conventions: bool = False

    @property
    def origin(self) -> str:
        """What tells two sources of the same finding apart."""
        return self.path


class FunctionSource(_Model):
    """A function and how it was checked.

    ``module`` and ``attribute`` say where it is found; without a module in the text of ``file``, without an
    attribute nowhere, so that it is packed as it was. ``search`` is the module path, ``main`` the
    script that ran. ``packed`` holds inputs, options, generators and flags, and is empty for the reason that
    ``unpacked_because`` gives; with ``as_it_was`` it holds code too. ``explained`` holds the Program with its
    point.
    """

    kind: Literal["function"] = "function"
    framework: str
    module: str
    attribute: str
    file: str
    qualified: str
    search: tuple[str, ...]
    packed: str
    main: str = ""
    as_it_was: bool = False
    explained: str = ""
    unpacked_because: str = ""

    @property
    def origin(self) -> str:
        """What tells two sources of the same finding apart."""
        return f"{self.file}:{self.qualified}"


class Record(_Model):
    """A finding and where it came from."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    record_schema: int = SCHEMA
    id: str
    place: Place
    source: Annotated[CaseSource | FunctionSource, Field(discriminator="kind")]
    has_script: bool = False


def place_of(finding: Finding) -> Place:
    """The part of a finding that is kept."""
    fields = {n: getattr(finding, n) for n in Place.model_fields if n != "culprit"}
    culprit = finding.culprit
    named = None
    if culprit is not None:
        named = CulpritModel(**{n: getattr(culprit, n) for n in CulpritModel.model_fields})
    return Place(**fields, culprit=named)


def read_record(name: str, text: str) -> Record:
    """The record in a text. RecordError if there is none."""
    try:
        return Record.model_validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"])) or "the file"
        raise RecordError(f"record {name}: {place}: {first['msg']}") from error
