"""What the sections on a synthetic control read from the estimate: paths, certificate, names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from evaltool.language.numbers import p_value
from evaltool.plotting.synthetic import PathsPicture
from evaltool.records.base import Json
from evaltool.records.estimate import Estimate
from evaltool.report.telling import Telling

SYNTHETIC = "comparison"
"""Arm of the synthetic control among the estimate's series."""


def synthetic_of(telling: Telling) -> Estimate | None:
    """The headline when it is a synthetic control and may be shown."""
    estimate = telling.headline
    if telling.run.design.donors is None or estimate is None or not estimate.series:
        return None
    return estimate


def may_name(telling: Telling) -> bool:
    """Whether units may be named and drawn one by one: only where their data are public already."""
    return telling.run.plan.disclosure.profile == "public"


def treated_name(telling: Telling, estimate: Estimate) -> str:
    """The treated unit's id where it may be named, else that it is the treated unit."""
    name = table(estimate.certificate.get("treated")).get("unit")
    return name if may_name(telling) and isinstance(name, str) else telling.say("label.treated_unit")


def treated_within(telling: Telling, estimate: Estimate) -> str:
    """The treated unit as it stands inside a sentence."""
    named = may_name(telling) and isinstance(table(estimate.certificate.get("treated")).get("unit"), str)
    return treated_name(telling, estimate) if named else telling.say("label.treated_unit_within")


def paths_of(telling: Telling, estimate: Estimate) -> PathsPicture | None:
    """Observed and synthetic outcome period by period; None when the series do not hold both."""
    own = sorted((p for p in estimate.series if p.arm != SYNTHETIC), key=lambda p: p.period)
    made = sorted((p for p in estimate.series if p.arm == SYNTHETIC), key=lambda p: p.period)
    facts = telling.run.design.donors
    if facts is None or not own or [p.period for p in own] != [p.period for p in made]:
        return None
    start = next((place for place, point in enumerate(own) if point.period >= facts.start), 0)
    if not start:
        return None
    return PathsPicture(
        labels=tuple(p.label for p in own),
        observed=tuple(p.mean for p in own),
        synthetic=tuple(p.mean for p in made),
        start=start,
        unit=telling.unit,
        name=treated_name(telling, estimate),
        effect=estimate.att,
    )


def rank_words(telling: Telling, estimate: Estimate) -> dict[str, str] | None:
    """The treated unit's place among all units, its p-value and how small that could be; None where not to be shown."""
    found = table(estimate.certificate.get("permutation"))
    place, units, p = (figure_of(found, key) for key in ("place", "units", "p_value"))
    finest = figure_of(estimate.conventions, "permutation_resolution")
    if place is None or units is None or p is None or finest is None or telling.hides_donors("donors"):
        return None
    return {
        "name": treated_within(telling, estimate),
        "place": telling.number(round(place)),
        "units": telling.number(round(units)),
        "placebos": telling.number(round(units) - 1),
        "p": p_value(p, telling.lang),
        "resolution": telling.number(finest, 3),
    }


def capital(text: str) -> str:
    """The text as it begins a sentence."""
    return text[:1].upper() + text[1:]


def table(value: Json) -> Mapping[str, Json]:
    """A JSON value as a table; empty when it is none."""
    return value if isinstance(value, dict) else {}


def rows(value: Json) -> Sequence[Json]:
    """A JSON value as a list; empty when it is none."""
    return value if isinstance(value, list) else []


def figure_of(values: Mapping[str, Json], key: str) -> float | None:
    """A number of a table; None when it is not there."""
    value = values.get(key)
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
