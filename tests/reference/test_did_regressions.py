"""did.twfe, did.event_study and did.sun_abraham against R fixest: coefficients, standard errors, degrees of freedom.

Tolerance 1e-8 relative for one coefficient under every choice of covariance; 1e-7 for sunab (fixest partials out by
iteration to 1e-6). Ours agree to about 1e-14 on these data.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from estimator_world import Ask, again, estimate, staggered

from evaltool.numerics.effects_regression import Clustering, Columns, covariance_of, least_squares
from evaltool.numerics.small_sample import SmallSample
from evaltool.numerics.two_way import two_way
from evaltool.records.panel import Panel

ONE, SUNAB = 1e-8, 1e-7
NO, FULL, NONE = SmallSample(k_adj=False, g_adj=False), SmallSample(k_fixef="full"), SmallSample(k_fixef="none")
CHOICES: dict[str, tuple[Mapping[str, object], str | None]] = {
    "fixest_twfe_iid": ({"se": "iid"}, None),
    "fixest_twfe_hc1": ({"se": "hc1"}, None),
    "fixest_twfe_cl_unit": ({}, None),
    "fixest_twfe_cl_cl": ({}, "cl"),
    "fixest_twfe_twoway_unit_time": ({"se": "two_way"}, None),
    "fixest_twfe_cl_unit_nossc": ({"k_adj": False, "g_adj": False}, None),
    "fixest_twfe_cl_unit_full": ({"k_fixef": "full"}, None),
    "fixest_twfe_cl_unit_nonnested": ({"k_fixef": "nonnested"}, None),
    "fixest_twfe_cl_unit_none": ({"k_fixef": "none"}, None),
}


@pytest.fixture(scope="module")
def fixest(reference: Path) -> dict[str, Any]:
    return {e["id"]: e["results"] for e in json.loads((reference / "numbers" / "fixest.json").read_text("utf-8"))}


@pytest.fixture(scope="module")
def mpdta(reference: Path) -> Panel:
    names = {"countyreal": "unit", "year": "time", "lemp": "y", "first.treat": "g"}
    return staggered(pd.read_csv(reference / "data" / "mpdta.csv").rename(columns=names))


def two_by_two(reference: Path) -> pd.DataFrame:
    frame = pd.read_csv(reference / "data" / "sim_2x2.csv")
    start = frame["time"].where(frame["d"] == 1).groupby(frame["unit"]).transform("min").fillna(0).astype(int)
    return frame.assign(g=start)


def close(found: float | None, expected: float, tolerance: float) -> bool:
    assert found is not None
    return abs(found - expected) <= tolerance * abs(expected)


@pytest.mark.parametrize("name", CHOICES)
def test_twfe_under_every_choice_of_covariance(name: str, fixest: dict[str, Any], reference: Path) -> None:
    options, cluster = CHOICES[name]
    panel = staggered(two_by_two(reference), cluster=cluster)
    found = estimate(panel, Ask("did.twfe", options, aggregation="none", cluster=cluster))
    expected = fixest[name]
    assert close(found.att, expected["coef"]["d"], ONE)
    assert close(found.se, expected["se"]["d"], ONE)
    assert close(found.p_value, expected["p"]["d"], 1e-6)
    assert found.interval is not None
    assert (found.interval.lower, found.interval.upper) == pytest.approx(tuple(expected["ci95"]["d"]), rel=ONE)
    assert found.df == expected["df_t"]
    assert found.conventions["parameters"] == expected["df_k"]


def test_weights_that_differ_within_units(fixest: dict[str, Any], reference: Path) -> None:
    """A panel holds one weight per unit; the numerics take any, by direct solution instead of the closed form."""
    frame = pd.read_csv(reference / "data" / "sim_2x2.csv")
    unit, period = (pd.factorize(frame[c], sort=True)[0].astype(np.int64) for c in ("unit", "time"))
    weights, x = frame["wt"].to_numpy(dtype=float), frame[["d"]].to_numpy(dtype=float)
    effects = two_way(unit, period, weights, (60, 8))
    assert not effects.balanced
    columns = Columns(x, effects.residual(x), ("d",))
    fit = least_squares(columns, effects.residual(frame["y"].to_numpy(dtype=float)), weights)
    found = covariance_of(fit, Clustering("cluster", unit, unit, (unit, period), effects.rank), SmallSample())
    expected = fixest["fixest_twfe_wls_cl"]
    assert close(float(fit.coefficients[0]), expected["coef"]["d"], ONE)
    assert close(float(found.matrix[0, 0]) ** 0.5, expected["se"]["d"], ONE)


def test_twfe_on_county_employment(fixest: dict[str, Any], mpdta: Panel) -> None:
    ask = Ask("did.twfe", aggregation="none")
    found, expected = estimate(mpdta, ask), fixest["twfe_mpdta"]
    assert close(found.att, expected["coef"]["w"], ONE)
    assert close(found.se, expected["se"]["w"], ONE)
    assert (found.df, found.conventions["parameters"]) == (expected["df_t"], expected["df_k"])
    assert abs(again(mpdta, ask).value - found.att) <= 1e-12
    assert "weights_may_be_negative" in found.notes


def test_sun_abraham_is_sunab(fixest: dict[str, Any], mpdta: Panel) -> None:
    found, expected = estimate(mpdta, Ask("did.sun_abraham")), fixest["sunab_mpdta"]
    assert abs(found.att - expected["att"]) <= SUNAB * abs(expected["att"])
    assert close(found.se, expected["att_se"], SUNAB)
    path = {e.element: e for e in found.path}
    for term, effect, se in zip(expected["term"], expected["est"], expected["se"], strict=True):
        element = path[int(term.split("::")[1])]
        assert abs(element.att - effect) <= SUNAB * abs(effect)
        assert close(element.se, se, SUNAB)


@pytest.mark.parametrize("kind", ["simple", "dynamic", "group", "calendar"])
@pytest.mark.parametrize("method", ["did.sun_abraham", "did.event_study"])
def test_the_second_computation_agrees(method: str, kind: str, mpdta: Panel) -> None:
    if method == "did.event_study" and kind in {"group", "calendar"}:
        kind = "dynamic"
    ask = Ask(method, aggregation=kind)  # type: ignore[arg-type]
    found = estimate(mpdta, ask)
    assert abs(again(mpdta, ask).value - found.att) <= 1e-10 * abs(found.att)
