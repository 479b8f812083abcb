"""The machine record of a decision: ``release/determination.json``.

Canonical JSON: sorted keys, no clock, no timing, no path, so that the same plan and data give the same bytes.
Cells below the plan's minimum are withheld (null, with ``"suppressed": true`` beside them), unit ids never enter.
"""

from __future__ import annotations

from collections.abc import Mapping

from evaltool.records.base import Json, canonical_json, plain
from evaltool.records.decision import Alternative
from evaltool.records.estimate import Element, Estimate
from evaltool.records.gate import GateResult
from evaltool.records.ledger import LedgerEntry
from evaltool.records.run import Run

SCHEMA_VERSION = 1
COUNTING_GATES = frozenset({"minimum_sample", "few_clusters"})
"""Gates whose statistic is a count of units and must be withheld together with it."""
COUNTS = ("treated", "comparison", "clusters", "treated_clusters")


def determination_bytes(run: Run) -> bytes:
    """``determination_of`` as canonical JSON."""
    return canonical_json(determination_of(run))


def determination_of(run: Run) -> dict[str, Json]:
    """Everything about a run that may leave the secure environment, as JSON values."""
    cells = CellRule(run)
    plan = run.plan
    return {
        "schema_version": SCHEMA_VERSION,
        "kind": "evaltool.determination",
        "programme": {
            "id": plan.programme.id,
            "version": plan.programme.version,
            "currency": plan.programme.currency,
            "purpose": plan.governance.purpose,
        },
        "as_of": run.as_of.isoformat(),
        "decision": _decision(run),
        "estimate": _estimate(run, run.estimate, cells),
        "estimates": [_estimate(run, estimate, cells) for estimate in run.estimates],
        "failed_specifications": plain(run.failed_specifications),
        "second_opinion": plain(run.second_opinion),
        "gates": [_gate(gate, withheld=cells.headline_withheld) for gate in run.gates],
        "design": _design(run, cells),
        "left_out": [_left_out(entry, cells.minimum) for entry in run.ledger.entries],
        "plan": {"seal": run.plan_seal, "lock": run.lock.state},
        "data": _data(run),
        "disclosure": {"profile": plan.disclosure.profile, "counts": plan.disclosure.counts, "minimum": cells.minimum},
        "seed": run.seed,
        "versions": plain(run.versions),
    }


class CellRule:
    """Which cells are large enough to be shown, under the plan's disclosure profile."""

    def __init__(self, run: Run) -> None:
        """Read the minimum and the weight of each cohort from the run."""
        self.minimum = run.plan.disclosure.minimum
        self._people: dict[int, float] | None = None
        if run.plan.disclosure.counts == "weights":
            self._people = {c.start: c.weight for c in run.design.cohorts if c.start is not None}
        counts = run.estimate.counts
        people = counts.treated_weight if self._people is not None else None
        self.headline_withheld = self.too_few(counts.treated if people is None else people)

    def too_few(self, size: float | None) -> bool:
        """Whether a cell of this size must be withheld. Nobody at all may be shown; an unknown size is not a cell."""
        return size is not None and 0 < size < self.minimum

    def element_withheld(self, element: Element) -> bool:
        """Whether an entry of a path rests on too few.

        Where the plan counts the people behind the units, a cohort's people are known from the design; an event or
        calendar element holds at least one whole cohort, so the smallest cohort bounds it from below.
        """
        if self._people and element.n_treated:
            start = element.group if element.kind == "cell" else element.element if element.kind == "group" else None
            people = self._people.get(start) if start is not None else None
            return self.too_few(min(self._people.values()) if people is None else people)
        return self.too_few(element.n_treated) or self.too_few(element.n_comparison)


def _decision(run: Run) -> dict[str, Json]:
    """State, amounts, arithmetic, and what every other basis or specification would have decided."""
    decision = run.decision
    return {
        "state": decision.state,
        "flags": plain(decision.flags),
        "reasons": plain(decision.reasons),
        "basis": decision.basis,
        "amount": str(decision.amount),
        "triggered": str(decision.triggered),
        "maximum": plain(decision.maximum),
        "currency": decision.currency,
        "per_payer": plain(decision.per_payer),
        "steps": plain(decision.steps),
        "trace": plain(decision.trace),
        "nearest_threshold": plain(decision.nearest_threshold),
        "distance": plain(decision.distance),
        "other_bases": [_alternative(a) for a in decision.alternatives if a.kind == "basis"],
        "other_specifications": [_alternative(a) for a in decision.alternatives if a.kind == "specification"],
    }


