"""Nearest-neighbour matching on a propensity score, built without outcomes.

Estimand
    The comparison serves the average effect on the treated (ATT). As soon as a treated unit finds no match the target
    is another one and is called so: ``ATT among the matched treated``.

Equation as implemented
    Score e(x): maximum likelihood logit of treatment on a constant and the covariates named; matched on e(x)
    (``probability``) or log e/(1 − e) (``linear``), rounded to 10⁻¹². With replacement unit i is matched with everybody
    within the distance of its ``ratio``-th nearest, ties included. Without, greedily: treated units choose in the order
    of their score (``largest``, ``smallest`` or ``closest`` pair first), each takes its first match before any takes
    a second; at equal distance the lower score, at equal scores the nearest in tie order (``tie_order``, else id).
    Caliper: distance ≤ caliper × SD of the score (``overall``: all units; ``mean_of_groups``: mean of both groups' SD;
    ``pooled``: root mean of both variances). A matched comparison unit weighs the sum over its sets of 1 / (set's
    comparison units), scaled to average 1 over the matched comparison units; matched treated units weigh 1.

Uncertainty
    None here; see the estimator. How far the effect depends on tie order is found there, since it needs outcomes.

Assumptions
    Treatment is as good as random given the covariates; they were measured before it; both groups have units with
    comparable scores; nobody's treatment changes another's outcome.

Refuses when
    There is not one row per unit; an arm is empty; covariates are unknown, incomplete, collinear or separate the
    groups; the tie order is not a strict order; unit weights differ; nobody is matched; treated units are unmatched
    and the plan says ``unmatched_treated = "refuse"``; or a promise (caliper, exact columns, ratio, single use) does
    not hold on the finished sets.

Source
    Rosenbaum & Rubin 1983 (Biometrika 70), theorems 1–4 (score); Rubin 1973 (Biometrics 29) (greedy nearest
    neighbour); Abadie & Imbens 2006 (Econometrica 74), equation 3 and the set J_M(i) (replacement with ties); Austin
    2011 (Pharmaceutical Statistics 10) (calipers).

Reference implementation and agreed tolerance
    R MatchIt 4.7.1 with the file row as tie order: the same sets without replacement. With replacement MatchIt picks
    one of several tied units by row; here all are averaged. Balance: R cobalt 4.5.5 to 1e-8.
"""

from __future__ import annotations

from typing import Literal, Self

import numpy as np
from pydantic import Field, model_validator

from evaltool.designs.matching._ledger import left_out
from evaltool.designs.matching._promises import check_promises
from evaltool.designs.matching._score import CaliperSd, caliper_sd, fit_score
from evaltool.designs.matching._summary import Matched, finish
from evaltool.designs.matching._units import Units, units_of
from evaltool.errors import Fault, Place, RunError
from evaltool.numerics.matching import GRID, Arm, MatchRule, Order, Pairs, nearest, to_grid
from evaltool.records.base import Exact, Record
from evaltool.records.design import Design
from evaltool.records.plugins import DesignPlugin, DesignRequest

NAME = "matching.nearest"


class NearestOptions(Record):
    """``[design.options]`` of ``matching.nearest``."""

    covariates: tuple[str, ...] = Field(min_length=1)
    """Columns the score is fitted on."""
    scale: Literal["probability", "linear"] = "probability"
    ratio: int = Field(default=1, ge=1, le=100)
    replace: bool = False
    caliper: Exact | None = Field(default=None, gt=0)
    """Largest distance, in standard deviations of the score."""
    caliper_sd: CaliperSd = "overall"
    exact: tuple[str, ...] = ()
    """Columns that must be equal within a matched set."""
    order: Order = "largest"
    tie_order: str | None = None
    """Column that puts units with equal scores in order (smaller first), every value once; the id when absent."""
    unmatched_treated: Literal["rename", "refuse"] = "rename"
    """Whether treated units without a match rename the estimand or stop the run."""

    @model_validator(mode="after")
    def nothing_is_ignored(self) -> Self:
        """Refuse options that would have no effect, and columns named twice."""
        if self.replace and (self.tie_order is not None or "order" in self.model_fields_set):
            message = "with replacement all ties are averaged: order and tie_order have no effect, leave them out"
            raise ValueError(message)
        if self.caliper is None and "caliper_sd" in self.model_fields_set:
            message = "caliper_sd has no effect without a caliper"
            raise ValueError(message)
        for columns in (self.covariates, self.exact):
            if len(set(columns)) != len(columns):
                message = f"a column is named twice among {', '.join(columns)}"
                raise ValueError(message)
        return self


