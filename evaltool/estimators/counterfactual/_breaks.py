"""A break at an unknown time before the start of one series, as the method's own model sees it, in its figures."""

from __future__ import annotations

import numpy as np

from evaltool.estimators.counterfactual._assembly import Said
from evaltool.estimators.counterfactual._series import Series
from evaltool.numerics.inference import Floats
from evaltool.numerics.segmented import Segmented
from evaltool.numerics.unknown_break import Course, largest_break

NOTED = 0.05
"""A p-value up to this is said beside the effect."""
HALF = 0.5
"""Added to counts whose ratio is taken."""


def regression_course(series: Series, x: Floats, fit: Segmented, family: str, *, slope: bool) -> Course:
    """The periods before the start of a segmented regression. ``x`` (T, k): level, trend and season.

    Counts enter by the last step of their iteration (working response and weight). Beside a control the effect is made
    of differences, and the course is that of the difference, or of the logarithm of the ratio of counts, with its
    weight 1/(1/y + 1/c), a half added to each; a season shared by both cancels.
    """
    early = series.time < 0.0
    y, x = series.y[early], x[early]
    if series.control is not None:
        control, x = series.control[early], x[:, :2]
        if family == "gaussian":
            return Course(y - control, x, np.ones_like(y), slope=slope)
        own, other = y + HALF, control + HALF
        ratio = np.log(own / series.exposure[early]) - np.log(other / series.control_exposure[early])
        weight = np.sqrt(own * other / (own + other))
        return Course(weight * ratio, weight[:, None] * x, weight, slope=slope)
    if family == "gaussian":
        return Course(y, x, np.ones_like(y), slope=slope)
    mean = fit.mean[: series.y.shape[0]][early]
    spread = mean + fit.dispersion * mean**2 if family == "negative_binomial" else mean
    weight = mean / np.sqrt(spread)
    response = np.log(mean / series.exposure[early]) + (y - mean) / mean
    return Course(weight * response, weight[:, None] * x, weight, slope=slope)


def break_said(series: Series, course: Course) -> tuple[Said, tuple[str, ...]]:
    """The break's figures, and the note that there is one; only that none was looked for where there is too little."""
    found = largest_break(course)
    if found is None:
        return {"break_places": 0}, ()
    said: Said = {
        "break_f": found.statistic,
        "break_df": ", ".join(map(str, found.df)),
        "break_period": series.labels[found.place],
        "break_places": found.places,
        "break_p": found.p_value,
        "break_autocorrelation": found.rho,
    }
    return said, ("break_before_start",) if found.p_value <= NOTED else ()
