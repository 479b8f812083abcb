"""Several outcomes against their targets, weighted into one figure.

Formula: A · Σ_m w_m · min(c_m, max(0, figure_m / target_m)), for weights w_m that sum to one, targets, the most c_m
that one outcome may count, and the amount A at target; under a cap.
Used in: Educate Girls (learning 80 per cent, enrolment 20 per cent).
"""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Self

from pydantic import Field, model_validator

from evaltool.payment.basis import Absent, absent_result, figure
from evaltool.payment.capped import under_cap
from evaltool.payment.terms import Positive, refuse_repeated, refuse_weights, terms_as
from evaltool.payment.trace import Value, step
from evaltool.records.base import Record, Share, Slug
from evaltool.records.decision import TraceStep
from evaltool.records.mechanism import MechanismPlugin, MechanismResult, RuleRequest


class Component(Record):
    """One outcome, its weight and its target, on the scale and in the direction of good."""

    outcome: Slug
    weight: Annotated[Share, Field(gt=0)]
    target: Positive
    ratio_cap: Positive | None = None
    """Most that achieved / target may count; 1 pays nothing for reaching more than the target."""


class Terms(Record):
    """The components, the amount when all are exactly at target, and the most in all."""

    components: tuple[Component, ...] = Field(min_length=1)
    amount: Positive
    cap: Positive | None = None

    @model_validator(mode="after")
    def whole(self) -> Self:
        """Refuse weights that do not sum to one and an outcome named twice."""
        refuse_weights([c.weight for c in self.components], "components")
        refuse_repeated([c.outcome for c in self.components], "outcomes of components")
        return self


def pay(request: RuleRequest) -> MechanismResult:
    """The amount at target times the weighted ratios, under the cap."""
    terms = terms_as(Terms, request.terms)
    total, trace = Decimal(0), list[TraceStep]()
    for one in terms.components:
        item = request.outcomes.get(one.outcome)
        if item is None:
            return absent_result(request, Absent("no_estimate", one.outcome))
        found = figure(request, item)
        if isinstance(found, Absent):
            return absent_result(request, found)
        achieved = max(Decimal(0), found.value) if found.qualifies else Decimal(0)
        ratio = achieved / one.target
        counted = ratio if one.ratio_cap is None else min(ratio, one.ratio_cap)
        total += one.weight * counted
        values: dict[str, Value] = {
            "rule": request.rule.id,
            "outcome": one.outcome,
            "achieved": achieved,
            "target": one.target,
        }
        counts: dict[str, Value] = {"ratio": counted, "weight": one.weight, "product": one.weight * counted}
        trace += [*found.trace, step("composite.part", {**values, **counts})]
    gross = terms.amount * total
    summed: dict[str, Value] = {"rule": request.rule.id, "composite": total, "amount_at_target": terms.amount}
    trace.append(step("composite.amount", {**summed, "amount": gross}))
    return under_cap(request, gross, terms.cap, maximum(terms), trace)


def maximum(terms: Record) -> Decimal | None:
    """The lower of the cap and what all components at their most would give; None when neither is stated."""
    agreed = terms_as(Terms, terms)
    ratios = [c.ratio_cap for c in agreed.components if c.ratio_cap is not None]
    most = None
    if len(ratios) == len(agreed.components):
        parts = (c.weight * cap for c, cap in zip(agreed.components, ratios, strict=True))
        most = agreed.amount * sum(parts, Decimal(0))
    return min((top for top in (agreed.cap, most) if top is not None), default=None)


def thresholds(terms: Record) -> tuple[Decimal, ...]:
    """None: every step towards the targets counts."""
    terms_as(Terms, terms)
    return ()


PLUGIN = MechanismPlugin(
    name="weighted_composite",
    title="Several outcomes against their targets, weighted",
    terms=Terms,
    uses="any",
    pay=pay,
    maximum=maximum,
    thresholds=thresholds,
    continuous=True,
)
