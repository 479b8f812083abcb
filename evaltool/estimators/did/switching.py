"""Difference-in-differences where treatment can switch on and off.

Estimand
    ``effect = "first_switch"``: ℓ periods after the period before a unit's first switch, the mean effect of having left
    its first treatment in that period, whatever the unit did afterwards, among units that switch and can still be
    compared; averaged over all such units and periods (``simple``) or over ℓ (``dynamic``). ``normalised``: per period
    of treatment gained (or lost) so far (``dynamic``), or per treated period (``simple``). ``effect = "every_switch"``:
    the mean effect, in the period of the switch itself, over all switches.

Equation as implemented
    First switch, cohorts by first treatment b and period F of the first switch: DID(b, F, t) = S · (mean[Y_t − Y_(F−1)
    | b, F] − mean[Y_t − Y_(F−1) | b, not switched by t]), S = 1 for b = 0 and −1 for b = 1; DID_ℓ is their mean over
    cohorts with t = F − 1 + ℓ, weighted by units (event time ℓ − 1 in the path). The placebo of ℓ is the same with
    Y_(F−1−ℓ) and the units that the effect of ℓ compares with. Every switch: DID_M = Σ over t and direction of share ·
    S · (mean[Y_t − Y_(t−1) | switch] − mean[Y_t − Y_(t−1) | treatment as theirs was, and kept]); placebo −ℓ in the path
    is the change from t − ℓ − 1 to t − ℓ of those whose treatment had not changed before t. All weighted by unit
    weights. ``covariates`` (first switch): changes of Y are regressed on changes of X and periods among rows with the
    first treatment b not yet left; X'θ_b is taken off Y. ``gaps = "pairs"``: a cell differences the units seen in both
    of its periods; a unit not seen in the first period has no first treatment and is left out; one seen with its first
    treatment on both sides of a gap is taken to have kept it; one that comes out of a gap with another counts as not
    switched up to the gap and is not used after it. Cohorts weigh by all of their units. For every
    switch, both periods must be seen.

Uncertainty
    Influence functions with shares and slopes estimated and doses taken as known, se = sqrt(Σ psi²) / n, summed within
    clusters first; no G/(G − 1); t(G − 1) with G clusters (units, where none are named) unless ``distribution =
    "normal"``. Not the variance of de Chaisemartin & D'Haultfœuille, who centre within cohorts; with treatment that
    stays on it is that of ``did.group_time``.

Assumptions
    Units with the same first (last) treatment would have moved in parallel had they kept it; the effect of a switch may
    depend on the past for ``first_switch`` and must not for ``every_switch``; no anticipation; no spill-over.

Refuses when
    Treatment is not 0 or 1; nobody switches; no switch has anybody who kept the same treatment; a unit lacks a period
    and no rule is stated; the cluster changes within a unit; a covariate's changes are explained by periods and other
    covariates; ``normalised`` or ``covariates`` go with ``every_switch``, or ``normalised`` with gaps.

Source
    de Chaisemartin & D'Haultfœuille 2024 (Difference-in-Differences Estimators of Intertemporal Treatment Effects,
    Review of Economics and Statistics), DID_ℓ, its placebos and the normalised form; 2020 (American Economic Review
    110), DID_M of section 4 and its placebo.

Reference implementation and agreed tolerance
    py_did_multiplegt_dyn 0.1.9, by the authors: DID_ℓ, placebos, normalised effects, average total effect 1e-12, with
    covariates too; with gaps, who switches and the first effect (later ones weigh cohorts by units seen there). With
    treatment that stays on: ``did.group_time`` with not-yet-treated, effects and standard errors of event times 1e-12.
    DID_M: sums written out in the tests.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from evaltool.errors import Fault, Place, RunError
from evaltool.estimators.did._aggregate import Aggregates, Part, aggregate
from evaltool.estimators.did._layout import Arranged, Rule, arrange_treated
from evaltool.estimators.did._result import Body, Distribution, Headline, finish
from evaltool.estimators.did._second_switching import every_switch_again, first_switch_again
from evaltool.numerics.group_time import NEVER, Cell, Combination, by_share, mean_of
from evaltool.numerics.switching import (
    Paths,
    by_first_switch,
    by_path,
    doses,
    every_switch_cells,
    first_switch_cells,
    known_switches,
)
from evaltool.numerics.uneven_cells import Bools
from evaltool.records.base import Record
from evaltool.records.estimate import Estimate, SecondOpinion
from evaltool.records.panel import FloatArray
from evaltool.records.plugins import Capabilities, EstimationRequest, EstimatorPlugin

NAME = "did.switching"


class SwitchingOptions(Record):
    """``[estimator.options]`` of ``did.switching``."""

    effect: Literal["first_switch", "every_switch"] = "first_switch"
    normalised: bool = False
    """Per period of treatment that the switch has brought (first switch only)."""
    covariates: tuple[str, ...] = ()
    """Covariates whose changes are taken off (first switch only)."""
    gaps: Literal["refuse", "pairs"] = "refuse"
    """What to do where a unit lacks a period: refuse, or difference the units seen in both periods of a cell."""
    distribution: Distribution = "t"
    """``t`` with one degree of freedom less than there are clusters (units, where none are named), or ``normal``."""


@dataclass(frozen=True, slots=True, eq=False)
class _Found:
    """Cohorts of paths, the cells, and their averages."""

    arranged: Arranged
    paths: Paths
    cells: tuple[Cell, ...]
    aggregates: Aggregates
    unknown: int = 0
    """First switches that happened in a gap."""


def options_of(request: EstimationRequest) -> SwitchingOptions:
    """The request's options. Raises TypeError when they were parsed for another method."""
    if not isinstance(request.options, SwitchingOptions):
        message = f"{NAME} was given {type(request.options).__name__}"
        raise TypeError(message)
    return request.options


