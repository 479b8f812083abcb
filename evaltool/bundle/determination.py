"""The machine record of a decision: ``release/determination.json``.

Canonical JSON: sorted keys, no clock, no timing, no path, so that the same plan and data give the same bytes.
Cells below the plan's minimum are withheld (null, with ``"suppressed": true`` beside them), unit ids never enter.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import cast

from evaltool.errors import DisclosureError, Fault, Place
from evaltool.gates._released_design import DONOR_FIELDS, MATCHING_FIELDS, left_out_name
from evaltool.numerics.disclosure import is_hidden
from evaltool.pipeline.money import gain_keys
from evaltool.records.base import Json, Record, canonical_json, plain
from evaltool.records.decision import Alternative
from evaltool.records.design import BalanceRow, DonorSummary, MatchSummary
from evaltool.records.estimate import Element, Estimate
from evaltool.records.gate import GateResult
from evaltool.records.ledger import LedgerEntry
from evaltool.records.run import Run

SCHEMA_VERSION = 1
ARMS = ("treated", "comparison")
TABLES = ("path", "groups", "calendar", "cells", "series")
OTHERS = ("other_bases", "other_specifications", "other_estimators")
RESULTS = ("att", "se", "interval", "p_value", "statistic", "observed", "counterfactual", "baseline", "relative")
"""What an estimate says besides its method; withheld together with the size of either arm."""


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
        "decision": _decision(run, withheld=cells.headline_withheld),
        "estimate": _estimate(run.estimate, cells),
        "estimates": [_briefly(_estimate(estimate, cells)) for estimate in run.estimates],
        "failed_specifications": plain(run.failed_specifications),
        "infeasible": plain(run.infeasible),
        "second_opinion": None if cells.headline_withheld else plain(run.second_opinion),
        "gates": [_gate(gate, withheld=cells.hides_gate(gate)) for gate in run.gates],
        "design": _design(run, cells),
        "left_out": [_left_out(entry, cells) for entry in run.ledger.entries],
        "plan": {"seal": run.plan_seal, "lock": run.lock.state, **_design_lock(run), **_variations(run)},
        "data": _data(run, cells),
        "disclosure": {"profile": plan.disclosure.profile, "counts": plan.disclosure.counts, "minimum": cells.minimum},
        **_examination(run, cells),
        **_money(run, cells),
        **({"sign_offs": plain(run.sign_offs)} if run.sign_offs else {}),
        **({"deviations": plain(run.deviations)} if run.deviations else {}),
        "seed": run.seed,
        "versions": plain(run.versions),
    }


def _examination(run: Run, cells: CellRule) -> dict[str, Json]:
    """What a difference-in-differences was put through, without units and without what rests on one cohort."""
    found = run.examination
    if found is None:
        return {}
    if cells.headline_withheld:
        return {"examination": {"suppressed": True}}
    left = found.without_cluster
    return {
        "examination": {
            "inference": plain(found.inference),
            "inference_named_by": found.rule,
            "clusters": plain(found.facts),
            "trend": plain(found.trend),
            "band_critical": plain(found.band_critical),
            "honest": plain(found.honest),
            "placebo_dates": plain(found.placebo_dates),
            "placebo_groups": plain(found.placebo_groups),
            "without_cluster": None
            if left is None
            else {"how": left.how, "smallest": min(left.effects), "largest": max(left.effects)},
            "absent": plain(found.absent),
        }
    }


def _money(run: Run, cells: CellRule) -> dict[str, Json]:
    """Gains, the investors' return and the chances beforehand, where the plan asks for them.

    Gains are people times effect: they are withheld with any estimate they are made from.
    """
    gains: Json = plain(run.gains)
    if run.gains is not None and cells.gains_withheld:
        gains = {**dict.fromkeys(_table(run.gains)), "currency": run.gains.currency, "suppressed": True}
    found = {"gains": gains, "investor": plain(run.investor), "chances": plain(run.chances)}
    return {name: value for name, value in found.items() if value is not None}


def _design_lock(run: Run) -> dict[str, Json]:
    """Whether the design was sealed, where it must be or was; nothing where the plan's rule is the design."""
    if run.lock.design == "not_needed":
        return {}
    return {"design_lock": run.lock.design, "design_lock_seal": run.lock.design_seal}


