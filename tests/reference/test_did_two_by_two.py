"""did.two_by_two against R did (one cohort, two periods), statsmodels, and the published Peterborough figures."""

from __future__ import annotations

import json
import math
import tomllib
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import statsmodels.formula.api as smf
from estimator_world import Ask, again, estimate, long, sim_stagg, staggered


def _cell(entry: str) -> dict[str, Any]:
    path = Path(__file__).resolve().parent.parent / "data" / "sim_stagg_r_did.json"
    found = {e["id"]: e["results"] for e in json.loads(path.read_text("utf-8"))}
    return {(row["group"], row["time"]): row for row in found[entry]["gt"]}


@pytest.mark.parametrize(("group", "time"), [(4, 4), (4, 8), (6, 7), (8, 8)])
def test_two_periods_are_a_cell_of_r_did(group: int, time: int) -> None:
    """Units of one cohort and the never-treated, in the last period before the start and one after."""
    frame = sim_stagg()
    kept = frame[frame["g"].isin([0, group]) & frame["time"].isin([group - 1, time])].copy()
    kept.loc[kept["g"] > 0, "g"] = time
    expected = _cell("attgt_sim_stagg_nocov_never")[group, time]
    found = estimate(staggered(kept), Ask(method="did.two_by_two"))
    assert abs(found.att - expected["att"]) <= 1e-10
    assert found.se is not None
    assert abs(found.se - expected["se"]) <= 1e-10


def test_last_cohort_with_covariate_is_a_cell_of_r_did() -> None:
    """Cohort 8 in period 8 has only the never-treated left to compare with, also under not-yet-treated."""
    frame = sim_stagg()
    kept = frame[frame["g"].isin([0, 8]) & frame["time"].isin([7, 8])]
    expected = _cell("attgt_sim_stagg_x_nyt")[8, 8]
    panel = staggered(kept, covariates=("x",))
    ask = Ask(method="did.two_by_two", options={"covariates": ["x"], "method": "dr"})
    found = estimate(panel, ask)
    assert abs(found.att - expected["att"]) <= 1e-9
    assert found.se is not None
    assert abs(found.se - expected["se"]) <= 1e-9
    assert abs(again(panel, ask).value - found.att) <= 1e-12


def test_regression_on_changes_gives_the_same_effect_and_hc0_error() -> None:
    """Without covariates the effect is the slope of the change on treatment, its error White's HC0."""
    frame = sim_stagg()
    kept = frame[frame["g"].isin([0, 6]) & frame["time"].isin([5, 6])]
    wide = kept.pivot_table(index=["unit", "g"], columns="time", values="y").reset_index()
    table = pd.DataFrame({"change": wide[6] - wide[5], "d": (wide["g"] > 0).astype(float)})
    fit = smf.ols("change ~ d", table).fit(cov_type="HC0")
    found = estimate(staggered(kept), Ask(method="did.two_by_two"))
    assert math.isclose(found.att, fit.params["d"], rel_tol=1e-12)
    assert found.se is not None
    assert math.isclose(found.se, fit.bse["d"], rel_tol=1e-12)


@pytest.mark.parametrize("covariates", [(), ("x",)])
@pytest.mark.parametrize("method", ["reg", "ipw", "dr"])
@pytest.mark.parametrize("base", ["last_pre", "mean_pre"])
def test_second_computation_agrees(base: str, method: str, covariates: tuple[str, ...]) -> None:
    frame = sim_stagg()
    panel = staggered(frame[frame["g"].isin([0, 6])], covariates=covariates)
    ask = Ask(method="did.two_by_two", options={"base": base, "method": method, "covariates": list(covariates)})
    found = estimate(panel, ask)
    assert found.se is not None
    assert abs(again(panel, ask).value - found.att) <= 1e-8 * max(abs(found.att), found.se)


def _peterborough(case: dict[str, Any]) -> pd.DataFrame:
    start = case["first_treated_cohort"]
    outcomes = {"peterborough": case["treated"], "national": case["comparison"]}
    return long({"peterborough": start, "national": 0}, outcomes)


def test_peterborough_published_figures(reference: Path) -> None:
    """(78 − 84) − (84 − 75) = −15; 78 − 84 − (81 − 71.5) = −15.5; −15 / (78 + 15) = −0.1613."""
    cases = tomllib.loads((reference / "replay_cases.toml").read_text("utf-8"))["case"]
    case = next(c for c in cases if c["id"] == "peterborough-public-did")
    panel = staggered(_peterborough(case))
    options = {"overlapping_windows": True}
    last = estimate(panel, Ask(method="did.two_by_two", options=options, scale="relative", direction="decrease"))
    mean = estimate(panel, Ask(method="did.two_by_two", options={**options, "base": "mean_pre"}))
    assert last.att == float(case["expected_att_last_pre"])
    assert mean.att == float(case["expected_att_mean_pre"])
    assert last.relative is not None
    assert round(last.relative.value, 4) == float(case["expected_relative_to_last_pre_counterfactual"])
    assert (last.se, last.absent) == (None, "ONE_UNIT_PER_ARM")
    assert "overlapping_windows" in last.notes
    assert [e.att for e in last.path] == [-1.0, 1.0, 2.0, 0.0, -15.0]
    assert [e.reference for e in last.path] == [False, False, False, True, False]
