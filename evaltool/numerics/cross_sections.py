"""Two-period difference-in-differences on repeated cross-sections: outcome regression, weighting, doubly robust.

Sant'Anna & Zhao (2020), repeated cross-section case. Every effect is Σ_m s_m · mean(W_m R_m)/mean(W_m) with signs s_m;
its influence function is that of the means, plus the linear representation of each fitted regression and score times
the effect's derivative by its coefficients. Influence values are for the n rows given and have mean zero.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from evaltool.errors import Fault, Place, RunError
from evaltool.numerics.inference import Floats
from evaltool.numerics.regression import Regressors, logit, weighted_least_squares
from evaltool.numerics.two_period import NO_OVERLAP, TRIM, Contrast, Method

Bools = np.ndarray[tuple[int, ...], np.dtype[np.bool_]]


@dataclass(frozen=True, slots=True, eq=False)
class CrossSections:
    """Rows of two periods: outcome, treated group or not, after or before, weights > 0 (all (n,)).

    ``regressors`` (n, k) with the constant first; None without covariates.
    """

    outcome: Floats
    treated: Bools
    after: Bools
    weights: Floats
    regressors: Regressors | None = None


@dataclass(frozen=True, slots=True, eq=False)
class _Term:
    """One signed mean: weights (n,) and values (n,), and how the values depend on the regressions' coefficients."""

    sign: float
    weights: Floats
    values: Floats
    depends: tuple[tuple[str, Floats], ...] = ()
    """(regression, factor (n,)): the derivative of the values by its coefficients is factor · x."""
    scored: bool = False
    """Whether the weights hold the odds of the score."""


@dataclass(frozen=True, slots=True, eq=False)
class _Nuisance:
    """Predictions (n,) and linear representation of the coefficients (n, k) of one regression."""

    predicted: Floats
    representation: Floats


def cross_section_contrast(data: CrossSections, method: Method) -> Contrast:
    """The ATT of two cross-sections. Raises RunError (RUN_COLLINEAR, RUN_SEPARATION, RUN_NO_OVERLAP)."""
    d, t, w = data.treated.astype(np.float64), data.after.astype(np.float64), data.weights
    x = data.regressors
    if x is None:
        terms = [
            _Term(sign, w * arm * time, data.outcome)
            for arm, one in ((d, 1.0), (1.0 - d, -1.0))
            for time, sign in ((t, one), (1.0 - t, -one))
        ]
        return _combined(terms, {}, None, None, 0)
    groups = (
        {"never": ("before", "after"), "treated": ("before", "after")}
        if method == "dr"
        else {"never": ("before", "after")}
    )
    fits: dict[str, _Nuisance] = {}
    if method != "ipw":
        for group, times in groups.items():
            for time in times:
                own = (data.treated if group == "treated" else ~data.treated) & (
                    data.after if time == "after" else ~data.after
                )
                who = f"the {'treated' if group == 'treated' else 'comparison'} rows {time} the start"
                fits[f"{group}.{time}"] = _regression(data, x, own, who)
    odds, score, trimmed = (np.zeros_like(w), None, 0) if method == "reg" else _score(data, x)
    build = {"reg": _regression_terms, "ipw": _weighting_terms, "dr": _robust_terms}[method]
    return _combined(build(data, fits, odds), fits, x, score, trimmed)


def _regression(data: CrossSections, x: Regressors, own: Bools, who: str) -> _Nuisance:
    """Least squares on the rows ``own``, predicted for all rows."""
    rows = x.rows(own)
    fit = weighted_least_squares(rows, data.outcome[own], data.weights[own], who)
    predicted = x.matrix @ fit.coefficients
    n, k = own.shape[0], int(np.sum(own))
    residual = np.where(own, data.weights * (data.outcome - predicted), 0.0)
    return _Nuisance(predicted, (residual[:, None] * x.matrix) @ fit.bread * (n / k))


