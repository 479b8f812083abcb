"""What must not change an effect, and what must change it in step: on simulated staggered panels."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from estimator_world import Ask, again, estimate, sim_stagg, staggered
from hypothesis import given, settings
from hypothesis import strategies as st

from evaltool.records.estimate import Estimate

KINDS = ("simple", "dynamic", "group", "calendar")
METHODS = [("reg", ()), ("reg", ("x",)), ("ipw", ("x",)), ("dr", ("x",))]


def frame_of(seed: int, units: int = 48) -> pd.DataFrame:
    """A small staggered panel with a covariate that matters: starts 3, 4, never; five periods."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=units)
    g = np.array([3, 4, 0, 0])[np.arange(units) % 4]
    rows = [
        {
            "unit": u,
            "time": t,
            "g": int(g[u]),
            "x": float(x[u]),
            "y": float(10.0 + x[u] * t + 2.0 * (g[u] > 0) * (t >= g[u]) + rng.normal()),
            "w": float(1 + u % 3),
            "c": f"town {u % 8}",
        }
        for u in range(units)
        for t in range(1, 6)
    ]
    return pd.DataFrame(rows)


def ask_for(method: str, covariates: tuple[str, ...], kind: str = "simple") -> Ask:
    return Ask(
        options={"method": method, "covariates": list(covariates)},
        aggregation=kind,  # type: ignore[arg-type]
        cluster="c",
    )


def run(frame: pd.DataFrame, ask: Ask, covariates: tuple[str, ...]) -> Estimate:
    return estimate(staggered(frame, covariates=covariates, cluster="c", weight="w"), ask)


def numbers(found: Estimate) -> np.ndarray:
    """Everything a report prints, as one vector."""
    elements = (*found.path, *found.groups, *found.calendar, *found.cells)
    return np.array([found.att, found.se or 0.0, *(v for e in elements for v in (e.att, e.se or 0.0))])


@pytest.mark.parametrize(("method", "covariates"), METHODS)
@pytest.mark.parametrize("kind", KINDS)
def test_row_order_changes_no_bit(method: str, covariates: tuple[str, ...], kind: str) -> None:
    frame, ask = frame_of(1), ask_for(method, covariates, kind)
    first = run(frame, ask, covariates)
    for seed in (2, 3):
        shuffled = frame.sample(frac=1.0, random_state=seed)
        assert numbers(run(shuffled, ask, covariates)).tobytes() == numbers(first).tobytes()


@pytest.mark.parametrize(("method", "covariates"), METHODS)
def test_column_order_and_index_change_no_bit(method: str, covariates: tuple[str, ...]) -> None:
    frame, ask = frame_of(1), ask_for(method, covariates)
    other = frame[frame.columns[::-1]].set_axis(np.arange(len(frame))[::-1], axis=0)
    assert numbers(run(other, ask, covariates)).tobytes() == numbers(run(frame, ask, covariates)).tobytes()


RELABEL: dict[str, Callable[[pd.Series], pd.Series]] = {
    "text": lambda unit: unit.map(lambda u: f"school {u}"),
    "reversed": lambda unit: 1000 - unit,
    "spread": lambda unit: unit * 7919,
}


@pytest.mark.parametrize("name", RELABEL)
@pytest.mark.parametrize(("method", "covariates"), METHODS)
def test_unit_names_do_not_matter(name: str, method: str, covariates: tuple[str, ...]) -> None:
    frame, ask = frame_of(4), ask_for(method, covariates)
    renamed = frame.assign(unit=RELABEL[name](frame["unit"]))
    np.testing.assert_allclose(
        numbers(run(renamed, ask, covariates)), numbers(run(frame, ask, covariates)), rtol=1e-12, atol=1e-12
    )


@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 10_000), shift=st.floats(-1e3, 1e3), method=st.sampled_from(METHODS))
def test_adding_a_constant_to_the_outcome_changes_nothing(
    seed: int, shift: float, method: tuple[str, tuple[str, ...]]
) -> None:
    frame, ask = frame_of(seed), ask_for(*method)
    moved = frame.assign(y=frame["y"] + shift)
    np.testing.assert_allclose(
        numbers(run(moved, ask, method[1])), numbers(run(frame, ask, method[1])), rtol=1e-9, atol=1e-9
    )


@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 10_000), power=st.integers(-20, 20), method=st.sampled_from(METHODS))
def test_scaling_the_outcome_scales_effect_and_error(
    seed: int, power: int, method: tuple[str, tuple[str, ...]]
) -> None:
    """A power of two is exact in binary: every digit scales."""
    frame, ask = frame_of(seed), ask_for(*method)
    scaled = frame.assign(y=frame["y"] * 2.0**power)
    np.testing.assert_allclose(
        numbers(run(scaled, ask, method[1])), numbers(run(frame, ask, method[1])) * 2.0**power, rtol=1e-12
    )


@pytest.mark.parametrize("years", [1, 2000, -3])
def test_time_shift_changes_no_bit(years: int) -> None:
    frame, ask = frame_of(5), ask_for("dr", ("x",))
    moved = frame.assign(time=frame["time"] + years, g=np.where(frame["g"] > 0, frame["g"] + years, 99_999))
    panel = staggered(moved, covariates=("x",), cluster="c", weight="w", never="99999")
    assert numbers(estimate(panel, ask)).tobytes() == numbers(run(frame, ask, ("x",))).tobytes()


