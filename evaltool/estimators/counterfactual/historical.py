"""Those served now against an earlier cohort made like them, less the trend of a group that was never eligible.

Estimand
    The mean outcome of those served less what it would have been without the intervention (the ATT).

Equation as implemented
    A: served now (live and eligible), B: the earlier eligible cohort, C: live and not eligible, D: earlier and not
    eligible. effect = (ȳ_A − m_B) − (ȳ_C − ȳ_D), m_B the mean of B made like A: as it is, by a regression on
    ``covariates`` fitted on B and averaged over A, or by weights p/(1 − p) from a logit of A against B. Without
    ``eligible`` there is no C and D, the second bracket is zero, and the notes say that time is not taken out.

Uncertainty
    Influence values, the regression's and the score's own estimation included, divided by n; the two brackets rest on
    different people, so their variances add. Normal.

Assumptions
    Given the covariates the earlier cohort is like those served now but for the intervention and time; time did to them
    what it did to those not eligible. Everybody eligible and live is counted, whether reached or not.

Refuses when
    There are several rows for a person; a mark is neither 0 nor 1, or somebody served is not live and eligible; a group
    has fewer than two people; covariates are unknown, collinear, or separate the cohorts; the plan asks for clusters.

Source
    Sant'Anna & Zhao 2020 (Journal of Econometrics 219), equations 2.2 and 4.1 for the adjustment; Vera Institute of
    Justice 2015 (Rikers Island: matched earlier cohort, less the trend of 19-year-olds).

Reference implementation and agreed tolerance
    statsmodels: WLS of four groups gives the effect without covariates; OLS and Logit give m_B: 1e-9.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, Self, cast

import numpy as np
from pydantic import model_validator

from evaltool.errors import Fault, Place, RunError
from evaltool.estimators._inference import inference_rule, interval_and_p, sides_convention, statistic_of
from evaltool.estimators.counterfactual._people import Bools, People, people_of, too_few
from evaltool.numerics.inference import Floats, influence_se
from evaltool.numerics.regression import Regressors
from evaltool.numerics.two_period import Contrast, TwoPeriod, contrast, difference_in_means
from evaltool.records.base import Record, Text
from evaltool.records.estimate import Counts, Estimate, Relative, SecondOpinion
from evaltool.records.plugins import Capabilities, EstimationRequest, EstimatorPlugin

NAME = "counterfactual.historical"
NOTHING = 1e-12
"""A standard error below this share of the outcome is rounding."""


class HistoricalOptions(Record):
    """``[estimator.options]`` of ``counterfactual.historical``."""

    live: Text = "live"
    """Covariate that is 1 for people of the live time, 0 for those of the earlier one."""
    eligible: Text | None = None
    """Covariate that is 0 for people who could not be served at either time: their trend is taken out."""
    covariates: tuple[Text, ...] = ()
    """What the earlier cohort is made like those served in."""
    adjust: Literal["regression", "weighting"] = "regression"

    @model_validator(mode="after")
    def apart(self) -> Self:
        """Refuse a mark that is a covariate too."""
        if {self.live, self.eligible} & set(self.covariates) or self.live == self.eligible:
            message = "live and eligible tell groups apart; they are two columns, and no covariates"
            raise ValueError(message)
        return self


@dataclass(frozen=True, slots=True, eq=False)
class Groups:
    """Marks (n,): served now, earlier eligible, live not eligible, earlier not eligible."""

    served: Bools
    earlier: Bools
    live_other: Bools
    earlier_other: Bools


def options_of(request: EstimationRequest) -> HistoricalOptions:
    """The request's options. Raises TypeError when they were parsed for another method."""
    if not isinstance(request.options, HistoricalOptions):
        message = f"{NAME} was given {type(request.options).__name__}"
        raise TypeError(message)
    return request.options


