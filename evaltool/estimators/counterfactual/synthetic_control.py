"""Synthetic control: a treated unit against the weighted donors that followed it best before the start.

Estimand
    The mean over the treated periods of Y_t(treated) − Y_t(untreated) of the treated unit (its ATT); of several treated
    units (``several = true`` in the design), the mean over their treated unit-periods.

Equation as implemented
    Weights w ≥ 0, Σw = 1 minimise Σ over periods t with t + anticipation < start of (Y_1t − Σ w_j Y_jt)², all such
    periods counting alike. With ``predictors`` they minimise Σ_k V_k (X_1k − Σ w_j X_jk)² instead, X_k the mean of a
    column over stated periods over its standard deviation; V is stated, equal, or minimises the squared error of the
    outcome before the start in a global search that draws nothing. Gap_t = Y_1t − Σ w_j Y_jt; the effect is the mean
    gap from the start on. Where several weights fit equally well, the one with the smallest Σw² is taken and this is
    said. The optimum is certified: feasibility, and a duality gap of at most 10⁻¹² of the largest squared distance of a
    donor. Every treated unit has weights of its own, on the same donors; paths are averaged by time since the start.

Uncertainty
    No standard error exists and none is made up. Every donor is treated as if it had been treated, with the other
    donors (never the treated unit) as its pool; p = share of all units whose ratio of RMSPE after to RMSPE before
    (not squared) is at least the treated unit's. Its resolution is 1 / (donors + 1). ``inference = "conformal"`` adds
    the moving-block test over time (residuals of a fit on all periods under the null, all cyclic shifts) and its
    inversion; both are printed beside the permutation test and decide nothing. ``inference = "prediction"`` adds
    intervals of every treated period and of their mean that hold what weights fitted on few periods and later shocks
    can do, by simulation (200 draws by the plan's seed) and a bound, each at half of 1 − level; they too decide
    nothing. ``bound_delta`` adds the range of effects over all weights that fit nearly as well. For several treated
    units different donors take their places, start by start, each with those as its pool who stand in for nobody, and
    their averages are ranked: all ways up to 2,000, else 1,000 drawn (seed 1).

Assumptions
    The treated unit's untreated outcomes lie within reach of the donors' weighted outcomes and follow the same factors;
    donors are not affected; nothing else happens to the treated unit alone; no anticipation beyond the stated periods.

Refuses when
    Not exactly one unit is treated within the data and the design does not foresee several; fewer than two donors, or
    two periods to fit on; a unit-period has no outcome; a donor never varies; the plan asks for clusters, cohorts or
    another target; the certificate fails; a relative effect has a denominator that is not positive; a predictor is
    unknown, constant, or reads periods that are not fitted on; the level is out of reach of a conformal test.

Source
    Abadie, Diamond & Hainmueller 2010 (JASA 105), equations 2–3 and section 2.3 (placebos); Abadie, Diamond &
    Hainmueller 2015 (AJPS 59) (RMSPE ratio, in-time placebo, leave-one-out); Doudchenko & Imbens 2016, section 3
    (outcomes only); Abadie & Gardeazabal 2003 (AER 93), appendix B (V); Chernozhukov, Wüthrich & Zhu 2021 (JASA 116);
    Cattaneo, Feng & Titiunik 2021 (JASA 116) (prediction intervals); Cavallo, Galiani, Noy & Pantano 2013 (REStat
    95), section III (several treated units).

Reference implementation and agreed tolerance
    Proposition 99, outcomes only: exact weights of an independent solution to 1e-8. R Synth 1.1.8 and synthdid 0.0.9
    stop above the optimum (effects −19.6 and weights off by 0.01): closeness only.
"""

from __future__ import annotations

import math
from typing import Literal, Self

import numpy as np
from pydantic import Field, model_validator

