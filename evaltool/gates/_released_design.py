"""Counts that a matched design or a donor pool releases, and which of its figures rest on which count.

Names, besides those of ``_released``: ``left_out:<stage>:<reason>:<arm>:<detail>`` (one entry of the ledger),
``submitted:<arm>``, ``matched:<arm>``, ``unmatched:<arm>`` (and ``…@<key>`` for the estimates of a sensitivity with
another matching), ``support:inside`` and ``support:outside`` (treated), ``ties:units``, ``ties:choices``,
``sets:incomplete`` and ``sets:complete``, ``bins:<arm>`` (all in the score's bins),
``covariate:<column>:<arm>:<before|after>`` (units with the rarer value of a two-valued column), ``donors:in``,
``donors:excluded``, and ``data:units`` and ``data:gone`` (in the data; gone since the design was locked).

A share is printed with all its digits, so it tells its denominator as well as its numerator: it rests on both. The
standard deviation of a two-valued column is √(p(1 − p)), so a row of the balance table tells how many have each value.
Bins of the score hold no small count and no small difference (``numerics.score_bins``), but add up to the arms.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

import numpy as np
import pandas as pd

from evaltool.gates._released_counts import ARMS, Released
from evaltool.numerics.disclosure import name_of
from evaltool.records.design import BalanceRow, Design, MatchSummary
from evaltool.records.estimate import Estimate
from evaltool.records.evidence import EstimateKey
from evaltool.records.ledger import LedgerEntry
from evaltool.records.panel import Panel

MATCHING_FIELDS: Mapping[str, tuple[str, ...]] = {
    "treated_submitted": ("submitted:treated",),
    "comparison_submitted": ("submitted:comparison",),
    "treated_matched": ("matched:treated",),
    "comparison_matched": ("matched:comparison",),
    "matched_share": ("submitted:treated", "matched:treated", "unmatched:treated"),
    "sets": ("matched:treated", "sets:complete"),
    "effective_n": ("matched:comparison",),
    "largest_weight_share": ("matched:comparison",),
    "common_support": ("submitted:treated", "support:inside", "support:outside"),
    "tied_units": ("ties:units",),
    "equidistant_choices": ("ties:choices",),
    "bins": ("bins",),
    "incomplete_sets": ("sets:incomplete", "sets:complete"),
}
"""Field of ``MatchSummary`` (or of its conventions) → the counts it tells."""
DONOR_FIELDS: Mapping[str, tuple[str, ...]] = {"donors": ("donors:in",), "excluded": ("donors:excluded",)}
"""Field of ``DonorSummary`` → the counts it tells."""
MATCHED_METHODS = "weighted."
WHOLE = 1e-6
"""How near a count worked out from a share must be to a whole number to be one."""


def left_out_name(entry: LedgerEntry) -> str:
    """The name of one entry of the ledger."""
    return name_of("left_out", entry.stage, entry.reason, entry.arm, entry.detail or "")


def left_out_counts(out: Released, design: Design) -> None:
    """Each entry of the design's ledger about units; those of an arm add up to all it dropped."""
    parts: dict[str, list[str]] = {}
    for entry in design.ledger.entries:
        if entry.what == "unit":
            name = left_out_name(entry)
            out.derive(name, out.counts.get(name, 0.0) + entry.count)
            parts.setdefault(name_of("dropped", entry.arm), []).append(name)
    for total, names in parts.items():
        out.relate(total, sorted(set(names)))


def matching_counts(
    out: Released, design: Design, estimates: Mapping[EstimateKey, Estimate], panel: Panel | None
) -> None:
    """Submitted, matched and unmatched by arm, support, ties, sets and two-valued covariates of a matched design."""
    facts = design.summary.matching
    if facts is None:
        return
    sizes = {
        "treated": (facts.treated_submitted, facts.treated_matched),
        "comparison": (facts.comparison_submitted, facts.comparison_matched),
    }
    for arm, (submitted, matched) in sizes.items():
        out.add(name_of("submitted", arm), submitted)
        out.derive(name_of("matched", arm), matched)
        out.relate(name_of("arm", arm), [name_of("matched", arm)])
        _rest(out, arm, "", matched)
        out.relate(name_of("unmatched", arm), [name_of("dropped", arm)])
    out.relate(name_of("all", "submitted"), [name_of("submitted", arm) for arm in ARMS])
    for key, estimate in estimates.items():
        suffix = f"@{key}"
        if estimate.method.startswith(MATCHED_METHODS) and name_of("arm", "treated") + suffix in out.counts:
            for arm in ARMS:
                _rest(out, arm, suffix, out.counts[name_of("arm", arm) + suffix])
    _support_and_sets(out, facts)
    for row in facts.balance:
        for part, count in _two_valued(row, facts, design, panel):
            out.derive(name_of("covariate", row.covariate, part), count)


def _rest(out: Released, arm: str, suffix: str, matched: float) -> None:
    """Units of an arm that are not in this matching: submitted less matched."""
    left = out.counts[name_of("submitted", arm)] - matched
    if left >= 0:
        out.derive(name_of("unmatched", arm) + suffix, left)
        out.relate(name_of("submitted", arm), [name_of("arm", arm) + suffix, name_of("unmatched", arm) + suffix])


