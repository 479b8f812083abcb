"""One result drawn for the person who made it: its event study, or its effect with the interval."""

from __future__ import annotations

from evaltool.language.numbers import percent
from evaltool.plotting._canvas import Drawing
from evaltool.plotting._scale import Scale
from evaltool.plotting.effect import EffectPicture, EffectRow, draw_effect
from evaltool.plotting.event_study import draw_event_study
from evaltool.records.estimate import Estimate, decimal_of


def draw_result(estimate: Estimate, lang: str) -> Drawing:
    """The event study where the estimate has a path, else the effect, in the outcome's own sign and unit."""
    if estimate.path:
        return draw_event_study(estimate, estimate.unit, lang)
    interval = estimate.interval
    row = EffectRow(
        label=estimate.key.outcome,
        point=decimal_of(estimate.att),
        lower=None if interval is None else decimal_of(interval.lower),
        upper=None if interval is None else decimal_of(interval.upper),
    )
    picture = EffectPicture(
        rows=(row,),
        tiers=(),
        axis=estimate.unit,
        scale=Scale("number", estimate.unit, lang),
        level=None if interval is None else percent(interval.level, lang, 0),
        effect=estimate.kind == "effect",
    )
    return draw_effect(picture, lang)
