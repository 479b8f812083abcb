"""The gates in a whole run on county teen employment (mpdta), against arithmetic on the raw file."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from evaltool.pipeline import evaluate
from evaltool.reading.panel_file import read_panel
from evaltool.reading.plan_file import read_plan
from evaltool.records.lock import LockStatus


def test_the_placebo_is_the_raw_difference_in_differences(sample: Callable[[str], Path], reference: Path) -> None:
    path = sample("minimum_wage")
    source = reference / "data" / "mpdta.csv"
    shutil.copyfile(source, path.parent / "mpdta.csv")
    agreed = read_plan(path)
    # without covariates the placebo is a difference of four means
    plain = {name: value for name, value in agreed.estimator.options.items() if name != "covariates"}
    plan = agreed.model_copy(update={"estimator": agreed.estimator.model_copy(update={"options": plain})})
    run = evaluate(plan, read_panel(agreed), lock=LockStatus(state="locked", seal=plan.seal))
    gates = {gate.name: gate for gate in run.gates}
    # cohort 2004 has one period before its start and is left out; 2006 and 2007 keep 2003–2005, pretended start 2005
    raw = (
        pd.read_csv(source)
        .pivot_table(index=["countyreal", "first.treat"], columns="year", values="lemp")
        .reset_index()
    )
    change = raw[2005] - raw[2004]
    late, never = raw["first.treat"].isin([2006, 2007]), raw["first.treat"] == 0
    expected = change[late].mean() - change[never].mean()
    placebo = gates["placebo_in_time"].evidence
    assert placebo["placebo"] == pytest.approx(expected, abs=1e-12)
    assert (placebo["start"], placebo["periods"], placebo["periods_before"]) == ("2005", 1, 2)
    assert placebo["units_left_out"] == int((raw["first.treat"] == 2004).sum())
    clusters = gates["few_clusters"].evidence
    assert clusters["treated_clusters"] == int((raw["first.treat"] > 0).sum())
    assert clusters["comparison_clusters"] == int(never.sum())
