"""A matched difference again by another road: statsmodels' logit for the scores, its least squares for the effect."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd

from evaltool.errors import Fault, Place, RunError
from evaltool.estimators.weighted._units import data_of
from evaltool.estimators.weighted._weights_again import how_of, strata_again, weights_again
from evaltool.records.design import MatchSummary
from evaltool.records.estimate import SecondOpinion
from evaltool.records.panel import FloatArray, Panel
from evaltool.records.plugins import EstimationRequest

SCORE_TOLERANCE = 1e-8


def difference_again(
    request: EstimationRequest, covariates: tuple[str, ...], before: tuple[str, ...] = ()
) -> SecondOpinion:
    """Scores first (they must agree to 1e-8 of their scale), then the effect given the sets.

    With columns ``before`` a unit has a row for each: the outcome less that column.

    When units are gone since the design was locked, the scores cannot be fitted again: the sealed ones are taken.

    Raises RunError (RUN_SCORES_DISAGREE).
    """
    import statsmodels.api as sm  # noqa: PLC0415 - loaded only when a second opinion is asked for

    panel, weights, facts = data_of(request)
    scores = weights_checked(request)
    own = weights.loc[weights["weight"] > 0.0, ["unit", "weight"]]
    frame = panel.frame.merge(own.rename(columns={"weight": "share"}), on="unit", how="inner")
    design = sm.add_constant(
        np.column_stack([frame["treated"].to_numpy(dtype=float), *(frame[f"x.{name}"] for name in covariates)]),
        has_constant="add",
    )
    changes = [frame[f"y.{request.outcome.id}"] - frame[f"x.{name}"] for name in before]
    outcome = pd.concat(changes or [frame[f"y.{request.outcome.id}"]], ignore_index=True).to_numpy(dtype=float)
    times = max(len(before), 1)
    rows, shares = np.tile(design, (times, 1)), np.tile(frame["share"].to_numpy(dtype=float), times)
    fit = sm.WLS(outcome, rows, weights=shares).fit()
    return SecondOpinion(
        value=float(fit.params[1]),
        by=f"{scores}, statsmodels.WLS {'on the matched sets' if how_of(facts) is None else 'with the weights'}",
    )


def weights_checked(request: EstimationRequest) -> str:
    """How the design's scores or weights were found again; the sealed ones where units are gone. Raises RunError."""
    panel, weights, facts = data_of(request)
    complete = len(weights) == facts.treated_submitted + facts.comparison_submitted
    return _scores_again(panel, weights, facts) if complete else "the sealed scores, since units are gone"


def _scores_again(panel: Panel, weights: pd.DataFrame, facts: MatchSummary) -> str:
    """How closely another fit of the scores, and of the weights, agrees. Raises RunError when it does not."""
    if "strata" in facts.conventions:
        return strata_again(weights, facts)
    score = weights["score"].to_numpy(dtype=np.float64)
    own = facts.conventions.get("distance") == "covariate balancing logit"
    try:
        scores = _scores(panel, facts)
        gap = 0.0 if own else float(np.max(np.abs(scores - score)))
    except (Warning, np.linalg.LinAlgError) as error:
        what = f"statsmodels could not fit the score: {error}"
        raise _disagree(what) from error
    if gap > SCORE_TOLERANCE * max(1.0, float(np.max(np.abs(score)))):
        what = f"the propensity score and statsmodels' differ by up to {gap:.3g}"
        raise _disagree(what)
    if (again := weights_again(panel, weights, facts, scores)) is not None:
        return again
    return f"statsmodels.{'Probit' if _is_probit(facts) else 'Logit'} for the scores (largest difference {gap:.1e})"


def _disagree(what: str) -> RunError:
    """The refusal to rely on sets made from this score."""
    return RunError(
        Fault(
            code="RUN_SCORES_DISAGREE",
            cause=f"The matched sets cannot be relied on: {what}.",
            fix="Check the covariates for extreme values; report this with the plan and the versions.",
            place=Place(key="design.options.covariates"),
        )
    )


def _is_probit(facts: MatchSummary) -> bool:
    """Whether the score is a probit."""
    return str(facts.conventions.get("distance", "")).startswith("probit")


def _scores(panel: Panel, facts: MatchSummary) -> FloatArray:
    """(n,) scores of statsmodels' logit or probit on the design's covariates, standardised, on the design's scale."""
    import statsmodels.api as sm  # noqa: PLC0415 - loaded only when a second opinion is asked for

    x = panel.frame[[f"x.{name}" for name in facts.covariates]].to_numpy(dtype=float)
    standard = (x - x.mean(axis=0)) / x.std(axis=0)
    design = sm.add_constant(standard, has_constant="add")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = (sm.Probit if _is_probit(facts) else sm.Logit)(panel.frame["treated"].to_numpy(dtype=float), design)
        fit = model.fit(disp=0, method="newton", maxiter=200, tol=1e-12)
    return np.asarray(fit.predict(design, which="mean" if facts.scale == "probability" else "linear"), dtype=float)
