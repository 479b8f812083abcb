"""Synthetic control worked by hand: weights, gaps, rank, leave-one-out, placebos; optimality; refusals; plan road."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matched_plans import CONTROL
from matched_worlds import asked, built, panel_of
from pydantic import ValidationError

from evaltool.designs.donors.pool import PLUGIN as POOL
from evaltool.designs.donors.pool import PoolOptions
from evaltool.errors import RunError
from evaltool.estimators.counterfactual.synthetic_control import PLUGIN, SyntheticControlOptions
from evaltool.numerics.simplex import simplex_least_squares
from evaltool.numerics.simplex_control import Control, Windows, fit_control, rank_of
from evaltool.numerics.simplex_wolfe import nearest_point_weights
from evaltool.pipeline.corridor import evaluate
from evaltool.pipeline.design_lock import lock_design
from evaltool.reading.blind_panel import read_blind_panel
from evaltool.reading.design_lock import write_design_lock
from evaltool.reading.lock_file import write_lock
from evaltool.reading.panel_file import read_panel
from evaltool.reading.plan_file import read_plan
from evaltool.records.estimate import Estimate
from evaltool.records.panel import Panel
from evaltool.records.plan.analysis import Estimand, Inference
from evaltool.records.plugins import DesignRequest


def long(series: dict[str, list[float]], starts: dict[str, float]) -> pd.DataFrame:
    """Periods 1, 2, … of every unit."""
    return pd.DataFrame(
        [
            {"unit": unit, "period": t, "first_treated": starts.get(unit, np.inf), "weight": 1.0, "y.y": value}
            for unit, values in series.items()
            for t, value in enumerate(values, start=1)
        ]
    )


HALVES = {
    # before the start (4) the treated is exactly half of A and half of B; afterwards 2 more
    "T": [2.0, 4.0, 3.0, 7.0, 8.0],
    "A": [1.0, 5.0, 2.0, 4.0, 6.0],
    "B": [3.0, 3.0, 4.0, 6.0, 6.0],
    "C": [9.0, 9.0, 0.0, 9.0, 9.0],
}


def panel(series: dict[str, list[float]] | None = None, starts: dict[str, float] | None = None) -> Panel:
    return panel_of(long(series or HALVES, starts or {"T": 4.0}))


def effect(data: Panel, pool: PoolOptions | None = None, **options: object) -> Estimate:
    design = built(POOL, pool or PoolOptions(), data)
    return PLUGIN.estimate(asked(SyntheticControlOptions(**options), design, data))


def test_the_effect_by_hand() -> None:
    """Counterfactuals (4 + 6)/2 = 5 and (6 + 6)/2 = 6; gaps 2 and 2."""
    found = effect(panel())
    assert found.att == pytest.approx(2.0, abs=1e-12)
    assert found.certificate["donor_weights"] == pytest.approx({"A": 0.5, "B": 0.5})
    assert [round(e.att, 10) + 0.0 for e in found.path] == [0, 0, 0, 2, 2]
    assert [e.element for e in found.path] == [-3, -2, -1, 0, 1]
    assert (found.observed, found.baseline) == (7.5, 3.0)
    assert found.counterfactual == pytest.approx(5.5)
    assert found.conventions["rmspe_before"] == pytest.approx(0.0, abs=1e-12)
    assert found.conventions["permutation_units"] == 4
    assert found.conventions["permutation_p"] == 0.25


def test_series_name_the_treated_by_its_start_and_the_synthetic_as_comparison() -> None:
    found = effect(panel())
    assert {point.arm for point in found.series} == {"4", "comparison"}
    treated = [p.mean for p in found.series if p.arm == "4"]
    synthetic = [p.mean for p in found.series if p.arm == "comparison"]
    assert treated == HALVES["T"]
    assert synthetic == pytest.approx([2, 4, 3, 5, 6])


def test_leave_one_out_by_hand() -> None:
    """Without A: B and C remain; the best share of C is at the minimum of ‖(1,−1,1) + c·(6,6,−4)‖²: c = 4/88.

    (1·6 − 1·6 − 1·4) = −4 → c = 4/88 = 1/22; counterfactuals 6 + 3/22 and 6 + 3/22; gaps (7 + 8)/2 − 6 − 3/22.
    """
    rows = {row["without"]: row for row in effect(panel()).certificate["leave_one_out"]}
    assert rows.keys() == {"A", "B"}
    assert rows["A"]["effect"] == pytest.approx(7.5 - 6 - 3 / 22, abs=1e-12)


def test_placebos_never_use_the_treated_unit() -> None:
    """Whatever the treated unit did, the donors' placebos stay the same."""
    base = effect(panel()).certificate["placebos"]
    moved = effect(panel(HALVES | {"T": [2.0, 4.0, 3.0, 70.0, -80.0]})).certificate["placebos"]
    assert base == moved
    assert {row["unit"] for row in base} == {"A", "B", "C"}


