"""The contract's own answer to a gate that blocks (step 3)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from evaltool.records.decision import REASONS, Reason
from evaltool.records.gate import GateResult
from evaltool.records.plan.analysis import Fallback

CAUTION = ("refuse", "expert", "hold", "pay_floor", "fixed_rate", "pooled_test", "blend", "other_estimator")
"""When several gates block and the contract answers them differently, the first of these prevails."""
UNDECIDED = frozenset({"refuse", "expert", "hold"})
"""Actions that leave the payment undecided."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The fallback in force, or None with why: ``not_agreed``, ``conflict`` or ``incomplete``."""

    fallback: Fallback | None
    why: str | None = None


def in_order(reasons: Sequence[Reason]) -> tuple[Reason, ...]:
    """Distinct reason codes in the order of the list of all reasons."""
    return tuple(reason for reason in REASONS if reason in reasons)


def blocking_reasons(gates: Sequence[GateResult]) -> tuple[Reason, ...]:
    """Reason codes of the gates that block, in the order of the list of all reasons."""
    return in_order([gate.reason for gate in gates if gate.blocks and gate.reason is not None])


def choose(fallbacks: Sequence[Fallback], reasons: Sequence[Reason]) -> Answer:
    """What the contract says about these reasons.

    Every reason must be covered. The first fallback that names a reason answers it; among different answers the
    most cautious action prevails, and two different floors or specifications are a conflict, which decides
    nothing.
    """
    answers: list[Fallback] = []
    for reason in reasons:
        named = [fallback for fallback in fallbacks if reason in fallback.on]
        if not named:
            return Answer(None, "not_agreed")
        answers.append(named[0])
    action = min((answer.action for answer in answers), key=CAUTION.index)
    chosen = [answer for answer in answers if answer.action == action]
    if len({_terms(answer) for answer in chosen}) > 1 and action not in UNDECIDED:
        return Answer(None, "conflict")
    return Answer(None, "incomplete") if _incomplete(chosen[0]) else Answer(chosen[0])


def _terms(fallback: Fallback) -> tuple[object, ...]:
    """Everything an action depends on besides its name."""
    return (fallback.amount, fallback.specification, fallback.blend, fallback.correlation, fallback.rate)


def _incomplete(fallback: Fallback) -> bool:
    """Whether the action lacks what it needs."""
    needed: dict[str, object] = {
        "pay_floor": fallback.amount or None,
        "other_estimator": fallback.specification,
        "blend": fallback.blend or None,
        "fixed_rate": fallback.rate,
    }
    return fallback.action in needed and needed[fallback.action] is None
