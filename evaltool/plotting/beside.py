"""Several methods' figures of one effect below one another, the primary marked: for the person who made them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal

from evaltool.language.numbers import percent
from evaltool.language.words import Voice
from evaltool.plotting._canvas import Drawing
from evaltool.plotting._scale import Scale
from evaltool.plotting.effect import EffectPicture, EffectRow, draw_effect
from evaltool.records.estimate import Estimate


def draw_beside(estimates: Mapping[str, Estimate], primary: str, lang: str) -> Drawing:
    """Point and interval of every method in the outcome's own sign and unit; ``primary`` is one of them."""
    voice, unit = Voice(lang), estimates[primary].unit
    levels = {e.interval.level for e in estimates.values() if e.interval is not None}
    rows = tuple(_row(voice, e, decisive=name == primary) for name, e in estimates.items())
    level = percent(max(levels), lang, 0) if levels else None
    picture = EffectPicture(rows, (), unit, Scale("number", unit, lang), level, placebos=not levels)
    return replace(draw_effect(picture, lang), name="beside", caption=voice.say("text.sensitivity_beside_figure"))


def _row(voice: Voice, estimate: Estimate, *, decisive: bool) -> EffectRow:
    """One method by its name."""
    key, ends = f"method.{estimate.method}", estimate.interval
    return EffectRow(
        label=voice.say(key) if voice.says(key) else estimate.method,
        point=Decimal(repr(estimate.att)),
        lower=None if ends is None else Decimal(repr(ends.lower)),
        upper=None if ends is None else Decimal(repr(ends.upper)),
        decisive=decisive,
    )
