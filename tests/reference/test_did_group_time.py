"""did.group_time against R did 2.5.1 / DRDID 1.2.3: every cell and every aggregate, effects and standard errors.

Tolerances, absolute: 1e-10 without covariates and for outcome regression; 1e-9 where a propensity score is fitted (R
stops its score at a looser gradient than ours: the second computation, with statsmodels, agrees with ours to 1e-14).
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from drdid_sign import with_the_sign_of_r
from estimator_world import Ask, again, estimate, request_for, sim_stagg

from evaltool.estimators.did._layout import Arranged, arrange
from evaltool.numerics.group_time import Cell, Choices, all_cells, equally, influence_of
from evaltool.numerics.inference import influence_covariance, influence_se, wald
from evaltool.numerics.multiplier_bootstrap import Drawing, multiplier_draws, spread_by_quartiles
from evaltool.reading.frames import FrameRoles, panel_from_frame
from evaltool.records.estimate import Element, Estimate
from evaltool.records.panel import Panel

AGGREGATES = ("simple", "dynamic", "group", "calendar")
EXACT, SCORE = 1e-10, 1e-9


@dataclass(frozen=True)
class Case:
    """One att_gt call in our words."""

    data: str
    options: Mapping[str, object] = field(default_factory=dict)
    covariates: tuple[str, ...] = ()
    cluster: str | None = None
    weight: str | None = None
    balance: str = "refuse"

    @property
    def tolerance(self) -> float:
        return SCORE if self.covariates and self.options.get("method", "dr") != "reg" else EXACT

    @property
    def ask_options(self) -> dict[str, object]:
        plain = {"control_group": "never_treated", "base_period": "varying", "method": "dr"}
        return {**plain, **self.options, "covariates": list(self.covariates)}


def _grid() -> dict[str, Case]:
    """Methods × comparison groups × covariates on mpdta."""
    cases = {}
    for method in ("dr", "ipw", "reg"):
        for name, group in (("nevertreated", "never_treated"), ("notyettreated", "not_yet_treated")):
            for label, covariates in (("nocov", ()), ("lpop", ("lpop",))):
                options = {"method": method, "control_group": group}
                cases[f"attgt_mpdta_{method}_{name}_{label}"] = Case("mpdta", options, covariates)
    return cases


UNIVERSAL, NOT_YET = {"base_period": "universal"}, {"control_group": "not_yet_treated"}
MPDTA = {
    **_grid(),
    "attgt_mpdta_dr_never_universal": Case("mpdta", UNIVERSAL),
    "attgt_mpdta_dr_never_lpop_universal": Case("mpdta", UNIVERSAL, ("lpop",)),
    "attgt_mpdta_anticipation1": Case("mpdta", {"anticipation": 1}),
    "attgt_mpdta_nyt_anticipation1_universal": Case("mpdta", {"anticipation": 1, **UNIVERSAL, **NOT_YET}),
    "attgt_mpdta_faster_false": Case("mpdta", {}, ("lpop",)),
    "attgt_mpdta_lpop_sq": Case("mpdta", {}, ("lpop", "lpop2")),
    "attgt_mpdta_weights": Case("mpdta", {}, weight="w"),
    "attgt_mpdta_unbalanced_dropped": Case("mpdta_holes", {}, balance="drop_unit"),
}
STAGGERED = {
    "attgt_sim_stagg_nocov_never": Case("sim_stagg"),
    "attgt_sim_stagg_x_nyt": Case("sim_stagg", NOT_YET, ("x",)),
    "attgt_sim_stagg_no_never": Case("sim_stagg_no_never", NOT_YET),
}
SECTIONS = {"sampling": "repeated_cross_sections"}
UNEVEN = {
    "attgt_mpdta_rcs": Case("mpdta_rows", SECTIONS, ("lpop",), balance="keep"),
    "attgt_mpdta_rcs_nocov": Case("mpdta_rows", SECTIONS, balance="keep"),
    "attgt_mpdta_unbalanced": Case("mpdta_holes", {"gaps": "rows"}, ("lpop",), balance="keep"),
}
"""Cross-sections: R takes every row as drawn anew, which is to say that no unit is seen twice."""
BOOTSTRAPPED = {"attgt_mpdta_bootstrap_seed": None, "attgt_clustered_boot": "st"}
"""25,000 draws of the multiplier bootstrap from R's own generator, and their clusters."""
DRAWN = 0.05
"""Two sets of 25,000 draws: a relative error of an interquartile range is 0.7 per cent each; more with few clusters."""
CLUSTERED = "attgt_clustered_analytic_or_error"


