"""The range of g-computation over tie orders: every order tried by refitting, slopes by differences, search within."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from matched_worlds import asked, built, cross_section, panel_of

from evaltool import registry
from evaltool.estimators.weighted import _modelled
from evaltool.estimators.weighted.g_computation import PLUGIN, GComputationOptions
from evaltool.numerics.matching_ties import Tied, placements, ranged
from evaltool.numerics.model_ties import ModelTies
from evaltool.numerics.outcome_model import Problem
from evaltool.numerics.regression import Regressors
from evaltool.records.estimate import Estimate
from evaltool.records.plugins import EstimationRequest


def request(frame: pd.DataFrame, kind: str = "mean", **options: object) -> EstimationRequest:
    plugin = registry.design("matching.nearest")
    panel = panel_of(frame)
    design = built(plugin, plugin.options.model_validate({"covariates": ("a", "b"), **options}), panel)
    made = asked(GComputationOptions(), design, panel)
    return replace(made, outcome=made.outcome.model_copy(update={"kind": kind}))


def by_tie_order(frame: pd.DataFrame, kind: str, **options: object) -> list[float]:
    """Effects over random tie orders, each a design of its own."""
    found = []
    for seed in range(12):
        order = np.random.default_rng(seed).permutation(len(frame)).astype(float)
        asking = request(frame.assign(**{"x.row": order}), kind, tie_order="row", **options)
        means = _modelled.modelled(asking, (), augmented=False).means
        found.append(means.with_treatment - means.without)
    return found


@pytest.mark.parametrize("kind", ["mean", "binary"])
def test_the_range_holds_what_tie_orders_reach(kind: str) -> None:
    frame = cross_section(102, 12, 60, discrete=True)
    if kind == "binary":
        frame["y.y"] = (frame["y.y"] + np.random.default_rng(0).normal(size=72) * 3 > 0).astype(float)
    found: Estimate = PLUGIN.estimate(request(frame, kind))
    ends = found.conventions["tie_lower"], found.conventions["tie_upper"]
    assert found.conventions["tie_range"] in {"searched", "enumerated"}
    reached = by_tie_order(frame, kind)
    assert len(set(reached)) > 3
    assert ends[0] <= min(*reached, found.att) + 1e-12  # type: ignore[operator]
    assert ends[1] >= max(*reached, found.att) - 1e-12  # type: ignore[operator]
    assert "effect_depends_on_ties" in found.notes


def test_nothing_to_choose() -> None:
    found = PLUGIN.estimate(request(cross_section(103, 12, 30)))
    assert (found.conventions["tie_range"], found.conventions["tie_orders"]) == ("no_ties", 1)


def test_a_model_that_does_not_fit_in_some_order_leaves_the_range_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    frame = cross_section(102, 12, 60, discrete=True)

    def refuses(*_: object) -> object:
        raise _modelled.RunError(_modelled.Fault("RUN_OUTCOME_MODEL", "none", "none", _modelled.Place(key="x")))

    monkeypatch.setattr(_modelled, "ranged", refuses)
    assert PLUGIN.estimate(request(frame)).conventions["tie_range"] == "not_computed"


def world(family: str) -> tuple[ModelTies, Tied]:
    """Six treated and ten others, two groups of ties among the others, some without weight."""
    r = np.random.default_rng(7)
    treated = np.arange(16) < 6
    x = np.column_stack([np.ones(16), r.normal(size=16)])
    y = r.random(16) * 3 if family == "identity" else r.poisson(2.0, 16).astype(float)
    weights = np.array([1.0] * 6 + [1.0, 0.5, 0.0, 2.0, 0.0, 1.0, 1.5, 1.0, 1.0, 1.0])
    groups = np.array([*range(6), 6, 6, 6, 7, 7, 8, 9, 10, 11, 12])
    problem = Problem(
        Regressors(x, ("constant", "a"), "a test"),
        y,
        treated,
        weights,
        treated.astype(float),
        family,
        augmented=False,  # type: ignore[arg-type]
    )
    tied = Tied(y, treated.astype(float), weights, groups)
    return ModelTies(problem, treated, tied.moving()), tied


@pytest.mark.parametrize("family", ["identity", "log"])
def test_slopes_are_derivatives(family: str) -> None:
    normal, tied = world(family)
    start = [np.maximum(tied.weights[part], 0.2) for part in tied.moving()]
    for k, slope in enumerate(normal.slopes(start)):
        for i in range(len(slope)):
            ends = []
            for step in (1e-6, -1e-6):
                moved = [w.copy() for w in start]
                moved[k][i] += step
                ends.append(normal.effect(moved))
            assert slope[i] == pytest.approx((ends[0] - ends[1]) / 2e-6, abs=1e-7)


@pytest.mark.parametrize("family", ["identity", "log"])
def test_the_search_finds_what_trying_all_finds(family: str) -> None:
    normal, tied = world(family)
    start = [tied.weights[part] for part in tied.moving()]
    effects = [
        normal.effect([np.array(one), np.array(two)])
        for one, two in itertools.product(*(set(itertools.permutations(w.tolist())) for w in start))
    ]
    every, searched = ranged(tied, normal), ranged(tied, normal, most=0)
    assert (every.how, searched.how, every.orders) == ("enumerated", "searched", placements(tied))
    assert len(effects) == placements(tied)
    for found in (every, searched):
        assert (found.lower, found.upper) == (pytest.approx(min(effects)), pytest.approx(max(effects)))
