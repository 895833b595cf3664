"""ATen's connectionist temporal classification: the sum over alignments, by its recursion over time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from oracle.lift.aten import Call, lowers
from oracle.lift.torch_memory import exact, gathered
from reference_engine.trace import Tensor, constant, xp

State = tuple[int, int]
"""A sequence of the batch and a position among its labels with blanks between them."""


@lowers("_ctc_loss")
def _ctc(call: Call) -> Any:
    """For each sequence minus the logarithm of the probability of all alignments with its labels.

    Graves et al. 2006, section 4.1, in logarithms: log alpha_t(s) = log_probs[t, label(s)] + the log-sum-exp
    of log alpha_{t-1} at s, s - 1 and, where no repeated label is skipped, s - 2.
    """
    probabilities = call["log_probs"]
    steps, lengths = _numbers(call.raw["input_lengths"]), _numbers(call.raw["target_lengths"])
    targets = exact(call.raw["targets"])
    starts = np.concatenate([[0], np.cumsum(lengths)])
    labels = []
    for k, length in enumerate(lengths):
        own = targets[starts[k] : starts[k] + length] if targets.ndim == 1 else targets[k, :length]
        labels.append(_with_blanks(own, call["blank"]))
    shape = (probabilities.shape[0], len(labels), probabilities.shape[-1])
    losses = _losses(xp.reshape(probabilities, shape=shape), steps, labels)
    return [xp.reshape(xp.stack(losses, axis=0), shape=tuple(call.results[0].shape)), None]


def _numbers(given: Any) -> list[int]:
    values = given if isinstance(given, (list, tuple)) else exact(given).reshape(-1).tolist()
    return [int(v) for v in values]


def _with_blanks(labels: np.ndarray, blank: int) -> list[int]:
    found = [blank] * (2 * len(labels) + 1)
    found[1::2] = [int(v) for v in labels]
    return found


def _losses(rows: Tensor, steps: Sequence[int], labels: Sequence[Sequence[int]]) -> list[Tensor]:
    """Of each sequence, infinite where it is too short for its labels; all states that can be reached at one
    time are one vector.
    """
    losses: list[Any] = [constant(0.0 if len(own) == 1 else float("inf")) for own in labels]
    at: list[State] = []
    alpha: Any = None
    for t in range(max(steps)):
        running = [k for k, count in enumerate(steps) if count > t]
        if t == 0:
            at = [(k, s) for k in running for s in range(min(2, len(labels[k])))]
            alpha = _emitted(rows[0], at, labels)
        else:
            at, alpha = _step(at, alpha, running, labels)
            alpha = alpha + _emitted(rows[t], at, labels)
        for k in running:
            ends = [i for i, (own, s) in enumerate(at) if own == k and s >= len(labels[k]) - 2]
            if steps[k] == t + 1:
                losses[k] = -xp.logsumexp(xp.take(alpha, constant(np.array(ends)), axis=0)) if ends else (
                    constant(float("inf")))  # fmt: skip
    return losses


def _emitted(row: Tensor, at: Sequence[State], labels: Sequence[Sequence[int]]) -> Tensor:
    """Logarithms of the probability of each state's label at one time."""
    places = np.array([k * row.shape[1] + labels[k][s] for k, s in at])
    return gathered(row, places)


def _step(
    at: Sequence[State], alpha: Tensor, running: Sequence[int], labels: Sequence[Sequence[int]]
) -> tuple[list[State], Tensor]:
    """The states that can be reached from those at ``at``, and the log-sum-exp over where each comes from."""
    place = {state: i for i, state in enumerate(at)}
    groups: dict[int, list[tuple[State, list[int]]]] = {}
    for k in running:
        own = labels[k]
        for s in range(len(own)):
            skips = s % 2 == 1 and s >= 2 and own[s] != own[s - 2]
            before = [(k, s), (k, s - 1), *([(k, s - 2)] if skips else [])]
            sources = [place[state] for state in before if state in place]
            if sources:
                groups.setdefault(len(sources), []).append(((k, s), sources))
    reached, parts = [], []
    for members in groups.values():
        reached += [state for state, _ in members]
        parts.append(xp.logsumexp(gathered(alpha, np.array([found for _, found in members])), axis=1))
    return reached, xp.concatenate(parts, axis=0)