def _panel(case: Case, folder: Path | None) -> Panel:
    """The data of a case, prepared as its R call does."""
    if case.data.startswith("sim_stagg"):
        frame = sim_stagg()
        frame = frame if case.data == "sim_stagg" else frame[frame["g"] > 0]
        names = {"unit": "unit", "time": "time", "outcome": "y", "first_treated": "g"}
    else:
        assert folder is not None
        frame = pd.read_csv(folder / "data" / "mpdta.csv")
        frame["lpop2"] = frame["lpop"] ** 2
        frame["w"] = np.round(np.exp(frame.groupby("countyreal")["lpop"].transform("first")), 3)
        frame["st"] = frame["countyreal"] // 1000
        if case.data == "mpdta_holes":
            frame = frame[~((frame["countyreal"] % 7 == 0) & (frame["year"] == 2005))]
        if case.data == "mpdta_rows":
            frame["countyreal"] = np.arange(len(frame))
        names = {"unit": "countyreal", "time": "year", "outcome": "lemp", "first_treated": "first.treat"}
    frame = frame.rename(columns={names["outcome"]: "y"})
    roles = FrameRoles(
        unit=names["unit"],
        time=names["time"],
        outcome="y",
        first_treated=names["first_treated"],
        covariates=case.covariates,
        cluster=case.cluster,
        weight=case.weight,
        balance=case.balance,
    )
    return panel_from_frame(frame, roles)


def _by_id(text: str) -> dict[str, Any]:
    return {entry["id"]: entry["results"] for entry in json.loads(text)}


@pytest.fixture(scope="module")
def shipped() -> dict[str, Any]:
    """R's numbers on our own simulation, which travel with the tests."""
    return _by_id((Path(__file__).resolve().parent.parent / "data" / "sim_stagg_r_did.json").read_text("utf-8"))


@pytest.fixture(scope="module")
def numbers(reference: Path) -> dict[str, Any]:
    return _by_id((reference / "numbers" / "did.json").read_text("utf-8"))


def _close(ours: float | None, theirs: object, tolerance: float, what: str) -> None:
    if not isinstance(theirs, int | float) or math.isnan(theirs):
        assert ours is None, what
        return
    assert ours is not None, what
    assert abs(ours - theirs) <= tolerance, f"{what}: {ours!r} against {theirs!r}"


def _compare_cells(found: Estimate, expected: list[dict[str, Any]], tolerance: float) -> None:
    cells = {(c.group, c.element): c for c in found.cells}
    assert set(cells) == {(row["group"], row["time"]) for row in expected}
    for row in expected:
        cell = cells[row["group"], row["time"]]
        _close(cell.att, row["att"], tolerance, f"att{row['group'], row['time']}")
        if not cell.reference:
            _close(cell.se, row["se"], tolerance, f"se{row['group'], row['time']}")


def _compare_elements(elements: tuple[Element, ...], expected: dict[str, Any], tolerance: float) -> None:
    assert [e.element for e in elements] == expected["egt"]
    for element, att, se in zip(elements, expected["att_egt"], expected["se_egt"], strict=True):
        _close(element.att, att, tolerance, f"att at {element.element}")
        if not element.reference:
            _close(element.se, se, tolerance, f"se at {element.element}")


