"""From numbers to records: every estimator makes its intervals and p-values through here."""

from __future__ import annotations

from typing import Literal

from evaltool.numerics.inference import InferenceRule, infer
from evaltool.records.estimate import Interval, Relative
from evaltool.records.plugins import EstimationRequest


def inference_rule(request: EstimationRequest, *, df: float | None = None) -> InferenceRule:
    """The plan's confidence level and sides, with the outcome's direction of good."""
    return InferenceRule(
        level=float(request.inference.level), sides=request.inference.sides, good=request.outcome.direction, df=df
    )


def interval_and_p(value: float, se: float | None, rule: InferenceRule) -> tuple[Interval | None, float | None]:
    """The interval and the p-value of the test it inverts; (None, None) without a standard error."""
    if se is None:
        return None, None
    found = infer(value, se, rule)
    return Interval(lower=found.lower, upper=found.upper, level=found.level), found.p_value


def statistic_of(value: float, se: float | None) -> float | None:
    """Effect over standard error; None without one."""
    return None if se is None else value / se


def relative_effect(
    value: float,
    se: float | None,
    *,
    rule: InferenceRule,
    denominator: Literal["counterfactual", "baseline"],
    denominator_value: float,
) -> Relative:
    """A relative effect with its own interval and p-value."""
    interval, p_value = interval_and_p(value, se, rule)
    return Relative(
        value=value,
        se=se,
        interval=interval,
        p_value=p_value,
        denominator=denominator,
        denominator_value=denominator_value,
    )


def sides_convention(request: EstimationRequest) -> str:
    """What the ends of the interval are, in words for the list of conventions."""
    if request.inference.sides == "two":
        return "two-sided: (1 - level) / 2 beyond either end"
    return "one-sided: each end is a one-sided bound that spends all of 1 - level"
