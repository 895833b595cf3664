from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = ("torch", "jax", "numpy", "scipy", "flint", "pydantic", "rich", "ruamel", "hypothesis")


def run(code: str) -> str:
    """What a fresh Python with this one's search path prints."""
    start = f"import sys; sys.path[:] = {sys.path!r}\n"
    done = subprocess.run([sys.executable, "-c", start + code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("module", ["oracle", "oracle.cli"])
def test_import_is_light(module: str) -> None:
    """Importing the package or its command line loads nothing that takes time."""
    assert run(f"import {module}; print([m for m in {HEAVY} if m in sys.modules])") == "[]\n"


def test_help_is_light() -> None:
    """``oracle --help`` and ``oracle check --help`` load nothing that takes time."""
    code = f"""
from oracle.cli import main
for arguments in (["--help"], ["check", "--help"], ["--version"]):
    try:
        main(arguments)
    except SystemExit as end:
        assert end.code == 0
print([m for m in {HEAVY} if m in sys.modules])
"""
    out = run(code)
    assert "Usage:" in out
    assert out.splitlines()[-1] == "[]"


def test_check_leaves_frameworks_to_its_workers() -> None:
    """The process that reads cases and writes reports imports neither torch nor JAX."""
    code = """
import oracle.api, oracle.commands, oracle.report.text, oracle.report.document
from oracle.frameworks.registry import available
names = [f.name for f in available()[0]]
print(names, [m for m in ("torch", "jax") if m in sys.modules])
"""
    assert run(code) == "['torch', 'jax'] []\n"


def test_public_names() -> None:
    """Public names are found by attribute and listed; others are refused as by any module."""
    code = """
import oracle
assert callable(oracle.run) and "run" in dir(oracle)
try:
    oracle.walk
except AttributeError as error:
    print(error)
"""
    assert run(code) == "module 'oracle' has no attribute 'walk'\n"
