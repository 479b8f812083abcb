"""A difference-in-differences as arrays: what its inference and its examination are computed from."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from evaltool.numerics.cluster_methods import Changes
from evaltool.numerics.distinct import distinct
from evaltool.numerics.few_clusters import cluster_sizes
from evaltool.numerics.group_time import ControlGroup
from evaltool.numerics.inference import Floats, Ints
from evaltool.numerics.relabelled import Aggregation, Pieces, Recipe, effects, pieces_of, real
from evaltool.records.design import Design
from evaltool.records.estimate import Estimate
from evaltool.records.examination import ClusterFacts
from evaltool.records.panel import Panel
from evaltool.records.plan.evaluation_plan import EvaluationPlan

SAME = 1e-8
"""Two computations of one effect agree within this share of it (or of its standard error)."""
CONTROLS: tuple[ControlGroup, ...] = ("not_yet_treated", "never_treated")
AGGREGATIONS: tuple[Aggregation, ...] = ("simple", "group", "calendar", "dynamic")


@dataclass(frozen=True, eq=False)
class Studied:
    """An estimate by difference-in-differences, its panel and design, and how to estimate again on another panel."""

    plan: EvaluationPlan
    panel: Panel
    design: Design
    estimate: Estimate
    refit: Callable[[Panel], Estimate]

    @cached_property
    def anticipation(self) -> int:
        """Periods before the start in which an effect is allowed for."""
        stated = self.estimate.conventions.get("anticipation", 0)
        return stated if isinstance(stated, int) else 0

    @cached_property
    def frame(self) -> pd.DataFrame:
        """Rows of the units that take part and were ever seen untreated."""
        frame = self.panel.frame
        if self.design.roster is not None:
            frame = frame.loc[frame["unit"].isin(self.design.roster["unit"])]
        return frame.loc[frame["first_treated"] > self.panel.periods[0] + self.anticipation]

    @cached_property
    def periods(self) -> Floats:
        """(T,) periods of the data."""
        return np.array(self.panel.periods, dtype=np.float64)

    @cached_property
    def units(self) -> pd.DataFrame:
        """One row per unit, in canonical order."""
        return self.frame.drop_duplicates("unit")

    @cached_property
    def starts(self) -> Floats:
        """(units,) starts; infinite for those that do not start within the data."""
        start = self.units["first_treated"].to_numpy(dtype=np.float64)
        return np.where(start > self.periods[-1] + self.anticipation, np.inf, start)

    @cached_property
    def weights(self) -> Floats:
        """(units,) unit weights."""
        units = self.units
        return units["weight"].to_numpy(dtype=np.float64) if "weight" in units else np.ones(len(units))

    @cached_property
    def clusters(self) -> Ints:
        """(units,) cluster codes 0 … G − 1; the unit itself where the plan names no clusters."""
        named = self.plan.inference.cluster is not None and "cluster" in self.units
        return pd.factorize(self.units["cluster" if named else "unit"], sort=True)[0].astype(np.int64)

    @property
    def count(self) -> int:
        """Number of clusters."""
        return int(self.clusters.max()) + 1

    @cached_property
    def outcomes(self) -> Floats | None:
        """(units, T) outcomes; None where a unit lacks a period."""
        if len(self.frame) != len(self.units) * len(self.periods):
            return None
        values = self.frame[f"y.{self.estimate.key.outcome}"].to_numpy(dtype=np.float64)
        return values.reshape(-1, len(self.periods)) if bool(np.all(np.isfinite(values))) else None

    @cached_property
    def influence(self) -> Floats | None:
        """(units,) influence values, where the method gives one for each unit."""
        found = self.estimate.influence
        return found if found is not None and len(found) == len(self.units) else None

    def same(self, value: float) -> bool:
        """Whether a value is the estimate, computed another way."""
        scale = max(abs(self.estimate.att), self.estimate.se or 0.0)
        return math.isfinite(value) and abs(value - self.estimate.att) <= SAME * scale

    @cached_property
    def treated(self) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
        """(units,) whether a unit starts; without anybody who never does, the last cohort is the comparison."""
        found: np.ndarray[tuple[int, ...], np.dtype[np.bool_]] = self.starts < np.max(self.starts)
        return found

    @cached_property
    def facts(self) -> ClusterFacts | None:
        """Numbers of clusters, shares, leverage; None where an arm is empty."""
        arm, w = self.treated, self.weights
        if not (bool(arm.any()) and bool((~arm).any()) and bool(np.all(w > 0.0))):
            return None
        found = cluster_sizes(self.clusters, w, arm)
        centred = arm.astype(np.float64) - float(w @ arm) / float(np.sum(w))
        leverage = np.bincount(self.clusters, weights=w * centred**2)
        return ClusterFacts(
            clusters=self.count,
            treated=found.treated,
            comparison=found.comparison or 0,
            largest_share=found.largest_share,
            largest_treated_share=found.largest_treated_share,
            effective=found.effective,
            largest_leverage=float(np.max(leverage) / np.sum(leverage)),
        )

    @cached_property
    def changes(self) -> Changes | None:
        """Changes of units whose difference in means is the estimate; None where it is no such difference."""
        starts = distinct(self.starts[np.isfinite(self.starts)])
        if self.outcomes is None or starts.shape[0] != 1 or not bool(np.any(np.isinf(self.starts))):
            return None
        first = int(np.searchsorted(self.periods, starts[0]))
        base = int(np.searchsorted(self.periods, starts[0] - self.anticipation)) - 1
        after = self.outcomes[:, first:].mean(axis=1)
        for before in (self.outcomes[:, base], self.outcomes[:, :first].mean(axis=1)):
            found = Changes(after - before, self.weights, self.clusters, np.isfinite(self.starts).astype(np.float64))
            if self.same(float(found.fit().coefficients[1])):
                return found
        return None

    @cached_property
    def pieces(self) -> tuple[Pieces, Recipe] | None:
        """Sums by cluster and cohort, and the average that is the estimate; None where it is no such average."""
        if self.outcomes is None:
            return None
        starts = distinct(self.starts)
        cohort = np.searchsorted(starts, self.starts).astype(np.int64)
        sums = pieces_of(self.outcomes, self.weights, cohort, self.clusters)
        pieces = Pieces(*sums, tuple(starts.tolist()), tuple(self.periods.tolist()))
        for control in CONTROLS:
            for aggregation in AGGREGATIONS:
                recipe = Recipe(control, self.anticipation, aggregation)
                if self._is(pieces, recipe):
                    return pieces, recipe
        return None

    def _is(self, pieces: Pieces, recipe: Recipe) -> bool:
        """Whether the average is the estimate."""
        if recipe.control == "never_treated" and not np.isinf(pieces.starts[-1]):
            return False
        return self.same(float(effects(pieces, recipe, real(pieces))[0][0]))
