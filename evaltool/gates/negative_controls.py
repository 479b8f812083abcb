"""The gate that looks for an effect where there can be none: on outcomes the intervention cannot have moved.

The headline is estimated again with each of ``outcomes`` in the place of its own outcome: same design, same options.
An effect there shows a difference between the groups that the design left (Lipsitch, Tchetgen Tchetgen & Cohen 2010).
Statistic: controls whose interval leaves out zero, each at the level 1 − (1 − level)/k so that k controls together keep
the plan's (Bonferroni); threshold 0. None: PASS. Any: REVIEW with NEGATIVE_CONTROL. A control without a standard error,
or one that cannot be estimated, or no control named: CANNOT_TELL.

Runs where a contract names it; ``outcomes`` are ids of ``[[outcome]]`` that no rule pays on.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal

from evaltool.errors import EvaltoolError, Fault, Place, RunError, did_you_mean
from evaltool.gates._common import Finding, Measure, answer, counted, level_of
from evaltool.gates._matched import for_units
from evaltool.language.numbers import number
from evaltool.numerics.inference import InferenceRule, infer
from evaltool.records.base import Json, Record, Words
from evaltool.records.estimate import Estimate
from evaltool.records.gate import GateResult, Verdict
from evaltool.records.plugins import GateContext, GatePlugin

MEASURE = Measure(
    name="negative_controls",
    reason="NEGATIVE_CONTROL",
    statistic=Words(da="kontroludfald, der viser en effekt", en="control outcomes that show an effect"),
    unit=Words(da="kontroludfald", en="control outcomes"),
    source=Words(
        da="Lipsitch, Tchetgen Tchetgen & Cohen (2010); niveauet deles mellem kontrollerne (Bonferroni)",
        en="Lipsitch, Tchetgen Tchetgen & Cohen (2010); the level is shared among the controls (Bonferroni)",
    ),
)


class Options(Record):
    """``outcomes``: ids of outcomes that the intervention cannot have moved."""

    outcomes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Control:
    """One control's estimate, or why there is none; ``lower`` and ``upper`` at the shared level."""

    outcome: str
    effect: float | None
    se: float | None
    lower: float | None
    upper: float | None
    p_value: float | None

    @property
    def moved(self) -> bool:
        """Whether the interval leaves out zero."""
        return self.lower is not None and self.upper is not None and not self.lower <= 0.0 <= self.upper


def check(context: GateContext) -> GateResult:
    """PASS when no control shows an effect. Raises RunError for an outcome that is paid on or not in the data."""
    named = Options.model_validate(context.options).outcomes
    if not named:
        nothing = Words(da="Aftalen nævner intet kontroludfald.", en="The contract names no control outcome.")
        return answer(context, MEASURE, Finding(verdict="CANNOT_TELL", sentence=nothing))
    _check_named(context, named)
    controls = [_control(context, name, len(named)) for name in named]
    moved = [one for one in controls if one.moved]
    unknown = [one for one in controls if one.lower is None]
    verdict: Verdict = "REVIEW" if moved else "CANNOT_TELL" if unknown else "PASS"
    rows: list[Json] = [
        {
            "outcome": one.outcome,
            "effect": one.effect,
            "se": one.se,
            "lower": one.lower,
            "upper": one.upper,
            "p_value": one.p_value,
        }
        for one in controls
    ]
    evidence: dict[str, Json] = {"controls": rows, "level": _level(context, len(named))}
    sentence = Words(**{lang: _sentence(context, controls, lang) for lang in ("da", "en")})
    return answer(context, MEASURE, Finding(verdict, sentence, float(len(moved)), 0.0, evidence))


def _check_named(context: GateContext, named: tuple[str, ...]) -> None:
    """Refuse outcomes that are unknown, the headline's own or paid on, and one named twice. Raises RunError."""
    known = () if context.panel is None else context.panel.outcomes
    paid = {context.headline.key.outcome, *(rule.outcome for rule in context.plan.payment.rule)}
    faults = []
    for name in named:
        place = Place(key="gate negative_controls.options.outcomes")
        if name not in known:
            cause = f"The data have no outcome '{name}'."
            fix, near = f"Known outcomes: {', '.join(known) or 'none'}.", did_you_mean(name, list(known))
            faults.append(Fault("RUN_CONTROL_OUTCOME", cause, fix, place, suggestion=near))
        elif name in paid or named.count(name) > 1:
            cause = f"Outcome '{name}' is paid on, or named twice: it is no control."
            faults.append(Fault("RUN_CONTROL_OUTCOME", cause, "Name outcomes that cannot have moved.", place))
    if faults:
        raise RunError(faults)


def _level(context: GateContext, controls: int) -> float:
    """The level of each interval."""
    share = (1 - Decimal(str(level_of(context)))) / controls
    return float(1 - share)


def _control(context: GateContext, name: str, controls: int) -> Control:
    """The headline estimated on another outcome."""
    panel, own = context.panel, context.headline.key.outcome
    if panel is None or context.refit is None:
        return Control(name, None, None, None, None, None)
    frame = panel.frame.assign(**{f"y.{own}": panel.frame[f"y.{name}"]})
    try:
        found: Estimate = context.refit(replace(panel, frame=frame))
    except EvaltoolError:
        return Control(name, None, None, None, None, None)
    if found.se is None:
        return Control(name, found.att, None, None, None, None)
    rule = InferenceRule(level=_level(context, controls), sides="two", df=found.df)
    told = infer(found.att, found.se, rule)
    return Control(name, found.att, found.se, told.lower, told.upper, told.p_value)


def _sentence(context: GateContext, controls: list[Control], lang: str) -> str:
    """How many show an effect, and which."""
    moved = [context.plan.outcome_named(one.outcome).title.in_language(lang) for one in controls if one.moved]
    unknown = sum(one.lower is None for one in controls)
    if lang == "da":
        told = f"{number(len(moved), 'da')} af {counted(len(controls), 'controls', 'da')} viser en effekt"
        told += f" ({'; '.join(moved)})" if moved else ""
        return told + (f"; {number(unknown, 'da')} kunne ikke beregnes." if unknown else ".")
    told = f"{number(len(moved), 'en')} of {counted(len(controls), 'controls', 'en')} show an effect"
    told += f" ({'; '.join(moved)})" if moved else ""
    return told + (f"; {number(unknown, 'en')} could not be estimated." if unknown else ".")


PLUGIN = GatePlugin(
    name="negative_controls",
    order=53,
    consequence="review",
    options=Options,
    default_on=False,
    source=MEASURE.source,
    applies=for_units,
    check=check,
)
