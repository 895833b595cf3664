"""The first operation whose own local derivative is off, in the order in which a route comes to them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from oracle.culprit.alone import Alone, Deviation, Question, ask_alone
from oracle.culprit.reference import Reference
from oracle.culprit.step import Step
from oracle.judge.verdict import Culprit
from reference_engine.certify import BUDGET, cost
from reference_engine.differentiate import lower
from reference_engine.evaluate import differentiated
from reference_engine.program import Program

MOST = 400
"""Operations that are asked for one finding: some milliseconds each in torch, some tens in JAX."""

MOST_WORK = 10 * BUDGET
"""Element-operations of all that is asked of one function: some ten seconds of certificates."""

COMPOSED = "in the composition (accumulation of cotangents, or fused kernels)"
UNSEARCHED = f"not among the first {MOST} that were asked alone"

SLACK = 64.0
"""The rounding that is allowed in the end holds that of each operation on the way. So an operation whose own
error is so much less of its own allowance does not explain the whole one's: JAX's lgamma, off by a few of its
allowances wherever it stands, is not to blame for another operation's wrong sign."""

SECOND = 2


@dataclass(frozen=True)
class Charge:
    """What is to be explained: the gradient of an input, the tangent or the value of an output, by name, on
    one route. ``kind`` is the first word of a finding's argument, ``rho`` its error over what is allowed.
    """

    kind: str
    name: str
    question: Question
    rho: float = 0.0


