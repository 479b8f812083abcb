"""Repeated cross-sections and panels with gaps in did.group_time and did.two_by_two: by hand, by HC0, by two roads."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
import pytest
import statsmodels.formula.api as smf
from estimator_world import Ask, again, estimate, long, staggered

import evaltool as ev
from evaltool.errors import DataError, RunError
from evaltool.reading.frames import FrameRoles, panel_from_frame
from evaltool.records.estimate import Estimate
from evaltool.records.panel import Panel

SECTIONS = {"sampling": "repeated_cross_sections"}


def kept(frame: pd.DataFrame, covariates: tuple[str, ...] = (), weight: str | None = None) -> Panel:
    """The panel with its gaps, by the rule "keep"."""
    roles = FrameRoles(
        unit="unit", time="time", outcome="y", first_treated="g", covariates=covariates, weight=weight, balance="keep",
        cluster="c" if "c" in frame else None,
    )  # fmt: skip
    return panel_from_frame(frame, roles)


def sections(seed: int = 1, rows: int = 400) -> pd.DataFrame:
    """People met once each: cohorts 3, 4 and never, five periods, a covariate, weights, towns."""
    r = np.random.default_rng(seed)
    g, time, x = np.array([3, 4, 0, 0])[np.arange(rows) % 4], r.integers(1, 6, rows), r.normal(size=rows)
    y = 10.0 + (g > 0) + time + 0.3 * x * time + 2.0 * ((g > 0) & (time >= g)) + r.normal(size=rows)
    town = np.arange(rows) // 4 % 20
    return pd.DataFrame({"unit": np.arange(rows), "time": time, "g": g, "x": x, "y": y, "w": 1.0 + town % 3, "c": town})


def holes(seed: int = 2, units: int = 60) -> pd.DataFrame:
    """A staggered panel of five periods in which about one row in nine is missing."""
    r = np.random.default_rng(seed)
    g, x = np.array([3, 4, 0, 0])[np.arange(units) % 4], r.normal(size=units)
    frame = pd.DataFrame(
        [
            {"unit": u, "time": t, "g": int(g[u]), "x": float(x[u]), "w": 1.0 + u % 3, "c": u // 4 % 12,
             "y": float(u % 5 + t + x[u] * t + 2.0 * (t >= g[u] > 0) + r.normal())}
            for u in range(units)
            for t in range(1, 6)
        ]
    )  # fmt: skip
    return frame[(frame["unit"] * 7 + frame["time"] * 3) % 9 != 0]


def test_cross_sections_are_four_means_with_the_error_of_a_saturated_regression() -> None:
    """Two periods: (12 − 9) − (7 − 6) = 2, where each number is a mean; White's HC0 of y on d, t and d·t."""
    rows = [("a", 1, 2, 8.0), ("b", 1, 2, 10.0), ("c", 2, 2, 11.0), ("d", 2, 2, 13.0),
            ("e", 1, 0, 5.0), ("f", 1, 0, 7.0), ("h", 2, 0, 6.0), ("i", 2, 0, 8.0)]  # fmt: skip
    frame = pd.DataFrame(rows, columns=["unit", "time", "g", "y"])
    fit = smf.ols("y ~ d * t", frame.assign(d=frame["g"] > 0, t=frame["time"] == 2)).fit(cov_type="HC0")
    for method in ("did.two_by_two", "did.group_time"):
        found = estimate(kept(frame), Ask(method, SECTIONS))
        assert found.att == pytest.approx(2.0, abs=1e-13)
        assert found.se == pytest.approx(float(fit.bse["d[T.True]:t[T.True]"]), rel=1e-12)
        assert (found.observed, found.counterfactual, found.baseline) == pytest.approx((12.0, 10.0, 9.0))
        assert (found.counts.treated, found.counts.comparison, found.counts.observations) == (4, 4, 8)
        assert "rows_as_cross_sections" in found.notes
        assert found.conventions["sampling"] == "repeated_cross_sections"


