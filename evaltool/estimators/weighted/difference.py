"""The effect of a matched comparison: a weighted difference in means, plain or adjusted for covariates.

Estimand
    E[Y(1) − Y(0)] among the treated units the design matched: the ATT when all were, else the effect named by the
    design (``ATT among the matched treated``).

Equation as implemented
    Weighted least squares of the outcome on a constant, treatment and the covariates named (none: the weighted
    difference in means) with the design's weights; the effect is the coefficient of treatment. The counterfactual is
    the mean outcome of the matched treated minus the effect. With ``before`` the outcome is its change since the mean
    of those columns, measured before the start: matched or weighted difference-in-differences.

Uncertainty
    ``cluster_set``: HC1 with scores summed within matched sets, (n − 1)/(n − k) · G/(G − 1), t with G − 1 degrees of
    freedom. ``hc3`` and ``hc1``: by unit, t with n − k. ``bootstrap``: of matched sets; for weights of units, or of the
    clusters under ``inference.cluster``, the weights fitted again in each of 999 draws (refused when they do not exist
    in more than one of twenty; with fewer than 20 clusters a note says that the interval is too narrow). ``auto`` takes
    ``cluster_set`` where every unit is in one set and ``hc3`` otherwise. All treat the matching as given. Relative
    effect: delta method on the same covariance.
    Tie order: the smallest and largest effect over every order of tied units stand beside the effect: exact for the
    difference in means; for an adjusted effect all orders are tried when there are at most 4096, else it is searched
    (``tie_range = "searched"``: the true range may be wider). Standard errors are those of the order used.

Assumptions
    Those of the design; for the adjusted effect also that the outcome is linear in the covariates or the matched
    groups are balanced in them. With ``before``: without treatment the change would have been the same among those
    alike. Matching on earlier values of the outcome itself is another assumption, and draws those who were unusually
    high or low back to their own mean (Daw & Hatfield 2018).

Refuses when
    The design has no matched weights; the plan asks for another target than the ATT, for clusters other than matched
    sets or for a baseline denominator; ``cluster_set`` is asked for and units are in several sets; covariates are
    unknown or collinear among the matched; a relative effect has a denominator that is not positive, or is of changes.

Source
    Ho, Imai, King & Stuart 2007 (Political Analysis 15), section 5 (regression after matching); Abadie & Spiess 2022
    (JASA 117), theorem 3 (clustering by matched set without replacement); MacKinnon & White 1985 (Journal of
    Econometrics 29), equation 12 (HC3); Heckman, Ichimura & Todd 1997 (Review of Economic Studies 64), equation 13
    (matched changes); Abadie 2005 (Review of Economic Studies 72), equation 10 (weighted changes).

Reference implementation and agreed tolerance
    R MatchIt 4.7.1, lm and sandwich 3.0.2 (vcovCL, HC1; vcovHC, HC3) on the same sets: effects and standard errors to
    1e-8 relative. Weighted changes: ``did.two_by_two`` with method = "ipw" on the same panel, 1e-9.
"""

from __future__ import annotations

from typing import Literal

from evaltool.estimators._inference import inference_rule, interval_and_p, sides_convention, statistic_of
from evaltool.estimators.weighted._fit import Effect, fit_effect
from evaltool.estimators.weighted._relative import relative_of
from evaltool.estimators.weighted._second_opinion import difference_again
from evaltool.estimators.weighted._ties import notes_of, tie_conventions
from evaltool.estimators.weighted._units import DESIGNS, MatchedUnits, matched_units
from evaltool.numerics.matching_ties import Tied, TieRange, adjusted_range, mean_range
from evaltool.records.base import Record
from evaltool.records.estimate import Counts, Estimate, SecondOpinion
from evaltool.records.plugins import Capabilities, EstimationRequest, EstimatorPlugin

NAME = "weighted.difference"
ENOUGH = 20
"""Clusters drawn again below which the interval is said to be too narrow: it was with 10, not with 40."""
StandardError = Literal[
    "auto",
    "cluster_set",
    "cluster_set_and_unit",
    "bootstrap",
    "m_estimation",
    "abadie_imbens",
    "abadie_imbens_2016",
    "hc3",
    "hc1",
    "hc0",
]


class DifferenceOptions(Record):
    """``[estimator.options]`` of ``weighted.difference``."""

    covariates: tuple[str, ...] = ()
    """Columns the outcome is adjusted for."""
    se: StandardError = "auto"
    before: tuple[str, ...] = ()
    """Columns with the outcome before the start: the effect is then on the change since their mean."""


