"""What any function may change in the caller's process, whatever its framework: generators and warnings."""

from __future__ import annotations

import random
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np


@contextmanager
def generators_kept() -> Iterator[None]:
    """Restore Python's and numpy's global generators and the warning filters after the block."""
    python, legacy = random.getstate(), np.random.get_state()  # noqa: NPY002 - the function may use it
    try:
        with warnings.catch_warnings():
            yield
    finally:
        random.setstate(python)
        np.random.set_state(legacy)  # noqa: NPY002
