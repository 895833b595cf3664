"""``oracle.check`` and ``oracle.assert_gradients``: a user's own function held to a certified gradient."""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from oracle.execution.stage import NOWHERE, Stage, entering, told_to
from oracle.functions.deadline import TimeIsOver, Watch, at_most
from oracle.functions.endings import FORWARD, READING, ended
from oracle.functions.errors import ChangesInputError, FunctionRaisedError, GradientError, NotCertified
from oracle.functions.examination import Examination
from oracle.functions.framework import subject_of
from oracle.functions.isolation import isolated
from oracle.functions.result import Result
from oracle.functions.spec import Spec, program_of
from oracle.functions.subject import FunctionSubject, kind_of
from oracle.functions.waivers import read_waivers
from oracle.judge.verdict import Finding, Verdict
from oracle.lift.program import Lifted, Output, Slot
from reference_engine.precision import PRECISIONS


def check(
    fn: Callable[..., Any],
    *inputs: Any,
    spec: Spec | None = None,
    cotangent: Any = None,
    order: int = 1,
    routes: Sequence[str] | None = None,
    seed: int = 0,
    waive: Mapping[str, str] | None = None,
    timeout: float | None = None,
    isolate: bool = False,
) -> Result:
    """Everything that is found wrong, or right, with the derivatives of ``fn`` at ``inputs``.

    ``inputs`` are torch tensors or JAX arrays, also in tuples, lists, dicts and dataclasses; their framework
    is the one that is asked. ``fn`` may be a ``torch.nn.Module``, whose parameters are judged too. Without
    ``spec`` the function itself says what its derivative is: its forward pass is read, its own rules are not.
    ``spec`` holds it to a program instead: text (``"y = x * tanh(x)"``) or a callable of ``xp`` and the
    inputs. ``cotangent`` has the structure of the result and is random by default; ``order=2`` adds the
    gradient of <VJP, d> by every composition of modes; ``routes`` names the only ones to take. ``waive``
    gives the reason why the gradient of an argument is no derivative on purpose. ``timeout`` in seconds ends
    the check with the verdict ``timeout``; ``isolate`` runs it in a child process, whose death is the verdict
    ``crash``.

    TypeError if ``fn`` returns no tensor, ValueError if there is nothing to differentiate or if ``spec``,
    ``cotangent``, ``routes`` or ``waive`` do not fit. What ``fn`` itself raises is a finding. The caller's
    generators, flags, ``.grad`` and module buffers are left as they were.
    """
    if order not in {1, 2}:
        msg = f"order is {order!r}; expected 1 or 2"
        raise ValueError(msg)
    if timeout is not None and not (isinstance(timeout, (int, float)) and 0 < timeout < math.inf):
        msg = f"timeout is {timeout!r}; expected a positive number of seconds, or None"
        raise ValueError(msg)
    if isolate:
        options = {
            "spec": spec,
            "cotangent": cotangent,
            "order": order,
            "routes": routes,
            "seed": seed,
            "waive": waive,
        }
        return isolated(fn, inputs, options, timeout)
    function = subject_of(fn, inputs)
    chosen = _chosen(function, routes, order)
    examination = Examination(function, seed)
    watch = Watch()
    try:
        with at_most(timeout), told_to(watch):
            return _examined(examination, spec, cotangent, order, chosen, waive)
    except TimeIsOver as over:
        return _late(examination, watch.stage, over)


def _examined(
    examination: Examination,
    spec: Spec | None,
    cotangent: Any,
    order: int,
    chosen: tuple[str, ...] | None,
    waive: Mapping[str, str] | None,
) -> Result:
    function = examination.function
    strange = _strange(function.slots)
    if strange:
        return examination.unsupported([strange], None)
    entering(Stage(function.name, function.version, FORWARD))
    try:
        examination.observed = observed = function.observe()
    except FunctionRaisedError as error:
        return _raised(function, error, examination.seed)
    strange = _strange(observed.outputs)
    if strange:
        return examination.unsupported([strange], None)
    entering(Stage(function.name, function.version, READING))
    lifted = None
    if spec is None:
        lifted = _lifted(function)
        if isinstance(lifted, Lifted) and lifted.program is not None:
            function.adopt(lifted)
    entering(NOWHERE)
    examination.waivers = read_waivers(waive, function.slots)
    if spec is not None:
        program = program_of(spec, function, observed.outputs)
        return examination.certified(program, {}, (), cotangent, order, chosen, written=True)
    if isinstance(lifted, str):
        return examination.unsupported([lifted], cotangent)
    assert lifted is not None
    if lifted.program is None:
        return examination.unsupported([str(u) for u in lifted.unsupported], cotangent)
    if not any(o.differentiable for o in observed.outputs):
        reason = "no output requires a gradient: detach(), no_grad(), item() or numpy cut it from the inputs"
        return examination.unsupported([reason], cotangent)
    return examination.certified(
        lifted.program, lifted.arrays, lifted.notes, cotangent, order, chosen, written=False
    )


