"""What a plug-in is: a frozen record named ``PLUGIN`` in a file named after the method.

``estimators/did/group_time.py`` holds ``PLUGIN.name == "did.group_time"``. The registry finds plug-ins by folder;
the conformance suite loads every one. Options arrive as the plug-in's own strict model, never as a dictionary.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Literal

from evaltool.numerics.regression_methods import HeadlineRegression
from evaltool.records.base import Record, Slug, Text, Words
from evaltool.records.design import Design
from evaltool.records.estimate import Estimate, SecondOpinion
from evaltool.records.evidence import EstimateKey
from evaltool.records.examination import Examination
from evaltool.records.gate import Consequence, GateResult
from evaltool.records.lock import LockStatus
from evaltool.records.panel import Panel
from evaltool.records.plan.analysis import Estimand, Inference, Outcome
from evaltool.records.plan.data import Role
from evaltool.records.plan.evaluation_plan import EvaluationPlan

Aggregation = Literal["simple", "dynamic", "group", "calendar", "none"]


class Capabilities(Record):
    """What a method needs and gives. Every refusal sentence and every NOT_APPLICABLE is written from this table."""

    family: Literal["did", "measured", "published", "weighted", "counterfactual"]
    title: Text
    kind: Literal["effect", "verified_count", "change"]
    needs: tuple[Role, ...]
    """Column roles without which the method cannot run; empty when it reads no data."""
    designs: tuple[Text, ...]
    """Design methods it accepts; the first is its default."""
    standard_error: Literal["always", "sometimes", "never"]
    covariates: bool = False
    weights: bool = False
    clusters: bool = False
    path: bool = False
    """Gives an event study with pre-periods (pre-trend gates apply)."""
    placebo_in_time: bool = False
    """Can be refitted with an earlier start on earlier data."""
    relative: bool = False
    per_cohort: bool = False
    """Gives one estimate per ``[[population.cohort]]``."""
    beside: bool = True
    """Quick enough to be computed beside an agreed method; else it is only when a plan asks for it."""
    aggregations: tuple[Aggregation, ...] = ("none",)
    event_times: bool = False
    """Can average its headline over stated event times."""
    minimum_treated: int = 1
    """The family's own minimum of treated units for the minimum-sample gate."""
    minimum_comparison: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class EstimationRequest:
    """Everything an estimator may use. ``panel`` is None only for methods that read no data."""

    key: EstimateKey
    outcome: Outcome
    estimand: Estimand
    inference: Inference
    options: Record
    design: Design
    panel: Panel | None


@dataclass(frozen=True, slots=True)
class EstimatorPlugin:
    """An estimator: options model, capabilities, the estimate, and an independent second computation."""

    name: str
    capabilities: Capabilities
    options: type[Record]
    estimate: Callable[[EstimationRequest], Estimate]
    second_opinion: Callable[[EstimationRequest], SecondOpinion] | None
    kind_of: Callable[[Record], Literal["effect", "verified_count", "change"]] | None = None
    """The kind of figure these options give, where it is not always that of the table of capabilities."""
    cohorts: Callable[[Record], frozenset[str]] | None = None
    """Cohorts for which the options hold a figure so far; None when every planned cohort is estimated from data."""
    regression: Callable[[EstimationRequest], HeadlineRegression | None] | None = None
    """The regression whose coefficients the headline averages, for methods that are one with these options."""


@dataclass(frozen=True, slots=True, eq=False)
class DesignRequest:
    """What a design builder may see: the plan's choices and a panel without outcomes of the treated time."""

    plan: EvaluationPlan
    options: Record
    panel: Panel | None


@dataclass(frozen=True, slots=True)
class DesignPlugin:
    """A design builder."""

    name: str
    title: str
    options: type[Record]
    build: Callable[[DesignRequest], Design]


@dataclass(frozen=True, slots=True, eq=False)
class GateContext:
    """Everything a gate may look at. ``refit`` estimates again on another panel with the primary's own options."""

    plan: EvaluationPlan
    options: Record
    consequence: Consequence
    overridden: bool
    as_of: date
    lock: LockStatus
    capabilities: Capabilities
    panel: Panel | None
    design: Design
    estimates: Mapping[EstimateKey, Estimate]
    headline: Estimate
    second_opinion: SecondOpinion | None
    thresholds: tuple[float, ...]
    """Payment thresholds for the headline outcome, in the direction of good on the estimand's scale; sorted."""
    refit: Callable[[Panel], Estimate] | None
    examination: Examination | None = None
    """What a headline by difference-in-differences was put through besides."""


@dataclass(frozen=True, slots=True)
class GatePlugin:
    """A validity check. ``applies`` returns None, or the one sentence (da, en) why it does not apply."""

    name: Slug
    order: int
    """Place in the gate table."""
    consequence: Consequence
    options: type[Record]
    default_on: bool
    """False for gates that run only when a contract names them."""
    source: Words
    """Where the default threshold comes from, in both report languages."""
    applies: Callable[[Capabilities, EvaluationPlan], tuple[str, str] | None]
    check: Callable[[GateContext], GateResult]
    families: tuple[str, ...] | None = None
    """Method families in whose gate table a default gate stands (None: all); elsewhere only a contract asks for it."""

    called_by: Callable[[EvaluationPlan], bool] | None = None
    """Whether a plan puts it into its gate table by what it states elsewhere (an event, an extreme selection)."""

    def stands_in(self, plan: EvaluationPlan, family: str) -> bool:
        """Whether the gate is asked in this plan without the contract naming it under ``[[gate]]``."""
        return self.expected(family) or (self.called_by is not None and self.called_by(plan))

    def expected(self, family: str) -> bool:
        """Whether a method of this family gets the gate without the contract naming it."""
        return self.default_on and (self.families is None or family in self.families)