def groups_of(request: EstimationRequest) -> tuple[People, Groups]:
    """The people and their groups. Raises RunError with every fault found."""
    options = options_of(request)
    named = [("live", options.live), *(("covariates", name) for name in options.covariates)]
    if options.eligible is not None:
        named.append(("eligible", options.eligible))
    people = people_of(request, tuple(named))
    marks = {"live": people.column(options.live)}
    marks["eligible"] = np.ones(people.y.shape[0]) if options.eligible is None else people.column(options.eligible)
    faults = [
        Fault("RUN_BAD_MARK", "Some values are neither 0 nor 1.", "Correct it.", Place(key=f"estimator.options.{name}"))
        for name, mark in marks.items()
        if not bool(np.all((mark == 0.0) | (mark == 1.0)))
    ]
    live, eligible = marks["live"] == 1.0, marks["eligible"] == 1.0
    if wrong := int(np.sum(people.treated != (live & eligible))):
        cause = f"{wrong} people are served and not live and eligible, or the other way round."
        fix = "Everybody live and eligible is counted as served, whether reached or not."
        faults.append(Fault("RUN_BAD_MARK", cause, fix, Place(key="data.column")))
    groups = Groups(live & eligible, ~live & eligible, live & ~eligible, ~live & ~eligible)
    sizes = {"are live and eligible": groups.served, "are earlier and eligible": groups.earlier}
    if options.eligible is not None:
        sizes |= {"are live and not eligible": groups.live_other, "are earlier and not eligible": groups.earlier_other}
    faults += too_few({name: int(np.sum(mark)) for name, mark in sizes.items()})
    if faults:
        raise RunError(faults)
    return people, groups


def _two(people: People, first: Bools, second: Bools, names: tuple[str, ...]) -> TwoPeriod:
    """One group before another, with a constant and covariates where there are any."""
    order = np.concatenate([np.flatnonzero(first), np.flatnonzero(second)])
    regressors = None
    if names:
        matrix = np.column_stack([np.ones(order.shape[0]), *(people.column(name)[order] for name in names)])
        regressors = Regressors(matrix=matrix, names=("constant", *names), where="the earlier cohort")
    weights = people.weight[order] / float(np.mean(people.weight[order]))
    return TwoPeriod(people.y[order], int(np.sum(first)), weights, regressors)


def estimate(request: EstimationRequest) -> Estimate:
    """The effect with its interval. Raises RunError with every fault found."""
    options = options_of(request)
    people, groups = groups_of(request)
    data = _two(people, groups.served, groups.earlier, options.covariates)
    own = contrast(data, "reg" if options.adjust == "regression" else "ipw")
    trend = None
    if options.eligible is not None:
        trend = difference_in_means(_two(people, groups.live_other, groups.earlier_other, ()))
    variance = influence_se(own.influence) ** 2 + (0.0 if trend is None else influence_se(trend.influence) ** 2)
    att = own.att - (0.0 if trend is None else trend.att)
    observed = _mean(people, groups.served)
    scale = max(abs(observed), abs(att))
    se = math.sqrt(variance) if math.sqrt(variance) > NOTHING * scale else None
    interval, p_value = interval_and_p(att, se, inference_rule(request))
    return Estimate(
        key=request.key,
        method=NAME,
        kind="effect",
        estimand="ATT",
        unit=request.outcome.unit.in_language("en") or request.outcome.id,
        att=att,
        se=se,
        absent=None if se else "NO_VARIATION",
        interval=interval,
        p_value=p_value,
        statistic=statistic_of(att, se),
        counts=Counts(
            treated=int(np.sum(groups.served)),
            comparison=int(np.sum(~groups.served & (groups.earlier | (trend is not None)))),
            observations=int(np.sum(groups.served | groups.earlier | (trend is not None))),
        ),
        observed=observed,
        counterfactual=observed - att,
        relative=_relative(request, (people, groups), (own, trend), observed),
        conventions={
            "adjustment": options.adjust if options.covariates else "none",
            "covariates": ", ".join(options.covariates) or None,
            "live": options.live,
            "eligible": options.eligible,
            "difference_to_earlier_cohort": own.att,
            "trend_of_not_eligible": None if trend is None else trend.att,
            "trimmed": own.trimmed,
            "se": "influence functions, divided by n",
            "distribution": "normal",
            "interval": sides_convention(request),
        },
        notes=("trend_not_taken_out",) if trend is None else (),
    )


