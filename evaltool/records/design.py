"""Who is compared with whom, settled without outcomes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import pandas as pd

from evaltool.records.base import Finite, Record, Slug, Text
from evaltool.records.ledger import Ledger
from evaltool.records.panel import FloatArray


class DesignCohort(Record):
    """Units that start in the same period (``start`` None: the comparison that never starts)."""

    label: Text
    start: int | None
    units: int
    weight: Finite
    """Sum of unit weights (people, when the weight column counts people)."""


TIMES = " × "
"""Joins two columns whose product is compared; a column with itself is its square."""


class BalanceRow(Record):
    """How alike treated and comparison units are in one covariate (or the score), before and after."""

    covariate: Text
    """A column, or two joined by ``TIMES`` where their product is compared."""
    kind: Literal["score", "continuous", "binary"]
    smd_before: Finite | None
    """Difference in means over ``denominator``; None when that is zero and the means differ."""
    smd_after: Finite | None
    denominator: Finite
    """What mean differences are divided by; the design's conventions say which (ATT: all treated before matching)."""
    variance_ratio_before: Finite | None
    """Treated over comparison; None for two-valued covariates."""
    variance_ratio_after: Finite | None
    ks_before: Finite
    ks_after: Finite
    mean_treated_before: Finite | None = None
    """Mean of all treated; None for the score and in records made before means were kept."""
    mean_comparison_before: Finite | None = None
    mean_treated_after: Finite | None = None
    mean_comparison_after: Finite | None = None
    """Weighted mean of the matched comparison units."""
    overlap_before: Finite | None = None
    """Overlap coefficient, 1 for the same distribution; None in records made before it was kept."""
    overlap_after: Finite | None = None

    def values(self, frame: pd.DataFrame) -> FloatArray | None:
        """(n,) the covariate or product on the rows of a panel's frame; None where a column is not there."""
        names = [self.covariate] if f"x.{self.covariate}" in frame else self.covariate.split(TIMES)
        if not all(f"x.{name}" in frame for name in names):
            return None
        columns = [frame[f"x.{name}"].to_numpy(dtype=np.float64) for name in names]
        return columns[0] if len(columns) == 1 else columns[0] * columns[1]


class ScoreBin(Record):
    """How many units score from ``lower`` to ``upper``; no count lies between 1 and 9, nor a difference of two."""

    lower: Finite
    upper: Finite
    treated: int
    treated_matched: int
    comparison: int
    comparison_matched: int


class MatchSummary(Record):
    """What matching reached: shares, sizes and balance, computed without outcomes."""

    estimand: Text
    """``ATT``, or ``ATT among the matched treated`` when treated units were left out."""
    treated_submitted: int
    treated_matched: int
    comparison_submitted: int
    comparison_matched: int
    matched_share: Finite
    """Share of the treated that found a match."""
    sets: int
    """Matched sets; 0 when comparison units may serve several treated units."""
    effective_n: Finite
    """Kish's effective number of matched comparison units."""
    largest_weight_share: Finite
    """Largest share of the comparison weight on one unit."""
    common_support: Finite
    """Share of all treated whose score lies within the range of the comparison units' scores."""
    caliper: Finite | None = None
    """Largest distance allowed, on the scale of the score."""
    caliper_sd: Finite | None = None
    """The standard deviation it is a multiple of."""
    largest_distance: Finite
    """Largest distance between any two matched units."""
    tied_units: int
    """Units whose matches depend on the tie order: equal score and stratum, unequal weight."""
    equidistant_choices: int
    """Choices between a unit below and a unit above at the same distance (the lower score was taken)."""
    conventions: dict[str, bool | int | Finite | str | None]
    """Every choice that changes who is matched: scale, caliper convention, order, tie order, rounding, …"""
    covariates: tuple[Text, ...]
    """Columns the score is fitted on, in the plan's order."""
    scale: Literal["probability", "linear"]
    balance: tuple[BalanceRow, ...]
    bins: tuple[ScoreBin, ...] = ()
    """Distribution of the scores, rising; empty where no bin would hold enough of everybody."""


class DonorSummary(Record):
    """Who may stand in for the treated unit, settled without outcomes of the treated time."""

    donors: int
    excluded: int
    start: int
    """First treated period."""
    periods_before: int
    periods_after: int


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
    matching: MatchSummary | None = None
    donors: DonorSummary | None = None

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

    Matching adds ``weights``, one row per submitted unit in canonical order: ``unit``, ``treated``, ``score``,
    ``weight`` (0: not matched; treated 1; comparison units average 1), ``set`` (1, 2, …; 0: none, or in several) and
    ``tie`` (units with the same code could stand in for each other); and ``pairs``: ``treated``, ``comparison``,
    ``distance``, ``set``. Weighting has weights alone (``set`` 0), strata have sets and no pairs. Optimal and
    full matching add ``potential`` to the weights: with the costs they prove that no other pairs are nearer
    (``numerics.assignment``, ``numerics.edge_cover``, ``numerics.limited_cover``).
    """

    summary: DesignSummary
    roster: pd.DataFrame | None = None
    ledger: Ledger = field(default_factory=Ledger)
    weights: pd.DataFrame | None = None
    pairs: pd.DataFrame | None = None
