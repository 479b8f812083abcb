"""did.twfe, did.event_study and did.sun_abraham: what they give by hand, what they refuse, what they say."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
import pytest
from estimator_world import Ask, again, estimate, long, sim_stagg, staggered

import evaltool as ev
from evaltool.errors import EvaltoolError, RunError
from evaltool.reading.frames import FrameRoles, panel_from_frame
from evaltool.records.panel import Panel

METHODS = ("did.twfe", "did.event_study", "did.sun_abraham")


def ask(method: str, options: Mapping[str, object] | None = None, **more: object) -> Ask:
    kind = "none" if method == "did.twfe" else "simple"
    return Ask(method, options or {}, **{"aggregation": kind, **more})  # type: ignore[arg-type]


def two_starts() -> pd.DataFrame:
    """Three units, three periods: a starts in 2 (+10, +20), b in 3 (+4), c never."""
    return long({"a": 2, "b": 3, "c": 0}, {"a": [0.0, 11.0, 22.0], "b": [5.0, 6.0, 11.0], "c": [7.0, 8.0, 9.0]})


def common_start() -> pd.DataFrame:
    frame = sim_stagg()
    return frame[frame["g"].isin([0, 6])]


def holes(frame: pd.DataFrame) -> Panel:
    kept = frame[~((frame["unit"] % 5 == 0) & (frame["time"] % 4 == 2))]
    roles = FrameRoles(unit="unit", time="time", outcome="y", first_treated="g", covariates=("x",), balance="keep")
    return panel_from_frame(kept, roles)


def test_twfe_by_hand() -> None:
    """D doubly demeaned: a (−1, 1, 0)/3 · …; b = Σ D̃y / Σ D̃² computed here by the closed form on a 3 × 3 table."""
    y = np.array([[0.0, 11.0, 22.0], [5.0, 6.0, 11.0], [7.0, 8.0, 9.0]])
    d = np.array([[0.0, 1.0, 1.0], [0.0, 0.0, 1.0], [0.0, 0.0, 0.0]])
    twice = d - d.mean(axis=1, keepdims=True) - d.mean(axis=0) + d.mean()
    by_hand = float((twice * y).sum() / (twice**2).sum())
    panel = staggered(two_starts())
    found = estimate(panel, ask("did.twfe"))
    assert found.att == pytest.approx(by_hand, rel=1e-13)
    assert again(panel, ask("did.twfe")).value == pytest.approx(by_hand, rel=1e-10)
    assert found.estimand == "coefficient on treated (two-way fixed effects)"


def test_sun_abraham_by_hand() -> None:
    """Cells against c: (2, 2) +10, (2, 3) +20, (3, 3) +4, and before the start (3, 1) 0."""
    found = estimate(staggered(two_starts()), ask("did.sun_abraham"))
    cells = {(c.group, c.element): c.att for c in found.cells}
    assert cells == {
        (2, 1): 0.0,
        (2, 2): pytest.approx(10.0),
        (2, 3): pytest.approx(20.0),
        (3, 1): pytest.approx(0.0, abs=1e-12),
        (3, 2): 0.0,
        (3, 3): pytest.approx(4.0),
    }
    assert found.att == pytest.approx(34.0 / 3.0)
    assert {c.group: c.weight for c in found.cells if c.element == 3} == {
        2: pytest.approx(1 / 3),
        3: pytest.approx(1 / 3),
    }


@pytest.mark.parametrize("method", ["did.event_study", "did.sun_abraham"])
def test_one_start_is_group_time_with_never_treated(method: str) -> None:
    """Without covariates and with one start every coefficient is a difference of mean changes."""
    panel = staggered(common_start())
    found = estimate(panel, ask(method))
    plain = estimate(panel, Ask("did.group_time", {"control_group": "never_treated"}))
    assert found.att == pytest.approx(plain.att, abs=1e-10)
    assert [(e.element, e.reference) for e in found.path] == [(e.element, e.reference) for e in plain.path]
    assert [e.att for e in found.path] == pytest.approx([e.att for e in plain.path], abs=1e-10)
    assert "event_times_mixed" not in found.notes


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("covariates", [(), ("x2",)])
def test_two_computations_agree_on_panels_with_gaps(method: str, covariates: tuple[str, ...]) -> None:
    frame = sim_stagg()
    frame["x2"] = np.sin(frame["unit"] * frame["time"])
    kept = frame[~((frame["unit"] % 5 == 0) & (frame["time"] % 4 == 2))]
    roles = FrameRoles(unit="unit", time="time", outcome="y", first_treated="g", covariates=covariates, balance="keep")
    panel = panel_from_frame(kept, roles)
    asked = ask(method, {"covariates": list(covariates)})
    found = estimate(panel, asked)
    assert found.se is not None
    assert abs(again(panel, asked).value - found.att) <= 1e-8 * max(abs(found.att), found.se)
    assert "unbalanced_panel" in found.notes
    assert found.conventions["balanced"] is False


def test_gaps_without_a_rule_are_refused_before_anything_is_computed() -> None:
    frame = sim_stagg().drop(index=[3])
    with pytest.raises(EvaltoolError) as caught:
        staggered(frame)
    assert caught.value.codes == ("DATA_UNBALANCED",)


def test_pooled_ends_are_one_coefficient_and_marked() -> None:
    panel = staggered(sim_stagg())
    found = estimate(panel, ask("did.event_study", {"first": -3, "last": 2}))
    assert [e.label for e in found.path] == ["≤ -3", "-2", "-1", "0", "+1", "≥ +2"]
    assert found.conventions["first"] == -3
    asked = ask("did.event_study", {"first": -3, "last": 2}, aggregation="dynamic")
    assert estimate(panel, asked).att == pytest.approx(np.mean([e.att for e in found.path if e.element >= 0]))
    assert abs(again(panel, asked).value - estimate(panel, asked).att) <= 1e-10


def test_last_cohort_stands_in_where_nobody_is_never_treated() -> None:
    frame = sim_stagg()
    panel = staggered(frame[frame["g"] > 0])
    found = estimate(panel, ask("did.sun_abraham"))
    before = frame[(frame["g"] > 0) & (frame["time"] < 8)]
    by_hand = estimate(staggered(before.assign(g=before["g"].replace(8, 0))), ask("did.sun_abraham"))
    assert found.att == by_hand.att
    assert found.se == by_hand.se
    assert found.conventions["control_group"] == "last_cohort"
    assert set(found.notes) >= {"no_never_treated_group", "periods_without_comparison"}
    assert abs(again(panel, ask("did.sun_abraham")).value - found.att) <= 1e-10


REFUSALS = [
    ("did.event_study", {}, "all_treated", "RUN_COLLINEAR"),
    ("did.event_study", {"first": -2, "anticipation": 1}, "plain", "RUN_BASE_POOLED"),
    ("did.twfe", {"covariates": ["x"]}, "plain", "RUN_COLLINEAR"),
    ("did.sun_abraham", {"covariates": ["z"]}, "plain", "RUN_UNKNOWN_COVARIATE"),
]


@pytest.mark.parametrize(("method", "options", "data", "code"), REFUSALS)
def test_refusals_name_the_cause(method: str, options: Mapping[str, object], data: str, code: str) -> None:
    frame = sim_stagg() if data == "plain" else sim_stagg().query("g > 0")
    with pytest.raises(RunError) as caught:
        estimate(staggered(frame, covariates=("x",)), ask(method, options))
    assert caught.value.codes[0] == code


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("se", ["hc1", "iid"])
def test_a_named_cluster_is_never_ignored(method: str, se: str) -> None:
    panel = staggered(sim_stagg().assign(c=lambda f: f["unit"] // 10), cluster="c")
    with pytest.raises(RunError) as caught:
        estimate(panel, ask(method, {"se": se}, cluster="c"))
    assert caught.value.codes == ("RUN_CLUSTER_IGNORED",)


@pytest.mark.parametrize("method", METHODS)
def test_one_treated_unit_gets_no_standard_error(method: str) -> None:
    frame = sim_stagg()
    one = frame[(frame["g"] == 0) | (frame["unit"] == frame.loc[frame["g"] == 4, "unit"].iloc[0])]
    found = estimate(staggered(one), ask(method))
    assert (found.se, found.absent) == (None, "TOO_FEW_CLUSTERS")


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("se", ["cluster", "two_way", "hc1", "iid"])
def test_every_covariance_gives_a_standard_error(method: str, se: str) -> None:
    found = estimate(staggered(sim_stagg()), ask(method, {"se": se}))
    assert found.se is not None
    assert found.relative is None or (found.relative.se is not None) is (se == "cluster")


def test_the_direct_road_takes_an_indicator_or_a_start() -> None:
    frame = sim_stagg()
    by_start = ev.did.twfe(frame, outcome="y", unit="unit", time="time", first_treated="g")
    by_treatment = ev.did.twfe(frame, outcome="y", unit="unit", time="time", treatment="treat")
    planned = estimate(staggered(frame), ask("did.twfe"))
    assert (by_start.att, by_start.se) == (by_treatment.att, by_treatment.se) == (planned.att, planned.se)


def test_the_direct_road_refuses_a_treatment_that_ends() -> None:
    frame = sim_stagg()
    frame.loc[(frame["g"] == 4) & (frame["time"] == 9), "treat"] = 0
    with pytest.raises(EvaltoolError, match="Treatment ends within 50 units"):
        ev.did.twfe(frame, outcome="y", unit="unit", time="time", treatment="treat")
    with pytest.raises(EvaltoolError, match="Either treatment or first_treated"):
        ev.did.twfe(frame, outcome="y", unit="unit", time="time")
    with pytest.raises(EvaltoolError, match="values other than 0 and 1"):
        ev.did.twfe(frame, outcome="y", unit="unit", time="time", treatment="x")


@pytest.mark.parametrize("kind", ["simple", "dynamic", "group", "calendar"])
def test_direct_averages_are_those_of_a_plan(kind: str) -> None:
    frame = sim_stagg()
    direct = ev.did.sun_abraham(frame, outcome="y", unit="unit", time="time", first_treated="g")
    planned = estimate(staggered(frame), ask("did.sun_abraham", aggregation=kind))
    assert direct.aggregate(kind).att == planned.att  # type: ignore[arg-type]
    assert direct.aggregate(kind).se == planned.se  # type: ignore[arg-type]
    path = ev.did.event_study(frame, outcome="y", unit="unit", time="time", first_treated="g", first=-4, last=3)
    if kind in {"group", "calendar"}:
        with pytest.raises(EvaltoolError, match="not offered"):
            path.aggregate(kind)  # type: ignore[arg-type]
    else:
        assert path.aggregate(kind).estimand == f"ATT ({kind})"  # type: ignore[arg-type]