def estimate(request: EstimationRequest) -> Estimate:
    """The effect of switching, with its path and placebos. Raises RunError."""
    options = options_of(request)
    _check(options)
    arranged, treatment = arrange_treated(request, options.covariates, _rule(options))
    if options.normalised and arranged.layout.sampling != "balanced":
        cause = "normalised divides by treatment in every period, and units lack periods."
        fix = 'Leave normalised out, or state balance = "drop_unit" in [data].'
        raise _not_offered(cause, fix, "normalised")
    found = _first(arranged, treatment, options) if options.effect == "first_switch" else _every(arranged, treatment)
    kind: Literal["simple", "dynamic"] = "dynamic" if request.estimand.aggregation == "dynamic" else "simple"
    body = Body(
        arranged=found.arranged,
        cells=found.cells,
        aggregates=found.aggregates,
        conventions=_conventions(found, options),
        notes=_notes(found),
        distribution=options.distribution,
    )
    name = f"effect of switching ({kind})" if options.effect == "first_switch" else "effect of a switch in its period"
    estimate_of = finish(request, NAME, Headline(combination=found.aggregates.headline(kind), estimand=name), body)
    hidden: dict[str, object] = {"relative": None, "series": (), "groups": ()}
    if _leavers(found):
        hidden |= {"observed": None, "counterfactual": None}
    if options.effect == "every_switch":
        hidden |= {"cells": (), "calendar": ()}
    return estimate_of.model_copy(update=hidden)


def _check(options: SwitchingOptions) -> None:
    """Refuse combinations that are not offered. Raises RunError (RUN_NOT_OFFERED)."""
    if options.effect == "first_switch":
        return
    if options.normalised:
        cause = 'normalised goes with effect = "first_switch": every switch is one period of treatment already.'
        raise _not_offered(cause, "Leave normalised out.", "normalised")
    if options.covariates:
        cause = 'covariates go with effect = "first_switch".'
        raise _not_offered(cause, 'Leave covariates out, or use effect = "first_switch".', "covariates")