from evaltool.errors import Fault, Place, RunError
from evaltool.estimators.counterfactual._assembly import Baseline, Said, assembled, checked, weights_said
from evaltool.estimators.counterfactual._bound import bound_evidence, bound_of, bound_said
from evaltool.estimators.counterfactual._checks import Checks
from evaltool.estimators.counterfactual._layout import Layout, layout_of, layouts_of
from evaltool.estimators.counterfactual._prediction import (
    prediction_evidence,
    prediction_of,
    prediction_said,
    rule_of,
)
from evaltool.estimators.counterfactual._predictors import (
    PredictorOptions,
    PredictorTable,
    on_predictors,
    predictors_of,
)
from evaltool.estimators.counterfactual._second_opinion import control_again, controls_again, on_predictors_again
from evaltool.estimators.counterfactual._several import several_of
from evaltool.estimators.counterfactual._several_assembly import assembled_several
from evaltool.numerics.fits import Fit, Fitter, fit_from_solution, fit_of
from evaltool.numerics.frank_wolfe import Schedule, frank_wolfe_weights, measured
from evaltool.numerics.hull import reach_of
from evaltool.numerics.inference import Floats, Ints
from evaltool.numerics.prediction_interval import Shock
from evaltool.numerics.simplex import simplex_least_squares
from evaltool.numerics.simplex_control import Windows, fit_control, rmspe_of
from evaltool.numerics.synthetic_did import STOPS, penalties_of
from evaltool.records.base import Json
from evaltool.records.estimate import Estimate, SecondOpinion
from evaltool.records.plugins import Capabilities, EstimationRequest, EstimatorPlugin

NAME = "counterfactual.synthetic_control"
SOLVERS = {
    "exact": "exact (non-negative least squares, active set, duality certificate)",
    "frank_wolfe": "Frank-Wolfe, stopped as R synthdid stops",
}


class SyntheticControlOptions(PredictorOptions):
    """``[estimator.options]`` of ``counterfactual.synthetic_control``."""

    solver: Literal["exact", "frank_wolfe"] = "exact"
    """``frank_wolfe`` stops where R synthdid stops, for replication alone."""
    inference: Literal["placebo", "conformal", "prediction"] = "placebo"  # type: ignore[assignment]
    """``conformal``: a moving-block test and its interval; ``prediction``: intervals of Cattaneo, Feng & Titiunik."""
    shocks: Shock = "subgaussian"
    """How prediction intervals bound a later shock."""
    draws: int = Field(default=200, ge=100, le=10_000)
    """Draws of prediction intervals, by the plan's seed."""
    lags: int | None = Field(default=None, ge=0)
    """Periods over which prediction intervals let residuals hang together; by the length of the history when absent."""

    @model_validator(mode="after")
    def replicates(self) -> Self:
        """Refuse the replication of outcomes-only weights with predictors, a bound or other inference."""
        if self.solver != "exact" and (self.predictors or self.bound_delta is not None or self.inference != "placebo"):
            message = 'solver = "frank_wolfe" goes with outcomes alone, and without bound_delta or other inference'
            raise ValueError(message)
        if self.inference == "prediction" and self.predictors:
            message = 'inference = "prediction" goes with outcomes alone: predictors have no residuals over time'
            raise ValueError(message)
        return self


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


def frank_wolfe(layout: Layout) -> Fitter:
    """Weights where R synthdid's algorithm stops; ridge and stop follow from the layout's donors, for placebos too."""
    values = layout.values
    penalties = penalties_of(layout.donors.T, layout.windows, 1)
    stop = (STOPS * penalties.noise) ** 2

    def fit(target: int, pool: Ints, windows: Windows) -> Fit:
        a, b = values[np.ix_(windows.before, pool)], values[windows.before, target]
        ridge = math.sqrt(a.shape[0]) * penalties.periods
        weights = frank_wolfe_weights(a, b, Schedule(ridge * ridge, stop))
        solution = measured(np.vstack([a - b[:, None], ridge * np.eye(a.shape[1])]), weights)
        return fit_from_solution(values[:, target], values[:, pool], windows, solution)

    return fit