def _variations(run: Run) -> dict[str, Json]:
    """The signed changes since the lock; nothing where there are none."""
    chain = run.lock.variations
    shown = ("number", "seal", "result", "by", "reason", "on", "clause", "change")
    named = [{name: plain(getattr(record, name)) for name in shown} for record in chain]
    return {"lock_seal": run.lock.seal, "variations": plain(named)} if named else {}


class CellRule:
    """Which counts may be shown: the disclosure gate's own list of names, so that report and record hide the same."""

    def __init__(self, run: Run) -> None:
        """Read the hidden names from the gate; when it could not tell, everything is hidden."""
        gate = next((g for g in run.gates if g.name == "disclosure"), None)
        found = gate.evidence.get("hidden") if gate is not None else None
        self._hidden = frozenset(str(name) for name in found) if isinstance(found, list) else frozenset()
        self._all = gate is not None and gate.verdict == "CANNOT_TELL"
        self._headline = run.estimate.key
        self._any_left_out = any(
            entry.what in {"unit", "row"} and self._hides_entry(entry, run.plan.disclosure.minimum)
            for entry in run.ledger.entries
        )
        self.minimum = run.plan.disclosure.minimum
        self.headline_withheld = any(self.hides("arm", arm) for arm in ARMS)
        priced = set(gain_keys(run.plan, [estimate.key for estimate in run.estimates]))
        self.gains_withheld = any(
            self.hides("arm", arm, of=estimate) for estimate in run.estimates if estimate.key in priced for arm in ARMS
        )

    def hides(self, *parts: str | int, of: Estimate | None = None) -> bool:
        """Whether the count of this name, in the headline or in another estimate, is hidden."""
        suffix = "" if of is None or of.key == self._headline else f"@{of.key}"
        return self._all or ":".join(str(part) for part in parts) + suffix in self._hidden

    def hides_element(self, element: Element, estimate: Estimate) -> bool:
        """Whether either arm of an entry of a path or table is hidden."""
        own = (element.group, element.element) if element.kind == "cell" and element.group is not None else None
        return any(self.hides(element.kind, *(own or (element.element,)), arm, of=estimate) for arm in ARMS)

    def hides_left_out(self, entry: LedgerEntry) -> bool:
        """Whether a count of the ledger is hidden: itself, through its arm, or because it is small."""
        return self._hides_entry(entry, self.minimum)

    def _hides_entry(self, entry: LedgerEntry, minimum: int) -> bool:
        """See ``hides_left_out``."""
        named = {left_out_name(entry), f"dropped:{entry.arm}"} if entry.what == "unit" else set()
        return self._all or 0 < entry.count < minimum or bool(named & self._hidden)

    def hides_gate(self, gate: GateResult) -> bool:
        """Whether a gate's statistic and sentence would tell a hidden count, or the withheld headline."""
        if gate.name == "disclosure":
            return False
        return self.headline_withheld or any(self._tells(name) for name in gate.counts)

    def hides_matching(self, field: str) -> bool:
        """Whether a figure of ``MatchSummary`` (or ``incomplete_sets`` among its conventions) tells a hidden count."""
        told = MATCHING_FIELDS.get(field, ())
        return bool(told) and (self.headline_withheld or any(self._tells(name) for name in told))

    def hides_donors(self, field: str) -> bool:
        """Whether a figure of ``DonorSummary`` tells a hidden count."""
        told = DONOR_FIELDS.get(field, ())
        return bool(told) and (self.headline_withheld or any(self._tells(name) for name in told))

    def hides_balance(self, row: BalanceRow) -> bool:
        """Whether a row of the balance table tells how many of few have a value."""
        return self.headline_withheld or self._tells(f"covariate:{row.covariate}")

    def _tells(self, name: str) -> bool:
        """Whether this count, or one below it, is hidden."""
        if name == "any:left_out":
            return self._any_left_out
        return self._all or is_hidden(self._hidden, name)


