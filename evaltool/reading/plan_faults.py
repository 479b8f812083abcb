"""Faults that several tables can have: a repeated id, reversed dates, a name that nothing carries."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import date

from evaltool.errors import Fault, Place, did_you_mean
from evaltool.records.plan.evaluation_plan import EvaluationPlan


def repeated(values: Sequence[str], table: str, key: str) -> list[Fault]:
    """A fault at every later use of a value that must be unique."""
    seen: Counter[str] = Counter()
    faults: list[Fault] = []
    for number, value in enumerate(values):
        seen[value] += 1
        if seen[value] > 1:
            faults.append(
                Fault(
                    code="PLAN_DUPLICATE_ID",
                    cause=f"'{value}' is used more than once as {key} in [[{table}]].",
                    fix="Give each its own.",
                    place=Place(key=f"{table}[{number}].{key}"),
                )
            )
    return faults


def order(first: date, last: date, keys: tuple[str, str]) -> list[Fault]:
    """A fault when ``last`` lies before ``first``."""
    if first <= last:
        return []
    return [
        Fault(
            code="PLAN_DATES_REVERSED",
            cause=f"{keys[1]} ({last}) lies before {keys[0]} ({first}).",
            fix="Correct one of the two dates.",
            place=Place(key=keys[1]),
        )
    ]


def known_outcome(plan: EvaluationPlan, name: str, key: str) -> list[Fault]:
    """A fault when no ``[[outcome]]`` has this id."""
    known = [outcome.id for outcome in plan.outcome]
    if name in known:
        return []
    return [
        Fault(
            code="PLAN_UNKNOWN_OUTCOME",
            cause=f"No [[outcome]] has the id '{name}'.",
            fix=f"Use one of: {', '.join(known)}.",
            place=Place(key=key),
            suggestion=did_you_mean(name, known),
        )
    ]


def known_specification(name: str, known: Sequence[str], key: str) -> list[Fault]:
    """A fault when no specification has this id."""
    if name in known:
        return []
    return [
        Fault(
            code="PLAN_UNKNOWN_SPECIFICATION",
            cause=f"No [[sensitivity]] has the id '{name}'.",
            fix=f"Use one of: {', '.join(known)}." if known else "Add the [[sensitivity]] that was agreed.",
            place=Place(key=key),
            suggestion=did_you_mean(name, known),
        )
    ]
