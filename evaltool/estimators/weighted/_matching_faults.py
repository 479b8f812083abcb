"""When the standard errors of Abadie & Imbens exist: matching with replacement on a score, and nothing else."""

from __future__ import annotations

from evaltool.errors import Fault, Place
from evaltool.records.design import MatchSummary

MATCHING_SE = ("abadie_imbens", "abadie_imbens_2016")


def matching_se_faults(facts: MatchSummary, se: str, covariates: tuple[str, ...]) -> list[Fault]:
    """Why the standard error asked for does not exist here; nothing for the others."""
    if se not in MATCHING_SE:
        return []
    said, why = facts.conventions, []
    score = str(said.get("distance", "")).endswith("propensity score, difference")
    if said.get("replace") is not True or not score:
        why.append("the design does not match with replacement on a score")
    if covariates:
        why.append("the effect is adjusted for covariates")
    if any(said.get(name) for name in ("exact", "caliper_multiple", "calipers", "anti_exact", "support")):
        why.append("the design keeps units from being matched")
    logit = str(said.get("distance", "")).startswith("logit") and facts.scale == "probability"
    if se == "abadie_imbens_2016" and not logit:
        why.append("it is offered on the probability of a logit score alone")
    return [
        Fault(
            code="RUN_NO_MATCHING_SE",
            cause=f"se = '{se}' does not exist here: {reason}.",
            fix='Use se = "auto", or match with replacement on the score without calipers or exact columns.',
            place=Place(key="estimator.options.se"),
        )
        for reason in why
    ]
