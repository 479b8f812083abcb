"""The donor pool of one treated unit: who may stand in for it, settled without outcomes of the treated time.

Estimand
    None; it settles who is compared with whom.

Equation as implemented
    The treated unit is the one whose first treated period lies within the data (with ``several``, all of them). Donors
    are all units that never start within the data, or those named in ``donors``, less those named in ``exclude`` and
    ``exclusions``, which also says why (a neighbour that is affected too, a unit with a shock of its own), and less
    those whose ``validity`` does not cover every period of the data (weights need them all): a unit that is affected or
    measured anew from a date on cannot stand in past it. Excluded units are counted in the ledger, by reason.

Uncertainty
    None.

Assumptions
    Donors are not affected by the treatment and could be alike; reasons to exclude one were known before its outcomes.

Refuses when
    There are no units, periods and starts; nobody, or without ``several`` more than one unit, is treated; the first
    start has fewer than two periods before it; fewer than two donors remain; a named unit is not in the data, or is
    treated and named as a donor; a unit lacks a period; a validity names a period that is not in the data.

Source
    Abadie, Diamond & Hainmueller 2010 (JASA 105), section 2.1; Abadie 2021 (Journal of Economic Literature 59),
    section 5 (donor pool).

Reference implementation and agreed tolerance
    R Synth 1.1.8, ``dataprep(controls.identifier = …)``. Exact.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

import numpy as np
import pandas as pd
from pydantic import model_validator

from evaltool.designs._roster import cohorts_of, design_seal, unit_table
from evaltool.errors import Fault, Place, RunError, did_you_mean
from evaltool.records.base import Record, Text
from evaltool.records.design import Design, DesignSummary, DonorSummary
from evaltool.records.ledger import Ledger, LedgerEntry
from evaltool.records.panel import Panel
from evaltool.records.plugins import DesignPlugin, DesignRequest

NAME = "donors.pool"
FEWEST_DONORS = 2
FEWEST_BEFORE = 2
MEMBERS = 1000
NAMED = 5
Bools = np.ndarray[tuple[int, ...], np.dtype[np.bool_]]


class Exclusion(Record):
    """A unit that may not serve, and why."""

    unit: Text
    reason: Text


class Validity(Record):
    """From and until which period, as the data name them, a donor may serve; both ends count, absent ones are open."""

    unit: Text
    valid_from: int | str | None = None
    valid_until: int | str | None = None
    reason: Text

    @model_validator(mode="after")
    def has_an_end(self) -> Self:
        """Refuse a validity that limits nothing."""
        if self.valid_from is None and self.valid_until is None:
            message = f"the validity of {self.unit} states neither valid_from nor valid_until"
            raise ValueError(message)
        return self

    def covers(self, labels: Sequence[str]) -> bool:
        """Whether every period lies within; ends that are no period of the data count as open, and are refused."""
        known = [str(end) for end in (self.valid_from, self.valid_until)]
        first = labels.index(known[0]) if known[0] in labels else 0
        last = labels.index(known[1]) if known[1] in labels else len(labels) - 1
        return first == 0 and last == len(labels) - 1

    def span(self) -> str:
        """For the ledger."""
        return f"valid from {self.valid_from or 'the first'} until {self.valid_until or 'the last'}: {self.reason}"


class PoolOptions(Record):
    """``[design.options]`` of ``donors.pool``. Units are named as their ids read."""

    donors: tuple[str, ...] = ()
    """The only units that may serve; everybody never treated when empty."""
    exclude: tuple[str, ...] = ()
    exclusions: tuple[Exclusion, ...] = ()
    """The same, with the reason of each."""
    validity: tuple[Validity, ...] = ()
    """Donors that may serve only from or until a period (a contamination date, a new way of measuring)."""
    several: bool = False
    """Whether more than one unit may be treated, each with a synthetic control of its own."""

    @model_validator(mode="after")
    def not_both(self) -> Self:
        """Refuse a unit that is named and excluded."""
        named = [*self.exclude, *(entry.unit for entry in self.exclusions)]
        if twice := sorted({name for name in named if named.count(name) > 1}):
            message = f"excluded twice: {', '.join(twice)}"
            raise ValueError(message)
        dated = [entry.unit for entry in self.validity]
        if again := sorted({name for name in dated if dated.count(name) > 1 or name in named}):
            message = f"validity stated twice, or of an excluded unit: {', '.join(again)}"
            raise ValueError(message)
        if both := sorted(set(self.donors) & set(named)):
            message = f"named as donor and excluded: {', '.join(both)}"
            raise ValueError(message)
        return self

    def reasons(self, labels: Sequence[str]) -> dict[str, str | None]:
        """Every excluded unit with its reason, where one is stated, for data with periods of these ``labels``."""
        found: dict[str, str | None] = dict.fromkeys(self.exclude)
        found |= {entry.unit: entry.reason for entry in self.exclusions}
        return found | {entry.unit: entry.span() for entry in self.validity if not entry.covers(labels)}


def build(request: DesignRequest) -> Design:
    """The roster of the treated unit and its donors. Raises RunError with every fault found."""
    options = request.options
    if not isinstance(options, PoolOptions):
        message = f"{NAME} was given {type(options).__name__}"
        raise TypeError(message)
    panel = _panel(request.panel)
    units = unit_table(panel)
    last = float(panel.periods[-1])
    start = units["first_treated"].to_numpy(dtype=np.float64)
    units["first_treated"] = np.where(start > last, np.inf, start)
    names = units["unit"].astype(str)
    labels = [panel.label(int(period)) for period in panel.periods]
    reasons = options.reasons(labels)
    excluded = names.isin(list(reasons)).to_numpy(dtype=bool)
    treated = np.isfinite(units["first_treated"].to_numpy(dtype=np.float64)) & ~excluded
    allowed = names.isin(options.donors).to_numpy(dtype=bool) if options.donors else np.ones(len(units), dtype=bool)
    kept = treated | (allowed & ~excluded)
    faults = [
        *_named_faults(names, options),
        *_validity_faults(names, np.isfinite(units["first_treated"].to_numpy(dtype=np.float64)), labels, options),
        *_treated_faults(names[treated], options),
        *_size_faults(panel, units, treated, kept, several=options.several),
        *_balance_faults(panel),
    ]
    if faults:
        raise RunError(faults)
    roster = units.loc[kept].reset_index(drop=True)
    first = int(units.loc[treated, "first_treated"].min())
    before = sum(1 for period in panel.periods if period < first)
    if before < FEWEST_BEFORE:
        raise _short_history(panel, first, before)
    summary = DesignSummary(
        method=NAME,
        comparison="donors",
        cohorts=cohorts_of(panel, roster, never="never"),
        periods=len(panel.periods),
        seal=design_seal(NAME, options, roster),
        submitted_units=len(units),
        analysed_units=len(roster),
        donors=DonorSummary(
            donors=len(roster) - int(np.sum(treated)),
            excluded=int(np.sum(~kept)),
            start=first,
            periods_before=before,
            periods_after=sum(1 for period in panel.periods if period >= first),
        ),
    )
    return Design(summary=summary, roster=roster, ledger=_ledger(names, kept, start <= last, reasons))


def _panel(panel: Panel | None) -> Panel:
    """A panel with units, periods and starts. Raises RunError (RUN_NEEDS_DATA)."""
    if panel is None or "first_treated" not in panel.frame or "period" not in panel.frame or panel.frame.empty:
        raise RunError(
            Fault(
                code="RUN_NEEDS_DATA",
                cause="A donor pool needs units, periods and the first treated period of each unit.",
                fix='Declare columns with the roles "unit", "time" and "first_treated".',
                place=Place(key="data.column"),
            )
        )
    return panel


def _named_faults(names: pd.Series[str], options: PoolOptions) -> list[Fault]:
    """Units named in the options that are not in the data."""
    known = sorted(set(names))
    return [
        Fault(
            code="RUN_UNKNOWN_DONOR",
            cause=f"The data have no unit '{name}'.",
            fix="Write the id as it stands in the data.",
            place=Place(key=f"design.options.{key}", unit=name),
            suggestion=did_you_mean(name, known),
        )
        for key, listed in (
            ("donors", options.donors),
            ("exclude", options.exclude),
            ("exclusions", tuple(entry.unit for entry in options.exclusions)),
            ("validity", tuple(entry.unit for entry in options.validity)),
        )
        for name in listed
        if name not in set(known)
    ]


def _validity_faults(names: pd.Series[str], treated: Bools, labels: list[str], options: PoolOptions) -> list[Fault]:
    """Periods that are not in the data, and a treated unit whose validity is stated."""
    place, faults = Place(key="design.options.validity"), []
    for entry in options.validity:
        for end in (entry.valid_from, entry.valid_until):
            if end is not None and str(end) not in labels:
                cause = f"The validity of '{entry.unit}' names {end}, which is no period of the data."
                fix = f"Write a period of the data ({labels[0]} to {labels[-1]}), or leave out an end beyond."
                faults.append(Fault("RUN_UNKNOWN_PERIOD", cause, fix, place, did_you_mean(str(end), labels)))
        if entry.unit in set(names[treated]):
            cause, fix = (
                f"'{entry.unit}' is treated within the data.",
                "A treated unit is no donor: take it off the list.",
            )
            faults.append(Fault("RUN_TREATED_DONOR", cause, fix, place))
    return faults


def _treated_faults(treated: pd.Series[str], options: PoolOptions) -> list[Fault]:
    """Treated units that are named as donors."""
    fix = "Take it off the list: a treated unit is no donor."
    place = Place(key="design.options.donors")
    listed = [name for name in options.donors if name in set(treated)]
    return [Fault("RUN_TREATED_DONOR", f"'{name}' is treated within the data.", fix, place) for name in listed]


def _size_faults(panel: Panel, units: pd.DataFrame, treated: Bools, kept: Bools, *, several: bool) -> list[Fault]:
    """Nobody treated, more than one where the plan does not foresee it, or too few donors."""
    faults = []
    count, donors = int(np.sum(treated)), int(np.sum(kept & ~treated))
    place = Place(key="data.column")
    if count == 0:
        fix = "Include the treated unit, with periods before and after its start."
        faults.append(Fault("RUN_NOBODY_TREATED", "No unit starts within the periods of the data.", fix, place))
    if count > 1 and not several:
        listed = [
            f"{unit} ({panel.label(int(g))})"
            for unit, g in units.loc[treated, ["unit", "first_treated"]].head(NAMED).itertuples(index=False)
        ]
        cause = (
            f"{count} units are treated ({', '.join(listed)}{', …' if count > NAMED else ''}); this needs exactly one."
        )
        fix = "State several = true in design.options, add them into one, exclude others, or use did.synthetic."
        faults.append(Fault("RUN_ONE_TREATED_UNIT", cause, fix, place))
    if donors < FEWEST_DONORS:
        cause = f"{donors} donors remain, and a synthetic control with placebos needs at least {FEWEST_DONORS}."
        faults.append(Fault("RUN_TOO_FEW_DONORS", cause, "Include more units that were never treated.", place))
    return faults


def _balance_faults(panel: Panel) -> list[Fault]:
    """Units that lack a period."""
    rows = panel.frame.groupby("unit", sort=False)["period"].size()
    short = rows.index[rows.to_numpy() != len(panel.periods)]
    if not len(short):
        return []
    named = ", ".join(str(unit) for unit in short[:NAMED]) + (", …" if len(short) > NAMED else "")
    cause = f"{len(short)} of {len(rows)} units are not observed in all {len(panel.periods)} periods ({named})."
    fix = 'State balance = "drop_unit" in [data], or complete the data.'
    return [Fault("RUN_UNBALANCED_PANEL", cause, fix, Place(key="data.balance"))]


def _short_history(panel: Panel, first: int, before: int) -> RunError:
    """The refusal when there is nothing to fit on."""
    return RunError(
        Fault(
            code="RUN_SHORT_HISTORY",
            cause=f"The treated unit starts in {panel.label(first)} with {before} periods before; two are needed.",
            fix="Include earlier periods.",
            place=Place(key="data.column"),
        )
    )


def _ledger(names: pd.Series[str], kept: Bools, started: Bools, stated: dict[str, str | None]) -> Ledger:
    """Excluded units by arm and reason."""
    entries = []
    reasons = [stated.get(name) or "left out of the donor pool by the plan" for name in names]
    for arm, own in (("treated", started), ("comparison", ~started)):
        for reason in dict.fromkeys(sorted(reasons)):
            members = tuple(names[~kept & own & np.array([one == reason for one in reasons])])
            if members:
                entries.append(
                    LedgerEntry(
                        stage="design",
                        reason="excluded_donor",
                        what="unit",
                        arm="treated" if arm == "treated" else "comparison",
                        count=len(members),
                        detail=reason,
                        members=members[:MEMBERS],
                    )
                )
    return Ledger().plus(*entries)


PLUGIN = DesignPlugin(name=NAME, title="Donor pool of one treated unit", options=PoolOptions, build=build)
