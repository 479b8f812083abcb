"""What is measured and how.

``[[outcome]]``, ``[estimand]``, ``[design]``, ``[estimator]``, ``[inference]``, ``[[gate]]``, ``[[fallback]]`` and
``[[sensitivity]]``.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Annotated, Literal, Self

from pydantic import Field, NonNegativeInt, model_validator
from typing_extensions import TypeAliasType

from evaltool.records.base import Agreed, Day, Record, Slug, Text, Words

Option = TypeAliasType("Option", "bool | int | Decimal | str | date | tuple[Option, ...] | dict[str, Option] | None")
Options = dict[str, Option]
"""The free-form part of a plan; each plug-in validates its own with its own strict model."""


class Outcome(Record):
    """``[[outcome]]``: one outcome metric, defined so that two people would measure it alike."""

    id: Slug
    title: Words
    definition: Words = Words()
    direction: Literal["increase", "decrease"]
    """Which way is better for people."""
    kind: Literal["binary", "count", "mean", "rate", "money", "time_to_event"]
    unit: Words
    """Unit of measure in words, such as "days per pupil and month"."""
    window_from: Day
    window_to: Day
    matures_on: Day | None = None
    """First day on which the measurement is final; the end of the window when absent."""
    verifier: Text | None = None

    @property
    def mature_from(self) -> date:
        """First day on which the outcome may be used for a decision."""
        return self.matures_on or self.window_to


class Estimand(Record):
    """``[estimand]``: what the number is a number of."""

    target: Literal["ATT", "ATC", "ATE", "ATO", "ATM", "NONE"] = "ATT"
    """``NONE`` for measurements without a counterfactual."""
    outcome: Slug
    """The outcome of the headline estimate."""
    scale: Literal["absolute", "relative"] = "absolute"
    denominator: Literal["counterfactual", "baseline"] | None = None
    """Relative effects divide by the counterfactual mean of the treated, or by their last mean before the start."""
    aggregation: Literal["simple", "dynamic", "group", "calendar", "none"] = "simple"
    event_times: tuple[NonNegativeInt, NonNegativeInt] | None = None
    """First and last period since the start that the headline averages over; all when absent."""
    units: Literal["all", "comparable"] = "all"
    """``comparable``: agreed beforehand that treated units nobody can be compared with are left out."""
    weights: Literal["equal", "column"] | None = None
    """Whether units weigh equally or by the data's weight column; a plan whose data say otherwise is refused."""

    @model_validator(mode="after")
    def in_order(self) -> Self:
        """Refuse event times that end before they begin."""
        if self.event_times is not None and self.event_times[0] > self.event_times[1]:
            message = "event_times gives the first period since the start before the last"
            raise ValueError(message)
        return self


class Design(Record):
    """``[design]``: how it is settled who is compared with whom."""

    method: Text
    options: Options = Field(default_factory=dict)


class Estimator(Record):
    """``[estimator]``: the method of the headline estimate."""

    method: Text
    options: Options = Field(default_factory=dict)


InferenceMethod = Literal[
    "own",
    "hc1",
    "cr1",
    "cr2",
    "cr2_ik",
    "cr3",
    "two_way",
    "wild_bootstrap",
    "multiplier_bootstrap",
    "randomisation",
    "conley_taber",
    "ferman_pinto",
]
"""``own`` is the method's own standard error and test; the others belong to difference-in-differences, ``two_way`` (by
cluster and by period) to its regressions."""


