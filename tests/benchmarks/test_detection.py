"""The detection benchmark counts what it says it counts."""

from __future__ import annotations

import inspect
import itertools
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from benchmarks.detection import hips_space, jax_space, table, tools, torch_space
from benchmarks.detection.controls import GENERAL
from benchmarks.detection.faults import STRUCTURAL, Planted, faults, function_of, inputs_of, plant
from benchmarks.detection.samples import SAMPLES
from benchmarks.detection.tools import Answer, Question, Tool
from benchmarks.detection.trials import OURS, Trial, chosen_faults, try_control, try_fault

SIGN = Planted("sign", "swish", "float64", 10)


def trial(kind: str, said: Answer | None, **more: Any) -> Trial:
    """What two tools said of one fault: ours found it, gradcheck said what is given."""
    made = Trial(kind, f"{kind} in swish", "torch", "float64", 10, {OURS: Answer.FAULT, "gradcheck": said})
    return replace(made, **more)


def test_cells_count_found_asked_and_refused() -> None:
    """What a tool refuses is neither found nor missed, and what it cannot look at is not asked."""
    answers = [Answer.FAULT, Answer.FINE, Answer.FAULT, None]
    trials = [trial("sign", a) for a in answers]
    assert table.cell(trials, "torch", "gradcheck") == "2/3"
    assert table.cell([*trials, trial("sign", Answer.REFUSED)], "torch", "gradcheck") == "2/3 (1 refused)"
    assert table.cell([trial("sign", Answer.REFUSED)], "torch", "gradcheck") == "refused"
    assert table.cell([trial("sign", None)], "torch", "gradcheck") == "-"
    assert table.cell(trials, "jax", OURS) == "-"


def test_faults_below_the_power_or_too_small_are_not_held_against_ours() -> None:
    """Judged is a fault of a size that counts, more than three times above the power."""
    must = trial("one element", None, size=1e-9, power=1e-10)
    below = trial("one element", None, size=1e-9, power=5e-10)
    tiny = trial("one element", None, size=1e-10, power=1e-15)
    assert table.judged([must, below, tiny]) == [must]
    unnamed = replace(must, right_verdict=False)
    unseen = replace(must, answers={OURS: Answer.FINE})
    assert table.missed([must, unnamed, unseen]) == [unnamed, unseen]
    assert "**no**" in table.quality([must, unnamed])
    assert "yes" not in table.quality([])


def test_tables_have_a_row_for_every_kind() -> None:
    """Each kind and dtype is a row, and all together the last one."""
    rows = table.kinds([trial("sign", Answer.FINE), trial("clamped", Answer.FAULT)]).splitlines()
    assert [r.split(" | ")[0].strip("| ") for r in (rows[0], *rows[2:])] == [
        "fault",
        "sign",
        "clamped",
        "**all**",
    ]
    assert rows[-1].split(" | ")[3] == "1/2"


@pytest.mark.parametrize("name", SAMPLES)
def test_samples_are_the_same_function_everywhere(name: str) -> None:
    """Torch and HIPS autograd give the same values and the same right gradients."""
    fault = Planted("sign", name, "float64", 20)
    given = inputs_of(fault)
    found = []
    for m in (torch_space, hips_space):
        f, xs = function_of(fault, m), [m.array(x, "float64") for x in given]
        value = m.numbers(f(*xs))
        found.append([value, *(m.numbers(g) for g in m.pull(f, xs, m.array(np.cos(value), "float64")))])
    for one, other in zip(*found, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("kind", [*STRUCTURAL, "factor 1 + d"])
def test_what_is_planted_changes_the_gradient(kind: str) -> None:
    """Every structural fault is in the gradient that torch gives, and the forward is untouched."""
    from benchmarks.detection.trials import _relative_size

    fault = next(f for f in faults() if f.kind == kind and f.dtype == "float64")
    given = [torch_space.array(x, "float64") for x in inputs_of(fault)]
    right, wrong = function_of(fault, torch_space), plant(fault, torch_space)
    assert np.array_equal(torch_space.numbers(right(*given)), torch_space.numbers(wrong(*given)))
    assert _relative_size(fault, torch_space) > 1e-9


def test_a_planted_sign_is_found_by_all_of_torchs_tools() -> None:
    """The flipped sign of a whole gradient is the fault that nobody misses."""
    found = try_fault(SIGN, "torch")
    assert set(found.answers.values()) - {None} == {Answer.FAULT}
    assert (found.verdict, found.right_verdict, found.size) == ("wrong", True, 2.0)
    assert found.power < 1e-12


def test_a_right_rule_is_fine_with_ours() -> None:
    """A control is counted with the elements that were checked."""
    control = next(c for c in GENERAL if c.name == "right rule of swish")
    found = try_control(control, "float64", "torch")
    assert (found.kind, found.answers[OURS], found.verdict) == ("control", Answer.FINE, "agree")
    assert found.checked >= 400


def test_a_tool_that_cannot_look_is_not_asked() -> None:
    """First-order tools are not asked about second derivatives, nor slow ones about many elements."""

    def ask(question: Question) -> None:
        raise AssertionError

    tool = Tool("a tool", "torch", ask, (1,), jvp=False, largest=10)
    assert tools.answer(tool, Question(abs, [], 10)) is Answer.FAULT
    assert tools.answer(tool, Question(abs, [], 11)) is None
    assert tools.answer(tool, Question(abs, [], 10, order=2)) is None
    assert tools.answer(tool, Question(abs, [], 10, jvp=True)) is None


def test_only_a_refusal_is_taken_for_one() -> None:
    """A tool that breaks for another reason is a fault of the benchmark, and raises."""

    def refuses(question: Question) -> None:
        msg = "can't apply forward-mode differentiation (jvp) to a custom_vjp function."
        raise TypeError(msg)

    def breaks(question: Question) -> None:
        msg = "missing an argument"
        raise TypeError(msg)

    assert tools.answer(Tool("a tool", "jax", refuses), Question(abs, [], 1)) is Answer.REFUSED
    with pytest.raises(TypeError, match="missing"):
        tools.answer(Tool("a tool", "jax", breaks), Question(abs, [], 1))


def test_the_quick_form_has_every_kind() -> None:
    """No kind of fault is left out for speed."""
    for space in ("torch", "hips"):
        full = {f.kind for f in chosen_faults(space, quick=False)}
        assert {f.kind for f in chosen_faults(space, quick=True)} == full
    names = [f.name for f in itertools.chain(faults())]
    assert len(names) == len(set(names))


FOREIGN = {
    *("defjvp", "defjvp_argnums", "defvjp_argnums", "primitive", "make_jvp", "make_vjp"),
    *("getval", "expit", "Tensor", "Any", "Callable", "Sequence"),
}
"""What the modules import to build on, no part of what they offer."""


def names_of(m: Any) -> set[str]:
    """Functions that a space offers to samples, faults and controls."""
    return {n for n, _ in inspect.getmembers(m, callable) if not n.startswith("_")} - FOREIGN


def test_spaces_have_the_same_names() -> None:
    """What is written once runs in every space; a buffer that a backward changes is torch's alone."""
    assert names_of(hips_space) == names_of(jax_space) == names_of(torch_space) - {"with_buffer"}
