"""The direct road of difference-in-differences: any frame, the plan's own numbers, every fault at once."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from direct_frames import KINDS, school_absence, staggered

import evaltool as ev
from evaltool.direct.result import DirectEstimate
from evaltool.records.estimate import Estimate
from evaltool.records.evidence import EstimateKey
from evaltool.records.lock import LockStatus
from evaltool.records.run import Run

NAMES = {"outcome": "Days away", "unit": "school", "time": "year", "first_treated": "start"}
SHARED = (
    *("att", "se", "absent", "df", "interval", "p_value", "statistic", "counts", "observed", "counterfactual"),
    *("baseline", "relative", "path", "groups", "calendar", "cells", "event_covariance", "series", "notes"),
)


@pytest.fixture(scope="module")
def plan_road(root: Path) -> Run:
    plan = ev.read_plan(root / "data_samples" / "school_absence" / "plan.toml")
    return ev.evaluate(plan, ev.read_panel(plan), lock=LockStatus(state="locked", seal=plan.seal))


def absence(frame: object, **options: object) -> ev.did.GroupTime:
    return ev.did.group_time(
        frame,
        outcome="absence",
        unit="skole",
        time="måned",
        first_treated="programstart",
        weights="elever",
        **{"method": "reg", **options},
    )


@pytest.mark.parametrize("kind", KINDS)
def test_the_plan_road_and_the_direct_road_give_the_same_bits(root: Path, plan_road: Run, kind: str) -> None:
    direct = absence(KINDS[kind](school_absence(root)))
    planned = plan_road.estimate
    for name in SHARED:
        assert getattr(direct, name) == getattr(planned, name), name
    # the unit of measure is the plan's; every convention is the same
    assert direct.conventions == planned.conventions


@pytest.mark.parametrize(
    ("specification", "options", "kind"),
    [
        ("never_treated", {"control_group": "never_treated"}, "simple"),
        ("adjusted_reg", {"covariates": ["lavindkomst_pct"]}, "simple"),
        (
            "adjusted_dr",
            {"covariates": ("lavindkomst_pct",), "method": "dr", "control_group": "never_treated"},
            "simple",
        ),
        ("by_cohort", {}, "group"),
        ("by_month", {}, "calendar"),
    ],
)
def test_pre_registered_specifications_are_the_same_bits_too(
    root: Path, plan_road: Run, specification: str, options: dict[str, object], kind: str
) -> None:
    direct = absence(school_absence(root), **options).aggregate(kind)
    planned = plan_road.estimate_named(EstimateKey(outcome="absence", specification=specification))
    for name in SHARED:
        assert getattr(direct, name) == getattr(planned, name), name


def test_row_order_changes_no_bit(root: Path) -> None:
    frame = school_absence(root)
    shuffled = frame.sample(frac=1.0, random_state=7)[list(reversed(frame.columns))]
    first, second = absence(frame), absence(shuffled)
    assert first.to_json() == second.to_json()
    assert np.array_equal(first.influence, second.influence)


def test_periods_that_are_dates_are_named_by_their_labels(root: Path) -> None:
    frame = absence(school_absence(root)).att_gt
    assert set(frame["group"]) == {"2022-08", "2023-01", "2023-08"}
    assert frame["time"].iloc[0] == "2021-08"


def test_the_frame_of_effects_has_the_promised_columns() -> None:
    result = ev.did.group_time(staggered(), **NAMES)
    frame = result.att_gt
    assert list(frame.columns) == ["group", "time", "att", "se", "lower", "upper", "n_treated", "n_comparison"]
    assert set(zip(frame["group"], frame["time"], strict=True)) == {(g, t) for g in (3, 5) for t in range(1, 7)}
    base = frame[(frame["group"] == 3) & (frame["time"] == 2)].iloc[0]
    assert (base["att"], np.isnan(base["se"])) == (0.0, True)


def test_a_cell_is_the_difference_of_mean_changes() -> None:
    """ATT(5, 6) against the never-treated: by hand."""
    frame = staggered()
    wide = frame.pivot(index=["school", "start"], columns="year", values="Days away").reset_index()  # noqa: PD010 - one value a cell
    change = wide[6] - wide[4]
    by_hand = change[wide["start"] == 5].mean() - change[wide["start"] == 0].mean()
    found = ev.did.group_time(frame, **NAMES, control_group="never_treated").att_gt
    cell = found[(found["group"] == 5) & (found["time"] == 6)].iloc[0]
    assert cell["att"] == pytest.approx(by_hand, abs=1e-13)
    assert (cell["n_treated"], cell["n_comparison"]) == (10, 20)


@pytest.mark.parametrize("kind", ["simple", "dynamic", "group", "calendar"])
def test_an_average_is_the_average_of_its_elements(kind: str) -> None:
    """Equal cohorts: every overall average but ``simple`` is the plain mean of its elements."""
    result = ev.did.group_time(staggered(), **NAMES)
    average = result.aggregate(kind)
    assert isinstance(average, Estimate)
    elements = average.by
    assert list(elements.columns[:3]) == ["element", "att", "se"]
    treated = elements if kind != "dynamic" else elements[elements["element"] >= 0]
    if kind == "simple":
        cells = result.att_gt
        own = cells[cells["time"] >= cells["group"]]
        assert average.att == pytest.approx(own["att"].mean(), abs=1e-13)
        assert average.att == result.att
    else:
        assert average.att == pytest.approx(treated["att"].mean(), abs=1e-13)
    assert (
        list(elements["element"])
        == {"simple": list(range(-4, 4)), "dynamic": list(range(-4, 4)), "group": [3, 5], "calendar": [3, 4, 5, 6]}[
            kind
        ]
    )


def test_balanced_event_times_keep_the_cohorts_seen_long_enough() -> None:
    result = ev.did.group_time(staggered(), **NAMES)
    one = result.aggregate("dynamic", balance=1)
    assert list(one.by["element"]) == [-4, -3, -2, -1, 0, 1]
    three = result.aggregate("dynamic", balance=3)
    assert list(three.by["element"]) == [-2, -1, 0, 1, 2, 3]
    assert set(three.by["n_treated"]) == {10}
    cells = result.att_gt
    assert three.att == pytest.approx(cells[(cells["group"] == 3) & (cells["time"] >= 3)]["att"].mean(), abs=1e-13)
    assert three.conventions["balance"] == 3
    with pytest.raises(ev.errors.RunError, match="RUN_NO_LONG_COHORT"):
        result.aggregate("dynamic", balance=4)


@pytest.mark.parametrize(("kind", "balance"), [("simple", 1), ("dynamic", -1), ("dynamic", True), ("weekly", None)])
def test_an_average_that_makes_no_sense_is_refused(kind: str, balance: int | None) -> None:
    with pytest.raises(ev.errors.UsageError, match="USAGE_"):
        ev.did.group_time(staggered(), **NAMES).aggregate(kind, balance=balance)


def test_a_result_read_back_has_no_data_to_average_again() -> None:
    result = ev.did.group_time(staggered(), **NAMES)
    again = ev.did.GroupTime.from_json(result.to_json())
    assert again.att == result.att
    assert again.ledger.entries == ()
    with pytest.raises(ev.errors.UsageError, match="Estimate it again"):
        again.aggregate("group")


def test_one_common_start() -> None:
    frame = staggered()
    frame = frame[frame["start"] != 5]
    result = ev.did.two_by_two(frame, **NAMES, weights="pupils")
    w = frame.groupby("school")["pupils"].first()
    wide = frame.pivot(index="school", columns="year", values="Days away")  # noqa: PD010 - one value a cell
    change = wide[[3, 4, 5, 6]].mean(axis=1) - wide[2]
    own = (frame.groupby("school")["start"].first() == 3).to_numpy()
    by_hand = np.average(change[own], weights=w[own]) - np.average(change[~own], weights=w[~own])
    assert result.att == pytest.approx(by_hand, abs=1e-13)
    assert isinstance(result, DirectEstimate)
    assert (result.key.outcome, result.unit) == ("days_away", "Days away")


def test_clusters_change_the_standard_error_only() -> None:
    plain = ev.did.group_time(staggered(), **NAMES, covariates=["income"])
    clustered = ev.did.group_time(staggered(), **NAMES, covariates=["income"], cluster="town")
    assert clustered.att == plain.att
    assert clustered.se != plain.se
    assert clustered.counts.clusters == 10
    by_unit = ev.did.group_time(staggered(), **NAMES, covariates=["income"], cluster="school")
    assert by_unit.to_json() == plain.to_json()


def test_units_that_were_always_treated_are_told_of() -> None:
    frame = staggered()
    frame.loc[frame["school"] == "S00", "start"] = 1
    result = ev.did.group_time(frame, **NAMES)
    assert [(entry.reason, entry.count) for entry in result.ledger.entries] == [("always_treated", 1)]
    assert "left out: 1 unit (treated): treated from the first period on" in str(result.summary)


@pytest.mark.parametrize(
    ("changes", "codes", "words"),
    [
        ({"covariates": "income"}, ["USAGE_BAD_ARGUMENT"], 'Write covariates=["income"]'),
        ({"covariates": 3}, ["USAGE_BAD_ARGUMENT"], "not a list of column names"),
        ({"panel": 1}, ["USAGE_NOT_OFFERED"], "panel = 1 is not offered"),
        ({"gaps": "zero"}, ["USAGE_NOT_OFFERED"], "gaps = 'zero' is not offered"),
        ({"unit": 7}, ["USAGE_BAD_ARGUMENT"], "not the name of a column"),
        ({"method": "ols"}, ["USAGE_BAD_ARGUMENT"], "did.group_time.method"),
        ({"anticipation": -1, "base_period": "long"}, ["USAGE_BAD_ARGUMENT"] * 2, "did.group_time.base_period"),
        ({"outcome": "days away"}, ["DATA_MISSING_COLUMN"], "Did you mean 'Days away'"),
        ({"outcome": "days", "unit": "skool"}, ["DATA_MISSING_COLUMN"] * 2, "Did you mean 'school'"),
        ({"covariates": ["incomes"], "method": "ols"}, ["USAGE_BAD_ARGUMENT", "DATA_MISSING_COLUMN"], "incomes"),
        (
            {"panel": "rows", "covariates": "x", "time": None, "weights": 2},
            ["USAGE_NOT_OFFERED", *["USAGE_BAD_ARGUMENT"] * 3],
            "did.group_time.weights",
        ),
    ],
)
def test_every_fault_of_a_call_is_told_at_once(changes: dict[str, object], codes: list[str], words: str) -> None:
    with pytest.raises(ev.errors.EvaltoolError) as caught:
        ev.did.group_time(staggered(), **{**NAMES, **changes})
    assert list(caught.value.codes) == codes
    assert words in str(caught.value)


def test_data_faults_keep_their_family() -> None:
    frame = staggered()
    frame.loc[3, "Days away"] = np.nan
    with pytest.raises(ev.errors.DataError):
        ev.did.group_time(frame, **NAMES)
    with pytest.raises(ev.errors.RunError, match="RUN_SEVERAL_STARTS"):
        ev.did.two_by_two(staggered(), **NAMES)
    with pytest.raises(ev.errors.UsageError, match="USAGE_FRAME"):
        ev.did.group_time([1, 2, 3], **NAMES)


@pytest.mark.parametrize(
    ("column", "wanted"), [("Days Away!", "days_away_"), ("Å__", "outcome"), ("_x", "x"), ("y", "y")]
)
def test_any_column_name_becomes_an_outcome(column: str, wanted: str) -> None:
    frame = staggered().rename(columns={"Days away": column})
    result = ev.did.group_time(frame, **{**NAMES, "outcome": column})
    assert (result.key.outcome, result.unit) == (wanted, column)


def test_the_callers_frame_is_left_alone() -> None:
    frame = staggered()
    before = frame.copy()
    ev.did.group_time(frame, **NAMES, weights="pupils")
    pd.testing.assert_frame_equal(frame, before)