class InferenceRule(Record):
    """``[[inference.rule]]``: another primary method where there are few clusters; the first rule that holds is used.

    A rule holds when any of its conditions does. Clusters are counted in the design, without outcomes.
    """

    use: InferenceMethod
    """The method that is primary then."""
    treated_below: int | None = Field(default=None, ge=1)
    """Fewer treated clusters than this."""
    comparison_below: int | None = Field(default=None, ge=1)
    """Fewer comparison clusters than this."""
    clusters_below: int | None = Field(default=None, ge=1)
    """Fewer clusters in all than this."""

    @model_validator(mode="after")
    def has_a_condition(self) -> Self:
        """Refuse a rule without a condition."""
        if self.treated_below is self.comparison_below is self.clusters_below is None:
            message = "a rule needs a condition: treated_below, comparison_below or clusters_below"
            raise ValueError(message)
        return self

    def holds(self, treated: int, comparison: int) -> bool:
        """Whether one of the conditions is met."""
        counted = (
            (self.treated_below, treated),
            (self.comparison_below, comparison),
            (self.clusters_below, treated + comparison),
        )
        return any(limit is not None and count < limit for limit, count in counted)


class Inference(Record):
    """``[inference]``: the only place that states a confidence level."""

    level: Annotated[Agreed, Field(ge=Decimal("0.5"), le=Decimal("0.9999"))] = Decimal("0.95")
    sides: Literal["two", "one"] = "two"
    """``one``: the lower bound in the direction of good spends all of 1 − level."""
    cluster: Text | None = None
    """Column whose values are the clusters; the unit itself when absent."""
    seed: int = Field(default=1, ge=0)
    primary: InferenceMethod = "own"
    """Whose test, interval and p-value are the headline's; the report shows every method beside it."""
    rule: tuple[InferenceRule, ...] = ()
    """Other primary methods where there are few clusters; the first rule that holds is used."""

    @property
    def stated_methods(self) -> frozenset[str]:
        """Every method that may become the primary one."""
        return frozenset({self.primary, *(one.use for one in self.rule)})


class Gate(Record):
    """``[[gate]]``: a validity check this contract asks for, or an override of a default."""

    name: Text
    consequence: Literal["block", "review"] | None = None
    options: Options = Field(default_factory=dict)
    reason: Text | None = None
    """Why a default was changed; required as soon as options or the consequence differ from it."""
    signed_by: Text | None = None


class BlendPart(Record):
    """One of the estimates that are blended: ``primary`` or the id of a ``[[sensitivity]]``, and its weight."""

    specification: Slug
    weight: Annotated[Agreed, Field(gt=0, le=1)]


class Fallback(Record):
    """``[[fallback]]``: what was agreed to happen when a gate blocks."""

    on: tuple[Text, ...] = Field(min_length=1)
    """Reason codes."""
    action: Literal["hold", "pay_floor", "expert", "refuse", "other_estimator", "blend", "pooled_test", "fixed_rate"]
    """``hold``, ``expert`` and ``refuse`` leave the payment undecided (never NO_PAYMENT); ``pay_floor`` pays
    ``amount``; ``other_estimator`` decides on a pre-registered ``[[sensitivity]]``, ``blend`` on a weighted mean of
    several; ``pooled_test`` decides on the weighted mean of all cohorts; ``fixed_rate`` on the treated against an
    agreed counterfactual ``rate``."""
    amount: Annotated[Agreed, Field(ge=0)] | None = None
    """For ``pay_floor``."""
    specification: Slug | None = None
    """For ``other_estimator``: id of the ``[[sensitivity]]`` whose estimate is used instead."""
    blend: tuple[BlendPart, ...] = ()
    """For ``blend``: estimates and weights, which sum to one."""
    correlation: Annotated[Agreed, Field(ge=-1, le=1)] | None = None
    """For ``blend``: agreed correlation of the estimates; without it the covariance is computed where the methods
    give influence values, else one is used, which makes the standard error as large as it can be."""
    rate: Agreed | None = None
    """For ``fixed_rate``: the agreed mean outcome of the treated without the intervention."""


class Sensitivity(Record):
    """``[[sensitivity]]``: an alternative specification agreed beforehand."""

    id: Slug
    title: Words = Words()
    method: Text | None = None
    options: Options = Field(default_factory=dict)
    """Replaces the estimator options of the same name; the rest stays."""
    aggregation: Literal["simple", "dynamic", "group", "calendar", "none"] | None = None
