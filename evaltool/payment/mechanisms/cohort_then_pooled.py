"""Each cohort is tested as it closes; when all have closed, their weighted mean is tested too.

Formula: early entitlement E = Σ A_c over the cohorts whose figure reaches a. Once every cohort is measured,
ρ = Σ w_c · ρ_c / Σ w_c (``payment.pooling``), and the pooled entitlement is B when ρ reaches b. What is due in
all is max(E, B): the pooled amount contains what was paid early (state early payments in
``[[payment.previous]]``).
A cohort that misses its test while others are still open is carried forward, never a NO_PAYMENT.
Used in: Peterborough (10 per cent per cohort, 7.5 per cent pooled).
"""

from __future__ import annotations

from decimal import Decimal
from typing import Self

from pydantic import Field, model_validator

from evaltool.payment.basis import Absent, Figure, absent_result, compare, compared, figure
from evaltool.payment.pooling import pool
from evaltool.payment.terms import Positive, terms_as
from evaltool.payment.trace import Value, step
from evaltool.records.base import Exact, Record
from evaltool.records.decision import TraceStep
from evaltool.records.mechanism import Comparison, MechanismPlugin, MechanismResult, RuleRequest, Tier


class Terms(Record):
    """Thresholds and whole amounts; either one ``cohort_amount`` for every cohort or ``cohort_amounts`` in order."""

    cohort_threshold: Exact
    cohort_amount: Positive | None = None
    cohort_amounts: tuple[Positive, ...] = Field(default=())
    pooled_threshold: Exact
    pooled_amount: Positive
    equal_weights: bool = False
    """Agreed equal weights in the pooled test; otherwise every ``[[population.cohort]]`` states its weight."""

    @model_validator(mode="after")
    def one_way_of_stating_amounts(self) -> Self:
        """Refuse both or neither of ``cohort_amount`` and ``cohort_amounts``."""
        if (self.cohort_amount is None) == (not self.cohort_amounts):
            message = "state either cohort_amount or cohort_amounts"
            raise ValueError(message)
        return self

    def amounts(self, cohorts: int) -> tuple[Decimal, ...]:
        """One amount per cohort; shorter or longer than ``cohorts`` when the contract's list is."""
        return self.cohort_amounts if self.cohort_amount is None else (self.cohort_amount,) * cohorts


def pay(request: RuleRequest) -> MechanismResult:
    """Early entitlement, pooled entitlement, or carried forward."""
    terms = terms_as(Terms, request.terms)
    early_figures = _figures(request, terms)
    if isinstance(early_figures, Absent):
        return absent_result(request, early_figures)
    amounts = terms.amounts(len(request.cohorts))
    if request.pooled_only:
        return _pooled_only(request, terms)
    comparisons = [compare(request, found, terms.cohort_threshold) for found in early_figures]
    trace: list[TraceStep] = []
    early = Decimal(0)
    for found, met, stated in zip(early_figures, comparisons, amounts, strict=False):
        amount = stated if met.reached else Decimal(0)
        early += amount
        values: dict[str, Value] = {
            "rule": request.rule.id,
            "cohort": met.cohort,
            "reached": met.reached,
            "amount": amount,
        }
        trace += [*found.trace, compared(request, met), step("cohort.amount", values)]
    top = max(terms.pooled_amount, sum(amounts, Decimal(0)))
    if len(early_figures) < len(request.cohorts):
        return _open(request, early, top, trace, comparisons)
    pooled = pool(request, equal_weights=terms.equal_weights)
    if isinstance(pooled, Absent):
        return absent_result(request, pooled)
    return _closed(request, terms, early, top, (trace, comparisons, pooled))


