from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from oracle.strategies import CLASSES, values

PAGE = Path(__file__).parents[3] / "docs" / "howto-strategies.md"


def test_the_example_of_the_page_runs() -> None:
    """The five lines and their imports pass for torch, and the page names every class of numbers."""
    page = PAGE.read_text(encoding="utf-8")
    example, imports, call = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    assert len(example.strip().splitlines()) == 5
    scope: dict[str, Any] = {}
    exec(imports, scope)
    scope["settings"].register_profile("page", database=None, derandomize=True)
    exec(example, scope)
    scope["test_my_backend"]()
    assert eval(call, {"values": values}).example is not None
    assert set(CLASSES) <= set(re.findall(r"`(\w+)`", page))
