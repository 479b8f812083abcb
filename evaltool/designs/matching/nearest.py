"""Nearest-neighbour matching on a propensity score or on several covariates, built without outcomes.

Estimand
    The comparison serves the average effect on the treated (ATT), on the comparison units (ATC: those are matched with
    treated units) or on all (ATE, with replacement). As soon as one of them finds no match the target is another one
    and is called so: ``ATT among the matched treated``.

Equation as implemented
    Score e(x): maximum likelihood logit (or probit) of treatment on a constant and the covariates named; matched on
    e(x) (``probability``) or its linear predictor (``linear``), rounded to 10⁻¹². Or the distance is √(d'S⁻¹d) between
    the columns of ``match_on``: S the covariance pooled within groups (``mahalanobis``), that of ranks with every
    variance raised to that without ties (``robust_mahalanobis``), or its diagonal (``scaled_euclidean``); the score
    (logit) then serves caliper, support and order. With replacement unit i is matched with everybody
    within the distance of its ``ratio``-th nearest, ties included. Without, greedily: treated units choose in the order
    of their score (``largest``, ``smallest`` or ``closest`` pair first), each takes its first match before any takes
    a second; at equal distance the lower score, at equal scores the nearest in tie order (``tie_order``, else id); on
    several columns see ``numerics.matching_cloud``. ``data`` takes the tie order alone as order of choice. With
    ``max_ratio`` the number of matches falls with the score (Ming & Rosenbaum), their mean being ``ratio``.
    Caliper: distance ≤ caliper × SD of the score (``overall``: all units; ``mean_of_groups``: mean of both groups' SD;
    ``pooled``: root mean of both variances); ``calipers`` are largest differences in single columns, in their own
    units. ``support`` leaves out those whose score is beyond the other group's range. A matched comparison unit weighs
    the sum over its sets of 1 / (set's comparison units), scaled to average 1 over the matched comparison units;
    matched treated units weigh 1. For the ATC the groups change places. For the ATE everybody is matched with the other
    group and weighs 1 plus its shares of others' sets.

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
    neighbour); Rosenbaum 2010 (Design of Observational Studies), chapter 8 (rank distance); Ming & Rosenbaum 2000
    (Biometrics 56) (variable ratio); Abadie & Imbens 2006 (Econometrica 74), equation 3 and the set J_M(i)
    (replacement with ties); Austin 2011 (Pharmaceutical Statistics 10) (calipers).

Reference implementation and agreed tolerance
    R MatchIt 4.7.1 with the file row as tie order: the same sets without replacement, save one pair in a Mahalanobis
    distance where two units are equally far and MatchIt's choice hangs on the last bit. With replacement MatchIt picks
    one of several tied units by row; here all are averaged. Balance: R cobalt 4.5.5 to 1e-8.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from evaltool.designs._comparison import Comparison, Conventions, finish
from evaltool.designs.matching._ledger import ledger_of
from evaltool.designs.matching._nearest_options import SCORES, NearestOptions
from evaltool.designs.matching._nearest_rules import Ground, matched, outside_support, points_of, reasons, wanted_of
from evaltool.designs.matching._promises import Promises, check_promises
from evaltool.designs.matching._score import Score, caliper_sd, fit_score
from evaltool.designs.matching._sets import Matches, pairs_of, sets_of, ties_of, weights_of
from evaltool.designs.matching._units import Units, units_of
from evaltool.errors import Fault, Place, RunError
from evaltool.numerics.matching import GRID, to_grid
from evaltool.numerics.matching_cloud import CloudRule
from evaltool.records.design import Design
from evaltool.records.panel import FloatArray
from evaltool.records.plugins import DesignPlugin, DesignRequest

NAME = "matching.nearest"
DISTANCES = {
    "logit": "logit propensity score, difference",
    "probit": "probit propensity score, difference",
    "mahalanobis": "Mahalanobis, covariance pooled within groups",
    "robust_mahalanobis": "Mahalanobis on ranks, variances as without ties",
    "scaled_euclidean": "Euclidean, each column over its standard deviation within groups",
}


def build(request: DesignRequest) -> Design:
    """The matched sets, weights, balance and ledger. Raises RunError with every fault found."""
    options = request.options
    if not isinstance(options, NearestOptions):
        message = f"{NAME} was given {type(options).__name__}"
        raise TypeError(message)
    units = units_of(request.panel, options.covariates, options.exact, options.tie_order, columns_of(options))
    fitted = fit_score(
        units.x, options.covariates, units.treated, "probit" if options.distance == "probit" else "logit"
    )
    score = fitted.probability if options.scale == "probability" else fitted.linear
    sd = caliper_sd(score, units.treated, options.caliper_sd)
    width = None if options.caliper is None else float(options.caliper) * sd
    ground = ground_of(units, score, options, width)
    made = matched(ground)
    check_matched(units, made, options)
    check_promises(units, made, promised_by(ground, score, options, width))
    if options.estimand == "ATE":
        made = _both_ways(made, ground, promised_by(ground, score, options, width))
    keys = (ground.grid, *ground.points.T, *ground.limited.T, *ground.apart.T)
    comparison = Comparison(
        units=units,
        score=score,
        scale=options.scale,
        target=options.estimand,
        weight=weights_of(made),
        sets=sets_of(made),
        tie=ties_of(units, keys),
        conventions={**_conventions(options, fitted), "incomplete_sets": made.incomplete},
        pairs=pairs_of(units, made),
        caliper=width,
        caliper_sd=None if width is None else sd,
        largest_distance=float(np.max(made.distance)) / GRID,
        equidistant=made.equidistant,
    )
    outside = None if options.support == "all" else ~ground.kept
    return finish(NAME, options, comparison, ledger_of(units, reasons(ground, made), outside))


def _both_ways(made: Matches, ground: Ground, promised: Promises) -> Matches:
    """The matches of the treated and those of the comparison units. Raises RunError as ``check_promises``."""
    wanted = np.where(ground.focal, 0, int(np.max(ground.rule.wanted))).astype(np.int64)
    other = matched(replace(ground, focal=~ground.focal, rule=replace(ground.rule, wanted=wanted)))
    check_promises(ground.units, other, promised)
    return Matches(
        focal=np.ones_like(made.focal),
        first=np.concatenate([made.first, other.first]),
        second=np.concatenate([made.second, other.second]),
        distance=np.concatenate([made.distance, other.distance]),
        wanted=made.wanted + other.wanted,
        replace=True,
        equidistant=made.equidistant + other.equidistant,
    )


def columns_of(options: NearestOptions) -> tuple[str, ...]:
    """Columns read besides covariates and exact ones."""
    on = () if options.distance in SCORES else options.match_on or options.covariates
    return (*on, *options.calipers, *options.anti_exact)


def ground_of(units: Units, score: FloatArray, options: NearestOptions, width: float | None) -> Ground:
    """Who may be matched with whom. Raises RunError."""
    grid = to_grid(score)
    focal = ~units.treated if options.estimand == "ATC" else units.treated
    kept = ~outside_support(score, units.treated, options.support)
    return Ground(
        units=units,
        focal=focal,
        kept=kept,
        grid=grid,
        points=points_of(units, grid / GRID, options),
        limited=_columns(units, tuple(options.calipers)),
        apart=_columns(units, options.anti_exact),
        rule=CloudRule(
            wanted=wanted_of(options, score, focal),
            replace=options.replace,
            caliper=None if width is None else math.floor(width * GRID),
            widths=tuple(float(one) for one in options.calipers.values()),
            order=options.order,
        ),
    )


def _columns(units: Units, names: tuple[str, ...]) -> FloatArray:
    """(n, k) columns by name; (n, 0) for none."""
    return np.array([units.more[name] for name in names], dtype=np.float64).reshape(len(names), len(units.ids)).T


def promised_by(ground: Ground, score: FloatArray, options: NearestOptions, width: float | None) -> Promises:
    """What the finished sets are checked against, on raw values."""
    more = ground.units.more
    return Promises(
        points=score[:, None] if options.distance in SCORES else ground.points,
        score=score,
        caliper=width,
        widths={name: (more[name], float(one)) for name, one in options.calipers.items()},
        apart={name: more[name] for name in options.anti_exact},
    )


def check_matched(units: Units, made: Matches, options: NearestOptions) -> None:
    """Refuse a design in which nobody is matched, or somebody is not whom the plan wants matched. Raises RunError."""
    inside = np.zeros(len(units.ids), dtype=np.bool_)
    inside[made.first] = inside[made.second] = True
    left, treated = int(np.sum(units.treated & ~inside)), int(np.sum(units.treated))
    if not bool(np.any(inside)):
        raise RunError(
            Fault(
                code="RUN_NO_MATCH",
                cause=f"None of the {treated} treated units has a comparison unit it may be matched with.",
                fix="Widen the caliper, drop an exact column, or include more comparable units.",
                place=Place(key="design.options"),
            )
        )
    if left and options.unmatched_treated == "refuse":
        raise RunError(
            Fault(
                code="RUN_TREATED_UNMATCHED",
                cause=f"{left} of {treated} treated units found no match, and the plan refuses that.",
                fix='State unmatched_treated = "rename" beforehand, widen the caliper, or include more units.',
                place=Place(key="design.options.unmatched_treated"),
            )
        )


def _conventions(options: NearestOptions, fitted: Score) -> Conventions:
    """Every choice that changes who is matched; what is not used is not named."""
    ordered = not options.replace
    rare: Conventions = {
        "score": "logit" if options.distance not in SCORES else None,
        "match_on": ", ".join(options.match_on) or None,
        "calipers": ", ".join(f"{name} {width}" for name, width in options.calipers.items()) or None,
        "anti_exact": ", ".join(options.anti_exact) or None,
        "support": None if options.support == "all" else options.support,
        "min_ratio": None if options.max_ratio is None else options.min_ratio or 1,
        "max_ratio": options.max_ratio,
    }
    return {
        "distance": DISTANCES[options.distance],
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
        "score_steps": fitted.steps,
        **{name: value for name, value in rare.items() if value is not None},
    }


PLUGIN = DesignPlugin(
    name=NAME, title="Nearest neighbours on a propensity score or on covariates", options=NearestOptions, build=build
)