def _not_offered(cause: str, fix: str, option: str) -> RunError:
    """The refusal of an option."""
    return RunError(Fault("RUN_NOT_OFFERED", cause, fix, Place(key=f"estimator.options.{option}")))


def _rule(options: SwitchingOptions) -> Rule:
    """What to do where a unit lacks a period."""
    return "balanced" if options.gaps == "refuse" else "pairs"


def _nobody_switches() -> RunError:
    """The refusal when treatment never changes."""
    return RunError(
        Fault(
            code="RUN_NOBODY_TREATED",
            cause="No unit's treatment changes within the data.",
            fix="Include periods before and after a switch.",
            place=Place(key="data.column"),
        )
    )


def _sorted(arranged: Arranged, paths: Paths) -> Arranged:
    """The arrays in the order of the paths."""
    return Arranged(
        layout=paths.layout,
        clusters=None if arranged.clusters is None else arranged.clusters[paths.order],
        weighted=arranged.weighted,
        without_base=0,
        labels=arranged.labels,
        rank=np.argsort(paths.order, kind="stable").astype(np.int64),
    )


def _first(arranged: Arranged, treatment: FloatArray, options: SwitchingOptions) -> _Found:
    """Effects of the first switch. Raises RunError (RUN_NOBODY_TREATED, RUN_NO_COMPARISON, RUN_COLLINEAR)."""
    outcome, known, unknown = known_switches(arranged.layout.outcome, treatment)
    if not bool(np.any(known != known[:, :1])):
        raise _nobody_switches()
    paths = by_first_switch(replace(arranged.layout, outcome=outcome), known)
    cells = first_switch_cells(paths, arranged.labels)
    if not cells:
        raise _no_comparison()
    found = _Found(_sorted(arranged, paths), paths, cells, aggregate(paths.layout, cells), unknown)
    return _per_dose(found, known) if options.normalised else found


def _per_dose(found: _Found, treatment: Bools) -> _Found:
    """The averages divided by the mean dose behind them, doses taken as known."""
    plain = found.aggregates
    summed = np.array([doses(found.paths, treatment, cell, cumulative=True) for cell in found.cells])
    present = np.array([doses(found.paths, treatment, cell, cumulative=False) for cell in found.cells])
    events = tuple(
        Part(part.element, _scaled(part.combination, float(part.combination.weights @ summed)), part.chosen)
        for part in plain.events
    )
    simple = _scaled(plain.simple, float(plain.simple.weights @ present))
    overall = mean_of([part.combination for part in events if part.element >= 0])
    return _Found(
        found.arranged,
        found.paths,
        found.cells,
        aggregates=Aggregates(
            simple=simple,
            events=events,
            groups=(),
            calendar=(),
            dynamic_overall=overall,
            group_overall=simple,
            calendar_overall=simple,
            cohorts=plain.cohorts,
        ),
    )


def _scaled(combination: Combination, dose: float) -> Combination:
    """A combination per unit of dose; the base (dose 0) stays as it is."""
    return combination if dose == 0.0 else Combination(combination.weights / dose, combination.slopes / dose)


def _every(arranged: Arranged, treatment: FloatArray) -> _Found:
    """Effects of every switch in its own period. Raises RunError (RUN_NOBODY_TREATED, RUN_NO_COMPARISON)."""
    if not bool(np.any(np.abs(np.diff(treatment, axis=1)) > 0.0)):
        raise _nobody_switches()
    paths = by_path(arranged.layout, treatment)
    pairs = every_switch_cells(paths, arranged.labels)
    cells, events = tuple(cell for cell, _ in pairs), [event for _, event in pairs]
    if 0 not in events:
        raise _no_comparison()
    mass = paths.layout.mass()
    parts = []
    for event in sorted(set(events)):
        chosen = [k for k, e in enumerate(events) if e == event]
        parts.append(Part(event, by_share(cells, chosen, mass), tuple(chosen)))
    whole = parts[-1].combination
    averages = Aggregates(
        simple=whole,
        events=tuple(parts),
        groups=(),
        calendar=(),
        dynamic_overall=whole,
        group_overall=whole,
        calendar_overall=whole,
        cohorts=tuple(sorted({cells[k].cohort for k in parts[-1].chosen})),
    )
    return _Found(_sorted(arranged, paths), paths, cells, averages)


