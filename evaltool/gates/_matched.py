"""What the gates on matched designs and on synthetic controls share: whom they concern, and limits in two grades."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from evaltool.gates._common import Finding, Measure, answer
from evaltool.records.base import Words
from evaltool.records.design import MatchSummary
from evaltool.records.gate import GateResult, Verdict
from evaltool.records.plan.evaluation_plan import EvaluationPlan
from evaltool.records.plugins import Capabilities, GateContext

MATCHED = ("weighted",)
"""Families whose designs match units."""
DONORS = ("counterfactual",)
"""Families whose designs hold a donor pool."""
ROUNDING = 1e-9
"""A statistic this little beyond a limit counts as on it: shares are quotients of floating-point sums."""


def for_matching(capabilities: Capabilities, _plan: EvaluationPlan) -> tuple[str, str] | None:
    """Applies to methods whose design matches units."""
    if capabilities.family in MATCHED:
        return None
    return ("Metoden matcher ikke enheder.", "The method does not match units.")


def for_donors(capabilities: Capabilities, _plan: EvaluationPlan) -> tuple[str, str] | None:
    """Applies to methods that build the counterfactual from donors."""
    if capabilities.family in DONORS and any(design.startswith("donors.") for design in capabilities.designs):
        return None
    return (
        "Metoden sammensætter ikke en kontrafaktisk situation af donorer.",
        "The method does not build a counterfactual from donors.",
    )


def for_units(capabilities: Capabilities, plan: EvaluationPlan) -> tuple[str, str] | None:
    """Applies to effects estimated from units in data of the plan's own."""
    if capabilities.kind == "effect" and capabilities.family != "published" and plan.data.source != "none":
        return None
    return (
        "Der sammenlignes ikke enheder i egne data.",
        "No units of the plan's own data are compared.",
    )


def no_matching(context: GateContext, measure: Measure) -> GateResult:
    """CANNOT_TELL: the design left no account of a matching."""
    missing = Words(
        da="Designet har ikke oplyst, hvem der blev matchet.",
        en="The design has not stated who was matched.",
    )
    return answer(context, measure, Finding(verdict="CANNOT_TELL", sentence=missing))


@dataclass(frozen=True, slots=True)
class Limits:
    """Two limits: PASS up to ``good``, REVIEW up to ``fair``, FAIL beyond; ``rising`` when more is better."""

    good: Decimal
    fair: Decimal
    rising: bool

    def verdict(self, value: float) -> Verdict:
        """The verdict on a statistic; one within 1e-9 of a limit counts as on it."""
        if self._within(value, self.good):
            return "PASS"
        return "REVIEW" if self._within(value, self.fair) else "FAIL"

    def deciding(self, verdict: Verdict) -> float:
        """The limit that decided: the lenient one for a FAIL, else the strict one."""
        return float(self.fair if verdict == "FAIL" else self.good)

    def _within(self, value: float, limit: Decimal) -> bool:
        """Whether the value is on the good side of a limit, or on it."""
        short = float(limit) - value if self.rising else value - float(limit)
        return short <= ROUNDING


def misordered(good: Decimal, fair: Decimal, *, rising: bool) -> bool:
    """Whether the limits leave no room for a review in the right direction."""
    return fair > good if rising else fair < good


def matching_of(context: GateContext) -> MatchSummary | None:
    """The design's account of its matching."""
    return context.design.summary.matching


def turned(context: GateContext, effect: float) -> float:
    """Another effect on the headline's treated units, on the estimand's scale, more is better."""
    outcome = context.plan.outcome_named(context.headline.key.outcome)
    good = 1.0 if outcome.direction == "increase" else -1.0
    return good * context.headline.on_scale(effect, scale=context.plan.estimand.scale)


def is_weighted(context: GateContext) -> bool:
    """Whether the design weighs groups and matches nobody: answers then speak of weights."""
    return context.design.summary.comparison == "weighted"
