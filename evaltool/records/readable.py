"""An estimate under the names of statsmodels and linearmodels. Intervals come from ``numerics.inference`` alone."""

from __future__ import annotations

import importlib
import math
from typing import TYPE_CHECKING

import pandas as pd

from evaltool.errors import Fault, Place, UsageError
from evaltool.numerics.inference import SMALLEST_LEVEL, InferenceRule, Sides, infer
from evaltool.records.showing import Picture, Summary, Table, summary_of

if TYPE_CHECKING:
    from evaltool.records.estimate import Element, Estimate

SAME = 1e-9
"""Largest difference, in standard errors, between an interval and the inversion that is said to have made it."""


class Readable:
    """Reads an estimate as a linearmodels result is read. A subclass says which estimate."""

    def _read(self) -> Estimate:
        """The estimate to read."""
        raise NotImplementedError  # a mixin without its record: only a subclass of ours that forgot this gets here

    @property
    def params(self) -> pd.Series[float]:
        """(1,) the effect, under the name ``att`` (a count or a change under its own)."""
        return self._named(self._read().att, "parameter")

    @property
    def std_errors(self) -> pd.Series[float]:
        """(1,) the standard error; NaN where there is none (``absent`` says why)."""
        return self._named(self._read().se, "std_error")

    @property
    def bse(self) -> pd.Series[float]:
        """``std_errors`` under its name in statsmodels."""
        return self.std_errors

    @property
    def tstats(self) -> pd.Series[float]:
        """(1,) effect over standard error; NaN without one."""
        estimate = self._read()
        return self._named(None if estimate.se is None else estimate.att / estimate.se, "tstat")

    @property
    def tvalues(self) -> pd.Series[float]:
        """``tstats`` under its name in statsmodels."""
        return self.tstats

    @property
    def pvalues(self) -> pd.Series[float]:
        """(1,) p-value of the test that the interval inverts; NaN without one."""
        return self._named(self._read().p_value, "pvalue")

    @property
    def cov(self) -> pd.DataFrame:
        """(1, 1) variance of the effect; NaN without a standard error."""
        estimate = self._read()
        name = _name(estimate)
        return pd.DataFrame([[math.nan if estimate.se is None else estimate.se**2]], index=[name], columns=[name])

    @property
    def nobs(self) -> int | None:
        """Observations used; None where a published figure came without them."""
        return self._read().counts.observations

    @property
    def df_resid(self) -> float:
        """Degrees of freedom of the t distribution; inf for the normal, NaN without a standard error."""
        estimate = self._read()
        if estimate.se is None:
            return math.nan
        return math.inf if estimate.df is None else estimate.df

    def conf_int(self, *, level: float | None = None) -> pd.DataFrame:
        """(1, 2) ``lower`` and ``upper`` at ``level``, 0.95 for 95 %; the estimate's own level when not given.

        Another level inverts the same test again; NaN without a standard error. Raises UsageError: USAGE_LEVEL for a
        level outside [0.5, 1), USAGE_OTHER_LEVEL when the interval was published and cannot be made again.
        """
        lower, upper = interval_at(self._read(), level)
        return pd.DataFrame({"lower": [lower], "upper": [upper]}, index=[_name(self._read())])

    @property
    def summary(self) -> Summary:
        """The result as text; also shows in a notebook."""
        return summary_of(self._read())

    def plot(self, *, lang: str = "en") -> Picture:
        """The event study, or the effect with its interval where there is no path; ``lang`` is ``da`` or ``en``."""
        drawing: object = importlib.import_module("evaltool.plotting.result").draw_result(self._read(), lang)
        return Picture.of(drawing)

    def to_frame(self) -> pd.DataFrame:
        """One row with everything in figures, so that several results can be put below one another."""
        estimate = self._read()
        interval, counts = estimate.interval, estimate.counts
        row: dict[str, object] = {
            "outcome": estimate.key.outcome,
            "cohort": estimate.key.cohort,
            "specification": estimate.key.specification,
            "method": estimate.method,
            "estimand": estimate.estimand,
            "unit": estimate.unit,
            "att": estimate.att,
            "se": _number(estimate.se),
            "tstat": _number(None if estimate.se is None else estimate.att / estimate.se),
            "p_value": _number(estimate.p_value),
            "lower": _number(None if interval is None else interval.lower),
            "upper": _number(None if interval is None else interval.upper),
            "level": _number(None if interval is None else interval.level),
            "df": self.df_resid,
            "n_treated": counts.treated,
            "n_comparison": counts.comparison,
            "nobs": counts.observations,
        }
        return pd.DataFrame([row], index=[_name(estimate)])

    @property
    def att_gt(self) -> pd.DataFrame:
        """One row per group and time: ``group, time, att, se, lower, upper, n_treated, n_comparison``.

        Groups and times as the data name them. Raises UsageError (USAGE_NO_ELEMENTS) for methods without such cells.
        """
        estimate = self._read()
        if not estimate.cells:
            raise _nothing_to_show(estimate, "effects by group and time", "att_gt")
        names = period_names(estimate)
        shown = [(names.get(cell.group or 0, cell.group), names[cell.element]) for cell in estimate.cells]
        frame = _elements(estimate.cells)[["att", "se", "lower", "upper", "n_treated", "n_comparison"]]
        frame.insert(0, "group", [group for group, _ in shown])
        frame.insert(1, "time", [time for _, time in shown])
        return frame

    @property
    def by(self) -> pd.DataFrame:
        """The elements behind the effect, one row each: ``element, att, se, lower, upper, p_value, n_…, reference``.

        By start for a ``group`` average, by period for a ``calendar`` average, else by time since the start. Raises
        UsageError (USAGE_NO_ELEMENTS) when the method has none.
        """
        estimate = self._read()
        names = period_names(estimate)
        by_start, by_period = estimate.estimand == "ATT (group)", estimate.estimand == "ATT (calendar)"
        elements = estimate.groups if by_start else estimate.calendar if by_period else estimate.path
        if not elements:
            raise _nothing_to_show(estimate, "elements", "by")
        dated = by_start or by_period
        frame = _elements(elements)
        frame.insert(0, "element", [names.get(e.element, e.element) if dated else e.element for e in elements])
        return frame

    def _named(self, value: float | None, title: str) -> pd.Series[float]:
        """A number under the name of the effect."""
        return pd.Series([_number(value)], index=[_name(self._read())], name=title, dtype="float64")


