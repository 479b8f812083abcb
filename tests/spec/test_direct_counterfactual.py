"""The direct road of the counterfactual methods: any frame, the plan's own numbers, refusals that name the argument."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import polars as pl
import pytest

import evaltool as ev

COLUMNS = {"outcome": "y", "unit": "town", "time": "year", "treated": "A", "start": 2012}


def towns(seed: int = 0) -> pd.DataFrame:
    """Nine towns over sixteen years; A gains 5 from 2012 on."""
    r = np.random.default_rng(seed)
    paths = r.normal(size=(16, 2)).cumsum(axis=0) @ r.uniform(0.2, 1.0, size=(2, 9)) + 20 + 0.2 * r.normal(size=(16, 9))
    paths[12:, 0] += 5.0
    rows = [(town, 2000 + t, paths[t, k], float(k)) for k, town in enumerate("ABCDEFGHI") for t in range(16)]
    return pd.DataFrame(rows, columns=["town", "year", "y", "size"])


PREDICTORS = [{"column": "outcome", "periods": [2009, 2010]}, {"column": "size", "periods": [2001]}]
CALLS: list[tuple[str, dict[str, object]]] = [
    ("synthetic_control", {}),
    (
        "synthetic_control",
        {"predictors": [{"column": "outcome", "periods": [2009, 2010]}, {"column": "size", "periods": [2001]}]},
    ),
    ("augmented", {"covariates": ["size"], "fixed_effects": True}),
    ("penalised", {"penalty": 0.1}),
    ("interactive_effects", {"factors": 2}),
    ("matrix_completion", {"penalty": 0.2, "folds": 3}),
    ("interrupted_series", {"slope": False, "control": "B"}),
]


@pytest.mark.parametrize(("name", "options"), CALLS)
def test_any_frame_gives_the_same_effect(name: str, options: dict[str, object]) -> None:
    call: Callable[..., object] = getattr(ev.counterfactual, name)
    options = options if name == "interrupted_series" else options | {"level": 0.85}
    one, two = call(towns(), **COLUMNS, **options), call(pl.from_pandas(towns()), **COLUMNS, **options)
    assert one.att == two.att  # type: ignore[attr-defined]
    assert one.att == pytest.approx(5.0, abs=3.0)  # type: ignore[attr-defined]


def test_conformal_intervals_and_the_bound_stand_beside_the_effect() -> None:
    plain = ev.counterfactual.synthetic_control(towns(1), **COLUMNS, level=0.85)
    low, high = plain.identification_bound(0.05)
    assert low < plain.att < high
    assert plain.identification_bound(0.5)[0] < low
    frame = pd.concat([towns(1), towns(1).assign(year=lambda d: d["year"] - 16)])
    frame.loc[(frame["town"] == "A") & (frame["year"].between(1996, 1999)), "y"] -= 5.0
    found = ev.counterfactual.synthetic_control(frame, **COLUMNS, inference="conformal")
    assert found.conformal["p_value"] <= 0.05
    assert found.conformal["lower"] <= found.att <= found.conformal["upper"]
    path = found.path.set_index("time")
    assert path["lower"].notna().sum() == 4
    assert bool((path.loc[2012:, "lower"] <= path.loc[2012:, "effect"]).all())
    with pytest.raises(KeyError):
        _ = plain.conformal
    assert found.identification_bound()[0] <= found.att
    with pytest.raises(ev.errors.UsageError, match="USAGE_NOT_OFFERED"):
        ev.counterfactual.penalised(towns(), **COLUMNS, level=0.85).identification_bound()


def test_people_beside_a_rate_and_an_earlier_cohort() -> None:
    r = np.random.default_rng(2)
    frame = pd.DataFrame({"id": range(200), "live": r.integers(0, 2, 200), "y": r.normal(size=200)})
    frame["served"] = frame["live"] == 1
    found = ev.counterfactual.historical(frame, outcome="y", unit="id", treated="served", live="live")
    means = frame.groupby("served")["y"].mean()
    assert found.att == pytest.approx(means[True] - means[False])
    rate = ev.counterfactual.fixed_rate(frame[frame["served"]], outcome="y", unit="id", treated="served", rate=0.25)
    assert rate.att == pytest.approx(means[True] - 0.25)


def test_a_series_alone_needs_nobody_else() -> None:
    alone = towns()[lambda d: d["town"] == "A"]
    found = ev.counterfactual.interrupted_series(alone, **COLUMNS, slope=False)
    assert found.se is not None
    assert found.counts.comparison == 0


BAD: list[tuple[str, dict[str, object]]] = [
    ("augmented", {"covariates": "size"}),
    ("penalised", {"inference": "bootstrap"}),
    ("interactive_effects", {"factors": -1}),
    ("interrupted_series", {"season": 12}),
    ("synthetic_control", {"predictors": [{"columns": "y"}]}),
]


@pytest.mark.parametrize(("name", "options"), BAD)
def test_bad_arguments_are_named(name: str, options: dict[str, object]) -> None:
    with pytest.raises(ev.errors.UsageError) as caught:
        getattr(ev.counterfactual, name)(towns(), **COLUMNS, **options)
    assert set(caught.value.codes) <= {"USAGE_BAD_ARGUMENT", "USAGE_NOT_OFFERED"}
