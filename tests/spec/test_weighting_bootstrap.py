"""The bootstrap of weighting designs: weights fitted again in every draw, by unit and by cluster."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from matched_worlds import asked, built, cross_section, panel_of

import evaltool as ev
from evaltool import registry
from evaltool.errors import RunError
from evaltool.estimators.weighted.difference import PLUGIN, DifferenceOptions
from evaltool.language.words import Voice
from evaltool.numerics import weighting_bootstrap
from evaltool.numerics.weighting_bootstrap import Redraw, redrawn
from evaltool.numerics.weighting_fit import How, fitted
from evaltool.records.plugins import EstimationRequest


def request(frame: pd.DataFrame, se: str, method: str = "inverse_propensity") -> EstimationRequest:
    plugin = registry.design(f"weighting.{method}")
    panel = panel_of(frame)
    design = built(plugin, plugin.options.model_validate({"covariates": ("a", "b")}), panel)
    return asked(DifferenceOptions.model_validate({"se": se}), design, panel)


@pytest.fixture(autouse=True)
def fewer_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(weighting_bootstrap, "DRAWS", 60)


def test_it_agrees_with_m_estimation_and_is_seeded() -> None:
    """The ratio of 60 draws is known to about 9 per cent; 35 is allowed. Weights as known are far off."""
    frame = cross_section(111, 80, 160)
    asking = request(frame, "bootstrap")
    found, known = PLUGIN.estimate(asking), PLUGIN.estimate(request(frame, "m_estimation"))
    assert found.se == pytest.approx(known.se, rel=0.35)
    assert PLUGIN.estimate(request(frame, "hc0")).se > 1.2 * known.se  # type: ignore[operator]
    assert PLUGIN.estimate(request(frame.sample(frac=1.0, random_state=1), "bootstrap")).to_json() == found.to_json()
    other = replace(asking, inference=asking.inference.model_copy(update={"seed": 2}))
    assert PLUGIN.estimate(other).se != found.se
    assert (found.conventions["draws_without_weights"], found.conventions["seed"]) == (0, 1)


def test_every_draw_by_hand() -> None:
    frame = cross_section(112, 40, 60)
    x, d, y = frame[["x.a", "x.b"]].to_numpy(), frame["treated"].to_numpy(), frame["y.y"].to_numpy()
    how, clusters = How("entropy_balancing", "ATT"), np.arange(100) // 4
    found = redrawn(Redraw(x, ("a", "b"), how, clusters, 9), d, y, np.column_stack([np.ones(100), d]))
    generator, effects = np.random.Generator(np.random.PCG64(9)), []
    for _ in range(60):
        rows = np.concatenate([np.flatnonzero(clusters == g) for g in generator.integers(0, 25, 25)])
        w, own, values = fitted(x[rows], ("a", "b"), d[rows], how).weights, d[rows], y[rows]
        effects.append(np.average(values[own], weights=w[own]) - np.average(values[~own], weights=w[~own]))
    assert found.failed == 0
    assert found.covariance is not None
    assert found.covariance[1, 1] == pytest.approx(np.var(effects, ddof=1), rel=1e-9)


def test_clusters_of_the_plan_are_drawn() -> None:
    frame = cross_section(113, 60, 120)
    shock = np.random.default_rng(3).normal(size=20) * 3.0
    frame["cluster"] = np.random.default_rng(4).permutation(np.arange(180) % 20)
    frame["y.y"] += shock[frame["cluster"]]
    asking = request(frame, "bootstrap")
    clustered = replace(asking, inference=asking.inference.model_copy(update={"cluster": "town"}))
    found = PLUGIN.estimate(clustered)
    assert found.counts.clusters == 20
    assert (found.conventions["cluster"], found.conventions["clusters"]) == ("town", 20)
    assert PLUGIN.estimate(asking).counts.clusters is None
    assert "few_clusters_drawn" not in found.notes
    fewer = panel_of(frame.assign(cluster=frame["cluster"] % 19))
    assert "few_clusters_drawn" in PLUGIN.estimate(replace(clustered, panel=fewer)).notes
    assert all(Voice(lang).says("limit.few_clusters_drawn") for lang in ("da", "en"))
    missing = replace(clustered, panel=panel_of(frame.drop(columns="cluster")))
    with pytest.raises(RunError, match="RUN_NO_CLUSTER_COLUMN"):
        PLUGIN.estimate(missing)
    other = replace(clustered, options=DifferenceOptions(se="hc3"))
    with pytest.raises(RunError, match="RUN_NOT_BY_MATCHING"):
        PLUGIN.estimate(other)


def test_too_many_draws_without_weights_leave_no_standard_error() -> None:
    """Four treated units near the edge: most draws separate the groups."""
    frame = cross_section(114, 4, 30)
    found = PLUGIN.estimate(request(frame, "bootstrap"))
    failed = found.conventions["draws_without_weights"]
    assert isinstance(failed, int)
    assert failed > 3
    assert (found.se, found.absent) == (None, "TOO_FEW_CLUSTERS")


def test_the_direct_road() -> None:
    frame = cross_section(111, 80, 160)
    plain = frame.rename(columns={"x.a": "a", "x.b": "b", "y.y": "y"}).drop(columns="weight")
    design = ev.weighting.inverse_propensity(plain, treatment="treated", covariates=["a", "b"], unit="unit")
    found = ev.weighted.difference(design, plain, outcome="y", se="bootstrap")
    assert found.se == pytest.approx(PLUGIN.estimate(request(frame, "bootstrap")).se, rel=1e-12)