def interval_at(estimate: Estimate, level: float | None) -> tuple[float, float]:
    """Lower and upper end at ``level``; NaN without a standard error. Raises UsageError."""
    own = estimate.interval
    if level is None and own is None and estimate.se is not None:
        level = 0.95
    if level is not None:
        _check_level(level)
    if own is not None and (level is None or level == own.level):
        return own.lower, own.upper
    if estimate.se is None:
        return math.nan, math.nan
    wanted = InferenceRule(level=float(level or 0.95), sides=_sides_of(estimate), df=estimate.df)
    found = infer(estimate.att, estimate.se, wanted)
    return found.lower, found.upper


def _check_level(level: float) -> None:
    """Refuse what can only be a mistake. Raises UsageError (USAGE_LEVEL)."""
    if isinstance(level, bool) or not SMALLEST_LEVEL <= float(level) < 1.0:
        near = f" (for a {100 * (1 - level):g} % interval write level={1 - level:g})" if 0.0 < level < 1.0 else ""
        cause = f"level = {level!r} is not a confidence level: 0.95 means 95 %, and nothing below 0.5 is taken{near}."
        fix = "Give the share of samples whose interval covers the effect, such as level=0.95."
        raise UsageError(Fault("USAGE_LEVEL", cause, fix, Place(key="conf_int.level")))


def _sides_of(estimate: Estimate) -> Sides:
    """Whether the ends are two-sided or one-sided, found by making the estimate's own interval again.

    Raises UsageError (USAGE_OTHER_LEVEL) when neither gives it: the interval was published, not made here.
    """
    own = estimate.interval
    if own is None or estimate.se is None:
        return "two"
    choices: tuple[Sides, Sides] = ("two", "one")
    for sides in choices:
        found = infer(estimate.att, estimate.se, InferenceRule(level=own.level, sides=sides, df=estimate.df))
        if max(abs(found.lower - own.lower), abs(found.upper - own.upper)) <= SAME * estimate.se:
            return sides
    cause = f"The interval at {own.level:g} was taken as published; no test at hand gives it, nor one at another level."
    fix = f"Ask for level={own.level:g}, or leave level out."
    raise UsageError(Fault("USAGE_OTHER_LEVEL", cause, fix, Place(key="conf_int.level")))


def _nothing_to_show(estimate: Estimate, what: str, name: str) -> UsageError:
    """The refusal of a table the method does not make."""
    cause = f"{estimate.method} ({estimate.estimand}) has no {what}."
    fix = "Ask a method that makes them, such as did.group_time, or use to_frame()."
    return UsageError(Fault("USAGE_NO_ELEMENTS", cause, fix, Place(key=name)))


def _name(estimate: Estimate) -> str:
    """What the parameter is called."""
    return "att" if estimate.kind == "effect" else estimate.kind


def _number(value: float | None) -> float:
    """NaN where there is no number, as frames want it."""
    return math.nan if value is None else value


def period_names(estimate: Estimate) -> dict[int, int | str]:
    """Period → what the data call it: the number itself, or its label where times are dates."""
    labels = {point.period: point.label for point in estimate.series}
    labels |= {cell.element: cell.label for cell in estimate.cells}
    numbered = all(label == str(period) for period, label in labels.items())
    return {period: period if numbered else label for period, label in labels.items()}


def _elements(elements: tuple[Element, ...]) -> Table:
    """The figures of some elements, one row each."""
    intervals = [element.interval for element in elements]
    return pd.DataFrame(
        {
            "att": [element.att for element in elements],
            "se": [_number(element.se) for element in elements],
            "lower": [_number(None if i is None else i.lower) for i in intervals],
            "upper": [_number(None if i is None else i.upper) for i in intervals],
            "p_value": [_number(element.p_value) for element in elements],
            "n_treated": _counts([element.n_treated for element in elements]),
            "n_comparison": _counts([element.n_comparison for element in elements]),
            "reference": [element.reference for element in elements],
        }
    )


def _counts(counts: list[int | None]) -> pd.Series[int]:
    """Counts as whole numbers; as nullable ones only where one is missing."""
    return pd.Series(counts, dtype="Int64" if None in counts else "int64")
