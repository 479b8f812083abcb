"""A long panel read as one row per unit: the same bytes as the panel reshaped by hand, and what is refused."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matched_plans import HEAD, column

import evaltool as ev
from evaltool.bundle.determination import determination_bytes
from evaltool.errors import DataError, PlanError, RunError, SealError, UsageError
from evaltool.pipeline.corridor import evaluate
from evaltool.pipeline.design_lock import lock_design
from evaltool.reading.blind_panel import read_blind_panel
from evaltool.reading.design_lock import write_design_lock
from evaltool.reading.lock_file import write_lock
from evaltool.reading.panel_file import read_panel
from evaltool.reading.plan_file import read_plan
from evaltool.records.plan.evaluation_plan import EvaluationPlan
from evaltool.records.run import Run
from evaltool.report.section import build_section

WIDE = "[data.wide]\nbaseline = 2019\nbefore = [2018, 2019]\nafter = [2021, 2022]\n\n"
MEASURED = (
    column("a", "covariate", "number", 'label = { da = "Alder", en = "Age" }')
    + column("b", "covariate", "number")
    + column("y", "outcome", "number", 'outcome = "y"\nlabel = { da = "Løn", en = "Pay" }')
)
COLUMNS = (
    column("id", "unit", "text")
    + column("year", "time", "integer")
    + column("start", "first_treated", "integer")
    + MEASURED
)
METHODS = """[design]
method = "matching.nearest"

[design.options]
covariates = ["a", "b", "y.2018"]
caliper = "0.5"

[estimator]
method = "weighted.difference"

