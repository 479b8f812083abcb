"""Subclassification: the score is cut at its quantiles, and units are compared within subclasses.

Estimand
    ``ATT``, ``ATC`` or ``ATE``, as stated; nobody is left out.

Equation as implemented
    Logit score of treatment on a constant and the covariates, cut at ``subclasses`` equal quantiles (linear
    interpolation) of the target group's scores (all scores for the ATE). A subclass with fewer than ``fewest`` of a
    group takes the nearest of them from a neighbouring subclass. Weights by stratum as in ``matching.exact``: marginal
    mean weights.

Uncertainty
    None here; see the estimator.

Assumptions
    Treatment is as good as random given the covariates, measured before it; within a subclass scores differ little.

Refuses when
    As ``matching.nearest``; and when a group has too few units to fill every subclass.

Source
    Rosenbaum & Rubin 1984 (JASA 79); Hong 2010 (Journal of Educational and Behavioral Statistics 35) (weights).

Reference implementation and agreed tolerance
    R MatchIt 4.7.1 on LaLonde: the same subclasses, effects and standard errors 1e-8 relative.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from evaltool.designs._comparison import Conventions
from evaltool.designs.matching._score import fit_score
from evaltool.designs.matching._strata import Strata, stratified
from evaltool.designs.matching._units import units_of
from evaltool.designs.weighting._weigh import Covariates
from evaltool.errors import Fault, Place, RunError
from evaltool.numerics.strata import subclasses
from evaltool.records.design import Design
from evaltool.records.plugins import DesignPlugin, DesignRequest

NAME = "matching.subclass"


class SubclassOptions(Covariates):
    """``[design.options]`` of ``matching.subclass``."""

    estimand: Literal["ATT", "ATC", "ATE"] = "ATT"
    subclasses: int = Field(default=6, ge=2, le=1000)
    fewest: int = Field(default=1, ge=1, le=1000)
    """Units of each group that every subclass holds."""
    tie_order: str | None = None
    """Column that puts units with equal scores in order, every value once; the id when absent."""


def build(request: DesignRequest) -> Design:
    """The subclasses, weights and balance. Raises RunError with every fault found."""
    options = request.options
    if not isinstance(options, SubclassOptions):
        message = f"{NAME} was given {type(options).__name__}"
        raise TypeError(message)
    units = units_of(request.panel, options.covariates, (), options.tie_order)
    score = fit_score(units.x, options.covariates, units.treated)
    choice = (options.subclasses, options.fewest, units.rank)
    try:
        codes = subclasses(score.probability, units.treated, options.estimand, choice)
    except ValueError as error:
        fix = "Ask for fewer subclasses, or for fewer units in each."
        place = Place(key="design.options.subclasses")
        raise RunError(Fault("RUN_NO_MATCH", f"A group is too small: {error}.", fix, place)) from None
    words: Conventions = {
        "distance": "logit propensity score, quantiles",
        "subclasses": options.subclasses,
        "fewest": options.fewest,
    }
    strata = Strata(units, codes, score.probability, options.estimand, words, refuse=False)
    return stratified(NAME, options, strata)


PLUGIN = DesignPlugin(name=NAME, title="Subclassification on a propensity score", options=SubclassOptions, build=build)
