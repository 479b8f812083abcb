"""Inverse propensity weights: every unit weighs what a score says of its chance to be in its group.

Estimand
    ``ATT``, ``ATC``, ``ATE``, ``ATO`` (the overlap population) or ``ATM`` (the evenly matched one), as stated. Trimmed
    weights serve another target and say so: ``ATE with weights trimmed at quantile 0.95``.

Equation as implemented
    e(x): maximum likelihood logit on a constant and the covariates. Weights of treated and comparison units: ATT 1 and
    e/(1 − e); ATC (1 − e)/e and 1; ATE 1/e and 1/(1 − e); ATO 1 − e and e; ATM min(e, 1 − e)/e and min(e, 1 − e)/(1 −
    e). ``stabilised`` multiplies by the group's share. ``trim`` q sets weights above their q-quantile (of the group
    that is weighted; of all for ATE, ATO, ATM) to it.

Uncertainty
    None here; the estimator counts the score as estimated (M-estimation) unless another standard error is asked for.

Assumptions
    Treatment is as good as random given the covariates, measured before it; the logit is right; both groups have units
    with comparable scores.

Refuses when
    There is not one row per unit; an arm is empty; covariates are unknown, incomplete, collinear or separate the
    groups; unit weights differ.

Source
    Hirano, Imbens & Ridder 2003 (Econometrica 71); Li, Morgan & Zaslavsky 2018 (JASA 113), table 1; Li & Greene 2013
    (International Journal of Biostatistics 9); Robins, Hernán & Brumback 2000 (Epidemiology 11) (stabilised).

Reference implementation and agreed tolerance
    R WeightIt 1.4.0 on LaLonde: weights 1e-6 relative (R's glm stops at 1e-8 of the deviance).
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from evaltool.designs.weighting._weigh import Covariates, Plan, weigh
from evaltool.numerics.weighting_fit import How
from evaltool.records.base import Exact
from evaltool.records.design import Design
from evaltool.records.plugins import DesignPlugin, DesignRequest

NAME = "weighting.inverse_propensity"


class InversePropensityOptions(Covariates):
    """``[design.options]`` of ``weighting.inverse_propensity``."""

    estimand: Literal["ATT", "ATC", "ATE", "ATO", "ATM"] = "ATT"
    stabilised: bool = False
    """Multiply each group's weights by its share; a difference in means is the same."""
    trim: Exact | None = Field(default=None, gt=0, lt=1)
    """Quantile above which weights are cut to it; renames the estimand."""


def build(request: DesignRequest) -> Design:
    """The weighted units. Raises RunError with every fault found."""
    options = request.options
    if not isinstance(options, InversePropensityOptions):
        message = f"{NAME} was given {type(options).__name__}"
        raise TypeError(message)
    how = How(
        kind="inverse_propensity",
        target=options.estimand,
        stabilised=options.stabilised,
        trim=None if options.trim is None else float(options.trim),
    )
    words = {"distance": "logit propensity score", "weights": "inverse propensity"}
    return weigh(Plan(NAME, options, how, None, {**words}), request)


PLUGIN = DesignPlugin(name=NAME, title="Inverse propensity weights", options=InversePropensityOptions, build=build)
