"""What the gates on synthetic controls share: figures from the estimate's own account of itself."""

from __future__ import annotations

from evaltool.gates._common import Finding, Measure, answer
from evaltool.records.base import Json, Words
from evaltool.records.gate import GateResult
from evaltool.records.plugins import GateContext


def figure_of(context: GateContext, name: str) -> float | None:
    """A convention of the headline that is a number, or None."""
    return as_number(context.headline.conventions.get(name))


def as_number(value: Json) -> float | None:
    """A value that is a number, or None; truth values are none."""
    return float(value) if isinstance(value, float | int) and not isinstance(value, bool) else None


def no_synthetic_control(context: GateContext, measure: Measure) -> GateResult:
    """CANNOT_TELL: the estimate left no account of a synthetic control."""
    missing = Words(
        da="Beregningen har ikke oplyst de tal, som kontrollen bygger på.",
        en="The estimate has not stated the figures this check rests on.",
    )
    return answer(context, measure, Finding(verdict="CANNOT_TELL", sentence=missing))
