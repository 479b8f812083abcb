"""Matching on the 614-row LaLonde file against R MatchIt, sandwich and cobalt (``matching.json``).

Tolerances: sets exactly where MatchIt has a total order; effects and standard errors 1e-8 relative; balance 1e-8
(R's glm stops at 1e-8 relative deviance, so its scores differ from the maximum in the ninth digit; figures of the score
itself, whose matched variance can be small, to 1e-6 relative).
"""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matched_worlds import asked, built, panel_of

from evaltool.designs.matching._nearest_options import NearestOptions
from evaltool.designs.matching.nearest import PLUGIN as NEAREST
from evaltool.estimators.weighted.difference import PLUGIN as DIFFERENCE
from evaltool.estimators.weighted.difference import DifferenceOptions
from evaltool.records.design import Design
from evaltool.records.estimate import Estimate
from evaltool.records.panel import Panel
from evaltool.records.plan.analysis import Estimand

COVARIATES = ("age", "educ", "hispan", "white", "married", "nodegree", "re74", "re75")
CALIPER = Decimal("0.2")
METRIC = ("age", "educ", "black2", "hispan2", "white2", "married", "nodegree", "re74", "re75")
"""What MatchIt makes of a factor: every level, over the square root of two."""
DESIGNS: dict[str, dict[str, object]] = {
    "matchit_nn_norep": {},
    "matchit_nn_smallest": {"order": "smallest"},
    "matchit_nn_closest": {"order": "closest"},
    "matchit_nn_cal02": {"caliper": CALIPER},
    "matchit_nn_ratio2": {"ratio": 2},
    "matchit_nn_exact_race": {"exact": ("hispan", "white")},
    "matchit_nn_logit": {"scale": "linear", "caliper": CALIPER},
    "matchit_nn_data": {"order": "data"},
    "matchit_nn_probit": {"distance": "probit"},
    "matchit_nn_robust_maha": {"distance": "robust_mahalanobis", "match_on": METRIC, "order": "data"},
    "matchit_nn_scaled_eucl": {"distance": "scaled_euclidean", "match_on": METRIC, "order": "data"},
    "matchit_nn_mahvars_cal": {
        "distance": "mahalanobis",
        "match_on": ("age", "educ", "re74", "re75"),
        "caliper": CALIPER,
    },
    "matchit_nn_cal_age": {"caliper": Decimal("0.1"), "calipers": {"age": Decimal(2)}},
    "matchit_nn_atc": {"estimand": "ATC", "order": "smallest"},
    "matchit_nn_discard_both": {"support": "both"},
}
NO_SCORE = {"matchit_nn_robust_maha", "matchit_nn_scaled_eucl"}
"""MatchIt fits none there; ours serves the overlap check alone."""


def entries(reference: Path) -> dict[str, dict[str, object]]:
    table = json.loads((reference / "numbers" / "matching.json").read_text(encoding="utf-8"))
    return {entry["id"]: entry["results"] for entry in table}


def lalonde(reference: Path, order: np.ndarray | None = None) -> Panel:
    """The file as a panel, with the file row as a covariate; rows shuffled by ``order``."""
    d = pd.read_csv(reference / "data" / "lalonde.csv")
    columns = {f"x.{name}": d[name].astype(float) for name in COVARIATES if name in d}
    races = {f"x.{race}": (d["race"] == race).astype(float) for race in ("black", "hispan", "white")}
    races |= {f"{race}2": column / np.sqrt(2) for race, column in races.items()}
    frame = pd.DataFrame(
        {"unit": d["id"], "treated": d["treat"] == 1, "weight": 1.0, "y.y": d["re78"], **columns, **races}
    )
    frame["x.row"] = np.arange(len(d), dtype=float)
    return panel_of(frame if order is None else frame.iloc[order])


def matched(panel: Panel, **options: object) -> Design:
    return built(NEAREST, NearestOptions(covariates=COVARIATES, **options), panel)


def effect(design: Design, panel: Panel, **options: object) -> Estimate:
    assert design.summary.matching is not None
    target = Estimand(outcome="y", target=design.summary.matching.estimand[:3])  # type: ignore[arg-type]
    return DIFFERENCE.estimate(asked(DifferenceOptions(**options), design, panel, estimand=target))


def test_a_mahalanobis_distance_differs_in_one_choice_that_hangs_on_the_last_bit(reference: Path) -> None:
    """NSW89 (age 21) is exactly as far from PSID407 (23) as from PSID383 (19); NSW96 then takes what is left."""
    panel = lalonde(reference)
    design = matched(panel, tie_order="row", distance="mahalanobis", match_on=METRIC, order="data")
    ours, theirs = sets_of(design, "matchit_nn_maha"), matchits(reference, "matchit_nn_maha")
    assert {unit for unit in theirs if ours[unit] != theirs[unit]} == {"NSW89", "NSW96"}
    assert (ours["NSW89"], theirs["NSW89"]) == ({"PSID407"}, {"PSID383"})
    frame = panel.frame.set_index("unit")
    x = frame[[f"x.{name}" for name in METRIC]]
    apart = [x.loc["NSW89"] - x.loc[other] for other in ("PSID407", "PSID383")]
    assert (apart[0] == -apart[1]).all()
    assert design.summary.matching is not None
    assert design.summary.matching.equidistant_choices >= 1


