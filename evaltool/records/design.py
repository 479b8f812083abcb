"""Who is compared with whom, settled without outcomes."""

from __future__ import annotations

from dataclasses import dataclass, field

import pandas as pd

from evaltool.records.base import Finite, Record, Slug, Text
from evaltool.records.ledger import Ledger


class DesignCohort(Record):
    """Units that start in the same period (``start`` None: the comparison that never starts)."""

    label: Text
    start: int | None
    units: int
    weight: Finite
    """Sum of unit weights (people, when the weight column counts people)."""


class DesignSummary(Record):
    """What a run keeps of a design. Unit ids stay in ``evidence/``."""

    method: Slug
    comparison: Text
    """Key of the comparison group in words: never_treated, not_yet_treated, none, published."""
    cohorts: tuple[DesignCohort, ...] = ()
    periods: int = 0
    seal: str
    """sha256 of method, options and roster."""
    submitted_units: int = 0
    analysed_units: int = 0

    @property
    def treated_units(self) -> int:
        """Units that start at some time."""
        return sum(c.units for c in self.cohorts if c.start is not None)

    @property
    def comparison_units(self) -> int:
        """Units that never start."""
        return sum(c.units for c in self.cohorts if c.start is None)


@dataclass(frozen=True, slots=True, eq=False)
class Design:
    """A design in use: its summary, the roster of units that take part and the ledger of those that do not.

    ``roster`` has columns ``unit``, ``first_treated`` (inf = never), ``weight``; sorted by unit. None for
    measurements without units (published estimates).
    """

    summary: DesignSummary
    roster: pd.DataFrame | None = None
    ledger: Ledger = field(default_factory=Ledger)
