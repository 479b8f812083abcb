"""A rate agreed in the contract until a stated time, then a live group: the counterfactual is settled, then measured.

Estimand
    The mean outcome of those served less what was agreed, or is measured, for people like them (the ATT, if the agreed
    rate is what would have happened).

Equation as implemented
    Of those served, A entered up to ``until`` (everybody, where it is absent) and B later. effect = s_A (ȳ_A − rate) +
    s_B (ȳ_B − ȳ_L), s the shares of the weight of those served, ȳ_L the mean of people not served who entered after
    ``until``. People not served who entered earlier are not used, and are counted in the conventions.

Uncertainty
    se² = s_A² v_A + s_B² (v_B + v_L), v = n/(n − 1) Σ w²(y − ȳ)² / (Σw)². The rate has none: it was agreed. Shares are
    taken as given. t with Welch and Satterthwaite's degrees of freedom.

Assumptions
    The agreed rate is what would have happened without the intervention; the live group is like those who entered with
    it; people are independent.

Refuses when
    There are several rows for a person; nobody was served; a group has fewer than two people; somebody served entered
    after ``until`` and there is no live group; ``until`` or ``entered`` stands alone; the plan asks for clusters.

Source
    Practice of outcomes contracts (Newpin Social Benefit Bond, New South Wales 2013: 25 % fixed at first, then a live
    control group); Welch 1947 (Biometrika 34).

Reference implementation and agreed tolerance
    scipy's Welch test when everybody is compared with the live group, statsmodels' weighted means otherwise: 1e-10.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Self

import numpy as np
from pydantic import model_validator

from evaltool.errors import Fault, Place, RunError
from evaltool.estimators._inference import (
    inference_rule,
    interval_and_p,
    relative_effect,
    sides_convention,
    statistic_of,
)
from evaltool.estimators.counterfactual._people import Bools, People, people_of, too_few
from evaltool.numerics.inference import Floats
from evaltool.records.base import Exact, Record, Text
from evaltool.records.estimate import Counts, Estimate, Relative, SecondOpinion
from evaltool.records.plugins import Capabilities, EstimationRequest, EstimatorPlugin

NAME = "counterfactual.fixed_rate"


class FixedRateOptions(Record):
    """``[estimator.options]`` of ``counterfactual.fixed_rate``."""

    rate: Exact | None = None
    """The agreed mean outcome without the intervention; a plan must state it."""
    entered: Text | None = None
    """Covariate that says when a person entered, as a number."""
    until: Exact | None = None
    """Last value of ``entered`` for which the agreed rate counts; afterwards the live group does."""

    @model_validator(mode="after")
    def fits_together(self) -> Self:
        """Refuse ``until`` without ``entered``, and the other way round."""
        if (self.entered is None) != (self.until is None):
            message = "entered and until go together"
            raise ValueError(message)
        return self


@dataclass(frozen=True, slots=True)
class Mean:
    """A weighted mean, its variance, how many people, and the sum of their weights."""

    value: float
    variance: float
    people: int
    weight: float


@dataclass(frozen=True, slots=True, eq=False)
class Parts:
    """Marks (n,): served early (the rate counts), served late, and the live group."""

    early: Bools
    late: Bools
    live: Bools


def options_of(request: EstimationRequest) -> FixedRateOptions:
    """The request's options. Raises TypeError when they were parsed for another method."""
    if not isinstance(request.options, FixedRateOptions):
        message = f"{NAME} was given {type(request.options).__name__}"
        raise TypeError(message)
    return request.options


def parts_of(request: EstimationRequest) -> tuple[People, Parts, float]:
    """The people, who is compared with what, and the rate. Raises RunError with every fault found."""
    options = options_of(request)
    people = people_of(request, () if options.entered is None else (("entered", options.entered),))
    after = np.zeros(people.y.shape[0], dtype=bool)
    if options.entered is not None and options.until is not None:
        after = people.column(options.entered) > float(options.until)
    parts = Parts(people.treated & ~after, people.treated & after, ~people.treated & after)
    faults = []
    if options.rate is None:
        cause, fix = "No rate is stated.", "State estimator.options.rate as the contract agrees it."
        faults.append(Fault("RUN_NO_RATE", cause, fix, Place(key="estimator.options.rate")))
    groups = {"were served": int(np.sum(people.treated))}
    if parts.early.any():
        groups["were served while the rate counts"] = int(np.sum(parts.early))
    if parts.late.any():
        groups["were served after it"] = int(np.sum(parts.late))
        groups["are in the live group"] = int(np.sum(parts.live))
    faults += too_few(groups)
    if faults:
        raise RunError(faults)
    return people, parts, float(options.rate or 0)


def mean_of_group(people: People, mark: Bools) -> Mean:
    """Weighted mean and its variance; zeros for nobody."""
    w, y = people.weight[mark], people.y[mark]
    n = y.shape[0]
    if n == 0:
        return Mean(0.0, 0.0, 0, 0.0)
    total = math.fsum(w.tolist())
    value = math.fsum((w * y).tolist()) / total
    squares = math.fsum((w**2 * (y - value) ** 2).tolist())
    return Mean(value, squares / total**2 * n / (n - 1), n, total)