def _compare(case: Case, panel: Panel, expected: dict[str, Any]) -> None:
    for kind in AGGREGATES:
        ask = Ask(options=case.ask_options, aggregation=kind)  # type: ignore[arg-type]
        found = estimate(panel, ask)
        _close(found.att, expected[kind]["overall_att"], case.tolerance, f"{kind} att")
        _close(found.se, expected[kind]["overall_se"], case.tolerance, f"{kind} se")
        if kind == "simple":
            assert found.cells
            _compare_cells(found, expected["gt"], case.tolerance)
        elements = {"dynamic": found.path, "group": found.groups, "calendar": found.calendar}.get(kind)
        if elements is not None:
            _compare_elements(elements, expected[kind], case.tolerance)
        second = again(panel, ask).value
        assert found.se is not None
        assert abs(second - found.att) <= 1e-8 * max(abs(found.att), found.se)


@pytest.mark.parametrize("name", STAGGERED)
def test_our_simulation_agrees_with_r(name: str, shipped: dict[str, Any]) -> None:
    _compare(STAGGERED[name], _panel(STAGGERED[name], None), shipped[name])


@pytest.mark.parametrize("name", MPDTA)
def test_mpdta_agrees_with_r(name: str, numbers: dict[str, Any], reference: Path) -> None:
    _compare(MPDTA[name], _panel(MPDTA[name], reference), numbers[name])


