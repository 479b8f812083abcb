"""Synthetic control: the treated unit against the weighted donors that followed it best before the start.

Estimand
    The mean over the treated periods of Y_t(treated) − Y_t(untreated) of the one treated unit (its ATT).

Equation as implemented
    Weights w ≥ 0, Σw = 1 minimise Σ over periods t with t + anticipation < start of (Y_1t − Σ w_j Y_jt)², all such
    periods counting alike. With ``predictors`` they minimise Σ_k V_k (X_1k − Σ w_j X_jk)² instead, X_k the mean of a
    column over stated periods over its standard deviation; V is stated, equal, or minimises the squared error of the
    outcome before the start in a global search that draws nothing. Gap_t = Y_1t − Σ w_j Y_jt; the effect is the mean
    gap from the start on. Where several weights fit equally well, the one with the smallest Σw² is taken and this is
    said. The optimum is certified: feasibility, and a duality gap of at most 10⁻¹² of the largest squared distance of a
    donor.

Uncertainty
    No standard error exists and none is made up. Every donor is treated as if it had been treated, with the other
    donors (never the treated unit) as its pool; p = share of all units whose ratio of RMSPE after to RMSPE before (not
    squared) is at least the treated unit's. Its resolution is 1 / (donors + 1). ``inference = "conformal"`` adds the
    moving-block test over time (residuals of a fit on all periods under the null, all cyclic shifts) and its inversion;
    both are printed beside the permutation test and decide nothing. ``bound_delta`` adds the range of effects over all
    weights that fit nearly as well.

Assumptions
    The treated unit's untreated outcomes lie within reach of the donors' weighted outcomes and follow the same factors;
    donors are not affected; nothing else happens to the treated unit alone; no anticipation beyond the stated periods.

Refuses when
    Not exactly one unit is treated within the data; fewer than two donors, or two periods to fit on; a unit-period has
    no outcome; a donor never varies; the plan asks for clusters, cohorts or another target; the certificate fails; a
    relative effect has a denominator that is not positive; a predictor is unknown, constant, or reads periods that are
    not fitted on; the level is out of reach of a conformal test.

Source
    Abadie, Diamond & Hainmueller 2010 (JASA 105), equations 2–3 and section 2.3 (placebos); Abadie, Diamond &
    Hainmueller 2015 (AJPS 59) (RMSPE ratio, in-time placebo, leave-one-out); Doudchenko & Imbens 2016, section 3
    (outcomes only); Abadie & Gardeazabal 2003 (AER 93), appendix B (V); Chernozhukov, Wüthrich & Zhu 2021 (JASA 116).

Reference implementation and agreed tolerance
    Proposition 99, outcomes only: exact weights of an independent solution to 1e-8. R Synth 1.1.8 and synthdid 0.0.9
    stop above the optimum (effects −19.6 and weights off by 0.01): closeness only.
"""

from __future__ import annotations

from evaltool.estimators.counterfactual._assembly import Baseline, Said, assembled, checked, weights_said
from evaltool.estimators.counterfactual._bound import bound_evidence, bound_of, bound_said
from evaltool.estimators.counterfactual._checks import Checks
from evaltool.estimators.counterfactual._layout import Layout, layout_of
from evaltool.estimators.counterfactual._predictors import (
    PredictorOptions,
    PredictorTable,
    on_predictors,
    predictors_of,
)
from evaltool.estimators.counterfactual._second_opinion import control_again, on_predictors_again
from evaltool.numerics.fits import Fit, Fitter, fit_of
from evaltool.numerics.inference import Floats, Ints
from evaltool.numerics.simplex import simplex_least_squares
from evaltool.numerics.simplex_control import Windows, fit_control, rmspe_of
from evaltool.records.base import Json
from evaltool.records.estimate import Estimate, SecondOpinion
from evaltool.records.plugins import Capabilities, EstimationRequest, EstimatorPlugin

NAME = "counterfactual.synthetic_control"


class SyntheticControlOptions(PredictorOptions):
    """``[estimator.options]`` of ``counterfactual.synthetic_control``."""


