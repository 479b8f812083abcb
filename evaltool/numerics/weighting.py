"""Weights that make two groups alike: from a score, from moments that must balance, or both; and what fitted them.

Every method is a set of equations mean(psi(b)) = 0 with weights w(b); psi and dw/db go on to the standard error of
the effect, so that weights count as estimated (M-estimation; Lunceford & Davidian 2004; Stefanski & Boos 2002).

With e = P(treated | x) = 1 / (1 + exp(−x b)) the weights of a treated and of a comparison unit are
ATT: 1 and e/(1 − e) · ATC: (1 − e)/e and 1 · ATE: 1/e and 1/(1 − e) · ATO: 1 − e and e · ATM: min(e, 1 − e) over e and
over 1 − e (Li, Morgan & Zaslavsky 2018; Li & Greene 2013).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy import linalg, optimize

from evaltool.errors import Fault, Place, RunError
from evaltool.numerics.inference import Floats
from evaltool.numerics.regression import Regressors, check_rank, logit

Bools = np.ndarray[tuple[int, ...], np.dtype[np.bool_]]
Target = Literal["ATT", "ATC", "ATE", "ATO", "ATM"]
TOLERANCE = 1e-12
"""Largest mean of an estimating equation on orthonormal columns."""
STEPS = 200
STEEPEST = 40.0
"""A linear predictor beyond this means weights that grow without bound."""
LEAST = 2.0**-40
ENOUGH = 1e-10
"""Largest gradient of a two-step GMM objective."""
FLAT = 1e-13
"""Information per unit below which the equations have no solution."""


@dataclass(frozen=True, slots=True, eq=False)
class Weighting:
    """(n,) weights and the equations behind them.

    ``psi`` (n, k) estimating functions at the solution, ``slope`` (n, k) dw/db, ``bread`` (k, k) the derivative of
    Σ psi; empty where the weights do not come from equations. ``probability`` (n,) is the score.
    """

    weights: Floats
    probability: Floats
    psi: Floats
    slope: Floats
    bread: Floats
    steps: int
    residual: float
    """Largest mean of an estimating equation: the certificate."""


def tilted(e: Floats, treated: Bools, target: Target) -> Floats:
    """(n,) weights from scores ``e``."""
    own, other = e, 1.0 - e
    pairs = {
        "ATT": (np.ones_like(e), own / other),
        "ATC": (other / own, np.ones_like(e)),
        "ATE": (1.0 / own, 1.0 / other),
        "ATO": (other, own),
        "ATM": (np.minimum(own, other) / own, np.minimum(own, other) / other),
    }
    return np.where(treated, *pairs[target])


def _slope(e: Floats, treated: Bools, target: Target) -> Floats:
    """(n,) derivative of the weights in the linear predictor."""
    own, other = e, 1.0 - e
    low = own <= other
    zero = np.zeros_like(e)
    pairs = {
        "ATT": (zero, own / other),
        "ATC": (-other / own, zero),
        "ATE": (-other / own, own / other),
        "ATO": (-own * other, own * other),
        "ATM": (np.where(low, 0.0, -other / own), np.where(low, own / other, 0.0)),
    }
    return np.where(treated, *pairs[target])


def by_score(x: Regressors, treated: Bools, target: Target) -> Weighting:
    """Inverse propensity weights from a maximum likelihood logit. Raises what ``regression.logit`` raises."""
    fit = logit(x, treated.astype(np.float64), np.ones(treated.shape[0]))
    basis = _basis(x.matrix)
    e = fit.fitted
    psi = basis * (treated - e)[:, None]
    return Weighting(
        weights=tilted(e, treated, target),
        probability=e,
        psi=psi,
        slope=basis * _slope(e, treated, target)[:, None],
        bread=-(basis * (e * (1.0 - e))[:, None]).T @ basis,
        steps=fit.steps,
        residual=float(np.max(np.abs(psi.mean(axis=0)))),
    )


def by_balance(x: Regressors, treated: Bools, target: Literal["ATT", "ATC", "ATE", "ATO"]) -> Weighting:
    """Just-identified covariate balancing scores (Imai & Ratkovic 2014, equation 2): the weighted means agree.

    The ATT and ATC solutions are entropy balancing's too (Zhao & Percival 2017). Raises RunError: RUN_COLLINEAR,
    RUN_NO_BALANCE.
    """
    check_rank(x, np.ones(treated.shape[0]), "the units compared")
    basis = _basis(x.matrix)
    sign = np.where(treated, 1.0, -1.0)

    def score(eta: Floats) -> tuple[Floats, Floats]:
        e = _probability(eta)
        w = tilted(e, treated, target)
        return sign * w, sign * _slope(e, treated, target)

    b, steps = _solved(basis, score)
    e = _probability(basis @ b)
    value, slope = score(basis @ b)
    psi = basis * value[:, None]
    return Weighting(
        weights=np.abs(value),
        probability=e,
        psi=psi,
        slope=basis * _slope(e, treated, target)[:, None],
        bread=(basis * slope[:, None]).T @ basis,
        steps=steps,
        residual=float(np.max(np.abs(psi.mean(axis=0)))),
    )


def by_entropy(x: Regressors, treated: Bools, target: Literal["ATT", "ATC", "ATE"]) -> Weighting:
    """Entropy balancing (Hainmueller 2012): weights exp(x b) of least entropy whose means are the target's.

    For the ATE each group is weighted to the means of all. Weights average 1 in every group that is weighted. Raises
    RunError: RUN_COLLINEAR, RUN_NO_BALANCE.
    """
    check_rank(x, np.ones(treated.shape[0]), "the units compared")
    n = treated.shape[0]
    basis = _basis(x.matrix)
    weights, parts = np.ones(n), []
    goal = {"ATT": treated, "ATC": ~treated}.get(target, np.ones(n, dtype=np.bool_))
    steps = 0
    for arm in (treated, ~treated):
        if target != "ATE" and bool(np.all(goal == arm)):
            continue

        def score(eta: Floats, arm: Bools = arm) -> tuple[Floats, Floats]:
            grown = np.where(arm, np.exp(np.minimum(eta, STEEPEST)), 0.0)
            return goal - grown, -grown

        b, taken = _solved(basis, score)
        value, slope = score(basis @ b)
        scale = float(np.sum(arm)) / float(np.sum(goal))
        weights = np.where(arm, -slope * scale, weights)
        parts.append((basis * value[:, None], basis * (-slope * scale)[:, None], (basis * slope[:, None]).T @ basis))
        steps += taken
    psi = np.hstack([part[0] for part in parts])
    e = np.where(treated, 1.0, weights) / (1.0 + weights) if target == "ATT" else weights
    return Weighting(
        weights=weights,
        probability=e,
        psi=psi,
        slope=np.hstack([part[1] for part in parts]),
        bread=linalg.block_diag(*(part[2] for part in parts)),
        steps=steps,
        residual=float(np.max(np.abs(psi.mean(axis=0)))),
    )


def by_both(x: Regressors, treated: Bools, target: Literal["ATT", "ATC", "ATE"]) -> Weighting:
    """Over-identified covariate balancing scores: likelihood and balance together by two-step GMM.

    The weighting matrix is Imai & Ratkovic's (2014, equation 11), held at the just-identified solution. The weights
    count as given in standard errors: psi is empty. Raises RunError: RUN_COLLINEAR, RUN_NO_BALANCE.
    """
    first = by_balance(x, treated, target)
    basis = _basis(x.matrix)
    root = np.linalg.cholesky(_pinv(_moments_covariance(first.probability, basis, target)))
    n = float(treated.shape[0])
    odds = np.log(first.probability / (1.0 - first.probability))
    start = np.asarray(np.linalg.lstsq(basis, odds, rcond=None)[0], dtype=np.float64)

    def moments(b: Floats) -> Floats:
        e = _probability(basis @ b)
        rows = ((treated - e), np.where(treated, 1.0, -1.0) * tilted(e, treated, target))
        return np.asarray(root.T @ np.concatenate([basis.T @ row for row in rows]) / n, dtype=np.float64)

    def slopes(b: Floats) -> Floats:
        e = _probability(basis @ b)
        rows = (-e * (1.0 - e), np.where(treated, 1.0, -1.0) * _slope(e, treated, target))
        return np.asarray(root.T @ np.vstack([(basis * row[:, None]).T @ basis for row in rows]) / n, dtype=np.float64)

    def gradient(b: Floats) -> Floats:
        return np.asarray(slopes(b).T @ moments(b), dtype=np.float64)

    near = optimize.least_squares(moments, start, jac=slopes, method="lm", xtol=1e-15, ftol=1e-15, gtol=1e-15)
    found = optimize.root(gradient, near.x, tol=1e-14)
    residual = float(np.max(np.abs(gradient(found.x))))
    if residual > ENOUGH or float(np.sum(moments(found.x) ** 2)) > float(np.sum(moments(start) ** 2)):
        why = f"the two-step minimum was not reached (gradient {residual:.1e})"
        raise no_balance(why)
    e = _probability(basis @ found.x)
    none = np.zeros((treated.shape[0], 0))
    weights = tilted(e, treated, target)
    return Weighting(weights, e, none, none, np.zeros((0, 0)), int(near.nfev), residual)


def _moments_covariance(e: Floats, basis: Floats, target: str) -> Floats:
    """(2k, 2k) covariance of score and balance equations given x."""
    n = float(e.shape[0])
    cross = {"ATT": e, "ATC": 1.0 - e, "ATE": np.ones_like(e)}[target]
    balance = {"ATT": e / (1.0 - e), "ATC": (1.0 - e) / e, "ATE": 1.0 / (e * (1.0 - e))}[target]
    parts = [(basis * row[:, None]).T @ basis / n for row in (e * (1.0 - e), cross, balance)]
    return np.block([[parts[0], parts[1]], [parts[1].T, parts[2]]])


def _pinv(matrix: Floats) -> Floats:
    """The inverse of a symmetric positive matrix, symmetric to the last bit."""
    inverse = np.linalg.inv(matrix)
    return (inverse + inverse.T) / 2.0


def _basis(matrix: Floats) -> Floats:
    """(n, k) orthogonal columns of mean square one that span the same space."""
    return np.linalg.qr(matrix)[0] * float(np.sqrt(matrix.shape[0]))


def _probability(eta: Floats) -> Floats:
    """1 / (1 + e^−eta), held inside (0, 1)."""
    return 1.0 / (1.0 + np.exp(-np.clip(eta, -STEEPEST, STEEPEST)))


def _solved(basis: Floats, score: Callable[[Floats], tuple[Floats, Floats]]) -> tuple[Floats, int]:
    """Newton's method on basis' score(eta) = 0, the gradient of a concave function, halving steps that make it larger.

    Raises RunError (RUN_NO_BALANCE) when the weights grow without bound.
    """
    b = np.zeros(basis.shape[1])
    value, slope = score(basis @ b)
    gradient = basis.T @ value / basis.shape[0]
    for step in range(1, STEPS + 1):
        size = float(np.max(np.abs(gradient)))
        if size <= TOLERANCE:
            return b, step
        information = -(basis * slope[:, None]).T @ basis / basis.shape[0]
        if float(np.linalg.eigvalsh(information)[0]) <= FLAT:
            break
        move = linalg.solve(information, gradient, assume_a="pos")
        length = float(np.linalg.norm(gradient))
        share = 1.0
        while True:
            tried = b + share * move
            value, slope = score(basis @ tried)
            gradient = basis.T @ value / basis.shape[0]
            if float(np.linalg.norm(gradient)) < length or share < LEAST:
                break
            share /= 2.0
        if share < LEAST and size <= 1e3 * TOLERANCE:
            return b, step
        b = tried
        if float(np.max(np.abs(basis @ b))) > STEEPEST:
            break
    why = "the weights would grow without bound"
    raise no_balance(why)


def no_balance(why: str) -> RunError:
    """The refusal where no weights make the groups alike."""
    return RunError(
        Fault(
            code="RUN_NO_BALANCE",
            cause=f"No weights give both groups the same means of the covariates: {why}.",
            fix="Leave the covariate out that tells the groups apart, allow a tolerance, or compare other units.",
            place=Place(key="design.options.covariates"),
        )
    )
