"""Where the data are and what every column means: ``[data]``, and ``[disclosure]``."""

from __future__ import annotations

from datetime import date
from typing import Literal, Self

from pydantic import Field, model_validator

from evaltool.records.base import Agreed, Day, Record, Text, Words

Role = Literal[
    "unit",
    "time",
    "outcome",
    "first_treated",
    "treated",
    "covariate",
    "cluster",
    "weight",
    "cohort",
    "count",
    "eligible",
    "ignore",
]
Kind = Literal["integer", "number", "text", "date", "boolean"]
Period = int | Day
"""A period as the time column has it: a whole number or a date."""
MEASURED: tuple[Role, ...] = ("outcome", "count")


class Column(Record):
    """``[[data.column]]``: one column's role, type, unit of measure, range and rule for missing values.

    ``first_treated`` holds the first treated period of the unit, in the same type as ``time``; never treated
    may be coded empty, 0, infinity or any value named in ``never``, but one coding only. ``eligible`` says who belongs
    to the agreed target group: the others are left out, may lack anything else, and are counted in the ledger.
    """

    name: Text
    role: Role
    type: Kind
    unit: Text | None = None
    outcome: Text | None = None
    """Id of the ``[[outcome]]`` this column measures (role ``outcome`` or ``count``)."""
    label: Words = Words()
    minimum: Agreed | None = None
    maximum: Agreed | None = None
    allowed: tuple[str, ...] = ()
    never: Text | None = None
    missing: Literal["refuse", "drop_row", "drop_unit"] = "refuse"


class Wide(Record):
    """``[data.wide]``: a long panel, read as the one row per unit that matching and weighting need.

    Covariates are those of ``baseline``; an outcome ``y`` is its mean over ``after``, and its values before are
    covariates called ``y.<period>``. Who has started by the first period of ``after`` is treated; who starts after the
    last, or never, is not. A unit that lacks a cell has no value there: the column's rule for missing values applies.
    """

    baseline: Period
    """The period whose covariates count, before anybody starts."""
    before: tuple[Period, ...] = ()
    """Periods whose outcomes become covariates, before anybody starts."""
    after: tuple[Period, ...] = Field(min_length=1)
    """Periods the outcome is averaged over; all who are treated have started by the first of them."""

    @model_validator(mode="after")
    def in_order(self) -> Self:
        """Periods of one kind, each once, those before the start ahead of those after it."""
        early, every = (self.baseline, *self.before), (self.baseline, *self.before, *self.after)
        if len({isinstance(period, date) for period in every}) > 1:
            message = "periods are whole numbers or dates, not both"
            raise ValueError(message)
        for name, periods in (("before", self.before), ("after", self.after)):
            if len(set(periods)) < len(periods):
                message = f"a period is named twice under {name}"
                raise ValueError(message)
        numbers = [[_number(period) for period in part] for part in (early, self.after)]
        if max(numbers[0]) >= min(numbers[1]):
            message = "baseline and every period of before must lie ahead of all periods of after"
            raise ValueError(message)
        return self

    @property
    def early(self) -> tuple[Period, ...]:
        """The periods before anybody starts, in order, each once."""
        return tuple(sorted({self.baseline, *self.before}, key=_number))

    def columns(self, long: tuple[Column, ...]) -> tuple[Column, ...]:
        """The columns of one row per unit, from those of the file; values were held against their ranges before."""
        made = []
        for column in long:
            if column.role == "first_treated":
                changed = {"role": "treated", "type": "boolean", "never": None, "missing": _by_unit(column)}
                made.append(column.model_copy(update=changed))
            elif column.role == "covariate" or column.role in MEASURED:
                made.append(_number_column(column, column.name, column.role))
            elif column.role not in {"time", "ignore"}:
                made.append(column.model_copy(update={"missing": _by_unit(column)}))
        return (
            *made,
            *(
                _number_column(column, earlier(column, period), "covariate", f", {period}")
                for column in long
                if column.role in MEASURED
                for period in self.before
            ),
        )


def earlier(column: Column, period: Period) -> str:
    """What the covariate with an outcome's value before the start is called."""
    return f"{column.name}.{period}"


def _number(period: Period) -> int:
    """A period in order among its kind."""
    return period if isinstance(period, int) else period.toordinal()


def _by_unit(column: Column) -> Literal["refuse", "drop_unit"]:
    """The rule for missing values where a row is a unit."""
    return "refuse" if column.missing == "refuse" else "drop_unit"


def _number_column(column: Column, name: str, role: Role, more: str = "") -> Column:
    """A column of numbers already checked; ``more`` is added to its label."""
    label = Words(**{lang: f"{text}{more}" for lang in ("da", "en") if (text := getattr(column.label, lang))})
    changed = {"name": name, "role": role, "type": "number", "label": label, "missing": _by_unit(column)}
    ranges = {"minimum": None, "maximum": None, "allowed": ()}
    outcome = column.outcome if role in MEASURED else None
    return column.model_copy(update={**changed, **ranges, "outcome": outcome})


class Data(Record):
    """``[data]``: source, format and columns. Everything about the format is declared, nothing is guessed."""

    source: Literal["csv", "excel", "parquet", "duckdb", "none"]
    path: Text | None = None
    """Relative to the plan's folder."""
    encoding: Text = "utf-8"
    delimiter: str = Field(default=",", min_length=1, max_length=1)
    decimal: Literal[".", ","] = "."
    thousands: Literal["", ".", ",", " "] = ""
    date_format: Text = "%Y-%m-%d"
    sheet: Text | None = None
    query: Text | None = None
    """DuckDB SQL over the tables named in ``files``; external access and extensions are off."""
    files: dict[str, str] = Field(default_factory=dict)
    """Table name → CSV or Parquet file of the plan's folder (DuckDB only)."""
    missing_codes: tuple[str, ...] = ("",)
    """Texts that mean "no value"."""
    vintage: Text | None = None
    """The rule that says which extraction of the register counts."""
    vintage_date: Day | None = None
    balance: Literal["refuse", "drop_unit", "keep"] = "refuse"
    """What to do with units that lack a period: refuse the data, drop the unit (ledger), or keep (unbalanced)."""
    column: tuple[Column, ...] = ()
    wide: Wide | None = None
    """How a long panel is read as one row per unit; the data are taken as they are when absent."""

    @property
    def read(self) -> tuple[Column, ...]:
        """The columns designs and estimators see: those of the file, or those of one row per unit."""
        return self.column if self.wide is None else self.wide.columns(self.column)


class Disclosure(Record):
    """``[disclosure]``: what may be released. ``public`` data were published already and need no minimum."""

    profile: Literal["public", "minimum_3", "minimum_5", "minimum_10"] = "minimum_5"
    counts: Literal["units", "weights"] = "units"
    """Whether a cell counts units or the people behind them (the weight column)."""

    @property
    def minimum(self) -> int:
        """Smallest cell that may be shown; 0 when there is no minimum."""
        return {"public": 0, "minimum_3": 3, "minimum_5": 5, "minimum_10": 10}[self.profile]