def options_of(request: EstimationRequest) -> SyntheticControlOptions:
    """The request's options. Raises TypeError when they were parsed for another method."""
    if not isinstance(request.options, SyntheticControlOptions):
        message = f"{NAME} was given {type(request.options).__name__}"
        raise TypeError(message)
    return request.options


def outcomes_only(values: Floats) -> Fitter:
    """Simplex weights on the outcomes of every fitted period."""

    def fit(target: int, pool: Ints, windows: Windows) -> Fit:
        return fit_of(fit_control(values[:, target], values[:, pool], windows))

    return fit


def estimate(request: EstimationRequest) -> Estimate:
    """The effect with certificate, placebos and leave-one-out. Raises RunError with every fault found."""
    options = options_of(request)
    layout = layout_of(request, options.anticipation)
    table = predictors_of(request, layout, options) if options.predictors else None
    fitter = outcomes_only(layout.values) if table is None else on_predictors(layout.values, table)
    baseline = Baseline(NAME, layout, fitter, options, conformal=outcomes_only)
    found = checked(request, baseline)
    bound = bound_of(layout, found[0].fit, options.bound_delta)
    said: Said = {
        "solver": "exact (non-negative least squares, active set, duality certificate)",
        "predictors": "outcomes of every fitted period, equal weight",
        **weights_said(found[0]),
        **({} if table is None else _predictors_said(options, layout, found[0])),
    }
    evidence = bound_evidence(layout, bound) | ({} if table is None else _predictors_evidence(table, found[0]))
    return assembled(request, baseline, found, said=said | bound_said(bound), evidence=evidence)


def _predictors_said(options: SyntheticControlOptions, layout: Layout, checks: Checks) -> Said:
    """How predictors were weighed, and how near the fit on outcomes alone comes."""
    before = layout.windows.before
    alone = simplex_least_squares(layout.donors[before] - layout.y[before][:, None])
    least = layout.donors[before] @ alone.weights - layout.y[before]
    return {
        "predictors": f"{len(options.predictors)} predictors, each over its standard deviation (n - 1)",
        "v": {
            "search": "global search: equal, each alone, a Halton sequence, then a compass search",
            "equal": "all predictors alike",
            "given": "as stated",
        }[options.v],
        "v_loss": checks.fit.figures["loss"],
        "rmspe_before_on_outcomes_alone": rmspe_of(least, layout.y),
    }


def _predictors_evidence(table: PredictorTable, checks: Checks) -> dict[str, Json]:
    """V and how the treated unit and its synthetic control compare on every predictor."""
    weights = checks.fit.weights
    if weights is None:
        return {}
    synthetic = table.means[:, :-1] @ weights
    return {
        "predictors": [
            {
                "predictor": name,
                "v": checks.fit.figures[f"v_{k + 1}"],
                "treated": float(table.means[k, -1]),
                "synthetic": float(synthetic[k]),
            }
            for k, name in enumerate(table.names)
        ]
    }


def second_opinion(request: EstimationRequest) -> SecondOpinion:
    """The effect by another algorithm on a pivoted frame. Raises RunError."""
    options = options_of(request)
    if not options.predictors:
        return control_again(request, options.anticipation)
    layout = layout_of(request, options.anticipation)
    table = predictors_of(request, layout, options)
    fit = on_predictors(layout.values, table)(layout.target, layout.pool, layout.windows)
    v = {name: float(fit.figures[f"v_{k + 1}"] or 0.0) for k, name in enumerate(table.names)}
    return on_predictors_again(request, options, v)


PLUGIN = EstimatorPlugin(
    name=NAME,
    capabilities=Capabilities(
        family="counterfactual",
        title="Synthetic control of one treated unit",
        kind="effect",
        needs=("unit", "time", "outcome", "first_treated"),
        designs=("donors.pool",),
        standard_error="never",
        placebo_in_time=True,
        relative=True,
        aggregations=("simple", "none"),
        minimum_treated=1,
        minimum_comparison=2,
    ),
    options=SyntheticControlOptions,
    estimate=estimate,
    second_opinion=second_opinion,
)
