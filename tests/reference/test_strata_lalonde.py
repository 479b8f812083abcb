"""Exact and coarsened exact matching and subclasses on LaLonde against R MatchIt 4.7.1 (``matching.json``).

Tolerances: the same strata, weights 1e-12; effects and standard errors (HC3) 1e-8 relative; balance 1e-8, where R's
fitted score is not involved.
"""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from matched_worlds import asked, built, panel_of

from evaltool import registry
from evaltool.estimators.weighted.difference import PLUGIN as DIFFERENCE
from evaltool.estimators.weighted.difference import DifferenceOptions
from evaltool.records.design import Design
from evaltool.records.panel import Panel
from evaltool.records.plan.analysis import Estimand

COVARIATES = ("age", "educ", "hispan", "white", "married", "nodegree", "re74", "re75")
CUTS = {
    "bins": {"age": 4, "re74": 3, "re75": 3},
    "cutpoints": {"educ": (Decimal(0), Decimal("8.5"), Decimal("12.5"), Decimal(18))},
}
DESIGNS: dict[str, tuple[str, dict[str, object]]] = {
    "matchit_cem": ("coarsened_exact", {}),
    "matchit_cem_cut": ("coarsened_exact", CUTS),
    "matchit_cem_ate": ("coarsened_exact", {"estimand": "ATE"}),
    "matchit_subclass6": ("subclass", {"tie_order": "row"}),
    "matchit_subclass10": ("subclass", {"tie_order": "row", "subclasses": 10}),
    "matchit_subclass6_ate": ("subclass", {"tie_order": "row", "estimand": "ATE"}),
}


@pytest.fixture(scope="module")
def entries(reference: Path) -> dict[str, Any]:
    table = json.loads((reference / "numbers" / "matching.json").read_text(encoding="utf-8"))
    return {entry["id"]: entry["results"] for entry in table}


@pytest.fixture(scope="module")
def panel(reference: Path) -> Panel:
    d = pd.read_csv(reference / "data" / "lalonde.csv")
    columns = {f"x.{name}": d[name].astype(float) for name in COVARIATES if name in d}
    columns |= {f"x.{race}": (d["race"] == race).astype(float) for race in ("hispan", "white")}
    frame = {"unit": d["id"], "treated": d["treat"] == 1, "weight": 1.0, "y.y": d["re78"], **columns}
    return panel_of(pd.DataFrame(frame).assign(**{"x.row": np.arange(len(d), dtype=float)}))


def made(panel: Panel, method: str, options: dict[str, object], covariates: tuple[str, ...] = COVARIATES) -> Design:
    plugin = registry.design(f"matching.{method}")
    return built(plugin, plugin.options.model_validate({"covariates": covariates, **options}), panel)


@pytest.mark.parametrize("name", DESIGNS)
def test_strata_effects_and_balance(panel: Panel, reference: Path, entries: dict[str, Any], name: str) -> None:
    method, options = DESIGNS[name]
    design = made(panel, method, options)
    assert design.weights is not None
    theirs = pd.read_csv(reference / "numbers" / "lalonde_weights.csv")
    theirs = theirs[theirs["method"] == name].set_index("id").reindex(design.weights["unit"])
    assert design.weights["weight"].to_numpy() == pytest.approx(theirs["weight"].to_numpy(), rel=1e-12, abs=1e-12)
    pairs = set(zip(design.weights["set"], theirs["subclass"].fillna(0), strict=True))
    assert len(pairs) == len({one for one, _ in pairs}) == len({other for _, other in pairs})
    facts = design.summary.matching
    assert facts is not None
    target = Estimand(outcome="y", target=facts.estimand[:3])  # type: ignore[arg-type]
    for which, covariates in (("att_simple", ()), ("att_covadj", COVARIATES)):
        request = asked(DifferenceOptions(covariates=covariates), design, panel, estimand=target)
        found, wanted = DIFFERENCE.estimate(request), entries[name][which]
        assert found.att == pytest.approx(wanted["est"], rel=1e-8)
        assert found.se == pytest.approx(wanted["se"], rel=1e-8)
        assert DIFFERENCE.second_opinion is not None
        assert DIFFERENCE.second_opinion(request).value == pytest.approx(found.att, abs=1e-8 * (found.se or 1.0))
    ours = {row.covariate: row for row in facts.balance}
    names = {"race_hispan": "hispan", "race_white": "white"}
    rows = [row for row in entries[name]["balance_cobalt"] if names.get(row["var"], row["var"]) in ours]
    assert len(rows) == 8
    for row in rows:
        mine = ours[names.get(row["var"], row["var"])]
        assert mine.smd_after == pytest.approx(row["Diff.Adj"], abs=1e-8)
        assert mine.ks_after == pytest.approx(row["KS.Adj"], abs=1e-8)


