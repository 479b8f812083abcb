"""No comparison: the people served are measured, nobody is compared.

Estimand
    None; it lists who is measured.

Equation as implemented
    The roster is every unit in the data; without data it is empty. For a change (``measured.change``) it is the
    treated that have a period from their start on and, unless a target is agreed, one before it; the others stand in
    the ledger: ``not_treated``, ``outside_periods``, ``no_base_period``.

Uncertainty
    None.

Assumptions
    None about a counterfactual: there is none, and every report says so.

Refuses when
    Never.

Source
    Practice of outcomes contracts that pay for verified outcomes.

Reference implementation and agreed tolerance
    None needed.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Literal

import numpy as np
import pandas as pd

from evaltool.designs._roster import cohorts_of, design_seal, unit_table
from evaltool.records.base import Record
from evaltool.records.design import Design, DesignSummary
from evaltool.records.ledger import Ledger, LedgerEntry, LedgerReason
from evaltool.records.panel import Panel
from evaltool.records.plugins import DesignPlugin, DesignRequest

NAME = "groups.none"
CHANGE = "measured.change"
MEMBERS = 1000
"""Ids a ledger entry lists at most."""
Mask = np.ndarray[tuple[int, ...], np.dtype[np.bool_]]


class NoneOptions(Record):
    """``[design.options]`` of ``groups.none``: none."""


def build(request: DesignRequest) -> Design:
    """Everybody in the data, nobody compared."""
    panel = request.panel
    if panel is None:
        summary = DesignSummary(method=NAME, comparison="none", seal=design_seal(NAME, request.options, None))
        return Design(summary=summary)
    units = unit_table(panel)
    left_out = _left_out(request, panel, units) if request.plan.estimator.method == CHANGE else ()
    gone = np.any([mask for _reason, mask in left_out], axis=0) if left_out else np.zeros(len(units), dtype=np.bool_)
    if bool(np.all(gone)):
        left_out, gone = (), np.zeros(len(units), dtype=np.bool_)  # the method refuses: nobody can be measured
    roster = units.loc[~gone].reset_index(drop=True)
    summary = DesignSummary(
        method=NAME,
        comparison="none",
        cohorts=cohorts_of(panel, roster, never="all"),
        periods=len(panel.periods),
        seal=design_seal(NAME, request.options, roster),
        submitted_units=len(units),
        analysed_units=len(roster),
    )
    entries = [entry for reason, mask in left_out for entry in _entries(units, mask, reason)]
    return Design(summary=summary, roster=roster, ledger=Ledger().plus(*entries))


def _left_out(request: DesignRequest, panel: Panel, units: pd.DataFrame) -> tuple[tuple[LedgerReason, Mask], ...]:
    """Who has no change to measure: (reason, (unit) mask) without overlap."""
    frame = panel.frame
    start = units["first_treated"].to_numpy(dtype=np.float64)
    if "first_treated" not in frame or "period" not in frame:
        return (("not_treated", np.isinf(start)),) if "treated" in frame else ()
    options = request.plan.estimator.options
    wait = options.get("anticipation", 0)
    early = frame["period"] + (int(wait) if isinstance(wait, int | Decimal) else 0) < frame["first_treated"]
    late = frame["period"] >= frame["first_treated"]
    seen = pd.DataFrame({"unit": frame["unit"], "early": early, "late": late}).groupby("unit", sort=False).any()
    seen = seen.reindex(units["unit"])
    never = np.isinf(start)
    after = seen["late"].to_numpy(dtype=np.bool_)
    before = seen["early"].to_numpy(dtype=np.bool_) | (options.get("target") is not None)
    return (
        ("not_treated", never),
        ("outside_periods", ~never & ~after),
        ("no_base_period", ~never & after & ~before),
    )


def _entries(units: pd.DataFrame, mask: Mask, reason: LedgerReason) -> tuple[LedgerEntry, ...]:
    """One ledger entry for those left out for one reason, or none."""
    members = tuple(str(unit) for unit in units.loc[mask, "unit"])
    arm: Literal["treated", "comparison"] = "comparison" if reason == "not_treated" else "treated"
    if not members:
        return ()
    count = len(members)
    return (LedgerEntry(stage="design", reason=reason, what="unit", arm=arm, count=count, members=members[:MEMBERS]),)


PLUGIN = DesignPlugin(name=NAME, title="No comparison group", options=NoneOptions, build=build)
