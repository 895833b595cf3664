from __future__ import annotations

from dataclasses import replace

import pytest

from oracle.execution.record import CaseResult, LoadProblem, Run
from oracle.judge.verdict import Culprit, Finding, Known, Verdict

JAX = Finding(
    "operations/logsumexp/large-shift", "jax", "0.10.2", "jax.jit", "float32", 1, "gradient of x",
    Verdict.WRONG,
    tier="certified",
    elements=21,
    index=(6, 2),
    reference="0.24472847105479764 +- 1e-38",
    observed=0.2451000064611435,
    rho=3125.0,
    power=2.2e-7,
    bits_agreed=11.4,
    bits_expected=22.3,
    condition=3.1,
    failing_elements=2,
    detail="the formulas differ",
    voices=(("torch", "agrees"), ("finite differences", "agree")),
    culprit=Culprit("exp", 4, "line 3", "gradient", (2,), "0.24472847105479764", 0.2451000064611435),
)  # fmt: skip

TRACEBACK = """RuntimeError: Expected a contiguous tensor
Traceback (most recent call last):
  File "routes.py", line 12, in follow
    answer = pullback(cotangent)
RuntimeError: Expected a contiguous tensor
"""


def agreeing(case: str, framework: str, **changes: object) -> Finding:
    """A finding that agrees."""
    version = {"jax": "0.10.2", "torch": "2.13.0"}[framework]
    fields = {
        "framework": framework,
        "version": version,
        "route": f"{framework}.vjp",
        "verdict": Verdict.AGREE,
    }
    plain = replace(JAX, case=case, failing_elements=0, rho=0.2, detail="", voices=(), culprit=None, **fields)
    return replace(plain, **changes)  # type: ignore[arg-type]


@pytest.fixture
def run() -> Run:
    """A run with some of everything."""
    torch_error = agreeing(
        "kinks/strided", "torch", verdict=Verdict.ERROR, detail=TRACEBACK, rho=None,
        reference=None, observed=None,
        bits_agreed=None, bits_expected=None, index=None, elements=0, tier="none", argument="gradient",
    )  # fmt: skip
    crash = agreeing(
        "models/lstm", "jax", verdict=Verdict.CRASH, argument="-", rho=None,
        reference=None, observed=None, index=None,
        bits_agreed=None, bits_expected=None, elements=0, tier="none",
        detail="the process was ended by SIGSEGV in backend_compile (compiler.py, line 362)",
    )  # fmt: skip
    imprecise = agreeing(
        "operations/lgamma", "torch", verdict=Verdict.IMPRECISE, rho=1.73,
        bits_agreed=19.1, bits_expected=19.89,
        failing_elements=1, detail="the error shrinks with the precision",
    )  # fmt: skip
    pole = {"verdict": Verdict.SINGULAR, "tier": "limit", "elements": 1, "index": ()}
    digamma = Known(Verdict.IMPRECISE, "digamma is 584 units off near its root, jax issue 1234")
    results = (
        CaseResult(
            "conditioning/cancellation", "cases/conditioning/cancellation.yaml",
            (agreeing("conditioning/cancellation", "torch", power=0.9),),
        ),
        CaseResult("kinks/relu-at-zero", "cases/kinks/relu-at-zero.yaml", (
            agreeing("kinks/relu-at-zero", "torch", verdict=Verdict.CONVENTION, tier="limit"),
            agreeing("kinks/relu-at-zero", "jax", verdict=Verdict.CONVENTION, tier="limit"),
        )),
        CaseResult("kinks/sqrt-at-zero", "cases/kinks/sqrt-at-zero.yaml", (
            agreeing("kinks/sqrt-at-zero", "torch", observed=float("inf"), **pole),
            agreeing("kinks/sqrt-at-zero", "jax", observed=float("nan"), **pole),
        )),
        CaseResult("kinks/strided", "cases/kinks/strided.yaml", (torch_error,)),
        CaseResult("models/lstm", "cases/models/lstm.yaml", (crash, agreeing("models/lstm", "torch")), 31.2),
        CaseResult("operations/digamma", "cases/operations/digamma.yaml", (
            agreeing("operations/digamma", "jax", verdict=Verdict.IMPRECISE, known=digamma),
            agreeing("operations/digamma", "torch", verdict=Verdict.UNDECIDED),
        )),
        CaseResult(
            "operations/erfinv", "cases/operations/erfinv.yaml",
            (
                agreeing("operations/erfinv", "jax", verdict=Verdict.UNSUPPORTED, elements=0, tier="none",
                         detail="the jax adapter has no erfinv"),
                agreeing("operations/erfinv", "torch", power=3e-6),
            ),
            passes_unexpectedly=("torch: expected imprecise, got agree (fixed in 2.13?)",),
        ),
        CaseResult("operations/lgamma", "cases/operations/lgamma.yaml", (imprecise,)),
        CaseResult(JAX.case, f"cases/{JAX.case}.yaml", (
            JAX,
            replace(JAX, dtype="float64", route="jax.vjp", rho=1e12, observed=0.2451),
            replace(JAX, dtype="float64", rho=1e12, observed=0.2451),
            *(replace(JAX, argument=f"gradient of {name}", index=(0,), rho=2.0) for name in "abc"),
            agreeing(JAX.case, "torch"),
        )),
    )  # fmt: skip
    return Run(
        environment={"python": "3.11.7", "torch": "2.13.0", "jax": "0.10.2"},
        results=results,
        problems=(LoadProblem("cases/bad.yaml", 3, 7, "unknown key 'imputs'; did you mean 'inputs'?"),),
        seconds=52.34,
        skipped_frameworks={"mlx": 'not installed; pip install "gradient-oracle[mlx]"'},
        seed=7,
    )