def _figures(request: RuleRequest, terms: Terms) -> tuple[Figure, ...] | Absent:
    """One figure per measured cohort, or why there is none. Cohorts are measured in the plan's order."""
    refused = _refused(request, terms)
    if refused is not None:
        return refused
    for planned, item in zip(request.cohorts, request.evidence, strict=False):
        if item.key.cohort != planned:
            return Absent("cohort_missing", planned)
    found: list[Figure] = []
    for item in request.evidence:
        one = figure(request, item)
        if isinstance(one, Absent):
            return one
        found.append(one)
    return tuple(found)


def _refused(request: RuleRequest, terms: Terms) -> Absent | None:
    """What keeps the rule from being applied at all."""
    if request.rule.inclusive is None:
        return Absent("inclusive_not_stated", request.rule.id)
    if not request.cohorts:
        return Absent("cohorts_not_planned", request.rule.id)
    if len(terms.amounts(len(request.cohorts))) != len(request.cohorts):
        return Absent("cohort_amounts_mismatch", request.rule.id)
    return None if request.evidence else Absent("no_estimate", request.rule.subject)


def _open(
    request: RuleRequest, early: Decimal, top: Decimal, trace: list[TraceStep], comparisons: list[Comparison]
) -> MechanismResult:
    """Some cohorts are still to come: what is reached is due, a miss is carried forward."""
    tested: dict[str, Value] = {"rule": request.rule.id, "tested": len(request.evidence)}
    trace.append(step("cohort.open", {**tested, "planned": len(request.cohorts)}))
    tier: Tier = "partial" if early > 0 else "carried_forward"
    return MechanismResult(amount=early, tier=tier, maximum=top, trace=tuple(trace), comparisons=tuple(comparisons))


def _pooled_only(request: RuleRequest, terms: Terms) -> MechanismResult:
    """The contract's fallback leaves only the pooled test: no cohort is tested by itself."""
    if len(request.evidence) < len(request.cohorts):
        return absent_result(request, Absent("cohort_not_closed", request.cohorts[len(request.evidence)]))
    pooled = pool(request, equal_weights=terms.equal_weights)
    if isinstance(pooled, Absent):
        return absent_result(request, pooled)
    return _closed(request, terms, Decimal(0), terms.pooled_amount, ([], [], pooled))


def _closed(
    request: RuleRequest,
    terms: Terms,
    early: Decimal,
    top: Decimal,
    found: tuple[list[TraceStep], list[Comparison], tuple[Figure, tuple[TraceStep, ...]]],
) -> MechanismResult:
    """All cohorts are in: the pooled test decides beside what was reached early."""
    trace, comparisons, (pooled, weighing) = found
    met = compare(request, pooled, terms.pooled_threshold)
    amount = max(early, terms.pooled_amount if met.reached else Decimal(0))
    values: dict[str, Value] = {"rule": request.rule.id, "reached": met.reached, "pooled_amount": terms.pooled_amount}
    last = step("pooled.amount", {**values, "early_amount": early, "amount": amount})
    tier: Tier = "none" if amount == 0 else "full" if amount >= top else "partial"
    return MechanismResult(
        amount=amount,
        tier=tier,
        maximum=top,
        trace=(*trace, *weighing, *pooled.trace, compared(request, met), last),
        comparisons=(*comparisons, met),
    )


def maximum(terms: Record) -> Decimal | None:
    """The larger of the pooled amount and the stated cohort amounts.

    A single ``cohort_amount`` counts once here, since terms do not know how many cohorts the plan has; a result's
    own maximum does.
    """
    agreed = terms_as(Terms, terms)
    return max(agreed.pooled_amount, sum(agreed.amounts(1), Decimal(0)))


def thresholds(terms: Record) -> tuple[Decimal, ...]:
    """Both thresholds, ascending."""
    agreed = terms_as(Terms, terms)
    return tuple(sorted({agreed.cohort_threshold, agreed.pooled_threshold}))


PLUGIN = MechanismPlugin(
    name="cohort_then_pooled",
    title="Cohort by cohort, then pooled",
    terms=Terms,
    uses="any",
    pay=pay,
    maximum=maximum,
    thresholds=thresholds,
    per_cohort=True,
)