def build(request: DesignRequest) -> Design:
    """The matched sets, weights, balance and ledger. Raises RunError with every fault found."""
    options = request.options
    if not isinstance(options, NearestOptions):
        message = f"{NAME} was given {type(options).__name__}"
        raise TypeError(message)
    units = units_of(request.panel, options.covariates, options.exact, options.tie_order)
    fitted = fit_score(units.x, options.covariates, units.treated)
    score = fitted.probability if options.scale == "probability" else fitted.linear
    sd = caliper_sd(score, units.treated, options.caliper_sd)
    width = None if options.caliper is None else float(options.caliper) * sd
    rule = MatchRule(
        ratio=options.ratio,
        replace=options.replace,
        caliper=None if width is None else int(np.floor(width * GRID)),
        order=options.order,
    )
    grid = to_grid(score)
    treated, comparison = _arm(units, grid, treated=True), _arm(units, grid, treated=False)
    pairs = nearest(treated, comparison, rule)
    _check_matched(units, pairs, options)
    check_promises(units, score, pairs, rule, width)
    matched = Matched(
        units=units,
        score=score,
        scale=options.scale,
        grid=grid,
        pairs=pairs,
        rule=rule,
        caliper=width,
        caliper_sd=None if width is None else sd,
    )
    return finish(NAME, options, matched, _conventions(options, fitted.steps), left_out(units, grid, pairs, rule))


def _arm(units: Units, grid: np.ndarray[tuple[int, ...], np.dtype[np.int64]], *, treated: bool) -> Arm:
    """One arm on the grid."""
    own = units.treated == treated
    return Arm(score=grid[own], stratum=units.stratum[own], rank=units.rank[own])


def _check_matched(units: Units, pairs: Pairs, options: NearestOptions) -> None:
    """Refuse a design in which nobody is matched, or somebody is not whom the plan wants matched. Raises RunError."""
    matched = int(np.unique(pairs.treated).shape[0])
    treated = int(np.sum(units.treated))
    if matched == 0:
        raise RunError(
            Fault(
                code="RUN_NO_MATCH",
                cause=f"None of the {treated} treated units has a comparison unit it may be matched with.",
                fix="Widen the caliper, drop an exact column, or include more comparable units.",
                place=Place(key="design.options"),
            )
        )
    if matched < treated and options.unmatched_treated == "refuse":
        raise RunError(
            Fault(
                code="RUN_TREATED_UNMATCHED",
                cause=f"{treated - matched} of {treated} treated units found no match, and the plan refuses that.",
                fix='State unmatched_treated = "rename" beforehand, widen the caliper, or include more units.',
                place=Place(key="design.options.unmatched_treated"),
            )
        )


def _conventions(options: NearestOptions, steps: int) -> dict[str, bool | int | float | str | None]:
    """Every choice that changes who is matched."""
    ordered = not options.replace
    return {
        "distance": "logit propensity score, difference",
        "scale": options.scale,
        "covariates": ", ".join(options.covariates),
        "score_rounding": 1.0 / GRID,
        "ratio": options.ratio,
        "replace": options.replace,
        "ties": "all averaged" if options.replace else "tie order",
        "order": options.order if ordered else None,
        "tie_order": (options.tie_order or "id") if ordered else None,
        "equidistant": "lower score" if ordered else "both averaged",
        "caliper_multiple": None if options.caliper is None else float(options.caliper),
        "caliper_sd": None if options.caliper is None else options.caliper_sd,
        "exact": ", ".join(options.exact) or None,
        "balance_denominator": "standard deviation of all treated before matching; sqrt(p(1 - p)) for two values",
        "score_steps": steps,
    }


PLUGIN = DesignPlugin(name=NAME, title="Nearest neighbours on a propensity score", options=NearestOptions, build=build)
