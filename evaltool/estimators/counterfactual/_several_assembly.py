"""From several synthetic controls to one ``Estimate``."""

from __future__ import annotations

import math

import numpy as np

from evaltool.estimators._inference import inference_rule, relative_effect
from evaltool.estimators.counterfactual._assembly import Said, zero_denominator
from evaltool.estimators.counterfactual._layout import Layout
from evaltool.estimators.counterfactual._several import DRAWS, Several, levels
from evaltool.numerics.fits import Fit
from evaltool.numerics.pre_break import break_rank, cusum
from evaltool.numerics.simplex import GAP
from evaltool.records.base import Json
from evaltool.records.estimate import Counts, Element, Estimate, Relative, SeriesPoint
from evaltool.records.plugins import EstimationRequest


def assembled_several(request: EstimationRequest, name: str, found: Several, said: Said) -> Estimate:
    """The record. Raises RunError (RUN_ZERO_DENOMINATOR)."""
    layouts, fit = found.layouts, found.averaged.fit
    observed, baseline = levels(layouts)
    return Estimate(
        key=request.key,
        method=name,
        kind="effect",
        estimand="ATT (simple)",
        unit=request.outcome.unit.in_language("en") or request.outcome.id,
        att=fit.effect,
        se=None,
        absent="SYNTHETIC_CONTROL",
        counts=Counts(
            treated=len(layouts),
            comparison=len(layouts[0].names),
            observations=len(layouts[0].periods) * (len(layouts) + len(layouts[0].names)),
            treated_weight=math.fsum(sorted(one.weight_treated for one in layouts)),
            comparison_weight=layouts[0].weight_donors,
        ),
        observed=observed,
        counterfactual=observed - fit.effect,
        baseline=baseline,
        relative=_relative(request, fit.effect, observed, baseline),
        path=_path(found),
        groups=_groups(found),
        series=_series(found),
        conventions={**_conventions(found), **said},
        certificate=_evidence(found),
        notes=_notes(request, found),
    )


def _relative(request: EstimationRequest, effect: float, observed: float, baseline: float) -> Relative | None:
    """The effect as a share. Raises RunError (RUN_ZERO_DENOMINATOR) when a relative one was agreed and has none."""
    name = request.estimand.denominator or "counterfactual"
    value = observed - effect if name == "counterfactual" else baseline
    if value <= 0.0:
        if request.estimand.scale == "absolute":
            return None
        raise zero_denominator(name, value)
    rule = inference_rule(request)
    return relative_effect(effect / value, None, rule=rule, denominator=name, denominator_value=value)


def _path(found: Several) -> tuple[Element, ...]:
    """The mean gap by event time."""
    average = found.averaged
    return tuple(
        Element(
            kind="event",
            element=event,
            label=f"{event:+d}" if event else "0",
            att=float(gap),
            n_treated=seen,
            n_comparison=len(found.layouts[0].names),
        )
        for event, gap, seen in zip(average.events, average.fit.gap, average.seen, strict=True)
    )


def _groups(found: Several) -> tuple[Element, ...]:
    """The mean effect of those who start together."""
    total = sum(int(np.sum(one.windows.after)) for one in found.layouts)
    elements = []
    for start in sorted({one.start for one in found.layouts}):
        members = [(one, fit) for one, fit in zip(found.layouts, found.fits, strict=True) if one.start == start]
        labels = dict(zip(members[0][0].periods, members[0][0].labels, strict=True))
        elements.append(
            Element(
                kind="group",
                element=start,
                label=labels.get(start, str(start)),
                att=math.fsum(fit.effect for _, fit in members) / len(members),
                n_treated=len(members),
                n_comparison=len(found.layouts[0].names),
                weight=sum(int(np.sum(one.windows.after)) for one, _ in members) / total,
            )
        )
    return tuple(elements)


def _series(found: Several) -> tuple[SeriesPoint, ...]:
    """Means of the treated (under the first start) and of their synthetic controls, by event time.

    Periods count from the first start; with one common start they are the periods of the data.
    """
    average, layouts = found.averaged, found.layouts
    first = layouts[0]
    names = dict(zip(first.periods, first.labels, strict=True))
    together = len({one.start for one in layouts}) == 1
    place = int(np.argmax(first.windows.after))
    points = []
    for arm, values in ((names.get(first.start, "treated"), average.observed), ("comparison", average.fit.path)):
        for event, value, seen in zip(average.events, values, average.seen, strict=True):
            period = first.periods[place + event] if together else first.start + event
            label = first.labels[place + event] if together else f"{event:+d}" if event else "0"
            units = len(first.names) if arm == "comparison" else seen
            points.append(SeriesPoint(arm=arm, period=period, label=label, mean=float(value), units=units))
    return tuple(points)


