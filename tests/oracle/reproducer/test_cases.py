from __future__ import annotations

import contextlib
import io
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from oracle.cases import load_case
from oracle.cases.load import read_case
from oracle.execution.points import bench
from oracle.frameworks.jax_framework import JaxFramework
from oracle.frameworks.torch_framework import TorchFramework
from oracle.judge.verdict import Finding, Verdict
from oracle.reproducer.cases import case_script

LIBRARY = Path(__file__).parents[3] / "cases"
FRAMEWORKS = {"torch": TorchFramework(), "jax": JaxFramework()}

CASES = [
    "conditioning/logsumexp-large-shift",
    "models/gaussian-process",
    "operations/attention/masked",
    "operations/normalization/layer-norm",
    "operations/indexing/take-along-axis",
    "operations/activation/prelu",
    "kinks/relu-at-zero",
]
"""Cases whose operations take bare numbers, integers, helpers of ours, several results, None."""

BLOCKED = "import sys, runpy; sys.modules['oracle'] = sys.modules['reference_engine'] = None; "
"""As if the oracle were not installed."""


def answered(name: str, framework: str, route: str, dtype: str) -> tuple[Finding, str]:
    """A finding on the last element of the last derivative of a route, and its script."""
    case = load_case(LIBRARY / f"{name}.yaml", LIBRARY)
    asked = FRAMEWORKS[framework]
    order = 2 if route in asked.second_order_routes else 1
    point = bench(case, dtype, 3, order).point
    ask = asked.derivative if order == 1 else asked.second_order
    argument, array = list(ask(route, case.program, point).derivatives.items())[-1]
    index = tuple(int(i) for i in np.unravel_index(array.size - 1, array.shape))
    word = "tangent" if route in asked.forward_routes else "gradient"
    finding = Finding(
        case.name, framework, asked.version, route, dtype, order, f"{word} of {argument}", Verdict.WRONG,
        index=index, observed=float(array[index]), reference="0.5 +- 1e-30",
    )  # fmt: skip
    script = case_script(finding, case, 3)
    assert script is not None
    return finding, script


def printed(script: str) -> float:
    """The number that a script observes."""
    stream = io.StringIO()
    with contextlib.redirect_stdout(stream):
        exec(compile(script, "script", "exec"), {"__name__": "__main__"})
    return float(stream.getvalue().partition("observed")[2].split()[0])


@pytest.mark.parametrize("route", TorchFramework.routes + TorchFramework.second_order_routes)
@pytest.mark.parametrize("name", CASES)
def test_torch_script_has_the_very_answer(name: str, route: str) -> None:
    """In plain calls of torch comes out, to the last bit, what the judge was given."""
    finding, script = answered(name, "torch", route, "float64")
    assert printed(script) == finding.observed


@pytest.mark.parametrize(
    "name, route",
    [
        ("operations/attention/masked", "jax.vjp"),
        ("operations/normalization/layer-norm", "jax.jit"),
        ("operations/indexing/take-along-axis", "jax.jvp"),
        ("models/gaussian-process", "jax.reverse_over_reverse"),
        ("operations/activation/prelu", "jax.forward_over_reverse"),
        ("conditioning/logsumexp-large-shift", "jax.reverse_over_forward"),
    ],
)
def test_jax_script_has_the_very_answer(name: str, route: str) -> None:
    """In plain calls of JAX comes out, to the last bit, what the judge was given."""
    finding, script = answered(name, "jax", route, "float64")
    assert printed(script) == finding.observed


@pytest.mark.parametrize("framework, route", [("torch", "torch.autograd"), ("jax", "jax.jit")])
def test_script_stands_alone(framework: str, route: str, tmp_path: Path) -> None:
    """It runs where there is no oracle, and prints observed, certified and their difference."""
    finding, script = answered("conditioning/logsumexp-large-shift", framework, route, "float32")
    file = tmp_path / "script.py"
    file.write_text(script, encoding="utf-8")
    code = f"{BLOCKED}runpy.run_path({str(file)!r}, run_name='__main__')"
    done = subprocess.run(
        [sys.executable, "-I", "-c", code], capture_output=True, text=True, check=False, cwd=tmp_path
    )
    lines = done.stdout.splitlines()
    assert done.returncode == 0, done.stderr
    assert lines[2] == f"observed    {finding.observed!r}   (recorded: {finding.observed!r})"
    assert lines[3] == "certified   0.5 +- 1e-30"
    assert float(lines[4].split()[1]) == pytest.approx((finding.observed or 0.0) - 0.5, rel=1e-2)


LAYOUT = """about: a transposed input and one with gaps
inputs:
  x: {value: [[0.5, -1.0], [2.0, 0.25]], layout: transposed}
  y: {value: [1.5, -2.0], layout: strided}
program: z = tanh(x) @ y
dtypes: [float64]
"""


def test_layouts_are_made_again(tmp_path: Path) -> None:
    """Inputs lie in memory as they did; the script says how."""
    case = read_case(tmp_path / "layout.yaml", LAYOUT, "layout")
    finding = Finding(
        "layout", "torch", "", "torch.autograd", "float64", 1, "gradient of x", Verdict.WRONG, index=(1, 0),
        observed=0.0,
    )  # fmt: skip
    script = case_script(finding, case, 0)
    assert script is not None
    assert "'x': transposed(real(" in script
    assert "'y': strided(real(" in script
    point = bench(case, "float64", 0, 1).point
    expected = FRAMEWORKS["torch"].derivative("torch.autograd", case.program, point).derivatives["x"][1, 0]
    assert printed(script) == expected


def test_no_script_for_what_has_none(tmp_path: Path) -> None:
    """Finite differences, numbers derived by hand and other frameworks have no script."""
    case = read_case(tmp_path / "layout.yaml", LAYOUT, "layout")
    for framework, route, dtype in [
        ("torch", "finite differences", "float64"),
        ("expected", "-", "-"),
        ("mlx", "mlx.vjp", "float64"),
    ]:
        finding = Finding("layout", framework, "", route, dtype, 1, "gradient of x", Verdict.WRONG)
        assert case_script(finding, case, 0) is None
