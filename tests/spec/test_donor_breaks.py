"""Breaks before the start and donors that may serve only for a time: by hand, on both roads, refused or counted."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from gate_world import ask, can
from matched_worlds import asked, built, panel_of
from pydantic import ValidationError
from test_gates_synthetic import control

import evaltool as ev
from evaltool import registry
from evaltool.designs.donors.pool import PLUGIN as POOL
from evaltool.designs.donors.pool import PoolOptions
from evaltool.errors import RunError
from evaltool.gates import break_before
from evaltool.numerics.pre_break import break_rank, cusum
from evaltool.records.estimate import Estimate
from evaltool.records.gate import GateResult
from evaltool.records.panel import Panel

METHODS = ("synthetic_control", "augmented", "penalised", "interactive_effects", "matrix_completion")


def world(units: int = 8, periods: int = 14, shift: float = 0.0) -> pd.DataFrame:
    """Unit u0 starts in 2010; its outcomes from 2005 on are higher by ``shift``."""
    r = np.random.default_rng(7)
    rows = [(f"u{k}", 2000 + t, 10.0 + k + r.normal()) for k in range(units) for t in range(periods)]
    data = pd.DataFrame(rows, columns=["unit", "period", "y"])
    late = (data["unit"] == "u0") & (data["period"] >= 2005)
    return data.assign(y=data["y"] + shift * late)


def panel(data: pd.DataFrame) -> Panel:
    start = np.where(data["unit"] == "u0", 2010.0, np.inf)
    return panel_of(data.rename(columns={"y": "y.y"}).assign(weight=1.0, first_treated=start))


def by_plan(data: pd.DataFrame, method: str, design: dict[str, object] | None = None, **options: object) -> Estimate:
    plugin, rows = registry.estimator(f"counterfactual.{method}"), panel(data)
    settled = built(POOL, PoolOptions.model_validate(design or {}), rows)
    return plugin.estimate(asked(plugin.options.model_validate(options), settled, rows))


def gate(**conventions: object) -> GateResult:
    capabilities = can(family="counterfactual", designs=("donors.pool",), path=False, standard_error="never")
    return ask("break_before", capabilities=capabilities, headline=control(**conventions))  # type: ignore[arg-type]


def test_the_cumulated_deviation_by_hand() -> None:
    """0, 0, 3, 3: deviations ∓1.5 cumulate to 3 after two; Σ² = 9, so 3 / 3 = 1. Flat gaps have none."""
    assert cusum(np.array([0.0, 0.0, 3.0, 3.0])) == (1.0, 2)
    assert cusum(np.ones(4)) == (0.0, 1)
    moved = cusum(5.0 - 2.0 * np.array([0.0, 0.0, 3.0, 3.0]))
    assert moved == pytest.approx((1.0, 2))
    others = (np.array([0.0, 3.0, 0.0, 3.0]), np.array([0.0, 0.0, 1.0, 1.0]))
    rank = break_rank(np.array([0.0, 0.0, 3.0, 3.0]), others)
    assert (rank.place, rank.units) == (2, 3), "a tie counts against the treated unit"


def test_a_break_is_found_where_it_is_and_ranks_first() -> None:
    said = by_plan(world(22, shift=9.0), "interactive_effects", factors=0).conventions
    assert said["break_period"] == "2005"
    assert (said["break_place"], said["break_units"], said["break_p"]) == (1, 22, 1 / 22)
    assert float(by_plan(world(22), "interactive_effects", factors=0).conventions["break_p"] or 0.0) > 0.05


@pytest.mark.parametrize(
    ("place", "units", "verdict"), [(1, 22, "REVIEW"), (2, 22, "PASS"), (1, 20, "REVIEW"), (1, 19, "CANNOT_TELL")]
)
def test_the_gate_reviews_from_a_twentieth_down(place: int, units: int, verdict: str) -> None:
    found = gate(break_place=place, break_units=units, break_period="2005")
    assert found.verdict == verdict
    assert found.reason == (None if verdict == "PASS" else "STRUCTURAL_BREAK")


def test_without_figures_the_gate_cannot_tell() -> None:
    assert gate().verdict == "CANNOT_TELL"
    assert break_before.PLUGIN.consequence == "review"


@pytest.mark.parametrize("method", METHODS)
def test_a_known_break_is_refused_on_both_roads(method: str) -> None:
    """In the time that is fitted; in the first period, or from the start on, it harms nothing."""
    with pytest.raises(RunError, match="RUN_BREAK_BEFORE_START"):
        by_plan(world(), method, breaks=(2005,))
    call = getattr(ev.counterfactual, method)
    who = {"outcome": "y", "unit": "unit", "time": "period", "treated": "u0", "start": 2010, "level": 0.8}
    with pytest.raises(ev.errors.RunError, match="RUN_BREAK_BEFORE_START"):
        call(world(), **who, breaks=[2005])
    with pytest.raises(ev.errors.RunError, match="No period is called 1990"):
        call(world(), **who, breaks=[1990])


def test_a_break_that_harms_nothing_changes_nothing() -> None:
    plain = by_plan(world(), "synthetic_control")
    assert by_plan(world(), "synthetic_control", breaks=(2000, "2011")).att == plain.att
    with pytest.raises(RunError, match="RUN_BREAK_BEFORE_START"):
        by_plan(world(), "synthetic_control", breaks=(2009,))
    assert by_plan(world(), "synthetic_control", breaks=(2009,), anticipation=1).att is not None


VALID = [
    ({"valid_until": 2011, "reason": "a programme of its own from 2012 on"}, True),
    ({"valid_from": "2001", "reason": "measured anew in 2001"}, True),
    ({"valid_from": 2000, "valid_until": 2013, "reason": "throughout"}, False),
]


@pytest.mark.parametrize(("dates", "left_out"), VALID)
def test_a_donor_serves_only_where_it_is_valid_throughout(dates: dict[str, object], *, left_out: bool) -> None:
    settled = built(POOL, PoolOptions.model_validate({"validity": ({"unit": "u3", **dates},)}), panel(world()))
    assert settled.summary.donors is not None
    assert settled.summary.donors.donors == (6 if left_out else 7)
    entries = settled.ledger.entries
    assert [entry.members for entry in entries] == ([("u3",)] if left_out else [])
    assert not left_out or str(dates["reason"]) in str(entries[0].detail)
    who = {"outcome": "y", "unit": "unit", "time": "period", "treated": "u0", "start": 2010, "level": 0.8}
    direct = ev.counterfactual.synthetic_control(world(), **who, validity=[{"unit": "u3", **dates}])
    assert ("u3" in direct.weights.index) is not left_out


BAD = [
    ([{"unit": "u3", "valid_until": 1990, "reason": "r"}], "RUN_UNKNOWN_PERIOD"),
    ([{"unit": "u0", "valid_until": 2011, "reason": "r"}], "RUN_TREATED_DONOR"),
    ([{"unit": "u99", "valid_until": 2011, "reason": "r"}], "RUN_UNKNOWN_DONOR"),
]


@pytest.mark.parametrize(("validity", "code"), BAD)
def test_validity_that_cannot_be_is_refused(validity: list[dict[str, object]], code: str) -> None:
    with pytest.raises(RunError, match=code):
        built(POOL, PoolOptions.model_validate({"validity": tuple(validity)}), panel(world()))


def test_a_validity_needs_an_end_and_is_stated_once() -> None:
    with pytest.raises(ValidationError, match="neither"):
        PoolOptions.model_validate({"validity": ({"unit": "u3", "reason": "r"},)})
    twice = ({"unit": "u3", "valid_until": 2011, "reason": "r"},) * 2
    with pytest.raises(ValidationError, match="twice"):
        PoolOptions.model_validate({"validity": twice})
