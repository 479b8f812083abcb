"""Stable balancing weights: the most even weights whose means are within a stated tolerance of the target's.

Estimand
    ``ATT``: comparison units are weighted towards the treated; ``ATC``: the other way round; ``ATE``: both towards all.

Equation as implemented
    Minimise Σ w² over w ≥ 0 with mean one in the weighted group and |mean(w x) − target mean| ≤ ``tolerance`` standard
    deviations (n − 1, of the target group) for every covariate. Solved exactly by active sets; the solution is unique
    and its optimality conditions are checked to 1e-9.

Uncertainty
    None here; the weights count as given.

Assumptions
    Treatment is as good as random given the covariates, measured before it; what imbalance is tolerated is small
    against the effect.

Refuses when
    As ``weighting.inverse_propensity``; and when no weights come within the tolerance (RUN_NO_BALANCE).

Source
    Zubizarreta 2015 (JASA 110), equation 1.

Reference implementation and agreed tolerance
    scipy's SLSQP on the same problem: objective 1e-8 relative, weights 1e-6.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from evaltool.designs.weighting._weigh import Covariates, Plan, weigh
from evaltool.numerics.weighting_fit import How
from evaltool.records.base import Exact
from evaltool.records.design import Design
from evaltool.records.plugins import DesignPlugin, DesignRequest

NAME = "weighting.stable"


class StableOptions(Covariates):
    """``[design.options]`` of ``weighting.stable``."""

    estimand: Literal["ATT", "ATC", "ATE"] = "ATT"
    tolerance: Exact = Field(ge=0, le=1)
    """Largest difference in means, in standard deviations of the target group; required, since it decides."""


def build(request: DesignRequest) -> Design:
    """The weighted units. Raises RunError with every fault found."""
    options = request.options
    if not isinstance(options, StableOptions):
        message = f"{NAME} was given {type(options).__name__}"
        raise TypeError(message)
    tolerance = float(options.tolerance)
    how = How(kind="stable", target=options.estimand, tolerance=tolerance)
    words = {"weights": "least squares under balance, average 1"}
    return weigh(Plan(NAME, options, how, tolerance, {**words, "tolerance": tolerance}), request)


PLUGIN = DesignPlugin(name=NAME, title="Stable balancing weights", options=StableOptions, build=build)
