"""Covariate balancing propensity scores: a logit fitted so that its weights make the groups alike.

Estimand
    ``ATT``, ``ATC``, ``ATE`` or ``ATO``, as stated; for the ATO the maximum likelihood logit balances already.

Equation as implemented
    e = 1/(1 + exp(−x'b)), w as in ``weighting.inverse_propensity``. Just-identified: Σ (2D − 1) w x = 0 for a constant
    and every covariate. ``over``: these and the likelihood's equations together, by GMM in two steps, the weighting
    matrix held at the just-identified solution.

Uncertainty
    None here; just-identified weights count as estimated (M-estimation), over-identified ones as given.

Assumptions
    As ``weighting.inverse_propensity``.

Refuses when
    As ``weighting.inverse_propensity``; and when the equations have no solution (RUN_NO_BALANCE).

Source
    Imai & Ratkovic 2014 (JRSS B 76), equations 2, 10 and 11.

Reference implementation and agreed tolerance
    R WeightIt 1.4.0 on LaLonde: just-identified weights 1e-9 relative; over-identified ones 1e-5, since its optimiser
    stops at a tolerance (our gradient is below 1e-10).
"""

from __future__ import annotations

from typing import Literal, Self

from pydantic import model_validator

from evaltool.designs.weighting._weigh import Covariates, Plan, weigh
from evaltool.numerics.weighting_fit import How
from evaltool.records.design import Design
from evaltool.records.plugins import DesignPlugin, DesignRequest

NAME = "weighting.covariate_balancing"


class CovariateBalancingOptions(Covariates):
    """``[design.options]`` of ``weighting.covariate_balancing``."""

    estimand: Literal["ATT", "ATC", "ATE", "ATO"] = "ATT"
    over: bool = False
    """Use the likelihood's equations too: balance is then near and not exact."""

    @model_validator(mode="after")
    def something_to_weigh_against(self) -> Self:
        """Refuse over-identified ATO scores: likelihood and balance are the same equations there."""
        if self.over and self.estimand == "ATO":
            message = "for the ATO likelihood and balance are the same equations: leave over out"
            raise ValueError(message)
        return self


def build(request: DesignRequest) -> Design:
    """The weighted units. Raises RunError with every fault found."""
    options = request.options
    if not isinstance(options, CovariateBalancingOptions):
        message = f"{NAME} was given {type(options).__name__}"
        raise TypeError(message)
    how = How(kind="over_identified" if options.over else "covariate_balancing", target=options.estimand)
    words = {"distance": "covariate balancing logit", "weights": "inverse of the balancing score"}
    return weigh(Plan(NAME, options, how, None if options.over else 0.0, {**words}, own_score=True), request)


PLUGIN = DesignPlugin(name=NAME, title="Covariate balancing scores", options=CovariateBalancingOptions, build=build)
