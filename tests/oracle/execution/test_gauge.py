"""Functions that depend on the signs of eigenvectors, singular vectors and QR factors are judged in the
framework's.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from oracle.cases import load_case
from oracle.execution.examine import examine
from oracle.execution.plan import Settings
from oracle.judge.verdict import FAILING, Verdict

PROGRAMS = {
    "eigh": "w, V = eigh(A + matrix_transpose(A))\n  y = sin(V) * w",
    "svd": "U, S, Vh = svd(A)\n  y = sin(U) + exp(Vh) * S",
    "qr": "Q, R = qr(A)\n  y = sin(Q) + exp(R)",
}


@pytest.mark.parametrize("framework", ["torch", "jax"])
@pytest.mark.parametrize("operation", list(PROGRAMS))
def test_gauge_dependent_function(operation: str, framework: str, tmp_path: Path) -> None:
    """A function of the vectors themselves agrees on the main reverse route, and something was certified."""
    path = tmp_path / "case.yaml"
    path.write_text(
        "about: A function of the vectors themselves.\n"
        "inputs:\n  A: [[2, 0.5, -1], [0.3, -1.5, 0.7], [1.1, 0.2, 0.9]]\n"
        f"program: |\n  {PROGRAMS[operation]}\n",
        encoding="utf-8",
    )
    routes = ("torch.autograd", "jax.vjp")
    settings = Settings(frameworks=(framework,), routes=routes, dtypes=("float64",))
    found = examine(load_case(path, tmp_path), settings).findings
    assert not [f for f in found if f.verdict in FAILING]
    assert Verdict.AGREE in {f.verdict for f in found if f.argument == "gradient of A"}