@pytest.mark.parametrize("name", UNEVEN)
def test_cross_sections_and_gaps_agree_with_r(
    name: str, numbers: dict[str, Any], reference: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """R's doubly robust error has one influence term with the wrong sign (see test_cross_sections); with it, R's."""
    with_the_sign_of_r(monkeypatch)
    _compare(UNEVEN[name], _panel(UNEVEN[name], reference), numbers[name])


def test_the_sign_moves_the_error_of_the_doubly_robust_average_by_little(
    numbers: dict[str, Any], reference: Path
) -> None:
    case = UNEVEN["attgt_mpdta_rcs"]
    found = estimate(_panel(case, reference), Ask(options=case.ask_options))
    assert found.se == pytest.approx(numbers["attgt_mpdta_rcs"]["simple"]["overall_se"], rel=0.01)


@pytest.mark.parametrize("name", BOOTSTRAPPED)
def test_the_multiplier_bootstrap_draws_as_r_does(name: str, numbers: dict[str, Any], reference: Path) -> None:
    """Rademacher multipliers on cluster sums, errors from quartiles, the sup-t critical value: up to other draws."""
    case, expected = Case("mpdta", cluster=BOOTSTRAPPED[name]), numbers[name]
    arranged, cells = _inside(_panel(case, reference), case.ask_options, case.cluster)
    influence = np.column_stack([_influence(arranged, cells, k) for k in range(len(cells))])
    draws = multiplier_draws(influence, arranged.clusters, Drawing(draws=25_000, seed=1))
    spread = spread_by_quartiles(draws)
    layout, theirs = arranged.layout, {(row["group"], row["time"]): row for row in expected["gt"]}
    for cell, se in zip(cells, spread, strict=True):
        row = theirs[int(layout.starts[cell.cohort]), layout.periods[cell.period]]
        _close(cell.att, row["att"], EXACT, f"att of {row}")
        assert se == pytest.approx(row["se"], rel=DRAWN)
    critical = float(np.quantile(np.max(np.abs(draws) / spread, axis=1), 0.95))
    assert critical == pytest.approx(expected["crit_val_uniform"], abs=0.03)


def test_every_reference_entry_is_used(numbers: dict[str, Any]) -> None:
    assert set(numbers) == {*MPDTA, *STAGGERED, *UNEVEN, *BOOTSTRAPPED, CLUSTERED}


def _inside(panel: Panel, options: dict[str, object], cluster: str | None = None) -> tuple[Arranged, tuple[Cell, ...]]:
    """Arrays and cells, for what an Estimate does not hold."""
    request = request_for(panel, Ask(options=options, cluster=cluster))
    arranged = arrange(request, int(str(options.get("anticipation", 0))), tuple(options["covariates"]))  # type: ignore[arg-type]
    choices = Choices(
        control=options["control_group"],  # type: ignore[arg-type]
        base=options["base_period"],  # type: ignore[arg-type]
        anticipation=int(str(options.get("anticipation", 0))),
        method=options["method"],  # type: ignore[arg-type]
    )
    return arranged, all_cells(arranged.layout, choices, arranged.labels)


def _influence(arranged: Arranged, cells: tuple[Cell, ...], k: int) -> np.ndarray[Any, Any]:
    return influence_of(arranged.layout, cells, equally(cells, [k], len(arranged.layout.starts)))


def test_clusters_sum_influence_values_as_r_does(numbers: dict[str, Any], reference: Path) -> None:
    """R gives the 2004 cells, all of whose treated counties lie in one state, a standard error; we say why not."""
    case, expected = Case("mpdta", cluster="st"), numbers[CLUSTERED]
    panel = _panel(case, reference)
    found = estimate(panel, Ask(options=case.ask_options, cluster="st"))
    _close(found.att, expected["simple"], EXACT, "simple att")
    _close(found.se, expected["simple_se"], EXACT, "simple se")
    assert found.counts.clusters == expected["n_clusters"]
    arranged, cells = _inside(panel, case.ask_options, "st")
    rows = {(row["group"], row["time"]): row for row in expected["gt"]}
    for k, (cell, element) in enumerate(zip(cells, found.cells, strict=True)):
        theirs = rows[element.group, element.element]["se"]
        _close(influence_se(_influence(arranged, cells, k), arranged.clusters), theirs, EXACT, f"cell {k}")
        treated_states = np.unique(arranged.clusters[arranged.layout.slice_of(cell.cohort)])  # type: ignore[index]
        assert (element.se is None) == (treated_states.size == 1)


def test_every_influence_value_agrees_with_r(reference: Path) -> None:
    """mpdta, dr with lpop, never treated: 500 × 12 values. R's unit order is its own, so each column is sorted."""
    case = MPDTA["attgt_mpdta_dr_nevertreated_lpop"]
    theirs = pd.read_csv(reference / "numbers" / "attgt_mpdta_dr_lpop_inffunc.csv").to_numpy()
    arranged, cells = _inside(_panel(case, reference), case.ask_options)
    assert theirs.shape == (500, len(cells))
    for k in range(len(cells)):
        np.testing.assert_allclose(np.sort(_influence(arranged, cells, k)), np.sort(theirs[:, k]), rtol=0, atol=1e-7)


@pytest.mark.parametrize("name", [n for n in MPDTA if "anticipation" not in n])
def test_joint_test_of_the_periods_before_agrees_with_r(name: str, numbers: dict[str, Any], reference: Path) -> None:
    arranged, cells = _inside(_panel(MPDTA[name], reference), MPDTA[name].ask_options)
    layout = arranged.layout
    before = [
        k for k, c in enumerate(cells) if layout.periods[c.period] < layout.starts[c.cohort] and c.influence is not None
    ]
    effects = np.array([cells[k].att for k in before])
    covariance = influence_covariance(np.column_stack([_influence(arranged, cells, k) for k in before]))
    found = wald(effects, covariance)
    assert found is not None
    _close(found.statistic, numbers[name]["wald_pretest_W"], 1e-6, "W")
    _close(found.p_value, numbers[name]["wald_pretest_p"], 6e-6, "p, which R rounds to five places")


def test_event_covariance_is_the_square_of_the_standard_errors() -> None:
    found = estimate(_panel(STAGGERED["attgt_sim_stagg_nocov_never"], None), Ask(aggregation="dynamic"))
    moving = [e for e in found.path if not e.reference]
    covariance = np.array(found.event_covariance)
    assert covariance.shape == (len(moving), len(moving))
    np.testing.assert_allclose(np.sqrt(np.diag(covariance)), [e.se for e in moving], rtol=1e-12)
    np.testing.assert_allclose(covariance, covariance.T, rtol=0, atol=1e-15)
