"""A verified share: how many of those measured reached the outcome. It measures what happened, not an effect.

Estimand
    The share of the units measured, or of one cohort, whose outcome is 1. No counterfactual.

Equation as implemented
    share = k / n, with n units of one row each and k of them with the outcome 1. Unit weights are not used.

Uncertainty
    No standard error. Exact binomial interval: the lower end is the share p at which k or more of n have the
    probability a, the upper end the one at which k or fewer have it, with a = (1 − level) / 2 (one-sided: 1 − level);
    0 for k = 0 and 1 for k = n. The share itself meets thresholds without tolerance, since it is counted.

Assumptions
    For the share as a description: every unit was verified once. For the interval: units are independent.

Refuses when
    There is no data; a unit has more than one row; an outcome is neither 0 nor 1; a cohort is asked for and cannot be
    told apart, or is empty.

Source
    Clopper & Pearson 1934 (Biometrika 26).

Reference implementation and agreed tolerance
    scipy.stats.binomtest(k, n).proportion_ci(method="exact"), 1e-12; k and n exact.
"""

from __future__ import annotations

from fractions import Fraction

from evaltool.errors import Fault, Place, RunError
from evaltool.estimators._inference import inference_rule, sides_convention
from evaltool.estimators.measured._rows import rows_of, unit_words
from evaltool.numerics.inference import exact_share
from evaltool.records.base import Record
from evaltool.records.estimate import Counts, Estimate, Interval, SecondOpinion
from evaltool.records.plugins import Capabilities, EstimationRequest, EstimatorPlugin


class ShareOptions(Record):
    """``[estimator.options]`` of ``measured.share``: none."""


def _outcomes(request: EstimationRequest) -> list[float]:
    """(unit) 0 or 1. Raises RunError (RUN_NOT_ZERO_OR_ONE, RUN_ONE_ROW_PER_UNIT, and those of the rows)."""
    frame = rows_of(request)
    values = [float(value) for value in frame[f"y.{request.outcome.id}"].tolist()]
    odd = sorted({value for value in values if value not in {0.0, 1.0}})
    faults = []
    if bool(frame["unit"].duplicated().any()):
        faults.append(
            Fault(
                code="RUN_ONE_ROW_PER_UNIT",
                cause="A share counts every unit once, and the data have more than one row for some.",
                fix="Give one row per unit, with the outcome as it was verified at the end.",
                place=Place(key="data.path"),
            )
        )
    if odd:
        faults.append(
            Fault(
                code="RUN_NOT_ZERO_OR_ONE",
                cause=f"Outcome '{request.outcome.id}' holds {odd[0]:g}; a share counts ones and zeros.",
                fix="Code the outcome 1 (reached) or 0 (not reached), or measure it with measured.change.",
                place=Place(key="data.column"),
            )
        )
    if faults:
        raise RunError(faults)
    return values


def estimate(request: EstimationRequest) -> Estimate:
    """The share as it was counted. Raises RunError."""
    values = _outcomes(request)
    reached, n = int(sum(values)), len(values)
    rule = inference_rule(request)
    lower, upper = exact_share(reached, n, rule)
    return Estimate(
        key=request.key,
        method="measured.share",
        kind="change",
        estimand="verified share",
        unit=unit_words(request),
        att=reached / n,
        se=None,
        absent="EXACT_INTERVAL",
        interval=Interval(lower=lower, upper=upper, level=rule.level),
        counts=Counts(treated=n, comparison=0, observations=n),
        observed=reached / n,
        conventions={
            "arithmetic": "whole numbers",
            "reached": reached,
            "of": n,
            "interval": f"exact binomial, {sides_convention(request)}",
            "weights": "not used",
            "cohort": request.key.cohort,
        },
        notes=("no_counterfactual",),
    )


def second_opinion(request: EstimationRequest) -> SecondOpinion:
    """The share again: ones counted unit by unit, as a fraction. Raises RunError."""
    by_unit = dict(zip(rows_of(request)["unit"].tolist(), _outcomes(request), strict=True))
    return SecondOpinion(
        value=float(Fraction(sum(1 for value in by_unit.values() if value == 1.0), len(by_unit))),
        by="an exact fraction, unit by unit",
    )


PLUGIN = EstimatorPlugin(
    name="measured.share",
    capabilities=Capabilities(
        family="measured",
        title="Verified share (no counterfactual)",
        kind="change",
        needs=("unit", "outcome"),
        designs=("groups.none",),
        standard_error="sometimes",
        per_cohort=True,
        aggregations=("none", "simple"),
        minimum_treated=1,
        minimum_comparison=0,
    ),
    options=ShareOptions,
    estimate=estimate,
    second_opinion=second_opinion,
)
