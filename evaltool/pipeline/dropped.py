"""A locked design without the units that are gone: nobody is matched anew, and every loss is in the ledger.

Pairs with a unit that is gone are dissolved. A unit that is left without any pair takes no part, and the estimand is
renamed when that happens to a treated one. The weights of the rest follow from the remaining pairs by the rule that
made them: a comparison unit weighs the sum over its sets of 1 / (comparison units in the set), averaging 1 (for the
effect on the untreated the groups change places). Weights that come from no pairs stay as they were sealed.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Literal

import numpy as np
import pandas as pd

from evaltool.errors import Fault, Place, RunError
from evaltool.numerics.balance import Groups, compare, effective_size, largest_share
from evaltool.numerics.distinct import distinct
from evaltool.numerics.score_bins import score_bins
from evaltool.numerics.strata import Target, stratum_weights
from evaltool.pipeline.blind_marks import Since
from evaltool.records.design import BalanceRow, Design, DesignCohort, DonorSummary, MatchSummary, ScoreBin
from evaltool.records.ledger import LedgerEntry, LedgerReason
from evaltool.records.panel import FloatArray, IntArray, Panel

MEMBERS = 1000
SCORE = "score"
STRATA: tuple[Target, ...] = ("ATT", "ATC", "ATE")
Arm = Literal["treated", "comparison"]


def without(design: Design, panel: Panel, since: Since) -> Design:
    """The design on the units of the panel. Raises RunError (RUN_NO_MATCH) when no matched pair is left."""
    gone = {*since.gone_treated, *since.gone_comparison}
    roster = design.roster
    if roster is None:
        return design
    parts = set(roster["unit"].tolist())
    entries = [
        *_entry([u for u in since.gone_treated if u in parts], "treated", "dropped_since_lock"),
        *_entry([u for u in since.gone_comparison if u in parts], "comparison", "dropped_since_lock"),
    ]
    if design.weights is None or design.summary.matching is None:
        kept = roster.loc[~roster["unit"].isin(gone)].reset_index(drop=True)
        return _finished(design, panel, kept, ledger=entries)
    if design.pairs is None or design.summary.matching.estimand.startswith("ATE"):
        return _weighted(design, panel, gone, entries)
    pairs = design.pairs
    pairs = pairs.loc[~pairs["treated"].isin(gone) & ~pairs["comparison"].isin(gone)].reset_index(drop=True)
    if pairs.empty:
        cause = "Every matched pair has lost a unit since the design was locked."
        fix = "Nothing can be compared on this design; the contract's own fallback applies."
        raise RunError(Fault("RUN_NO_MATCH", cause, fix, Place(key="design")))
    swapped = design.summary.matching.estimand.startswith("ATC")
    weights = _weights(design.weights, pairs, gone, ("comparison", "treated") if swapped else ("treated", "comparison"))
    inside = set(weights.loc[weights["weight"] > 0.0, "unit"].tolist())
    kept = roster.loc[roster["unit"].isin(inside)].reset_index(drop=True)
    for arm, finite in (("treated", True), ("comparison", False)):
        own = roster.loc[np.isfinite(roster["first_treated"].to_numpy(dtype=np.float64)) == finite, "unit"].tolist()
        alone = [unit for unit in own if unit not in inside and unit not in gone]
        entries += _entry(alone, "treated" if arm == "treated" else "comparison", "unmatched")
    matching = _facts(design.summary.matching, panel, weights, pairs)
    slim = Design(design.summary, kept, design.ledger, weights, pairs)
    return _finished(slim, panel, kept, ledger=entries, matching=matching)


def _entry(units: list[int | str], arm: Arm, reason: LedgerReason) -> tuple[LedgerEntry, ...]:
    """One ledger entry, or none."""
    if not units:
        return ()
    dropped = reason == "dropped_since_lock"
    return (
        LedgerEntry(
            stage="design",
            reason=reason,
            what="unit",
            arm=arm,
            count=len(units),
            detail="in the locked design, not in the data now" if dropped else "every match was dropped since the lock",
            members=tuple(str(unit) for unit in units)[:MEMBERS],
        ),
    )


def _weighted(design: Design, panel: Panel, gone: set[int | str], entries: list[LedgerEntry]) -> Design:
    """A design without pairs on the units that are left: strata are counted again, other weights are the lock's.

    Raises RunError (RUN_NO_MATCH) when a group has nobody left.
    """
    weights, facts, roster = design.weights, design.summary.matching, design.roster
    if weights is None or facts is None or roster is None:
        message = "a weighted design has weights, facts and a roster"
        raise TypeError(message)
    left = weights.loc[~weights["unit"].isin(gone)].reset_index(drop=True)
    target = next((one for one in STRATA if one == facts.conventions.get("target")), None)
    full = "potential_base" in facts.conventions
    if target is not None and ("strata" in facts.conventions or full):
        sets, treated = left["set"].to_numpy(dtype=np.int64), left["treated"].to_numpy(dtype=bool)
        left = left.assign(weight=stratum_weights(sets, treated, target))
        left = left.assign(set=np.where(left["weight"] > 0.0, sets, 0))
        if full:
            left = left.assign(set=_numbered(left["set"].to_numpy(dtype=np.int64)))
    inside = left["weight"].to_numpy(dtype=np.float64) > 0.0
    treated = left["treated"].to_numpy(dtype=bool)
    if not bool(np.any(inside & treated)) or not bool(np.any(inside & ~treated)):
        cause = "Everybody with weight in one group is gone since the design was locked."
        fix = "Nothing can be compared on this design; the contract's own fallback applies."
        raise RunError(Fault("RUN_NO_MATCH", cause, fix, Place(key="design")))
    kept = roster.loc[roster["unit"].isin(left.loc[inside, "unit"])].reset_index(drop=True)
    update = {
        "estimand": _renamed(facts.estimand, changed=bool(gone & set(roster["unit"].tolist()))),
        "treated_matched": int(np.sum(inside & treated)),
        "comparison_matched": int(np.sum(inside & ~treated)),
        **({"sets": int(left["set"].max())} if full else {}),
        **_sizes(facts, left),
        "balance": tuple(
            _balance(row, panel, left, left["weight"].to_numpy(dtype=np.float64)) for row in facts.balance
        ),
    }
    slim = Design(design.summary, kept, design.ledger, left)
    return _finished(slim, panel, kept, ledger=entries, matching=facts.model_copy(update=update))


def _renamed(estimand: str, *, changed: bool) -> str:
    """The estimand of those who are left."""
    suffix = " among those still in the data"
    return estimand + suffix if changed and not estimand.endswith(suffix) else estimand


def _sizes(facts: MatchSummary, left: pd.DataFrame) -> dict[str, object]:
    """Effective size, largest weight, and the bins of the scores."""
    weight, treated = left["weight"].to_numpy(dtype=np.float64), left["treated"].to_numpy(dtype=bool)
    arms = [weight[~treated]] if facts.estimand.startswith("ATT") else [weight[~treated], weight[treated]]
    bins = score_bins(left["score"].to_numpy(dtype=np.float64), treated, weight > 0.0)
    return {
        "effective_n": min(effective_size(arm) for arm in arms),
        "largest_weight_share": max(largest_share(arm) for arm in arms),
        "bins": tuple(ScoreBin.model_validate(asdict(one)) for one in bins),
    }


def _weights(
    weights: pd.DataFrame, pairs: pd.DataFrame, gone: set[int | str], arms: tuple[str, str] = ("treated", "comparison")
) -> pd.DataFrame:
    """The weights of the units that are left, from the pairs that are left; ``arms``: who is matched with whom."""
    first, second = arms
    kept = weights.loc[~weights["unit"].isin(gone)].reset_index(drop=True)
    sizes = pairs.groupby(first)[second].transform("size").to_numpy(dtype=np.float64)
    share = pd.Series(1.0 / sizes).groupby(pairs[second].to_numpy(), sort=True).sum()
    scale = len(share) / pairs[first].nunique()
    focal = kept["treated"].to_numpy(dtype=bool) == (first == "treated")
    matched = kept["unit"].isin(pairs[first]).to_numpy(dtype=bool)
    drawn = kept["unit"].map(share).fillna(0.0).to_numpy(dtype=np.float64) * scale
    weight = np.where(focal, matched.astype(np.float64), drawn)
    sets = np.where(weight > 0.0, kept["set"].to_numpy(dtype=np.int64), 0)
    return kept.assign(weight=weight, set=_numbered(sets))


def _numbered(sets: IntArray) -> IntArray:
    """(n,) the sets that are left, from 1 without gaps; 0 stays."""
    used = distinct(sets[sets > 0])
    return np.where(sets > 0, np.searchsorted(used, sets) + 1, 0)


def _facts(old: MatchSummary, panel: Panel, weights: pd.DataFrame, pairs: pd.DataFrame) -> MatchSummary:
    """What is left of the matching. Shares and balance "before" stay those of the lock."""
    weight = weights["weight"].to_numpy(dtype=np.float64)
    treated = weights["treated"].to_numpy(dtype=bool)
    found = int(np.sum(weight[treated] > 0.0))
    focal = treated if old.estimand.startswith("ATT") else ~treated
    target, submitted, whom = (
        ("ATT", old.treated_submitted, "treated")
        if old.estimand.startswith("ATT")
        else ("ATC", old.comparison_submitted, "comparison units")
    )
    served = int(np.sum(weight[focal] > 0.0))
    ties = weights.groupby("tie")["weight"].transform("nunique")
    sizes = pairs.groupby("treated" if target == "ATT" else "comparison").size()
    ratio = old.conventions.get("ratio")
    incomplete = int(np.sum(sizes < ratio)) if isinstance(ratio, int) else 0
    return old.model_copy(
        update={
            "estimand": target if served == submitted else f"{target} among the matched {whom}",
            "treated_matched": found,
            "comparison_matched": int(np.sum(weight[~treated] > 0.0)),
            "matched_share": served / submitted,
            "sets": int(weights["set"].max()) if old.sets else 0,
            **_sizes(old, weights),
            "largest_distance": float(pairs["distance"].max()),
            "tied_units": int((ties > 1).sum()),
            "conventions": {**old.conventions, "incomplete_sets": incomplete},
            "balance": tuple(_balance(row, panel, weights, weight) for row in old.balance),
        }
    )


def _balance(row: BalanceRow, panel: Panel, weights: pd.DataFrame, weight: FloatArray) -> BalanceRow:
    """One row of the balance table on the units that are left, over the denominator of the lock."""
    values = weights["score"].to_numpy(dtype=np.float64) if row.kind == SCORE else row.values(panel.frame)
    if values is None:  # pragma: no cover - the panel has every covariate of the design
        return row
    groups = Groups(weights["treated"].to_numpy(dtype=bool), weight)
    now = compare(values, groups, sd=row.denominator, binary=row.kind == "binary")
    update = {"smd_after": now.smd, "variance_ratio_after": now.variance_ratio, "ks_after": now.ks}
    if row.overlap_after is not None:
        update |= {"overlap_after": now.overlap}
    if row.mean_treated_after is not None:
        update |= {"mean_treated_after": now.mean_treated, "mean_comparison_after": now.mean_comparison}
    return row.model_copy(update=update)


def _finished(
    design: Design,
    panel: Panel,
    roster: pd.DataFrame,
    *,
    ledger: list[LedgerEntry],
    matching: MatchSummary | None = None,
) -> Design:
    """The design with cohorts counted on the roster that is left, periods of the panel, and the same seal."""
    old = design.summary
    update = {
        "cohorts": tuple(_cohort(cohort, roster) for cohort in old.cohorts),
        "periods": len(panel.periods) or old.periods,
        "analysed_units": len(roster),
        "matching": matching or old.matching,
        "donors": None if old.donors is None else _donors(old.donors, panel, roster),
    }
    return Design(
        summary=old.model_copy(update=update),
        roster=roster,
        ledger=design.ledger.plus(*ledger),
        weights=design.weights,
        pairs=design.pairs,
    )


def _cohort(cohort: DesignCohort, roster: pd.DataFrame) -> DesignCohort:
    """A cohort as it is left."""
    start = float("inf") if cohort.start is None else float(cohort.start)
    own = roster.loc[roster["first_treated"] == start, "weight"]
    return cohort.model_copy(update={"units": len(own), "weight": float(own.sum())})


def _donors(donors: DonorSummary, panel: Panel, roster: pd.DataFrame) -> DonorSummary:
    """The donor pool on the periods and units that are there now."""
    never = ~np.isfinite(roster["first_treated"].to_numpy(dtype=np.float64))
    return donors.model_copy(
        update={
            "donors": int(np.sum(never)),
            "periods_before": sum(1 for period in panel.periods if period < donors.start),
            "periods_after": sum(1 for period in panel.periods if period >= donors.start),
        }
    )