[estimator.options]
covariates = ["a"]
before = ["y.2018", "y.2019"]
"""
QUIET = HEAD.replace("replication = true", "replication = true\nside_by_side = false")


@pytest.fixture(scope="module")
def long() -> pd.DataFrame:
    """150 people in five years; 50 start in 2020 or 2021, a dozen only in 2023; levels differ, the effect is 2."""
    r = np.random.default_rng(17)
    n, years = 150, np.arange(2018, 2023)
    start = np.where(np.arange(n) < 25, 2020, np.where(np.arange(n) < 50, 2021, np.where(np.arange(n) < 62, 2023, 0)))
    treated = (start > 0) & (start < 2023)
    level = 3.0 * treated + r.normal(size=n)
    rows = []
    for year in years:
        x = r.normal(size=(n, 2)) + 0.3 * treated[:, None]
        y = level + 0.5 * (year - 2018) + 2.0 * (treated & (start <= year)) + 0.5 * r.normal(size=n)
        rows.append(pd.DataFrame({"id": [f"p{i:03}" for i in range(n)], "year": year, "start": start, "y": y}))
        rows[-1][["a", "b"]] = x
    return pd.concat(rows).sample(frac=1.0, random_state=3).reset_index(drop=True)


def by_hand(long: pd.DataFrame) -> pd.DataFrame:
    """One row per unit, each cell looked up by itself."""
    cells = long.set_index(["id", "year"])
    people = sorted(set(long["id"]))
    return pd.DataFrame(
        {
            "id": people,
            "start": [bool(0 < cells.loc[(who, 2018), "start"] <= 2021) for who in people],
            "a": [cells.loc[(who, 2019), "a"] for who in people],
            "b": [cells.loc[(who, 2019), "b"] for who in people],
            "y": [(cells.loc[(who, 2021), "y"] + cells.loc[(who, 2022), "y"]) / 2 for who in people],
            "y.2018": [cells.loc[(who, 2018), "y"] for who in people],
            "y.2019": [cells.loc[(who, 2019), "y"] for who in people],
        }
    )


def plan_in(folder: Path, frame: pd.DataFrame, text: str) -> Path:
    frame.to_csv(folder / "data.csv", index=False)
    (folder / "plan.toml").write_text(text, encoding="utf-8")
    return folder / "plan.toml"


def text_of(columns: str = COLUMNS, wide: str = WIDE, methods: str = METHODS) -> str:
    return QUIET + columns + "\n" + wide + methods


def run_of(folder: Path, frame: pd.DataFrame, text: str) -> Run:
    plan = read_plan(plan_in(folder, frame, text))
    return evaluate(plan, read_panel(plan))


def refused(folder: Path, frame: pd.DataFrame, text: str) -> DataError:
    plan = read_plan(plan_in(folder, frame, text))
    with pytest.raises(DataError) as caught:
        read_panel(plan)
    return caught.value


def test_the_same_bytes_as_reshaped_by_hand(tmp_path: Path, long: pd.DataFrame) -> None:
    """Effect, standard error, design, gates and payment are those of the panel reshaped by hand, on both roads."""
    found = run_of(tmp_path, long, text_of())
    flat = column("id", "unit", "text") + column("start", "treated", "boolean") + MEASURED
    flat += column("y.2018", "covariate", "number") + column("y.2019", "covariate", "number")
    hand = by_hand(long)
    other = tmp_path / "by_hand"
    other.mkdir()
    told = run_of(other, hand.assign(start=hand["start"].map({True: "true", False: "false"})), text_of(flat, ""))
    assert found.estimate.to_json() == told.estimate.to_json()
    assert found.design.to_json() == told.design.to_json()
    assert found.decision.amount == told.decision.amount
    assert [gate.to_json() for gate in found.gates if gate.name not in {"locked", "balance"}] == [
        gate.to_json() for gate in told.gates if gate.name not in {"locked", "balance"}
    ]
    assert found.estimate.att == pytest.approx(2.0, abs=0.5), "the true effect"
    assert found.data is not None
    assert told.data is not None
    assert found.data.fingerprint == told.data.fingerprint

    panel = ev.matching.wide(
        long, unit="id", time="year", first_treated="start", outcome="y", covariates=["a", "b"],
        baseline=2019, before=[2018, 2019], after=[2021, 2022],
    )  # fmt: skip
    assert panel.before == ("y.2018", "y.2019")
    pd.testing.assert_frame_equal(
        panel.frame[["id", "a", "b", "y", "y.2018", "y.2019"]],
        hand.drop(columns="start"),
        check_dtype=False,
        check_exact=True,
    )
    assert panel.frame["treated"].tolist() == hand["start"].tolist()
    design = ev.matching.nearest(
        panel.frame, treatment="treated", covariates=["a", "b", "y.2018"], unit="id", caliper=0.5
    )
    direct = ev.weighted.difference(design, panel.frame, outcome="y", covariates=["a"], before=panel.before)
    assert (direct.att, direct.se) == (found.estimate.att, found.estimate.se)


def test_row_order_changes_nothing_and_dates_are_periods(tmp_path: Path, long: pd.DataFrame) -> None:
    whole = run_of(tmp_path, long, text_of())
    assert determination_bytes(run_of(tmp_path, long.iloc[::-1], text_of())) == determination_bytes(whole)
    dated = long.assign(
        year=[f"{year}-01-01" for year in long["year"]],
        start=["" if start == 0 else f"{start}-01-01" for start in long["start"]],
    )
    text = text_of(COLUMNS.replace('"integer"', '"date"'), WIDE).replace("y.2018", "y.2018-01-01")
    for year in (2018, 2019, 2021, 2022):
        text = text.replace(f"= {year}\n", f"= {year}-01-01\n").replace(f"[{year}, ", f"[{year}-01-01, ")
        text = text.replace(f", {year}]", f", {year}-01-01]")
    found = run_of(tmp_path, dated, text.replace("y.2019", "y.2019-01-01"))
    assert (found.estimate.att, found.estimate.se) == (whole.estimate.att, whole.estimate.se)
    panel = ev.matching.wide(
        dated.assign(year=pd.to_datetime(dated["year"]), start=pd.to_datetime(dated["start"])),
        unit="id", time="year", first_treated="start", outcome="y", baseline=date(2019, 1, 1), after=[date(2021, 1, 1)],
    )  # fmt: skip
    assert int(panel.frame["treated"].sum()) == 50
    assert panel.before == ()


def test_locked_before_there_are_outcomes_after_the_start(tmp_path: Path, long: pd.DataFrame) -> None:
    """At the lock the rows of the time after are not there; the run then finds the sealed design unchanged."""
    plan = read_plan(plan_in(tmp_path, long[long["year"] < 2020], text_of()))
    write_lock(plan)
    write_design_lock(plan, lock_design(plan, read_blind_panel(plan)))
    long.to_csv(tmp_path / "data.csv", index=False)
    run = evaluate(plan, read_panel(plan))
    assert run.lock.design == "locked"
    assert next(gate for gate in run.gates if gate.name == "locked").verdict == "PASS"
    assert run.estimate == evaluate(plan.model_copy(update={"path": None}), read_panel(plan)).estimate
    moved = long.assign(y=long["y"] + (long["year"] == 2018) * (long["id"] == "p100"))
    moved.to_csv(tmp_path / "data.csv", index=False)
    with pytest.raises(SealError, match="SEAL_DESIGN_CHANGED"):
        evaluate(plan, read_panel(plan))


@pytest.mark.parametrize("year", [2018, 2019, 2022])
def test_a_missing_cell_is_refused_or_counted(tmp_path: Path, long: pd.DataFrame, year: int) -> None:
    """A row that is not there and an empty outcome in it say the same."""
    gone = (long["id"] == "p003") & (long["year"] == year)
    named = {2018: "y.2018", 2019: "a", 2022: "y"}[year]
    error = refused(tmp_path, long[~gone], text_of())
    assert set(error.codes) == {"DATA_MISSING_VALUE"}
    assert named in {fault.place.column for fault in error.faults}
    lines = {fault.place.line for fault in error.faults}
    kept = long[~gone].reset_index(drop=True)
    assert {kept["id"][line - 2] for line in lines if line is not None} == {"p003"}
    rule = COLUMNS.replace('type = "number"\n', 'type = "number"\nmissing = "drop_unit"\n')
    plan = read_plan(plan_in(tmp_path, long[~gone], text_of(rule)))
    panel = read_panel(plan)
    assert panel is not None
    (entry,) = panel.ledger.entries
    assert (entry.reason, entry.what, entry.arm, entry.count) == ("missing_value_unit", "unit", "treated", 1)
    assert (entry.detail, entry.members) == (named, ("p003",))
    direct = ev.matching.wide(
        long[~gone], unit="id", time="year", first_treated="start", outcome="y", covariates=["a", "b"],
        baseline=2019, before=[2018, 2019], after=[2021, 2022], missing="drop_unit",
    )  # fmt: skip
    assert direct.ledger == panel.ledger
    assert "p003" not in direct.frame["id"].tolist()


def test_cells_that_nothing_reads_may_be_missing(tmp_path: Path, long: pd.DataFrame) -> None:
    whole = run_of(tmp_path, long, text_of())
    unread = long.assign(a=long["a"].where(long["year"] == 2019), y=long["y"].where(long["year"] != 2020), b=long["b"])
    assert run_of(tmp_path, unread, text_of()).estimate == whole.estimate


def test_a_unit_without_any_period_before_is_named(tmp_path: Path, long: pd.DataFrame) -> None:
    late = long[~((long["id"] == "p060") & (long["year"] < 2020))]
    error = refused(tmp_path, late, text_of())
    assert {fault.place.column for fault in error.faults} == {"a", "b", "y.2018", "y.2019"}


def test_what_is_refused_of_starts_and_periods(tmp_path: Path, long: pd.DataFrame) -> None:
    early = refused(tmp_path, long, text_of(wide=WIDE.replace("baseline = 2019", "baseline = 2020")))
    assert set(early.codes) == {"DATA_START_IN_WINDOW"}
    assert "starts in 2020, and what is read in 2020 is to be from before the start" in early.faults[0].cause
    late = refused(tmp_path, long, text_of(wide=WIDE.replace("[2021, 2022]", "[2020, 2022]")))
    assert "starts in 2021, and the time after begins in 2020" in late.faults[0].cause
    assert long["start"][late.faults[0].place.line - 2] == 2021  # type: ignore[operator]
    nowhere = refused(tmp_path, long, text_of(wide=WIDE.replace("[2018, 2019]", "[2017, 2019]")))
    assert nowhere.codes == ("DATA_NO_SUCH_PERIOD",)
    assert "2018, 2019, 2020, 2021, 2022" in nowhere.faults[0].fix
    twice = refused(tmp_path, pd.concat([long, long.iloc[:1]]), text_of())
    assert twice.codes == ("DATA_DUPLICATE_KEY",)
    varies = long.assign(start=np.where((long["id"] == "p100") & (long["year"] == 2020), 2021, long["start"]))
    assert "DATA_START_VARIES" in refused(tmp_path, varies, text_of()).codes


@pytest.mark.parametrize(
    ("old", "new", "code", "said"),
    [
        ('role = "first_treated"', 'role = "ignore"', "PLAN_WIDE", "first_treated"),
        ("baseline = 2019", "baseline = 2019-01-01", "PLAN_", "whole numbers or dates"),
        ("after = [2021, 2022]", "after = [2019, 2022]", "PLAN_", "ahead of all periods"),
        ("before = [2018, 2019]", "before = [2018, 2018]", "PLAN_", "twice under before"),
        ('covariates = ["a"]', 'covariates = ["y.2020"]', "PLAN_UNKNOWN_COVARIATE", "y.2020"),
        ('name = "b"', 'name = "y.2018"', "PLAN_WIDE", "would be called"),
        ('path = "data.csv"', 'path = "data.csv"\nbalance = "keep"', "PLAN_WIDE", "no effect"),
        (column("b", "covariate", "number"), column("b", "treated", "integer"), "PLAN_WIDE", "follows from"),
        (column("year", "time", "integer"), column("year", "time", "date"), "PLAN_WIDE", "not written like"),
    ],
)
def test_what_a_plan_is_refused_for(
    tmp_path: Path, long: pd.DataFrame, old: str, new: str, code: str, said: str
) -> None:
    text = text_of()
    assert old in text
    plan = plan_in(tmp_path, long, text.replace(old, new))
    with pytest.raises((PlanError, RunError)) as caught:
        ev.evaluate(read_plan(plan), None)
    assert any(fault.code.startswith(code) and said in fault.cause for fault in caught.value.faults)


def test_what_the_direct_road_refuses(long: pd.DataFrame) -> None:
    call = {"unit": "id", "time": "year", "first_treated": "start", "outcome": "y", "baseline": 2019, "after": [2021]}
    for more, said in (
        ({"after": [2018]}, "ahead of all periods"),
        ({"after": []}, "at least 1"),
        ({"covariates": "a"}, "not a list"),
        ({"covariates": ["treated"]}, "named as another"),
        ({"unit": 3}, "not the name of a column"),
        ({"baseline": "then"}, "valid"),
    ):
        with pytest.raises(UsageError) as caught:
            ev.matching.wide(long, **{**call, **more})  # type: ignore[arg-type]
        assert any(said in fault.cause for fault in caught.value.faults), more
    clash = long.rename(columns={"a": "y.2018"})
    with pytest.raises(DataError, match="DATA_ROLE_TWICE"):
        ev.matching.wide(clash, **{**call, "before": [2018], "covariates": ["y.2018"]})  # type: ignore[arg-type]


def test_readers_see_the_label_and_the_period(tmp_path: Path, long: pd.DataFrame) -> None:
    run = run_of(tmp_path, long, text_of())
    names = {c.name: c.label for c in run.plan.data.read}
    assert (names["y.2018"].da, names["y.2018"].en) == ("Løn, 2018", "Pay, 2018")
    assert EvaluationPlan.from_json(run.plan.to_json()).data.wide == run.plan.data.wide
    assert "Løn, 2018" in str(build_section("balance", run, "da"))
