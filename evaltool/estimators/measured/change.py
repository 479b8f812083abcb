"""Before–after, or against a fixed target: a change in the people served. It does not measure an effect.

Estimand
    The mean change of those treated: after their start minus before it, or minus an agreed target. There is no
    counterfactual: whatever else changed at the same time is in the number, and every report says so.

Equation as implemented
    d_i = mean of unit i's outcome from its start on − mean of its outcome before it (``target``: − target);
    change = Σ w_i d_i / Σ w_i over treated units seen on both sides. Against a target, without a start in the data,
    every period counts.

Uncertainty
    se² = n/(n − 1) · Σ w_i² (d_i − change)² / (Σ w_i)², t with n − 1 degrees of freedom; with clusters
    w_i (d_i − change) is summed within clusters first and n is the number of clusters. One unit (or cluster): no
    standard error.

Assumptions
    For the number as a description: none beyond independent units. As an effect: that nothing else changed, which
    this method cannot support.

Refuses when
    There is no data; no unit is seen before and after; a cohort cannot be told apart; a relative change is asked for
    over a counterfactual, which does not exist here, or over a value that is not positive; the cluster is missing or
    changes within a unit.

Source
    Student 1908 (paired t-test); Cochran 1977 (Sampling Techniques), section 2.13 for the weighted mean.

Reference implementation and agreed tolerance
    scipy.stats.ttest_1samp on d_i with equal weights, 1e-12.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal, localcontext

import numpy as np
import pandas as pd
from pydantic import Field

from evaltool.errors import Fault, Place, RunError
from evaltool.estimators._inference import (
    inference_rule,
    interval_and_p,
    relative_effect,
    sides_convention,
    statistic_of,
)
from evaltool.estimators.measured._rows import rows_of, unit_words
from evaltool.numerics.inference import InferenceRule, influence_se
from evaltool.records.base import Exact, Record
from evaltool.records.estimate import AbsentReason, Counts, Estimate, Relative, SecondOpinion, SeriesPoint, decimal_of
from evaltool.records.panel import FloatArray, IntArray
from evaltool.records.plugins import Capabilities, EstimationRequest, EstimatorPlugin

DIGITS = 60
NOISE = 1e-13


class ChangeOptions(Record):
    """``[estimator.options]`` of ``measured.change``."""

    target: Exact | None = None
    """Agreed level of the outcome to compare with, instead of the time before."""
    anticipation: int = Field(default=0, ge=0)
    """Periods just before the start that count as neither before nor after."""


@dataclass(frozen=True, slots=True, eq=False)
class _Units:
    """One entry per unit measured: mean after, mean before (or the target), weight, cluster code; rows used."""

    after: FloatArray
    before: FloatArray
    weight: FloatArray
    clusters: IntArray | None
    rows: int
    left_out: int

    @property
    def independent(self) -> int:
        """Number of clusters, or of units."""
        return len(self.after) if self.clusters is None else int(self.clusters.max()) + 1

    def mean(self, values: FloatArray) -> float:
        """Weighted mean."""
        return float(self.weight @ values) / float(np.sum(self.weight))

    def se(self, deviations: FloatArray) -> float:
        """Standard error of a weighted mean from weighted deviations around it."""
        n = self.independent
        influence = self.weight * deviations * (len(self.after) / float(np.sum(self.weight)))
        return influence_se(influence, self.clusters) * float(np.sqrt(n / (n - 1.0)))


def options_of(request: EstimationRequest) -> ChangeOptions:
    """The request's options. Raises TypeError when they were parsed for another method."""
    if not isinstance(request.options, ChangeOptions):
        message = f"measured.change was given {type(request.options).__name__}"
        raise TypeError(message)
    return request.options


def estimate(request: EstimationRequest) -> Estimate:
    """The mean change of those treated. Raises RunError."""
    options = options_of(request)
    frame = rows_of(request)
    units = _units(request, frame, options)
    change = units.after - units.before
    value = units.mean(change)
    se, absent = _standard_error(units, change - value)
    rule = inference_rule(request, df=units.independent - 1.0 if se is not None else None)
    interval, p_value = interval_and_p(value, se, rule)
    return Estimate(
        key=request.key,
        method="measured.change",
        kind="change",
        estimand="change after the start" if options.target is None else "distance from the target",
        unit=unit_words(request),
        att=value,
        se=se,
        absent=absent,
        df=rule.df,
        interval=interval,
        p_value=p_value,
        statistic=statistic_of(value, se),
        counts=_counts(units),
        observed=units.mean(units.after),
        baseline=units.mean(units.before),
        relative=_relative(request, units, rule, estimated=se is not None),
        series=_series(request, frame),
        conventions={
            "compared_with": "the time before" if options.target is None else f"target {options.target}",
            "anticipation": options.anticipation,
            "se": "weighted mean of unit differences, n / (n - 1)",
            "cluster": request.inference.cluster or "unit",
            "clusters": units.independent,
            "small_sample_factor": "n / (n - 1)",
            "distribution": "t" if se is not None else None,
            "interval": sides_convention(request),
            "weights": "unit weights" if float(np.ptp(units.weight)) > 0.0 else "equal",
            "units_without_before_or_after": units.left_out,
        },
        notes=("no_counterfactual",),
    )