def _score(data: CrossSections, x: Regressors) -> tuple[Floats, Floats, int]:
    """Odds of the score on comparison rows (n,), its linear representation (n, k), number trimmed."""
    d = data.treated.astype(np.float64)
    fit = logit(x, d, data.weights)
    top = float(np.max(fit.fitted))
    if top >= NO_OVERLAP:
        raise RunError(
            Fault(
                code="RUN_NO_OVERLAP",
                cause=f"In {x.where}, the propensity score reaches {top:.4f}: somebody treated has no counterpart.",
                fix='Choose comparable units, leave out a covariate, or use method = "reg".',
                place=Place(key="estimator.options.covariates"),
            )
        )
    kept = ~data.treated & (fit.fitted < TRIM)
    odds = np.where(kept, fit.fitted / (1.0 - fit.fitted), 0.0)
    representation = (data.weights * (d - fit.fitted))[:, None] * (x.matrix @ fit.bread)
    return odds, representation, int(np.sum(~kept & ~data.treated))


def _regression_terms(data: CrossSections, fits: dict[str, _Nuisance], _odds: Floats) -> list[_Term]:
    """Equation 2.2: the treated's change less the change predicted for them."""
    d, t, w = data.treated.astype(np.float64), data.after.astype(np.float64), data.weights
    change = fits["never.after"].predicted - fits["never.before"].predicted
    one = np.ones_like(w)
    return [
        _Term(1.0, w * d * t, data.outcome),
        _Term(-1.0, w * d * (1.0 - t), data.outcome),
        _Term(-1.0, w * d, change, (("never.after", one), ("never.before", -one))),
    ]


def _weighting_terms(data: CrossSections, _fits: dict[str, _Nuisance], odds: Floats) -> list[_Term]:
    """Normalised weights (Hájek): equation 4.1 for repeated cross-sections."""
    d, t, w = data.treated.astype(np.float64), data.after.astype(np.float64), data.weights
    return [
        _Term(1.0, w * d * t, data.outcome),
        _Term(-1.0, w * d * (1.0 - t), data.outcome),
        _Term(-1.0, w * odds * t, data.outcome, scored=True),
        _Term(1.0, w * odds * (1.0 - t), data.outcome, scored=True),
    ]


def _robust_terms(data: CrossSections, fits: dict[str, _Nuisance], odds: Floats) -> list[_Term]:
    """Equation 2.9, locally efficient: weighting of what the comparison regressions leave, and the treated's own."""
    d, t, w = data.treated.astype(np.float64), data.after.astype(np.float64), data.weights
    before, after = fits["never.before"].predicted, fits["never.after"].predicted
    rest = data.outcome - (t * after + (1.0 - t) * before)
    late, early = (("never.after", -t),), (("never.before", t - 1.0),)
    one = np.ones_like(w)
    gain = fits["treated.after"].predicted - after
    level = fits["treated.before"].predicted - before
    gains = (("treated.after", one), ("never.after", -one))
    levels = (("treated.before", one), ("never.before", -one))
    return [
        _Term(1.0, w * d * t, rest, late),
        _Term(-1.0, w * d * (1.0 - t), rest, early),
        _Term(-1.0, w * odds * t, rest, late, scored=True),
        _Term(1.0, w * odds * (1.0 - t), rest, early, scored=True),
        _Term(1.0, w * d, gain, gains),
        _Term(-1.0, w * d * t, gain, gains),
        _Term(-1.0, w * d, level, levels),
        _Term(1.0, w * d * (1.0 - t), level, levels),
    ]


def _combined(
    terms: list[_Term], fits: dict[str, _Nuisance], x: Regressors | None, score: Floats | None, trimmed: int
) -> Contrast:
    """The signed sum of means with its influence values."""
    n = terms[0].values.shape[0]
    att, influence = 0.0, np.zeros(n)
    for term in terms:
        mass = float(np.mean(term.weights))
        mean = float(np.mean(term.weights * term.values)) / mass
        own = term.weights * (term.values - mean) / mass
        att += term.sign * mean
        influence += term.sign * own
        if x is None:
            continue
        for name, factor in term.depends:
            gradient = np.mean((term.weights * factor)[:, None] * x.matrix, axis=0) / mass
            influence += term.sign * (fits[name].representation @ gradient)
        if term.scored and score is not None:
            influence += term.sign * (score @ np.mean(own[:, None] * x.matrix, axis=0))
    return Contrast(att=att, influence=influence, trimmed=trimmed)
