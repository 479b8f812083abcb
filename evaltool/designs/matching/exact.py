"""Exact matching: everybody with the same values of the covariates forms a stratum.

Estimand
    ``ATT``, ``ATC`` or ``ATE`` of those in strata that hold both groups; renamed when somebody of the target is left
    out.

Equation as implemented
    Strata of equal covariates. ATT: treated weigh 1, comparison units n₁/n₀ of their stratum, averaging 1; ATC the
    other way round; ATE (n₁ + n₀)/n of the own group, averaging 1 in each. The score shown is the stratum's share of
    treated.

Uncertainty
    None here; see the estimator.

Assumptions
    Treatment is as good as random within strata; covariates were measured before it.

Refuses when
    There is not one row per unit; an arm is empty; covariates are unknown or incomplete; unit weights differ; no
    stratum holds both groups; treated units are unmatched and the plan says ``unmatched_treated = "refuse"``.

Source
    Ho, Imai, King & Stuart 2007 (Political Analysis 15), section 4.

Reference implementation and agreed tolerance
    R MatchIt 4.7.1 on LaLonde: effect and standard error 1e-8 relative.
"""

from __future__ import annotations

from typing import Literal

from evaltool.designs.matching._strata import Strata, share_treated, stratified
from evaltool.designs.matching._units import units_of
from evaltool.designs.weighting._weigh import Covariates
from evaltool.numerics.strata import numbered
from evaltool.records.design import Design
from evaltool.records.plugins import DesignPlugin, DesignRequest

NAME = "matching.exact"


class ExactOptions(Covariates):
    """``[design.options]`` of ``matching.exact``."""

    estimand: Literal["ATT", "ATC", "ATE"] = "ATT"
    unmatched_treated: Literal["rename", "refuse"] = "rename"
    """Whether treated units without a match rename the estimand or stop the run."""


def build(request: DesignRequest) -> Design:
    """The strata, weights, balance and ledger. Raises RunError with every fault found."""
    options = request.options
    if not isinstance(options, ExactOptions):
        message = f"{NAME} was given {type(options).__name__}"
        raise TypeError(message)
    units = units_of(request.panel, options.covariates)
    codes = numbered(units.x + 0.0)
    strata = Strata(
        units=units,
        codes=codes,
        score=share_treated(codes, units.treated),
        target=options.estimand,
        words={"distance": "equal covariates"},
        refuse=options.unmatched_treated == "refuse",
    )
    return stratified(NAME, options, strata)


PLUGIN = DesignPlugin(name=NAME, title="Exact matching", options=ExactOptions, build=build)