class Search:
    """The operations of one function at one point; what was asked once is remembered.

    ``references`` are by order: second derivatives are along other tangents. ``numbers`` are those by which
    a person knows the nodes, where they are others. ``suffix`` gives all from a node on as one step, where
    the framework can be asked for that.
    """

    def __init__(
        self,
        whole: Program,
        steps: Sequence[Step],
        references: Mapping[int, Reference],
        numbers: Mapping[int, int] | None = None,
        suffix: Callable[[int], Step | None] | None = None,
    ) -> None:
        self.whole = whole
        self.suffix = suffix
        self.numbers = numbers or {}
        self.steps = tuple(steps)
        self.references = references
        self._asked: dict[tuple[Step, int, Question], Alone | None] = {}
        self._answered: set[Step] = set()
        self._suspects: list[Step] = []
        self._by_value: dict[tuple[str, str], Step] = {}
        self._left, self._work = MOST, 0

    def culprit(self, charge: Charge) -> Culprit:
        """The first operation that is off on the way of the charge.

        The culprit of an earlier charge goes first: rules are mostly shared between routes. Where no
        derivative is off, a value may be, and what comes behind it is then right at the wrong place.
        """
        self._left = MOST
        reached = self._reached(charge)
        order = charge.question.order
        questions = list(self._questions(charge.question)) if charge.kind != "value" else []
        faint: dict[Step, Deviation] = {}

        def strong(step: Step, deviation: Deviation | None) -> Deviation | None:
            """The deviation if it is large enough for the charge; a fainter one is kept for want of any."""
            if deviation is not None and deviation.rho < charge.rho / SLACK:
                faint.setdefault(step, deviation)
                return None
            return deviation

        def derivative(step: Step) -> Deviation | None:
            for question in questions:
                alone = self._ask(step, order, question)
                worst = strong(step, self._worst(step, alone.derivative if alone else (), reached))
                if worst is not None:
                    return worst
            return None

        def value(step: Step) -> Deviation | None:
            alone = self._ask(step, order, charge.question)
            return strong(step, self._worst(step, alone.value if alone else (), None))

        concluded = self._by_value.get((charge.kind, charge.name))
        if concluded is not None and (deviation := value(concluded)) is not None:
            return self._blamed(concluded, deviation)
        forward = charge.kind == "tangent"
        earlier = next((s for s in self._suspects if derivative(s) is not None), None)
        found = earlier or self._first(self.steps, derivative, forward=forward)
        if found is not None and (deviation := derivative(found)) is not None:
            return self._blamed(found, deviation)
        found = self._first(self.steps, value, forward=True)
        if found is not None and (deviation := value(found)) is not None:
            self._by_value[charge.kind, charge.name] = found
            return self._blamed(found, deviation)
        if self._exhausted():
            return Culprit("", detail=UNSEARCHED)
        if faint:
            return self._blamed(*next(iter(faint.items())))
        return self._composed(derivative) if charge.kind == "gradient" else Culprit("", detail=COMPOSED)

    def _composed(self, off: Callable[[Step], Deviation | None]) -> Culprit:
        """The last node from which on all operations together are off, though each is right alone."""
        low, high = 0, len(self.whole.nodes)
        found: tuple[Step, Deviation] | None = None
        while self.suffix is not None and high - low > 1:
            middle = (low + high) // 2
            step = self.suffix(middle)
            worst = off(step) if step is not None else None
            if step is not None and worst is not None:
                low, found = middle, (step, worst)
            else:
                high = middle
        if found is None:
            return Culprit("", detail=COMPOSED)
        step, deviation = found
        named = self._named(step, deviation, several=True)
        return replace(named, operation="", detail=f"{COMPOSED} from {step.operation}, node {named.node}, on")

    def _exhausted(self) -> bool:
        return self._left <= 0 or self._work >= MOST_WORK

    def _questions(self, question: Question) -> Iterator[Question]:
        """A second derivative is off by an operation's second derivative or by its first, in either mode."""
        yield question
        if question.order == SECOND and self.steps:
            framework = self.steps[0].framework
            for route in (framework.routes[0], *framework.forward_routes[:1]):
                yield replace(question, route=route, order=1)

    def _reached(self, charge: Charge) -> frozenset[int]:
        """Nodes between the input, or all inputs, and the output, or all outputs."""
        if charge.kind == "gradient":
            return differentiated(self.whole, (charge.name,))
        names = self.whole.input_names
        if charge.name not in self.whole.output_names:
            return differentiated(self.whole, names)
        output = self.whole.outputs[self.whole.output_names.index(charge.name)]
        return differentiated(replace(self.whole, outputs=(output,), output_names=(charge.name,)), names)

    def _first(
        self, steps: Sequence[Step], off: Callable[[Step], Deviation | None], *, forward: bool
    ) -> Step | None:
        """The first step that is off; of one that holds others the first of these, if one is.

        What could not be asked as a whole (a loop in reverse mode) is looked into.
        """
        for step in steps if forward else reversed(steps):
            if self._exhausted():
                return None
            bad = off(step) is not None
            if bad or step not in self._answered:
                deeper = self._first(step.inside(), off, forward=forward)
                if deeper is not None or bad:
                    return deeper or step
        return None

    def _worst(
        self, step: Step, deviations: Sequence[Deviation], reached: frozenset[int] | None
    ) -> Deviation | None:
        nodes = {**step.operands, **step.results}
        found = [d for d in deviations if reached is None or nodes[d.name] in reached]
        return max(found, key=lambda d: d.rho, default=None)

    def _ask(self, step: Step, order: int, question: Question) -> Alone | None:
        """What the operation answers, fed the reference of the charge's order."""
        key = (step, order, question)
        if key not in self._asked:
            if self._exhausted():
                return None
            self._left -= 1
            self._work += cost(lower(step.program))
            self._asked[key] = ask_alone(step, self.references[order], question)
            if self._asked[key] is not None:
                self._answered.add(step)
        return self._asked[key]

    def _blamed(self, step: Step, deviation: Deviation) -> Culprit:
        if step not in self._suspects:
            self._suspects.append(step)
        several = len(step.wrt) + len(step.unseen) > 1 and deviation.part == "gradient"
        return self._named(step, deviation, several=several)

    def _named(self, step: Step, deviation: Deviation, *, several: bool) -> Culprit:
        operand = {**step.operands, **step.results}[deviation.name]
        label = self.whole.nodes[operand].name or f"%{self.numbers.get(operand, operand)}"
        return Culprit(
            step.operation,
            self.numbers.get(step.node, step.node),
            step.source,
            f"{deviation.part} of {label}" if several else deviation.part,
            deviation.index,
            deviation.reference,
            deviation.observed,
        )