@pytest.mark.parametrize(("name", "ratio"), [("matchit_optimal", 1), ("matchit_optimal_ratio2", 2)])
def test_optimal_matching_is_no_farther_than_matchits(panel: Panel, reference: Path, name: str, ratio: int) -> None:
    """optmatch solves to a tolerance: its sets on our scores are the upper bound; for pairs the optimum is known."""
    design = made(panel, "optimal", {"tie_order": "row", "ratio": ratio})
    facts = design.summary.matching
    assert facts is not None
    assert design.weights is not None
    assert design.pairs is not None
    score = design.weights.set_index("unit")["score"]
    theirs = pd.read_csv(reference / "numbers" / "lalonde_weights.csv")
    theirs = theirs[(theirs["method"] == name) & theirs["subclass"].notna()]
    treated = theirs[theirs["treat"] == 1].set_index("subclass")["id"]
    others = theirs[theirs["treat"] == 0]
    bound = np.abs(score[treated[others["subclass"]]].to_numpy() - score[others["id"]].to_numpy()).sum()
    total = facts.conventions["total_distance"]
    assert isinstance(total, float)
    assert total == pytest.approx(design.pairs["distance"].sum(), abs=1e-6)
    assert total <= bound + 1e-7
    assert len(design.pairs) == 185 * ratio
    if ratio == 1:
        assert total == pytest.approx(39.692799, abs=1e-6)
        found = DIFFERENCE.estimate(asked(DifferenceOptions(), design, panel))
        assert found.att == pytest.approx(894.367480, abs=1e-6)


def test_exact_matching(panel: Panel, entries: dict[str, Any]) -> None:
    design = made(panel, "exact", {}, ("hispan", "white", "nodegree", "married"))
    found = DIFFERENCE.estimate(asked(DifferenceOptions(), design, panel))
    assert found.att == pytest.approx(entries["matchit_exact_race_deg"]["est"], rel=1e-8)
    assert found.se == pytest.approx(entries["matchit_exact_race_deg"]["se_hc3"], rel=1e-8)
    assert found.estimand == "ATT"


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("matchit_full", {}),
        ("matchit_full_ate", {"estimand": "ATE"}),
        ("matchit_full_cal", {"caliper": Decimal("0.2")}),
    ],
)
def test_full_matching_is_no_farther_than_optmatchs(
    panel: Panel, reference: Path, entries: dict[str, Any], name: str, options: dict[str, object]
) -> None:
    design = made(panel, "full", {"tie_order": "row", **options})
    facts = design.summary.matching
    assert facts is not None
    assert design.weights is not None
    theirs = pd.read_csv(reference / "numbers" / "lalonde_weights.csv")
    theirs = theirs[(theirs["method"] == name) & theirs["subclass"].notna()].set_index("id")
    score = design.weights.set_index("unit")["score"]
    total = 0.0
    for _, own in theirs.groupby("subclass"):
        one, other = (score[own.index[own["treat"] == arm]].to_numpy() for arm in (1, 0))
        assert min(len(one), len(other)) == 1
        total += float(np.sum(np.abs(one[:, None] - other)))
    assert facts.conventions["total_distance"] <= total + 614 * 0.5e-9
    counts = {row["stat"]: row for row in entries[name]["nn"]}["Matched"]
    assert (facts.treated_matched, facts.comparison_matched) == (counts["Treated"], counts["Control"])
    target = Estimand(outcome="y", target=facts.estimand[:3])  # type: ignore[arg-type]
    found = DIFFERENCE.estimate(asked(DifferenceOptions(), design, panel, estimand=target))
    assert found.att == pytest.approx(entries[name]["att_simple"]["est"], abs=0.1 * entries[name]["att_simple"]["se"])
