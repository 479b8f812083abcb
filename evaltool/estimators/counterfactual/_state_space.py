"""statsmodels' state space models: fitted from a stated start, and their matrices as plain arrays."""

from __future__ import annotations

import warnings

import numpy as np
from statsmodels.tsa.statespace.mlemodel import MLEModel, MLEResults

from evaltool.errors import Fault, Place, RunError
from evaltool.numerics.inference import Floats
from evaltool.numerics.state_space import StateSpace

STEPS = 500
NEAR, NOISE = 0.01, 1e-9
"""Longest Newton step taken, and a fall of the log-likelihood that is rounding."""
FLAT = 1e-4
"""Largest slope of the mean log-likelihood at a maximum, where a line search ended in rounding."""


def fitted(model: MLEModel, start: Floats) -> MLEResults:
    """The maximum of the likelihood by L-BFGS. Raises RunError (RUN_NOT_CONVERGED)."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        result = model.fit(start_params=start, method="lbfgs", maxiter=STEPS, pgtol=1e-6, factr=1e7, disp=0)
    if not _flat(model, result):
        cause = f"The likelihood was not maximised within {STEPS} steps of L-BFGS."
        fix = "State a simpler model, no season or fewer regressors."
        raise RunError(Fault("RUN_NOT_CONVERGED", cause, fix, Place(key="estimator.options")))
    return _polished(model, result)


def _polished(model: MLEModel, result: MLEResults) -> MLEResults:
    """Two Newton steps from where L-BFGS stopped, so that the digits do not hang on where that was."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        at = np.asarray(model.untransform_params(result.params), dtype=np.float64)
        best = float(result.llf)
        for _ in range(2):
            slope = np.asarray(model.score(at, transformed=False), dtype=np.float64)
            bend = np.asarray(model.hessian(at, transformed=False), dtype=np.float64)
            if not (np.all(np.isfinite(slope)) and np.all(np.isfinite(bend))):
                break
            step = np.asarray(np.linalg.lstsq(bend, -slope, rcond=1e-10)[0], dtype=np.float64)
            reached = float(model.loglike(at + step, transformed=False)) if np.max(np.abs(step)) < NEAR else -np.inf
            if not reached >= best - NOISE:
                break
            at, best = at + step, reached
        return model.smooth(model.transform_params(at))


def _flat(model: MLEModel, result: MLEResults) -> bool:
    """Whether the optimiser says so, or the slope of the mean log-likelihood is zero but for rounding."""
    if not np.isfinite(float(result.llf)):
        return False
    if bool(result.mle_retvals["converged"]):
        return True
    slope = model.score(model.untransform_params(result.params), transformed=False) / model.nobs
    return bool(np.max(np.abs(np.asarray(slope, dtype=np.float64))) <= FLAT)


def errors_of(result: MLEResults, skip: int) -> Floats:
    """Standardised one-step errors, the first ``skip`` and those of the diffuse start left out."""
    found = np.asarray(result.standardized_forecasts_error[0], dtype=np.float64)
    late = found[max(skip, int(result.loglikelihood_burn or 0)) :]
    kept: Floats = late[np.isfinite(late)]
    return kept


def row_of(model: MLEModel) -> Floats:
    """(k,) how the state makes the outcome in the first period."""
    base = np.asarray(model.ssm["design"], dtype=np.float64)
    row: Floats = base[0, :, 0] if base.ndim == 3 else base[0]  # noqa: PLR2004 - varies over time only with regressors
    return row.copy()


def state_space(model: MLEModel, result: MLEResults) -> StateSpace:
    """System matrices and the state after the last observation."""

    def matrix(name: str) -> Floats:
        found = np.asarray(model.ssm[name], dtype=np.float64)
        return found[..., 0] if found.ndim == 3 else found  # noqa: PLR2004 - constant over time

    intercept = np.asarray(model.ssm["state_intercept"], dtype=np.float64)
    constant = np.asarray(model.ssm["obs_intercept"], dtype=np.float64)
    return StateSpace(
        transition=matrix("transition"),
        selection=matrix("selection"),
        state_cov=matrix("state_cov"),
        obs_var=float(matrix("obs_cov")[0, 0]),
        intercept=intercept[:, -1] if intercept.ndim == 2 else intercept,  # noqa: PLR2004 - (k, 1)
        constant=float(constant.ravel()[0]),
        state=np.asarray(result.predicted_state[:, -1], dtype=np.float64),
        covariance=np.asarray(result.predicted_state_cov[:, :, -1], dtype=np.float64),
    )