@pytest.mark.parametrize("name", ["matchit_nn_maha_rep", "matchit_nn_rep", "matchit_nn_ratio2_rep"])
def test_with_replacement_matchits_picks_are_among_ours(reference: Path, name: str) -> None:
    more = {"distance": "mahalanobis", "match_on": METRIC} if "maha" in name else {}
    design = matched(lalonde(reference), replace=True, ratio=2 if "ratio2" in name else 1, **more)
    ours, theirs = sets_of(design, name), matchits(reference, name)
    assert all(found <= ours[unit] for unit, found in theirs.items())


def sets_of(design: Design, name: str) -> dict[str, set[str]]:
    """Our sets by the unit that was to be matched: for the ATC, the comparison unit."""
    assert design.pairs is not None
    first, second = ("comparison", "treated") if name.endswith("atc") else ("treated", "comparison")
    return {str(t): set(part) for t, part in design.pairs.groupby(first)[second]}


def matchits(reference: Path, name: str) -> dict[str, set[str]]:
    """MatchIt's sets."""
    return {
        row["treated"]: found
        for row in entries(reference)[name]["match_matrix"]
        if (found := {v for k, v in row.items() if k not in {"treated", "_row"} and v is not None})
    }


@pytest.mark.parametrize("name", DESIGNS)
def test_sets_are_matchits_where_the_file_row_breaks_ties(reference: Path, name: str) -> None:
    design = matched(lalonde(reference), tie_order="row", **DESIGNS[name])
    assert sets_of(design, name) == matchits(reference, name)


@pytest.mark.parametrize("name", DESIGNS)
@pytest.mark.parametrize(("which", "covariates"), [("att_simple", ()), ("att_covadj", COVARIATES)])
def test_effects_and_standard_errors(reference: Path, name: str, which: str, covariates: tuple[str, ...]) -> None:
    panel = lalonde(reference)
    design = matched(panel, tie_order="row", **DESIGNS[name])
    found = effect(design, panel, covariates=covariates)
    wanted = entries(reference)[name][which]
    assert found.att == pytest.approx(wanted["est"], rel=1e-8)
    assert found.se == pytest.approx(wanted["se"], rel=1e-8)
    assert design.summary.matching is not None
    assert found.df == design.summary.matching.sets - 1


@pytest.mark.parametrize("name", ["matchit_nn_rep", "matchit_nn_ratio2_rep", "matchit_nn_cal02_rep"])
@pytest.mark.parametrize(("which", "covariates"), [("att_simple", ()), ("att_covadj", COVARIATES)])
def test_hc3_and_hc1_on_matchits_own_weights(
    reference: Path, name: str, which: str, covariates: tuple[str, ...]
) -> None:
    """MatchIt picks one of several ties with replacement: its weights, our regression."""
    panel = lalonde(reference)
    design = matched(panel, replace=True)
    theirs = pd.read_csv(reference / "numbers" / "lalonde_weights.csv")
    theirs = theirs[theirs["method"] == name].set_index("id")["weight"]
    assert design.weights is not None
    design.weights["weight"] = theirs.reindex(design.weights["unit"]).to_numpy()
    wanted = entries(reference)[name][which]
    by_unit = effect(design, panel, covariates=covariates)
    assert by_unit.att == pytest.approx(wanted["est"], rel=1e-8)
    assert by_unit.se == pytest.approx(wanted["se"], rel=1e-8)
    assert effect(design, panel, covariates=covariates, se="hc1").se == pytest.approx(wanted["se_hc1"], rel=1e-8)


@pytest.mark.parametrize("name", DESIGNS)
def test_balance_is_cobalts(reference: Path, name: str) -> None:
    design = matched(lalonde(reference), tie_order="row", **DESIGNS[name])
    facts = design.summary.matching
    assert facts is not None
    ours = {row.covariate: row for row in facts.balance}
    names = {"distance": "propensity score", "race_hispan": "hispan", "race_white": "white"}
    if name in NO_SCORE:
        del ours["propensity score"]
    compared = 0
    for row in entries(reference)[name]["balance_cobalt"]:
        mine = ours.get(names.get(row["var"], row["var"]))
        if mine is None:
            continue
        compared += 1
        rel = 1e-6 if row["var"] == "distance" else 1e-8
        pairs = [
            (mine.smd_before, row["Diff.Un"]),
            (mine.smd_after, row["Diff.Adj"]),
            (mine.variance_ratio_before, row["V.Ratio.Un"]),
            (mine.variance_ratio_after, row["V.Ratio.Adj"]),
            (mine.ks_before, row["KS.Un"]),
            (mine.ks_after, row["KS.Adj"]),
        ]
        for found, wanted in pairs:
            assert (found is None) == (wanted is None)
            assert found is None or found == pytest.approx(wanted, abs=1e-8, rel=rel)
    assert compared == (8 if name in NO_SCORE else 9)
    assert facts.effective_n == pytest.approx(entries(reference)[name]["ess_control"], rel=1e-8)