def control(before: float, after: float) -> Control:
    """A fit with these errors."""
    fitted = fit_control(
        np.array([1.0, 2.0]), np.array([[1.0], [2.0]]), Windows(np.array([True, False]), np.array([False, True]))
    )
    return Control(fitted.solution, fitted.path, fitted.gap, 0.0, before, after)


@pytest.mark.parametrize(
    ("own", "others", "place"),
    [
        ((1.0, 5.0), [(1.0, 4.0), (2.0, 8.0)], 1),
        ((1.0, 5.0), [(1.0, 6.0), (2.0, 8.0)], 2),
        ((1.0, 5.0), [(2.0, 10.0), (1.0, 1.0)], 2),  # a tie counts against the treated unit
        ((0.0, 5.0), [(1.0, 100.0)], 1),  # a perfect fit before is the largest ratio there is
        ((1.0, 5.0), [(0.0, 0.1)], 2),
        ((0.0, 5.0), [(0.0, 0.1)], 2),  # both perfect: no telling, counts against
    ],
)
def test_the_rank(own: tuple[float, float], others: list[tuple[float, float]], place: int) -> None:
    found = rank_of(control(*own), tuple(control(*other) for other in others))
    assert (found.place, found.units) == (place, 1 + len(others))
    assert found.p_value == place / (1 + len(others))


def test_anticipation_periods_are_neither_fitted_nor_counted() -> None:
    """With one period of anticipation period 3 is left out; changing it for the treated changes nothing."""
    base, moved = HALVES, HALVES | {"T": [2.0, 4.0, 99.0, 7.0, 8.0]}
    first, second = effect(panel(base), anticipation=1), effect(panel(moved), anticipation=1)
    assert first.att == second.att
    assert first.conventions["periods_fitted"] == 2


def test_an_earlier_start_uses_no_later_outcome() -> None:
    series = {name: [*values[:3], *values] for name, values in HALVES.items()}
    first = effect(panel(series, {"T": 7.0}), placebo_periods=2)
    wild = series | {"T": [*series["T"][:6], 1e6, -1e6]}
    second = effect(panel(wild, {"T": 7.0}), placebo_periods=2)
    assert first.certificate["placebo_in_time"] == second.certificate["placebo_in_time"]
    assert first.conventions["placebo_in_time_start"] == 5
    assert first.conventions["placebo_in_time_effect"] == pytest.approx(0.0, abs=1e-12)


def test_relative_effects() -> None:
    data = panel()
    design = built(POOL, PoolOptions(), data)
    for denominator, value in (("counterfactual", 2 / 5.5), ("baseline", 2 / 3)):
        wanted = Estimand(outcome="y", scale="relative", denominator=denominator)
        found = PLUGIN.estimate(asked(SyntheticControlOptions(), design, data, estimand=wanted))
        assert found.relative is not None
        assert found.relative.value == pytest.approx(value)
        assert (found.relative.se, found.relative.interval, found.relative.p_value) == (None, None, None)
    negative = panel({name: [v - 50 for v in values] for name, values in HALVES.items()})
    with pytest.raises(RunError) as caught:
        PLUGIN.estimate(asked(SyntheticControlOptions(), design, negative, estimand=wanted))
    assert caught.value.codes == ("RUN_ZERO_DENOMINATOR",)


def test_what_a_reader_must_be_told() -> None:
    assert "permutation_too_coarse" in effect(panel()).notes
    twins = HALVES | {"A2": HALVES["A"]}
    found = effect(panel(twins))
    assert "weights_not_unique" in found.notes
    assert found.certificate["donor_weights"] == pytest.approx({"A": 0.25, "A2": 0.25, "B": 0.5})


def test_excluded_donors_are_counted_and_take_no_part() -> None:
    data = panel(HALVES | {"D": HALVES["T"]})
    design = built(POOL, PoolOptions(exclude=("D",)), data)
    assert design.ledger.count("unit", "comparison") == 1
    assert design.summary.donors is not None
    assert (design.summary.donors.donors, design.summary.donors.excluded) == (3, 1)
    found = effect(data, PoolOptions(exclude=("D",)))
    assert found.att == pytest.approx(2.0, abs=1e-12)
    assert effect(data, PoolOptions(donors=("A", "B", "C"))).certificate == found.certificate


def test_a_pool_handed_real_outcomes_cannot_see_them() -> None:
    data = panel()
    blind = built(POOL, PoolOptions(), data)
    handed = POOL.build(DesignRequest(plan=None, options=PoolOptions(), panel=data))  # type: ignore[arg-type]
    none = POOL.build(
        DesignRequest(plan=None, options=PoolOptions(), panel=data.with_frame(data.frame.drop(columns="y.y")))  # type: ignore[arg-type]
    )
    assert handed.summary == blind.summary == none.summary


