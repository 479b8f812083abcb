"""What a panel is made of, whether a plan or a call of the direct road says so."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from evaltool.records.plan.data import Column, Data, Role, Wide
from evaltool.records.plan.evaluation_plan import EvaluationPlan

NOBODY_ELSE = frozenset({"history.series", "history.rate"})
"""Designs whose comparison is the past or an agreed rate: the data may hold the treated alone."""


@dataclass(frozen=True, slots=True)
class Signs:
    """How numbers, dates and missing values are written."""

    decimal: str = "."
    thousands: str = ""
    date_format: str = "%Y-%m-%d"
    missing_codes: tuple[str, ...] = ("",)


@dataclass(frozen=True, slots=True)
class PanelSpec:
    """Columns with their roles, and what is required of the whole."""

    columns: tuple[Column, ...]
    outcomes: tuple[str, ...]
    """Outcome id of every column with the role ``outcome`` or ``count``, in their order."""
    source: str
    balance: Literal["refuse", "drop_unit", "keep"] = "refuse"
    needs_comparison: bool = False
    """Whether somebody must be treated and somebody must not be."""
    signs: Signs = Signs()
    wide: Wide | None = None
    """How a long panel is to be read as one row per unit."""

    def column(self, role: Role) -> Column | None:
        """The first column with the role, or None."""
        return next((column for column in self.columns if column.role == role), None)


def signs_of(data: Data) -> Signs:
    """The signs a plan's ``[data]`` declares."""
    return Signs(data.decimal, data.thousands, data.date_format, data.missing_codes)


def spec_of(plan: EvaluationPlan) -> PanelSpec:
    """What the plan says its panel is made of."""
    columns = tuple(column for column in plan.data.column if column.role != "ignore")
    only = plan.outcome[0].id
    return PanelSpec(
        columns=columns,
        outcomes=tuple(column.outcome or only for column in columns if column.role in {"outcome", "count"}),
        source=plan.data.source,
        balance=plan.data.balance,
        needs_comparison=plan.estimand.target != "NONE" and plan.design.method not in NOBODY_ELSE,
        signs=signs_of(plan.data),
        wide=plan.data.wide,
    )
