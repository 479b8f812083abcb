"""did.switching: against its authors' program, against group_time where treatment stays on, and sums written out."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
import pytest
from estimator_world import Ask, again, design_for, estimate, staggered

import evaltool as ev
from evaltool.errors import DataError, RunError
from evaltool.reading.frames import FrameRoles, panel_from_frame
from evaltool.records.estimate import Estimate
from evaltool.records.panel import Panel

NAME = "did.switching"
EVERY = {"effect": "every_switch"}
PATHS = {
    0: [0, 0, 0, 0, 0, 0], 1: [1, 1, 1, 1, 1, 1], 2: [0, 0, 1, 1, 1, 1], 3: [0, 0, 0, 1, 0, 0],
    4: [1, 1, 0, 0, 0, 0], 5: [0, 0, 0, 0, 1, 1], 6: [1, 1, 1, 0, 0, 1], 7: [0, 0, 1, 1, 0, 1],
}  # fmt: skip
"""On, off, on again: two keep what they have, four switch on first, two switch off first."""


def world(seed: int = 1, units: int = 120) -> pd.DataFrame:
    """Effects of 1.5 now and 0.4 for every treated period before."""
    r = np.random.default_rng(seed)
    rows = []
    for u in range(units):
        d = PATHS[u % 8]
        rows += [
            {"unit": u, "time": t + 1, "d": d[t], "c": u // 8, "w": 1.0 + u % 3,
             "y": float(u % 5 + 0.7 * t + 1.5 * d[t] + 0.4 * sum(d[:t]) + r.normal())}
            for t in range(6)
        ]  # fmt: skip
    return pd.DataFrame(rows)


def panel(frame: pd.DataFrame, weight: str | None = None) -> Panel:
    roles = FrameRoles(unit="unit", time="time", outcome="y", treated="d", cluster="c", weight=weight)
    return panel_from_frame(frame, roles)


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    return world()


AUTHORS = {
    False: {0: 1.3255615371152811, 1: 1.2337657581884771, 2: 0.7523917630378989, 3: 1.9278502559686008,
            -2: 0.009810821710427974, -3: 0.09751253867356284},
    True: {0: 1.3255615371152811, 1: 0.6729631408300784, 2: 0.34199625592631766, 3: 0.5257773425368911,
           -2: 0.009810821710427974, -3: 0.05850752320413784},
}  # fmt: skip
"""py_did_multiplegt_dyn 0.1.9 on ``world()``: effects 1 to 4 and placebos 1 and 2, plain and normalised."""
TOTAL = 1.5563420846823657
"""Its average total effect per period of treatment."""
AUTHORS_SE = {0: 0.19879540510517346, 1: 0.20445138112520858, 2: 0.23438858867110496, 3: 0.348982881038445}


@pytest.mark.parametrize("normalised", [False, True])
def test_effects_and_placebos_are_those_of_the_authors_program(frame: pd.DataFrame, *, normalised: bool) -> None:
    found = estimate(panel(frame), Ask(NAME, {"normalised": normalised}, aggregation="dynamic"))
    path = {e.element: e.att for e in found.path if not e.reference}
    assert path == pytest.approx(AUTHORS[normalised], rel=1e-12)
    assert found.att == pytest.approx(np.mean([AUTHORS[normalised][e] for e in range(4)]), rel=1e-12)
    if normalised:
        assert estimate(panel(frame), Ask(NAME, {"normalised": True})).att == pytest.approx(TOTAL, rel=1e-12)


def test_the_authors_variance_is_another_one_and_not_far_away(frame: pd.DataFrame) -> None:
    """They centre within cohorts and correct for degrees of freedom: within five per cent here, above or below."""
    found = estimate(panel(frame), Ask(NAME))
    ours = {e.element: e.se for e in found.path if e.element >= 0}
    for element, theirs in AUTHORS_SE.items():
        assert ours[element] == pytest.approx(theirs, rel=0.05)


@pytest.mark.parametrize("kind", ["simple", "dynamic"])
def test_treatment_that_stays_on_is_group_time_with_not_yet_treated(kind: str) -> None:
    r = np.random.default_rng(7)
    g = np.array([3, 5, 99, 99])[np.arange(60) % 4]
    rows = pd.DataFrame(
        [{"unit": u, "time": t, "g": int(g[u]) if g[u] < 99 else 0, "d": int(t >= g[u]), "c": u // 4, "w": 1.0 + u % 2,
          "y": float(r.normal() + t + 2.0 * (t >= g[u]))} for u in range(60) for t in range(1, 7)]
    )  # fmt: skip
    switched = estimate(panel(rows, "w"), Ask(NAME, aggregation=kind, cluster="c"))  # type: ignore[arg-type]
    staged = estimate(staggered(rows, weight="w", cluster="c"), Ask(aggregation=kind, cluster="c"))  # type: ignore[arg-type]
    assert (switched.att, switched.se) == pytest.approx((staged.att, staged.se), rel=1e-12)
    assert switched.interval == staged.interval
    after = [[(e.element, e.att, e.se) for e in one.path if e.element >= 0] for one in (switched, staged)]
    np.testing.assert_allclose(after[0], after[1], rtol=1e-12)
    assert (switched.observed, switched.counterfactual) == pytest.approx((staged.observed, staged.counterfactual))


def test_every_switch_by_hand() -> None:
    """On in 2: (5 − 1) − (2 − 1) = 3. Off in 3: −[(1 − 5) − (9 − 8)] = 5, and off in 2: −[(4 − 6) − (8 − 7)] = 3.

    Weights 1, 1, 1: 11/3. On in 3 has two: (9 − 1) − (3 − 2) = 7 twice, so (3 + 5 + 3 + 14) / 5.
    """
    paths = {
        "a": ([0, 1, 0], [1.0, 5.0, 1.0]), "n": ([0, 0, 0], [1.0, 2.0, 3.0]), "t": ([1, 1, 1], [7.0, 8.0, 9.0]),
        "o": ([1, 0, 0], [6.0, 4.0, 5.0]), "p": ([0, 0, 1], [0.0, 1.0, 9.0]), "q": ([0, 0, 1], [0.0, 1.0, 9.0]),
    }  # fmt: skip
    rows = [{"unit": u, "time": t + 1, "d": d[t], "y": y[t], "c": u} for u, (d, y) in paths.items() for t in range(3)]
    found = estimate(panel(pd.DataFrame(rows)), Ask(NAME, EVERY))
    assert found.att == pytest.approx((3.0 + 5.0 + 3.0 + 2 * 7.0) / 5, abs=1e-13)
    assert "switches_turned" in found.notes
    assert (found.observed, found.counterfactual, found.relative) == (None, None, None)
    assert again(panel(pd.DataFrame(rows)), Ask(NAME, EVERY)).value == pytest.approx(found.att)


def by_sums(frame: pd.DataFrame, lag: int) -> float:
    """DID_M, or its placebo ``lag`` periods earlier, summed over periods and directions (2020, section 4)."""
    y, d = (frame.pivot_table(index="unit", columns="time", values=v) for v in ("y", "d"))
    total = count = 0.0
    for t in range(2 + lag, 7):
        steady = d.loc[:, t - lag - 1 : t - 1].eq(d[t - 1], axis=0).all(axis=1)
        change = y[t - lag] - y[t - lag - 1]
        for was, sign in ((0, 1.0), (1, -1.0)):
            moves, stays = (steady & (d[t - 1] == was) & ((d[t] != was) == switch) for switch in (True, False))
            if moves.any() and stays.any():
                total += sign * moves.sum() * (change[moves].mean() - change[stays].mean())
                count += moves.sum()
    return float(total / count)


def test_every_switch_and_its_placebos_are_the_sums_of_their_definition(frame: pd.DataFrame) -> None:
    found = estimate(panel(frame), Ask(NAME, EVERY))
    path = {e.element: e.att for e in found.path}
    assert set(path) == {0, -1, -2, -3}
    for lag in range(4):
        assert path[-lag] == pytest.approx(by_sums(frame, lag), rel=1e-11)
    assert found.att == path[0]
    assert abs(path[0] - 1.5) < 4.0 * (found.se or 0.0)


CASES: list[tuple[Mapping[str, object], str]] = [
    ({}, "simple"),
    ({}, "dynamic"),
    ({"normalised": True}, "simple"),
    ({"normalised": True}, "dynamic"),
    (EVERY, "simple"),
]


@pytest.mark.parametrize(("options", "kind"), CASES)
def test_two_computations_agree(options: Mapping[str, object], kind: str, frame: pd.DataFrame) -> None:
    ask = Ask(NAME, options, aggregation=kind, cluster="c")  # type: ignore[arg-type]
    found = estimate(panel(frame, "w"), ask)
    assert abs(again(panel(frame, "w"), ask).value - found.att) <= 1e-9 * abs(found.att)
    assert (found.df, found.counts.clusters) == (14.0, 15)


@pytest.mark.parametrize(("options", "kind"), [CASES[0], CASES[1], CASES[4]])
def test_influence_is_the_derivative_by_each_units_weight(
    options: Mapping[str, object], kind: str, frame: pd.DataFrame
) -> None:
    """Shares included; doses, which ``normalised`` divides by, are taken as known and are not asked for here."""
    found = estimate(panel(frame, "w"), Ask(NAME, options, aggregation=kind))  # type: ignore[arg-type]
    assert found.influence is not None
    for unit in (0, 1, 3, 6, 7):
        ends = []
        for step in (1e-5, -1e-5):
            moved = frame.assign(w=frame["w"] + step * (frame["unit"] == unit))
            ends.append(estimate(panel(moved, "w"), Ask(NAME, options, aggregation=kind)).att)  # type: ignore[arg-type]
        numeric = (ends[0] - ends[1]) / 2e-5 * 120 * (1.0 + unit % 3)
        assert numeric == pytest.approx(found.influence[unit], abs=1e-5 * float(np.std(found.influence)))


def numbers(found: Estimate) -> np.ndarray:
    return np.array([found.att, found.se or 0.0, *(v for e in found.path for v in (e.att, e.se or 0.0))])


@pytest.mark.parametrize("options", [{}, EVERY])
def test_order_names_time_level_scale_and_the_name_of_the_treatment_do_not_matter(
    options: Mapping[str, object], frame: pd.DataFrame
) -> None:
    """Swapping treated and untreated turns every effect; the rest changes nothing."""

    def run(table: pd.DataFrame) -> np.ndarray:
        return numbers(estimate(panel(table, "w"), Ask(NAME, options, cluster="c")))

    first = run(frame)
    assert run(frame.sample(frac=1.0, random_state=2)).tobytes() == first.tobytes()
    assert run(frame.assign(time=frame["time"] + 2000)).tobytes() == first.tobytes()
    np.testing.assert_allclose(run(frame.assign(unit=frame["unit"].map("u{}".format))), first, rtol=1e-9, atol=1e-11)
    np.testing.assert_allclose(run(frame.assign(y=frame["y"] * 8.0 + 100.0)), 8.0 * first, rtol=1e-8, atol=1e-9)
    np.testing.assert_allclose(run(frame.assign(w=frame["w"] * 3.0)), first, rtol=1e-9, atol=1e-11)
    turned = numbers(estimate(panel(frame.assign(d=1 - frame["d"]), "w"), Ask(NAME, options, cluster="c")))
    np.testing.assert_allclose(turned[0::2], -first[0::2], rtol=1e-9, atol=1e-11)
    np.testing.assert_allclose(turned[1::2], first[1::2], rtol=1e-9)


def test_switches_without_anybody_to_compare_with_are_counted(frame: pd.DataFrame) -> None:
    """Without path 1 and 6, those who leave in 3 have nobody who kept the treatment."""
    found = estimate(panel(frame[~frame["unit"].mod(8).isin([1, 6])]), Ask(NAME))
    assert found.conventions["switching_units_without_comparison"] == 15
    assert "switches_without_comparison" in found.notes
    assert "switches_turned" not in found.notes
    assert (found.conventions["first_switch_on"], found.conventions["first_switch_off"]) == (60, 15)


def test_the_design_seals_the_first_switch(frame: pd.DataFrame) -> None:
    design = design_for(panel(frame), Ask(NAME))
    assert {c.label: c.units for c in design.summary.cohorts} == {"3": 45, "4": 30, "5": 15, "never": 30}
    assert design.summary.analysed_units == 120


def test_refusals_name_what_is_wrong(frame: pd.DataFrame) -> None:
    everybody = frame[frame["unit"] % 8 == 2]
    for options in ({}, EVERY):
        with pytest.raises(RunError) as caught:
            estimate(panel(everybody.assign(d=everybody["d"])), Ask(NAME, options))
        assert caught.value.codes == ("RUN_NO_COMPARISON",)
    with pytest.raises(DataError) as nothing:
        estimate(panel(frame[frame["unit"] % 8 < 2]), Ask(NAME))
    assert nothing.value.codes == ("DATA_NOTHING_TO_COMPARE",)
    with pytest.raises(RunError) as both:
        estimate(panel(frame), Ask(NAME, {**EVERY, "normalised": True}))
    assert both.value.codes == ("RUN_NOT_OFFERED",)
    with pytest.raises(DataError):
        panel(frame.assign(d=frame["d"] * 2))
    with pytest.raises(DataError) as gap:
        panel(frame[~((frame["unit"] == 3) & (frame["time"] == 2))])
    assert gap.value.codes == ("DATA_UNBALANCED",)


def test_one_switching_unit_has_an_effect_and_no_standard_error(frame: pd.DataFrame) -> None:
    kept = frame[(frame["unit"] % 8 == 0) | (frame["unit"] == 3)]
    for options in ({}, EVERY):
        found = estimate(panel(kept), Ask(NAME, options))
        assert (found.se, found.absent, found.counts.treated) == (None, "TOO_FEW_CLUSTERS", 1)


def test_the_direct_road_is_the_plans(frame: pd.DataFrame) -> None:
    names = {"outcome": "y", "unit": "unit", "time": "time", "treatment": "d", "cluster": "c", "weights": "w"}
    direct = ev.did.switching(frame, **names)  # type: ignore[arg-type]
    for kind in ("simple", "dynamic"):
        planned = estimate(panel(frame, "w"), Ask(NAME, aggregation=kind, cluster="c"))  # type: ignore[arg-type]
        averaged = direct.aggregate(kind)  # type: ignore[arg-type]
        assert numbers(averaged).tobytes() == numbers(planned).tobytes()
        assert averaged.interval == planned.interval
    every = ev.did.switching(frame, **names, effect="every_switch")  # type: ignore[arg-type]
    assert every.att == estimate(panel(frame, "w"), Ask(NAME, EVERY, cluster="c")).att
