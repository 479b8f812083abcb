"""What every difference-in-differences method handles, and what each refuses and never answers wrongly.

One test for each line of what peers were seen to get wrong; the source of each stands in its docstring.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import pandas as pd
import pytest
from estimator_world import Ask, again, estimate

from evaltool.errors import DataError, RunError
from evaltool.reading.frames import FrameRoles, panel_from_frame
from evaltool.records.estimate import Estimate
from evaltool.records.panel import Panel

METHODS: Mapping[str, Mapping[str, object]] = {
    "did.two_by_two": {},
    "did.group_time": {},
    "did.twfe": {},
    "did.event_study": {},
    "did.sun_abraham": {},
    "did.imputation": {},
    "did.two_stage": {},
    "did.extended_twfe": {},
    "did.triple": {"eligible": "q"},
    "did.switching": {},
}
STAGGERED = tuple(name for name in METHODS if name not in {"did.switching", "did.two_by_two"})
BY_START = tuple(name for name in METHODS if name != "did.switching")
ROWS = ("did.twfe", "did.event_study", "did.sun_abraham", "did.imputation", "did.two_stage", "did.extended_twfe")
"""Methods by rows, which take a panel with gaps as it is."""
WHOLE = ("did.two_by_two", "did.triple", "did.switching")
"""Methods that refuse gaps unless an option of their own states a rule (or that know none)."""


def world(method: str, units: int = 48, *, never: bool = True) -> pd.DataFrame:
    """Starts 3, 4 and never (3 and never where one start is all a method knows); half eligible; ``d`` treated now."""
    r = np.random.default_rng(11)
    starts = [3, 3, 0, 0] if method == "did.two_by_two" else [3, 4, 0, 0] if never else [3, 4, 5, 5]
    g, x = np.array(starts)[np.arange(units) % 4], r.normal(size=units)
    rows = [
        {"unit": 100 + u, "time": t, "g": int(g[u]), "q": u // 4 % 2, "x": float(x[u]), "w": 1 + u % 3, "c": u // 4,
         "d": int(0 < g[u] <= t), "y": float(10 + u % 5 + t + 2.0 * (0 < g[u] <= t) + r.normal())}
        for u in range(units)
        for t in range(1, 6)
    ]  # fmt: skip
    return pd.DataFrame(rows)


def panel(frame: pd.DataFrame, method: str, covariates: tuple[str, ...] = (), **rules: str) -> Panel:
    besides = ("q",) if method == "did.triple" else ()
    start = {"treated": "d"} if method == "did.switching" else {"first_treated": "g"}
    named = (*covariates, *besides)
    roles = FrameRoles("unit", "y", "time", covariates=named, cluster="c", weight="w", **start, **rules)  # type: ignore[arg-type]
    return panel_from_frame(frame, roles)


def ask(name: str, **options: object) -> Ask:
    kind = "none" if name == "did.twfe" else "simple"
    return Ask(name, {**METHODS[name], **options}, aggregation=kind, cluster="c")  # type: ignore[arg-type]


def run(frame: pd.DataFrame, method: str, **options: object) -> Estimate:
    return estimate(panel(frame, method), ask(method, **options))


def numbers(found: Estimate) -> np.ndarray:
    elements = (*found.path, *found.groups, *found.calendar, *found.cells)
    return np.array([found.att, found.se or 0.0, *(v for e in elements for v in (e.att, e.se or 0.0))])


def dated(frame: pd.DataFrame) -> pd.DataFrame:
    """Years as dates, never as no date."""
    years = {name: pd.to_datetime((2000 + frame[name]).astype(str) + "-01-01") for name in ("time", "g")}
    return frame.assign(time=years["time"], g=years["g"].where(frame["g"] > 0))


TYPES: Mapping[str, Callable[[pd.DataFrame], pd.DataFrame]] = {
    "Int64": lambda f: f.astype(dict.fromkeys(("unit", "time", "g", "w", "d"), "Int64")).replace({"g": {0: pd.NA}}),
    "categorical": lambda f: f.assign(
        unit=f["unit"].map("u{}".format).astype("category"), c=f["c"].map("c{:02d}".format).astype("category")
    ),
    "string": lambda f: f.assign(unit=f["unit"].map("u{}".format).astype("string"), c=f["c"].astype("string")),
    "datetime": dated,
}  # fmt: skip


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("kind", TYPES)
def test_column_types_change_nothing(method: str, kind: str) -> None:
    """Seen elsewhere: crashes and silently dropped rows on Int64, categorical, string and datetime columns."""
    frame = world(method)
    found, plain = run(TYPES[kind](frame), method), run(frame, method)
    assert found.att == pytest.approx(plain.att, rel=1e-11)
    assert found.se == pytest.approx(plain.se, rel=1e-9)
    assert found.counts == plain.counts


@pytest.mark.parametrize("method", BY_START)
@pytest.mark.parametrize("never", [True, False])
def test_units_treated_in_the_first_period_are_never_read(method: str, *, never: bool) -> None:
    """A seven-fold silent error where nobody is never treated (R did, pull request 266)."""
    if method == "did.event_study" and not never:
        method = "did.sun_abraham"  # coefficients by distance from the start are not identified where all start
    frame = world(method, never=never)
    extra = frame[frame["unit"] < 106].assign(unit=lambda f: f["unit"] + 800, g=1, y=lambda f: 1e12 * f["time"])
    options = {"control_group": "not_yet_treated"} if method == "did.triple" else {}
    plain, found = run(frame, method, **options), run(pd.concat([frame, extra]), method, **options)
    assert numbers(plain).tobytes() == numbers(found).tobytes()


@pytest.mark.parametrize("method", BY_START)
def test_only_always_treated_is_refused(method: str) -> None:
    frame = world(method)
    with pytest.raises(DataError) as caught:
        panel(frame.assign(g=np.where(frame["g"] > 0, 1, 0)), method)
    assert caught.value.codes == ("DATA_EMPTY_ARM",)


@pytest.mark.parametrize("method", ROWS)
def test_late_entrants_and_gaps_by_the_rule_keep(method: str) -> None:
    """A unit first seen after its start is nobody's effect; other gaps stay in, and a second computation agrees."""
    frame = world(method)
    holes = frame[(frame["unit"] * 7 + frame["time"] * 3) % 11 != 0]
    late = frame[(frame["unit"] == 100) & (frame["time"] > 3)].assign(unit=999, y=1e12)
    plain = estimate(panel(holes, method, balance="keep"), ask(method))
    found = estimate(panel(pd.concat([holes, late]), method, balance="keep"), ask(method))
    assert numbers(plain).tobytes() == numbers(found).tobytes()
    assert {"unbalanced_panel", "units_without_untreated_period"} <= set(found.notes)
    second = again(panel(holes, method, balance="keep"), ask(method)).value
    assert second == pytest.approx(plain.att, rel=1e-8)


