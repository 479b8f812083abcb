"""A verified count: the sum of an outcome column. It measures what happened, not an effect.

Estimand
    The total of the outcome over all rows of the units measured, for everybody or for one cohort. No counterfactual.

Equation as implemented
    Σ y, added as exact decimals of the values as they are written, so that 0.1 + 0.2 is 0.3. Unit weights are not
    used: a count counts.

Uncertainty
    None: the count is what the verifier confirmed (absent = VERIFIED_COUNT). It meets thresholds without tolerance.

Assumptions
    Every row was verified once.

Refuses when
    There is no data; a cohort is asked for and cannot be told apart, or is empty.

Source
    Practice of outcomes contracts with unit prices (rate cards).

Reference implementation and agreed tolerance
    Python's ``decimal`` and ``fractions``; exact.
"""

from __future__ import annotations

from decimal import Context, Decimal
from fractions import Fraction

from evaltool.estimators.measured._rows import rows_of, unit_words
from evaltool.records.base import Record
from evaltool.records.estimate import Counts, Estimate, SecondOpinion, decimal_of
from evaltool.records.plugins import Capabilities, EstimationRequest, EstimatorPlugin

EXACT = Context(prec=400)
"""Enough digits for any sum of binary floats that people write down."""


class VerifiedCountOptions(Record):
    """``[estimator.options]`` of ``measured.verified_count``."""

    per_unit: bool = False
    """Whether the count of each person or unit is kept, in the secure part of the bundle, for tariffs per person."""


def estimate(request: EstimationRequest) -> Estimate:
    """The total as it was verified. Raises RunError."""
    frame = rows_of(request)
    values = frame[f"y.{request.outcome.id}"].tolist()
    total = Decimal(0)
    for value in values:
        total = EXACT.add(total, decimal_of(value))
    units = int(frame["unit"].nunique())
    kept = isinstance(request.options, VerifiedCountOptions) and request.options.per_unit
    by_unit = frame.groupby("unit", sort=True)[f"y.{request.outcome.id}"].agg(list) if kept else ()
    return Estimate(
        key=request.key,
        method="measured.verified_count",
        kind="verified_count",
        estimand="verified count",
        unit=unit_words(request),
        att=float(total),
        se=None,
        absent="VERIFIED_COUNT",
        counts=Counts(treated=units, comparison=0, observations=len(values)),
        observed=float(total),
        conventions={"arithmetic": "exact decimal sum", "weights": "not used", "cohort": request.key.cohort},
        certificate={"total": f"{total.normalize():f}"},
        unit_counts=tuple(float(sum((decimal_of(v) for v in values), Decimal(0))) for values in by_unit),
        notes=("no_counterfactual",),
    )


def second_opinion(request: EstimationRequest) -> SecondOpinion:
    """The total again: unit by unit, as fractions of the binary values. Raises RunError."""
    frame = rows_of(request)
    by_unit = frame.groupby("unit", sort=True)[f"y.{request.outcome.id}"].agg(list)
    total = sum((sum((Fraction(value) for value in values), Fraction(0)) for values in by_unit), Fraction(0))
    return SecondOpinion(value=float(total), by="exact fractions, unit by unit")


PLUGIN = EstimatorPlugin(
    name="measured.verified_count",
    capabilities=Capabilities(
        family="measured",
        title="Verified count (no counterfactual)",
        kind="verified_count",
        needs=("unit",),
        designs=("groups.none",),
        standard_error="never",
        per_cohort=True,
        aggregations=("none", "simple"),
        minimum_treated=1,
        minimum_comparison=0,
    ),
    options=VerifiedCountOptions,
    estimate=estimate,
    second_opinion=second_opinion,
)
