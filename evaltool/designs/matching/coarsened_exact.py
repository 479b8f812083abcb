"""Coarsened exact matching: covariates are cut into bins, and everybody in the same bins forms a stratum.

Estimand
    ``ATT``, ``ATC`` or ``ATE`` of those in strata that hold both groups; renamed when somebody of the target is left
    out.

Equation as implemented
    A column has a number of equal ``bins`` between its smallest and largest value, or ``cutpoints`` (a value on a cut
    point belongs above). Without, Sturges' number of bins, ⌈log₂ n + 1⌉. Weights as in
    ``matching.exact``. With ``pairs`` (ATT) every stratum has as many pairs as its smaller group has units, at the
    least total Mahalanobis distance (as in ``matching.optimal``: unique by tie order, with potentials that prove it),
    and everybody else is left out.

Uncertainty
    None here; see the estimator.

Assumptions
    Treatment is as good as random within strata; what is left of the covariates within a bin matters little.

Refuses when
    As ``matching.exact``; cut points are given for a column that is no covariate, or are not at least one; with
    ``pairs`` also as ``matching.optimal``.

Source
    Iacus, King & Porro 2012 (Political Analysis 20), section 3.

Reference implementation and agreed tolerance
    R MatchIt 4.7.1 on LaLonde: the same strata, effects and standard errors 1e-8 relative.
"""

from __future__ import annotations

from typing import Literal, Self

import numpy as np
from pydantic import Field, model_validator

from evaltool.designs._comparison import Conventions
from evaltool.designs.matching._nearest_options import NearestOptions
from evaltool.designs.matching._strata import Strata, share_treated, stratified
from evaltool.designs.matching._strata_pairs import paired
from evaltool.designs.matching._units import Units, units_of
from evaltool.designs.weighting._weigh import Covariates
from evaltool.numerics.strata import cut, numbered
from evaltool.records.base import Exact
from evaltool.records.design import Design
from evaltool.records.panel import IntArray
from evaltool.records.plugins import DesignPlugin, DesignRequest

NAME = "matching.coarsened_exact"


class CoarsenedExactOptions(Covariates):
    """``[design.options]`` of ``matching.coarsened_exact``."""

    estimand: Literal["ATT", "ATC", "ATE"] = "ATT"
    bins: dict[str, int] = Field(default_factory=dict)
    """Equal bins by column."""
    cutpoints: dict[str, tuple[Exact, ...]] = Field(default_factory=dict)
    """Cut points by column."""
    unmatched_treated: Literal["rename", "refuse"] = "rename"
    """Whether treated units without a match rename the estimand or stop the run."""
    pairs: bool = False
    """One treated with one comparison unit in each stratum, for the ATT."""
    tie_order: str | None = None
    """Column that decides between equally good pairs (smaller first), every value once; the id when absent."""

    @model_validator(mode="after")
    def cuts_are_of_covariates(self) -> Self:
        """Refuse cuts of other columns, cuts stated twice, and none at all."""
        for name in (*self.bins, *self.cutpoints):
            if name not in self.covariates:
                message = f"'{name}' is cut but is no covariate of the design"
                raise ValueError(message)
        if shared := sorted(set(self.bins) & set(self.cutpoints)):
            message = f"{', '.join(shared)} has both a number of bins and cut points"
            raise ValueError(message)
        if any(count < 1 for count in self.bins.values()) or any(not cuts for cuts in self.cutpoints.values()):
            message = "a column needs at least one bin, or one cut point"
            raise ValueError(message)
        if self.pairs and self.estimand != "ATT":
            message = "pairs within strata are for the ATT"
            raise ValueError(message)
        if self.tie_order is not None and not self.pairs:
            message = "tie_order has no effect without pairs"
            raise ValueError(message)
        return self


def build(request: DesignRequest) -> Design:
    """The strata, weights, balance and ledger. Raises RunError with every fault found."""
    options = request.options
    if not isinstance(options, CoarsenedExactOptions):
        message = f"{NAME} was given {type(options).__name__}"
        raise TypeError(message)
    units = units_of(request.panel, options.covariates, tie_order=options.tie_order)
    codes = _codes(units, options)
    cuts = [f"{name} {count} bins" for name, count in options.bins.items()]
    cuts += [f"{name} at {', '.join(map(str, points))}" for name, points in options.cutpoints.items()]
    words: Conventions = {"distance": "equal bins of the covariates", "cuts": "; ".join([*cuts, "else Sturges"])}
    if options.pairs:
        nearest = NearestOptions(
            covariates=options.covariates,
            distance="mahalanobis",
            match_on=tuple(name for name, x in zip(units.names, units.x.T, strict=True) if float(np.ptp(x)) > 0.0),
            tie_order=options.tie_order,
            unmatched_treated=options.unmatched_treated,
        )
        return paired(NAME, options, units, codes, nearest, words)
    strata = Strata(
        units=units,
        codes=codes,
        score=share_treated(codes, units.treated),
        target=options.estimand,
        words=words,
        refuse=options.unmatched_treated == "refuse",
    )
    return stratified(NAME, options, strata)


def _codes(units: Units, options: CoarsenedExactOptions) -> IntArray:
    """(n,) strata of equal bins."""
    columns = []
    for j, name in enumerate(units.names):
        points = options.cutpoints.get(name)
        rule = options.bins.get(name) if points is None else tuple(float(point) for point in points)
        columns.append(cut(units.x[:, j], rule))
    return numbered(np.column_stack(columns))


PLUGIN = DesignPlugin(name=NAME, title="Coarsened exact matching", options=CoarsenedExactOptions, build=build)