def _mean(people: People, mark: Bools) -> float:
    """Weighted mean of a group."""
    w = people.weight[mark]
    return math.fsum((w * people.y[mark]).tolist()) / math.fsum(w.tolist())


def _relative(
    request: EstimationRequest, who: tuple[People, Groups], found: tuple[Contrast, Contrast | None], observed: float
) -> Relative | None:
    """The effect over what was expected, by the delta method on the joint influence values.

    None when the denominator is not positive and an absolute effect was agreed. Raises RunError (RUN_ZERO_DENOMINATOR,
    RUN_NOT_BY_HISTORY for a baseline).
    """
    (people, groups), (own, trend) = who, found
    att = own.att - (0.0 if trend is None else trend.att)
    expected, relative = observed - att, request.estimand.scale == "relative"
    place = Place(key="estimand.denominator")
    if relative and request.estimand.denominator == "baseline":
        cause, fix = "A baseline was agreed as denominator, and nobody was measured before.", "Use the counterfactual."
        raise RunError(Fault("RUN_NOT_BY_HISTORY", cause, fix, place))
    if expected <= 0.0:
        if not relative:
            return None
        cause = f"A relative effect was agreed, but its denominator (counterfactual) is {expected:.6g}."
        raise RunError(Fault("RUN_ZERO_DENOMINATOR", cause, "Agree on an absolute effect.", place))
    n, served = own.influence.shape[0], int(np.sum(groups.served))
    weights = people.weight[groups.served]
    level: Floats = np.zeros(n)
    level[:served] = n * weights * (people.y[groups.served] - observed) / float(np.sum(weights))
    gradient = own.influence / expected - att * (level - own.influence) / expected**2
    variance = influence_se(gradient) ** 2
    if trend is not None:
        factor = observed / expected**2
        variance += (factor * influence_se(trend.influence)) ** 2
    se = math.sqrt(variance) if math.sqrt(variance) > NOTHING else None
    interval, p_value = interval_and_p(att / expected, se, inference_rule(request))
    return Relative(
        value=att / expected,
        se=se,
        interval=interval,
        p_value=p_value,
        denominator="counterfactual",
        denominator_value=expected,
    )


def second_opinion(request: EstimationRequest) -> SecondOpinion:
    """The adjusted mean by statsmodels' WLS or Logit, the trend by plain averages. Raises RunError."""
    import statsmodels.api as sm  # noqa: PLC0415 - loaded only when a second opinion is asked for

    options = options_of(request)
    people, groups = groups_of(request)
    y, w, a, b = people.y, people.weight, groups.served, groups.earlier
    x = np.column_stack([np.ones(y.shape[0]), *(people.column(name) for name in options.covariates)])
    if options.adjust == "regression" or not options.covariates:
        params = cast("Floats", sm.WLS(y[b], x[b], weights=w[b]).fit().params)
        expected = float(np.average(x[a] @ params, weights=w[a]))
    else:
        both = a | b
        kind = sm.families.Binomial()
        score = sm.GLM(a[both].astype(float), x[both], family=kind, var_weights=w[both] / np.mean(w[both]))
        p = cast("Floats", score.fit(tol=1e-14, maxiter=200).fittedvalues)
        odds = (w[both] * p / (1.0 - p))[b[both]]
        expected = float(np.average(y[b], weights=odds))
    trend = 0.0
    if options.eligible is not None:
        first, second = groups.live_other, groups.earlier_other
        trend = float(np.average(y[first], weights=w[first]) - np.average(y[second], weights=w[second]))
    value = float(np.average(y[a], weights=w[a])) - expected - trend
    return SecondOpinion(value=value, by="the adjusted mean from statsmodels, the trend from plain averages")


PLUGIN = EstimatorPlugin(
    name=NAME,
    capabilities=Capabilities(
        family="counterfactual",
        title="An earlier cohort, less the trend of those not eligible",
        kind="effect",
        needs=("unit", "outcome", "treated", "covariate"),
        designs=("history.cohort",),
        standard_error="sometimes",
        covariates=True,
        weights=True,
        relative=True,
        minimum_treated=60,
        minimum_comparison=30,
    ),
    options=HistoricalOptions,
    estimate=estimate,
    second_opinion=second_opinion,
)
