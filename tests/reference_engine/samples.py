"""Small sample calls of every operation with a derivative: name to calls."""

from __future__ import annotations

from tests.reference_engine.composites.samples import COMPOSITE_SAMPLES
from tests.reference_engine.primitives.samples import PRIMITIVE_SAMPLES
from tests.reference_engine.sample import Sample

SAMPLES: dict[str, list[Sample]] = {**PRIMITIVE_SAMPLES, **COMPOSITE_SAMPLES}
