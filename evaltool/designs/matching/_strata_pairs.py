"""Pairs within strata: as many as the smaller group allows, at the least total distance, the others left out."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from evaltool.designs._comparison import Comparison, Conventions, finish
from evaltool.designs.matching._ledger import ledger_of
from evaltool.designs.matching._nearest_options import NearestOptions
from evaltool.designs.matching._nearest_rules import reasons
from evaltool.designs.matching._promises import check_promises, kept
from evaltool.designs.matching._score import fit_score
from evaltool.designs.matching._sets import pairs_of, sets_of, ties_of, weights_of
from evaltool.designs.matching._units import Units
from evaltool.designs.matching.nearest import DISTANCES, check_matched, ground_of, promised_by
from evaltool.designs.matching.optimal import optimal_matches
from evaltool.numerics.matching import GRID
from evaltool.records.base import Record
from evaltool.records.design import Design
from evaltool.records.panel import IntArray


def paired(
    name: str, given: Record, units: Units, codes: IntArray, options: NearestOptions, words: Conventions
) -> Design:
    """The pairs of (n,) strata ``codes`` by the distance of ``options``. Raises RunError as ``matching.optimal``."""
    within = replace(units, stratum=codes, more=dict(zip(units.names, units.x.T, strict=True)))
    score = fit_score(within.x, within.names, within.treated).probability
    ground = ground_of(within, score, options, None)
    made, potential, told = optimal_matches(ground, 1)
    check_matched(within, made, options)
    check_promises(within, made, promised_by(ground, score, options, None))
    kept(["a pair lies in two strata"] if bool(np.any(codes[made.first] != codes[made.second])) else [])
    comparison = Comparison(
        units=within,
        score=score,
        scale="probability",
        target="ATT",
        weight=weights_of(made),
        sets=sets_of(made),
        tie=ties_of(within, (*ground.points.T,)),
        conventions={
            **words,
            "pair_distance": DISTANCES[options.distance],
            "score": "logit",
            "ratio": 1,
            "covariates": ", ".join(within.names),
            "tie_order": options.tie_order or "id",
            **told,
        },
        pairs=pairs_of(within, made),
        largest_distance=float(np.max(made.distance)) / GRID,
        potential=potential,
    )
    return finish(name, given, comparison, ledger_of(within, reasons(ground, made)))