def _standard_error(units: _Units, deviations: FloatArray) -> tuple[float | None, AbsentReason | None]:
    """The standard error, or why there is none."""
    if units.independent == 1:
        return None, "TOO_FEW_CLUSTERS" if len(units.after) > 1 else "ONE_UNIT_PER_ARM"
    se = units.se(deviations)
    size = float(max(np.max(np.abs(units.after)), np.max(np.abs(units.before))))
    return (se, None) if se > NOISE * size else (None, "NO_VARIATION")


def _counts(units: _Units) -> Counts:
    """Everybody measured is treated; nobody is compared."""
    weighted = float(np.ptp(units.weight)) > 0.0
    return Counts(
        treated=len(units.after),
        comparison=0,
        observations=units.rows,
        treated_weight=float(np.sum(units.weight)) if weighted else None,
        clusters=units.independent,
        treated_clusters=units.independent,
    )


def _sides(request: EstimationRequest, frame: pd.DataFrame, options: ChangeOptions) -> pd.DataFrame:
    """(unit) mean before, mean after and number of rows used; NaN where a side is missing."""
    name = f"y.{request.outcome.id}"
    if "first_treated" in frame and "period" in frame:
        late = frame["period"] >= frame["first_treated"]
        early = frame["period"] + options.anticipation < frame["first_treated"]
        frame = frame.loc[np.isfinite(frame["first_treated"])]
    else:
        late = pd.Series(data=True, index=frame.index)
        early = ~late
        if "treated" in frame:
            frame = frame.loc[frame["treated"]]
    after = frame.loc[late.reindex(frame.index)].groupby("unit", sort=False)[name].agg(["mean", "size"])
    before = frame.loc[early.reindex(frame.index)].groupby("unit", sort=False)[name].agg(["mean", "size"])
    order = frame["unit"].drop_duplicates()
    table = pd.DataFrame({"after": after["mean"], "before": before["mean"]}).reindex(order)
    table["rows"] = after["size"].reindex(order).fillna(0)
    if options.target is None:
        table["rows"] += before["size"].reindex(order).fillna(0)
    else:
        table["before"] = float(options.target)
    return table


def _units(request: EstimationRequest, frame: pd.DataFrame, options: ChangeOptions) -> _Units:
    """The units seen on both sides. Raises RunError (RUN_NO_BEFORE_AND_AFTER)."""
    table = _sides(request, frame, options)
    complete = table["after"].notna() & table["before"].notna()
    if not bool(complete.any()):
        raise RunError(
            Fault(
                code="RUN_NO_BEFORE_AND_AFTER",
                cause="No unit is seen both before and after its start.",
                fix="Include periods on both sides of the start, or state a target in the estimator's options.",
                place=Place(key="estimator.options"),
            )
        )
    kept = table.loc[complete]
    first = frame.drop_duplicates("unit").set_index("unit").reindex(kept.index)
    weight = first["weight"].to_numpy(dtype=np.float64) if "weight" in first else np.ones(len(kept))
    return _Units(
        after=kept["after"].to_numpy(dtype=np.float64),
        before=kept["before"].to_numpy(dtype=np.float64),
        weight=weight,
        clusters=_clusters(request, frame, kept),
        rows=int(kept["rows"].sum()),
        left_out=int((~complete).sum()),
    )


def _clusters(request: EstimationRequest, frame: pd.DataFrame, table: pd.DataFrame) -> IntArray | None:
    """Cluster codes of the units, or None. Raises RunError (RUN_NO_CLUSTER_COLUMN, RUN_CLUSTER_VARIES)."""
    name = request.inference.cluster
    if name is None:
        return None
    missing = "cluster" not in frame
    rows = frame.loc[frame["unit"].isin(table.index)]
    pairs = rows[["unit", "unit" if missing else "cluster"]].drop_duplicates()
    if missing or len(pairs) > len(table):
        raise RunError(
            Fault(
                code="RUN_NO_CLUSTER_COLUMN" if missing else "RUN_CLUSTER_VARIES",
                cause=f"Standard errors are to be clustered by '{name}', "
                + ("but no column has the role cluster." if missing else "which changes within units."),
                fix='Give a column that is constant within units the role "cluster", or leave inference.cluster out.',
                place=Place(key="inference.cluster"),
            )
        )
    values = pairs.set_index("unit")["cluster"].reindex(table.index)
    return pd.factorize(values, sort=True)[0].astype(np.int64)


