"""Units gone since a weighted, stratified, ATC or ATE design was locked: everybody else keeps the design's rule."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from matched_worlds import asked, built, cross_section, panel_of

from evaltool import registry
from evaltool.errors import RunError
from evaltool.estimators.weighted.difference import PLUGIN as DIFFERENCE
from evaltool.estimators.weighted.difference import DifferenceOptions
from evaltool.pipeline.blind_marks import Since
from evaltool.pipeline.dropped import without
from evaltool.records.design import Design
from evaltool.records.plan.analysis import Estimand

MENU: list[tuple[str, dict[str, object]]] = [
    ("weighting.inverse_propensity", {"estimand": "ATE"}),
    ("weighting.entropy_balancing", {}),
    ("weighting.stable", {"tolerance": Decimal("0.1")}),
    ("matching.subclass", {"subclasses": 3}),
    ("matching.exact", {"estimand": "ATE"}),
    ("matching.nearest", {"estimand": "ATC", "replace": True}),
    ("matching.nearest", {"estimand": "ATE", "replace": True}),
    ("matching.optimal", {"ratio": 2}),
    ("matching.full", {}),
    ("matching.full", {"estimand": "ATE"}),
]


def made(frame: pd.DataFrame, method: str, options: dict[str, object]) -> Design:
    plugin = registry.design(method)
    return built(plugin, plugin.options.model_validate({"covariates": ("a", "b"), **options}), panel_of(frame))


def since(frame: pd.DataFrame, gone: list[int]) -> Since:
    treated = frame.set_index("unit")["treated"]
    return Since(tuple(u for u in gone if treated[u]), tuple(u for u in gone if not treated[u]), ())


@pytest.mark.parametrize(("method", "options"), MENU)
def test_the_rest_keep_their_weights_or_are_counted_again(method: str, options: dict[str, object]) -> None:
    frame = cross_section(61, 40, 90, discrete=method == "matching.exact")
    design = made(frame, method, options)
    assert design.weights is not None
    inside = design.weights.loc[design.weights["weight"] > 0]
    gone = [int(inside.loc[inside["treated"], "unit"].iloc[0]), int(inside.loc[~inside["treated"], "unit"].iloc[3])]
    kept = frame.loc[~frame["unit"].isin(gone)]
    left = without(design, panel_of(kept), since(frame, gone))
    assert left.weights is not None
    assert left.summary.matching is not None
    assert design.summary.matching is not None
    assert len(left.weights) == len(frame) - 2
    old = design.weights.set_index("unit")["weight"].drop(gone)
    new = left.weights.set_index("unit")["weight"]
    if method.startswith("weighting") or (options.get("estimand") == "ATE" and method == "matching.nearest"):
        assert (new == old).all()
        assert left.summary.matching.estimand == f"{design.summary.matching.estimand} among those still in the data"
    assert (new >= 0).all()
    target = Estimand(outcome="y", target=design.summary.matching.estimand[:3])  # type: ignore[arg-type]
    request = asked(DifferenceOptions(), left, panel_of(kept), estimand=target)
    found = DIFFERENCE.estimate(request)
    w, y, d = new.to_numpy(), kept["y.y"].to_numpy(), kept["treated"].to_numpy()
    assert found.att == pytest.approx(np.average(y[d], weights=w[d]) - np.average(y[~d], weights=w[~d]), rel=1e-10)
    assert DIFFERENCE.second_opinion is not None
    assert DIFFERENCE.second_opinion(request).value == pytest.approx(found.att, rel=1e-9)
    assert {entry.reason for entry in left.ledger.entries} >= {"dropped_since_lock"}
    if method == "matching.exact":
        again = made(kept, method, options)
        assert again.weights is not None
        assert new.to_numpy() == pytest.approx(again.weights["weight"].to_numpy(), rel=1e-12)


def test_a_group_that_is_gone_altogether_is_refused() -> None:
    frame = cross_section(62, 20, 60)
    design = made(frame, "weighting.entropy_balancing", {})
    gone = frame.loc[frame["treated"], "unit"].tolist()
    with pytest.raises(RunError, match="Everybody with weight in one group is gone"):
        without(design, panel_of(frame.loc[~frame["treated"]]), since(frame, gone))
