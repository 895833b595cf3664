"""What ``assert_gradients`` raises."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from oracle.functions.result import Result


class GradientError(AssertionError):
    """A gradient is wrong; the message is the failure block, ``result`` holds all that was found."""

    def __init__(self, result: Result) -> None:
        super().__init__(str(result))
        self.result = result


class NotCertified(AssertionError):  # noqa: N818 - the name that tests read best
    """Nothing was found wrong, but nothing was held to a reference either; ``result`` says why."""

    def __init__(self, result: Result) -> None:
        super().__init__(str(result))
        self.result = result


class FunctionRaisedError(Exception):
    """The user's function raised, which is its ``__cause__``."""


class ChangesInputError(FunctionRaisedError):
    """The user's function writes into an input, which autograd refuses."""
