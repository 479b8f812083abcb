"""Weights on the 614-row LaLonde file against R WeightIt 1.4.0 (``matching.json``, ``lalonde_weights.csv``).

Tolerances: weights 1e-6 relative where R fits a score (glm stops at 1e-8 of the deviance), 1e-9 where it solves
equations; effects, M-estimation standard errors and balance 1e-7. Over-identified scores: R stops its optimiser at a
tolerance, so its effects are 1e-4 from the minimum that ours certifies by its gradient.
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
from evaltool.records.estimate import Estimate
from evaltool.records.panel import Panel
from evaltool.records.plan.analysis import Estimand

COVARIATES = ("age", "educ", "hispan", "white", "married", "nodegree", "re74", "re75")
DESIGNS: dict[str, tuple[str, dict[str, object], float]] = {
    **{f"weightit_ps_{t}": ("inverse_propensity", {"estimand": t}, 1e-6) for t in ("ATT", "ATC", "ATE", "ATO", "ATM")},
    "weightit_ps_ATE_stab": ("inverse_propensity", {"estimand": "ATE", "stabilised": True}, 1e-6),
    "weightit_ebal_ATT": ("entropy_balancing", {}, 1e-9),
    "weightit_ebal_ATE": ("entropy_balancing", {"estimand": "ATE"}, 1e-9),
    "weightit_ebal_ATT_m2": ("entropy_balancing", {"moments": 2}, 1e-9),
    "weightit_cbps_ATT": ("covariate_balancing", {}, 1e-9),
    "weightit_cbps_ATE": ("covariate_balancing", {"estimand": "ATE"}, 1e-9),
    "weightit_cbps_over_ATT": ("covariate_balancing", {"over": True}, 2e-5),
    "weightit_cbps_over_ATE": ("covariate_balancing", {"over": True, "estimand": "ATE"}, 2e-5),
}
OWN_SE = {"weightit_ebal_ATT", "weightit_ebal_ATE", "weightit_ebal_ATT_m2"}
"""WeightIt takes the target's means as known there; ours counts them as estimated."""


@pytest.fixture(scope="module")
def entries(reference: Path) -> dict[str, Any]:
    table = json.loads((reference / "numbers" / "matching.json").read_text(encoding="utf-8"))
    return {entry["id"]: entry["results"] for entry in table}


@pytest.fixture(scope="module")
def theirs(reference: Path) -> pd.DataFrame:
    return pd.read_csv(reference / "numbers" / "lalonde_weights.csv")


@pytest.fixture(scope="module")
def panel(reference: Path) -> Panel:
    d = pd.read_csv(reference / "data" / "lalonde.csv")
    columns = {f"x.{name}": d[name].astype(float) for name in COVARIATES if name in d}
    columns |= {f"x.{race}": (d["race"] == race).astype(float) for race in ("hispan", "white")}
    frame = {"unit": d["id"], "treated": d["treat"] == 1, "weight": 1.0, "y.y": d["re78"], **columns}
    return panel_of(pd.DataFrame(frame))


def made(panel: Panel, method: str, options: dict[str, object]) -> Design:
    plugin = registry.design(f"weighting.{method}")
    return built(plugin, plugin.options.model_validate({"covariates": COVARIATES, **options}), panel)


def effect(design: Design, panel: Panel, **options: object) -> Estimate:
    assert design.summary.matching is not None
    target = Estimand(outcome="y", target=design.summary.matching.estimand[:3])  # type: ignore[arg-type]
    request = asked(DifferenceOptions(**options), design, panel, estimand=target)  # type: ignore[arg-type]
    found = DIFFERENCE.estimate(request)
    assert DIFFERENCE.second_opinion is not None
    again = DIFFERENCE.second_opinion(request)
    assert again.value == pytest.approx(found.att, abs=1e-8 * max(abs(found.att), found.se or 0.0))
    return found


@pytest.mark.parametrize("name", DESIGNS)
def test_weights_effects_and_balance(panel: Panel, entries: dict[str, Any], theirs: pd.DataFrame, name: str) -> None:
    method, options, tolerance = DESIGNS[name]
    design = made(panel, method, options)
    assert design.weights is not None
    wanted = theirs[theirs["method"] == name].set_index("id")["weight"].reindex(design.weights["unit"])
    assert design.weights["weight"].to_numpy() == pytest.approx(wanted.to_numpy(), rel=tolerance)
    expected = entries[name]
    loose = 1e-4 if options.get("over") else 1e-7
    found = effect(design, panel)
    assert found.att == pytest.approx(expected["lm_weightit"]["est"], rel=loose)
    if name not in OWN_SE and not options.get("over"):
        assert found.se == pytest.approx(expected["lm_weightit"]["se"], rel=1e-7)
        assert found.df is None
        assert found.conventions["scores"] == "estimated"
    assert effect(design, panel, se="hc0").se == pytest.approx(expected["lm_hc0_se"], rel=loose)
    assert effect(design, panel, se="hc3").se == pytest.approx(expected["lm_hc3_se"], rel=loose)
    facts = design.summary.matching
    assert facts is not None
    ours = {row.covariate: row for row in facts.balance}
    if method != "entropy_balancing":
        ours["prop.score"] = ours["propensity score"]
    names = {"race_hispan": "hispan", "race_white": "white"}
    rows = [row for row in expected["balance"] if names.get(row["var"], row["var"]) in ours]
    assert len(rows) >= 8
    for row in rows:
        mine = ours[names.get(row["var"], row["var"])]
        assert mine.smd_before == pytest.approx(row["Diff.Un"], abs=loose)
        assert mine.smd_after == pytest.approx(row["Diff.Adj"], abs=loose)
        assert mine.ks_after == pytest.approx(row["KS.Adj"], abs=loose)


def test_standard_errors_of_entropy_balancing_with_known_targets_are_weightits(
    panel: Panel, entries: dict[str, Any]
) -> None:
    """With the target's means taken as known, psi is (1 − D) w (x − mean of the treated) alone."""
    design = made(panel, "entropy_balancing", {})
    assert design.weights is not None
    w, d = design.weights["weight"].to_numpy(), design.weights["treated"].to_numpy(dtype=float)
    x = panel.frame[[f"x.{name}" for name in COVARIATES]].to_numpy()
    z = (x - x[d == 1].mean(axis=0)) / x.std(axis=0)
    y, one = panel.frame["y.y"].to_numpy(), np.column_stack([np.ones(614), d])
    bread = np.linalg.inv(one.T @ (one * w[:, None]))
    residual = y - one @ (bread @ (one.T @ (w * y)))
    psi = z * ((1 - d) * w)[:, None]
    carried = np.linalg.solve(psi.T @ z, psi.T @ (one * residual[:, None]))
    scores = one * (w * residual)[:, None] - psi @ carried
    covariance = bread @ scores.T @ scores @ bread
    assert np.sqrt(covariance[1, 1]) == pytest.approx(entries["weightit_ebal_ATT"]["lm_weightit"]["se"], rel=1e-8)


def test_trimmed_weights_rename_the_estimand(panel: Panel, entries: dict[str, Any]) -> None:
    design = made(panel, "inverse_propensity", {"estimand": "ATE", "trim": Decimal("0.95")})
    assert design.weights is not None
    assert design.weights["weight"].max() == pytest.approx(entries["weightit_ps_ATE_trim"]["wrange"][1], rel=1e-7)
    found = effect(design, panel)
    assert found.att == pytest.approx(entries["weightit_ps_ATE_trim"]["est"], rel=1e-7)
    assert found.estimand == "ATE with weights trimmed at quantile 0.95"
