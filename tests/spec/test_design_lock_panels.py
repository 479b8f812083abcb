"""Sealed designs over time: donor pools, cohorts by start (where the rule is the design), and dated periods."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matched_plans import CONTROL

from evaltool.errors import SealError
from evaltool.pipeline.blind_marks import locked_units, since_lock
from evaltool.pipeline.corridor import evaluate
from evaltool.pipeline.design_lock import lock_design
from evaltool.reading.blind_panel import read_blind_panel
from evaltool.reading.design_lock import read_design_lock, write_design_lock
from evaltool.reading.frames import FrameRoles, panel_from_frame
from evaltool.reading.lock_file import write_lock
from evaltool.reading.panel_file import read_panel
from evaltool.reading.plan_file import read_plan
from evaltool.records.plan.evaluation_plan import EvaluationPlan
from evaltool.records.run import Run

RULE = (
    CONTROL.replace("donors.pool", "groups.adoption")
    .replace("counterfactual.synthetic_control", "did.group_time")
    .replace("\n[estimator.options]\nplacebo_periods = 3\n", "")
)


def towns() -> pd.DataFrame:
    """25 towns from 2000 to 2019; T00 starts in 2014 and gains three."""
    r = np.random.default_rng(3)
    paths = r.normal(size=(25, 2)) @ r.normal(size=(20, 2)).cumsum(axis=0).T + 20 + 0.1 * r.normal(size=(25, 20))
    paths[0] = paths[1:4].mean(axis=0)
    paths[0, 14:] += 3.0
    rows = [
        (f"T{i:02d}", 2000 + t, "2014" if i == 0 else "", round(float(paths[i, t]), 4))
        for i in range(25)
        for t in range(20)
    ]
    return pd.DataFrame(rows, columns=["town", "year", "start", "y"])


def agreed(folder: Path, text: str) -> EvaluationPlan:
    (folder / "plan.toml").write_text(text, encoding="utf-8")
    plan = read_plan(folder / "plan.toml")
    write_lock(plan)
    return plan


def seal(plan: EvaluationPlan, folder: Path, frame: pd.DataFrame) -> None:
    frame.to_csv(folder / "data.csv", index=False)
    write_design_lock(plan, lock_design(plan, read_blind_panel(plan)))


def decided(plan: EvaluationPlan, folder: Path, frame: pd.DataFrame) -> Run:
    frame.to_csv(folder / "data.csv", index=False)
    return evaluate(plan, read_panel(plan))


def without_future(frame: pd.DataFrame) -> pd.DataFrame:
    """The same rows with no outcome from 2014 on."""
    return frame.assign(y=frame["y"].where(frame["year"] < 2014))


def test_a_donor_pool_is_locked_before_the_outcomes_and_gives_the_same_effect(tmp_path: Path) -> None:
    plan = agreed(tmp_path, CONTROL)
    never = decided(plan, tmp_path, towns())
    assert (never.decision.state, never.decision.reasons) == ("NOT_DECIDABLE", ("DESIGN_UNLOCKED",))
    seal(plan, tmp_path, without_future(towns()))
    done = decided(plan, tmp_path, towns())
    assert done.lock.design == "locked"
    assert "DESIGN_UNLOCKED" not in done.decision.reasons
    assert done.estimates == never.estimates
    assert done.design == never.design


@pytest.mark.parametrize(
    ("what", "refused"),
    [
        ("earlier outcome", "The earlier outcome 'y' has changed for 1 of 25 units"),
        ("later outcome", None),
        ("start", "The start of treatment has changed for 1 units"),
        ("earlier period gone", "no longer begin with the periods"),
        ("new town", "1 units are in the data now"),
    ],
)
def test_the_part_that_was_sealed_is_checked_and_the_rest_is_free(
    what: str, refused: str | None, tmp_path: Path
) -> None:
    plan = agreed(tmp_path, CONTROL)
    seal(plan, tmp_path, without_future(towns()))
    frame = towns()
    if what == "earlier outcome":
        frame.loc[(frame["town"] == "T07") & (frame["year"] == 2005), "y"] += 0.0001
    elif what == "later outcome":
        frame.loc[(frame["town"] == "T07") & (frame["year"] == 2015), "y"] += 5.0
    elif what == "start":
        frame.loc[frame["town"] == "T00", "start"] = "2015"
    elif what == "earlier period gone":
        frame = frame.loc[frame["year"] > 2000]
    else:
        frame = pd.concat([frame, frame.loc[frame["town"] == "T24"].assign(town="T25")])
    if refused is None:
        assert decided(plan, tmp_path, frame).lock.design == "locked"
        return
    with pytest.raises(SealError) as caught:
        decided(plan, tmp_path, frame)
    assert set(caught.value.codes) == {"SEAL_DESIGN_CHANGED"}
    assert refused in str(caught.value)
    assert caught.value.exit_code == 2


def test_a_donor_that_is_gone_is_counted_and_the_pool_is_smaller(tmp_path: Path) -> None:
    plan = agreed(tmp_path, CONTROL)
    seal(plan, tmp_path, without_future(towns()))
    frame = towns()
    done = decided(plan, tmp_path, frame.loc[frame["town"] != "T20"])
    assert [(e.reason, e.arm, e.count, e.members) for e in done.ledger.entries] == [
        ("dropped_since_lock", "comparison", 1, ("T20",))
    ]
    assert done.design.donors is not None
    assert (done.design.donors.donors, done.design.submitted_units, done.design.analysed_units) == (23, 25, 24)
    sealed = read_design_lock(plan)
    assert sealed is not None
    assert done.design.seal == sealed.design.summary.seal


def test_where_the_rule_is_the_design_no_lock_is_needed(tmp_path: Path) -> None:
    plan = agreed(tmp_path, RULE)
    done = decided(plan, tmp_path, towns())
    assert done.lock.design == "not_needed"
    assert "DESIGN_UNLOCKED" not in done.decision.reasons


def test_a_locked_rule_lets_the_roster_grow_but_not_the_past_change(tmp_path: Path) -> None:
    """Locked on the data up to 2015: later T05 starts in 2017, a town joins, T09 is gone."""
    plan = agreed(tmp_path, RULE)
    frame = towns()
    seal(plan, tmp_path, frame.loc[frame["year"] <= 2015])
    later = pd.concat([frame, frame.loc[frame["town"] == "T24"].assign(town="T25")])
    later.loc[later["town"] == "T05", "start"] = "2017"
    later = later.loc[later["town"] != "T09"]
    done = decided(plan, tmp_path, later)
    assert done.lock.design == "locked"
    assert [(c.start, c.units) for c in done.design.cohorts] == [(2014, 1), (2017, 1), (None, 23)]
    assert [(e.reason, e.arm, e.members) for e in done.ledger.entries] == [
        ("dropped_since_lock", "comparison", ("T09",))
    ]
    assert (done.design.submitted_units, done.design.analysed_units) == (26, 25)
    later.loc[later["town"] == "T05", "start"] = "2015"
    with pytest.raises(SealError) as caught:
        decided(plan, tmp_path, later)
    assert "start of treatment has changed for 1 units" in str(caught.value)


def dated(last: int) -> pd.DataFrame:
    """Two people by month from January 2024; A starts in April, B never."""
    months = pd.date_range("2024-01-01", periods=last, freq="MS").date
    rows = [
        (unit, month, start, 1.0 + n)
        for unit, start in (("A", pd.Timestamp("2024-04-01").date()), ("B", None))
        for n, month in enumerate(months)
    ]
    return pd.DataFrame(rows, columns=["id", "month", "start", "y"])


def test_a_start_after_the_data_of_the_lock_is_the_same_start_later() -> None:
    """At the lock April lies after the data and is numbered 4, then it is the fourth of six months."""
    roles = FrameRoles(unit="id", time="month", first_treated="start", outcome="y")
    early, late = (panel_from_frame(dated(n), roles) for n in (4, 6))
    before = early.with_frame(early.frame.loc[early.frame["period"] < 4])
    locked = locked_units(before.blinded(), 0)
    assert locked is not None
    assert locked.starts == ("after", "never")
    assert locked.periods == ("2024-01", "2024-02", "2024-03")
    assert locked.hidden_from == ("nothing", "nothing")
    assert since_lock(locked, late, rule=False).faults == ()
    with_april = locked_units(early.blinded(), 0)
    assert with_april is not None
    assert with_april.starts == ("2024-04", "never")
    assert with_april.hidden_from == ("2024-04", "2024-04")
    moved = late.frame.assign(first_treated=late.frame["first_treated"].replace(4.0, 5.0))
    faults = since_lock(with_april, late.with_frame(moved), rule=True).faults
    assert [f.code for f in faults] == ["SEAL_DESIGN_CHANGED"]


def test_anticipation_hides_the_periods_it_covers() -> None:
    roles = FrameRoles(unit="id", time="month", first_treated="start", outcome="y")
    panel = panel_from_frame(dated(6), roles)
    locked = locked_units(panel.blinded(2), 2)
    assert locked is not None
    assert locked.hidden_from == ("2024-02", "2024-02")
    changed = panel.frame.assign(**{"y.y": panel.frame["y.y"].where(panel.frame["period"] < 2, -1.0)})
    assert since_lock(locked, panel.with_frame(changed), rule=False).faults == ()
    changed = panel.frame.assign(**{"y.y": panel.frame["y.y"].where(panel.frame["period"] != 1, -1.0)})
    faults = since_lock(locked, panel.with_frame(changed), rule=False).faults
    assert [f.place.column for f in faults] == ["y"]
