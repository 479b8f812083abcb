"""What one call of a counterfactual method asks, shared by the methods with donors and those of one history."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from evaltool.errors import Fault, Place
from evaltool.records.plan.analysis import Option

LEVELS = (0.5, 0.9999)


@dataclass(frozen=True, slots=True)
class Ask:
    """What one call asks: method, columns, inference and options."""

    name: str
    outcome: str
    unit: str
    time: str
    inference: str
    options: Mapping[str, Option] = field(default_factory=dict)
    covariates: tuple[str, ...] = ()
    level: float = 0.95
    seed: int = 1
    inferences: tuple[str, ...] = ("placebo", "conformal")
    breaks: tuple[int | str, ...] = ()
    validity: tuple[dict[str, Option], ...] = ()


def stated(name: str, value: float | None) -> dict[str, Option]:
    """A number as a plan would state it; nothing when it was not given."""
    return {} if value is None else {name: Decimal(repr(float(value)))}


def level_fault(level: object, name: str) -> list[Fault]:
    """A confidence level a plan could not state."""
    if isinstance(level, int | float) and not isinstance(level, bool) and LEVELS[0] <= level <= LEVELS[1]:
        return []
    cause = f"level is {level!r}, not a number from {LEVELS[0]} to {LEVELS[1]}."
    return [Fault("USAGE_BAD_ARGUMENT", cause, "Write level=0.95, say.", Place(key=f"{name}.level"))]