def assert_gradients(
    fn: Callable[..., Any], *inputs: Any, allow_uncertified: bool = False, **options: Any
) -> None:
    """Raise GradientError if a derivative of ``fn`` at ``inputs`` is wrong; options are :func:`check`'s.

    NotCertified if nothing is wrong but nothing could be held to a reference, unless ``allow_uncertified``.
    Failures are recorded, for ``oracle replay``.
    """
    result = check(fn, *inputs, **options)
    if result.failures:
        from oracle.functions.keeping import recorded  # noqa: PLC0415 - only for what fails

        raise GradientError(recorded(result, fn, inputs, options)) from result.cause
    if not result.judged and not allow_uncertified:
        raise NotCertified(result)


def _chosen(function: FunctionSubject, routes: Sequence[str] | None, order: int) -> tuple[str, ...] | None:
    """The routes asked for by name. ValueError for one that does not exist or belongs to order 2."""
    if routes is None:
        return None
    if isinstance(routes, str):
        msg = f"routes is the text {routes!r}; expected a list of names"
        raise TypeError(msg)
    known = (*function.routes, *function.routes_by_name, *function.second_order_routes)
    for route in routes:
        if route not in known:
            close = difflib.get_close_matches(route, known, 1)
            hint = f"did you mean {close[0]!r}?" if close else f"expected some of {', '.join(known)}"
            msg = f"unknown route {route!r} of {function.name}; {hint}"
            raise ValueError(msg)
        if order == 1 and route in function.second_order_routes:
            msg = f"route {route!r} gives second derivatives; pass order=2"
            raise ValueError(msg)
    return tuple(routes)


def _lifted(function: FunctionSubject) -> Lifted | str:
    """The function as a Program, or why it could not be read."""
    try:
        return function.lift()
    except MemoryError:
        raise
    except Exception as error:  # noqa: BLE001 - it did run; that it cannot be read must not end the check
        first = (str(error).strip().splitlines() or [""])[0]
        return f"the function runs, but could not be read ({type(error).__name__}: {first}); {HINT}"


HINT = "give its formula with spec="
"""What helps where the function itself cannot be read."""


def _raised(function: FunctionSubject, error: FunctionRaisedError, seed: int) -> Result:
    cause = error.__cause__
    lines = str(cause).strip().splitlines()
    verdict, route = Verdict.ERROR, "-"
    detail = f"the function raises {type(cause).__name__}: {lines[0] if lines else ''}"
    if isinstance(error, ChangesInputError):
        verdict, route = Verdict.CONTRACT, "contract mutation"
        detail = f"the function changes an input in place; work on a clone of it ({detail})"
    dtype = next((s.dtype for s in function.slots if s.differentiable), "-")
    finding = Finding(
        function.label,
        function.name,
        function.version,
        route,
        dtype,
        1,
        "the function",
        verdict,
        detail=detail,
    )
    return Result(function.label, (finding,), seed=seed, cause=cause)


def _late(examination: Examination, stage: Stage, over: TimeIsOver) -> Result:
    """What was found until the time was over, and where that was."""
    how = f"no answer after {over.seconds:g} s"
    return examination.broken_off(ended(examination.function.label, stage, Verdict.TIMEOUT, how, over.where))


def _strange(values: Sequence[Slot | Output]) -> str:
    """A sentence on tensors of a format that is not judged, complex ones too; empty if there is none."""
    real = [v for v in values if kind_of(v.dtype) == "real"]
    found = [f"{v.path} is {v.dtype}" for v in real if v.dtype not in PRECISIONS]
    return f"{', '.join(found)}; judged are dense {', '.join(PRECISIONS)}" if found else ""