def _alternative(alternative: Alternative) -> Json:
    """One other way to decide; ``kind`` is said by the list it stands in."""
    return {name: value for name, value in _table(alternative).items() if name != "kind"}


def _table(value: object) -> dict[str, Json]:
    """A record or mapping as a JSON object."""
    found = plain(value)
    if not isinstance(found, dict):
        message = f"expected a table, got {type(found).__name__}"
        raise TypeError(message)
    return found


def _estimate(run: Run, estimate: Estimate, cells: CellRule) -> dict[str, Json]:
    """One estimate with its counts, conventions and paths; small cells withheld."""
    counts = _table(estimate.counts)
    by_weight = run.plan.disclosure.counts == "weights"
    for name in COUNTS:
        size = counts.get(f"{name}_weight") if by_weight else counts[name]
        size = counts[name] if size is None else size
        if isinstance(size, int | float) and cells.too_few(size):
            counts.update({name: None, "suppressed": True})
            if f"{name}_weight" in counts:
                counts[f"{name}_weight"] = None
    simple = ("key", "method", "kind", "estimand", "unit", "att", "se", "absent", "df", "interval", "p_value")
    rest = ("statistic", "observed", "counterfactual", "baseline", "relative", "conventions", "notes", "source")
    everything = _table(estimate)
    return {
        **{name: everything[name] for name in (*simple, *rest)},
        "level": None if estimate.interval is None else estimate.interval.level,
        "n_treated": counts["treated"],
        "n_comparison": counts["comparison"],
        "counts": counts,
        "path": [_element(e, cells) for e in estimate.path],
        "groups": [_element(e, cells) for e in estimate.groups],
        "calendar": [_element(e, cells) for e in estimate.calendar],
        "cells": [_element(e, cells) for e in estimate.cells],
        "series": [
            {**_table(p), "mean": None, "units": None, "suppressed": True} if _thin(p.units, cells) else _table(p)
            for p in estimate.series
        ],
    }


def _thin(units: int, cells: CellRule) -> bool:
    """Whether a mean of an arm in a period rests on too few units (people are not known per period)."""
    return cells.too_few(units) and cells.headline_withheld


def _element(element: Element, cells: CellRule) -> dict[str, Json]:
    """One entry of a path; when it rests on too few, its numbers are withheld and its place remains."""
    shown = _table(element)
    if not cells.element_withheld(element):
        return shown
    hidden = ("att", "se", "interval", "p_value", "n_treated", "n_comparison", "weight")
    return {**shown, **dict.fromkeys(hidden), "suppressed": True}


def _gate(gate: GateResult, *, withheld: bool) -> dict[str, Json]:
    """One gate without its evidence, which may be about few units and stays in the secure environment."""
    shown = {name: value for name, value in _table(gate).items() if name != "evidence"}
    if withheld and gate.name in COUNTING_GATES:
        return {**shown, "statistic": None, "sentence": None, "suppressed": True}
    return shown


def _design(run: Run, cells: CellRule) -> dict[str, Json]:
    """Who was compared with whom: cohorts by size, small ones withheld."""
    shown = _table(run.design)
    by_weight = run.plan.disclosure.counts == "weights"
    shown["cohorts"] = [
        {**_table(c), "units": None, "weight": None, "suppressed": True}
        if cells.too_few(c.weight if by_weight else c.units)
        else _table(c)
        for c in run.design.cohorts
    ]
    return shown


def _left_out(entry: LedgerEntry, minimum: int) -> dict[str, Json]:
    """How many were left out and why, without ids; small counts withheld."""
    shown = {name: value for name, value in _table(entry).items() if name != "members"}
    if 0 < entry.count < minimum:
        return {**shown, "count": None, "suppressed": True}
    return shown


def _data(run: Run) -> Json:
    """The identity of the data's content. Its file's own hash stands in the manifest, since a format is no content."""
    if run.data is None:
        return None
    identity: Mapping[str, Json] = _table(run.data)
    names = ("fingerprint", "rows", "units", "periods", "never_coding", "columns")
    return {name: identity[name] for name in names}
