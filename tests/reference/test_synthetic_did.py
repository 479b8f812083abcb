"""Synthetic difference-in-differences against R synthdid, exactly and where R's solver stops; every placebo."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import evaltool as ev
from evaltool.did import DirectEstimate
from evaltool.numerics.frank_wolfe import Schedule, frank_wolfe_weights
from evaltool.numerics.simplex_control import Windows
from evaltool.numerics.synthetic_did import Rules, penalties_of, synthetic_did

BEFORE = np.arange(31) < 19
WINDOWS = Windows(before=BEFORE, after=~BEFORE)


def entry(reference: Path, name: str) -> dict[str, object]:
    entries = json.loads((reference / "numbers" / "synthetic.json").read_text(encoding="utf-8"))
    found: dict[str, object] = next(e for e in entries if e["id"] == name)["results"]
    return found


def states(reference: Path) -> tuple[np.ndarray, np.ndarray]:
    """(38, 31) donors and (31,) California."""
    frame = pd.read_csv(reference / "data" / "california_prop99.csv")
    wide = frame.pivot_table(index="State", columns="Year", values="PacksPerCapita")
    return wide.drop("California").to_numpy(), wide.loc["California"].to_numpy()


def california(reference: Path, **options: object) -> DirectEstimate:
    frame = pd.read_csv(reference / "data" / "california_prop99.csv")
    frame["start"] = np.where(frame["State"] == "California", 1989, 0)
    columns = {"outcome": "PacksPerCapita", "unit": "State", "time": "Year", "first_treated": "start"}
    return ev.did.synthetic(frame, **columns, **options)  # type: ignore[arg-type]


def simulated(reference: Path, **options: object) -> DirectEstimate:
    frame = pd.read_csv(reference / "data" / "sdid_sim.csv")
    frame["start"] = np.where(frame["unit"] > "u32", 17, 0)
    columns = {"outcome": "y", "unit": "unit", "time": "time", "first_treated": "start"}
    return ev.did.synthetic(frame, **columns, **options)  # type: ignore[arg-type]


def test_proposition_99_exactly_with_every_placebo(reference: Path) -> None:
    found = california(reference)
    assert found.att == pytest.approx(-15.605397916, abs=5e-10)
    assert found.se == pytest.approx(9.371180, abs=5e-7)
    assert found.conventions["placebos"] == 38
    assert found.conventions["relative_duality_gap"] < 1e-14


def test_plain_difference_in_differences_with_every_placebo(reference: Path) -> None:
    found = california(reference, unit_weights="equal", time_weights="equal")
    assert found.att == pytest.approx(entry(reference, "sdid_prop99_did")["est"], abs=1e-10)
    assert found.se == pytest.approx(17.286800, abs=5e-7)


def test_frank_wolfe_stops_where_r_stops(reference: Path) -> None:
    wanted = entry(reference, "sdid_prop99_synthdid")
    donors, own = states(reference)
    penalties = penalties_of(donors, WINDOWS, 1)
    assert (penalties.units, penalties.periods) == pytest.approx((wanted["zeta_omega"], wanted["zeta_lambda"]))
    found = synthetic_did(donors, own, WINDOWS, penalties, Rules("frank_wolfe"))
    assert found.effect == pytest.approx(wanted["est"], abs=1e-9)
    assert found.units == pytest.approx([row["w"] for row in wanted["omega"]], abs=1e-9)  # type: ignore[attr-defined]
    assert found.periods == pytest.approx([row["w"] for row in wanted["lambda"]], abs=1e-9)  # type: ignore[attr-defined]
    assert found.gap[19:] == pytest.approx(wanted["effect_curve"], abs=1e-9)


def test_frank_wolfe_placebos(reference: Path) -> None:
    """Every donor in turn, the ridge held: 9.370917 for the method, 10.619546 for the synthetic control."""
    donors, own = states(reference)
    penalties = penalties_of(donors, WINDOWS, 1)
    schedule = Schedule(19 * penalties.periods**2, (1e-5 * penalties.noise) ** 2)

    def control(pool: np.ndarray, target: np.ndarray) -> float:
        weights = frank_wolfe_weights(pool[:, :19].T, target[:19], schedule)
        return float(np.mean((target - weights @ pool)[19:]))

    assert control(donors, own) == pytest.approx(entry(reference, "sdid_prop99_sc")["est"], abs=1e-9)
    pools = [(np.delete(donors, j, axis=0), donors[j]) for j in range(38)]
    both = [synthetic_did(pool, one, WINDOWS, penalties, Rules("frank_wolfe")).effect for pool, one in pools]
    assert np.std(both) == pytest.approx(9.370917, abs=5e-7)
    assert np.std([control(pool, one) for pool, one in pools]) == pytest.approx(10.619546, abs=5e-7)


def test_several_treated_units_and_the_jackknife(reference: Path) -> None:
    wanted = entry(reference, "sdid_sim_multi")
    found = simulated(reference, solver="frank_wolfe", se="jackknife")
    assert found.att == pytest.approx(wanted["est"], abs=1e-9)
    assert found.se == pytest.approx(wanted["jackknife_se"], abs=1e-9)
    assert [e.att for e in found.path if e.element >= 0] == pytest.approx(wanted["effect_curve"], abs=1e-9)
    plain = simulated(reference, unit_weights="equal", time_weights="equal", se="jackknife")
    assert (plain.att, plain.se) == pytest.approx((wanted["did"], wanted["did_jackknife_se"]), abs=1e-9)


def test_the_exact_solver_has_the_lower_loss(reference: Path) -> None:
    exact, r = simulated(reference, se="jackknife"), simulated(reference, solver="frank_wolfe", se="jackknife")
    assert exact.att == pytest.approx(r.att, abs=1e-3)
    assert "weights_not_optimal" in r.notes
    assert exact.conventions["relative_duality_gap"] < 1e-14 < r.conventions["relative_duality_gap"]
