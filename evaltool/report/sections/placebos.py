"""Whether the gap could be chance: every donor taken as treated, an earlier start, and one donor left out at a time."""

from __future__ import annotations

from collections.abc import Mapping

from evaltool.plotting.synthetic_placebos import PlaceboLine, PlacebosPicture, draw_placebos, draw_ratios
from evaltool.records.base import Json
from evaltool.records.estimate import Estimate
from evaltool.report.blocks import Block, Prose
from evaltool.report.section import Section
from evaltool.report.sections._synthetic import (
    capital,
    figure_of,
    may_name,
    paths_of,
    rank_words,
    rows,
    synthetic_of,
    table,
)
from evaltool.report.telling import Telling


def build(telling: Telling) -> tuple[Block, ...]:
    """Sentences, and figures where units may be drawn one by one; nothing for other methods."""
    estimate = synthetic_of(telling)
    if estimate is None:
        return ()
    sentences = [text for text in (_rank(telling, estimate), _earlier(telling, estimate)) if text]
    sentences += [text for text in (_without(telling, estimate),) if text]
    picture = _picture(telling, estimate) if may_name(telling) else None
    if picture is None:
        hidden = telling.tell("text.donors_hidden")
        return (Prose(text="\n\n".join([*sentences, hidden])),) if sentences else ()
    return (
        *((Prose(text="\n\n".join(sentences)),) if sentences else ()),
        telling.figure(draw_placebos(picture, telling.lang)),
        telling.figure(draw_ratios(picture, telling.lang)),
    )


def _rank(telling: Telling, estimate: Estimate) -> str:
    """The treated unit's place among all, its p-value, and how small that could be."""
    words = rank_words(telling, estimate)
    if words is None:
        return ""
    values = {**words, "name": capital(words["name"])}
    return telling.tell("text.placebos_lead", values)


def _earlier(telling: Telling, estimate: Estimate) -> str:
    """The effect of a pretended start before the real one."""
    found = table(estimate.certificate.get("placebo_in_time"))
    start, effect = figure_of(found, "start"), figure_of(found, "effect")
    labels = {point.period: point.label for point in estimate.series}
    if start is None or effect is None or round(start) not in labels:
        return ""
    values = {
        "start": labels[round(start)],
        "effect": telling.number(effect),
        "unit": telling.unit,
        "headline": telling.number(estimate.att),
    }
    return telling.tell("text.placebos_time", values)


def _without(telling: Telling, estimate: Estimate) -> str:
    """Smallest and largest effect without one donor."""
    ends = [figure_of(estimate.conventions, f"leave_one_out_{end}") for end in ("lower", "upper")]
    if ends[0] is None or ends[1] is None:
        return ""
    values = {"low": telling.number(ends[0]), "high": telling.number(ends[1]), "unit": telling.unit}
    return telling.tell("text.placebos_without", values)


def _picture(telling: Telling, estimate: Estimate) -> PlacebosPicture | None:
    """The treated unit and every donor taken as treated; None when the certificate does not hold them."""
    paths = paths_of(telling, estimate)
    if paths is None:
        return None
    own_gaps = tuple(seen - made for seen, made in zip(paths.observed, paths.synthetic, strict=True))
    gaps = table(estimate.certificate.get("placebo_gaps"))
    treated = _line(paths.name, table(estimate.certificate.get("treated")), own_gaps)
    others = []
    for entry in rows(estimate.certificate.get("placebos")):
        found = table(entry)
        name = found.get("unit")
        line = _line(str(name), found, _numbers(gaps.get(str(name))))
        if line is not None and len(line.gaps) == len(paths.labels):
            others.append(line)
    if treated is None or not others:
        return None
    return PlacebosPicture(
        treated=treated, others=tuple(others), labels=paths.labels, start=paths.start, unit=telling.unit
    )


def _line(name: str, found: Mapping[str, Json], gaps: tuple[float, ...]) -> PlaceboLine | None:
    """One unit taken as treated; None when its figures are not there."""
    error, ratio = figure_of(found, "rmspe_before"), figure_of(found, "ratio")
    return None if error is None or ratio is None else PlaceboLine(name, gaps, error, ratio)


def _numbers(value: Json) -> tuple[float, ...]:
    """A JSON list as numbers."""
    return tuple(float(v) for v in rows(value) if isinstance(v, int | float) and not isinstance(v, bool))


SECTION = Section("placebos", build)