@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 10_000), value=st.floats(-1e9, 1e9), number=st.integers(1, 4))
def test_always_treated_units_change_no_bit(seed: int, value: float, number: int) -> None:
    frame, ask = frame_of(seed), ask_for("dr", ("x",))
    extra = pd.DataFrame(
        [
            {"unit": 900 + u, "time": t, "g": 1, "x": value, "y": value * t, "w": 5.0, "c": "town 1"}
            for u in range(number)
            for t in range(1, 6)
        ]
    )
    both = pd.concat([frame, extra])
    assert numbers(run(both, ask, ("x",))).tobytes() == numbers(run(frame, ask, ("x",))).tobytes()


@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 10_000), factor=st.floats(0.01, 100.0))
def test_only_ratios_of_weights_matter(seed: int, factor: float) -> None:
    frame, ask = frame_of(seed), ask_for("dr", ("x",))
    scaled = frame.assign(w=frame["w"] * factor)
    np.testing.assert_allclose(
        numbers(run(scaled, ask, ("x",))), numbers(run(frame, ask, ("x",))), rtol=1e-9, atol=1e-11
    )


@settings(max_examples=8, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    method=st.sampled_from(METHODS),
    kind=st.sampled_from(KINDS),
    group=st.sampled_from(["never_treated", "not_yet_treated"]),
    anticipation=st.integers(0, 1),
)
def test_two_computations_agree(
    seed: int, method: tuple[str, tuple[str, ...]], kind: str, group: str, anticipation: int
) -> None:
    frame = frame_of(seed)
    options = {
        "method": method[0],
        "covariates": list(method[1]),
        "control_group": group,
        "anticipation": anticipation,
    }
    ask = Ask(options=options, aggregation=kind)  # type: ignore[arg-type]
    panel = staggered(frame, covariates=method[1], weight="w")
    found = estimate(panel, ask)
    assert found.se is not None
    assert abs(again(panel, ask).value - found.att) <= 1e-8 * max(abs(found.att), found.se)


CODINGS: dict[str, tuple[object, str | None]] = {
    "zero": (0, None),
    "infinity": (np.inf, None),
    "nan": (np.nan, None),
    "far year": (9999, "9999"),
}


@pytest.mark.parametrize("name", CODINGS)
def test_never_treated_coding_changes_no_bit(name: str) -> None:
    code, declared = CODINGS[name]
    frame = sim_stagg()
    coded = frame.assign(g=frame["g"].astype(float).replace(0.0, code))
    if declared or name == "zero":
        coded["g"] = coded["g"].astype(int)
    plain = estimate(staggered(frame), Ask())
    found = estimate(staggered(coded, never=declared), Ask())
    assert numbers(found).tobytes() == numbers(plain).tobytes()


def test_copies_of_every_unit_leave_the_effect_and_shrink_the_error() -> None:
    """Twice the data, the same effect, the error divided by the square root of two."""
    frame = frame_of(9)
    twin = pd.concat([frame, frame.assign(unit=frame["unit"] + 500)])
    ask = Ask(options={"method": "dr", "covariates": ["x"]})
    one, two = (estimate(staggered(f, covariates=("x",)), ask) for f in (frame, twin))
    assert two.att == pytest.approx(one.att, rel=1e-11)
    assert one.se is not None
    assert two.se == pytest.approx(one.se / np.sqrt(2.0), rel=1e-11)


def test_copies_clustered_together_add_no_information() -> None:
    frame = frame_of(9).assign(own=lambda f: f["unit"])
    twin = pd.concat([frame, frame.assign(unit=frame["unit"] + 500)])
    ask = Ask(cluster="own")
    one, two = (estimate(staggered(f, cluster="own"), ask) for f in (frame, twin))
    assert two.se == pytest.approx(one.se, rel=1e-12)


def test_clusters_of_3_to_46_units_sum_their_influence() -> None:
    """Forty-four clusters of unequal size, treated by cluster: regression of the change with CR0 by hand."""
    rng = np.random.default_rng(46)
    sizes = list(range(3, 47))
    rows = []
    unit = 0
    for cluster, size in enumerate(sizes):
        shock = rng.normal()
        for _ in range(size):
            level = rng.normal()
            for t in (1, 2):
                g = 2 if cluster % 2 else 0
                y = level + (t == 2) * (shock + rng.normal() + 0.5 * (g > 0))
                rows.append({"unit": unit, "time": t, "g": g, "y": float(y), "c": cluster})
            unit += 1
    frame = pd.DataFrame(rows)
    found = estimate(staggered(frame, cluster="c"), Ask(cluster="c", method="did.two_by_two"))
    wide = frame.pivot_table(index=["unit", "g", "c"], columns="time", values="y").reset_index()
    change, d = (wide[2] - wide[1]).to_numpy(), (wide["g"] > 0).to_numpy()
    residual = change - np.where(d, change[d].mean(), change[~d].mean())
    scores = np.where(d, residual / d.sum(), -residual / (~d).sum())
    sums = pd.Series(scores).groupby(wide["c"].to_numpy()).sum()
    assert found.se == pytest.approx(float(np.sqrt((sums**2).sum())), rel=1e-12)
    means = pd.Series(scores).groupby(wide["c"].to_numpy()).mean() * len(wide) / len(sizes)
    assert abs(float(np.sqrt((means**2).sum())) / float(found.se or 1.0) - 1.0) > 0.02
