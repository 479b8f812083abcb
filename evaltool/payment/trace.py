"""The arithmetic trace: stable keys and the names of their values. The report puts them into words.

Figures are Decimal or int; a name, date, list or mode is text; ``None`` means "not stated" or "absent".
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from evaltool.records.decision import TraceStep

Value = bool | int | Decimal | str | None

TRACE_KEYS: dict[str, tuple[str, ...]] = {
    # what a rule was given
    "rule.start": ("rule", "mechanism", "outcome", "basis", "inclusive"),
    "rule.evidence": ("rule", "cohort", "specification", "kind", "point", "lower", "standard_error", "units"),
    "rule.absent": ("rule", "reason", "detail"),
    # the figure that meets the thresholds
    "rule.basis_value": ("rule", "cohort", "basis", "value"),
    "rule.estimate_rounding": ("rule", "cohort", "before", "places", "mode", "after"),
    "rule.significance": ("rule", "cohort", "lower", "significant"),
    "rule.probability": ("rule", "cohort", "probability"),
    "rule.equivalence": ("rule", "cohort", "lower", "upper", "margin", "inside"),
    "rule.threshold": ("rule", "cohort", "value", "operator", "threshold", "distance", "reached"),
    # unit_tariff
    "tariff.units": ("rule", "units", "maximum_units", "paid_units"),
    "tariff.amount": ("rule", "paid_units", "price", "amount"),
    "tariff.cap": ("rule", "cap", "before", "after"),
    # step_tiers and partial_complete
    "tier.reached": ("rule", "from", "amount"),
    # piecewise_linear
    "linear.segment": ("rule", "value", "from", "from_amount", "to", "to_amount", "amount"),
    # cohort_then_pooled
    "cohort.amount": ("rule", "cohort", "reached", "amount"),
    "cohort.open": ("rule", "tested", "planned"),
    "pooled.weight": ("rule", "cohort", "weight", "value", "product"),
    "pooled.value": (
        *("rule", "total_weight", "value", "standard_error", "critical_value", "lower", "equal_weights"),
        "assumption",
    ),
    "pooled.amount": ("rule", "reached", "pooled_amount", "early_amount", "amount"),
    # person_tariff
    "person.line": ("rule", "outcome", "price", "amount"),
    "person.cap": ("rule", "person_cap", "before", "after"),
    # net_units
    "net.expected": ("rule", "counted", "verified", "people", "rate", "expected", "net_units"),
    "net.deadweight": ("rule", "verified", "deadweight", "net_units"),
    "net.amount": ("rule", "net_units", "price", "share", "amount"),
    # shared_savings
    "saving.amount": ("rule", "payer", "outcome", "people", "effect", "price", "share", "amount"),
    # weighted_composite
    "composite.part": ("rule", "outcome", "achieved", "target", "ratio", "weight", "product"),
    "composite.amount": ("rule", "composite", "amount_at_target", "amount"),
    # blends
    "blend.part": ("rule", "specification", "weight", "value", "product"),
    "blend.value": ("rule", "value", "standard_error", "correlation_from", "critical_value", "lower"),
    # volume_tiers
    "volume.route": ("rule", "route", "verified", "maximum_share", "paid_units"),
    "volume.units": ("rule", "units"),
    "volume.step": ("rule", "above", "up_to", "units", "price", "amount"),
    # rules of rules
    "hurdle": ("rule", "part", "reached", "before", "amount"),
    "offset.line": ("rule", "offset_for", "amount"),
    "offset.rule": ("rule", "part", "before", "after"),
    "interim": ("rule", "part", "as_of", "final_from", "final", "share", "before", "amount"),
    "waterfall.rule": ("rule", "part", "before", "floor", "most", "amount"),
    "join.sum": ("rule", "parts", "amount"),
    "join.minimum": ("rule", "parts", "amount"),
    "join.maximum": ("rule", "parts", "amount"),
    "join.all_of": ("rule", "parts", "amount"),
    # what a rule triggered
    "rule.amount": ("rule", "amount", "maximum", "tier"),
    "rule.cap": ("rule", "cap", "before", "after"),
    # the contract's fallback
    "fallback.floor": ("action", "reasons", "amount"),
    "fallback.specification": ("action", "reasons", "specification"),
    "fallback.blend": ("action", "reasons"),
    "fallback.pooled": ("action", "reasons"),
    "fallback.rate": ("action", "reasons", "outcome", "rate", "observed", "value"),
    # from rules to the amount paid
    "combine.sum": ("rules", "amount"),
    "cap.contract": ("cap", "before", "after"),
    "haircut": ("distance", "over", "compared", "absent", "share", "before", "after"),
    "offset.rules": ("offset", "before", "after"),
    "offset": ("offset", "before", "after"),
    "previous.payment": ("manifest", "amount"),
    "previous.sum": ("paid", "before", "after"),
    "clawback": ("paid", "entitlement", "excess"),
    "kept": ("paid", "entitlement", "excess"),
    "rounding": ("quantum", "mode", "before", "after"),
    "split": ("payer", "level", "share", "amount"),
    # from the amount paid to what investors get
    "investor.paid": ("principal", "before", "payment"),
    "investor.floor": ("floor", "before", "added"),
    "investor.cap": ("cap", "before", "withheld"),
    "investor.guarantee": ("by", "share", "amount"),
    "investor.tranche": ("tranche", "rank", "repaid", "earned", "rest"),
    "investor.received": ("amount",),
}
"""Key of a trace step → the names of its values, in the order in which they are read aloud."""

ABSENT: dict[str, str] = {
    "no_estimate": "there is no estimate of this outcome",
    "no_lower_bound": "the basis needs a lower bound and the estimate has none",
    "no_posterior": "the basis needs a prior and an estimate with a standard error",
    "margin_not_stated": "the rule does not say how far from zero the interval may reach",
    "part_missing": "the rule names a rule that the plan does not have",
    "no_unit_counts": "the mechanism needs what each person reached, and the estimates do not hold it",
    "no_units": "the mechanism needs the number of people, and the estimate does not state it",
    "unknown_payer": "the rule names a payer that is no authority of the contract",
    "no_date": "the mechanism needs the date on which it is decided",
    "cohort_not_closed": "the pooled test needs every cohort, and one is still to come",
    "inclusive_not_stated": "the rule does not say whether reaching the threshold exactly counts",
    "basis_not_stated": "the rule does not say on which figure it pays",
    "cohort_missing": "a cohort before the last one measured has no estimate",
    "cohorts_not_planned": "the mechanism needs cohorts and the plan names none",
    "cohort_amounts_mismatch": "the rule does not state one amount per cohort",
    "weights_not_agreed": "the pooled test has no agreed weights",
    "specification_missing": "the pre-registered specification could not be estimated",
}
"""Why a figure is absent: stable key → English sentence."""


def step(key: str, values: Mapping[str, Value]) -> TraceStep:
    """A trace step. Raises ValueError when its values are not the ones ``TRACE_KEYS`` promises."""
    if tuple(values) != TRACE_KEYS.get(key):
        message = f"trace step {key} must hold {TRACE_KEYS.get(key)}, got {tuple(values)}"
        raise ValueError(message)
    return TraceStep(key=key, values=dict(values))
