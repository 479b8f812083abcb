"""What every weighting design does: read the units, refuse separation, fit weights, check them, keep the account."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from pydantic import Field, model_validator

from evaltool.designs._comparison import Comparison, Conventions, finish
from evaltool.designs.matching._score import fit_score
from evaltool.designs.matching._units import Units, units_of
from evaltool.errors import Fault, Place, RunError
from evaltool.numerics.balance import weighted_mean
from evaltool.numerics.weighting import Weighting
from evaltool.numerics.weighting_fit import How, fitted, powers
from evaltool.records.base import Record
from evaltool.records.design import Design
from evaltool.records.ledger import Ledger
from evaltool.records.panel import FloatArray
from evaltool.records.plugins import DesignRequest

BALANCED = 1e-8
"""Largest difference in means, in standard deviations, where a method promises none."""


class Covariates(Record):
    """The columns every weighting design needs."""

    covariates: tuple[str, ...] = Field(min_length=1)
    balance_terms: tuple[Literal["squares", "interactions"], ...] = ()
    """Products compared beside the covariates, before and after."""

    @model_validator(mode="after")
    def named_once(self) -> Covariates:
        """Refuse a column named twice."""
        if len(set(self.covariates)) != len(self.covariates):
            message = f"a column is named twice among {', '.join(self.covariates)}"
            raise ValueError(message)
        return self


@dataclass(frozen=True, slots=True)
class Plan:
    """A weighting design's name, options, how to weight, the largest difference in means it promises, and its words."""

    name: str
    options: Covariates
    how: How
    promised: float | None
    words: Conventions
    own_score: bool = False


def weigh(plan: Plan, request: DesignRequest) -> Design:
    """The weights, balance and account. Raises RunError: as ``units_of``, RUN_SEPARATION or RUN_NO_BALANCE."""
    units = units_of(request.panel, plan.options.covariates)
    score = fit_score(units.x, units.names, units.treated)
    found = fitted(units.x, units.names, units.treated, plan.how)
    _check(plan, units, found)
    how = plan.how
    renamed = None if how.trim is None else f"{how.target} with weights trimmed at quantile {how.trim:g}"
    conventions: Conventions = {
        **plan.words,
        "weighting": how.kind,
        "target": how.target,
        "moments": how.moments,
        "stabilised": how.stabilised,
        "trim": how.trim,
        "covariates": ", ".join(units.names),
        "score_steps": score.steps,
        "weight_steps": found.steps,
    }
    made = Comparison(
        units=units,
        score=found.probability if plan.own_score else score.probability,
        scale="probability",
        target=how.target,
        weight=found.weights,
        sets=np.zeros(len(units.ids), dtype=np.int64),
        tie=np.arange(len(units.ids), dtype=np.int64),
        conventions=conventions,
        estimand=renamed or how.target,
    )
    return finish(plan.name, plan.options, made, Ledger())


def _check(plan: Plan, units: Units, found: Weighting) -> None:
    """Weights finite and not negative, equations solved, and the balance that was promised. Raises RunError."""
    weights = found.weights
    broken = []
    if not bool(np.all(np.isfinite(weights))) or float(np.min(weights)) < 0.0:
        broken.append("a weight is negative or not finite")
    elif plan.promised is not None and (gap := _gap(plan.how, units, weights)) > plan.promised + BALANCED:
        broken.append(f"means differ by {gap:.3g} standard deviations, beyond {plan.promised:.3g}")
    if broken:
        raise RunError(
            Fault(
                code="RUN_PROMISE_BROKEN",
                cause=f"The weighting broke a promise: {broken[0]}.",
                fix="This is a fault of evaltool, not of the plan or the data: report it with the plan.",
                place=Place(key="design"),
            )
        )


def _gap(how: How, units: Units, weights: FloatArray) -> float:
    """Largest distance of a weighted group's mean from its goal's, in the goal group's standard deviations.

    Those of everybody where the goal is one unit, which has none.
    """
    treated = units.treated
    goal = {"ATT": treated, "ATC": ~treated}.get(how.target, np.ones_like(treated))
    columns, _ = powers(units.x, units.names, how.moments)
    gaps = []
    for column in columns.T:
        x = column - float(np.mean(column))
        own, other = (weighted_mean(x[arm], weights[arm]) for arm in (treated, ~treated))
        wanted = math.fsum(x[goal].tolist()) / int(np.sum(goal))
        sd = float(np.std(x[goal] if int(np.sum(goal)) > 1 else x, ddof=1)) or 1.0
        between = how.kind == "covariate_balancing"
        gaps.append((abs(own - other) if between else max(abs(own - wanted), abs(other - wanted))) / sd)
    return max(gaps)
