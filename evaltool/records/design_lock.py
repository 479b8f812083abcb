"""A design sealed before outcomes were seen: its tables and the marks of what it was built from."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from evaltool.records.base import Finite, Json, Record, Slug, Text, plain, seal_of
from evaltool.records.design import DesignSummary
from evaltool.records.ledger import Ledger

Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Mark = Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]
"""First half of a sha256: what one unit's values were, without the values."""
UnitId = int | str
LATER = ("overlap_before", "overlap_after")
"""Fields of a balance row that locks of earlier versions do not have."""


class Whole(Record):
    """A column of whole numbers."""

    kind: Literal["whole"] = "whole"
    cells: tuple[int, ...]


class Real(Record):
    """A column of numbers; None is infinity (never treated)."""

    kind: Literal["real"] = "real"
    cells: tuple[Finite | None, ...]


class Written(Record):
    """A column of text."""

    kind: Literal["written"] = "written"
    cells: tuple[str, ...]


class Truth(Record):
    """A column of true and false."""

    kind: Literal["truth"] = "truth"
    cells: tuple[bool, ...]


LockedColumn = Annotated[Whole | Real | Written | Truth, Field(discriminator="kind")]
LockedTable = dict[str, LockedColumn]
"""Columns by name, all of one length."""


class LockedDesign(Record):
    """A design as it was built: everything ``records.design.Design`` holds."""

    summary: DesignSummary
    ledger: Ledger
    columns: tuple[tuple[Text, ...], ...]
    """Column names of roster, weights and pairs in their order, since a table's columns are stored by name."""
    roster: LockedTable | None
    weights: LockedTable | None
    pairs: LockedTable | None


class LockedUnits(Record):
    """What the units were when the design was locked, in canonical order; ids stay in the secure environment.

    ``marks`` holds, for every column named, one mark per unit: the start (``first_treated`` or ``treated``),
    ``weight``, ``cluster``, ``cohort``, covariates (``x.``) and outcomes (``y.``, hidden periods left out).
    """

    units: tuple[int, ...] | tuple[str, ...]
    starts: tuple[Text, ...]
    """When each unit starts: ``never``, the label of the period, or ``after`` the last period of the data."""
    hidden_from: tuple[Text, ...]
    """Label of the first period whose outcomes were hidden; ``nothing`` or ``everything``."""
    periods: tuple[Text, ...]
    marks: dict[str, tuple[Mark, ...]]


class DesignLock(Record):
    """``plan.design.lock``: a design sealed without outcomes. It holds unit ids and is evidence, never released."""

    kind: Literal["evaltool.design_lock"] = "evaltool.design_lock"
    schema_version: Literal[1] = 1
    plan: Slug
    version: Text
    plan_seal: Digest
    design: LockedDesign
    units: LockedUnits | None
    """None when the design reads no data."""
    outcomes_hidden: int = Field(ge=0)
    """Outcome values that stood in the file and were hidden from the design; 0 when they were not known yet."""
    seal: Digest
    """sha256 of the canonical JSON of everything above."""

    @property
    def own_seal(self) -> str:
        """The seal that belongs to the content."""
        return seal_of(_without_later({name: plain(value) for name, value in self if name != "seal"}))


def _without_later(value: Json) -> Json:
    """The content without what a later version added and this lock does not have, so that earlier seals stand."""
    if isinstance(value, dict):
        return {k: _without_later(one) for k, one in value.items() if not (k in LATER and one is None)}
    return [_without_later(one) for one in value] if isinstance(value, list) else value
