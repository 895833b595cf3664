"""Small sample calls of every operation that cannot be tried by its domain alone: name to calls."""

from __future__ import annotations

from tests.reference_engine.composites.samples import COMPOSITE_SAMPLES
from tests.reference_engine.sample import Sample

SAMPLES: dict[str, list[Sample]] = {**COMPOSITE_SAMPLES}