def test_rows_of_one_unit_and_one_town_count_once() -> None:
    """A person met in both periods, or clusters: residuals summed within before they are squared (CR0)."""
    frame = sections().query("time in (2, 4) and g in (0, 4)").assign(person=lambda f: f["unit"] % 90)
    person = frame.drop_duplicates(["person", "time", "g"]).assign(unit=lambda f: f["person"] * 10 + f["g"])
    for table, cluster in ((frame, "c"), (person.drop(columns="c"), "unit")):
        fit = smf.ols("y ~ d * t", table.assign(d=table["g"] > 0, t=table["time"] == 4)).fit()
        scores = fit.model.exog * fit.resid.to_numpy()[:, None] @ np.linalg.inv(fit.model.exog.T @ fit.model.exog)
        sums = pd.Series(scores[:, 3]).groupby(table[cluster].to_numpy()).sum()
        found = estimate(kept(table), Ask("did.two_by_two", SECTIONS, cluster=None if cluster == "unit" else "c"))
        assert found.att == pytest.approx(float(fit.params.iloc[3]), rel=1e-11)
        assert found.se == pytest.approx(float(np.sqrt((sums**2).sum())), rel=1e-11)


def gappy() -> dict[str, list[float]]:
    """Treated a (seen in 1, 2), b (2 only) and z (1, 2); never treated c, d (seen in both), e (1 only)."""
    return {"a": [1.0, 6.0], "z": [2.0, 9.0], "b": [np.nan, 20.0], "c": [3.0, 4.0], "d": [5.0, 8.0], "e": [9.0, np.nan]}


@pytest.mark.parametrize(
    ("gaps", "att", "baseline", "treated", "comparison"),
    [("pairs", (5.0 + 7.0) / 2 - (1.0 + 3.0) / 2, 1.5, 2, 2), ("rows", (7.5 - 1.5) - (6.0 - 17.0 / 3.0), 1.5, 2, 3)],
)
def test_gaps_by_each_rule_by_hand(gaps: str, att: float, baseline: float, treated: int, comparison: int) -> None:
    """b is never seen untreated and is in neither; e is left out of pairs, and stands in the base mean of rows."""
    frame = long({k: 2 if k in "azb" else 0 for k in gappy()}, gappy()).dropna()
    found = estimate(kept(frame), Ask(options={"gaps": gaps}))
    assert found.att == pytest.approx(att, abs=1e-13)
    assert found.baseline == pytest.approx(baseline)
    assert (found.counts.treated, found.counts.comparison) == (treated, comparison)
    assert found.counts.observations == 9
    assert found.conventions["units_without_untreated_period"] == 1
    assert {"unbalanced_panel", "units_without_untreated_period"} <= set(found.notes)
    assert again(kept(frame), Ask(options={"gaps": gaps})).value == pytest.approx(att, abs=1e-12)


def test_gaps_without_a_rule_are_refused_and_named() -> None:
    frame = holes()
    with pytest.raises(DataError) as caught:
        staggered(frame)
    assert set(caught.value.codes) == {"DATA_UNBALANCED"}
    for method in ("did.group_time", "did.two_by_two"):
        panel = kept(frame if method == "did.group_time" else frame[frame["g"].isin([0, 3])])
        with pytest.raises(RunError, match="not observed in all 5 periods") as refused:
            estimate(panel, Ask(method))
        assert refused.value.codes == ("RUN_UNBALANCED_PANEL",)


def test_pairs_in_two_periods_are_the_panel_of_those_seen_twice() -> None:
    frame = holes().query("time in (2, 5) and g in (0, 3)")
    whole = frame[frame.groupby("unit")["time"].transform("size") == 2]
    for method in ("reg", "ipw", "dr"):
        options = {"method": method, "covariates": ["x"]}
        pairs = estimate(kept(frame, ("x",)), Ask(options={**options, "gaps": "pairs"}))
        panel = estimate(kept(whole, ("x",)), Ask(options=options))
        assert pairs.att == pytest.approx(panel.att, rel=1e-12)
        assert pairs.se == pytest.approx(panel.se, rel=1e-12)