@pytest.mark.parametrize(("scale", "wanted"), [("probability", 1968.799716), ("linear", 1968.580054)])
def test_with_replacement_all_ties_are_averaged(reference: Path, scale: str, wanted: float) -> None:
    panel = lalonde(reference)
    assert effect(matched(panel, replace=True, scale=scale), panel).att == pytest.approx(wanted, abs=1e-6)


@pytest.mark.parametrize(
    ("options", "pairs", "wanted"),
    [
        ({"caliper_sd": "mean_of_groups"}, 112, 1886.30),
        ({"caliper_sd": "overall"}, 113, 1571.744454),
        ({"scale": "linear", "caliper_sd": "pooled"}, 115, 1495.43),
        ({"scale": "linear", "caliper_sd": "overall"}, 117, 1770.60),
    ],
)
def test_the_caliper_convention_moves_money(
    reference: Path, options: dict[str, object], pairs: int, wanted: float
) -> None:
    panel = lalonde(reference)
    design = matched(panel, tie_order="row", caliper=CALIPER, **options)
    assert design.summary.matching is not None
    assert design.summary.matching.treated_matched == pairs
    assert effect(design, panel).att == pytest.approx(wanted, abs=0.005)


def test_the_range_over_tie_orders_holds_what_shuffles_give(reference: Path) -> None:
    """Sorted by text ids the effect is 1916.115313; random tie orders ran from 1543.50 to 2080.71."""
    panel = lalonde(reference)
    by_id = effect(matched(panel, caliper=CALIPER), panel)
    assert by_id.att == pytest.approx(1916.115313, abs=1e-6)
    lower, upper = by_id.conventions["tie_lower"], by_id.conventions["tie_upper"]
    assert isinstance(lower, float)
    assert isinstance(upper, float)
    assert lower == pytest.approx(1543.50, abs=0.005)
    assert upper == pytest.approx(2080.71, abs=0.005)
    r = np.random.default_rng(1)
    seen = []
    for _ in range(40):
        panel.frame["x.row"] = r.permutation(len(panel.frame)).astype(float)
        shuffled = effect(matched(panel, caliper=CALIPER, tie_order="row"), panel)
        assert shuffled.counts.treated == 113
        assert shuffled.conventions["tie_lower"] == pytest.approx(lower, rel=1e-12)
        assert shuffled.conventions["tie_upper"] == pytest.approx(upper, rel=1e-12)
        seen.append(shuffled.att)
    assert lower - 1e-9 <= min(seen) < max(seen) <= upper + 1e-9


def test_the_two_computations_agree(reference: Path) -> None:
    panel = lalonde(reference)
    assert DIFFERENCE.second_opinion is not None
    for design in (matched(panel, tie_order="row"), matched(panel, replace=True, scale="linear")):
        for covariates in ((), COVARIATES):
            request = asked(DifferenceOptions(covariates=covariates), design, panel)
            found, other = DIFFERENCE.estimate(request), DIFFERENCE.second_opinion(request)
            assert other.value == pytest.approx(found.att, abs=1e-8 * max(abs(found.att), found.se or 0.0))


def test_rows_in_any_order_give_the_same_bytes(reference: Path) -> None:
    plain = lalonde(reference)
    first = effect(matched(plain, caliper=CALIPER), plain, covariates=COVARIATES)
    for seed in range(3):
        other = lalonde(reference, np.random.default_rng(seed).permutation(614))
        again = matched(other, caliper=CALIPER)
        assert again.summary == matched(plain, caliper=CALIPER).summary
        assert effect(again, other, covariates=COVARIATES).to_json() == first.to_json()


def test_the_overlap_of_distributions_is_cobalts(reference: Path) -> None:
    """Cobalt's densities are interpolated from 512 points: to 2e-3; shares of two-valued covariates exactly."""
    rows = {row["var"]: row for row in entries(reference)["unadj_lalonde"]}  # type: ignore[index, attr-defined]
    facts = matched(lalonde(reference)).summary.matching
    assert facts is not None
    names = {"race_hispan": "hispan", "race_white": "white"}
    ours = {row.covariate: row for row in facts.balance}
    for name, row in rows.items():
        if (mine := ours.get(names.get(name, name))) is not None:
            tolerance = 2e-3 if row["Type"] == "Contin." else 1e-12
            assert mine.overlap_before == pytest.approx(1.0 - row["OVL.Un"], abs=tolerance)
