"""Repeated cross-sections and gaps in did.triple: by did.group_time under the same rule, by two roads, by weights."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
import pytest
from estimator_world import Ask, again, estimate

import evaltool as ev
from evaltool.errors import RunError, UsageError
from evaltool.reading.frames import FrameRoles, panel_from_frame
from evaltool.records.panel import Panel

NAME = "did.triple"
RULES: dict[str, dict[str, object]] = {
    "sections": {"sampling": "repeated_cross_sections"},
    "pairs": {"gaps": "pairs"},
    "rows": {"gaps": "rows"},
}


def world(seed: int = 1, units: int = 144) -> pd.DataFrame:
    """Groups that may start in 3, in 4 or never, half eligible, about one row in eleven missing."""
    r = np.random.default_rng(seed)
    g, q = np.array([3, 4, 0])[np.arange(units) % 3], (np.arange(units) // 3) % 2
    x = r.normal(size=units) + 0.3 * q
    rows = [
        {"unit": u, "time": t, "g": int(g[u]), "q": int(q[u]), "x": float(x[u]), "w": 1.0 + u % 4, "c": u // 6 % 12,
         "y": float(u % 7 + t * (1 + 0.3 * q[u] + 0.5 * (g[u] > 0)) + 0.4 * x[u] * t
                    + 2.0 * q[u] * (t >= g[u] > 0) + r.normal())}
        for u in range(units)
        for t in range(1, 6)
    ]  # fmt: skip
    frame = pd.DataFrame(rows)
    return frame[(frame["unit"] * 7 + frame["time"] * 4) % 11 != 0]


def sections(frame: pd.DataFrame) -> pd.DataFrame:
    """Everybody met once: each row is a person of its own."""
    return frame.reset_index(drop=True).assign(unit=lambda f: np.arange(len(f)))


@pytest.fixture(scope="module")
def worlds() -> Mapping[str, pd.DataFrame]:
    return {"sections": sections(world()), "pairs": world(), "rows": world()}


def panel(frame: pd.DataFrame, covariates: tuple[str, ...] = ("q", "x")) -> Panel:
    roles = FrameRoles(
        unit="unit", time="time", outcome="y", first_treated="g", covariates=covariates, cluster="c", weight="w",
        balance="keep",
    )  # fmt: skip
    return panel_from_frame(frame, roles)


@pytest.mark.parametrize("rule", RULES)
def test_without_covariates_it_is_the_difference_of_two_group_time_effects(
    rule: str, worlds: Mapping[str, pd.DataFrame]
) -> None:
    """Ortiz-Villavicencio & Sant'Anna 2025: eligible less ineligible, cell by cell; their variances add up."""
    frame, options = worlds[rule], {**RULES[rule], "control_group": "never_treated"}
    whole = estimate(panel(frame), Ask(NAME, {"eligible": "q", **options}))
    parts = [estimate(panel(frame[frame["q"] == q], ()), Ask("did.group_time", options)) for q in (1, 0)]
    assert len(whole.cells) == len(parts[0].cells) > 4
    for cell, able, other in zip(whole.cells, parts[0].cells, parts[1].cells, strict=True):
        assert (cell.group, cell.element, cell.reference) == (able.group, able.element, able.reference)
        assert cell.att == pytest.approx(able.att - other.att, abs=1e-12)
        if not cell.reference:
            assert cell.se == pytest.approx(float(np.hypot(able.se or 0.0, other.se or 0.0)), rel=1e-12)
    assert whole.counts.treated == parts[0].counts.treated
    for moment in ("observed", "baseline"):
        assert getattr(whole, moment) == pytest.approx(getattr(parts[0], moment), rel=1e-12)
    assert whole.conventions["gaps"] == ("pairs" if rule == "pairs" else "rows")
    assert ("rows_as_cross_sections" in whole.notes) == (rule != "pairs")
    assert ("unbalanced_panel" in whole.notes) == (rule != "sections")


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize(
    ("method", "kind"), [("none", "simple"), ("reg", "group"), ("ipw", "calendar"), ("dr", "dynamic")]
)
def test_two_computations_agree(rule: str, method: str, kind: str, worlds: Mapping[str, pd.DataFrame]) -> None:
    """Several comparison groups, weights and clusters; statsmodels on the rows of each pair of groups and periods."""
    options = {"eligible": "q", "control_group": "not_yet_treated", **RULES[rule]}
    options |= {} if method == "none" else {"covariates": ["x"], "method": method}
    ask = Ask(NAME, options, aggregation=kind, cluster="c")  # type: ignore[arg-type]
    data = panel(worlds[rule])
    found = estimate(data, ask)
    assert found.se is not None
    assert abs(again(data, ask).value - found.att) <= 1e-8 * abs(found.att)