@pytest.mark.parametrize("gaps", ["pairs", "rows"])
def test_a_rule_for_gaps_changes_no_bit_where_there_are_none(gaps: str) -> None:
    frame = long({"a": 2, "b": 3, "c": 0, "d": 0}, {"a": [0, 1, 3], "b": [1, 1, 5], "c": [2, 1, 2], "d": [1, 2, 2]})
    plain, ruled = estimate(kept(frame), Ask()), estimate(kept(frame), Ask(options={"gaps": gaps}))
    assert (plain.att, plain.se, plain.path) == (ruled.att, ruled.se, ruled.path)
    assert ruled.conventions["gaps"] == "none"


CASES: list[tuple[str, Mapping[str, object]]] = [
    ("sections", SECTIONS),
    ("holes", {"gaps": "pairs"}),
    ("holes", {"gaps": "rows"}),
]


@pytest.fixture(scope="module")
def worlds() -> Mapping[str, pd.DataFrame]:
    return {"sections": sections(), "holes": holes()}


def numbers(found: Estimate) -> np.ndarray:
    elements = (*found.path, *found.groups, *found.calendar, *found.cells)
    return np.array([found.att, found.se or 0.0, *(v for e in elements for v in (e.att, e.se or 0.0))])


@pytest.mark.parametrize(("world", "options"), CASES)
@pytest.mark.parametrize("method", ["none", "reg", "ipw", "dr"])
@pytest.mark.parametrize("kind", ["simple", "group"])
def test_two_computations_agree(
    world: str, options: Mapping[str, object], method: str, kind: str, worlds: Mapping[str, pd.DataFrame]
) -> None:
    covariates = () if method == "none" else ("x",)
    panel = kept(worlds[world], covariates, "w")
    stated = {**options, "method": "dr" if method == "none" else method, "covariates": list(covariates)}
    ask = Ask(options=stated, aggregation=kind, cluster="c")  # type: ignore[arg-type]
    found = estimate(panel, ask)
    assert found.se is not None
    assert abs(again(panel, ask).value - found.att) <= 1e-8 * max(abs(found.att), found.se)
    assert found.influence is not None
    assert abs(float(np.mean(found.influence))) < 1e-9 * float(np.std(found.influence))


@pytest.mark.parametrize("method", ["reg", "dr"])
def test_two_computations_agree_on_cross_sections_with_one_start(
    method: str, worlds: Mapping[str, pd.DataFrame]
) -> None:
    panel = kept(worlds["sections"].query("g in (0, 3)"), ("x",), "w")
    ask = Ask("did.two_by_two", {**SECTIONS, "method": method, "covariates": ["x"]})
    found = estimate(panel, ask)
    assert found.se is not None
    assert abs(again(panel, ask).value - found.att) <= 1e-8 * max(abs(found.att), found.se)
    staged = estimate(panel, Ask(options={**SECTIONS, "method": method, "covariates": ["x"]}, aggregation="group"))
    assert found.att == pytest.approx(staged.att, rel=1e-12)
    assert found.se == pytest.approx(staged.se, rel=1e-12)


