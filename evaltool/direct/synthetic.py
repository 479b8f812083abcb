"""What a call of a method with donors returns: an estimate with its donors, its path and its tests."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal

import pandas as pd

from evaltool.direct.call import Call, Frame, compute, estimated, method_of, outcome_id, panel_of, plan_of
from evaltool.direct.result import DirectEstimate
from evaltool.errors import Fault, Place, UsageError
from evaltool.gates.dress_rehearsal import injected
from evaltool.gates.placebo_in_time import earlier
from evaltool.pipeline.estimates import build_design
from evaltool.records.base import Json
from evaltool.records.estimate import Estimate
from evaltool.records.readable import Readable, period_names

NAME = "counterfactual.synthetic_control"


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class SyntheticControl(Readable):
    """An estimate with its donors and its path. ``estimate`` is the record itself; no standard error is invented."""

    estimate: DirectEstimate
    asked: tuple[Call, Frame]
    """The call and the frame it was answered from."""

    def _read(self) -> Estimate:
        """The estimate."""
        return self.estimate

    @property
    def att(self) -> float:
        """Mean effect over the treated periods."""
        return self.estimate.att

    @property
    def se(self) -> float | None:
        """None: a synthetic control is judged by placebos."""
        return self.estimate.se

    @property
    def weights(self) -> pd.Series[float]:
        """Weight by donor, sorted by name; they sum to one. Raises KeyError for methods without weights."""
        found = _table(self.estimate.certificate["donor_weights"])
        names = [str(row["unit"]) for row in _rows(self.estimate.certificate["placebos"])]
        return pd.Series([_float(found.get(name, 0.0)) for name in names], index=names, name="weight", dtype="float64")

    @property
    def path(self) -> pd.DataFrame:
        """One row per time: ``time, observed, counterfactual, effect, lower, upper``.

        The interval is the conformal or the prediction interval of that time, in treated times and where one was asked
        for; else NaN.
        """
        found = self.estimate.certificate
        listed = _rows(found.get("conformal_periods", found.get("prediction_periods", [])))
        alone = {_float(row["period"]): row for row in listed}
        names = period_names(self.estimate)
        control = {point.period: point.mean for point in self.estimate.series if point.arm == "comparison"}
        seen = {point.period: point.mean for point in self.estimate.series if point.arm != "comparison"}
        gaps = [element.att for element in self.estimate.path]
        rows = [
            {
                "time": names[period],
                "observed": seen[period],
                "counterfactual": control[period],
                "effect": gap,
                "lower": _float(alone[period]["lower"]) if period in alone else float("nan"),
                "upper": _float(alone[period]["upper"]) if period in alone else float("nan"),
            }
            for period, gap in zip(sorted(seen), gaps, strict=True)
        ]
        return pd.DataFrame(rows)

    @property
    def placebos(self) -> pd.DataFrame:
        """Every donor in turn as if treated: ``unit, effect, rmspe_before, rmspe_after, ratio``."""
        return pd.DataFrame(_rows(self.estimate.certificate["placebos"]))

    @property
    def placebo_p(self) -> float:
        """Share of units, the treated one included, whose RMSPE ratio is at least the treated unit's."""
        return _float(_table(self.estimate.certificate["permutation"])["p_value"])

    @property
    def conformal(self) -> Mapping[str, float]:
        """``p_value, lower, upper, level`` of the moving-block test. Raises KeyError unless inference="conformal"."""
        said = self.estimate.conventions
        named = {"p_value": "p", "lower": "lower", "upper": "upper", "level": "level"}
        return {name: _float(said[f"conformal_{key}"]) for name, key in named.items()}

    @property
    def prediction(self) -> Mapping[str, float]:
        """``lower, upper, level`` of the mean effect's prediction interval. Raises KeyError unless it was asked for."""
        said = self.estimate.conventions
        return {name: _float(said[f"prediction_{name}"]) for name in ("lower", "upper", "level")}

    def rehearse(self, effect: float, periods: int | None = None) -> Mapping[str, float]:
        """A dress rehearsal on the time before the start: what is found ``without`` an effect and ``with`` one put in.

        A start is pretended ``periods`` earlier (half of the history when absent); ``effect`` is in the outcome's unit.
        Raises UsageError (USAGE_NOT_OFFERED) where the history is too short, and what the method raises.
        """
        call, frame = self.asked
        method, panel = method_of(call), panel_of(frame, call.roles, call.name)
        placebo = earlier(panel, int(getattr(method.options, "anticipation", 0)), periods)
        if placebo is None:
            cause, fix = "The history is too short to pretend an earlier start.", "Pretend fewer periods."
            raise UsageError(Fault("USAGE_NOT_OFFERED", cause, fix, Place(key=f"{call.name}.rehearse")))
        put_in = injected(placebo, outcome_id(call.roles.outcome or "none"), effect, relative=False)
        found = {}
        for name, one in (("without", placebo.panel), ("with", put_in)):
            found[name] = estimated(call, method, build_design(plan_of(call), one, method), one).estimate.att
        return found

    def identification_bound(self, delta: float = 0.01) -> tuple[float, float]:
        """Smallest and largest effect over all weights whose error before is at most (1 + ``delta``) times the least.

        Raises UsageError (USAGE_NOT_OFFERED) for other methods, and with predictors.
        """
        call, frame = self.asked
        if call.estimator != NAME or "predictors" in call.options:
            cause = "The range is over weights that fit the outcomes, and this estimate was not made from those alone."
            place = Place(key=f"{call.name}.identification_bound")
            fix = "Use synthetic_control without predictors."
            raise UsageError(Fault("USAGE_NOT_OFFERED", cause, fix, place))
        options = {**call.options, "bound_delta": Decimal(repr(float(delta)))}
        found = compute(replace(call, options=options), frame, []).estimate.certificate["identification_bound"]
        return _float(_table(found)["lower"]), _float(_table(found)["upper"])

    def __repr__(self) -> str:
        """The summary."""
        return self.summary.text


def _table(value: Json) -> dict[str, Json]:
    """A table of the certificate. Raises TypeError when it is none."""
    if not isinstance(value, dict):
        message = f"the certificate holds {type(value).__name__} where a table was expected"
        raise TypeError(message)
    return value


def _rows(value: Json) -> list[dict[str, Json]]:
    """A list of tables of the certificate. Raises TypeError when it is none."""
    if not isinstance(value, list):
        message = f"the certificate holds {type(value).__name__} where a list was expected"
        raise TypeError(message)
    return [_table(row) for row in value]


def _float(value: Json) -> float:
    """A number of the certificate. Raises TypeError when it is none."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        message = f"the certificate holds {type(value).__name__} where a number was expected"
        raise TypeError(message)
    return float(value)
