"""Standard errors by set and unit against statsmodels, and the bootstrap of sets against its own limit."""

from __future__ import annotations

import numpy as np
import pytest
import statsmodels.api as sm
from matched_worlds import asked, built, cross_section, estimated, panel_of

from evaltool import registry
from evaltool.errors import RunError
from evaltool.estimators.weighted.difference import PLUGIN, DifferenceOptions
from evaltool.numerics.matching_effect import resampled
from evaltool.records.design import Design
from evaltool.records.panel import Panel
from evaltool.records.plan.analysis import Inference


def made(method: str, **options: object) -> tuple[Design, Panel]:
    panel = panel_of(cross_section(51, 30, 40, discrete=bool(options.pop("discrete", False))))
    plugin = registry.design(method)
    return built(plugin, plugin.options.model_validate({"covariates": ("a", "b"), **options}), panel), panel


@pytest.mark.parametrize("covariates", [(), ("a",)])
@pytest.mark.parametrize("discrete", [False, True])
def test_by_set_and_unit_is_statsmodels_on_one_row_per_pair(covariates: tuple[str, ...], discrete: bool) -> None:
    """Treated once a set, comparison units one over their number in the set; clusters of two kinds."""
    design, panel = made("matching.nearest", replace=True, ratio=2, discrete=discrete)
    assert design.pairs is not None
    found = estimated(PLUGIN, DifferenceOptions(covariates=covariates, se="cluster_set_and_unit"), design, panel)
    frame = panel.frame.set_index("unit")
    scale = design.weights.query("weight > 0 and not treated")["weight"].sum() / 30  # type: ignore[union-attr]
    rows = [(t, s, 1.0) for t, s in design.pairs[["treated", "set"]].drop_duplicates().itertuples(index=False)]
    size = design.pairs.groupby("set")["comparison"].transform("size")
    rows += list(zip(design.pairs["comparison"], design.pairs["set"], scale / size, strict=True))
    unit, sets, weight = (np.array(column) for column in zip(*rows, strict=True))
    chosen = frame.loc[unit]
    x = sm.add_constant(np.column_stack([chosen["treated"].astype(float), *(chosen[f"x.{c}"] for c in covariates)]))
    fit = sm.WLS(chosen["y.y"].to_numpy(), x, weights=weight)
    theirs = fit.fit(cov_type="cluster", cov_kwds={"groups": np.column_stack([sets, unit]).astype(int)})
    assert found.att == pytest.approx(theirs.params[1], rel=1e-10)
    assert found.se == pytest.approx(theirs.bse[1], rel=1e-9)
    assert found.df == min(len(set(sets)), len(set(unit))) - 1


def test_where_nobody_stands_twice_both_kinds_are_one() -> None:
    design, panel = made("matching.nearest")
    by_set, both = (
        estimated(PLUGIN, DifferenceOptions(se=se), design, panel) for se in ("cluster_set", "cluster_set_and_unit")
    )
    assert both.se is not None
    assert both.se == pytest.approx(by_set.se, rel=0.02)


def test_the_bootstrap_of_sets_is_seeded_and_near_its_limit() -> None:
    design, panel = made("matching.optimal")
    options = DifferenceOptions(se="bootstrap")
    first = estimated(PLUGIN, options, design, panel)
    assert estimated(PLUGIN, options, design, panel) == first
    other = PLUGIN.estimate(asked(options, design, panel, inference=Inference(seed=2)))
    assert other.se != first.se
    assert (first.conventions["seed"], first.conventions["distribution"]) == (1, "normal")
    d = design.pairs
    assert d is not None
    y = panel.frame.set_index("unit")["y.y"]
    differences = y[d["treated"]].to_numpy() - y[d["comparison"]].to_numpy()
    assert first.se == pytest.approx(differences.std() / np.sqrt(len(d)), rel=0.08), "999 draws: 2.2 % once"
    assert resampled(np.ones((4, 1)), np.arange(4.0), np.ones(4), np.zeros(4, dtype=np.int64), 1) is None


@pytest.mark.parametrize(
    ("method", "options", "se"),
    [
        ("matching.nearest", {"replace": True}, "bootstrap"),
        ("matching.subclass", {"subclasses": 3}, "bootstrap"),
        ("weighting.entropy_balancing", {}, "cluster_set_and_unit"),
    ],
)
def test_refused_without_sets(method: str, options: dict[str, object], se: str) -> None:
    design, panel = made(method, **options)
    with pytest.raises(RunError, match="RUN_NO_SETS"):
        estimated(PLUGIN, DifferenceOptions.model_validate({"se": se}), design, panel)
