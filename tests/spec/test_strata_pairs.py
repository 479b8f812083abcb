"""Pairs within coarsened strata: against enumeration, ties, who is left out, refusals, both roads."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest
from matched_worlds import asked, built, cross_section, panel_of
from pydantic import ValidationError

import evaltool as ev
from evaltool import registry
from evaltool.errors import RunError
from evaltool.estimators.weighted.difference import PLUGIN as DIFFERENCE
from evaltool.estimators.weighted.difference import DifferenceOptions
from evaltool.records.design import Design


def made(frame: pd.DataFrame, **options: object) -> Design:
    plugin = registry.design("matching.coarsened_exact")
    stated = {"covariates": ("a", "b"), "bins": {"a": 2, "b": 2}, "pairs": True, **options}
    return built(plugin, plugin.options.model_validate(stated), panel_of(frame))


def test_every_stratum_has_the_nearest_pairs_it_can_have() -> None:
    """Five treated and seven others: every way to pair them within the bins, the least Mahalanobis distance."""
    frame = cross_section(12, 5, 7)
    design = made(frame)
    assert design.pairs is not None
    x, d = frame[["x.a", "x.b"]].to_numpy(), frame["treated"].to_numpy()
    centred = x - np.where(d[:, None], x[d].mean(axis=0), x[~d].mean(axis=0))
    points = x @ np.linalg.cholesky(np.linalg.inv(centred.T @ centred / 10))
    bins = [tuple(row) for row in ((x - x.min(axis=0)) / np.ptp(x, axis=0) * 2).astype(int).clip(0, 1)]
    total, sizes = 0.0, 0
    for stratum in sorted(set(bins)):
        own = [i for i in range(12) if bins[i] == stratum]
        mine, theirs = [i for i in own if d[i]], [i for i in own if not d[i]]
        few, many = sorted((mine, theirs), key=len)
        if few:
            ways = itertools.permutations(many, len(few))
            total += min(
                sum(np.linalg.norm(points[i] - points[j]) for i, j in zip(few, way, strict=True)) for way in ways
            )
            sizes += len(few)
    assert len(design.pairs) == sizes
    assert design.pairs["distance"].sum() == pytest.approx(total, abs=1e-8)
    for row in design.pairs.itertuples():
        assert bins[row.treated] == bins[row.comparison]  # type: ignore[index]
    assert design.weights is not None
    assert set(design.weights["weight"]) <= {0.0, 1.0}


def test_lost_treated_units_rename_the_estimand_or_stop_the_run() -> None:
    frame = cross_section(13, 40, 30)
    design = made(frame)
    assert design.summary.matching is not None
    assert design.summary.matching.estimand == "ATT among the matched treated"
    assert design.pairs is not None
    assert sum(entry.count for entry in design.ledger.entries) == 70 - 2 * len(design.pairs)
    with pytest.raises(RunError, match="RUN_TREATED_UNMATCHED"):
        made(frame, unmatched_treated="refuse")
    with pytest.raises(RunError, match="RUN_NO_MATCH"):
        made(frame, bins={"a": 5000, "b": 5000})


def test_ties_are_declared_and_their_range_is_printed() -> None:
    frame = cross_section(14, 15, 60, discrete=True)
    design = made(frame)
    assert design.summary.matching is not None
    assert design.summary.matching.tied_units > 0
    assert design.summary.matching.conventions["tie_order"] == "id"
    request = asked(DifferenceOptions(), design, panel_of(frame))
    found = DIFFERENCE.estimate(request)
    ends = found.conventions["tie_lower"], found.conventions["tie_upper"]
    assert ends[0] is not None
    assert ends[0] <= found.att <= ends[1]  # type: ignore[operator]
    assert found.counts.clusters == len(design.pairs)  # type: ignore[arg-type]
    assert DIFFERENCE.second_opinion is not None
    assert DIFFERENCE.second_opinion(request).value == pytest.approx(found.att, rel=1e-10)
    by_column = frame.assign(**{"x.row": -frame["unit"].astype(float)})
    assert set(made(by_column, tie_order="row").pairs["comparison"]) != set(design.pairs["comparison"])  # type: ignore[index]


def test_what_has_no_effect_is_refused() -> None:
    for options in ({"estimand": "ATE"}, {"pairs": False, "tie_order": "row"}):
        with pytest.raises(ValidationError):
            made(cross_section(15), **options)


def test_the_direct_road() -> None:
    frame = cross_section(16, 20, 40)
    plain = frame.rename(columns={"x.a": "a", "x.b": "b"}).drop(columns=["weight", "y.y"])
    found = ev.matching.coarsened_exact(
        plain, treatment="treated", covariates=["a", "b"], unit="unit", bins={"a": 2, "b": 2}, pairs=True
    )
    pd.testing.assert_frame_equal(found.sets, made(frame).pairs)  # type: ignore[arg-type]