def _relative(request: EstimationRequest, units: _Units, rule: InferenceRule, *, estimated: bool) -> Relative | None:
    """The change as a share of the level before (or the target). Raises RunError when it was agreed and cannot be."""
    wanted = request.estimand.scale == "relative"
    before = units.mean(units.before)
    if wanted and request.estimand.denominator == "counterfactual":
        raise RunError(
            Fault(
                code="RUN_NO_COUNTERFACTUAL",
                cause="The change is to be divided by a counterfactual mean, and this method has no counterfactual.",
                fix='State denominator = "baseline".',
                place=Place(key="estimand.denominator"),
            )
        )
    if before <= 0.0:
        if not wanted:
            return None
        raise RunError(
            Fault(
                code="RUN_ZERO_DENOMINATOR",
                cause=f"The level before is {before:g}: a relative change needs a positive denominator.",
                fix='Agree on scale = "absolute" for this outcome.',
                place=Place(key="estimand.scale"),
            )
        )
    change = units.after - units.before
    value = units.mean(change)
    se = None
    if estimated:
        ratio = value / before
        se = units.se((change - value - ratio * (units.before - before)) / before) or None
    return relative_effect(value / before, se, rule=rule, denominator="baseline", denominator_value=before)


def _series(request: EstimationRequest, frame: pd.DataFrame) -> tuple[SeriesPoint, ...]:
    """Weighted mean outcome by period of those treated."""
    if "period" not in frame or request.panel is None:
        return ()
    if "first_treated" in frame:
        frame = frame.loc[np.isfinite(frame["first_treated"])]
    points = []
    for period in sorted(int(p) for p in frame["period"].unique()):
        rows = frame.loc[frame["period"] == period]
        weight = rows["weight"].to_numpy(dtype=np.float64) if "weight" in rows else np.ones(len(rows))
        mean = float(np.average(rows[f"y.{request.outcome.id}"].to_numpy(dtype=np.float64), weights=weight))
        label = request.panel.label(period)
        points.append(SeriesPoint(arm="treated", period=period, label=label, mean=mean, units=len(rows)))
    return tuple(points)


def second_opinion(request: EstimationRequest) -> SecondOpinion:
    """The change again in sixty-digit decimals, row by row. Raises RunError."""
    options = options_of(request)
    frame = rows_of(request)
    starts = frame["first_treated"].tolist() if "first_treated" in frame and "period" in frame else None
    periods = frame["period"].tolist() if starts is not None else [1] * len(frame)
    treated = frame["treated"].tolist() if starts is None and "treated" in frame else [True] * len(frame)
    weights = frame["weight"].tolist() if "weight" in frame else [1.0] * len(frame)
    sides: dict[object, tuple[list[Decimal], list[Decimal], Decimal]] = {}
    rows = zip(frame["unit"].tolist(), frame[f"y.{request.outcome.id}"].tolist(), weights, strict=True)
    for index, (unit, y, weight) in enumerate(rows):
        start = float("-inf") if starts is None else starts[index]
        if start == float("inf") or not treated[index]:
            continue
        before, after, _ = sides.setdefault(unit, ([], [], decimal_of(weight)))
        if periods[index] >= start:
            after.append(decimal_of(y))
        elif periods[index] + options.anticipation < start:
            before.append(decimal_of(y))
    with localcontext() as context:
        context.prec = DIGITS
        total = mass = Decimal(0)
        for before, after, weight in sides.values():
            if not after or not (before or options.target is not None):
                continue
            level = sum(before, Decimal(0)) / len(before) if options.target is None else options.target
            total += weight * (sum(after, Decimal(0)) / len(after) - level)
            mass += weight
        value = float(total / mass)
    return SecondOpinion(value=value, by="sixty-digit decimals, row by row")


PLUGIN = EstimatorPlugin(
    name="measured.change",
    capabilities=Capabilities(
        family="measured",
        title="Before–after or against a target (no counterfactual)",
        kind="change",
        needs=("unit", "outcome"),
        designs=("groups.none",),
        standard_error="sometimes",
        weights=True,
        clusters=True,
        relative=True,
        per_cohort=True,
        aggregations=("none", "simple"),
        minimum_treated=1,
        minimum_comparison=0,
    ),
    options=ChangeOptions,
    estimate=estimate,
    second_opinion=second_opinion,
)