@pytest.mark.parametrize("rule", ["pairs", "rows"])
def test_influence_is_the_derivative_by_each_units_weight(rule: str) -> None:
    frame, ask = world(3, 72), Ask(NAME, {"eligible": "q", "covariates": ["x"], "method": "reg", **RULES[rule]})
    found = estimate(panel(frame), ask)
    assert found.influence is not None
    units = sorted(frame["unit"].unique())
    for unit in (2, 3, 6):
        ends = []
        for step in (1e-5, -1e-5):
            moved = frame.assign(w=frame["w"] + step * (frame["unit"] == unit))
            ends.append(estimate(panel(moved), ask).att)
        numeric = (ends[0] - ends[1]) / 2e-5 * len(found.influence) * (1.0 + unit % 4)
        assert numeric == pytest.approx(found.influence[units.index(unit)], abs=1e-4 * float(np.std(found.influence)))


@pytest.mark.parametrize("gaps", ["pairs", "rows"])
def test_a_rule_for_gaps_changes_no_bit_where_there_are_none(gaps: str) -> None:
    frame = world()
    whole = frame[frame.groupby("unit")["time"].transform("size") == 5]
    options = {"eligible": "q", "control_group": "not_yet_treated"}
    plain, ruled = (estimate(panel(whole), Ask(NAME, {**options, "gaps": g})) for g in ("refuse", gaps))
    assert (plain.att, plain.se, plain.path) == (ruled.att, ruled.se, ruled.path)
    assert ruled.conventions["gaps"] == "none"


def test_a_comparison_group_that_was_not_seen_gives_no_difference_in_that_cell(
    worlds: Mapping[str, pd.DataFrame],
) -> None:
    """Without the never-treated ineligible of period 5, (3, 5) and (4, 5) have nobody; (3, 3) still has both groups."""
    frame = worlds["rows"]
    gone = frame[~((frame["g"] == 0) & (frame["q"] == 0) & (frame["time"] == 5))]
    ask = Ask(NAME, {"eligible": "q", "control_group": "not_yet_treated", "gaps": "rows"})
    before, after = ({(c.group, c.element): c for c in estimate(panel(f), ask).cells} for f in (frame, gone))
    assert set(before) - set(after) == {(3, 5), (4, 5)}
    assert after[3, 3] == before[3, 3].model_copy(update={"weight": after[3, 3].weight})
    assert estimate(panel(gone), ask).conventions["cells_without_comparison"] == 2
    assert again(panel(gone), ask).value == pytest.approx(estimate(panel(gone), ask).att, rel=1e-9)


def test_gaps_without_a_rule_are_refused_and_named(worlds: Mapping[str, pd.DataFrame]) -> None:
    with pytest.raises(RunError, match="not observed in all 5 periods") as caught:
        estimate(panel(worlds["pairs"]), Ask(NAME, {"eligible": "q"}))
    assert caught.value.codes == ("RUN_UNBALANCED_PANEL",)


def test_eligibility_that_changes_is_seen_across_gaps(worlds: Mapping[str, pd.DataFrame]) -> None:
    frame = worlds["rows"].copy()
    mine = frame["unit"] == 5
    frame.loc[mine & (frame["time"] == frame.loc[mine, "time"].max()), "q"] = 1 - frame.loc[mine, "q"].iloc[0]
    with pytest.raises(RunError, match="changes over time for 1 units") as caught:
        estimate(panel(frame), Ask(NAME, {"eligible": "q", "gaps": "rows"}))
    assert caught.value.codes == ("RUN_ELIGIBILITY",)


NAMES = {"outcome": "y", "unit": "unit", "time": "time", "first_treated": "g", "eligible": "q", "cluster": "c"}


@pytest.mark.parametrize("rule", RULES)
def test_the_direct_road_is_the_plans(rule: str, worlds: Mapping[str, pd.DataFrame]) -> None:
    how = {"panel": False} if rule == "sections" else {"gaps": rule}
    direct = ev.did.triple(worlds[rule], **NAMES, weights="w", **how)  # type: ignore[arg-type]
    planned = estimate(panel(worlds[rule]), Ask(NAME, {"eligible": "q", **RULES[rule]}, cluster="c"))
    assert (direct.att, direct.se, direct.interval) == (planned.att, planned.se, planned.interval)


def test_a_rule_that_does_not_exist_is_refused(worlds: Mapping[str, pd.DataFrame]) -> None:
    with pytest.raises(UsageError) as caught:
        ev.did.triple(worlds["rows"], **NAMES, gaps="drop", panel=1)  # type: ignore[arg-type]
    assert caught.value.codes == ("USAGE_NOT_OFFERED", "USAGE_NOT_OFFERED")