def _no_comparison() -> RunError:
    """The refusal when no switch has anybody who kept the same treatment."""
    return RunError(
        Fault(
            code="RUN_NO_COMPARISON",
            cause="No switch has units that had the same treatment before and kept it.",
            fix="Include units that do not switch, or that switch in other periods.",
            place=Place(key="data.column"),
        )
    )


def _leavers(found: _Found) -> bool:
    """Whether the headline holds units that left the treatment."""
    used = [found.cells[k] for k in np.flatnonzero(found.aggregates.simple.weights)]
    paths = found.paths.treatment
    by_period = paths.shape[1] > 1
    return any(bool(paths[cell.cohort, cell.base if by_period else 0]) for cell in used)


def _conventions(found: _Found, options: SwitchingOptions) -> dict[str, bool | int | float | str | None]:
    """Every choice that changes a digit, and how many switch."""
    layout = found.paths.layout
    sizes = np.diff(layout.offsets)
    switching = [c for c, g in enumerate(layout.starts) if g != NEVER]
    used = {found.cells[k].cohort for k in np.flatnonzero(found.aggregates.simple.weights)}
    first = found.paths.treatment[:, 0]
    return {
        "effect": options.effect,
        "normalised": options.normalised,
        "control_group": "same_treatment_kept",
        "base_period": "universal" if options.effect == "first_switch" else "the period before",
        "switching_units": int(sum(sizes[c] for c in switching)),
        "first_switch_on": int(sum(sizes[c] for c in switching if not first[c])),
        "first_switch_off": int(sum(sizes[c] for c in switching if first[c])),
        "switching_units_without_comparison": int(sum(sizes[c] for c in switching if c not in used)),
        "method": "difference in means" if not options.covariates else "changes of covariates taken off",
        "covariates": ", ".join(options.covariates) or None,
        "gaps": "none" if layout.sampling == "balanced" else layout.sampling,
        "switches_of_unknown_period": found.unknown,
    }


def _notes(found: _Found) -> tuple[str, ...]:
    """Stable keys of what a reader must be told."""
    layout = found.paths.layout
    sizes = np.diff(layout.offsets)
    used = {found.cells[k].cohort for k in np.flatnonzero(found.aggregates.simple.weights)}
    lost = any(g != NEVER and c not in used for c, g in enumerate(layout.starts))
    holds = {
        "switches_turned": _leavers(found),
        "switches_without_comparison": lost,
        "unbalanced_panel": layout.sampling != "balanced",
        "single_unit_cohort": found.paths.treatment.shape[1] == 1 and any(sizes[c] == 1 for c in used),
    }
    return tuple(name for name, true in holds.items() if true)


def second_opinion(request: EstimationRequest) -> SecondOpinion:
    """The headline again from weighted regressions of changes, averaged with pandas. Raises RunError."""
    options = options_of(request)
    if options.effect == "every_switch":
        return every_switch_again(request)
    return first_switch_again(request, options.covariates, normalised=options.normalised)


PLUGIN = EstimatorPlugin(
    name=NAME,
    capabilities=Capabilities(
        family="did",
        title="Difference-in-differences with treatment that can switch on and off",
        kind="effect",
        needs=("unit", "time", "outcome", "treated"),
        designs=("groups.switching",),
        standard_error="sometimes",
        covariates=True,
        weights=True,
        clusters=True,
        path=True,
        aggregations=("simple", "dynamic"),
        minimum_treated=1,
        minimum_comparison=1,
    ),
    options=SwitchingOptions,
    estimate=estimate,
    second_opinion=second_opinion,
)
