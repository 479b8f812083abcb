"""The terms of payment: what is not stated, cannot be reached, or contradicts itself."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from fractions import Fraction

from evaltool.payment.mechanisms import cohort_then_pooled
from evaltool.planning.lint.finding import Finding, PaymentRule, Reading, note, warning
from evaltool.records.base import Record


def no_basis(reading: Reading) -> Iterable[Finding]:
    """LINT_NO_BASIS: a rule says on which figure it pays."""
    for item in reading.rules:
        if item.rule.basis is None and item.plugin.uses not in {"count", "parts"}:
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
    """LINT_CAP_BELOW_REACH: the same for the contract's cap on what all rules come to.

    A rule without a top adds nothing: how far it reaches is not known.
    """
    cap, tops = reading.plan.payment.cap, [_top(item, reading) for item in reading.leading]
    known = [top for top in tops if top is not None]
    reach = _joined(known, reading.plan.payment.combine)
    if cap is not None and cap < reach:
        yield _capped("payment.cap", cap, reach)


def floor_above_cap(reading: Reading) -> Iterable[Finding]:
    """LINT_FLOOR_ABOVE_CAP: what is paid when nothing can be measured exceeds the most a success is paid."""
    tops = [_top(item, reading) for item in reading.leading]
    closed = [top for top in tops if top is not None]
    every = bool(closed) and len(closed) == len(reading.plan.payment.leading)
    most = [_joined(closed, reading.plan.payment.combine)] if every else []
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
    """The cap within a mechanism's own terms."""
    found: object = getattr(item.terms, "cap", None)
    return found if isinstance(found, Decimal) else None


def _reach(item: PaymentRule, reading: Reading) -> Decimal | None:
    """The most the terms can pay before any cap; None where nothing limits it."""
    if isinstance(item.terms, cohort_then_pooled.Terms):
        early = sum(item.terms.amounts(len(reading.plan.population.cohort)), Decimal(0))
        return max(early, item.terms.pooled_amount)
    field = type(item.terms).model_fields.get("cap")
    may_be_open = field is not None and not field.is_required()
    return item.plugin.maximum(item.terms.model_copy(update={"cap": None}) if may_be_open else item.terms)


def _joined(tops: Sequence[Decimal], combine: str) -> Decimal:
    """What the rules come to at the most when each reaches its top; 0 without any."""
    if combine == "maximum":
        return max(tops, default=Decimal(0))
    return min(tops, default=Decimal(0)) if combine == "minimum" else sum(tops, Decimal(0))


def _top(item: PaymentRule, reading: Reading) -> Decimal | None:
    """The most the rule can pay under its own caps; None where nothing limits it."""
    limits = (_reach(item, reading), item.rule.cap, _own_cap(item))
    return min((limit for limit in limits if limit is not None), default=None)


def count_and_share_disagree(reading: Reading) -> Iterable[Finding]:
    """LINT_COUNT_AND_SHARE: "at least 31 % (50 of 162)", but 50 of 162 is 30.9 % (a real case)."""
    for item in reading.rules:
        for key, count, of, share in _counted_shares(item.terms, f"{item.key}.terms"):
            percent, stated = Decimal(100 * count) / Decimal(of), (share * 100).normalize()
            if Fraction(count, of) < Fraction(share):
                sentence = (
                    f"count and percent disagree: {count}/{of} = {percent:.1f} percent, "
                    f"below the stated {stated:f} percent."
                )
                fix = "State which of the two decides, and correct the other."
                yield warning("LINT_COUNT_AND_SHARE", f"{key}.stated_share", sentence, fix)


def _counted_shares(terms: object, key: str) -> Iterator[tuple[str, int, int, Decimal]]:
    """Key, count, of and share wherever terms state a threshold both as a count and as a share."""
    if isinstance(terms, tuple):
        for number, inner in enumerate(terms):
            yield from _counted_shares(inner, f"{key}[{number}]")
    if not isinstance(terms, Record):
        return
    count, of, share = (getattr(terms, name, None) for name in ("count", "of", "stated_share"))
    if isinstance(count, int) and isinstance(of, int) and isinstance(share, Decimal):
        yield key, count, of, share
    for name in type(terms).model_fields:
        yield from _counted_shares(getattr(terms, name), f"{key}.{name}")


def paid_twice(reading: Reading) -> Iterable[Finding]:
    """LINT_PAID_TWICE: two rules pay on one outcome, and their amounts are added."""
    if reading.plan.payment.combine not in {"sum", "all_of"}:
        return
    seen: dict[str, str] = {}
    for item in reading.leading:
        name = item.rule.outcome
        if name is not None and name in seen:
            sentence = f"Rules '{seen[name]}' and '{item.rule.id}' both pay on '{name}', and their amounts are added."
            fix = 'Nothing, when both were agreed; else write combine = "maximum", or drop one.'
            yield note("LINT_PAID_TWICE", f"{item.key}.outcome", sentence, fix)
        elif name is not None:
            seen[name] = item.rule.id


def rounded_estimate(reading: Reading) -> Iterable[Finding]:
    """LINT_ROUNDED_ESTIMATE: the estimate is rounded before it meets a threshold, which moves the threshold."""
    for item in reading.rules:
        rounding, bars = item.rule.estimate_rounding, item.plugin.thresholds(item.terms)
        if rounding is None or rounding.mode == "down" or not bars:
            continue
        step = Decimal(1).scaleb(-rounding.places)
        least = min(bars) - (step if rounding.mode == "up" else step / 2)
        sentence = (
            f"Rule '{item.rule.id}' rounds the estimate to {rounding.places} places, so that a figure just above "
            f"{least.normalize():f} counts as {min(bars)}."
        )
        fix = "Nothing, when that was agreed; else remove estimate_rounding, so that the exact figure decides."
        yield note("LINT_ROUNDED_ESTIMATE", f"{item.key}.estimate_rounding", sentence, fix)


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
