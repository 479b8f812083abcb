"""The propensity score of a matching design, the same to the last bit for every order of rows and every set of ids."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from evaltool.errors import Fault, Place, RunError
from evaltool.numerics.distinct import row_order
from evaltool.numerics.distributions import normal_share
from evaltool.numerics.probit import probit
from evaltool.numerics.regression import Regressors, logit
from evaltool.numerics.separation import find_separation
from evaltool.records.panel import FloatArray

Bools = np.ndarray[tuple[int, ...], np.dtype[np.bool_]]
Link = Literal["logit", "probit"]
CaliperSd = Literal["overall", "mean_of_groups", "pooled"]
KEY = "design.options.covariates"


@dataclass(frozen=True, slots=True, eq=False)
class Score:
    """(n,) fitted probabilities and linear predictors of a maximum likelihood logit or probit, and its steps."""

    probability: FloatArray
    linear: FloatArray
    steps: int


def fit_score(x: FloatArray, names: tuple[str, ...], treated: Bools, link: Link = "logit") -> Score:
    """Logit or probit of ``treated`` on a constant and the columns of ``x`` (n, k).

    Rows are put in order of their content before fitting, and each score is added up column by column, so that equal
    covariates give equal scores. Raises RunError: RUN_COLLINEAR, RUN_SEPARATION (naming covariates),
    RUN_NO_CONVERGENCE.
    """
    order = row_order(x, treated)
    matrix = np.column_stack([np.ones(x.shape[0]), x])
    where = "the propensity score"
    regressors = Regressors(matrix=matrix[order], names=("constant", *names), where=where)
    try:
        coefficients, steps = _fitted(regressors, treated[order].astype(np.float64), link)
    except RunError as error:
        raise RunError(_placed(fault, x, names, treated) for fault in error.faults) from None
    linear = np.full(x.shape[0], float(coefficients[0]))
    for j in range(x.shape[1]):
        linear += float(coefficients[j + 1]) * x[:, j]
    if link == "probit":
        return Score(probability=normal_share(linear), linear=linear, steps=steps)
    small = np.exp(-np.abs(linear))
    probability = np.where(linear >= 0.0, 1.0 / (1.0 + small), small / (1.0 + small))
    return Score(probability=probability, linear=linear, steps=steps)


def _fitted(x: Regressors, d: FloatArray, link: Link) -> tuple[FloatArray, int]:
    """Coefficients and steps."""
    if link == "probit":
        found = probit(x, d)
        return found.coefficients, found.steps
    fit = logit(x, d, np.ones(d.shape[0]))
    return fit.coefficients, fit.steps


def _placed(fault: Fault, x: FloatArray, names: tuple[str, ...], treated: Bools) -> Fault:
    """A fault of the logit as a fault of the design, separation with the covariates that cause it."""
    if fault.code != "RUN_SEPARATION":
        fix = "Leave it out of the design's covariates, or check its values."
        return replace(fault, fix=fix, place=Place(key=KEY, column=fault.place.column))
    found = find_separation(x, treated)
    named = [f"'{names[j]}'" for j in found.columns]
    if not named:
        cause = "The score is 0 or 1 to thirteen digits for somebody: a covariate has extreme values."
    elif len(named) == 1:
        who = "the treated from the comparison units" if found.complete else "some units that are all in one group"
        cause = f"Covariate {named[0]} alone separates {who}: there is no propensity score."
    else:
        listed = ", ".join(named[:-1]) + " and " + named[-1]
        cause = f"Covariates {listed} together separate the treated from comparison units: there is no score."
    return Fault(
        code="RUN_SEPARATION",
        cause=cause,
        fix='Leave the covariate out, match on it with "exact", or choose comparable units.',
        place=Place(key=KEY, column=names[found.columns[0]] if len(found.columns) == 1 else None),
    )


def caliper_sd(score: FloatArray, treated: Bools, convention: CaliperSd) -> float:
    """The standard deviation (n − 1) a caliper is a multiple of; 0.0 for an arm of one unit."""
    if convention == "overall":
        return _sd(score)
    one, other = _sd(score[treated]), _sd(score[~treated])
    return (one + other) / 2.0 if convention == "mean_of_groups" else math.sqrt((one**2 + other**2) / 2.0)


def _sd(values: FloatArray) -> float:
    """Standard deviation, whatever the order of the values."""
    return float(np.std(np.sort(values), ddof=1)) if values.shape[0] > 1 else 0.0
