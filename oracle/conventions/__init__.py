"""Which slope each framework answers at a kink, a pole or a removable singularity, beside all that are valid.

The points are in ``points``; ``docs/conventions.md`` is made from them by ``oracle conventions``.
"""

from __future__ import annotations

from oracle.conventions.markdown import as_markdown
from oracle.conventions.plain import as_plain
from oracle.conventions.points import POINTS
from oracle.conventions.survey import Row, survey

__all__ = ["POINTS", "Row", "as_markdown", "as_plain", "survey"]
