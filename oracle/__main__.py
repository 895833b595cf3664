"""``python -m oracle`` is the ``oracle`` command."""

from __future__ import annotations

from oracle.cli import main

main()