def _conventions(found: Several) -> Said:
    """Choices and figures, for the average."""
    fit, layouts = found.averaged.fit, found.layouts
    others = [other.effect for other in found.without.values()]
    deviations = [float(np.std(one.y[one.windows.before], ddof=1)) for one in layouts]
    deviation = math.fsum(deviations) / len(deviations)
    drawn = found.possible > DRAWS.most
    return {
        "treated_units": len(layouts),
        "average": "a synthetic control for each treated unit, mean over treated unit-periods",
        "periods_fitted": min(int(np.sum(one.windows.before)) for one in layouts),
        "periods_after": max(int(np.sum(one.windows.after)) for one in layouts),
        "donors": len(layouts[0].names),
        "rmspe_before": fit.rmspe_before,
        "rmspe_after": fit.rmspe_after,
        "rmspe_ratio": fit.ratio,
        "sd_before": deviation,
        "rmspe_before_over_sd": fit.rmspe_before / deviation if deviation > 0.0 else None,
        "worst_rmspe_before": max(one.rmspe_before for one in found.fits),
        "sd_divisor": "n - 1",
        "test": "permutation of RMSPE ratios (not squared) of averages, donors in the places of the treated",
        "placebos": len(found.placebos),
        "placebos_possible": found.possible if found.possible < 10**15 else "more than 10^15",
        "placebos_chosen": f"drawn with seed {DRAWS.seed}" if drawn else "all of them",
        "permutation_place": found.rank.place,
        "permutation_units": found.rank.units,
        "permutation_p": found.rank.p_value,
        "permutation_resolution": 1.0 / found.rank.units,
        **_break_said(found),
        "leave_one_out_lower": min(others),
        "leave_one_out_upper": max(others),
        "se": "none: permutation only",
    }


def _break_said(found: Several) -> dict[str, bool | int | float | str | None]:
    """Where the mean gap before the starts breaks most, by time since the start, and its rank among placebos."""
    before = np.array(found.averaged.events) < 0
    gap = found.averaged.fit.gap[before]
    statistic, place = cusum(gap)
    rank = break_rank(gap, tuple(fit.gap[before] for _, fit in found.placebos))
    return {
        "break_statistic": statistic,
        "break_period": f"{found.averaged.events[place]:+d}",
        "break_place": rank.place,
        "break_units": rank.units,
        "break_p": rank.p_value,
    }


def _evidence(found: Several) -> dict[str, Json]:
    """Every unit's weights and certificate, mean weights, and the placebo averages; units by id."""
    units: list[Json] = [_unit(one, fit) for one, fit in zip(found.layouts, found.fits, strict=True)]
    spans = [int(np.sum(one.windows.after)) for one in found.layouts]
    shares: dict[str, list[float]] = {}
    for one, fit, span in zip(found.layouts, found.fits, spans, strict=True):
        for j in np.flatnonzero(fit.weights) if fit.weights is not None else ():
            shares.setdefault(one.names[j], []).append(span * float(fit.weights[j]) if fit.weights is not None else 0.0)
    mean: dict[str, Json] = {name: math.fsum(own) / sum(spans) for name, own in sorted(shares.items())}
    rows: list[Json] = [{"unit": ", ".join(names), **_figures(fit)} for names, fit in found.placebos]
    gaps: dict[str, Json] = {", ".join(names): [float(g) for g in fit.gap] for names, fit in found.placebos[:100]}
    return {
        "treated": {"unit": ", ".join(one.unit for one in found.layouts), **_figures(found.averaged.fit)},
        "treated_units": units,
        "donor_weights": mean,
        "placebos": rows,
        "placebo_gaps": gaps,
        "permutation": {"place": found.rank.place, "units": found.rank.units, "p_value": found.rank.p_value},
        "permutation_of_effects": {
            "statistic": "absolute mean gap after the start",
            "place": found.by_effect.place,
            "units": found.by_effect.units,
            "p_value": found.by_effect.p_value,
            "placebo_sd": found.spread,
            "placebo_sd_divisor": "N",
        },
        "leave_one_out": [{"without": name, **_figures(fit)} for name, fit in sorted(found.without.items())],
    }


def _unit(layout: Layout, fit: Fit) -> dict[str, Json]:
    """One treated unit."""
    solution = fit.solution
    weights = fit.weights if fit.weights is not None else np.zeros(0)
    used: dict[str, Json] = dict(sorted((layout.names[j], float(weights[j])) for j in np.flatnonzero(weights)))
    return {
        "unit": layout.unit,
        "start": layout.start,
        "donor_weights": used,
        "relative_gap": None if solution is None else solution.relative_gap,
        **_figures(fit),
    }


def _figures(fit: Fit) -> dict[str, Json]:
    """Effect and fit."""
    return {
        "effect": fit.effect,
        "rmspe_before": fit.rmspe_before,
        "rmspe_after": fit.rmspe_after,
        "ratio": fit.ratio,
    }


def _notes(request: EstimationRequest, found: Several) -> tuple[str, ...]:
    """Stable keys of what a reader must be told."""
    notes = ["permutation_only", "several_ranks"]
    if any(fit.solution is not None and not fit.solution.unique for fit in found.fits):
        notes.append("weights_not_unique")
    if any(fit.solution is not None and fit.solution.relative_gap > GAP for fit in found.fits):
        notes.append("weights_not_optimal")
    if 1.0 / found.rank.units > 1.0 - float(request.inference.level) + 1e-12:
        notes.append("permutation_too_coarse")
    signs = {math.copysign(1.0, fit.effect) for fit in (found.averaged.fit, *found.without.values())}
    if len(signs) > 1:
        notes.append("leave_one_out_changes_sign")
    return tuple(notes)
