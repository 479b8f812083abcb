"""``[design.options]`` of ``matching.nearest``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, Self

from pydantic import Field, model_validator

from evaltool.designs.matching._score import CaliperSd
from evaltool.numerics.matching import Order
from evaltool.records.base import Exact, Record

SCORES = ("logit", "probit")
"""Distances that are differences of a score."""


class NearestOptions(Record):
    """``[design.options]`` of ``matching.nearest``."""

    covariates: tuple[str, ...] = Field(min_length=1)
    """Columns the score is fitted on."""
    balance_terms: tuple[Literal["squares", "interactions"], ...] = ()
    """Products compared beside the covariates, before and after."""
    estimand: Literal["ATT", "ATC", "ATE"] = "ATT"
    """``ATE`` (with replacement): everybody is matched with the other group."""
    distance: Literal["logit", "probit", "mahalanobis", "robust_mahalanobis", "scaled_euclidean"] = "logit"
    """A difference of scores (logit or probit), or a distance on several columns."""
    match_on: tuple[str, ...] = ()
    """Columns a distance on several columns is made of; the covariates when absent."""
    scale: Literal["probability", "linear"] = "probability"
    ratio: int = Field(default=1, ge=1, le=100)
    min_ratio: int | None = Field(default=None, ge=1, le=100)
    """With ``max_ratio``: ``ratio`` is the mean, and low scores get more matches than high ones."""
    max_ratio: int | None = Field(default=None, ge=2, le=100)
    replace: bool = False
    caliper: Exact | None = Field(default=None, gt=0)
    """Largest distance, in standard deviations of the score."""
    caliper_sd: CaliperSd = "overall"
    calipers: dict[str, Exact] = Field(default_factory=dict)
    """Largest difference in single columns, each in the column's own unit."""
    exact: tuple[str, ...] = ()
    """Columns that must be equal within a matched set."""
    anti_exact: tuple[str, ...] = ()
    """Columns that must differ within a pair."""
    support: Literal["all", "both", "treated", "comparison"] = "all"
    """Whose scores must lie in the range of the other group's: nobody's, everybody's, or those of one group."""
    order: Order = "largest"
    tie_order: str | None = None
    """Column that puts units with equal scores in order (smaller first), every value once; the id when absent."""
    unmatched_treated: Literal["rename", "refuse"] = "rename"
    """Whether treated units without a match rename the estimand or stop the run."""

    @model_validator(mode="after")
    def nothing_is_ignored(self) -> Self:
        """Refuse options that would have no effect, and columns named twice."""
        for message in (*self._without_effect(), *self._badly_stated()):
            raise ValueError(message)
        return self

    def _without_effect(self) -> Iterator[str]:
        """What is stated and would be ignored."""
        given = self.model_fields_set
        if self.replace and (self.tie_order is not None or "order" in given):
            yield "with replacement all ties are averaged: order and tie_order have no effect, leave them out"
        if self.caliper is None and "caliper_sd" in given:
            yield "caliper_sd has no effect without a caliper"
        if self.match_on and self.distance in SCORES:
            yield f"match_on has no effect when the distance is a {self.distance} score"
        if (self.min_ratio is not None or self.max_ratio is not None) and self.replace:
            yield "with replacement the number of matches does not vary: leave min_ratio and max_ratio out"

    def _badly_stated(self) -> Iterator[str]:
        """What contradicts itself."""
        narrowed = self.caliper is not None or self.calipers or self.exact or self.anti_exact or self.support != "all"
        if self.estimand == "ATE" and (not self.replace or narrowed):
            yield "for the ATE everybody is matched: replace = true, without calipers, exact columns or support"
        for columns in (self.covariates, self.exact, self.match_on, self.anti_exact):
            if len(set(columns)) != len(columns):
                yield f"a column is named twice among {', '.join(columns)}"
        if shared := sorted(set(self.exact) & {*self.anti_exact, *self.calipers}):
            yield f"{', '.join(shared)} must be equal within a set: no other rule for it can hold"
        if any(width <= 0 for width in self.calipers.values()):
            yield "a caliper must be above zero; columns that must be equal stand in exact"
        if self.min_ratio is not None and self.max_ratio is None:
            yield "min_ratio has no effect without max_ratio"
        if self.max_ratio is not None and not (self.min_ratio or 1) <= self.ratio < self.max_ratio:
            yield "ratio is the mean number of matches: it must be at least min_ratio and below max_ratio"
        if self.max_ratio is not None and self.ratio == 1:
            yield "ratio must be above 1 when the number of matches varies"