@pytest.mark.parametrize(("world", "options"), CASES)
def test_row_order_changes_no_bit_and_time_and_level_do_not_matter(
    world: str, options: Mapping[str, object], worlds: Mapping[str, pd.DataFrame]
) -> None:
    frame, ask = worlds[world], Ask(options={**options, "covariates": ["x"]}, cluster="c")
    first = numbers(estimate(kept(frame, ("x",)), ask))
    shuffled = frame.sample(frac=1.0, random_state=3)
    assert numbers(estimate(kept(shuffled, ("x",)), ask)).tobytes() == first.tobytes()
    later = frame.assign(time=frame["time"] + 2000, g=np.where(frame["g"] > 0, frame["g"] + 2000, 0))
    assert numbers(estimate(kept(later, ("x",)), ask)).tobytes() == first.tobytes()
    higher = frame.assign(y=frame["y"] * 4.0 + 100.0)
    np.testing.assert_allclose(numbers(estimate(kept(higher, ("x",)), ask)), 4.0 * first, rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize(("world", "options"), CASES)
def test_influence_is_the_derivative_by_each_units_weight(
    world: str, options: Mapping[str, object], worlds: Mapping[str, pd.DataFrame]
) -> None:
    """Cohort shares, scores and regressions included: n times the derivative of the effect by a unit's weight."""
    frame = worlds[world]
    ask = Ask(options={**options, "covariates": ["x"]})
    found = estimate(kept(frame, ("x",), "w"), ask)
    assert found.influence is not None
    units, step = sorted(frame["unit"].unique()), 1e-5
    for place in range(0, len(units), len(units) // 3):
        ends = []
        for change in (step, -step):
            moved = frame.assign(w=frame["w"] + change * (frame["unit"] == units[place]))
            ends.append(estimate(kept(moved, ("x",), "w"), ask).att)
        weight = float(frame.loc[frame["unit"] == units[place], "w"].iloc[0])
        numeric = (ends[0] - ends[1]) / (2 * step) * len(units) * weight
        assert numeric == pytest.approx(found.influence[place], abs=2e-4 * float(np.std(found.influence)))


def test_late_entrants_leavers_and_a_period_that_a_cohort_lacks() -> None:
    """Cohort 3 is not seen in period 4: that cell is missing and said; the rest is as by hand."""
    outcomes = {"a": [1.0, 1.0, 5.0, np.nan], "b": [2.0, 2.0, 6.0, np.nan], "c": [1.0, 1.0, 2.0, 3.0],
                "d": [np.nan, 4.0, 5.0, 6.0], "e": [5.0, 5.0, 6.0, np.nan]}  # fmt: skip
    frame = long({"a": 3, "b": 3, "c": 0, "d": 0, "e": 0}, outcomes).dropna()
    for gaps in ("pairs", "rows"):
        found = estimate(kept(frame), Ask(options={"gaps": gaps}))
        assert found.att == pytest.approx(3.0)
        assert [(c.group, c.element) for c in found.cells] == [(3, 1), (3, 2), (3, 3)]
        assert found.conventions["cells_without_data"] == 1
        assert [p.period for p in found.series if p.arm == "3"] == [1, 2, 3]


def test_one_row_in_any_of_the_four_groups_leaves_an_effect_without_a_standard_error() -> None:
    rows = [("a", 1, 2, 8.0), ("b", 1, 2, 10.0), ("c", 2, 2, 11.0), ("d", 2, 2, 13.0),
            ("e", 1, 0, 5.0), ("f", 1, 0, 7.0), ("h", 2, 0, 6.0), ("i", 2, 0, 8.0)]  # fmt: skip
    frame = pd.DataFrame(rows, columns=["unit", "time", "g", "y"])
    for unit in "bdfi":
        found = estimate(kept(frame[frame["unit"] != unit]), Ask("did.two_by_two", SECTIONS))
        assert (found.se, found.absent) == (None, "TOO_FEW_CLUSTERS")


def test_nobody_left_to_compare_with_is_refused() -> None:
    """The never-treated are seen before the start only."""
    outcomes = {"a": [1.0, 1.0, 5.0], "b": [2.0, 2.0, 6.0], "c": [1.0, 1.0, np.nan], "d": [2.0, 2.0, np.nan]}
    frame = long({"a": 3, "b": 3, "c": 0, "d": 0}, outcomes).dropna()
    for options in ({"gaps": "pairs"}, {"gaps": "rows"}, SECTIONS):
        with pytest.raises(RunError) as caught:
            estimate(kept(frame), Ask(options=options))
        assert caught.value.codes == ("RUN_NO_COMPARISON",)
    with pytest.raises(RunError) as caught:
        estimate(kept(frame), Ask("did.two_by_two", SECTIONS))
    assert caught.value.codes == ("RUN_NO_COMPARISON",)


def test_a_mean_of_own_periods_does_not_go_with_cross_sections() -> None:
    with pytest.raises(RunError) as caught:
        estimate(kept(sections().query("g in (0, 3)")), Ask("did.two_by_two", {**SECTIONS, "base": "mean_pre"}))
    assert caught.value.codes == ("RUN_NOT_OFFERED",)


@pytest.mark.parametrize("base", ["universal", "varying"])
@pytest.mark.parametrize("method", ["reg", "ipw", "dr"])
def test_covariates_that_vary_are_read_before_the_start(method: str, base: str) -> None:
    """An effect takes covariates in its cohort's base period: what treatment does to them later is not read."""
    whole = sections(5, 300).drop(columns="time").merge(pd.DataFrame({"time": range(1, 6)}), how="cross")
    r = np.random.default_rng(6)
    whole = whole.assign(x=r.normal(size=len(whole)), y=whole["y"] + r.normal(size=len(whole)))
    last = np.where(whole["g"] > 0, whole["g"] - 1, 3)
    moved = whole.assign(x=np.where(whole["time"] > last, 1e3 + whole["time"], whole["x"]))
    options = {"method": method, "covariates": ["x"], "base_period": base, "control_group": "never_treated"}
    one, two = (estimate(kept(f, ("x",)), Ask(options=options)) for f in (whole, moved))
    assert (one.att, one.se) == (two.att, two.se)
    assert one.conventions["covariate_period"] == "the earlier of the two periods"


def test_balanced_event_times_in_a_plan_are_those_of_the_direct_road() -> None:
    for data, how in ((holes(), {"gaps": "pairs"}), (sections(7), {"panel": False})):
        direct = ev.did.group_time(data, outcome="y", unit="unit", time="time", first_treated="g", **how)  # type: ignore[arg-type]
        options = {**({"gaps": "pairs"} if "gaps" in how else SECTIONS), "balance": 1}
        plain = data.drop(columns="c")
        planned = estimate(kept(plain), Ask(options=options, aggregation="dynamic"))
        averaged = direct.aggregate("dynamic", balance=1)
        assert (averaged.att, averaged.se, averaged.path) == (planned.att, planned.se, planned.path)
        assert [e.element for e in planned.path if e.element >= 0] == [0, 1]
        value = again(kept(plain), Ask(options=options, aggregation="dynamic")).value
        assert value == pytest.approx(planned.att, rel=1e-10)


def test_balancing_goes_with_event_times_only() -> None:
    for options, kind, code in (
        ({"balance": 1}, "simple", "RUN_NOT_OFFERED"),
        ({"balance": 4}, "dynamic", "RUN_NO_LONG_COHORT"),
    ):
        whole = long({"a": 2, "b": 2, "c": 0, "d": 0}, {k: [1.0, 2.0, 3.0 + ord(k)] for k in "abcd"})
        with pytest.raises(RunError) as caught:
            estimate(staggered(whole), Ask(options=options, aggregation=kind))  # type: ignore[arg-type]
        assert caught.value.codes == (code,)


def test_the_direct_road_is_the_plans() -> None:
    names = {"outcome": "y", "unit": "unit", "time": "time", "first_treated": "g", "weights": "w", "cluster": "c"}
    for gaps in ("pairs", "rows"):
        direct = ev.did.group_time(holes(), **names, covariates=["x"], gaps=gaps)  # type: ignore[arg-type]
        planned = estimate(kept(holes(), ("x",), "w"), Ask(options={"gaps": gaps, "covariates": ["x"]}, cluster="c"))
        assert numbers(direct).tobytes() == numbers(planned).tobytes()
    one = sections().query("g in (0, 3)")
    direct = ev.did.two_by_two(one, **names, panel=False)  # type: ignore[arg-type]
    planned = estimate(kept(one, (), "w"), Ask("did.two_by_two", SECTIONS, cluster="c"))
    assert (direct.att, direct.se, direct.interval) == (planned.att, planned.se, planned.interval)
    dropped = ev.did.group_time(holes(), **names, gaps="drop_unit")  # type: ignore[arg-type]
    assert [e.reason for e in dropped.ledger.entries] == ["unbalanced_unit", "unbalanced_unit"]