def _decision(run: Run, *, withheld: bool) -> dict[str, Json]:
    """State, amounts, arithmetic, and what every other basis or specification would have decided.

    When the headline may not be shown, neither may the arithmetic it stands in.
    """
    decision = run.decision
    shown: dict[str, Json] = {
        "state": decision.state,
        "flags": plain(decision.flags),
        "reasons": plain(decision.reasons),
        "basis": decision.basis,
        "amount": str(decision.amount),
        "triggered": str(decision.triggered),
        "maximum": plain(decision.maximum),
        "currency": decision.currency,
        "per_payer": plain(decision.per_payer),
    }
    if withheld:
        hidden = ("steps", "trace", "nearest_threshold", "distance", "distance_money", "uncertainty", *OTHERS)
        return {**shown, **dict.fromkeys(hidden), "suppressed": True}
    return {
        **shown,
        "steps": plain(decision.steps),
        "trace": plain(decision.trace),
        "nearest_threshold": plain(decision.nearest_threshold),
        "distance": plain(decision.distance),
        "other_bases": [_alternative(a) for a in decision.alternatives if a.kind == "basis"],
        "other_specifications": [_alternative(a) for a in decision.alternatives if a.kind == "specification"],
        "other_estimators": [_alternative(a) for a in decision.alternatives if a.kind == "estimator"],
        "distance_money": plain(decision.distance_money),
        "uncertainty": plain(decision.uncertainty),
    }


def _alternative(alternative: Alternative) -> Json:
    """One other way to decide; ``kind`` is said by the list it stands in."""
    return {name: value for name, value in _table(alternative).items() if name != "kind"}


def _table(value: Record | Mapping[str, object]) -> dict[str, Json]:
    """A record or mapping as a JSON object."""
    return cast("dict[str, Json]", plain(value))


def _estimate(estimate: Estimate, cells: CellRule) -> dict[str, Json]:
    """One estimate with its counts, conventions and paths; what is hidden is null and says so."""
    everything = _table(estimate)
    counts = _table(estimate.counts)
    withheld = any(cells.hides("arm", arm, of=estimate) for arm in ARMS)
    if withheld:
        counts = {**dict.fromkeys(counts), "suppressed": True}
        everything |= {**dict.fromkeys(RESULTS), "conventions": {}, "suppressed": True}
    for name in ("event_covariance", "certificate", "unit_counts"):
        del everything[name]
    return everything | {
        "level": None if estimate.interval is None else estimate.interval.level,
        "n_treated": counts["treated"],
        "n_comparison": counts["comparison"],
        "counts": counts,
        "path": [_element(e, estimate, cells) for e in estimate.path],
        "groups": [_element(e, estimate, cells) for e in estimate.groups],
        "calendar": [_element(e, estimate, cells) for e in estimate.calendar],
        "cells": [_element(e, estimate, cells) for e in estimate.cells],
        "series": [
            {**_table(p), "mean": None, "units": None, "suppressed": True}
            if cells.hides("series", p.arm, p.period, of=estimate)
            else _table(p)
            for p in estimate.series
        ],
    }


def _briefly(estimate: dict[str, Json]) -> dict[str, Json]:
    """An estimate without its paths and tables: those stand with the headline, and for the others in ``run.json``."""
    return {name: value for name, value in estimate.items() if name not in TABLES}


def _element(element: Element, estimate: Estimate, cells: CellRule) -> dict[str, Json]:
    """One entry of a path; when it rests on too few, its numbers are withheld and its place remains."""
    shown = _table(element)
    if not cells.hides_element(element, estimate):
        return shown
    hidden = ("att", "se", "interval", "p_value", "n_treated", "n_comparison", "weight")
    return {**shown, **dict.fromkeys(hidden), "suppressed": True}


