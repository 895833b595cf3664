from __future__ import annotations

import sys
from pathlib import Path

# Workers look for modules where this process does, so that they find the stub too.
sys.path.insert(0, str(Path(__file__).parent))
