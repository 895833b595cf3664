"""Which slope each framework answers at a kink, a pole or a removable singularity, beside all that are valid.

The table of points is in ``points``; ``docs/conventions.md`` is made from it by ``oracle conventions``.
"""

from __future__ import annotations





