"""Interrupted time series: a change in level and slope at the start, against the series' own course before.

Estimand
    The mean over the periods from the start on of the fitted outcome less what the course before would have given (for
    counts, per period of the data).

Equation as implemented
    η_t = β₀ + β₁t + Σ_k (a_k sin + b_k cos)(2πkt / season) + post_t (β₂ + β₃t), t = 0 at the start; the mean is η
    (Gaussian) or exp(η) · exposure (Poisson, quasi-Poisson, negative binomial). With ``slope = false`` there is no β₃.
    Beside a control series both are stacked, every term of time is shared or has a difference of its own (z, zt,
    z·post, z·post·t), and the effect is made of the differences after the start. effect = mean of μ(post) − μ(post =
    0); as a share Σμ(post) / Σμ(post = 0) − 1.

Uncertainty
    Delta method. ``errors``: HAC (Bartlett, ⌊4(T/100)^(2/9)⌋ lags unless stated; stacked series are added by period),
    GLSAR(1) for Gaussian outcomes, or the model's own. t with n − k degrees of freedom for Gaussian and quasi-Poisson,
    else normal. Ljung–Box on the residuals is printed; errors that need independence are refused when it rejects at 5
    %. The largest break before the start, of level and slope (or level alone), has a p-value beside it.

Assumptions
    The course before would have gone on; nothing else happened at the start; the start was not chosen for a peak. With
    a control: both series meet the same outside events.

Refuses when
    Nobody, or more than one unit, is treated; periods are not equally far apart; fewer periods before or after than
    the model needs; fewer than two seasons before; a known break in the fitted time; counts that are none;
    autocorrelated residuals under errors that do not allow for them; the iteration does not settle.

Source
    Bernal, Cummins & Gasparrini 2017 (IJE 46), tables 2–3; Wagner et al. 2002 (J. Clin. Pharm. Ther. 27); Linden 2015
    (Stata Journal 15), equation 3 (control series); Newey & West 1987 and 1994.

Reference implementation and agreed tolerance
    statsmodels 0.15: OLS with HAC, GLM with HAC, NegativeBinomial: coefficients and standard errors to 1e-7.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, Self, cast

import numpy as np
from pydantic import Field, model_validator

from evaltool.errors import Fault, Place, RunError
from evaltool.estimators._inference import inference_rule, interval_and_p, sides_convention, statistic_of
from evaltool.estimators.counterfactual._breaks import break_said, regression_course
from evaltool.estimators.counterfactual._series import Series, SeriesNeeds, series_of
from evaltool.numerics.inference import Floats
from evaltool.numerics.matching_effect import delta_se
from evaltool.numerics.segmented import Rule, Segmented, automatic_lags, fit_segmented, ljung_box
from evaltool.numerics.simplex_control import mean_of
from evaltool.records.base import Record, Text
from evaltool.records.estimate import Counts, Estimate, Relative, SecondOpinion, SeriesPoint
from evaltool.records.plugins import Capabilities, EstimationRequest, EstimatorPlugin

NAME = "counterfactual.interrupted_series"
SIGNIFICANT = 0.05
NOTHING = 1e-12
"""A standard error below this share of the means is rounding."""


class InterruptedOptions(Record):
    """``[estimator.options]`` of ``counterfactual.interrupted_series``."""

    family: Literal["gaussian", "poisson", "quasi_poisson", "negative_binomial"] = "gaussian"
    slope: bool = True
    """Whether the slope may change at the start, and not the level alone."""
    season: int | None = Field(default=None, ge=2)
    """Periods in a season."""
    harmonics: int = Field(default=0, ge=0, le=6)
    """Pairs of sine and cosine in a season."""
    errors: Literal["hac", "glsar", "model"] = "hac"
    lags: int | None = Field(default=None, ge=1)
    """Lags of the HAC covariance; ⌊4(T/100)^(2/9)⌋ when absent."""
    exposure: Text | None = None
    """Covariate with the persons or days at risk (count models)."""
    breaks: tuple[int | Text, ...] = ()
    """First periods of known breaks in the series, as the data name them."""

    @model_validator(mode="after")
    def fits_together(self) -> Self:
        """Refuse harmonics without a season, GLSAR for counts, exposure for means, lags without HAC."""
        wrong = None
        if (self.harmonics > 0) != (self.season is not None):
            wrong = "season and harmonics go together"
        elif self.season is not None and 2 * self.harmonics >= self.season:
            wrong = "a season has fewer harmonics than half its periods"
        elif self.errors == "glsar" and self.family != "gaussian":
            wrong = 'errors = "glsar" is for family = "gaussian"'
        elif self.exposure is not None and self.family == "gaussian":
            wrong = "exposure is for counts"
        elif self.lags is not None and self.errors != "hac":
            wrong = 'lags are for errors = "hac"'
        if wrong:
            raise ValueError(wrong)
        return self


@dataclass(frozen=True, slots=True, eq=False)
class Model:
    """Stacked outcomes, regressors with and without the intervention, log exposure, and which rows it is judged on."""

    y: Floats
    x: Floats
    without: Floats
    offset: Floats
    late: np.ndarray[tuple[int, ...], np.dtype[np.bool_]]
    rule: Rule


def options_of(request: EstimationRequest) -> InterruptedOptions:
    """The request's options. Raises TypeError when they were parsed for another method."""
    if not isinstance(request.options, InterruptedOptions):
        message = f"{NAME} was given {type(request.options).__name__}"
        raise TypeError(message)
    return request.options