@pytest.mark.parametrize("method", METHODS)
def test_gaps_without_a_rule_are_refused(method: str) -> None:
    """Three different answers by package on a panel with 10 % of its rows missing, none of them announced."""
    frame = world(method)
    frame = frame[~((frame["unit"] == 105) & (frame["time"] == 2))]
    with pytest.raises(DataError) as caught:
        panel(frame, method)
    assert caught.value.codes == ("DATA_UNBALANCED",)
    if method in {*WHOLE, "did.group_time"}:
        with pytest.raises(RunError) as refused:
            estimate(panel(frame, method, balance="keep"), ask(method))
        assert refused.value.codes == ("RUN_UNBALANCED_PANEL",)
        assert "105" in str(refused.value)


@pytest.mark.parametrize("method", BY_START)
def test_no_comparison_group_left_is_refused(method: str) -> None:
    """All start together: 5.77 with a standard error of zero elsewhere (PanelOLS), or an index error."""
    frame = world(method)
    with pytest.raises(DataError) as caught:
        panel(frame[frame["g"] == 3], method)
    assert caught.value.codes == ("DATA_EMPTY_ARM",)


def test_a_never_treated_group_that_vanishes_with_its_gaps_is_refused_and_counted() -> None:
    """Left NaN without a word when the panel was balanced (R did, pull request 275)."""
    frame = world("did.group_time")
    frame = frame[~((frame["g"] == 0) & (frame["time"] == 2))]
    gone = panel(frame, "did.group_time", balance="drop_unit")
    assert [(e.reason, e.arm, e.count) for e in gone.ledger.entries] == [("unbalanced_unit", "comparison", 24)]
    with pytest.raises(RunError) as caught:
        estimate(gone, ask("did.group_time", control_group="never_treated"))
    assert caught.value.codes == ("RUN_NO_COMPARISON",)


