"""Stable balancing weights (Zubizarreta 2015): least squares with means within a tolerance of a target's.

For one group of m units: minimise Σ w² over w ≥ 0 with mean one and |mean(w z) − t| ≤ δ for every standardised
column z. The solution is w = max(0, a + z λ) (strong duality); it is found by fixing which units and which bounds are
active, solving the linear equations exactly, and changing the sets until all conditions hold. They are the certificate.
"""

from __future__ import annotations

import numpy as np
from scipy import optimize

from evaltool.errors import Fault, Place, RunError
from evaltool.numerics.inference import Floats
from evaltool.numerics.regression import Regressors
from evaltool.numerics.weighting import Target, Weighting

Bools = np.ndarray[tuple[int, ...], np.dtype[np.bool_]]
EXACT = 1e-9
"""Largest violation of a condition, in standard deviations or of a weight."""
ROUNDS = 50
UNBOUNDED = -1e6
"""A dual value below this has no minimum: nobody can be weighted so."""
ACTIVE = 1e-7
"""A multiplier beyond this makes a bound active in the first guess."""


def stable_weights(x: Regressors, treated: Bools, target: Target, tolerance: float) -> Weighting:
    """Weights of mean one in every group that is weighted; the others weigh 1. ``x`` has the constant first.

    The tolerance is in standard deviations of the target group (all units, for the ATE). Raises RunError
    (RUN_NO_BALANCE) when nobody can be weighted that near.
    """
    columns = x.matrix[:, 1:]
    goal = {"ATT": treated, "ATC": ~treated}.get(target, np.ones_like(treated))
    sd = np.std(columns[goal], axis=0, ddof=1)
    z = (columns - columns[goal].mean(axis=0)) / np.where(sd > 0.0, sd, 1.0)
    weights, steps, residual = np.ones(treated.shape[0]), 0, 0.0
    for arm in (treated, ~treated):
        if target == "ATE" or not bool(np.all(goal == arm)):
            weights[arm], taken, gap = _one_group(z[arm], tolerance)
            steps, residual = steps + taken, max(residual, gap)
    none = np.zeros((treated.shape[0], 0))
    return Weighting(weights, np.full(treated.shape[0], 0.5), none, none, np.zeros((0, 0)), steps, residual)


def _one_group(z: Floats, tolerance: float) -> tuple[Floats, int, float]:
    """(m,) weights of mean one with |mean(w z)| ≤ tolerance, the rounds taken, and the largest violation."""
    rows = np.column_stack([np.ones(z.shape[0]), z])
    active, bounds = _guess(z, tolerance)
    for step in range(1, ROUNDS + 1):
        theta = _exact(rows, active, bounds, tolerance)
        eta = rows @ theta
        gap = (rows * np.maximum(eta, 0.0)[:, None]).mean(axis=0)[1:]
        wrong_sign = (bounds != 0.0) & (theta[1:] * bounds > EXACT)
        beyond = (bounds == 0.0) & (np.abs(gap) > tolerance + EXACT)
        moved = (eta > 0.0) != active
        if not bool(np.any(moved)) and not bool(np.any(wrong_sign)) and not bool(np.any(beyond)):
            weights = np.maximum(eta, 0.0)
            violation = max(abs(float(weights.mean()) - 1.0), float(np.max(np.abs(gap))) - tolerance, 0.0)
            if violation <= EXACT:
                return weights, step, violation
            break
        active = eta > 0.0
        bounds = np.where(wrong_sign, 0.0, np.where(beyond, np.sign(gap), bounds))
        if not bool(active.any()):
            break
    raise _too_near(tolerance)


def _guess(z: Floats, tolerance: float) -> tuple[Bools, Floats]:
    """Active units and bounds (−1, 0, 1) near the solution: the dual by a bounded quasi-Newton method."""
    m, k = z.shape

    def dual(theta: Floats) -> tuple[float, Floats]:
        line = theta[1 : k + 1] - theta[k + 1 :]
        w = np.maximum(theta[0] + z @ line, 0.0)
        mean = (z * w[:, None]).mean(axis=0)
        value = float(w @ w) / (2.0 * m) - float(theta[0]) + tolerance * float(np.sum(theta[1:]))
        return value, np.concatenate([[float(w.mean()) - 1.0], mean + tolerance, tolerance - mean])

    start = np.concatenate([np.ones(1), np.zeros(2 * k)])
    limits = optimize.Bounds(np.concatenate([[-np.inf], np.zeros(2 * k)]), np.full(2 * k + 1, np.inf))
    found = optimize.minimize(
        dual,
        start,
        jac=True,
        method="L-BFGS-B",
        bounds=limits,
        options={"maxiter": 5000, "maxfun": 20000, "ftol": 1e-16, "gtol": 1e-12, "maxcor": 30},
    )
    line = found.x[1 : k + 1] - found.x[k + 1 :]
    weights = found.x[0] + z @ line
    if float(found.fun) < UNBOUNDED or not bool(np.any(weights > 0.0)):
        raise _too_near(tolerance)
    bounds = -np.sign(line) if tolerance > 0.0 else np.ones(k)
    return weights > 0.0, np.where(np.abs(line) > ACTIVE, bounds, 0.0 if tolerance > 0.0 else 1.0)


def _exact(rows: Floats, active: Bools, bounds: Floats, tolerance: float) -> Floats:
    """(k + 1,) multipliers under which the active units meet the mean and the active bounds exactly."""
    m = float(rows.shape[0])
    kept = np.concatenate([[True], bounds != 0.0])
    own = rows[active][:, kept]
    goal = np.concatenate([[1.0], tolerance * bounds[bounds != 0.0]])
    theta = np.zeros(rows.shape[1])
    theta[kept] = np.linalg.lstsq(own.T @ own / m, goal, rcond=None)[0]
    return theta


def _too_near(tolerance: float) -> RunError:
    """The refusal where the target's means cannot be reached."""
    return RunError(
        Fault(
            code="RUN_NO_BALANCE",
            cause=f"No weights bring every mean within {tolerance:g} standard deviations of the target's.",
            fix="Allow a larger tolerance, leave a covariate out, or compare other units.",
            place=Place(key="design.options.tolerance"),
        )
    )