def model_of(request: EstimationRequest) -> tuple[Series, Model]:
    """Series and regression. Raises RunError with every fault found."""
    options = options_of(request)
    needs = SeriesNeeds(4 + 2 * options.harmonics, options.season, options.breaks, options.exposure)
    series = series_of(request, needs)
    time = series.time
    post = time >= 0.0
    faults = []
    if int(np.sum(post)) < 2 + options.slope:
        cause = f"{int(np.sum(post))} periods from the start on are too few for a change in level and slope."
        faults.append(
            Fault("RUN_SHORT_HISTORY", cause, "Wait for later periods, or state slope = false.", _place("slope"))
        )
    values = series.y if series.control is None else np.append(series.y, series.control)
    if options.family != "gaussian" and bool(np.any((values < 0.0) | (values != np.rint(values)))):
        fix = 'Use family = "gaussian", or give counts.'
        faults.append(Fault("RUN_BAD_COUNTS", "Some outcomes are no counts.", fix, _place("family")))
    if series.control is not None and options.errors == "glsar":
        cause = "GLSAR follows one series, and a control stands beside it."
        faults.append(Fault("RUN_NOT_BY_SERIES", cause, 'Use errors = "hac".', _place("errors")))
    if faults:
        raise RunError(faults)
    waves = [
        f(2.0 * math.pi * k * time / (options.season or 1))
        for k in range(1, options.harmonics + 1)
        for f in (np.sin, np.cos)
    ]
    base = np.column_stack([np.ones_like(time), time, *waves])
    change = np.column_stack([post, post * time] if options.slope else [post]).astype(np.float64)
    own = np.column_stack([base, change])
    without = np.column_stack([base, 0.0 * change])
    exposure = series.exposure
    if series.control is not None:
        apart = base[:, :2]
        blank = np.zeros((time.shape[0], 2 + change.shape[1]))
        x = np.vstack([np.column_stack([own, apart, change]), np.column_stack([own, blank])])
        without = np.vstack([np.column_stack([own, apart, 0.0 * change]), np.column_stack([own, blank])])
        own, exposure = x, np.append(exposure, series.control_exposure)
    late = np.append(post, np.zeros(values.shape[0] - post.shape[0], dtype=bool))
    lags = options.lags or automatic_lags(time.shape[0])
    rule = Rule(options.family, options.errors, min(lags, time.shape[0] - 1), values.shape[0] // time.shape[0])
    offset = np.zeros_like(exposure) if options.family == "gaussian" else np.log(exposure)
    return series, Model(values, own, without, offset, late, rule)


def _place(option: str) -> Place:
    """Where an option stands."""
    return Place(key=f"estimator.options.{option}")


@dataclass(frozen=True, slots=True, eq=False)
class Effect:
    """Absolute and relative effect with standard errors, and the mean without the intervention."""

    att: float
    se: float | None
    share: float
    share_se: float | None
    expected: float


def effect_of(model: Model, fit: Segmented) -> Effect:
    """Means of μ with and without the intervention over the late rows, by the delta method."""
    x1, x0 = model.x[model.late], model.without[model.late]
    eta1, eta0 = x1 @ fit.coefficients, x0 @ fit.coefficients
    if model.rule.family == "gaussian":
        mean1, mean0, g1, g0 = mean_of(eta1), mean_of(eta0), x1.mean(axis=0), x0.mean(axis=0)
    else:
        m1, m0 = np.exp(eta1 + model.offset[model.late]), np.exp(eta0 + model.offset[model.late])
        mean1, mean0 = mean_of(m1), mean_of(m0)
        g1, g0 = (m1[:, None] * x1).mean(axis=0), (m0[:, None] * x0).mean(axis=0)
    se = delta_se(g1 - g0, fit.covariance)
    share = (mean1 - mean0) / mean0 if mean0 > 0.0 else 0.0
    share_se = delta_se(g1 / mean0 - mean1 * g0 / mean0**2, fit.covariance) if mean0 > 0.0 else 0.0
    tiny = NOTHING * max(abs(mean1), abs(mean0))
    return Effect(mean1 - mean0, se if se > tiny else None, share, share_se if share_se > NOTHING else None, mean0)


def estimate(request: EstimationRequest) -> Estimate:
    """The effect with its interval. Raises RunError with every fault found."""
    options = options_of(request)
    series, model = model_of(request)
    fit = fit_segmented(model.y, model.x, model.offset, model.rule)
    size = len(series.periods)
    own = fit.scaled[: size - (options.errors == "glsar")]
    lags = max(1, min(10, size // 5))
    q, p = ljung_box(own, lags)
    if options.errors != "hac" and p < SIGNIFICANT:
        cause = f"The residuals are autocorrelated (Ljung–Box p = {p:.3g} over {lags} lags)."
        raise RunError(Fault("RUN_AUTOCORRELATED", cause, 'Use errors = "hac".', _place("errors")))
    effect = effect_of(model, fit)
    df = float(fit.scaled.shape[0] - model.x.shape[1]) if options.family in {"gaussian", "quasi_poisson"} else None
    rule = inference_rule(request, df=df)
    interval, p_value = interval_and_p(effect.att, effect.se, rule)
    observed = mean_of(model.y[model.late])
    base = model.x[:size, : 2 + 2 * options.harmonics]
    broken, noted = break_said(series, regression_course(series, base, fit, options.family, slope=options.slope))
    return Estimate(
        key=request.key,
        method=NAME,
        kind="effect",
        estimand="ATT (mean of the periods from the start on)",
        unit=request.outcome.unit.in_language("en") or request.outcome.id,
        att=effect.att,
        se=effect.se,
        absent=None if effect.se else "NO_VARIATION",
        df=df if effect.se else None,
        interval=interval,
        p_value=p_value,
        statistic=statistic_of(effect.att, effect.se),
        counts=Counts(treated=1, comparison=0 if series.control is None else 1, observations=model.y.shape[0]),
        observed=observed,
        counterfactual=observed - effect.att,
        baseline=float(series.y[series.time < 0.0][-1]),
        relative=_relative(request, series, effect, df),
        series=_points(series, model, fit),
        conventions={
            **_said(request, options, model, fit),
            "ljung_box": q,
            "ljung_box_lags": lags,
            "ljung_box_p": p,
            **broken,
        },
        certificate={"coefficients": [float(b) for b in fit.coefficients]},
        notes=(*(("autocorrelated_residuals",) if p < SIGNIFICANT else ()), *noted),
    )


def _relative(request: EstimationRequest, series: Series, effect: Effect, df: float | None) -> Relative | None:
    """The effect as a share, or None where the denominator is not positive and an absolute effect was agreed.

    Raises RunError (RUN_ZERO_DENOMINATOR) when a relative one was.
    """
    name = request.estimand.denominator or "counterfactual"
    value = effect.expected if name == "counterfactual" else float(series.y[series.time < 0.0][-1])
    if value <= 0.0:
        if request.estimand.scale == "absolute":
            return None
        cause = f"A relative effect was agreed, but its denominator ({name}) is {value:.6g}."
        fix = "Agree on an absolute effect, or on another denominator."
        raise RunError(Fault("RUN_ZERO_DENOMINATOR", cause, fix, Place(key="estimand.denominator")))
    share, se = effect.share, effect.share_se
    if name == "baseline":
        share, se = effect.att / value, None if effect.se is None else effect.se / value
    interval, p_value = interval_and_p(share, se, inference_rule(request, df=df))
    return Relative(value=share, se=se, interval=interval, p_value=p_value, denominator=name, denominator_value=value)


def _points(series: Series, model: Model, fit: Segmented) -> tuple[SeriesPoint, ...]:
    """The treated series (under the label of its start) and its course without the intervention (``comparison``)."""
    size = len(series.periods)
    eta = model.without[:size] @ fit.coefficients + model.offset[:size]
    expected = eta if model.rule.family == "gaussian" else np.exp(eta)
    first = series.labels[int(np.argmax(series.time >= 0.0))]
    return tuple(
        SeriesPoint(arm=arm, period=period, label=label, mean=float(value), units=1)
        for arm, values in ((first, series.y), ("comparison", expected))
        for period, label, value in zip(series.periods, series.labels, values, strict=True)
    )


def _said(
    request: EstimationRequest, options: InterruptedOptions, model: Model, fit: Segmented
) -> dict[str, bool | int | float | str | None]:
    """Every choice that changes a digit."""
    errors = {"hac": "HAC, Bartlett weights", "glsar": "GLSAR(1), iterated", "model": "the model's own"}
    late = int(np.sum(model.late))
    return {
        "family": options.family,
        "link": "identity" if options.family == "gaussian" else "log",
        "slope_changes": options.slope,
        "season": options.season,
        "harmonics": options.harmonics,
        "exposure": options.exposure,
        "control_series": model.rule.stacked > 1,
        "se": errors[options.errors],
        "hac_lags": fit.lags,
        "autocorrelation_of_errors": fit.rho,
        "dispersion": fit.dispersion,
        "distribution": "t" if options.family in {"gaussian", "quasi_poisson"} else "normal",
        "interval": sides_convention(request),
        "periods_fitted": model.y.shape[0] // model.rule.stacked - late,
        "periods_after": late,
        "parameters": model.x.shape[1],
        "known_breaks": ", ".join(str(point) for point in options.breaks) or None,
    }


def second_opinion(request: EstimationRequest) -> SecondOpinion:
    """The effect from statsmodels' fit of the same regression. Raises RunError."""
    import statsmodels.api as sm  # noqa: PLC0415 - loaded only when a second opinion is asked for

    _, model = model_of(request)
    family = model.rule.family
    if family == "gaussian" and model.rule.errors == "glsar":
        other = sm.GLSAR(model.y, model.x, 1)
        params = other.iterative_fit(maxiter=2000, rtol=1e-14).params
    elif family == "gaussian":
        params = sm.OLS(model.y, model.x).fit(method="qr").params
    elif family == "negative_binomial":
        alpha = fit_segmented(model.y, model.x, model.offset, model.rule).dispersion
        kind = sm.families.NegativeBinomial(alpha=alpha)
        params = sm.GLM(model.y, model.x, family=kind, offset=model.offset).fit(tol=1e-14, maxiter=500).params
    else:
        kind = sm.families.Poisson()
        params = sm.GLM(model.y, model.x, family=kind, offset=model.offset).fit(tol=1e-14, maxiter=500).params
    beta = cast("Floats", params)
    eta1, eta0 = model.x[model.late] @ beta, model.without[model.late] @ beta
    if family != "gaussian":
        eta1, eta0 = np.exp(eta1 + model.offset[model.late]), np.exp(eta0 + model.offset[model.late])
    return SecondOpinion(value=float(np.mean(eta1) - np.mean(eta0)), by="statsmodels' fit of the same regression")


PLUGIN = EstimatorPlugin(
    name=NAME,
    capabilities=Capabilities(
        family="counterfactual",
        title="Interrupted time series of one treated unit",
        kind="effect",
        needs=("unit", "time", "outcome", "first_treated"),
        designs=("history.series",),
        standard_error="sometimes",
        placebo_in_time=False,
        relative=True,
        aggregations=("simple", "none"),
        minimum_treated=1,
        minimum_comparison=0,
    ),
    options=InterruptedOptions,
    estimate=estimate,
    second_opinion=second_opinion,
)
