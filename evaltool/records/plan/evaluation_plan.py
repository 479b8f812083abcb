"""The whole plan and the faults that only show when tables are read together."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, PrivateAttr

from evaltool.records.base import Record, seal_of, stated, whole
from evaltool.records.plan.analysis import (
    Design,
    Estimand,
    Estimator,
    Fallback,
    Gate,
    Inference,
    Outcome,
    Sensitivity,
)
from evaltool.records.plan.data import Column, Data, Disclosure, Role
from evaltool.records.plan.money import BudgetGain, Expectation, Investment, Prior
from evaltool.records.plan.payment import Payment
from evaltool.records.plan.programme import Governance, Parties, Population, Programme
from evaltool.records.variation import Variation

SCHEMA_VERSION = 1


class EvaluationPlan(Record):
    """Everything agreed before outcomes are known. Its seal is the sha256 of its canonical JSON.

    Valid in itself at birth: every table obeys its own model. What needs several tables (an outcome that no
    ``[[outcome]]`` defines, shares that do not sum to one) is found by ``reading.plan_rules`` with the line of
    each fault, before any record is handed out by ``read_plan``.
    """

    schema_version: Annotated[Literal[1], BeforeValidator(whole)] = Field(alias="schema")
    programme: Programme
    parties: Parties
    population: Population
    data: Data
    outcome: tuple[Outcome, ...] = Field(min_length=1)
    estimand: Estimand
    design: Design
    estimator: Estimator
    inference: Inference = Inference()
    gate: tuple[Gate, ...] = ()
    fallback: tuple[Fallback, ...] = ()
    payment: Payment
    budget_gain: tuple[BudgetGain, ...] = ()
    investment: Investment | None = None
    prior: tuple[Prior, ...] = ()
    expectation: tuple[Expectation, ...] = ()
    sensitivity: tuple[Sensitivity, ...] = ()
    disclosure: Disclosure = Disclosure()
    governance: Governance
    _path: Path | None = PrivateAttr(default=None)
    _base: EvaluationPlan | None = PrivateAttr(default=None)
    _variations: tuple[Variation, ...] = PrivateAttr(default=())

    def read_from(self, path: Path) -> EvaluationPlan:
        """The same plan, remembering the file it came from (not part of the seal)."""
        plan = self.model_copy()
        plan._path = path  # noqa: SLF001 - its own private attribute on its own copy
        return plan

    def without_file(self) -> EvaluationPlan:
        """The same plan without the file it came from: nothing in it leads to the data."""
        plan = self.model_copy()
        plan._path = None  # noqa: SLF001 - same
        return plan

    @property
    def path(self) -> Path | None:
        """The file this plan was read from; data paths are relative to its folder."""
        return self._path

    def varied_by(self, base: EvaluationPlan, chain: tuple[Variation, ...]) -> EvaluationPlan:
        """The same plan, remembering the plan in its file and the variations that lead from there (not sealed)."""
        plan = self.model_copy()
        plan._base, plan._variations = base, chain  # noqa: SLF001 - same
        return plan

    @property
    def base(self) -> EvaluationPlan:
        """The plan as its file states it, before any variation."""
        return self if self._base is None else self._base

    @property
    def variations(self) -> tuple[Variation, ...]:
        """The signed changes beside the file that are in force in this plan, in order."""
        return self._variations

    @property
    def seal(self) -> str:
        """Hexadecimal sha256 of the canonical JSON of what the plan states.

        A field left at its default is left out, whether it was written or not: tables that later versions add do not
        break the seals of plans that never used them.
        """
        return seal_of(stated(self))

    def columns(self, role: Role) -> tuple[Column, ...]:
        """The columns with ``role`` as designs and estimators see them, in the plan's order."""
        return tuple(column for column in self.data.read if column.role == role)

    def column(self, role: Role) -> Column | None:
        """The first of the columns with ``role``, or None."""
        found = self.columns(role)
        return found[0] if found else None

    def prior_of(self, outcome_id: str) -> Prior | None:
        """What was believed of an outcome's effect beforehand, or None."""
        return next((prior for prior in self.prior if prior.outcome == outcome_id), None)

    def outcome_named(self, outcome_id: str) -> Outcome:
        """The outcome with this id. Raises KeyError when none has it."""
        for outcome in self.outcome:
            if outcome.id == outcome_id:
                return outcome
        raise KeyError(outcome_id)

    def outcome_column(self, outcome_id: str) -> Column | None:
        """The data column that measures the outcome, or None."""
        found = [c for c in self.data.column if c.role in {"outcome", "count"}]
        named = [c for c in found if c.outcome == outcome_id]
        if named:
            return named[0]
        unnamed = [c for c in found if c.outcome is None]
        return unnamed[0] if len(unnamed) == 1 and len(self.outcome) == 1 else None
