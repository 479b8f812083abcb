"""Where the data are and what every column means: ``[data]``, and ``[disclosure]``."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

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


class Disclosure(Record):
    """``[disclosure]``: what may be released. ``public`` data were published already and need no minimum."""

    profile: Literal["public", "minimum_3", "minimum_5", "minimum_10"] = "minimum_5"
    counts: Literal["units", "weights"] = "units"
    """Whether a cell counts units or the people behind them (the weight column)."""

    @property
    def minimum(self) -> int:
        """Smallest cell that may be shown; 0 when there is no minimum."""
        return {"public": 0, "minimum_3": 3, "minimum_5": 5, "minimum_10": 10}[self.profile]
