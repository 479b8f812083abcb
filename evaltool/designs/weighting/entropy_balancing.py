"""Entropy balancing: weights of least entropy under which the groups have the same means.

Estimand
    ``ATT``: comparison units are weighted to the means of the treated; ``ATC``: the other way round; ``ATE``: both
    groups to the means of all.

Equation as implemented
    w = exp(b₀ + b'x) with Σ w x = the target's mean times Σ w, for every covariate and, with ``moments``, the powers of
    those with more than two values; weights average 1 in each weighted group. Newton's method on the convex dual.

Uncertainty
    None here; the estimator counts weights and target means as estimated (M-estimation).

Assumptions
    Treatment is as good as random given the covariates, measured before it; the outcome without treatment is linear in
    the balanced terms, or the log odds of treatment are.

Refuses when
    As ``weighting.inverse_propensity``; and when no weights reach the target's means (RUN_NO_BALANCE). Weights that
    have not converged are never returned.

Source
    Hainmueller 2012 (Political Analysis 20), equations 3–8; Zhao & Percival 2017 (Journal of Causal Inference 5).

Reference implementation and agreed tolerance
    R WeightIt 1.4.0 on LaLonde: weights 1e-9 relative. Its standard error takes the target's means as known; ours does
    not and is up to 1.2 per cent larger there.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from evaltool.designs.weighting._weigh import Covariates, Plan, weigh
from evaltool.numerics.weighting_fit import How
from evaltool.records.design import Design
from evaltool.records.plugins import DesignPlugin, DesignRequest

NAME = "weighting.entropy_balancing"


class EntropyBalancingOptions(Covariates):
    """``[design.options]`` of ``weighting.entropy_balancing``."""

    estimand: Literal["ATT", "ATC", "ATE"] = "ATT"
    moments: int = Field(default=1, ge=1, le=4)
    """Highest power that is balanced: 1 means, 2 also squares, of columns with more than two values."""


def build(request: DesignRequest) -> Design:
    """The weighted units. Raises RunError with every fault found."""
    options = request.options
    if not isinstance(options, EntropyBalancingOptions):
        message = f"{NAME} was given {type(options).__name__}"
        raise TypeError(message)
    how = How(kind="entropy_balancing", target=options.estimand, moments=options.moments)
    return weigh(Plan(NAME, options, how, 0.0, {"weights": "entropy balancing, average 1"}), request)


PLUGIN = DesignPlugin(name=NAME, title="Entropy balancing", options=EntropyBalancingOptions, build=build)