@pytest.mark.parametrize("method", ["did.two_by_two", "did.group_time", "did.triple"])
@pytest.mark.parametrize("adjust", ["reg", "ipw", "dr"])
def test_singular_covariates_in_a_cell_are_named_with_the_units(method: str, adjust: str) -> None:
    """Elsewhere the cell's effect is set to missing, or a pivot decides which covariate counts."""
    frame = world(method).assign(twice=lambda f: 2.0 * f["x"])
    data = panel(frame, method, ("x", "twice"))
    with pytest.raises(RunError, match="twice") as caught:
        estimate(data, ask(method, covariates=["x", "twice"], method=adjust))
    assert caught.value.codes == ("RUN_COLLINEAR",)
    assert "period 1" in str(caught.value)
    assert any(f"{unit}, " in str(caught.value) for unit in frame["unit"].unique())


@pytest.mark.parametrize("method", ROWS)
def test_singular_covariates_in_a_regression_are_named(method: str) -> None:
    frame = world(method)
    r = np.random.default_rng(5)
    x = frame["x"] if method == "did.extended_twfe" else pd.Series(r.normal(size=len(frame)))
    data = panel(frame.assign(x=x, twice=2.0 * x), method, ("x", "twice"))
    with pytest.raises(RunError, match=r"'(twice|x)") as caught:
        estimate(data, ask(method, covariates=["x", "twice"]))
    assert set(caught.value.codes) == {"RUN_COLLINEAR"}


@pytest.mark.parametrize("method", STAGGERED)
def test_a_cohort_of_one_stays_in_and_is_said(method: str) -> None:
    """Single-unit cohorts dropped, so that another effect is estimated (R staggered, issue 10)."""
    frame = world(method)
    able = frame.loc[(frame["g"] == 4) & ((frame["q"] == 1) | (method != "did.triple")), "unit"].unique()
    group = (frame["g"] == 4) & ((frame["q"] == 1) | (method != "did.triple"))
    found = run(frame[~group | (frame["unit"] == able[0])], method)
    treated = 12 + 1 if method != "did.triple" else 6 + 1
    assert found.counts.treated == treated
    assert "single_unit_cohort" in found.notes


def test_a_cohort_of_one_is_refused_where_others_are_needed() -> None:
    frame = world("did.imputation")
    one = frame[(frame["g"] != 4) | (frame["unit"] == 101)]
    with pytest.raises(RunError) as caught:
        run(one, "did.imputation", variance="leave_out")
    assert caught.value.codes == ("RUN_COHORT_OF_ONE",)


@pytest.mark.parametrize("method", METHODS)
def test_a_start_a_cluster_or_a_weight_that_does_not_belong_to_the_unit_is_refused(method: str) -> None:
    """A start that varies was read silently (diff-diff); weights of zero and clusters that are not nested likewise."""
    frame = world(method)
    here = (frame["unit"] == 105) & (frame["time"] == 4)
    cases = [("c", 99, "DATA_VARIES_WITHIN_UNIT"), ("w", 9, "DATA_VARIES_WITHIN_UNIT")]
    cases += [] if method == "did.switching" else [("g", 5, "DATA_START_VARIES")]
    for column, value, code in cases:
        with pytest.raises(DataError, match="105") as caught:
            panel(frame.assign(**{column: np.where(here, value, frame[column])}), method)
        assert caught.value.codes == (code,)
    for weight in (0, -1):
        with pytest.raises(DataError) as caught:
            panel(frame.assign(w=np.where(frame["unit"] == 105, weight, frame["w"])), method)
        assert set(caught.value.codes) == {"DATA_WEIGHT_NOT_POSITIVE"}


@pytest.mark.parametrize("method", METHODS)
def test_a_cluster_that_is_not_nested_is_refused_in_a_panel_made_by_hand_too(method: str) -> None:
    data = panel(world(method), method)
    moved = data.frame.assign(cluster=np.where(data.frame.index == 27, 99, data.frame["cluster"]))
    with pytest.raises(RunError) as caught:
        estimate(data.with_frame(moved), ask(method))
    assert caught.value.codes == ("RUN_CLUSTER_VARIES",)