def _gate(gate: GateResult, *, withheld: bool) -> dict[str, Json]:
    """One gate without its evidence, which may be about few units and stays in the secure environment.

    The source of the threshold is a citation and stands in English.
    """
    shown = {name: value for name, value in _table(gate).items() if name not in {"evidence", "counts"}}
    shown["source"] = gate.source.in_language("en")
    if withheld:
        return {**shown, "statistic": None, "threshold": None, "sentence": None, "suppressed": True}
    return shown


def _design(run: Run, cells: CellRule) -> dict[str, Json]:
    """Who was compared with whom: cohorts by size, hidden ones withheld."""
    shown = _table(run.design)
    shown["cohorts"] = [
        {**_table(c), "units": None, "weight": None, "suppressed": True}
        if cells.hides("cohort", "never" if c.start is None else c.start)
        else _table(c)
        for c in run.design.cohorts
    ]
    for name in ("analysed", "submitted"):
        if cells.hides("all", name):
            shown |= {f"{name}_units": None, "suppressed": True}
    if run.design.matching is not None:
        shown["matching"] = _matching(run.design.matching, cells)
    if run.design.donors is not None:
        shown["donors"] = _donors(run.design.donors, cells)
    return shown


def _matching(facts: MatchSummary, cells: CellRule) -> dict[str, Json]:
    """What matching reached, without figures and shares that tell a hidden count."""
    shown = _table(facts)
    hidden = [name for name in MATCHING_FIELDS if cells.hides_matching(name)]
    conventions = _table(facts.conventions)
    shown["conventions"] = conventions | {name: None for name in hidden if name in conventions}
    shown["balance"] = [_balance(row, cells) for row in facts.balance]
    return shown | {name: None for name in hidden if name in shown} | ({"suppressed": True} if hidden else {})


def _balance(row: BalanceRow, cells: CellRule) -> Json:
    """One row of the balance table; its numbers withheld where they tell how many of few have a value."""
    shown = _table(row)
    if not cells.hides_balance(row):
        return shown
    return {**dict.fromkeys(shown), "covariate": row.covariate, "kind": row.kind, "suppressed": True}


def _donors(facts: DonorSummary, cells: CellRule) -> dict[str, Json]:
    """Who may stand in for the treated unit, without hidden counts."""
    hidden = {name: None for name in DONOR_FIELDS if cells.hides_donors(name)}
    return _table(facts) | hidden | ({"suppressed": True} if hidden else {})


def _left_out(entry: LedgerEntry, cells: CellRule) -> dict[str, Json]:
    """How many were left out and why, without ids; small counts withheld."""
    shown = {name: value for name, value in _table(entry).items() if name != "members"}
    return {**shown, "count": None, "suppressed": True} if cells.hides_left_out(entry) else shown


def _data(run: Run, cells: CellRule) -> Json:
    """The identity of the data's content. Its file's own hash stands in the manifest, since a format is no content."""
    if run.data is None:
        return None
    identity: Mapping[str, Json] = _table(run.data)
    names = ("fingerprint", "rows", "units", "periods", "never_coding", "columns")
    shown = {name: identity[name] for name in names}
    return {**shown, "units": None, "rows": None, "suppressed": True} if cells.hides("data", "units") else shown


def refuse_unit_ids(determination: Json, ids: Collection[str]) -> None:
    """The last guard before release: no text of the record is the id of a unit.

    Ids that are numbers are not looked for, since numbers stand everywhere. Raises DisclosureError
    (DISCLOSURE_UNIT_ID) naming the key path, never the id.
    """
    known = frozenset(name for name in ids if not name.replace(".", "").isdigit())
    paths = sorted(path for path, text in _texts(determination, "") if text in known)
    if paths:
        raise DisclosureError(
            Fault(
                code="DISCLOSURE_UNIT_ID",
                cause="The id of a unit would be released.",
                fix="Rename the column, cohort or period that carries an id, or report this: no id may get so far.",
                place=Place(file="release/determination.json", key=path),
            )
            for path in paths
        )


def _texts(value: Json, path: str) -> Iterator[tuple[str, str]]:
    """Every text of a JSON value with its key path."""
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _texts(item, f"{path}.{key}" if path else key)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _texts(item, f"{path}[{index}]")
