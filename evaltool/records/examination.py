"""What a difference-in-differences was put through besides its estimate: inference, trends, what is left out.

Effects are in the outcome's own unit and sign. What could not be made stands in ``absent`` under the name of its field,
with a stable key of the reason.
"""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from evaltool.records.base import Finite, Record, Text
from evaltool.records.plan.analysis import InferenceMethod

Status = Literal["usable", "doubtful", "unusable", "not_offered"]
HonestKind = Literal["relative_magnitudes", "smoothness"]


class InferenceRow(Record):
    """The headline under one method of inference.

    ``lower`` or ``upper`` is None where nothing on that side can be rejected. ``reason`` says why a status is not
    ``usable``; ``draws`` counts samples or assignments, ``enumerated`` says that they are all there are.
    """

    method: InferenceMethod
    effect: Finite | None = None
    se: Finite | None = None
    df: Finite | None = None
    p_value: Finite | None = None
    lower: Finite | None = None
    upper: Finite | None = None
    draws: int | None = None
    enumerated: bool = False
    status: Status
    reason: Text | None = None
    primary: bool = False

    @model_validator(mode="after")
    def says_why(self) -> Self:
        """Refuse a status that is not ``usable`` without its reason, and an answer of a method not offered."""
        if (self.status == "usable") == (self.reason is not None):
            message = f"inference by {self.method}: state a reason exactly where the method is not usable"
            raise ValueError(message)
        if self.status == "not_offered" and self.p_value is not None:
            message = f"inference by {self.method}: not offered, and yet a p-value"
            raise ValueError(message)
        return self


class ClusterFacts(Record):
    """What the choice between methods of inference rests on."""

    clusters: int = Field(ge=1)
    treated: int = Field(ge=0)
    comparison: int = Field(ge=0)
    largest_share: Finite
    """Largest share of one arm's weight in one cluster."""
    largest_treated_share: Finite
    effective: Finite
    """Effective number of clusters (Carter, Schnepel & Steigerwald 2017)."""
    largest_leverage: Finite
    """Largest share of a coefficient's design in one cluster; 1 means that it decides alone."""


class Trend(Record):
    """The joint test before the start and what it can see (Roth 2022). It never passes or fails anything."""

    periods: int
    p_value: Finite | None
    power: Finite
    """The power for which the slopes are found."""
    joint_slope: Finite
    """Slope per period that the joint test finds with that power, in the outcome's unit."""
    any_slope: Finite
    """The same for "some coefficient is significant"."""


class BandPoint(Record):
    """Ends of the simultaneous band at one event time."""

    element: int
    lower: Finite
    upper: Finite


class HonestPoint(Record):
    """The robust interval for one bound on how trends may differ."""

    bound: Finite
    lower: Finite
    upper: Finite


class HonestResult(Record):
    """Robust intervals and breakdown values of one kind (Rambachan & Roth 2023)."""

    kind: HonestKind
    estimate: Finite
    is_headline: bool
    """Whether the target is the headline effect; otherwise the mean over event times."""
    points: tuple[HonestPoint, ...]
    threshold: Finite | None = None
    """First payment threshold as an effect; None where nothing is paid on one."""
    zero_breakdown: Finite | None = None
    """Smallest bound whose interval holds zero; None: none up to ``searched_to``."""
    threshold_breakdown: Finite | None = None
    """Smallest bound whose interval holds the threshold."""
    point_breakdown: Finite | None = None
    """Smallest bound under which the point estimate, moved by the largest deviation allowed, meets the threshold."""
    searched_to: Finite = 0.0


class BaconPart(Record):
    """One comparison that a two-way fixed-effects coefficient is made of."""

    treated: Text
    comparison: Text
    kind: Text
    weight: Finite
    estimate: Finite


class BaconResult(Record):
    """The decomposition; ``coefficient`` is computed without it (Goodman-Bacon 2021)."""

    coefficient: Finite
    parts: tuple[BaconPart, ...]
    forbidden: Finite
    """Weight on comparisons with units already treated."""


class Refit(Record):
    """The headline estimated again with something changed."""

    label: Text
    start: int | None = None
    """First treated period of a cohort, or the pretended one."""
    att: Finite | None
    """None where it could not be estimated."""
    lower: Finite | None = None
    upper: Finite | None = None
    p_value: Finite | None = None


class PlaceboGroups(Record):
    """Starts pretended among clusters that never start, everybody else left out."""

    draws: int
    seed: int
    spread: Finite
    """Root mean square of the effects."""
    largest: Finite
    """Largest size of an effect."""
    share_as_large: Finite
    """Share of effects at least as large as the headline, the headline counted."""


class LeftOut(Record):
    """The headline without one cluster at a time."""

    effects: tuple[Finite, ...]
    """In order of the clusters' ids."""
    impossible: int = 0
    """Clusters without which nothing can be estimated; they have no entry in ``effects``."""
    how: Literal["exact", "refitted", "influence"]
    """Computed from sums, estimated again, or first-order from influence values."""


class CohortTiming(Record):
    """One cohort's place in time: how many of its rows each period holds, of how many units."""

    label: Text
    start: int | None
    units: int
    rows: tuple[int, ...]


class Examination(Record):
    """Everything a headline by difference-in-differences was put through."""

    periods: tuple[Text, ...]
    cohorts: tuple[CohortTiming, ...]
    first_treated: tuple[int | None, ...]
    """Index into ``periods`` of each cohort's start; None: never, or not within them."""
    facts: ClusterFacts | None = None
    inference: tuple[InferenceRow, ...] = ()
    rule: Text = "stated"
    """How the primary method was named: ``stated``, or ``rule N`` for the N-th ``[[inference.rule]]``."""
    trend: Trend | None = None
    band: tuple[BandPoint, ...] = ()
    band_critical: Finite | None = None
    honest: tuple[HonestResult, ...] = ()
    bacon: BaconResult | None = None
    placebo_dates: tuple[Refit, ...] = ()
    placebo_groups: PlaceboGroups | None = None
    without_cluster: LeftOut | None = None
    without_cohort: tuple[Refit, ...] = ()
    absent: dict[str, Text] = Field(default_factory=dict)

    @property
    def primary(self) -> InferenceRow | None:
        """The row of the agreed method."""
        return next((row for row in self.inference if row.primary), None)
