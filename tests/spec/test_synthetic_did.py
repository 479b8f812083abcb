"""did.synthetic: by hand, staggered starts, placebos counted, refusals, and what may not change the numbers."""

from __future__ import annotations

import math
from itertools import permutations

import numpy as np
import pandas as pd
import pytest

import evaltool as ev
from evaltool.did import DirectEstimate
from evaltool.numerics.simplex_control import Windows
from evaltool.numerics.synthetic_did import Rules, penalties_of, synthetic_did

COLUMNS = {"outcome": "y", "unit": "town", "time": "year", "first_treated": "start"}
STARTS = {"A": 2008, "B": 2008, "C": 2010}


def towns(seed: int = 0, starts: dict[str, int] | None = None, units: str = "ABCDEFGHI") -> pd.DataFrame:
    """Towns over twelve years; those with a start gain 5 from then on."""
    r = np.random.default_rng(seed)
    paths = r.normal(size=(12, 2)).cumsum(axis=0) @ r.uniform(0.2, 1.0, size=(2, 9)) + 20 + 0.2 * r.normal(size=(12, 9))
    starts = STARTS if starts is None else starts
    rows = [
        (town, 2000 + t, paths[t, k] + 5.0 * (2000 + t >= starts.get(town, 9999)), starts.get(town, 0))
        for k, town in enumerate("ABCDEFGHI")
        for t in range(12)
        if town in units
    ]
    return pd.DataFrame(rows, columns=["town", "year", "y", "start"])


def estimated(frame: pd.DataFrame, **options: object) -> DirectEstimate:
    return ev.did.synthetic(frame, **COLUMNS, **options)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def staggered() -> DirectEstimate:
    return estimated(towns())


def test_staggered_starts_are_the_mean_of_single_cohorts(staggered: DirectEstimate) -> None:
    """Two units for four years and one for two years: weights 8 and 2 of 10."""
    first = estimated(towns(starts=STARTS)[lambda d: d["town"] != "C"])
    second = estimated(towns(starts=STARTS)[lambda d: ~d["town"].isin(["A", "B"])])
    assert staggered.att == pytest.approx(0.8 * first.att + 0.2 * second.att, abs=1e-12)
    assert [g.att for g in staggered.groups] == pytest.approx([first.att, second.att], abs=1e-12)
    assert [g.weight for g in staggered.groups] == [0.8, 0.2]
    assert staggered.att == pytest.approx(5.0, abs=1.0)


def test_every_placebo_assignment_is_fitted_once(staggered: DirectEstimate) -> None:
    """C(6, 2) · C(4, 1) = 60 ways to put two and one of six donors in the places of the treated."""
    frame = towns()
    donors = frame[frame["start"] == 0].pivot_table(index="town", columns="year", values="y").to_numpy()
    years = np.arange(2000, 2012)
    windows = [Windows(before=years < g, after=years >= g) for g in (2008, 2010)]
    penalties = [penalties_of(donors, w, n) for w, n in zip(windows, (2, 1), strict=True)]
    effects = []
    for a, b, c in permutations(range(6), 3):
        if a < b:
            rest = np.delete(donors, [a, b, c], axis=0)
            one = synthetic_did(rest, donors[[a, b]].mean(axis=0), windows[0], penalties[0], Rules()).effect
            two = synthetic_did(rest, donors[c], windows[1], penalties[1], Rules()).effect
            effects.append(0.8 * one + 0.2 * two)
    assert len(effects) == staggered.conventions["placebos"] == 60
    assert staggered.se == pytest.approx(np.std(effects), rel=1e-10)
    count = sum(abs(e) >= abs(staggered.att) for e in effects)
    assert staggered.conventions["placebo_p"] == (1 + count) / 61


def test_the_interval_is_the_normal_one_of_the_printed_error(staggered: DirectEstimate) -> None:
    assert staggered.se is not None
    assert staggered.interval is not None
    half = 1.959963984540054 * staggered.se
    assert (staggered.interval.lower, staggered.interval.upper) == pytest.approx(
        (staggered.att - half, staggered.att + half)
    )
    assert staggered.p_value == pytest.approx(math.erfc(abs(staggered.att / staggered.se) / math.sqrt(2.0)))


def test_equal_weights_are_difference_in_differences() -> None:
    frame = towns(starts={"A": 2008})
    wide = frame.pivot_table(index="year", columns="town", values="y")
    later = wide.index >= 2008
    others = wide.drop(columns="A").mean(axis=1)
    by_hand = (wide["A"] - others)[later].mean() - (wide["A"] - others)[~later].mean()
    assert estimated(frame, unit_weights="equal", time_weights="equal").att == pytest.approx(by_hand, abs=1e-12)


