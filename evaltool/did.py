"""Difference-in-differences without a plan: ``evaltool.did.group_time(frame, outcome="…", unit="…", …)``.

Any frame with the Arrow interface (pandas, polars, pyarrow) and column names; the same estimators as a plan's, on the
same road. ``first_treated`` holds the first treated time of each unit in the type of ``time``; never treated is empty,
0 or infinity, one coding only. Errors come from ``evaltool.errors`` and name every fault.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from evaltool.direct.call import Frame, column_names, listed, only
from evaltool.direct.did_averages import Averaged, GroupTime
from evaltool.direct.did_call import GAPS, Balance, answered
from evaltool.direct.did_checks import bacon, bands, cluster_tests, honest, pretrend
from evaltool.direct.did_designs import switching, triple
from evaltool.direct.published_path import published
from evaltool.direct.result import DirectEstimate
from evaltool.direct.synthetic_did import synthetic
from evaltool.direct.treatment import Indicator, with_first_treated
from evaltool.errors import Fault, Place, UsageError
from evaltool.estimators.did._result import Distribution
from evaltool.numerics.small_sample import SmallSample, Variance
from evaltool.records.estimate import Estimate
from evaltool.records.plan.analysis import Option

__all__ = [
    "bacon",
    "bands",
    "cluster_tests",
    "event_study",
    "extended_twfe",
    "group_time",
    "honest",
    "imputation",
    "pretrend",
    "published",
    "sun_abraham",
    "switching",
    "synthetic",
    "triple",
    "twfe",
    "two_by_two",
    "two_stage",
]

FIXEST = SmallSample()
"""The small-sample choices of R fixest: (n − 1)/(n − K), nested effects not counted, G/(G − 1), t with G − 1."""


def two_by_two(  # noqa: PLR0913 - the direct road: column names and options as keywords
    frame: Frame,
    *,
    outcome: str,
    unit: str,
    time: str,
    first_treated: str,
    covariates: Sequence[str] = (),
    method: Literal["reg", "ipw", "dr"] = "dr",
    base: Literal["last_pre", "mean_pre"] = "last_pre",
    anticipation: int = 0,
    distribution: Distribution = "t",
    panel: bool = True,
    cluster: str | None = None,
    weights: str | None = None,
) -> Estimate:
    """Difference-in-differences with one common start, against units that never start (``did.two_by_two``).

    The base is the last period before the start; the effect is the mean over the periods from the start on.
    ``cluster`` and ``weights`` are columns (unit clusters and equal weights without them). ``panel=False`` says that
    other units are drawn in every period (repeated cross-sections; ``unit`` is then the person drawn). Intervals are on
    t with clusters less one; ``distribution="normal"`` is R's. Raises UsageError, DataError, RunError.
    """
    name = "did.two_by_two"
    faults = only("panel", panel, (True, False), name)
    stated: dict[str, Option] = {
        "method": method,
        "covariates": listed("covariates", covariates, name, faults),
        "base": base,
        "anticipation": anticipation,
        "distribution": distribution,
        "sampling": "panel" if panel else "repeated_cross_sections",
    }
    columns = {"outcome": outcome, "unit": unit, "time": time, "first_treated": first_treated}
    names = {**columns, "cluster": cluster, "weights": weights}
    return DirectEstimate.of(answered(name, frame, names, stated, faults, "refuse" if panel else "keep"))


def group_time(  # noqa: PLR0913 - the direct road: column names and options as keywords
    frame: Frame,
    *,
    outcome: str,
    unit: str,
    time: str,
    first_treated: str,
    covariates: Sequence[str] = (),
    method: Literal["reg", "ipw", "dr"] = "dr",
    control_group: Literal["never_treated", "not_yet_treated"] = "not_yet_treated",
    base_period: Literal["universal", "varying"] = "universal",
    anticipation: int = 0,
    distribution: Distribution = "t",
    panel: bool = True,
    gaps: Literal["refuse", "drop_unit", "pairs", "rows"] = "refuse",
    cluster: str | None = None,
    weights: str | None = None,
) -> GroupTime:
    """Effects by group and time for staggered starts (``did.group_time``; Callaway & Sant'Anna 2021).

    ``.att_gt`` is the frame of effects, ``.aggregate("simple|dynamic|group|calendar")`` an average with its elements
    under ``.by``; the result itself is the simple average. Defaults are a plan's; R did's own are
    ``control_group="never_treated"``, ``base_period="varying"`` and ``distribution="normal"``. ``panel=False``: other
    units are drawn in every period (repeated cross-sections). ``gaps`` is the rule where a unit lacks a period: refuse,
    leave it out, difference the units seen in both periods of a cell (``pairs``), or take all rows of both periods
    (``rows``, R did's under allow_unbalanced_panel). Raises UsageError, DataError, RunError.
    """
    name = "did.group_time"
    faults = only("panel", panel, (True, False), name) + only("gaps", gaps, tuple(GAPS), name)
    stated: dict[str, Option] = {
        "method": method,
        "covariates": listed("covariates", covariates, name, faults),
        "control_group": control_group,
        "base_period": base_period,
        "anticipation": anticipation,
        "distribution": distribution,
        "sampling": "panel" if panel else "repeated_cross_sections",
        "gaps": "refuse" if gaps == "drop_unit" else gaps,
    }
    columns = {"outcome": outcome, "unit": unit, "time": time, "first_treated": first_treated}
    names = {**columns, "cluster": cluster, "weights": weights}
    kept: Balance = "keep" if not panel else GAPS.get(gaps, "refuse")
    return GroupTime.of(answered(name, frame, names, stated, faults, kept))


def twfe(  # noqa: PLR0913 - the direct road: column names and options as keywords
    frame: Frame,
    *,
    outcome: str,
    unit: str,
    time: str,
    treatment: str | None = None,
    first_treated: str | None = None,
    covariates: Sequence[str] = (),
    se: Variance = "cluster",
    small_sample: SmallSample = FIXEST,
    balance: Balance = "refuse",
    cluster: str | None = None,
    weights: str | None = None,
) -> Estimate:
    """Two-way fixed effects, one coefficient (``did.twfe``): a mixture of effects where starts differ.

    Give either ``treatment`` (a column of 0 and 1 that stays 1) or ``first_treated``. ``balance`` is the rule for units
    that lack a period. Raises UsageError, DataError, RunError.
    """
    name = "did.twfe"
    faults: list[Fault] = []
    if (treatment is None) == (first_treated is None):
        cause, fix = "Either treatment or first_treated must be given, and not both.", "Name one of the two columns."
        raise UsageError(Fault("USAGE_BAD_ARGUMENT", cause, fix, Place(key=f"{name}.treatment")))
    if treatment is not None:
        wrong = column_names({"treatment": treatment, "unit": unit, "time": time}, name)
        if wrong:
            raise UsageError(wrong)
        frame, first_treated = with_first_treated(frame, Indicator(treatment=treatment, unit=unit, time=time), name)
    stated = {"covariates": listed("covariates", covariates, name, faults), "se": se, **_small_sample(small_sample)}
    columns = {"outcome": outcome, "unit": unit, "time": time, "first_treated": first_treated}
    names = {**columns, "cluster": cluster, "weights": weights}
    return DirectEstimate.of(answered(name, frame, names, stated, faults, balance))


def event_study(  # noqa: PLR0913 - the direct road: column names and options as keywords
    frame: Frame,
    *,
    outcome: str,
    unit: str,
    time: str,
    first_treated: str,
    covariates: Sequence[str] = (),
    anticipation: int = 0,
    first: int | None = None,
    last: int | None = None,
    se: Variance = "cluster",
    small_sample: SmallSample = FIXEST,
    balance: Balance = "refuse",
    cluster: str | None = None,
    weights: str | None = None,
) -> Averaged:
    """Event study with unit and period effects (``did.event_study``); ``first`` and ``last`` pool the ends.

    The path is ``.by`` of ``.aggregate("dynamic")``. Raises UsageError, DataError, RunError.
    """
    name = "did.event_study"
    faults: list[Fault] = []
    ends: dict[str, Option] = {key: value for key, value in (("first", first), ("last", last)) if value is not None}
    stated: dict[str, Option] = {
        "covariates": listed("covariates", covariates, name, faults),
        "anticipation": anticipation,
        "se": se,
        **_small_sample(small_sample),
        **ends,
    }
    columns = {"outcome": outcome, "unit": unit, "time": time, "first_treated": first_treated}
    names = {**columns, "cluster": cluster, "weights": weights}
    return Averaged.of(answered(name, frame, names, stated, faults, balance))


def sun_abraham(  # noqa: PLR0913 - the direct road: column names and options as keywords
    frame: Frame,
    *,
    outcome: str,
    unit: str,
    time: str,
    first_treated: str,
    covariates: Sequence[str] = (),
    anticipation: int = 0,
    se: Variance = "cluster",
    small_sample: SmallSample = FIXEST,
    balance: Balance = "refuse",
    cluster: str | None = None,
    weights: str | None = None,
) -> Averaged:
    """Interaction-weighted event study (``did.sun_abraham``; Sun & Abraham 2021): cells and their averages.

    Raises UsageError, DataError, RunError.
    """
    name = "did.sun_abraham"
    faults: list[Fault] = []
    stated: dict[str, Option] = {
        "covariates": listed("covariates", covariates, name, faults),
        "anticipation": anticipation,
        "se": se,
        **_small_sample(small_sample),
    }
    columns = {"outcome": outcome, "unit": unit, "time": time, "first_treated": first_treated}
    names = {**columns, "cluster": cluster, "weights": weights}
    return Averaged.of(answered(name, frame, names, stated, faults, balance))


def imputation(  # noqa: PLR0913 - the direct road: column names and options as keywords
    frame: Frame,
    *,
    outcome: str,
    unit: str,
    time: str,
    first_treated: str,
    covariates: Sequence[str] = (),
    anticipation: int = 0,
    singletons: Literal["keep", "drop"] = "keep",
    variance: Literal["average", "leave_out"] = "average",
    balance: Balance = "refuse",
    cluster: str | None = None,
    weights: str | None = None,
) -> Averaged:
    """Imputation of untreated outcomes (``did.imputation``; Borusyak, Jaravel & Spiess 2024).

    R didimputation's own default is ``singletons="drop"``. Raises UsageError, DataError, RunError.
    """
    name = "did.imputation"
    faults: list[Fault] = []
    stated: dict[str, Option] = {
        "covariates": listed("covariates", covariates, name, faults),
        "anticipation": anticipation,
        "singletons": singletons,
        "variance": variance,
    }
    columns = {"outcome": outcome, "unit": unit, "time": time, "first_treated": first_treated}
    names = {**columns, "cluster": cluster, "weights": weights}
    return Averaged.of(answered(name, frame, names, stated, faults, balance))


def two_stage(  # noqa: PLR0913 - the direct road: column names and options as keywords
    frame: Frame,
    *,
    outcome: str,
    unit: str,
    time: str,
    first_treated: str,
    covariates: Sequence[str] = (),
    anticipation: int = 0,
    balance: Balance = "refuse",
    cluster: str | None = None,
    weights: str | None = None,
) -> Averaged:
    """Two-stage difference-in-differences (``did.two_stage``; Gardner 2022). Raises UsageError, DataError, RunError."""
    name = "did.two_stage"
    faults: list[Fault] = []
    stated: dict[str, Option] = {
        "covariates": listed("covariates", covariates, name, faults),
        "anticipation": anticipation,
    }
    columns = {"outcome": outcome, "unit": unit, "time": time, "first_treated": first_treated}
    names = {**columns, "cluster": cluster, "weights": weights}
    return Averaged.of(answered(name, frame, names, stated, faults, balance))


def extended_twfe(  # noqa: PLR0913 - the direct road: column names and options as keywords
    frame: Frame,
    *,
    outcome: str,
    unit: str,
    time: str,
    first_treated: str,
    covariates: Sequence[str] = (),
    family: Literal["linear", "poisson", "logit"] = "linear",
    control_group: Literal["never_treated", "not_yet_treated"] = "not_yet_treated",
    effects: Literal["cohort", "unit"] = "cohort",
    anticipation: int = 0,
    small_sample: SmallSample = FIXEST,
    balance: Balance = "refuse",
    cluster: str | None = None,
    weights: str | None = None,
) -> Averaged:
    """Extended two-way regression (``did.extended_twfe``; Wooldridge 2021, 2023): linear, Poisson or logit.

    Covariates are constant within units. Raises UsageError, DataError, RunError.
    """
    name = "did.extended_twfe"
    faults: list[Fault] = []
    stated: dict[str, Option] = {
        "covariates": listed("covariates", covariates, name, faults),
        "family": family,
        "control_group": control_group,
        "effects": effects,
        "anticipation": anticipation,
        **_small_sample(small_sample),
    }
    columns = {"outcome": outcome, "unit": unit, "time": time, "first_treated": first_treated}
    names = {**columns, "cluster": cluster, "weights": weights}
    return Averaged.of(answered(name, frame, names, stated, faults, balance))


def _small_sample(choice: SmallSample) -> dict[str, Option]:
    """Small-sample choices as a plan would state them."""
    return {
        "k_adj": choice.k_adj,
        "k_fixef": choice.k_fixef,
        "k_exact": choice.k_exact,
        "g_adj": choice.g_adj,
        "t_df": choice.t_df,
    }
