"""The direct road on published data: R did's numbers to 1e-10, MatchIt's to 1e-8, Proposition 99's weights to 1e-11."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import evaltool as ev

FRAMES: dict[str, Callable[[pd.DataFrame], object]] = {
    "pandas": lambda frame: frame,
    "polars": pl.from_pandas,
    "pyarrow": lambda frame: pa.Table.from_pandas(frame, preserve_index=False),
}
MPDTA = {"outcome": "lemp", "unit": "countyreal", "time": "year", "first_treated": "first.treat"}
R_DEFAULTS = {"control_group": "never_treated", "base_period": "varying"}
CALLS: dict[str, dict[str, object]] = {
    "attgt_mpdta_dr_nevertreated_nocov": {},
    "attgt_mpdta_dr_notyettreated_nocov": {"control_group": "not_yet_treated"},
    "attgt_mpdta_reg_nevertreated_lpop": {"method": "reg", "covariates": ["lpop"]},
    "attgt_mpdta_reg_notyettreated_lpop": {
        "method": "reg",
        "covariates": ["lpop"],
        "control_group": "not_yet_treated",
    },
    "attgt_mpdta_dr_never_universal": {"base_period": "universal"},
    "attgt_mpdta_anticipation1": {"anticipation": 1},
}
AVERAGES = {
    "simple": ("simple", None),
    "dynamic": ("dynamic", None),
    "group": ("group", None),
    "calendar": ("calendar", None),
    "dynamic_balance_e1": ("dynamic", 1),
}
COVARIATES = ["age", "educ", "hispan", "white", "married", "nodegree", "re74", "re75"]


def entries(reference: Path, name: str) -> dict[str, Any]:
    table = json.loads((reference / "numbers" / f"{name}.json").read_text(encoding="utf-8"))
    return {entry["id"]: entry["results"] for entry in table}


def same(ours: float, theirs: object) -> bool:
    if not isinstance(theirs, int | float) or math.isnan(theirs):
        return math.isnan(ours)
    return abs(ours - theirs) <= 1e-10


@pytest.mark.parametrize("kind", FRAMES)
@pytest.mark.parametrize("name", CALLS)
def test_every_number_of_r_did(reference: Path, name: str, kind: str) -> None:
    frame = FRAMES[kind](pd.read_csv(reference / "data" / "mpdta.csv"))
    expected = entries(reference, "did")[name]
    result = ev.did.group_time(frame, **MPDTA, **{**R_DEFAULTS, **CALLS[name]})
    cells = result.att_gt.set_index(["group", "time"])
    assert len(cells) == len(expected["gt"])
    for row in expected["gt"]:
        cell = cells.loc[(row["group"], row["time"])]
        assert same(cell["att"], row["att"])
        assert same(cell["se"], row["se"])
    compared = 0
    for label, (average, balance) in AVERAGES.items():
        if label not in expected:
            continue
        compared += 1
        found = result.aggregate(average, balance=balance)
        wanted = expected[label]
        assert same(found.att, wanted["overall_att"])
        assert same(found.std_errors["att"], wanted["overall_se"])
        if average == "simple":
            continue
        elements = found.by.set_index("element")
        assert list(elements.index) == list(wanted["egt"])
        for element, att, se in zip(wanted["egt"], wanted["att_egt"], wanted["se_egt"], strict=True):
            assert same(elements.loc[element, "att"], att)
            assert same(elements.loc[element, "se"], se)
    assert compared >= 4


def lalonde(reference: Path) -> pd.DataFrame:
    frame = pd.read_csv(reference / "data" / "lalonde.csv")
    for race in ("hispan", "white"):
        frame[race] = (frame["race"] == race).astype(int)
    return frame.assign(row=np.arange(len(frame)))


@pytest.mark.parametrize("kind", FRAMES)
def test_lalonde_as_matchit_has_it(reference: Path, kind: str) -> None:
    frame = FRAMES[kind](lalonde(reference))
    roles = {"treatment": "treat", "covariates": COVARIATES, "unit": "id"}
    expected = entries(reference, "matching")
    for name, options in (("matchit_nn_norep", {}), ("matchit_nn_cal02", {"caliper": 0.2})):
        design = ev.matching.nearest(frame, **roles, tie_order="row", **options)
        for which, covariates in (("att_simple", []), ("att_covadj", COVARIATES)):
            found = ev.weighted.difference(design, frame, outcome="re78", covariates=covariates)
            wanted = expected[name][which]
            assert found.att == pytest.approx(wanted["est"], rel=1e-8)
            assert found.se == pytest.approx(wanted["se"], rel=1e-8)
    for scale, effect in (("probability", 1968.799716), ("linear", 1968.580054)):
        design = ev.matching.nearest(frame, **roles, replace=True, scale=scale)
        assert ev.weighted.difference(design, frame, outcome="re78").att == pytest.approx(effect, abs=1e-6)


@pytest.mark.parametrize("kind", FRAMES)
def test_proposition_99(reference: Path, kind: str) -> None:
    frame = FRAMES[kind](pd.read_csv(reference / "data" / "california_prop99.csv"))
    result = ev.counterfactual.synthetic_control(
        frame, outcome="PacksPerCapita", unit="State", time="Year", treated="California", start=1989
    )
    assert result.att == pytest.approx(-19.513629768, abs=5e-10)
    assert result.weights["Utah"] == pytest.approx(0.393908022988, abs=1e-11)
    assert result.weights["Nevada"] == pytest.approx(0.204922583496, abs=1e-11)
    assert (result.weights > 0).sum() == 6
    assert result.placebo_p == 3 / 39


def test_two_periods_as_statsmodels_has_them() -> None:
    """Our own 2 × 2 data: the coefficient of treated × after in a saturated regression."""
    r = np.random.default_rng(11)
    treated = np.repeat([0, 1], 25)
    frame = pd.DataFrame({"unit": np.repeat(np.arange(50), 2), "t": np.tile([1, 2], 50)})
    frame["g"] = np.repeat(np.where(treated == 1, 2, 0), 2)
    frame["y"] = r.normal(size=100) + (frame["g"] == 2) * 0.7 * (frame["t"] == 2)
    import statsmodels.formula.api as smf  # noqa: PLC0415 - slow to import, for this test only

    data = frame.assign(d=(frame["g"] == 2).astype(int), after=(frame["t"] == 2).astype(int))
    fit = smf.ols("y ~ d * after", data).fit()
    found = ev.did.two_by_two(frame, outcome="y", unit="unit", time="t", first_treated="g")
    assert found.params["att"] == pytest.approx(fit.params["d:after"], abs=1e-12)
