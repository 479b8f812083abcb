"""did.imputation and did.two_stage: by hand, where cells cannot be reached, and what is refused."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
import pytest
from estimator_world import Ask, again, estimate, long, sim_stagg, staggered

import evaltool as ev
from evaltool.errors import RunError

METHODS = ("did.imputation", "did.two_stage")


def small() -> pd.DataFrame:
    """Two treated from 2 (changes 5, 7), three never (1, 2, 3): effect 6 − 2 = 4."""
    starts = {"a": 2, "b": 2, "c": 0, "d": 0, "e": 0}
    outcomes = {"a": [10.0, 15.0], "b": [12.0, 19.0], "c": [8.0, 9.0], "d": [9.0, 11.0], "e": [10.0, 13.0]}
    return long(starts, outcomes)


@pytest.mark.parametrize(
    ("method", "options", "treated"),
    [
        ("did.imputation", {}, (-1.0, 1.0)),
        ("did.imputation", {"variance": "leave_out"}, (-2.0, 2.0)),
        ("did.two_stage", {}, (-1.0, 1.0)),
    ],
)
def test_effect_and_standard_error_by_hand(
    method: str, options: Mapping[str, object], treated: tuple[float, float]
) -> None:
    """a_i = y_i1 and l_2 = 2. v: a, b ½ in period 2 (and −½ in 1); c, d, e −⅓ in 2.

    Residuals of c, d, e: ∓½ in the two periods, so that their unit sums are −⅓(½ − (−½))·(change − 2) = ⅓, 0, −⅓.
    Treated gaps 3 and 5: less their mean ∓1; less the other's ∓2.
    """
    found = estimate(staggered(small()), Ask(method, options))
    assert found.att == pytest.approx(4.0, abs=1e-13)
    parts = [0.5 * treated[0], 0.5 * treated[1], 1.0 / 3.0, 0.0, -1.0 / 3.0]
    assert found.se == pytest.approx(float(np.sqrt(np.square(parts).sum())), rel=1e-12)
    assert (found.observed, found.counterfactual, found.baseline) == (17.0, pytest.approx(13.0), 11.0)


@pytest.mark.parametrize("method", METHODS)
def test_rows_that_no_untreated_row_reaches_are_left_out_and_said(method: str) -> None:
    """Nobody is never treated: from period 8 on nobody is untreated."""
    frame = sim_stagg()
    late = staggered(frame[frame["g"] > 0])
    found = estimate(late, Ask(method))
    assert max(c.element for c in found.cells) == 7
    assert found.conventions["treated_rows_without_comparison"] == 450
    assert set(found.notes) >= {"periods_without_comparison", "no_never_treated_group"}
    assert abs(again(late, Ask(method)).value - found.att) <= 1e-10
    assert [e.element for e in found.path if e.reference] == [-1]


def test_singletons_are_used_or_left_out_as_stated() -> None:
    """The cohort that starts in 2 has one untreated period only."""
    frame = sim_stagg()
    early = frame.assign(g=frame["g"].replace(4, 2))
    keep = estimate(staggered(early), Ask("did.imputation"))
    drop = estimate(staggered(early), Ask("did.imputation", {"singletons": "drop"}))
    assert {c.group for c in keep.cells} == {2, 6, 8}
    assert {c.group for c in drop.cells} == {6, 8}
    assert (keep.conventions["untreated_rows_dropped"], drop.conventions["untreated_rows_dropped"]) == (0, 50)
    assert drop.counts.treated == 100
    ask = Ask("did.imputation", {"singletons": "drop"})
    assert abs(again(staggered(early), ask).value - drop.att) <= 1e-10


def test_anticipation_takes_rows_out_of_the_model_and_shows_them() -> None:
    found = estimate(staggered(sim_stagg()), Ask("did.imputation", {"anticipation": 2}))
    assert [e.element for e in found.path if e.reference] == [-3]
    assert {-2, -1, 0} <= {e.element for e in found.path}
    assert all(c.weight == 0.0 for c in found.cells if c.element < (c.group or 0))


def test_a_cohort_of_one_has_no_others() -> None:
    frame = sim_stagg()
    one = frame[(frame["g"] != 4) | (frame["unit"] == frame.loc[frame["g"] == 4, "unit"].iloc[0])]
    with pytest.raises(RunError) as caught:
        estimate(staggered(one), Ask("did.imputation", {"variance": "leave_out"}))
    assert caught.value.codes == ("RUN_COHORT_OF_ONE",)
    assert "single_unit_cohort" in estimate(staggered(one), Ask("did.imputation")).notes


@pytest.mark.parametrize("method", METHODS)
def test_refusals(method: str) -> None:
    panel = staggered(sim_stagg(), covariates=("x",))
    with pytest.raises(RunError) as caught:
        estimate(panel, Ask(method, {"covariates": ["x"]}))
    assert caught.value.codes == ("RUN_COLLINEAR",)
    assert "'x'" in str(caught.value)
    with pytest.raises(RunError) as caught:
        estimate(panel, Ask(method, {"covariates": ["income"]}))
    assert caught.value.codes == ("RUN_UNKNOWN_COVARIATE",)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("kind", ["simple", "dynamic", "group", "calendar"])
def test_the_direct_road_is_the_plans(method: str, kind: str) -> None:
    frame = sim_stagg()
    function = {"did.imputation": ev.did.imputation, "did.two_stage": ev.did.two_stage}[method]
    direct = function(frame, outcome="y", unit="unit", time="time", first_treated="g").aggregate(kind)  # type: ignore[operator]
    planned = estimate(staggered(frame), Ask(method, aggregation=kind))  # type: ignore[arg-type]
    assert (direct.att, direct.se) == (planned.att, planned.se)
