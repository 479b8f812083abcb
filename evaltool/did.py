"""Difference-in-differences without a plan: ``evaltool.did.group_time(frame, outcome="…", unit="…", …)``.

Any frame with the Arrow interface (pandas, polars, pyarrow) and column names; the same estimators as a plan's, on the
same road. ``first_treated`` holds the first treated time of each unit in the type of ``time``; never treated is empty,
0 or infinity, one coding only. Errors come from ``evaltool.errors`` and name every fault.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

from evaltool import registry
from evaltool.direct.call import Answer, Call, Frame, column_names, compute, listed, only
from evaltool.direct.did_checks import bacon, bands, cluster_tests, honest, pretrend
from evaltool.direct.result import DirectEstimate
from evaltool.direct.synthetic_did import synthetic
from evaltool.direct.treatment import Indicator, with_first_treated
from evaltool.errors import Fault, Place, UsageError
from evaltool.estimators.did.group_time import estimate_balanced
from evaltool.numerics.small_sample import SmallSample, Variance
from evaltool.reading.frames import FrameRoles
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
    "sun_abraham",
    "synthetic",
    "twfe",
    "two_by_two",
    "two_stage",
]

Aggregate = Literal["simple", "dynamic", "group", "calendar"]
Balance = Literal["refuse", "drop_unit", "keep"]
FIXEST = SmallSample()
"""The small-sample choices of R fixest: (n − 1)/(n − K), nested effects not counted, G/(G − 1), t with G − 1."""
AGGREGATES: tuple[Aggregate, ...] = ("simple", "dynamic", "group", "calendar")


class Averaged(DirectEstimate):
    """Effects that can be averaged in several ways; the result itself is one of them."""

    def aggregate(self, kind: Aggregate) -> DirectEstimate:
        """The average of one kind (``simple``, ``dynamic``, ``group``, ``calendar``), its elements under ``by``.

        Raises UsageError (USAGE_BAD_ARGUMENT, USAGE_NOT_OFFERED), RunError.
        """
        plugin = registry.estimator(self.method)
        faults = only("kind", kind, plugin.capabilities.aggregations, "aggregate")
        if self._request is None:
            cause = "This result was read back or copied without its data."
            faults.append(Fault("USAGE_BAD_ARGUMENT", cause, "Estimate it again.", Place(key="aggregate")))
        if faults or self._request is None:
            raise UsageError(faults)
        estimand = self._request.estimand.model_copy(update={"aggregation": kind})
        asked = replace(self._request, estimand=estimand)
        return DirectEstimate.of(Answer(request=asked, estimate=plugin.estimate(asked)))


class GroupTime(DirectEstimate):
    """Effects by group and time (``att_gt``) and their simple average; ``aggregate`` gives the other averages."""

    def aggregate(self, kind: Aggregate, *, balance: int | None = None) -> DirectEstimate:
        """The average of one kind, its elements under ``by``.

        ``simple``: all treated cells by group size. ``dynamic``: by time since the start; ``balance`` keeps the groups
        observed at least so many periods after their start, and the event times all of them have. ``group``: by start.
        ``calendar``: by period. Raises UsageError (USAGE_BAD_ARGUMENT), RunError.
        """
        request = self._request
        faults = only("kind", kind, AGGREGATES, "aggregate")
        if request is None:
            cause = "This result was read back or copied without its data."
            faults.append(Fault("USAGE_BAD_ARGUMENT", cause, "Estimate it again.", Place(key="aggregate")))
        if balance is not None and (kind != "dynamic" or isinstance(balance, bool) or balance < 0):
            cause = f"balance = {balance!r} with kind = {kind!r}."
            fix = 'Give a number of periods from 0 on, with kind="dynamic".'
            faults.append(Fault("USAGE_BAD_ARGUMENT", cause, fix, Place(key="aggregate.balance")))
        if faults or request is None:
            raise UsageError(faults)
        asked = replace(request, estimand=request.estimand.model_copy(update={"aggregation": kind}))
        return DirectEstimate.of(Answer(request=asked, estimate=estimate_balanced(asked, balance)))


def two_by_two(  # noqa: PLR0913 - the direct road: column names and options as keywords
    frame: Frame,
    *,
    outcome: str,
    unit: str,
    time: str,
    first_treated: str,
    covariates: Sequence[str] = (),
    method: Literal["reg", "ipw", "dr"] = "dr",
    panel: bool = True,
    cluster: str | None = None,
    weights: str | None = None,
) -> Estimate:
    """Difference-in-differences with one common start, against units that never start (``did.two_by_two``).

    The base is the last period before the start; the effect is the mean over the periods from the start on.
    ``cluster`` and ``weights`` are columns (unit clusters and equal weights without them). ``panel`` must be True:
    the same units in every period. Raises UsageError, DataError, RunError.
    """
    name = "did.two_by_two"
    faults = only("panel", panel, (True,), name)
    stated: dict[str, Option] = {"method": method, "covariates": listed("covariates", covariates, name, faults)}
    columns = {"outcome": outcome, "unit": unit, "time": time, "first_treated": first_treated}
    return DirectEstimate.of(_answer(name, frame, {**columns, "cluster": cluster, "weights": weights}, stated, faults))


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
    panel: bool = True,
    cluster: str | None = None,
    weights: str | None = None,
) -> GroupTime:
    """Effects by group and time for staggered starts (``did.group_time``; Callaway & Sant'Anna 2021).

    ``.att_gt`` is the frame of effects, ``.aggregate("simple|dynamic|group|calendar")`` an average with its elements
    under ``.by``; the result itself is the simple average. Defaults are a plan's; R did's own are
    ``control_group="never_treated"`` and ``base_period="varying"``. ``panel`` must be True: the same units in every
    period. Raises UsageError, DataError, RunError.
    """
    name = "did.group_time"
    faults = only("panel", panel, (True,), name)
    stated: dict[str, Option] = {
        "method": method,
        "covariates": listed("covariates", covariates, name, faults),
        "control_group": control_group,
        "base_period": base_period,
        "anticipation": anticipation,
    }
    columns = {"outcome": outcome, "unit": unit, "time": time, "first_treated": first_treated}
    return GroupTime.of(_answer(name, frame, {**columns, "cluster": cluster, "weights": weights}, stated, faults))


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
    return DirectEstimate.of(_answer(name, frame, names, stated, faults, balance))


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
    return Averaged.of(_answer(name, frame, names, stated, faults, balance))


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
    return Averaged.of(_answer(name, frame, names, stated, faults, balance))


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
    return Averaged.of(_answer(name, frame, names, stated, faults, balance))


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
    return Averaged.of(_answer(name, frame, names, stated, faults, balance))


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
    return Averaged.of(_answer(name, frame, names, stated, faults, balance))


def _small_sample(choice: SmallSample) -> dict[str, Option]:
    """Small-sample choices as a plan would state them."""
    return {
        "k_adj": choice.k_adj,
        "k_fixef": choice.k_fixef,
        "k_exact": choice.k_exact,
        "g_adj": choice.g_adj,
        "t_df": choice.t_df,
    }


def _answer(
    name: str,
    frame: Frame,
    columns: dict[str, str | None],
    options: dict[str, Option],
    faults: list[Fault],
    balance: Balance = "refuse",
) -> Answer:
    """Compute, once the arguments are known to be column names."""
    faults += column_names(columns, name, optional=("cluster", "weights"))
    faults += only("balance", balance, ("refuse", "drop_unit", "keep"), name)
    if faults:
        raise UsageError(faults)
    covariates = options["covariates"]
    roles = FrameRoles(
        unit=columns["unit"] or "",
        time=columns["time"],
        outcome=columns["outcome"],
        first_treated=columns["first_treated"],
        covariates=tuple(str(column) for column in covariates) if isinstance(covariates, tuple) else (),
        cluster=columns["cluster"],
        weight=columns["weights"],
        balance=balance,
    )
    return compute(Call(name=name, roles=roles, estimator=name, options=options), frame, faults)
