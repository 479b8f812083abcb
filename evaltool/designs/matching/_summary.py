"""From pairs to a ``Design``: weights, sets, tie groups, balance before and after."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Literal

import numpy as np
import pandas as pd

from evaltool.designs._roster import design_seal
from evaltool.designs.matching._units import Units
from evaltool.numerics.balance import (
    Groups,
    common_support,
    compare,
    effective_size,
    is_binary,
    largest_share,
    spread,
)
from evaltool.numerics.matching import GRID, MatchRule, Pairs
from evaltool.numerics.matching_ties import uneven
from evaltool.numerics.score_bins import score_bins
from evaltool.records.base import Record
from evaltool.records.design import BalanceRow, Design, DesignCohort, DesignSummary, MatchSummary, ScoreBin
from evaltool.records.ledger import Ledger
from evaltool.records.panel import FloatArray, IntArray

Conventions = dict[str, bool | int | float | str | None]
SCORE = "propensity score"


@dataclass(frozen=True, slots=True, eq=False)
class Matched:
    """A finished matching: units, scores as fitted and on the grid, pairs, rule, caliper width and its SD."""

    units: Units
    score: FloatArray
    scale: Literal["probability", "linear"]
    grid: IntArray
    pairs: Pairs
    rule: MatchRule
    caliper: float | None
    caliper_sd: float | None


def finish(name: str, options: Record, matched: Matched, conventions: Conventions, ledger: Ledger) -> Design:
    """The design with its summary and seal."""
    frame = _weights(matched)
    pairs = _pairs(matched, frame)
    inside = frame["weight"].to_numpy(dtype=np.float64) > 0.0
    roster = pd.DataFrame(
        {
            "unit": frame.loc[inside, "unit"].to_numpy(),
            "first_treated": np.where(frame.loc[inside, "treated"].to_numpy(dtype=bool), 1.0, np.inf),
            "weight": 1.0,
        }
    )
    sealed = roster.assign(weight=frame.loc[inside, "weight"].to_numpy(dtype=np.float64))
    treated = roster["first_treated"].to_numpy(dtype=np.float64) == 1.0
    arms = (("treated", 1, int(np.sum(treated))), ("comparison", None, int(np.sum(~treated))))
    summary = DesignSummary(
        method=name,
        comparison="matched",
        cohorts=tuple(DesignCohort(label=a, start=s, units=n, weight=float(n)) for a, s, n in arms),
        periods=1,
        seal=design_seal(name, options, sealed),
        submitted_units=len(frame),
        analysed_units=len(roster),
        matching=_facts(matched, frame, conventions),
    )
    return Design(summary=summary, roster=roster, ledger=ledger, weights=frame, pairs=pairs)


def _weights(matched: Matched) -> pd.DataFrame:
    """One row per submitted unit: treated 1, comparison units the sum of their shares, averaging 1."""
    units, pairs = matched.units, matched.pairs
    mine, theirs = np.flatnonzero(units.treated), np.flatnonzero(~units.treated)
    sizes = np.bincount(pairs.treated, minlength=mine.shape[0])
    share = np.bincount(pairs.comparison, weights=1.0 / sizes[pairs.treated], minlength=theirs.shape[0])
    used = share > 0.0
    weight = np.zeros(len(units.ids))
    weight[mine] = (sizes > 0).astype(np.float64)
    weight[theirs] = share * (float(np.sum(used)) / float(np.sum(sizes > 0)))
    return pd.DataFrame(
        {
            "unit": list(units.ids),
            "treated": units.treated,
            "score": matched.score,
            "weight": weight,
            "set": _sets(matched, sizes),
            "tie": _ties(matched),
        }
    )


def _sets(matched: Matched, sizes: IntArray) -> IntArray:
    """(n,) number of the matched set, from 1 in canonical order of the treated; 0 outside sets or in several."""
    units, pairs = matched.units, matched.pairs
    sets = np.zeros(len(units.ids), dtype=np.int64)
    if matched.rule.replace:
        return sets
    number = np.cumsum(sizes > 0)
    sets[np.flatnonzero(units.treated)] = np.where(sizes > 0, number, 0)
    sets[np.flatnonzero(~units.treated)[pairs.comparison]] = number[pairs.treated]
    return sets


def _ties(matched: Matched) -> IntArray:
    """(n,) codes of units that could stand in for each other: same arm, score and stratum."""
    units = matched.units
    keys = (matched.grid, units.stratum, units.treated)
    order = np.lexsort(keys)
    new = np.zeros(order.shape[0], dtype=np.int64)
    for key in keys:
        new[1:] |= key[order][1:] != key[order][:-1]
    codes = np.empty_like(new)
    codes[order] = np.cumsum(new)
    return codes


def _pairs(matched: Matched, frame: pd.DataFrame) -> pd.DataFrame:
    """Every pair by id, with its distance on the score's scale and the number of its set."""
    pairs, ids = matched.pairs, frame["unit"]
    mine, theirs = np.flatnonzero(matched.units.treated), np.flatnonzero(~matched.units.treated)
    return pd.DataFrame(
        {
            "treated": ids.iloc[mine[pairs.treated]].to_numpy(),
            "comparison": ids.iloc[theirs[pairs.comparison]].to_numpy(),
            "distance": pairs.distance / GRID,
            "set": np.unique(pairs.treated, return_inverse=True)[1].reshape(-1) + 1,
        }
    )


