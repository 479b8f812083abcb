"""From strata to a ``Design``: weights, who is alone, and the promise that a stratum holds both groups."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from evaltool.designs._comparison import Comparison, Conventions, finish
from evaltool.designs.matching._ledger import ledger_of
from evaltool.designs.matching._units import Units
from evaltool.errors import Fault, Place, RunError
from evaltool.numerics.strata import Target, stratum_weights
from evaltool.records.base import Record
from evaltool.records.design import Design
from evaltool.records.panel import FloatArray, IntArray

ALONE = "nobody of the other group in the stratum"


@dataclass(frozen=True, slots=True, eq=False)
class Strata:
    """(n,) strata from 1, the score shown, the target, words, and whether unmatched treated units stop the run."""

    units: Units
    codes: IntArray
    score: FloatArray
    target: Target
    words: Conventions
    refuse: bool


def stratified(name: str, options: Record, strata: Strata) -> Design:
    """The design. Raises RunError: RUN_NO_MATCH, RUN_TREATED_UNMATCHED, RUN_PROMISE_BROKEN."""
    units, treated = strata.units, strata.units.treated
    weight = stratum_weights(strata.codes, treated, strata.target)
    inside = weight > 0.0
    _check(strata, weight)
    sets = np.zeros_like(strata.codes)
    sets[inside] = np.unique(strata.codes[inside], return_inverse=True)[1].reshape(-1) + 1
    made = Comparison(
        units=units,
        score=strata.score,
        scale="probability",
        target=strata.target,
        weight=weight,
        sets=sets,
        tie=np.arange(len(units.ids), dtype=np.int64),
        conventions={
            **strata.words,
            "strata": int(np.max(sets)),
            "target": strata.target,
            "covariates": ", ".join(units.names),
            "weights": "by stratum, average 1",
        },
    )
    return finish(name, options, made, ledger_of(units, {ALONE: np.flatnonzero(~inside)}))


def share_treated(codes: IntArray, treated: np.ndarray[tuple[int, ...], np.dtype[np.bool_]]) -> FloatArray:
    """(n,) share of the treated in the own stratum: the propensity score of a design by strata."""
    every, own = np.bincount(codes), np.bincount(codes, weights=treated.astype(np.float64))
    return np.asarray(own[codes] / every[codes], dtype=np.float64)


def _check(strata: Strata, weight: FloatArray) -> None:
    """Refuse a design in which nobody is matched or somebody is not whom the plan wants; re-check what was promised."""
    treated, inside = strata.units.treated, weight > 0.0
    left = int(np.sum(treated & ~inside))
    if not bool(np.any(inside)):
        cause, fix = "No stratum holds treated and comparison units.", "Cut more coarsely, or leave columns out."
        raise RunError(Fault("RUN_NO_MATCH", cause, fix, Place(key="design.options")))
    if left and strata.refuse:
        raise RunError(
            Fault(
                code="RUN_TREATED_UNMATCHED",
                cause=f"{left} of {int(np.sum(treated))} treated units found no match, and the plan refuses that.",
                fix='State unmatched_treated = "rename" beforehand, cut more coarsely, or include more units.',
                place=Place(key="design.options.unmatched_treated"),
            )
        )
    both = set(strata.codes[inside & treated].tolist()) == set(strata.codes[inside & ~treated].tolist())
    if not both or float(np.min(weight)) < 0.0:
        raise RunError(
            Fault(
                code="RUN_PROMISE_BROKEN",
                cause="The matching broke a promise: a stratum with weight lacks one of the groups.",
                fix="This is a fault of evaltool, not of the plan or the data: report it with the plan.",
                place=Place(key="design"),
            )
        )