@pytest.mark.parametrize("method", METHODS)
def test_a_named_cluster_counts_and_its_factor_is_printed(method: str) -> None:
    """An argument silently ignored (R did, pull request 262; csdid, 77); factors that differ by √(G/(G−1)) unsaid."""
    frame = world(method)
    clustered = run(frame, method)
    alone = estimate(panel(frame, method), Ask(method, METHODS[method], aggregation=ask(method).aggregation))
    assert clustered.att == alone.att
    assert clustered.se != alone.se
    assert (clustered.counts.clusters, alone.counts.clusters) == (12, 48)
    for key in ("se", "cluster", "clusters", "small_sample_factor", "distribution", "interval", "weights"):
        assert key in clustered.conventions


@pytest.mark.parametrize("method", METHODS)
def test_missing_outcomes_are_refused_or_counted_and_never_zero(method: str) -> None:
    """Missing outcomes turned into zeros (PanelMatch, issue 60); rows dropped without a word (R did2s, issue 27)."""
    frame = world(method)
    missing = frame.assign(y=frame["y"].where(frame["unit"] != 103))
    with pytest.raises(DataError) as caught:
        panel(missing, method)
    assert set(caught.value.codes) == {"DATA_MISSING_VALUE"}
    left = panel(missing, method, missing="drop_unit")
    assert sum(entry.count for entry in left.ledger.entries) == 1
    found = estimate(left, ask(method))
    assert numbers(found).tobytes() == numbers(run(frame[frame["unit"] != 103], method)).tobytes()


CODINGS: Mapping[str, tuple[object, str | None]] = {
    "infinity": (np.inf, None),
    "empty": (np.nan, None),
    "far year": (9999, "9999"),
}


@pytest.mark.parametrize("method", BY_START)
@pytest.mark.parametrize("coding", CODINGS)
def test_every_coding_of_never_gives_the_same_bits(method: str, coding: str) -> None:
    """1,545 rows dropped without a word where never was coded NaN (csdid, moderndid)."""
    value, declared = CODINGS[coding]
    frame = world(method)
    coded = frame.assign(g=frame["g"].astype(float).replace(0.0, value))
    if declared:
        coded["g"] = coded["g"].astype(int)
        data = panel(coded, method, never=declared)
    else:
        data = panel(coded, method)
    assert data.identity.never_coding == {"infinity": "infinity", "empty": "empty", "far year": "far_period"}[coding]
    assert numbers(estimate(data, ask(method))).tobytes() == numbers(run(frame, method)).tobytes()


PATHS = ("did.two_by_two", "did.group_time", "did.event_study", "did.sun_abraham", "did.triple", "did.switching")


@pytest.mark.parametrize("method", PATHS)
def test_under_a_straight_trend_the_path_does_not_bend_at_the_start(method: str) -> None:
    """Default event-study plots kink at treatment (Roth 2024): here every point is a distance from the same base."""
    frame = world("did.two_by_two")
    steep = (frame["g"] > 0) & ((frame["q"] == 1) | (method != "did.triple"))
    found = run(frame.assign(y=frame["unit"] + frame["time"] * (1.0 + 0.5 * steep)), method)
    expected = {e: 0.5 * (e + 1) for e in (-2, -1, 0, 1, 2)}
    assert {e.element: e.att for e in found.path} == pytest.approx(expected, abs=1e-9)
    base = next(e for e in found.path if e.element == -1)
    assert (base.reference, base.att) == (True, 0.0)
    assert all(e.n_treated for e in found.path)


@pytest.mark.parametrize("method", METHODS)
def test_one_treated_unit_has_no_analytic_standard_error(method: str) -> None:
    """0.087 with a standard error of 0.009 and no warning was seen elsewhere."""
    frame = world(method)
    chosen = frame.loc[(frame["g"] == 3) & (frame["q"] == 1), "unit"].iloc[0]
    others = (frame["g"] == 0) | ((frame["q"] == 0) if method == "did.triple" else False)
    kept = frame[others | (frame["unit"] == chosen)].assign(c=lambda f: f["unit"])
    found = run(kept, method)
    assert (found.se, found.absent) == (None, "TOO_FEW_CLUSTERS")
    assert (found.interval, found.p_value) == (None, None)