def options_of(request: EstimationRequest) -> DifferenceOptions:
    """The request's options. Raises TypeError when they were parsed for another method."""
    if not isinstance(request.options, DifferenceOptions):
        message = f"{NAME} was given {type(request.options).__name__}"
        raise TypeError(message)
    return request.options


def estimate(request: EstimationRequest) -> Estimate:
    """The effect on the matched treated with its range over tie orders. Raises RunError with every fault found."""
    options = options_of(request)
    units = matched_units(request, options.covariates, options.se, options.before)
    effect = fit_effect(units, options.se)
    ties = tie_range(units)
    rule = inference_rule(request, df=effect.df)
    interval, p_value = interval_and_p(effect.att, effect.se, rule)
    facts = units.facts
    return Estimate(
        key=request.key,
        method=NAME,
        kind="effect",
        estimand=facts.estimand,
        unit=request.outcome.unit.in_language("en") or request.outcome.id,
        att=effect.att,
        se=effect.se,
        absent=effect.absent,
        df=None if effect.se is None else effect.df,
        interval=interval,
        p_value=p_value,
        statistic=statistic_of(effect.att, effect.se),
        counts=Counts(
            treated=facts.treated_matched,
            comparison=facts.comparison_matched,
            observations=facts.treated_matched + facts.comparison_matched,
            clusters=effect.clusters,
            treated_clusters=effect.clusters,
        ),
        observed=effect.observed,
        counterfactual=effect.observed - effect.att,
        relative=relative_of(request, units, effect, rule),
        conventions={**_conventions(request, options, units, effect), **tie_conventions(ties)},
        certificate={"tie_range": {"lower": ties.lower, "upper": ties.upper, "how": ties.how, "orders": ties.orders}},
        notes=(*notes_of(facts, ties), *_few_drawn(units, effect)),
    )


def _few_drawn(units: MatchedUnits, effect: Effect) -> tuple[str, ...]:
    """A note where so few clusters are drawn that the interval is too narrow."""
    drawn = units.redraw is not None and effect.clusters is not None and effect.clusters < ENOUGH
    return ("few_clusters_drawn",) if drawn else ()


def tie_range(units: MatchedUnits) -> TieRange:
    """The effect's range over tie orders, ends widened to hold the effect itself against rounding."""
    tied = Tied(y=units.outcome, treated=units.treated, weights=units.weights, groups=units.ties)
    return mean_range(tied) if not units.names else adjusted_range(tied, units.covariates)


def _conventions(
    request: EstimationRequest, options: DifferenceOptions, units: MatchedUnits, effect: Effect
) -> dict[str, bool | int | float | str | None]:
    """Every choice that changes a digit; the design's own stand in the design."""
    return {
        "model": "weighted least squares" if units.names else "weighted difference in means",
        "covariates": ", ".join(units.names) or None,
        **({"before": ", ".join(options.before)} if options.before else {}),
        "se": effect.formula,
        "se_option": options.se,
        "cluster": "matched set" if effect.clusters is not None and units.redraw is None else request.inference.cluster,
        **({"seed": units.seed} if options.se == "bootstrap" else {}),
        **({} if effect.failed is None else {"draws_without_weights": effect.failed}),
        "clusters": effect.clusters,
        "small_sample_factor": effect.factor,
        "distribution": "normal" if effect.df is None else "t",
        "df": effect.df,
        "interval": sides_convention(request),
        "weights": units.facts.conventions.get("weights", "treated 1, comparison units average 1"),
        "scores": "estimated" if effect.formula.endswith("estimated") or units.redraw else "taken as known",
    }


def second_opinion(request: EstimationRequest) -> SecondOpinion:
    """Scores from statsmodels.Logit, then the effect from statsmodels.WLS on the sets. Raises RunError."""
    return difference_again(request, options_of(request).covariates, options_of(request).before)


PLUGIN = EstimatorPlugin(
    name=NAME,
    capabilities=Capabilities(
        family="weighted",
        title="Weighted difference in means of matched units",
        kind="effect",
        needs=("unit", "outcome", "treated", "covariate"),
        designs=DESIGNS,
        standard_error="sometimes",
        covariates=True,
        relative=True,
        aggregations=("simple", "none"),
        minimum_treated=60,
        minimum_comparison=30,
    ),
    options=DifferenceOptions,
    estimate=estimate,
    second_opinion=second_opinion,
)