def test_units_and_periods_that_move_alike_change_nothing(staggered: DirectEstimate) -> None:
    """Unit and period effects are taken off: constants by town and by year leave effect and error."""
    frame = towns()
    frame["y"] += 3.0 * (frame["year"] - 2000)
    frame["y"] += frame["town"].map(dict(zip("ABCDEFGHI", range(0, 90, 10), strict=True))) + 3.0 * (
        frame["year"] - 2000
    )
    moved = estimated(frame)
    assert moved.att == pytest.approx(staggered.att, abs=1e-8)
    assert moved.se == pytest.approx(staggered.se, rel=1e-6)


def test_scaling_the_outcome_scales_effect_and_error(staggered: DirectEstimate) -> None:
    other = estimated(towns().assign(y=lambda d: -8.0 * d["y"]))
    assert (other.att, other.se) == pytest.approx((-8.0 * staggered.att, 8.0 * (staggered.se or 0.0)), rel=1e-9)


def test_orders_of_rows_change_no_byte() -> None:
    frame = towns(starts={"A": 2008, "B": 2008}, units="ABCDEF")
    first = estimated(frame).to_json()
    for seed in range(50):
        assert estimated(frame.sample(frac=1.0, random_state=seed)).to_json() == first


def test_names_of_donors_change_no_number() -> None:
    frame = towns(starts={"A": 2008})
    first = estimated(frame)
    for seed in range(50):
        new = np.random.default_rng(seed).permutation(list("BCDEFGHI"))
        names = {"A": "A", **dict(zip("BCDEFGHI", new, strict=True))}
        other = estimated(frame.assign(town=frame["town"].map(names)))
        assert (other.att, other.se, other.conventions) == (first.att, first.se, first.conventions)


def test_too_many_placebos_are_drawn_with_a_stated_seed() -> None:
    r = np.random.default_rng(5)
    rows = [(u, t, v, 8 if u < 5 else 99) for u in range(20) for t, v in enumerate(r.normal(size=10).cumsum())]
    frame = pd.DataFrame(rows, columns=["town", "year", "y", "start"])
    one, same, other = (estimated(frame, draws=99, seed=seed) for seed in (1, 1, 2))
    assert one.conventions["placebos_possible"] == math.comb(15, 5)
    assert (one.conventions["placebos"], one.conventions["placebos_chosen"]) == (99, "drawn with seed 1")
    assert one.to_json() == same.to_json()
    assert one.att == other.att
    assert one.se != other.se


def test_a_jackknife_by_hand() -> None:
    """Equal weights: leaving out a unit changes a mean, so that the error has a closed form."""
    frame = towns(starts={"A": 2008, "B": 2008})
    found = estimated(frame, unit_weights="equal", time_weights="equal", se="jackknife")
    wide = frame.pivot_table(index="year", columns="town", values="y")
    change = wide[wide.index >= 2008].mean() - wide[wide.index < 2008].mean()
    own, others = change[["A", "B"]], change.drop(["A", "B"])
    left = [
        *(own.mean() - others.drop(k).mean() for k in others.index),
        *(own.drop(k).mean() - others.mean() for k in own.index),
    ]
    n = len(left)
    assert found.se == pytest.approx(math.sqrt((n - 1) / n * np.sum((np.array(left) - np.mean(left)) ** 2)), rel=1e-10)


REFUSED = [
    (towns(starts={"A": 2001}), {}, "RUN_SHORT_HISTORY"),
    (towns(starts={"A": 2008}, units="AB"), {}, "RUN_TOO_FEW_DONORS"),
    (towns(starts={"A": 2008, "B": 2008}, units="ABCDE"), {}, "RUN_TOO_FEW_DONORS"),
    (towns(starts={"A": 2008}), {"se": "jackknife"}, "RUN_NO_JACKKNIFE"),
    (towns().iloc[1:], {}, "DATA_UNBALANCED"),
    (towns(), {"solver": "newton"}, "USAGE_BAD_ARGUMENT"),
]


@pytest.mark.parametrize(("frame", "options", "code"), REFUSED)
def test_refusals_name_their_cause(frame: pd.DataFrame, options: dict[str, object], code: str) -> None:
    with pytest.raises(ev.errors.EvaltoolError) as caught:
        estimated(frame, **options)
    assert code in caught.value.codes


def test_relative_effects_and_anticipation() -> None:
    frame = towns(starts={"A": 2008})
    found = estimated(frame)
    assert found.relative is not None
    assert found.relative.value == pytest.approx(found.att / found.counterfactual)
    early = estimated(frame, anticipation=2)
    cohorts = early.certificate["cohorts"]
    assert isinstance(cohorts, list)
    assert not {"2006", "2007"} & set(cohorts[0]["time_weights"])  # type: ignore[arg-type,call-overload,index]
