"""Several estimates of one effect, blended with agreed weights, and steps on the blend.

Formula: est = Σ_k w_k · est_k with weights that sum to one; se² = Σ_k Σ_l w_k w_l cov_kl (``payment.blending``); then
the amount of the highest tier that the blend reaches.
Used in: Roca (Massachusetts: 0.8 × randomised trial + 0.2 × difference-in-differences).
"""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Self

from pydantic import Field, model_validator

from evaltool.payment.basis import Absent, absent_result, figure
from evaltool.payment.blending import blend
from evaltool.payment.mechanisms.step_tiers import Step
from evaltool.payment.terms import refuse_repeated, refuse_unordered, refuse_weights, terms_as
from evaltool.payment.tiers import pay_reached
from evaltool.records.base import Agreed, Record
from evaltool.records.mechanism import MechanismPlugin, MechanismResult, RuleRequest
from evaltool.records.plan.analysis import BlendPart


class Terms(Record):
    """Which estimates with which weights, how they vary together, and the tiers."""

    blend: tuple[BlendPart, ...] = Field(min_length=2)
    correlation: Annotated[Agreed, Field(ge=-1, le=1)] | None = None
    """Agreed correlation; else the covariance the run knows, else one, which makes the error as large as it can be."""
    tiers: tuple[Step, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def whole(self) -> Self:
        """Refuse weights that do not sum to one, an estimate named twice, and tiers that do not rise."""
        refuse_weights([part.weight for part in self.blend], "the blend")
        refuse_repeated([part.specification for part in self.blend], "blended estimates")
        refuse_unordered([tier.start for tier in self.tiers], "tier thresholds")
        refuse_unordered([tier.amount for tier in self.tiers], "tier amounts")
        return self


def pay(request: RuleRequest) -> MechanismResult:
    """The amount of the highest tier that the blend reaches; a single specification asked for stands by itself."""
    terms = terms_as(Terms, request.terms)
    if request.rule.inclusive is None:
        return absent_result(request, Absent("inclusive_not_stated", request.rule.id))
    tiers = [(tier.start, tier.amount) for tier in terms.tiers]
    if not request.specifications:
        if not request.evidence:
            return absent_result(request, Absent("no_estimate", request.rule.subject))
        found = figure(request, request.evidence[0])
        return absent_result(request, found) if isinstance(found, Absent) else pay_reached(request, found, tiers)
    missing = [part.specification for part in terms.blend if part.specification not in request.specifications]
    if missing:
        return absent_result(request, Absent("specification_missing", missing[0]))
    estimates = {part.specification: request.specifications[part.specification] for part in terms.blend}
    weights = {part.specification: part.weight for part in terms.blend}
    blended = blend(request.rule.id, estimates, weights, terms.correlation, request.covariances)
    found = figure(request, blended.evidence)
    if isinstance(found, Absent):
        return absent_result(request, found)
    result = pay_reached(request, found, tiers)
    return result.model_copy(update={"trace": (*blended.trace, *result.trace)})


def maximum(terms: Record) -> Decimal | None:
    """The top tier's amount."""
    return terms_as(Terms, terms).tiers[-1].amount


def thresholds(terms: Record) -> tuple[Decimal, ...]:
    """The tiers' thresholds, ascending."""
    return tuple(tier.start for tier in terms_as(Terms, terms).tiers)


PLUGIN = MechanismPlugin(
    name="blended_estimators",
    title="Several estimates blended, an amount per tier",
    terms=Terms,
    uses="any",
    pay=pay,
    maximum=maximum,
    thresholds=thresholds,
)
