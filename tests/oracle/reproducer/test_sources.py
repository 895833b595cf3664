from __future__ import annotations

from pathlib import Path

from oracle.reproducer.sources import Closure, Module

TEXT = '''
from __future__ import annotations
import os, math as m
from helpers import used, unused

FACTOR = 2.0
print("runs when imported")

class Base:
    pass

class Rule(Base):
    """Keeps its docstring."""
    factor = FACTOR

def f(x):
    return used(x) * m.pi * Rule.factor

def f_fwd(x):
    return f(x), x

def f_bwd(x, g):
    return (g,)

f.defvjp(f_fwd, f_bwd)

def other(x):
    return os.getcwd()
'''


def test_a_definition_and_all_that_it_needs(tmp_path: Path) -> None:
    """Imports, bases, constants and registered rules come along; nothing else does."""
    file = tmp_path / "ops.py"
    file.write_text(TEXT, encoding="utf-8")
    closure = Closure()
    closure.take(Module(file), "f")
    lines = [line for line in "\n".join(closure.lines()).splitlines() if line]
    assert lines[:2] == ["from helpers import used", "import math as m"]
    kept = [line for line in lines if not line.startswith(" ")][2:]
    assert kept == [
        "FACTOR = 2.0", "class Base:", "class Rule(Base):", "def f(x):", "def f_fwd(x):", "def f_bwd(x, g):",
        "f.defvjp(f_fwd, f_bwd)",
    ]  # fmt: skip
    assert '    """Keeps its docstring."""' in lines
    assert closure.packages == {"helpers", "math"}