def _support_and_sets(out: Released, facts: MatchSummary) -> None:
    """Treated inside and outside the others' scores; ties; sets complete or not, and how many units a set holds."""
    inside = round(facts.common_support * facts.treated_submitted)
    out.derive(name_of("support", "inside"), inside)
    out.derive(name_of("support", "outside"), facts.treated_submitted - inside)
    out.relate(name_of("submitted", "treated"), [name_of("support", "inside"), name_of("support", "outside")])
    out.add(name_of("ties", "units"), facts.tied_units)
    out.add(name_of("ties", "choices"), facts.equidistant_choices)
    for arm, sizes in (
        ("treated", [one.treated for one in facts.bins]),
        ("comparison", [one.comparison for one in facts.bins]),
    ):
        if sizes:  # all submitted, or the matched alone where few others are left
            out.derive(name_of("bins", arm), sum(sizes))
            out.relate_first(name_of("bins", arm), [[name_of("matched", arm)], [name_of("submitted", arm)]])
    incomplete = facts.conventions.get("incomplete_sets")
    if not isinstance(incomplete, int) or not 0 <= incomplete <= facts.treated_matched:
        return
    out.add(name_of("sets", "incomplete"), incomplete)
    out.derive(name_of("sets", "complete"), facts.treated_matched - incomplete)
    out.relate(name_of("matched", "treated"), [name_of("sets", "incomplete"), name_of("sets", "complete")])
    ratio = facts.conventions.get("ratio")
    if incomplete == 0 and facts.sets and isinstance(ratio, int):
        places = [name_of("sets", "place", place) for place in range(ratio)]
        for place in places:  # each place in the sets is filled once per treated unit
            out.derive(place, facts.treated_matched)
            out.relate(place, [name_of("matched", "treated")])
        out.relate(name_of("matched", "comparison"), places)


def _two_valued(
    row: BalanceRow, facts: MatchSummary, design: Design, panel: Panel | None
) -> Iterator[tuple[str, float]]:
    """Units with the rarer value of a two-valued column, by arm: before from the row itself, after from the data.

    The row tells p of the treated up to p ↔ 1 − p; of the figures for the others that this leaves, the smallest
    above zero counts.
    """
    if row.kind != "binary":
        return
    rare = (1.0 - math.sqrt(max(0.0, 1.0 - 4.0 * row.denominator**2))) / 2.0
    yield name_of("treated", "before"), float(round(rare * facts.treated_submitted))
    if row.smd_before is not None:
        shares = [p - row.smd_before * row.denominator for p in (rare, 1.0 - rare)]
        found = [_rarer(share * facts.comparison_submitted, facts.comparison_submitted) for share in shares]
        possible = [count for count in found if count is not None]
        yield name_of("comparison", "before"), min((c for c in possible if c > 0), default=0.0)
    if panel is None or design.weights is None or "unit" not in panel.frame:
        return
    once = panel.frame.drop_duplicates("unit")
    values = row.values(once)
    if values is None:
        return
    inside = design.weights.loc[design.weights["weight"] > 0.0]
    own = pd.Series(values, index=once["unit"]).reindex(inside["unit"]).to_numpy(dtype=np.float64)
    treated = inside["treated"].to_numpy(dtype=bool)
    for arm, members in (("treated", treated), ("comparison", ~treated)):
        _values, sizes = np.unique(own[members], return_counts=True)
        yield name_of(arm, "after"), float(np.min(sizes)) if len(sizes) > 1 else 0.0


def _rarer(count: float, of: int) -> float | None:
    """The smaller of a count and the rest; None when it is no possible count."""
    whole = round(count)
    return float(min(whole, of - whole)) if 0 <= whole <= of and abs(count - whole) <= WHOLE * max(1, of) else None


def donor_counts(out: Released, design: Design) -> None:
    """Donors, and units the plan left out of the pool."""
    facts = design.summary.donors
    if facts is None:
        return
    out.derive(name_of("donors", "in"), facts.donors)
    out.relate(name_of("donors", "in"), [name_of("arm", "comparison")])
    out.add(name_of("donors", "excluded"), facts.excluded)
    gone = sorted(name for name in out.counts if name.startswith("dropped:"))
    excluded = sorted(name for name in out.counts if name.startswith("left_out:design:excluded_donor:"))
    out.relate_first(name_of("donors", "excluded"), [excluded, gone])


def data_counts(out: Released, design: Design, panel: Panel) -> None:
    """Units in the data, which are those submitted, less those gone since the design was locked."""
    submitted, there = design.summary.submitted_units, panel.identity.units
    if not submitted or there > submitted:
        return
    total, data = name_of("all", "submitted"), name_of("data", "units")
    out.derive(data, there)
    if there == submitted:
        out.relate(data, [total])
        return
    gone = name_of("data", "gone")
    out.derive(gone, submitted - there)
    out.relate(total, [data, gone])
    out.relate(gone, sorted(name for name in out.counts if name.startswith("left_out:design:dropped_since_lock:")))
