"""Proposition 99, outcomes only: weights to twelve digits, effect, fit and rank among exhaustive placebos."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matched_worlds import asked, built, panel_of

from evaltool.designs.donors.pool import PLUGIN as POOL
from evaltool.designs.donors.pool import PoolOptions
from evaltool.estimators.counterfactual.synthetic_control import PLUGIN as CONTROL
from evaltool.estimators.counterfactual.synthetic_control import SyntheticControlOptions
from evaltool.records.estimate import Estimate
from evaltool.records.panel import Panel

WEIGHTS = {
    "Colorado": 0.014810771852,
    "Connecticut": 0.109089624660,
    "Montana": 0.231839950593,
    "Nevada": 0.204922583496,
    "New Hampshire": 0.045429046411,
    "Utah": 0.393908022988,
}


def prop99(reference: Path, order: np.ndarray | None = None) -> Panel:
    d = pd.read_csv(reference / "data" / "california_prop99.csv")
    frame = pd.DataFrame(
        {
            "unit": d["State"],
            "period": d["Year"],
            "first_treated": np.where(d["State"] == "California", 1989.0, np.inf),
            "weight": 1.0,
            "y.y": d["PacksPerCapita"],
        }
    )
    return panel_of(frame if order is None else frame.iloc[order])


def effect(panel: Panel, **options: object) -> Estimate:
    design = built(POOL, PoolOptions(), panel)
    return CONTROL.estimate(asked(SyntheticControlOptions(**options), design, panel))


@pytest.fixture(scope="module")
def california(reference: Path) -> Estimate:
    return effect(prop99(reference), placebo_periods=5)


def test_weights_and_effect(california: Estimate) -> None:
    weights = california.certificate["donor_weights"]
    assert isinstance(weights, dict)
    assert weights.keys() == WEIGHTS.keys()
    for state, wanted in WEIGHTS.items():
        assert weights[state] == pytest.approx(wanted, abs=1e-11)
    assert california.att == pytest.approx(-19.513629768, abs=5e-10)
    assert california.conventions["weights_unique"] is True
    assert california.conventions["relative_duality_gap"] < 1e-14


def test_no_standard_error_is_invented(california: Estimate) -> None:
    assert california.se is None
    assert california.absent == "SYNTHETIC_CONTROL"
    assert california.interval is None
    assert california.p_value is None


def test_fit_and_rank(california: Estimate) -> None:
    said = california.conventions
    assert said["rmspe_before_over_sd"] == pytest.approx(0.1418, abs=5e-5)
    assert (said["permutation_place"], said["permutation_units"]) == (3, 39)
    assert said["permutation_p"] == 3 / 39
    placebos = california.certificate["placebos"]
    assert isinstance(placebos, list)
    assert len(placebos) == 38


def test_enumerated_placebo_spread_is_the_published_one(california: Estimate) -> None:
    """All 38 placebo effects, divisor N: 10.633046 (pools without California, each over the same periods)."""
    placebos = california.certificate["placebos"]
    effects = np.array([p["effect"] for p in placebos])
    assert float(np.sqrt(np.mean((effects - effects.mean()) ** 2))) == pytest.approx(10.633046, abs=1e-6)


def test_leave_one_out_and_the_earlier_start(california: Estimate) -> None:
    said = california.conventions
    without = california.certificate["leave_one_out"]
    assert {row["without"] for row in without} == set(WEIGHTS)
    assert said["leave_one_out_lower"] <= california.att <= said["leave_one_out_upper"] < 0.0
    assert said["placebo_in_time_start"] == 1984
    assert abs(said["placebo_in_time_effect"]) < 0.25 * abs(california.att)


def test_other_programs_stop_near_by(reference: Path, california: Estimate) -> None:
    """Synth and synthdid stop above the optimum: their gaps are close, not equal."""
    table = {e["id"]: e["results"] for e in json.loads((reference / "numbers" / "synthetic.json").read_text())}
    gap = np.array(table["synth_prop99_outcomes_only_v_equal"]["gap"])
    ours = np.array([element.att for element in california.path])
    assert float(np.max(np.abs(gap - ours))) < 1.0
    assert california.att == pytest.approx(table["sdid_prop99_sc"]["est"], abs=0.2)
    assert float(np.sum(ours[:19] ** 2)) <= float(np.sum(gap[:19] ** 2))


def test_the_two_algorithms_agree(reference: Path) -> None:
    panel = prop99(reference)
    request = asked(SyntheticControlOptions(), built(POOL, PoolOptions(), panel), panel)
    assert CONTROL.second_opinion is not None
    assert CONTROL.second_opinion(request).value == pytest.approx(CONTROL.estimate(request).att, abs=1e-10)


def test_rows_in_any_order_give_the_same_bytes(reference: Path, california: Estimate) -> None:
    for seed in range(3):
        panel = prop99(reference, np.random.default_rng(seed).permutation(39 * 31))
        assert effect(panel, placebo_periods=5).to_json() == california.to_json()
