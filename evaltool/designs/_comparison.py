"""From weights to a ``Design``: what every design by matching or weighting keeps, balance before and after."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Literal

import numpy as np
import pandas as pd

from evaltool.designs._roster import design_seal
from evaltool.designs.matching._units import Bools, Units
from evaltool.numerics.balance import (
    Groups,
    common_support,
    compare,
    effective_size,
    is_binary,
    largest_share,
    spread,
    weighted_spread,
)
from evaltool.numerics.matching_ties import uneven
from evaltool.numerics.score_bins import score_bins
from evaltool.records.base import Record
from evaltool.records.design import TIMES, BalanceRow, Design, DesignCohort, DesignSummary, MatchSummary, ScoreBin
from evaltool.records.ledger import Ledger
from evaltool.records.panel import FloatArray, IntArray

Conventions = dict[str, bool | int | float | str | None]
Target = Literal["ATT", "ATC", "ATE", "ATO", "ATM"]
SCORE = "propensity score"
ARMS = {"ATT": "treated", "ATC": "comparison units"}
DENOMINATORS = {
    "ATT": "standard deviation of all treated before matching; sqrt(p(1 - p)) for two values",
    "ATC": "standard deviation of all comparison units before matching; sqrt(p(1 - p)) for two values",
    "ATE": "root mean of both groups' variances before weighting; sqrt(p(1 - p)) for two values",
}
WEIGHTED = "standard deviation of all units under the weights; sqrt(p(1 - p)) for two values"


@dataclass(frozen=True, slots=True, eq=False)
class Comparison:
    """A finished comparison of (n,) units in canonical order.

    ``weight`` 0 takes no part; ``sets`` number matched sets from 1 (0: none, or in several); ``tie`` holds codes of
    units that could stand in for each other. ``pairs`` is None where nobody is paired.
    """

    units: Units
    score: FloatArray
    scale: Literal["probability", "linear"]
    target: Target
    weight: FloatArray
    sets: IntArray
    tie: IntArray
    conventions: Conventions
    pairs: pd.DataFrame | None = None
    caliper: float | None = None
    caliper_sd: float | None = None
    largest_distance: float = 0.0
    equidistant: int = 0
    potential: IntArray | None = None
    """(n,) potentials that prove an optimal matching, where there are any."""
    estimand: str | None = None
    """What the weights serve, where leaving units out does not change it; None: the target of those with weight."""


def finish(name: str, options: Record, made: Comparison, ledger: Ledger) -> Design:
    """The design with its summary and seal."""
    units, inside = made.units, made.weight > 0.0
    frame = pd.DataFrame(
        {
            "unit": list(units.ids),
            "treated": units.treated,
            "score": made.score,
            "weight": made.weight,
            "set": made.sets,
            "tie": made.tie,
        }
    )
    if made.potential is not None:
        frame = frame.assign(potential=made.potential)
    roster = pd.DataFrame(
        {
            "unit": frame.loc[inside, "unit"].to_numpy(),
            "first_treated": np.where(units.treated[inside], 1.0, np.inf),
            "weight": 1.0,
        }
    )
    arms = (("treated", 1, units.treated), ("comparison", None, ~units.treated))
    sizes = [(label, start, int(np.sum(own & inside))) for label, start, own in arms]
    summary = DesignSummary(
        method=name,
        comparison="matched" if made.pairs is not None or bool(np.any(made.sets)) else "weighted",
        cohorts=tuple(DesignCohort(label=a, start=s, units=n, weight=float(n)) for a, s, n in sizes),
        periods=1,
        seal=design_seal(name, _stated(options), roster.assign(weight=made.weight[inside])),
        submitted_units=len(frame),
        analysed_units=len(roster),
        matching=_facts(made, terms_of(options)),
    )
    return Design(summary=summary, roster=roster, ledger=ledger, weights=frame, pairs=made.pairs)


def _stated(options: Record) -> dict[str, object]:
    """The options that are not at their default, so that an option added later breaks no earlier seal."""
    return {
        name: getattr(options, name)
        for name, info in type(options).model_fields.items()
        if info.is_required() or getattr(options, name) != info.get_default(call_default_factory=True)
    }


def terms_of(options: Record) -> tuple[str, ...]:
    """Which products the options ask to be compared as well."""
    return tuple(str(term) for term in getattr(options, "balance_terms", ()))


def _facts(made: Comparison, terms: tuple[str, ...]) -> MatchSummary:
    """Shares, sizes and balance."""
    treated, weight = made.units.treated, made.weight
    inside = weight > 0.0
    whom = {"ATT": treated, "ATC": ~treated}.get(made.target, np.ones_like(treated))
    full = bool(np.all(inside[whom]))
    left = ARMS.get(made.target, "units")
    arms = [weight[~treated]] if made.target == "ATT" else [weight[~treated], weight[treated]]
    return MatchSummary(
        estimand=made.estimand or (made.target if full else f"{made.target} among the matched {left}"),
        treated_submitted=int(np.sum(treated)),
        treated_matched=int(np.sum(treated & inside)),
        comparison_submitted=int(np.sum(~treated)),
        comparison_matched=int(np.sum(~treated & inside)),
        matched_share=float(np.mean(inside[whom])),
        sets=int(np.max(made.sets, initial=0)),
        effective_n=min(effective_size(arm) for arm in arms),
        largest_weight_share=max(largest_share(arm) for arm in arms),
        common_support=common_support(made.score, treated),
        caliper=made.caliper,
        caliper_sd=made.caliper_sd,
        largest_distance=made.largest_distance,
        tied_units=int(np.sum(uneven(made.tie, weight))),
        equidistant_choices=made.equidistant,
        conventions={**made.conventions, "balance_denominator": DENOMINATORS.get(made.target, WEIGHTED)},
        covariates=made.units.names,
        scale=made.scale,
        balance=balance_of(made, terms),
        bins=tuple(ScoreBin.model_validate(asdict(one)) for one in score_bins(made.score, treated, inside)),
    )


def products(units: Units, terms: tuple[str, ...]) -> list[tuple[str, FloatArray]]:
    """Squares of covariates with more than two values, and products of two, as asked for."""
    columns = list(zip(units.names, units.x.T, strict=True))
    found = []
    if "squares" in terms:
        found += [(f"{name}{TIMES}{name}", x * x) for name, x in columns if not is_binary(x)]
    if "interactions" in terms:
        found += [(f"{a}{TIMES}{b}", x * z) for k, (a, x) in enumerate(columns) for b, z in columns[k + 1 :]]
    return found


def balance_of(made: Comparison, terms: tuple[str, ...] = ()) -> tuple[BalanceRow, ...]:
    """The score, every covariate, exact columns that are no covariate, and the products asked for."""
    units, weight = made.units, made.weight
    before, after = Groups(units.treated, np.ones_like(weight)), Groups(units.treated, weight)
    columns = [(SCORE, made.score), *((n, units.x[:, j]) for j, n in enumerate(units.names))]
    columns += [(n, units.exact[:, j]) for j, n in enumerate(units.exact_names) if n not in units.names]
    columns += products(units, terms)
    rows = []
    for name, x in columns:
        two, sd = is_binary(x), denominator(x, units.treated, weight, made.target)
        first, then = (compare(x, groups, sd=sd, binary=two) for groups in (before, after))
        rows.append(
            BalanceRow(
                covariate=name,
                kind="score" if name == SCORE else "binary" if two else "continuous",
                smd_before=first.smd,
                smd_after=then.smd,
                denominator=sd,
                variance_ratio_before=first.variance_ratio,
                variance_ratio_after=then.variance_ratio,
                ks_before=first.ks,
                ks_after=then.ks,
                mean_treated_before=None if name == SCORE else first.mean_treated,
                mean_comparison_before=None if name == SCORE else first.mean_comparison,
                mean_treated_after=None if name == SCORE else then.mean_treated,
                mean_comparison_after=None if name == SCORE else then.mean_comparison,
                overlap_before=first.overlap,
                overlap_after=then.overlap,
            )
        )
    return tuple(rows)


def denominator(x: FloatArray, treated: Bools, weight: FloatArray, target: Target) -> float:
    """What mean differences of one covariate are divided by: R cobalt's choice for each estimand."""
    if target in {"ATT", "ATC"}:
        return spread(x[treated if target == "ATT" else ~treated])
    if target == "ATE":
        return math.sqrt((spread(x[treated]) ** 2 + spread(x[~treated]) ** 2) / 2.0)
    return weighted_spread(x, weight)
