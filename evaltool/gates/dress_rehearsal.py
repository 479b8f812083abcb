"""The gate that rehearses the design on the time before the start: with no effect, and with the contract's put in.

A start is pretended in the time before the real one (as the placebo in time), the design is built and the effect
estimated twice on real data: as they are, and with the contract's effect added to the treated units' outcomes from
the pretended start on. The contract's effect is the smallest payment threshold above zero; without one, the size of
the effect found. Statistic: what is found where there is none, on the estimand's scale. Less than ``share`` (a half)
of the contract's effect: PASS, for what is found is then nearer to the truth than to the other case. Else REVIEW with
PLACEBO_FAIL. No history, or a refusal: CANNOT_TELL.

Sources: own proposal; in-time placebos after Abadie, Diamond & Hainmueller (2015), added effects after the practice of
power analyses by simulation.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated

import numpy as np
from pydantic import Field

from evaltool.errors import EvaltoolError
from evaltool.gates._common import Finding, Measure, answer, effect_of, effect_text, effect_unit, finite
from evaltool.gates._matched import DONORS, for_donors
from evaltool.gates.placebo_in_time import Placebo, earlier
from evaltool.records.base import Exact, Json, Record, Words
from evaltool.records.gate import GateResult, Verdict
from evaltool.records.panel import Panel
from evaltool.records.plugins import GateContext, GatePlugin

MEASURE = Measure(
    name="dress_rehearsal",
    reason="PLACEBO_FAIL",
    statistic=Words(da="effekt fundet, hvor ingen er", en="effect found where there is none"),
    unit=Words(da="effekt", en="effect"),
    source=Words(
        da="Eget forslag: mindre end halvdelen af kontraktens effekt, ellers vurderes det af en person",
        en="Own proposal: less than half of the contract's effect, else it is reviewed",
    ),
)


class Options(Record):
    """Share of the contract's effect that may be found where there is none, and periods of pretended treatment."""

    share: Annotated[Exact, Field(gt=0, le=1)] = Decimal("0.5")
    periods: int | None = Field(default=None, ge=1)


def injected(placebo: Placebo, outcome: str, effect: float, *, relative: bool) -> Panel:
    """The pretended panel with ``effect`` added to treated outcomes (times 1 + ``effect``, where ``relative``)."""
    frame, column = placebo.panel.frame, f"y.{outcome}"
    treated = (frame["period"] >= frame["first_treated"]).to_numpy(dtype=bool)
    values = frame[column].to_numpy(dtype=np.float64)
    changed = values * (1.0 + effect) if relative else values + effect
    return placebo.panel.with_frame(frame.assign(**{column: np.where(treated, changed, values)}))


def check(context: GateContext) -> GateResult:
    """PASS or REVIEW from what is found without an effect; both findings stand in the sentence."""
    options = Options.model_validate(context.options)
    anticipation = int(getattr(context.plan.estimator, "options", {}).get("anticipation", 0))
    placebo = None if context.panel is None else earlier(context.panel, anticipation, options.periods)
    wanted = min((t for t in context.thresholds if t > 0.0), default=abs(effect_of(context).value))
    if placebo is None or context.panel is None or context.refit is None or not wanted > 0.0:
        return _impossible(context, {})
    outcome = context.plan.outcome_named(context.headline.key.outcome)
    relative = context.plan.estimand.scale == "relative"
    signed = wanted if outcome.direction == "increase" else -wanted
    facts: dict[str, Json] = {"start": context.panel.label(placebo.start), "periods": placebo.periods, "effect": wanted}
    try:
        none = effect_of(context, context.refit(placebo.panel)).value
        found = effect_of(context, context.refit(injected(placebo, outcome.id, signed, relative=relative))).value
    except EvaltoolError as error:
        return _impossible(context, facts | {"codes": [*error.codes]})
    allowed = float(options.share) * wanted
    if not finite(none, found, allowed):
        return _impossible(context, facts)
    verdict: Verdict = "PASS" if abs(none) < allowed else "REVIEW"
    da, en = (
        {name: effect_text(context, value, lang) for name, value in (("n", none), ("f", found), ("w", wanted))}
        for lang in ("da", "en")
    )
    sentence = Words(
        da=f"Med en opdigtet start i {facts['start']} findes {da['n']}, hvor ingen effekt er, og {da['f']}, hvor "
        f"kontraktens effekt på {da['w']} er lagt ind.",
        en=f"With a pretended start in {facts['start']} the design finds {en['n']} where there is no effect, and "
        f"{en['f']} where the contract's effect of {en['w']} was put in.",
    )
    evidence = facts | {"without": none, "with": found, "share": str(options.share)}
    finding = Finding(
        verdict, sentence, statistic=abs(none), threshold=allowed, evidence=evidence, unit=effect_unit(context)
    )
    return answer(context, MEASURE, finding)


def _impossible(context: GateContext, facts: dict[str, Json]) -> GateResult:
    """CANNOT_TELL: the design cannot be rehearsed."""
    why = Words(
        da="Der kan ikke holdes generalprøve: der er for få perioder før start, eller analysen afviste dem.",
        en="No dress rehearsal: there are too few periods before the start, or the analysis refused them.",
    )
    return answer(context, MEASURE, Finding(verdict="CANNOT_TELL", sentence=why, evidence=facts))


PLUGIN = GatePlugin(
    name="dress_rehearsal",
    order=47,
    consequence="review",
    options=Options,
    default_on=True,
    source=MEASURE.source,
    applies=for_donors,
    check=check,
    families=DONORS,
)
