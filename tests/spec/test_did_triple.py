"""did.triple: against two differences-in-differences, a regression, another program, and fits written out."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import statsmodels.formula.api as smf
from estimator_world import Ask, again, design_for, estimate

import evaltool as ev
from evaltool.errors import DataError, RunError, UsageError
from evaltool.numerics.triple import smallest_variance_weights
from evaltool.reading.frames import FrameRoles, panel_from_frame
from evaltool.records.estimate import Estimate
from evaltool.records.panel import Panel

NAME = "did.triple"
Q = {"eligible": "q"}
X = {"eligible": "q", "covariates": ["x"]}


def world(seed: int = 1, units: int = 240, starts: tuple[int, ...] = (3, 4, 0)) -> pd.DataFrame:
    """Groups that may start in 3, in 4 or never, half of each eligible; both differences alone would be biased."""
    r = np.random.default_rng(seed)
    g = np.array(starts)[np.arange(units) % len(starts)]
    q = (np.arange(units) // len(starts)) % 2
    x = r.normal(size=units) + 0.3 * q - 0.2 * (g > 0)
    rows = [
        {"unit": u, "time": t, "g": int(g[u]), "q": int(q[u]), "x": float(x[u]), "w": 1.0 + u % 3, "c": u // 6 % 20,
         "y": float(u % 7 + t * (1 + 0.3 * q[u] + 0.5 * (g[u] > 0)) + 0.4 * x[u] * t
                    + 2.0 * q[u] * (t >= g[u] > 0) * (1 + t - g[u]) + r.normal())}
        for u in range(units)
        for t in range(1, 6)
    ]  # fmt: skip
    return pd.DataFrame(rows)


def panel(frame: pd.DataFrame, *, covariates: tuple[str, ...] = ("q",), weight: str | None = None) -> Panel:
    roles = FrameRoles(
        unit="unit", time="time", outcome="y", first_treated="g", covariates=covariates, cluster="c", weight=weight
    )
    return panel_from_frame(frame, roles)


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    return world()


def treated(found: Estimate) -> dict[tuple[int | None, int], tuple[float, float | None]]:
    return {(c.group, c.element): (c.att, c.se) for c in found.cells if c.element >= (c.group or 0)}


@pytest.mark.parametrize("base", ["universal", "varying"])
def test_without_covariates_it_is_the_difference_of_two_group_time_effects(base: str, frame: pd.DataFrame) -> None:
    """Eligible less ineligible, cell by cell; the two are independent, so their variances add up."""
    options = {"control_group": "never_treated", "base_period": base}
    whole = estimate(panel(frame), Ask(NAME, {**Q, **options}))
    parts = [estimate(panel(frame[frame["q"] == q], covariates=()), Ask("did.group_time", options)) for q in (1, 0)]
    assert len(whole.cells) == len(parts[0].cells)
    for cell, able, other in zip(whole.cells, parts[0].cells, parts[1].cells, strict=True):
        assert (cell.group, cell.element, cell.reference) == (able.group, able.element, able.reference)
        assert cell.att == pytest.approx(able.att - other.att, abs=1e-12)
        if not cell.reference:
            assert cell.se == pytest.approx(float(np.hypot(able.se or 0.0, other.se or 0.0)), rel=1e-12)
    assert whole.counts.treated == int((frame.query("q == 1 and g > 0")["unit"]).nunique())
    assert whole.counts.comparison == 240 - (whole.counts.treated or 0)


def test_two_periods_are_the_coefficient_on_the_triple_interaction(frame: pd.DataFrame) -> None:
    two = frame.query("time in (2, 3) and g in (0, 3)")
    fit = smf.ols("y ~ q * s * t", two.assign(s=two["g"] > 0, t=two["time"] == 3)).fit()
    wide = two.pivot_table(index=["unit", "g", "q"], columns="time", values="y").reset_index()
    change = wide.assign(change=wide[3] - wide[2], s=(wide["g"] > 0).astype(float)).rename(columns=str)
    hc0 = smf.ols("change ~ q * s", change).fit(cov_type="HC0")
    found = estimate(panel(two), Ask(NAME, Q))
    assert found.att == pytest.approx(float(fit.params["q:s[T.True]:t[T.True]"]), rel=1e-10)
    assert found.att == pytest.approx(float(hc0.params["q:s"]), rel=1e-10)
    assert found.se == pytest.approx(float(hc0.bse["q:s"]), rel=1e-10)


PEER = {
    ("never_treated", "dr"): ((1.7411900469386854, 0.4871084722245145), (1.6518664137041883, 0.4556218856368324)),
    ("never_treated", "reg"): ((1.5692943121437084, 0.5004048482314473), (1.7325324137667701, 0.4558345102609876)),
    ("never_treated", "ipw"): ((1.739060577888368, 0.475849057672299), (1.6751274361828852, 0.4372391091927089)),
    ("not_yet_treated", "dr"): ((1.9176346841961411, 0.4308364206584707), (1.6518664137041883, 0.4556218856368324)),
    ("not_yet_treated", "reg"): ((1.8259410701646153, 0.4341293304797524), (1.7325324137667701, 0.4558345102609876)),
    ("not_yet_treated", "ipw"): ((1.854664490094219, 0.4109282826955938), (1.6751274361828852, 0.4372391091927089)),
}
"""ATT(3, 3), ATT(4, 4) and their standard errors on ``world()`` by moderndid 0.2.0 (``ddd``, after R triplediff)."""


@pytest.mark.parametrize(("control", "method"), PEER)
def test_another_program_finds_the_same(control: str, method: str, frame: pd.DataFrame) -> None:
    """It stops its score early (1e-8), and with several comparison groups divides by n − 1: √(240/239)."""
    ask = Ask(NAME, {**X, "control_group": control, "method": method})
    found = treated(estimate(panel(frame, covariates=("q", "x")), ask))
    for key, (att, se), several in zip(((3, 3), (4, 4)), PEER[control, method], (True, False), strict=True):
        pooled = several and control == "not_yet_treated"
        assert found[key][0] == pytest.approx(att, rel=1e-8)
        assert found[key][1] == pytest.approx(se * (np.sqrt(239 / 240) if pooled else 1.0), rel=2e-7)


@pytest.mark.parametrize("method", ["none", "reg", "ipw", "dr"])
@pytest.mark.parametrize(("control", "kind"), [("never_treated", "dynamic"), ("not_yet_treated", "group")])
def test_two_computations_agree(method: str, control: str, kind: str, frame: pd.DataFrame) -> None:
    data = panel(frame, covariates=("q", "x"), weight="w")
    options = {**Q, "control_group": control} if method == "none" else {**X, "control_group": control, "method": method}
    ask = Ask(NAME, options, aggregation=kind, cluster="c")  # type: ignore[arg-type]
    found = estimate(data, ask)
    assert found.se is not None
    assert abs(again(data, ask).value - found.att) <= 1e-8 * abs(found.att)
    assert found.df == 19.0


@pytest.mark.parametrize("kind", ["simple", "dynamic", "group", "calendar"])
def test_influence_is_the_derivative_by_each_units_weight(kind: str) -> None:
    """Score, regressions and the shares of the starts included; with one comparison group no weight is estimated."""
    frame = world(3, 120)
    ask = Ask(NAME, X, aggregation=kind)  # type: ignore[arg-type]
    found = estimate(panel(frame, covariates=("q", "x"), weight="w"), ask)
    assert found.influence is not None
    for unit in (0, 4, 5):
        ends = []
        for step in (1e-5, -1e-5):
            moved = frame.assign(w=frame["w"] + step * (frame["unit"] == unit))
            ends.append(estimate(panel(moved, covariates=("q", "x"), weight="w"), ask).att)
        numeric = (ends[0] - ends[1]) / 2e-5 * 120 * (1.0 + unit % 3)
        assert numeric == pytest.approx(found.influence[unit], abs=1e-4 * float(np.std(found.influence)))


def test_comparison_groups_are_averaged_by_the_smallest_variance_never_pooled(frame: pd.DataFrame) -> None:
    """ATT(3, 3) against 4 and against never: Ω⁻¹1 by hand for two; the average is at least as exact as either."""
    both = treated(estimate(panel(frame), Ask(NAME, {**Q, "control_group": "not_yet_treated"})))[3, 3]
    alone = [estimate(panel(frame[frame["g"].isin([3, c]) & frame["time"].isin([2, 3])]),
                      Ask(NAME, {**Q, "control_group": "not_yet_treated"})) for c in (4, 0)]  # fmt: skip
    spread = [np.zeros(240), np.zeros(240)]
    for values, one, c in zip(spread, alone, (4, 0), strict=True):
        units = frame[frame["g"].isin([3, c])]["unit"].unique()
        assert one.influence is not None
        values[units] = one.influence * 240 / len(units)
    (a, b), ab = (float(s @ s) for s in spread), float(spread[0] @ spread[1])
    first = (b - ab) / (a + b - 2 * ab)
    assert both[0] == pytest.approx(first * alone[0].att + (1 - first) * alone[1].att, rel=1e-12)
    assert both[1] == pytest.approx(float(np.sqrt((a * b - ab**2) / (a + b - 2 * ab))) / 240, rel=1e-10)
    assert (both[1] or 9.0) < min(one.se or 0.0 for one in alone)
    pooled = estimate(panel(frame[frame["g"] != 4].query("time in (2, 3)")), Ask(NAME, Q)).att
    assert pooled == pytest.approx(alone[1].att, rel=1e-12)


def test_weights_are_equal_where_no_smallest_variance_can_be_found() -> None:
    column = np.array([1.0, -1.0, 2.0, -2.0])
    assert smallest_variance_weights(np.column_stack([column, column])).tolist() == [0.5, 0.5]
    assert smallest_variance_weights(np.column_stack([column, 0 * column])).tolist() == [0.5, 0.5]
    assert smallest_variance_weights(np.column_stack([column, column[[2, 3, 0, 1]]])) == pytest.approx([0.5, 0.5])


def numbers(found: Estimate) -> np.ndarray:
    elements = (*found.path, *found.groups, *found.calendar, *found.cells)
    return np.array([found.att, found.se or 0.0, *(v for e in elements for v in (e.att, e.se or 0.0))])


def test_order_names_time_level_and_scale_do_not_matter() -> None:
    frame = world(4, 96)
    ask = Ask(NAME, {**X, "control_group": "not_yet_treated"}, cluster="c")

    def run(table: pd.DataFrame) -> np.ndarray:
        return numbers(estimate(panel(table, covariates=("q", "x"), weight="w"), ask))

    first = run(frame)
    assert run(frame.sample(frac=1.0, random_state=2)).tobytes() == first.tobytes()
    later = frame.assign(time=frame["time"] + 2000, g=np.where(frame["g"] > 0, frame["g"] + 2000, 0))
    assert run(later).tobytes() == first.tobytes()
    np.testing.assert_allclose(run(frame.assign(unit=frame["unit"].map("u{}".format))), first, rtol=1e-9, atol=1e-10)
    np.testing.assert_allclose(run(frame.assign(y=frame["y"] * 8.0 + 100.0)), 8.0 * first, rtol=1e-8, atol=1e-8)
    np.testing.assert_allclose(run(frame.assign(w=frame["w"] * 3.0)), first, rtol=1e-9, atol=1e-10)


def test_groups_that_may_from_the_first_period_on_are_never_read(frame: pd.DataFrame) -> None:
    extra = pd.DataFrame([{"unit": 900 + u, "time": t, "g": 1, "q": u % 2, "x": 0.0, "w": 1.0, "c": 1, "y": 1e9 * t}
                          for u in range(4) for t in range(1, 6)])  # fmt: skip
    plain, found = (estimate(panel(f), Ask(NAME, Q)) for f in (frame, pd.concat([frame, extra])))
    assert numbers(plain).tobytes() == numbers(found).tobytes()
    design = design_for(panel(pd.concat([frame, extra])), Ask(NAME, Q))
    assert [(e.reason, e.count) for e in design.ledger.entries] == [("always_treated", 4)]
    assert {c.label: c.units for c in design.summary.cohorts} == {"3": 40, "4": 40, "never": 160}


def test_a_trend_of_the_eligible_and_one_of_the_place_leave_the_planted_effect(frame: pd.DataFrame) -> None:
    y = frame["unit"] + frame["time"] * (1.0 + frame["q"] + 2.0 * (frame["g"] > 0)) + 3.0 * (
        frame["q"] * ((frame["g"] > 0) & (frame["time"] >= frame["g"]))
    )  # fmt: skip
    found = estimate(panel(frame.assign(y=y)), Ask(NAME, {**Q, "control_group": "not_yet_treated"}))
    assert found.att == pytest.approx(3.0, abs=1e-10)
    assert [e.att for e in found.path if e.element < 0] == pytest.approx([0.0] * 3, abs=1e-10)


def test_refusals_name_what_is_wrong(frame: pd.DataFrame) -> None:
    bad = frame.assign(q=np.where(frame["unit"] == 7, 2, frame["q"]))
    bad.loc[(bad["unit"] == 8) & (bad["time"] == 5), "q"] = 1 - bad.loc[bad["unit"] == 8, "q"].iloc[0]
    with pytest.raises(RunError) as caught:
        estimate(panel(bad), Ask(NAME, Q))
    assert caught.value.codes == ("RUN_ELIGIBILITY", "RUN_ELIGIBILITY")
    assert ["(7)" in str(caught.value), "(8)" in str(caught.value)] == [True, True]
    for table in (frame[frame["q"] == 1], frame[~((frame["g"] == 0) & (frame["q"] == 0))]):
        with pytest.raises(RunError) as caught:
            estimate(panel(table), Ask(NAME, Q))
        assert caught.value.codes == ("RUN_NO_COMPARISON",)
    with pytest.raises(DataError) as missing:
        estimate(panel(frame), Ask(NAME))
    assert missing.value.codes == ("DATA_NO_PANEL",)
    with pytest.raises(DataError):
        panel(frame[~((frame["unit"] == 3) & (frame["time"] == 2))])


def test_every_fault_of_a_call_is_told_at_once(frame: pd.DataFrame) -> None:
    names = {"outcome": "y", "unit": "unit", "time": "time", "first_treated": "g"}
    with pytest.raises(UsageError) as caught:
        ev.did.triple(frame, **{**names, "unit": 7}, eligible=None, covariates="x", method="ols")  # type: ignore[arg-type]
    assert caught.value.codes == ("USAGE_BAD_ARGUMENT",) * 3
    for word in ("covariates", "unit", "eligible"):
        assert f"did.triple.{word}" in str(caught.value)
    with pytest.raises(DataError) as missing:
        ev.did.triple(frame, **names, eligible="elligible")  # type: ignore[arg-type]
    assert missing.value.codes == ("DATA_MISSING_COLUMN",)


def test_one_unit_in_any_of_the_groups_leaves_an_effect_without_a_standard_error(frame: pd.DataFrame) -> None:
    two = frame[frame["g"] != 4]
    for g, q in ((3, 1), (3, 0), (0, 0)):
        group = (two["g"] == g) & (two["q"] == q)
        one = two[~group | (two["unit"] == two.loc[group, "unit"].iloc[0])]
        found = estimate(panel(one), Ask(NAME, Q))
        assert (found.se, found.absent) == (None, "TOO_FEW_CLUSTERS")
        assert found.counts.treated == (1 if q and g else 40)


def test_the_direct_road_is_the_plans(frame: pd.DataFrame) -> None:
    direct = ev.did.triple(
        frame, outcome="y", unit="unit", time="time", first_treated="g", eligible="q", covariates=["x"], cluster="c",
        weights="w",
    )  # fmt: skip
    for kind in ("dynamic", "calendar"):
        planned = estimate(
            panel(frame, covariates=("q", "x"), weight="w"),
            Ask(NAME, X, aggregation=kind, cluster="c"),  # type: ignore[arg-type]
        )
        averaged = direct.aggregate(kind)  # type: ignore[arg-type]
        assert numbers(averaged).tobytes() == numbers(planned).tobytes()
        assert averaged.interval == planned.interval