REFUSED = [
    (HALVES, {"T": 4.0, "A": 5.0}, {}, "RUN_ONE_TREATED_UNIT"),
    (HALVES, {"T": 9.0}, {}, "RUN_NOBODY_TREATED"),
    ({"T": HALVES["T"], "A": HALVES["A"]}, {"T": 4.0}, {}, "RUN_TOO_FEW_DONORS"),
    (HALVES, {"T": 2.0}, {}, "RUN_SHORT_HISTORY"),
    (HALVES | {"A": HALVES["A"][:4]}, {"T": 4.0}, {}, "RUN_UNBALANCED_PANEL"),
    (HALVES, {"T": 4.0}, {"exclude": ("Z",)}, "RUN_UNKNOWN_DONOR"),
    (HALVES, {"T": 4.0}, {"donors": ("A", "Bb")}, "RUN_UNKNOWN_DONOR"),
]


@pytest.mark.parametrize(("series", "starts", "options", "code"), REFUSED)
def test_a_bad_pool_is_refused(
    series: dict[str, list[float]], starts: dict[str, float], options: dict[str, object], code: str
) -> None:
    with pytest.raises(RunError) as caught:
        built(POOL, PoolOptions(**options), panel(series, starts))
    assert code in caught.value.codes


def test_a_pool_without_time_or_with_a_contradiction_is_refused() -> None:
    data = panel()
    with pytest.raises(RunError) as caught:
        built(POOL, PoolOptions(), data.with_frame(data.frame.drop(columns="period")))
    assert caught.value.codes == ("RUN_NEEDS_DATA",)
    with pytest.raises(ValidationError, match="named as donor and excluded: A"):
        PoolOptions(donors=("A", "B"), exclude=("A",))


def test_what_a_synthetic_control_cannot_answer_is_refused_all_at_once() -> None:
    data = panel()
    design = built(POOL, PoolOptions(), data)
    request = asked(
        SyntheticControlOptions(),
        design,
        data,
        estimand=Estimand(outcome="y", target="ATE"),
        inference=Inference(cluster="town"),
    )
    with pytest.raises(RunError) as caught:
        PLUGIN.estimate(request)
    assert caught.value.codes == ("RUN_NOT_BY_SYNTHETIC_CONTROL",) * 2
    with pytest.raises(RunError) as caught:
        PLUGIN.estimate(asked(SyntheticControlOptions(), design, data.blinded()))
    assert caught.value.codes == ("RUN_NEEDS_DATA",)
    for options in ({"anticipation": 2}, {"placebo_periods": 2}):
        with pytest.raises(RunError) as caught:
            PLUGIN.estimate(asked(SyntheticControlOptions(**options), design, data))
        assert caught.value.codes == ("RUN_SHORT_HISTORY",)


def test_donors_equal_to_the_treated_share_evenly() -> None:
    found = simplex_least_squares(np.zeros((3, 4)))
    assert found.weights.tolist() == [0.25] * 4
    assert simplex_least_squares(np.array([[2.0], [1.0]])).weights.tolist() == [1.0]


def test_the_smallest_weights_are_chosen_among_equals() -> None:
    """A square around the target: every pair of opposite corners fits; all four evenly is the smallest."""
    corners = np.array([[1.0, 1.0, -1.0, -1.0], [1.0, -1.0, 1.0, -1.0]])
    found = simplex_least_squares(corners)
    assert found.weights == pytest.approx([0.25] * 4, abs=1e-14)
    assert not found.unique
    # with a far fifth corner the four stay smallest only if it carries its part: min Σw² with C w = 0
    wider = np.column_stack([corners, [3.0, 0.0]])
    weights = simplex_least_squares(wider).weights
    assert wider @ weights == pytest.approx([0, 0], abs=1e-13)
    null = np.linalg.svd(np.vstack([wider, np.ones(5)]))[2][3:]
    assert null @ weights == pytest.approx(np.zeros(2), abs=1e-13)
    assert nearest_point_weights(wider) == pytest.approx(weights, abs=1e-12)


def test_the_plan_road_reads_estimates_and_says_there_is_no_standard_error(tmp_path: Path) -> None:
    r = np.random.default_rng(3)
    paths = r.normal(size=(25, 2)) @ r.normal(size=(20, 2)).cumsum(axis=0).T + 20 + 0.1 * r.normal(size=(25, 20))
    paths[0] = paths[1:4].mean(axis=0)
    paths[0, 14:] += 3.0
    rows = [
        (f"T{i:02d}", 2000 + t, 2014 if i == 0 else "", round(float(paths[i, t]), 4))
        for i in range(25)
        for t in range(20)
    ]
    pd.DataFrame(rows, columns=["town", "year", "start", "y"]).to_csv(tmp_path / "data.csv", index=False)
    (tmp_path / "plan.toml").write_text(CONTROL, encoding="utf-8")
    plan = read_plan(tmp_path / "plan.toml")
    write_lock(plan)
    write_design_lock(plan, lock_design(plan, read_blind_panel(plan)))
    run = evaluate(plan, read_panel(plan))
    assert run.estimate.absent == "SYNTHETIC_CONTROL"
    assert run.estimate.att == pytest.approx(3.0, abs=0.2)
    assert {g.name: g.verdict for g in run.gates}["second_opinion"] == "PASS"
    assert run.decision.state in {"PAY_FULL", "NOT_DECIDABLE"}
