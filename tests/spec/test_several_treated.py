"""Synthetic controls of several treated units: averages by hand, placebos counted, starts, refusals."""

from __future__ import annotations

from functools import cache
from itertools import permutations

import numpy as np
import pandas as pd
import pytest

import evaltool as ev
from evaltool import registry
from evaltool.counterfactual import SyntheticControl

COLUMNS = {"outcome": "y", "unit": "town", "time": "year"}
STARTS = {"A": 2010, "B": 2008, "C": 2010}


def towns(seed: int = 0) -> pd.DataFrame:
    """Nine towns over fourteen years; A, B and C gain 5 from their starts on."""
    r = np.random.default_rng(seed)
    paths = r.normal(size=(14, 2)).cumsum(axis=0) @ r.uniform(0.2, 1.0, size=(2, 9)) + 20 + 0.2 * r.normal(size=(14, 9))
    rows = [
        (town, 2000 + t, paths[t, k] + 5.0 * (2000 + t >= STARTS.get(town, 9999)))
        for k, town in enumerate("ABCDEFGHI")
        for t in range(14)
    ]
    return pd.DataFrame(rows, columns=["town", "year", "y"])


def control(frame: pd.DataFrame, treated: object, start: object, **options: object) -> SyntheticControl:
    return ev.counterfactual.synthetic_control(
        frame, **COLUMNS, treated=treated, start=start, **{"level": 0.7} | options
    )  # type: ignore[arg-type]


def alone(town: str) -> SyntheticControl:
    """One treated town against the six that are never treated."""
    others = set("ABC") - {town}
    return control(towns()[lambda d: ~d["town"].isin(others)], town, STARTS[town])


@pytest.fixture(scope="module")
def found() -> SyntheticControl:
    return control(towns(), ["A", "B", "C"], STARTS)


def test_the_effect_is_the_mean_over_treated_unit_periods(found: SyntheticControl) -> None:
    """A and C are treated for four years, B for six."""
    each = {town: alone(town) for town in "ABC"}
    assert "several_ranks" in found.estimate.notes
    by_hand = (4 * each["A"].att + 6 * each["B"].att + 4 * each["C"].att) / 14
    assert found.att == pytest.approx(by_hand, abs=1e-12)
    rows = {row["unit"]: row for row in found.estimate.certificate["treated_units"]}  # type: ignore[union-attr,index,call-overload,misc]
    for town, one in each.items():
        assert rows[town]["effect"] == pytest.approx(one.att, abs=1e-12)
        assert rows[town]["relative_gap"] < 1e-12
        assert rows[town]["donor_weights"] == pytest.approx({k: v for k, v in one.weights.items() if v})
    assert [g.label for g in found.estimate.groups] == ["2008", "2010"]
    assert sum(g.att * (g.weight or 0.0) for g in found.estimate.groups) == pytest.approx(found.att)


def test_the_path_is_by_time_since_the_start(found: SyntheticControl) -> None:
    """At the start all three are seen; five years after it B alone."""
    gaps = {town: {e.element: e.att for e in alone(town).estimate.path} for town in "ABC"}
    path = {e.element: e for e in found.estimate.path}
    assert path[0].att == pytest.approx(np.mean([gaps[town][0] for town in "ABC"]))
    assert (path[0].n_treated, path[5].n_treated, path[-10].n_treated) == (3, 1, 2)
    assert path[5].att == pytest.approx(gaps["B"][5])


def test_placebo_averages_are_every_way_to_put_donors_in_their_places(found: SyntheticControl) -> None:
    """One of six donors starts in 2008 and two others in 2010: 6 · C(5, 2) = 60; no donor to each other."""
    donors = towns()[lambda d: ~d["town"].isin(list("ABC"))]

    @cache
    def gaps(town: str, start: int, others: frozenset[str]) -> list[float]:
        path = control(donors[~donors["town"].isin(others)], town, start).estimate.path
        return [e.att for e in path if e.element >= 0]

    effects = {}
    for b, a, c in permutations("DEFGHI", 3):
        if a < c:
            late = gaps(b, 2008, frozenset((a, c))) + gaps(a, 2010, frozenset((b, c)))
            effects[b, a, c] = float(np.mean(late + gaps(c, 2010, frozenset((a, b)))))
    placebos = found.placebos
    assert len(placebos) == len(effects) == found.estimate.conventions["placebos"] == 60
    assert sorted(placebos["effect"]) == pytest.approx(sorted(effects.values()))
    assert found.placebo_p == found.estimate.conventions["permutation_place"] / 61  # type: ignore[operator]


def test_one_in_a_list_is_the_same_as_one(found: SyntheticControl) -> None:
    one, listed = alone("B"), control(towns()[lambda d: ~d["town"].isin(["A", "C"])], ["B"], 2008)
    assert (one.att, one.placebo_p) == (listed.att, listed.placebo_p)
    assert found.estimate.counts.treated == 3


def test_orders_and_names_change_nothing(found: SyntheticControl) -> None:
    for seed in range(50):
        r = np.random.default_rng(seed)
        frame = towns().sample(frac=1.0, random_state=seed)
        if seed < 10:
            assert control(frame, ["C", "B", "A"], STARTS).estimate.to_json() == found.estimate.to_json()
        names = {
            **dict(zip("ABC", "ABC", strict=True)),
            **dict(zip("DEFGHI", r.permutation(list("DEFGHI")), strict=True)),
        }
        other = control(frame.assign(town=frame["town"].map(names)), ["A", "B", "C"], STARTS)
        assert other.estimate.conventions == found.estimate.conventions
        assert other.att == found.att


def test_a_second_computation_agrees(found: SyntheticControl) -> None:
    request = found.estimate._request
    again = registry.estimator("counterfactual.synthetic_control").second_opinion
    assert request is not None
    assert again is not None
    assert again(request).value == pytest.approx(found.att, abs=1e-9)


def test_the_replaying_solver_says_how_far_from_the_optimum_it_stopped() -> None:
    exact, replay = alone("A"), control(towns()[lambda d: ~d["town"].isin(["B", "C"])], "A", 2010, solver="frank_wolfe")
    assert replay.att == pytest.approx(exact.att, abs=0.5)
    assert float(replay.estimate.conventions["relative_duality_gap"] or 0.0) > 1e-12
    assert "weights_not_optimal" in replay.estimate.notes
    assert "several_ranks" not in exact.estimate.notes, "one treated unit"
    assert "weights_not_optimal" not in exact.estimate.notes


REFUSED: list[tuple[object, object, dict[str, object], str]] = [
    (["A", "B", "C"], STARTS, {"inference": "conformal"}, "RUN_ONE_TREATED_UNIT"),
    (["A", "B", "C"], STARTS, {"inference": "prediction"}, "RUN_ONE_TREATED_UNIT"),
    (["A", "B", "Q"], STARTS, {}, "USAGE_BAD_ARGUMENT"),
    (["A", "B"], {"A": 2010}, {}, "USAGE_BAD_ARGUMENT"),
    ([], 2010, {}, "USAGE_BAD_ARGUMENT"),
    (list("ABCDE"), 2010, {}, "RUN_TOO_FEW_DONORS"),
    ("A", 2010, {"solver": "frank_wolfe", "inference": "conformal"}, "USAGE_BAD_ARGUMENT"),
]


@pytest.mark.parametrize(("treated", "start", "options", "code"), REFUSED)
def test_refusals(treated: object, start: object, options: dict[str, object], code: str) -> None:
    with pytest.raises(ev.errors.EvaltoolError) as caught:
        control(towns(), treated, start, **options)
    assert code in caught.value.codes
