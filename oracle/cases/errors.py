"""What can be wrong with a case file, said with its place."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from pathlib import Path

from reference_engine.syntax import sentence


class CaseError(ValueError):
    """A case file that cannot be read: where, what was found, what was expected, what to write instead.

    Lines and columns count from 1; line 0 is the file as a whole.

    >>> print(CaseError(Path("a.yaml"), 3, 7, "unknown key 'imputs'", hint="did you mean 'inputs'?"))
    a.yaml:3:7: unknown key 'imputs'; did you mean 'inputs'?
    """

    def __init__(
        self, path: Path, line: int, column: int, found: str, expected: str = "", hint: str = ""
    ) -> None:
        self.path = path
        self.line = line
        self.column = column
        self.found = found
        self.expected = expected
        self.hint = hint
        place = f"{path}:{line}:{column}" if line else str(path)
        super().__init__(f"{place}: {self.message}")

    @property
    def message(self) -> str:
        """What is wrong, without the place."""
        return sentence(self.found, self.expected, self.hint)


def did_you_mean(found: str, known: Iterable[str]) -> str:
    """The nearest known name as a question, or nothing.

    >>> did_you_mean("dtypes", ["dtype", "grad"])
    "did you mean 'dtype'?"
    """
    close = difflib.get_close_matches(found, list(known), 1)
    return f"did you mean {close[0]!r}?" if close else ""
