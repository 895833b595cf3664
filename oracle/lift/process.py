"""What any function may change in the caller's process, whatever its framework: generators and warnings."""

from __future__ import annotations

import ctypes
import random
import warnings
from types import TracebackType

import numpy as np

TWISTER_BYTES = 4 * 624 + 4
"""Size of the Mersenne Twister's state in memory: its key and its place in it."""


class Generators:
    """The states of Python's and numpy's global generators, taken once and restored as often as needed.

    Numpy takes a tenth of a millisecond to give or take a state, element by element, so its memory is looked
    at first: where it still holds the same bytes nothing was drawn, unless a second normal number was kept.
    """

    def __init__(self) -> None:
        self._python = random.getstate()
        self._numpy = np.random.get_state(legacy=False)  # noqa: NPY002 - the function may use it
        self._memory = _memory()

    def restore(self) -> None:
        """Set both generators back."""
        random.setstate(self._python)
        kept = self._numpy.get("has_gauss", 1)
        if kept or self._memory is None or _memory() != self._memory:
            np.random.set_state(self._numpy)  # noqa: NPY002


def _memory() -> bytes | None:
    """The memory of numpy's global generator; None for one that somebody put in the Mersenne Twister's
    place.
    """
    generator = np.random.get_bit_generator()  # type: ignore[attr-defined]
    if not isinstance(generator, np.random.MT19937):
        return None
    return ctypes.string_at(generator.ctypes.state_address, TWISTER_BYTES)


class generators_kept:  # noqa: N801 - reads as what it does: ``with generators_kept():``
    """Restore Python's and numpy's global generators and the warning filters after the block.

    ``saved`` are their states where they have been taken already and nothing has been drawn since.
    """

    def __init__(self, saved: Generators | None = None) -> None:
        self._saved = saved

    def __enter__(self) -> None:
        self._states = self._saved or Generators()
        self._warnings = warnings.catch_warnings()
        self._warnings.__enter__()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._warnings.__exit__(kind, error, trace)
        self._states.restore()
