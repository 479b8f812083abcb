"""The terms of payment: what is not stated, cannot be reached, or contradicts itself."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from fractions import Fraction

from evaltool.payment.mechanisms import binary_threshold, cohort_then_pooled, unit_tariff
from evaltool.planning.lint.finding import Finding, PaymentRule, Reading, note, warning


def no_basis(reading: Reading) -> Iterable[Finding]:
    """LINT_NO_BASIS: a rule says on which figure it pays."""
    for item in reading.rules:
        if item.rule.basis is None and item.plugin.uses != "count":
            sentence = (
                f"Rule '{item.rule.id}' does not say whether the estimate, its lower bound or its significance pays."
            )
            fix = 'Write basis = "point_estimate", "lower_bound" or "significant_and_point".'
            yield warning("LINT_NO_BASIS", f"{item.key}.basis", sentence, fix)


def no_inclusive(reading: Reading) -> Iterable[Finding]:
    """LINT_NO_INCLUSIVE: "at least" and "more than" both occur in real contracts."""
    for item in reading.rules:
        if item.rule.inclusive is None and item.plugin.thresholds(item.terms):
            sentence = f"Rule '{item.rule.id}' does not say whether reaching a threshold exactly counts."
            fix = "Write inclusive = true (at least) or inclusive = false (more than)."
            yield warning("LINT_NO_INCLUSIVE", f"{item.key}.inclusive", sentence, fix)


def cap_below_reach(reading: Reading) -> Iterable[Finding]:
    """LINT_CAP_BELOW_REACH: a cap under which the top tier, or the agreed units, can never be paid in full."""
    for item in reading.rules:
        reach = _reach(item, reading)
        for cap, key in ((item.rule.cap, f"{item.key}.cap"), (_own_cap(item), f"{item.key}.terms.cap")):
            if cap is not None and reach is not None and cap < reach:
                yield _capped(key, cap, reach)


def contract_cap_below_reach(reading: Reading) -> Iterable[Finding]:
    """LINT_CAP_BELOW_REACH: the same for the contract's cap on the sum of all rules."""
    cap = reading.plan.payment.cap
    tops: list[Decimal] = []
    for item in reading.rules:
        limits = (_reach(item, reading), item.rule.cap, _own_cap(item))
        tops.append(min((limit for limit in limits if limit is not None), default=Decimal(0)))
    if cap is not None and cap < sum(tops, Decimal(0)):
        yield _capped("payment.cap", cap, sum(tops, Decimal(0)))


def _capped(key: str, cap: Decimal, reach: Decimal) -> Finding:
    """The finding of a cap that hides part of what is agreed."""
    sentence = f"The cap of {cap} lies below the {reach} that the terms can reach, so the top can never be paid."
    return warning("LINT_CAP_BELOW_REACH", key, sentence, "Raise the cap, or lower the terms to what can be paid.")


def _own_cap(item: PaymentRule) -> Decimal | None:
    """The cap within a tariff's own terms."""
    return item.terms.cap if isinstance(item.terms, unit_tariff.Terms) else None


def _reach(item: PaymentRule, reading: Reading) -> Decimal | None:
    """The most the terms can pay before any cap; None for a tariff on any number of units."""
    if isinstance(item.terms, unit_tariff.Terms):
        most = item.terms.maximum_units
        return None if most is None else item.terms.price * most
    if isinstance(item.terms, cohort_then_pooled.Terms):
        early = sum(item.terms.amounts(len(reading.plan.population.cohort)), Decimal(0))
        return max(early, item.terms.pooled_amount)
    return item.plugin.maximum(item.terms)


def count_and_share_disagree(reading: Reading) -> Iterable[Finding]:
    """LINT_COUNT_AND_SHARE: "at least 31 % (50 of 162)", but 50 of 162 is 30.9 % (a real case)."""
    for item in reading.rules:
        terms = item.terms
        if not isinstance(terms, binary_threshold.Terms):
            continue
        count, of, share = terms.count, terms.of, terms.stated_share
        if count is not None and of is not None and share is not None and Fraction(count, of) < Fraction(share):
            percent = Decimal(100 * count) / Decimal(of)
            sentence = (
                f"count and percent disagree: {count}/{of} = {percent:.1f} percent, "
                f"below the stated {(share * 100).normalize():f} percent."
            )
            fix = "State which of the two decides, and correct the other."
            yield warning("LINT_COUNT_AND_SHARE", f"{item.key}.terms.stated_share", sentence, fix)


def point_estimate_basis(reading: Reading) -> Iterable[Finding]:
    """LINT_POINT_ESTIMATE: what paying on the point estimate means."""
    for item in reading.rules if reading.decides else ():
        if item.rule.basis == "point_estimate" and item.plugin.uses != "count" and _estimated(reading):
            sentence = (
                f"Rule '{item.rule.id}' pays on the point estimate: when the true effect equals the threshold it pays "
                "half the time, however many people take part."
            )
            fix = "Nothing, when the parties know; else pay on the lower bound, or set the threshold accordingly."
            yield note("LINT_POINT_ESTIMATE", f"{item.key}.basis", sentence, fix)


def _estimated(reading: Reading) -> bool:
    """Whether the figure is an estimate that chance moves."""
    return reading.can is None or reading.can.kind != "verified_count"
