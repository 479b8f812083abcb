"""Checks of difference-in-differences on the direct road: what a coefficient mixes, how far a trend may bend it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import pandas as pd

from evaltool.direct.call import Frame, column_names, listed, only, outcome_id, panel_of
from evaltool.direct.cluster_tests import changes_of, cluster_tests_of, drawing_faults, regression_tests_of
from evaltool.direct.decomposition import Decomposition, decomposition
from evaltool.direct.did_call import Balance, answered
from evaltool.direct.pretrend import PreTrend, bands_of, pretrend_of
from evaltool.direct.sensitivity import Asked, Honest, sensitivity_of
from evaltool.errors import UsageError
from evaltool.reading.frames import FrameRoles
from evaltool.records.estimate import Estimate

METHODS = ("two_by_two", "twfe", "event_study", "sun_abraham", "extended_twfe")


def bacon(  # noqa: PLR0913 - the direct road: column names and options as keywords
    frame: Frame,
    *,
    outcome: str,
    unit: str,
    time: str,
    first_treated: str,
    weights: str | None = None,
    always_treated: Literal["leave_out", "compare"] = "leave_out",
) -> Decomposition:
    """Which comparisons a two-way fixed-effects coefficient is an average of (Goodman-Bacon 2021).

    ``.to_frame()`` has one row per comparison: treated, comparison, type, weight, estimate. Units treated in every
    period are left out and counted, unless ``always_treated="compare"`` asks for what a plain regression does with
    them. The panel must be balanced. Raises UsageError, DataError, RunError.
    """
    name = "did.bacon"
    columns = {"outcome": outcome, "unit": unit, "time": time, "first_treated": first_treated, "weights": weights}
    faults = only("always_treated", always_treated, ("leave_out", "compare"), name)
    faults += column_names(columns, name, optional=("weights",))
    if faults:
        raise UsageError(faults)
    roles = FrameRoles(unit=unit, time=time, outcome=outcome, first_treated=first_treated, weight=weights)
    return decomposition(panel_of(frame, roles, name), outcome_id(outcome), always_treated)


def honest(
    estimate: Estimate,
    *,
    kind: Literal["relative_magnitudes", "smoothness"] = "relative_magnitudes",
    grid: Sequence[float] | None = None,
    weights: Sequence[float] | Literal["average", "first"] = "average",
    method: Literal["conditional", "fixed_length"] | None = None,
    level: float | None = None,
) -> Honest:
    """Intervals that stay valid when trends are not parallel (Rambachan & Roth 2023), for any event study.

    ``grid`` bounds the deviation: for ``relative_magnitudes`` as multiples of the largest change between two periods
    before the start (0 to 2 unless given), for ``smoothness`` as a change of slope in the outcome's unit. ``weights``
    make the target out of the effects by period since the start: their average, the first, or one number each.
    ``method`` is the conditional test for relative magnitudes and the shortest fixed-length interval for smoothness
    unless the conditional test is asked for. ``.breakdown(threshold)`` is the smallest bound at which the threshold,
    zero or that of a payment, can no longer be excluded. Raises UsageError.
    """
    return sensitivity_of(estimate, Asked(kind=kind, method=method, grid=grid, weights=weights, level=level))


def pretrend(
    estimate: Estimate, *, slope: float | None = None, power: float = 0.8, level: float | None = None
) -> PreTrend:
    """The joint test before the start, and what it can see (Roth 2022), for any event study with a covariance.

    Power against a straight trend of ``slope`` per period (else the slope that is noticed half of the time), the slopes
    found with probability ``power``, and under ``.to_frame()`` what estimates are on average where such a trend passes
    unnoticed. It is no gate: a test that finds nothing may have seen nothing. Raises UsageError.
    """
    return pretrend_of(estimate, slope=slope, power=power, level=level)


def bands(estimate: Estimate, *, level: float | None = None) -> pd.DataFrame:
    """Pointwise intervals and the band that holds for all event times at once (sup-t), as a frame by event time.

    ``attrs`` has the level, the critical value, draws and seed. Raises UsageError.
    """
    return bands_of(estimate, level)


def cluster_tests(  # noqa: PLR0913 - the direct road: column names and options as keywords
    frame: Frame,
    *,
    outcome: str,
    unit: str,
    time: str,
    first_treated: str,
    method: Literal["two_by_two", "twfe", "event_study", "sun_abraham", "extended_twfe"] = "two_by_two",
    covariates: Sequence[str] = (),
    balance: Balance = "refuse",
    cluster: str | None = None,
    weights: str | None = None,
    seed: int = 1,
    level: float = 0.95,
) -> pd.DataFrame:
    """One effect under every cluster method, side by side: of one common start, or the headline of a regression.

    One row each for CR1, CR2 with two kinds of degrees of freedom, CR3, the restricted wild cluster bootstrap,
    randomisation of clusters (one start), two-way clusters and HC1 (regressions), Conley & Taber and Ferman & Pinto:
    effect, se, df, p_value, lower, upper, and a note that
    says how it was found or why it cannot be used. Infinite ends mean that nothing on that side can be rejected.
    ``attrs`` has the number of treated and compared clusters, the largest share of one and the effective number; which
    method is the primary one belongs in a plan, before outcomes are known. ``method`` other than ``two_by_two`` takes
    starts that differ, ``covariates`` and gaps by ``balance``. Raises UsageError, DataError, RunError.
    """
    name = "did.cluster_tests"
    columns = {"outcome": outcome, "unit": unit, "time": time, "first_treated": first_treated}
    faults = column_names({**columns, "cluster": cluster, "weights": weights}, name, optional=("cluster", "weights"))
    faults += drawing_faults(seed, level, name)
    faults += only("method", method, METHODS, name)
    stated = listed("covariates", covariates, name, faults)
    if method == "two_by_two":
        faults += [*only("covariates", stated, ((),), name), *only("balance", balance, ("refuse",), name)]
    if faults:
        raise UsageError(faults)
    if method != "two_by_two":
        named = {**columns, "cluster": cluster, "weights": weights}
        answer = answered(f"did.{method}", frame, named, {"covariates": stated}, faults, balance)
        return regression_tests_of(answer.request, answer.estimate, seed=seed, level=level)
    roles = FrameRoles(
        unit=unit, time=time, outcome=outcome, first_treated=first_treated, cluster=cluster, weight=weights
    )
    return cluster_tests_of(changes_of(panel_of(frame, roles, name), outcome_id(outcome)), seed=seed, level=level)
