"""Every count a run releases, by name, and the additions a reader can make between the tables.

Names (``numerics.disclosure.name_of``): ``arm:treated``, ``arm:comparison``, ``all:analysed``, ``all:submitted``,
``dropped:<arm>``, ``cohort:<start>`` and ``cohort:never``, ``group:<start>:<arm>``, ``cell:<start>:<period>:<arm>``,
``event:<event time>:<arm>``, ``calendar:<period>:<arm>``, ``series:<arm>:<period>``. Counts of estimates other than
the headline carry the estimate's key behind a ``@``: ``arm:treated@absence/c1/primary``. What a matched or donor
design adds stands in ``_released_design``.

Where the plan counts people (``disclosure.counts = "weights"``) a cohort counts the sum of its unit weights; a table
that knows only its number of units counts the sum of that many *smallest* weights of the arm, which is never more than
the truth.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import numpy as np

from evaltool.gates._released_counts import ARMS, Released
from evaltool.gates._released_design import data_counts, donor_counts, left_out_counts, matching_counts
from evaltool.numerics.disclosure import name_of
from evaltool.records.design import Design
from evaltool.records.estimate import Element, Estimate
from evaltool.records.evidence import EstimateKey
from evaltool.records.panel import Panel


def released(
    design: Design,
    estimates: Mapping[EstimateKey, Estimate],
    headline: Estimate,
    *,
    weights: bool,
    panel: Panel | None = None,
) -> Released:
    """All released counts of a run. ``panel`` tells how many units the data hold, and who has which covariate."""
    out = Released()
    size = _sizes(design) if weights else (lambda _arm, units: float(units))
    _design(out, design, weights=weights)
    for key, estimate in estimates.items():
        _estimate(out, estimate, "" if key == headline.key else f"@{key}", size, weights=weights)
    _relate_design(out, design, estimates, headline)
    left_out_counts(out, design)
    matching_counts(out, design, estimates, panel)
    donor_counts(out, design)
    if panel is not None:
        data_counts(out, design, panel)
    return out


def _sizes(design: Design) -> Callable[[str, int], float]:
    """(arm, units) → the least number of people that many units of the arm can stand for."""
    if design.roster is None:
        return lambda _arm, units: float(units)
    treated = np.isfinite(design.roster["first_treated"].to_numpy(dtype=np.float64))
    weight = design.roster["weight"].to_numpy(dtype=np.float64)
    least = {
        "treated": np.cumsum(np.sort(weight[treated])),
        "comparison": np.cumsum(np.sort(weight)),
    }  # later-treated units may serve as comparison

    def size(arm: str, units: int) -> float:
        sums = least[arm]
        return 0.0 if units <= 0 or not len(sums) else float(sums[min(units, len(sums)) - 1])

    return size


def _design(out: Released, design: Design, *, weights: bool) -> None:
    """Cohorts, and units left out by arm."""
    for cohort in design.summary.cohorts:
        name = name_of("cohort", "never" if cohort.start is None else cohort.start)
        out.add(name, out.counts.get(name, 0.0) + (cohort.weight if weights else cohort.units))
    for entry in design.ledger.entries:
        if entry.what == "unit":
            name = name_of("dropped", entry.arm)
            out.add(name, out.counts.get(name, 0.0) + entry.count)


def _estimate(
    out: Released, estimate: Estimate, suffix: str, size: Callable[[str, int], float], *, weights: bool
) -> None:
    """Arms, cells, event times, groups, calendar periods and series of one estimate."""
    counts = estimate.counts
    people = {"treated": counts.treated_weight, "comparison": counts.comparison_weight}
    units = {"treated": counts.treated, "comparison": counts.comparison}
    for arm in ARMS:
        known, number = people[arm] if weights else None, units[arm]
        if known is None and number is not None:
            known = size(arm, number)
        if known is not None:
            out.add(name_of("arm", arm) + suffix, known)
    for elements in (estimate.cells, estimate.path, estimate.groups, estimate.calendar):
        for element in elements:
            for arm, number in zip(ARMS, (element.n_treated, element.n_comparison), strict=True):
                if number is not None:
                    out.add(_element_name(element, arm) + suffix, size(arm, number))
    for point in estimate.series:
        arm = "comparison" if point.arm == "comparison" else "treated"
        out.add(name_of("series", point.arm, point.period) + suffix, size(arm, point.units))
    _relate_cells(out, estimate, suffix)


def _element_name(element: Element, arm: str) -> str:
    """``cell:2004:2006:treated``, ``event:-1:treated``, ``group:2004:treated``, ``calendar:2006:treated``."""
    if element.kind == "cell" and element.group is not None:
        return name_of("cell", element.group, element.element, arm)
    return name_of(element.kind, element.element, arm)


def _relate_cells(out: Released, estimate: Estimate, suffix: str) -> None:
    """A cohort counts the same in each table; event times and calendar periods add up cohorts."""
    events: dict[int, list[str]] = {}
    calendar: dict[int, list[str]] = {}
    for cell in estimate.cells:
        if cell.group is None:
            continue
        cohort = name_of("cohort", cell.group)
        out.relate(cohort, [_element_name(cell, "treated") + suffix])
        events.setdefault(cell.element - cell.group, []).append(cohort)
        if cell.element >= cell.group:
            calendar.setdefault(cell.element, []).append(cohort)
    for event, parts in events.items():
        out.relate(name_of("event", event, "treated") + suffix, parts)
    for period, parts in calendar.items():
        out.relate(name_of("calendar", period, "treated") + suffix, parts)
    for group in estimate.groups:
        out.relate(name_of("cohort", group.element), [_element_name(group, "treated") + suffix])


def _relate_design(
    out: Released, design: Design, estimates: Mapping[EstimateKey, Estimate], headline: Estimate
) -> None:
    """Cohorts add up to arms and comparisons, arms to all analysed, analysed and dropped to all submitted."""
    starts = sorted({c.start for c in design.summary.cohorts if c.start is not None})
    never = [name_of("cohort", "never")] if name_of("cohort", "never") in out.counts else []
    later = [[*(name_of("cohort", s) for s in starts if s > start), *never] for start in (-math.inf, *starts)]
    labels = {c.label: name_of("cohort", "never" if c.start is None else c.start) for c in design.summary.cohorts}
    for key, estimate in estimates.items():
        suffix = "" if key == headline.key else f"@{key}"
        paid = {c.group for c in estimate.cells if c.group is not None and c.weight} or set(starts)
        out.relate(name_of("arm", "treated") + suffix, [name_of("cohort", s) for s in starts if s in paid])
        out.relate(
            name_of("arm", "comparison") + suffix, [*(name_of("cohort", s) for s in starts if s not in paid), *never]
        )
        for element in (*estimate.cells, *estimate.path, *estimate.groups, *estimate.calendar):
            out.relate_first(_element_name(element, "comparison") + suffix, later)
        for point in estimate.series:
            name = name_of("series", point.arm, point.period) + suffix
            arm = name_of("arm", point.arm) + suffix
            out.relate_first(name, [[labels.get(point.arm, name)], never if point.arm == "comparison" else [], [arm]])
    if design.summary.submitted_units:
        out.add(name_of("all", "analysed"), design.summary.analysed_units)
        out.add(name_of("all", "submitted"), design.summary.submitted_units)
        out.relate(name_of("all", "analysed"), [name_of("arm", arm) for arm in ARMS])
        gone = sorted(name for name in out.counts if name.startswith("dropped:"))
        out.relate(name_of("all", "submitted"), [name_of("all", "analysed"), *gone])
