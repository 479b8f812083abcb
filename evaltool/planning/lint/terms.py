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


def floor_above_cap(reading: Reading) -> Iterable[Finding]:
    """LINT_FLOOR_ABOVE_CAP: what is paid when nothing can be measured exceeds the most a success is paid."""
    limits = [(_reach(item, reading), item.rule.cap, _own_cap(item)) for item in reading.rules]
    tops = [min((limit for limit in three if limit is not None), default=None) for three in limits]
    closed = [top for top in tops if top is not None]
    most = [sum(closed, Decimal(0))] if closed and len(closed) == len(reading.plan.payment.rule) else []
    most += [] if reading.plan.payment.cap is None else [reading.plan.payment.cap]
    for number, fallback in enumerate(reading.plan.fallback):
        if fallback.amount is not None and most and fallback.amount > min(most):
            sentence = (
                f"The fallback pays {fallback.amount} when nothing can be decided; the most that a result "
                f"can pay is {min(most)}."
            )
            fix = "Lower the floor: else a failed measurement pays as much as success, or is cut by the cap."
            yield warning("LINT_FLOOR_ABOVE_CAP", f"fallback[{number}].amount", sentence, fix)


def percent_for_share(reading: Reading) -> Iterable[Finding]:
    """LINT_PERCENT_FOR_SHARE: ten percent is 0.10 on a relative scale, not 10."""
    for item in reading.rules if reading.plan.estimand.scale == "relative" else ():
        high = [threshold for threshold in item.plugin.thresholds(item.terms) if threshold > 1]
        if high:
            sentence = (
                f"Rule '{item.rule.id}' has the threshold {high[0]} on a relative scale, "
                f"which asks for an improvement of {(high[0] * 100).normalize():f} percent."
            )
            fix = "Write shares: ten percent is 0.10."
            yield warning("LINT_PERCENT_FOR_SHARE", f"{item.key}.terms", sentence, fix)


def pays_for_harm(reading: Reading) -> Iterable[Finding]:
    """LINT_PAYS_FOR_HARM: thresholds stand in the direction of good, so a negative one pays when things got worse."""
    for item in reading.rules:
        low = [threshold for threshold in item.plugin.thresholds(item.terms) if threshold < 0]
        if low:
            sentence = f"Rule '{item.rule.id}' pays from {low[0]}: people may be worse off, and it still pays."
            fix = "Thresholds are positive whichever way is better; write a negative one only for non-inferiority."
            yield warning("LINT_PAYS_FOR_HARM", f"{item.key}.terms", sentence, fix)


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