def estimate(request: EstimationRequest) -> Estimate:
    """The effect with its interval. Raises RunError with every fault found."""
    people, parts, rate = parts_of(request)
    early, late, live = (mean_of_group(people, mark) for mark in (parts.early, parts.late, parts.live))
    total = early.weight + late.weight
    a, b = early.weight / total, late.weight / total
    att = a * (early.value - rate) + b * (late.value - live.value)
    terms = [(a * a * early.variance, early.people), (b * b * late.variance, late.people)]
    terms.append((b * b * live.variance, live.people))
    variance = math.fsum(v for v, _ in terms)
    below = math.fsum(v * v / (n - 1) for v, n in terms if n > 1)
    observed = a * early.value + b * late.value
    moving = math.sqrt(variance) > 1e-12 * max(abs(observed), abs(att))
    se = math.sqrt(variance) if moving else None
    df = variance**2 / below if se is not None and below > 0.0 else None
    interval, p_value = interval_and_p(att, se, inference_rule(request, df=df))
    options = options_of(request)
    return Estimate(
        key=request.key,
        method=NAME,
        kind="effect",
        estimand="ATT",
        unit=request.outcome.unit.in_language("en") or request.outcome.id,
        att=att,
        se=se,
        absent=None if se else "NO_VARIATION",
        df=df,
        interval=interval,
        p_value=p_value,
        statistic=statistic_of(att, se),
        counts=Counts(
            treated=early.people + late.people,
            comparison=live.people if late.people else 0,
            observations=early.people + late.people + (live.people if late.people else 0),
        ),
        observed=observed,
        counterfactual=observed - att,
        relative=_relative(request, (observed, observed - att), (terms[0][0] + terms[1][0], terms[2][0]), df),
        conventions={
            "agreed_rate": rate,
            "rate_counts_until": None if options.until is None else float(options.until),
            "entered": options.entered,
            "share_on_the_rate": a,
            "served_on_the_rate": early.people,
            "served_beside_the_live_group": late.people,
            "not_served_and_not_used": int(np.sum(~people.treated)) - (live.people if late.people else 0),
            "se": "group variances, n / (n - 1); none for the agreed rate; shares as given",
            "distribution": "t, Welch and Satterthwaite",
            "df": df,
            "interval": sides_convention(request),
        },
        notes=("agreed_rate",) if early.people else (),
    )


def _relative(
    request: EstimationRequest, means: tuple[float, float], variances: tuple[float, float], df: float | None
) -> Relative | None:
    """Observed over expected less one, by the delta method; the two rest on different people.

    None when the denominator is not positive and an absolute effect was agreed. Raises RunError (RUN_ZERO_DENOMINATOR,
    RUN_NOT_BY_HISTORY for a baseline: nobody was measured before).
    """
    observed, expected = means
    relative = request.estimand.scale == "relative"
    place = Place(key="estimand.denominator")
    if relative and request.estimand.denominator == "baseline":
        cause, fix = "A baseline was agreed as denominator, and nobody was measured before.", "Use the counterfactual."
        raise RunError(Fault("RUN_NOT_BY_HISTORY", cause, fix, place))
    if expected <= 0.0:
        if not relative:
            return None
        cause = f"A relative effect was agreed, but its denominator (counterfactual) is {expected:.6g}."
        raise RunError(Fault("RUN_ZERO_DENOMINATOR", cause, "Agree on an absolute effect.", place))
    variance = variances[0] / expected**2 + observed**2 * variances[1] / expected**4
    se = math.sqrt(variance) if df is not None and variance > 0.0 else None
    share = observed / expected - 1.0
    rule = inference_rule(request, df=df)
    return relative_effect(share, se, rule=rule, denominator="counterfactual", denominator_value=expected)


def second_opinion(request: EstimationRequest) -> SecondOpinion:
    """The same means by statsmodels' weighted statistics, person by person against what each is compared with."""
    from statsmodels.stats.weightstats import DescrStatsW  # noqa: PLC0415 - loaded only when a second opinion is asked for

    people, parts, rate = parts_of(request)
    expected: Floats = np.full(people.y.shape[0], rate)
    if parts.late.any():
        live = DescrStatsW(people.y[parts.live], weights=people.weight[parts.live])
        expected[parts.late] = float(live.mean)
    gap = (people.y - expected)[people.treated]
    found = DescrStatsW(gap, weights=people.weight[people.treated])
    return SecondOpinion(value=float(found.mean), by="statsmodels' weighted mean of each person's gap")


PLUGIN = EstimatorPlugin(
    name=NAME,
    capabilities=Capabilities(
        family="counterfactual",
        title="An agreed rate until a date, then a live group",
        kind="effect",
        needs=("unit", "outcome", "treated"),
        designs=("history.rate",),
        standard_error="sometimes",
        weights=True,
        relative=True,
        minimum_treated=30,
        minimum_comparison=0,
    ),
    options=FixedRateOptions,
    estimate=estimate,
    second_opinion=second_opinion,
)
