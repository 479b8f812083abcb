"""Mean outcomes again by another road: statsmodels' models of the outcome, fitted arm by arm."""

from __future__ import annotations

import warnings

import numpy as np

from evaltool.errors import Fault, Place, RunError
from evaltool.estimators.weighted._modelled import Modelled, modelled
from evaltool.estimators.weighted._second_opinion import weights_checked
from evaltool.records.estimate import SecondOpinion
from evaltool.records.panel import FloatArray
from evaltool.records.plugins import EstimationRequest

FAMILIES = {"logit": "Binomial", "log": "Poisson", "identity": "Gaussian"}


def means_again(
    request: EstimationRequest, covariates: tuple[str, ...], *, augmented: bool, before: tuple[str, ...] = ()
) -> SecondOpinion:
    """The difference of both means from statsmodels' fits, weights checked first. Raises RunError."""
    checked = weights_checked(request)
    found = modelled(request, covariates, augmented=augmented, before=before)
    one, two = (_mean(found, arm) for arm in (found.problem.treated, ~found.problem.treated))
    return SecondOpinion(value=one - two, by=f"{checked}, statsmodels.GLM by group")


def _mean(found: Modelled, arm: np.ndarray[tuple[int, ...], np.dtype[np.bool_]]) -> float:
    """Mean outcome in one state."""
    import statsmodels.api as sm  # noqa: PLC0415 - loaded only when a second opinion is asked for

    problem = found.problem
    x = problem.x.matrix
    scale = np.max(np.abs(x), axis=0)
    weights = np.ones(int(np.sum(arm))) if problem.augmented else problem.weights[arm]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model = sm.GLM(
                problem.y[arm],
                x[arm] / scale,
                family=getattr(sm.families, FAMILIES[problem.family])(),
                freq_weights=weights,
            )
            fit = model.fit(tol=1e-14, maxiter=300)
    except (np.linalg.LinAlgError, ValueError) as error:
        cause, fix = f"statsmodels could not fit the outcome model: {error}.", "Check the covariates."
        raise RunError(Fault("RUN_SCORES_DISAGREE", cause, fix, Place(key="estimator.options.covariates"))) from error
    predicted: FloatArray = np.asarray(fit.predict(x / scale), dtype=np.float64)
    total = float(np.sum(problem.population))
    plain = float(problem.population @ predicted) / total
    if not problem.augmented:
        return plain
    return plain + float(problem.weights[arm] @ (problem.y[arm] - predicted[arm])) / total
