"""Matching and synthetic control: a plan and a direct call give the same bits in the same process."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from direct_frames import people, towns
from matched_plans import CONTROL, MATCHING

import evaltool as ev
from evaltool.records.lock import LockStatus
from evaltool.records.run import Run

SHARED = (
    *("att", "se", "absent", "df", "interval", "p_value", "statistic", "counts", "observed", "counterfactual"),
    *("baseline", "relative", "path", "series", "conventions", "certificate", "notes", "estimand"),
)


def evaluated(folder: Path, text: str, frame: pd.DataFrame) -> Run:
    (folder / "plan.toml").write_text(text, encoding="utf-8")
    frame.to_csv(folder / "data.csv", index=False)
    plan = ev.read_plan(folder / "plan.toml")
    return ev.evaluate(plan, ev.read_panel(plan), lock=LockStatus(state="locked", seal=plan.seal))


@pytest.mark.parametrize("replace", [False, True])
def test_a_matched_difference(tmp_path: Path, *, replace: bool) -> None:
    frame = people().rename(columns={"age": "a", "debt": "b", "weeks": "y"})
    frame["id"] = np.arange(120)
    frame = frame.drop(columns="person")
    text = MATCHING.replace('caliper = "0.2"', f'caliper = "0.2"\nreplace = {str(replace).lower()}')
    planned = evaluated(tmp_path, text, frame)
    design = ev.matching.nearest(
        frame, treatment="offered", covariates=["a", "b"], unit="id", caliper=0.2, replace=replace
    )
    direct = ev.weighted.difference(design, frame, outcome="y", covariates=["a", "b"])
    assert design.design.summary.seal == planned.design.seal
    for name in SHARED:
        assert getattr(direct, name) == getattr(planned.estimate, name), name


LEVEL = """
[inference]
level = "0.8"
"""
"""Within reach of a permutation of six units."""


def test_a_synthetic_control(tmp_path: Path) -> None:
    frame = towns().rename(columns={"Town": "town", "Year": "year", "Nights": "y"})
    started = frame.assign(start=np.where(frame["town"] == "town 3", 2010, 0))
    planned = evaluated(tmp_path, CONTROL.replace("placebo_periods = 3", LEVEL), started)
    direct = ev.counterfactual.synthetic_control(
        frame, outcome="y", unit="town", time="year", treated="town 3", start=2010, level=0.8
    )
    for name in SHARED:
        assert getattr(direct.estimate, name) == getattr(planned.estimate, name), name
    assert direct.estimate.counts.comparison == len(direct.weights)