def _facts(matched: Matched, frame: pd.DataFrame, conventions: Conventions) -> MatchSummary:
    """Shares, sizes and balance."""
    units = matched.units
    weight = frame["weight"].to_numpy(dtype=np.float64)
    own, other = weight[units.treated], weight[~units.treated]
    found, submitted = int(np.sum(own > 0.0)), int(np.sum(units.treated))
    sizes = np.bincount(matched.pairs.treated)
    return MatchSummary(
        estimand="ATT" if found == submitted else "ATT among the matched treated",
        treated_submitted=submitted,
        treated_matched=found,
        comparison_submitted=int(np.sum(~units.treated)),
        comparison_matched=int(np.sum(other > 0.0)),
        matched_share=found / submitted,
        sets=0 if matched.rule.replace else found,
        effective_n=effective_size(other),
        largest_weight_share=largest_share(other),
        common_support=common_support(matched.score, units.treated),
        caliper=matched.caliper,
        caliper_sd=matched.caliper_sd,
        largest_distance=float(np.max(matched.pairs.distance)) / GRID,
        tied_units=_tied(frame),
        equidistant_choices=matched.pairs.equidistant,
        conventions={
            **conventions,
            "incomplete_sets": int(np.sum((sizes > 0) & (sizes < matched.rule.ratio))),
        },
        covariates=units.names,
        scale=matched.scale,
        balance=_balance(matched, weight),
        bins=tuple(
            ScoreBin.model_validate(asdict(one)) for one in score_bins(matched.score, units.treated, weight > 0.0)
        ),
    )


def _tied(frame: pd.DataFrame) -> int:
    """Units in tie groups whose members weigh differently."""
    groups, weights = frame["tie"].to_numpy(dtype=np.int64), frame["weight"].to_numpy(dtype=np.float64)
    return int(np.sum(uneven(groups, weights)))


def _balance(matched: Matched, weight: FloatArray) -> tuple[BalanceRow, ...]:
    """The score, every covariate, and exact columns that are no covariate."""
    units = matched.units
    before, after = Groups(units.treated, np.ones_like(weight)), Groups(units.treated, weight)
    columns = [(SCORE, matched.score), *((n, units.x[:, j]) for j, n in enumerate(units.names))]
    columns += [(n, units.exact[:, j]) for j, n in enumerate(units.exact_names) if n not in units.names]
    rows = []
    for name, x in columns:
        two, sd = is_binary(x), spread(x[units.treated])
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
            )
        )
    return tuple(rows)
