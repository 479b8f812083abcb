"""Identities between difference-in-differences estimators, and what must not change any of them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
import pytest
from estimator_world import Ask, again, estimate, staggered
from hypothesis import given, settings
from hypothesis import strategies as st

import evaltool as ev
from evaltool.reading.frames import FrameRoles, panel_from_frame
from evaltool.records.estimate import Estimate
from evaltool.records.panel import Panel

KINDS = ("simple", "dynamic", "group", "calendar")
METHODS: dict[str, tuple[str, Mapping[str, object], str]] = {
    "twfe": ("did.twfe", {}, "none"),
    "event_study": ("did.event_study", {}, "dynamic"),
    "sun_abraham": ("did.sun_abraham", {}, "group"),
    "imputation": ("did.imputation", {}, "dynamic"),
    "leave_out": ("did.imputation", {"variance": "leave_out"}, "simple"),
    "two_stage": ("did.two_stage", {}, "calendar"),
    "extended": ("did.extended_twfe", {}, "group"),
    "extended_leads": ("did.extended_twfe", {"control_group": "never_treated", "effects": "unit"}, "dynamic"),
}


def frame_of(seed: int, units: int = 48, *, constant: bool = False) -> pd.DataFrame:
    """A small staggered panel: starts 3, 4, never; five periods; a covariate that varies over time, or does not."""
    rng = np.random.default_rng(seed)
    noise = rng.normal(size=units)
    g = np.array([3, 4, 0, 0])[np.arange(units) % 4]
    rows = [
        {
            "unit": u,
            "time": t,
            "g": int(g[u]),
            "x": float(noise[u] if constant else rng.normal()),
            "y": float(10.0 + u % 5 + t + (1.0 + t - g[u]) * (g[u] > 0) * (t >= g[u]) + rng.normal()),
            "w": float(1 + u % 3),
            "c": f"town {u % 8}",
        }
        for u in range(units)
        for t in range(1, 6)
    ]
    return pd.DataFrame(rows)


def with_gaps(frame: pd.DataFrame, covariates: tuple[str, ...] = ()) -> Panel:
    """The panel without some rows, by the rule "keep"."""
    kept = frame[(frame["unit"] * 7 + frame["time"] * 3) % 11 != 0]
    roles = FrameRoles(
        unit="unit",
        time="time",
        outcome="y",
        first_treated="g",
        covariates=covariates,
        cluster="c",
        weight="w",
        balance="keep",
    )
    return panel_from_frame(kept, roles)


def ask(name: str, covariates: tuple[str, ...] = ()) -> Ask:
    method, options, kind = METHODS[name]
    return Ask(method, {**options, "covariates": list(covariates)}, aggregation=kind, cluster="c")  # type: ignore[arg-type]


def run(frame: pd.DataFrame, name: str, covariates: tuple[str, ...] = ()) -> Estimate:
    return estimate(staggered(frame, covariates=covariates, cluster="c", weight="w"), ask(name, covariates))


def numbers(found: Estimate) -> np.ndarray:
    """Everything a report prints, as one vector."""
    elements = (*found.path, *found.groups, *found.calendar, *found.cells)
    return np.array([found.att, found.se or 0.0, *(v for e in elements for v in (e.att, e.se or 0.0))])


def near(found: float, expected: float, scale: float = 1.0) -> bool:
    return abs(found - expected) <= 1e-10 * max(abs(expected), scale)


@settings(max_examples=6, deadline=None)
@given(seed=st.integers(0, 10_000), kind=st.sampled_from(KINDS))
def test_a_saturated_event_study_is_group_time_with_never_treated(seed: int, kind: str) -> None:
    """Sun & Abraham 2021: without covariates every CATT is the difference of mean changes to the never-treated."""
    panel = staggered(frame_of(seed), weight="w")
    saturated = estimate(panel, Ask("did.sun_abraham", aggregation=kind))  # type: ignore[arg-type]
    plain = estimate(panel, Ask("did.group_time", {"control_group": "never_treated"}, aggregation=kind))  # type: ignore[arg-type]
    assert near(saturated.att, plain.att)
    assert all(
        near(one.att, other.att)
        for mine, theirs in ((saturated.cells, plain.cells), (saturated.path, plain.path))
        for one, other in zip(mine, theirs, strict=True)
    )


@settings(max_examples=6, deadline=None)
@given(seed=st.integers(0, 10_000), kind=st.sampled_from(KINDS), gaps=st.booleans(), covariate=st.booleans())
def test_imputation_and_two_stage_give_one_effect(seed: int, kind: str, *, gaps: bool, covariate: bool) -> None:
    covariates = ("x",) if covariate else ()
    frame = frame_of(seed)
    panel = with_gaps(frame, covariates) if gaps else staggered(frame, covariates=covariates, weight="w")
    options = {"covariates": list(covariates)}
    one = estimate(panel, Ask("did.imputation", options, aggregation=kind))  # type: ignore[arg-type]
    two = estimate(panel, Ask("did.two_stage", options, aggregation=kind))  # type: ignore[arg-type]
    assert near(one.att, two.att)
    assert one.se is not None
    assert two.se is not None


@settings(max_examples=5, deadline=None)
@given(seed=st.integers(0, 10_000), kind=st.sampled_from(KINDS))
def test_extended_regression_is_group_time_and_imputation(seed: int, kind: str) -> None:
    """Wooldridge 2021: with leads and the never-treated it is group-time; with the not-yet-treated, imputation."""
    panel = staggered(frame_of(seed), weight="w")
    leads = {"control_group": "never_treated", "effects": "unit"}
    pairs = (
        (("did.extended_twfe", leads), ("did.group_time", {"control_group": "never_treated"})),
        (("did.extended_twfe", {}), ("did.imputation", {})),
    )
    for one, other in pairs:
        found = [estimate(panel, Ask(method, options, aggregation=kind)) for method, options in (one, other)]  # type: ignore[arg-type]
        assert near(found[0].att, found[1].att)


@settings(max_examples=5, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_bacon_weights_times_estimates_are_the_two_way_coefficient(seed: int) -> None:
    """Goodman-Bacon 2021, theorem 1."""
    frame = frame_of(seed)
    names = {"outcome": "y", "unit": "unit", "time": "time", "first_treated": "g"}
    parts = ev.did.bacon(frame, **names).to_frame()
    whole = estimate(staggered(frame), Ask("did.twfe", aggregation="none"))
    assert float(parts["weight"].sum()) == pytest.approx(1.0, abs=1e-12)
    assert near(float((parts["weight"] * parts["estimate"]).sum()), whole.att)


@settings(max_examples=5, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_a_triple_difference_is_the_difference_of_two(seed: int) -> None:
    """Without covariates, cell by cell, for any outcome and weights."""
    frame = frame_of(seed).assign(q=lambda f: f["unit"] // 4 % 2)
    never = {"control_group": "never_treated"}
    triple = estimate(staggered(frame, covariates=("q",), weight="w"), Ask("did.triple", {"eligible": "q"}))
    able, other = (estimate(staggered(frame[frame["q"] == q], weight="w"), Ask(options=never)) for q in (1, 0))
    for cell, one, two in zip(triple.cells, able.cells, other.cells, strict=True):
        assert near(cell.att, one.att - two.att)


@settings(max_examples=5, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_switching_with_treatment_that_stays_is_group_time(seed: int) -> None:
    frame = frame_of(seed).assign(d=lambda f: ((f["g"] > 0) & (f["time"] >= f["g"])).astype(int))
    roles = FrameRoles(unit="unit", time="time", outcome="y", treated="d", weight="w", cluster="c")
    switched = estimate(panel_from_frame(frame, roles), Ask("did.switching", aggregation="dynamic", cluster="c"))
    staged = estimate(staggered(frame, weight="w", cluster="c"), Ask(aggregation="dynamic", cluster="c"))
    assert near(switched.att, staged.att)
    assert near(switched.se or 0.0, staged.se or 0.0)


@pytest.mark.parametrize("name", METHODS)
def test_row_and_column_order_change_no_bit(name: str) -> None:
    frame = frame_of(1, constant=name.startswith("extended"))
    first = numbers(run(frame, name, ("x",))).tobytes()
    for seed in (2, 3):
        shuffled = frame.sample(frac=1.0, random_state=seed)[frame.columns[::-1]]
        assert numbers(run(shuffled, name, ("x",))).tobytes() == first


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize("label", ["text", "reversed"])
def test_unit_names_do_not_matter(name: str, label: str) -> None:
    frame = frame_of(4)
    renamed = frame.assign(unit=frame["unit"].map(lambda u: f"school {u}" if label == "text" else 1000 - u))
    np.testing.assert_allclose(numbers(run(renamed, name)), numbers(run(frame, name)), rtol=1e-10, atol=1e-11)


@settings(max_examples=5, deadline=None)
@given(seed=st.integers(0, 10_000), shift=st.floats(-1e3, 1e3), name=st.sampled_from(sorted(METHODS)))
def test_adding_a_constant_to_the_outcome_changes_nothing(seed: int, shift: float, name: str) -> None:
    frame = frame_of(seed)
    moved = frame.assign(y=frame["y"] + shift)
    np.testing.assert_allclose(numbers(run(moved, name)), numbers(run(frame, name)), rtol=1e-8, atol=1e-9)


@settings(max_examples=5, deadline=None)
@given(seed=st.integers(0, 10_000), power=st.integers(-20, 20), name=st.sampled_from(sorted(METHODS)))
def test_scaling_the_outcome_scales_effect_and_error(seed: int, power: int, name: str) -> None:
    frame = frame_of(seed)
    scaled = frame.assign(y=frame["y"] * 2.0**power)
    expected = numbers(run(frame, name)) * 2.0**power
    np.testing.assert_allclose(numbers(run(scaled, name)), expected, rtol=1e-11)


@pytest.mark.parametrize("name", METHODS)
def test_a_time_shift_changes_no_bit(name: str) -> None:
    frame = frame_of(5)
    moved = frame.assign(time=frame["time"] + 2000, g=np.where(frame["g"] > 0, frame["g"] + 2000, 0))
    assert numbers(run(moved, name)).tobytes() == numbers(run(frame, name)).tobytes()


@pytest.mark.parametrize("name", METHODS)
def test_always_treated_units_change_no_bit(name: str) -> None:
    frame = frame_of(6, constant=name.startswith("extended"))
    extra = pd.DataFrame(
        [
            {"unit": 900 + u, "time": t, "g": 1, "x": 1e9, "y": 1e12 * t, "w": 5.0, "c": "town 1"}
            for u in range(3)
            for t in range(1, 6)
        ]
    )
    both = pd.concat([frame, extra])
    assert numbers(run(both, name, ("x",))).tobytes() == numbers(run(frame, name, ("x",))).tobytes()
    panel = staggered(both, covariates=("x",), cluster="c", weight="w")
    plain = staggered(frame, covariates=("x",), cluster="c", weight="w")
    assert again(panel, ask(name, ("x",))).value == again(plain, ask(name, ("x",))).value


@settings(max_examples=5, deadline=None)
@given(seed=st.integers(0, 10_000), factor=st.floats(0.01, 100.0), name=st.sampled_from(sorted(METHODS)))
def test_only_ratios_of_weights_matter(seed: int, factor: float, name: str) -> None:
    frame = frame_of(seed)
    scaled = frame.assign(w=frame["w"] * factor)
    np.testing.assert_allclose(numbers(run(scaled, name)), numbers(run(frame, name)), rtol=1e-9, atol=1e-10)


@settings(max_examples=12, deadline=None)
@given(seed=st.integers(0, 10_000), name=st.sampled_from(sorted(METHODS)), gaps=st.booleans(), covariate=st.booleans())
def test_two_computations_agree(seed: int, name: str, *, gaps: bool, covariate: bool) -> None:
    covariates = ("x",) if covariate else ()
    frame = frame_of(seed, constant=name.startswith("extended"))
    panel = with_gaps(frame, covariates) if gaps else staggered(frame, covariates=covariates, cluster="c", weight="w")
    found = estimate(panel, ask(name, covariates))
    assert found.se is not None
    assert abs(again(panel, ask(name, covariates)).value - found.att) <= 1e-8 * max(abs(found.att), found.se)


@pytest.mark.parametrize("name", METHODS)
def test_influence_values_reproduce_the_error(name: str) -> None:
    """Per unit, summed within clusters, times the printed factor."""
    frame = frame_of(7)
    found = run(frame, name)
    assert found.influence is not None
    town = frame.drop_duplicates("unit")["c"]
    sums = pd.Series(found.influence).groupby(town.to_numpy()).sum()
    factor = found.conventions["small_sample_factor"]
    scale = float(factor) if isinstance(factor, float) else 1.0
    assert found.se == pytest.approx(float(np.sqrt((sums**2).sum() * scale)) / len(found.influence), rel=1e-10)


@pytest.mark.parametrize("name", ["twfe", "event_study", "sun_abraham", "imputation", "two_stage", "extended"])
def test_a_straight_trend_common_to_all_gives_the_planted_effect(name: str) -> None:
    """No noise, one common effect of 3: every method finds 3 to the last digits."""
    frame = frame_of(8)
    exact = frame.assign(
        y=frame["unit"] * 0.5 + frame["time"] * 2.0 + 3.0 * ((frame["g"] > 0) & (frame["time"] >= frame["g"]))
    )
    assert run(exact, name).att == pytest.approx(3.0, abs=1e-11)