def estimate(request: EstimationRequest) -> Estimate:
    """The effect with certificate, placebos and leave-one-out. Raises RunError with every fault found."""
    options = options_of(request)
    if design_allows_several(request):
        return _several(request, options)
    layout = layout_of(request, options.anticipation)
    table = predictors_of(request, layout, options) if options.predictors else None
    fitter = outcomes_only(layout.values) if table is None else on_predictors(layout.values, table)
    if options.solver == "frank_wolfe":
        fitter = frank_wolfe(layout)
    baseline = Baseline(NAME, layout, fitter, options, conformal=outcomes_only)
    found = checked(request, baseline)
    bound = bound_of(layout, found[0].fit, options.bound_delta)
    rows = None
    if options.inference == "prediction":
        rule = rule_of(request.inference, layout, options.shocks, options.draws, options.lags)
        rows = prediction_of(request, layout, found[0].fit, rule)
    said: Said = {
        "solver": SOLVERS[options.solver],
        "predictors": "outcomes of every fitted period, equal weight",
        **weights_said(found[0]),
        **_reach_said(layout, found[0]),
        **({} if table is None else _predictors_said(options, layout, found[0])),
    }
    evidence = bound_evidence(layout, bound) | prediction_evidence(rows)
    evidence |= {} if table is None else _predictors_evidence(table, found[0])
    return assembled(request, baseline, found, said=said | bound_said(bound) | prediction_said(rows), evidence=evidence)


def design_allows_several(request: EstimationRequest) -> bool:
    """Whether the roster holds more than one unit that starts within the data."""
    roster = request.design.roster
    return roster is not None and int(np.sum(np.isfinite(roster["first_treated"].to_numpy(dtype=np.float64)))) > 1


def _several(request: EstimationRequest, options: SyntheticControlOptions) -> Estimate:
    """A synthetic control for each treated unit. Raises RunError with every fault found."""
    defaults = SyntheticControlOptions()
    own = ("predictors", "bound_delta", "placebo_periods", "inference")
    wrong = [name for name in own if getattr(options, name) != getattr(defaults, name)]
    if wrong:
        cause = f"{', '.join(wrong)} is for one treated unit, and several are treated."
        place = Place(key=f"estimator.options.{wrong[0]}")
        raise RunError(Fault("RUN_ONE_TREATED_UNIT", cause, "Leave it out, or study one unit at a time.", place))
    layouts = layouts_of(request, options.anticipation)
    method = frank_wolfe if options.solver == "frank_wolfe" else _outcomes_of
    found = several_of(layouts, method)
    gaps = [fit.solution.relative_gap for fit in found.fits if fit.solution is not None]
    said: Said = {
        "anticipation": options.anticipation,
        "solver": SOLVERS[options.solver],
        "predictors": "outcomes of every fitted period, equal weight",
        "weights_unique": all(fit.solution is None or fit.solution.unique for fit in found.fits),
        "largest_weight": max(float(np.max(fit.weights)) for fit in found.fits if fit.weights is not None),
        "tie_break": "smallest sum of squared weights",
        "relative_duality_gap": max(gaps),
    }
    return assembled_several(request, NAME, found, said)


def _outcomes_of(layout: Layout) -> Fitter:
    """The fitter on a layout's outcomes."""
    return outcomes_only(layout.values)


def _reach_said(layout: Layout, checks: Checks) -> Said:
    """Whether the treated unit lies within reach of its donors, and on how many donors the path rests."""
    before = layout.windows.before
    reach = reach_of(layout.donors[before], layout.y[before])
    weights = checks.fit.weights
    return {
        "inside_hull": reach.inside,
        "hull_distance": reach.distance,
        "periods_beyond_donors": reach.beyond,
        "effective_donors": None if weights is None else 1.0 / float(weights @ weights),
    }


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
    if design_allows_several(request) or options.solver == "frank_wolfe":
        layouts = layouts_of(request, options.anticipation)
        given = None
        if options.solver == "frank_wolfe":
            fits = [frank_wolfe(one)(one.target, one.pool, one.windows) for one in layouts]
            given = {
                one.unit: dict(zip(one.names, map(float, fit.weights if fit.weights is not None else ()), strict=True))
                for one, fit in zip(layouts, fits, strict=True)
            }
        return controls_again(request, options.anticipation, given)
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
        title="Synthetic control of one treated unit or of several",
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
