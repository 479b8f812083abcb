"""Matching whatever the data: order of rows, names of units, units of measure, and promises."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matched_worlds import asked, built, cross_section, panel_of

from evaltool.designs.matching._nearest_options import NearestOptions
from evaltool.designs.matching.nearest import PLUGIN as NEAREST
from evaltool.estimators.weighted.difference import PLUGIN as DIFFERENCE
from evaltool.estimators.weighted.difference import DifferenceOptions
from evaltool.numerics.matching import Arm, MatchRule, nearest
from evaltool.records.design import Design
from evaltool.records.estimate import Estimate

COVARIATES = ("a", "b")
MENU: list[dict[str, object]] = [
    {},
    {"ratio": 3},
    {"caliper": Decimal("0.25")},
    {"order": "closest", "caliper": Decimal("0.1")},
    {"order": "smallest", "scale": "linear", "ratio": 2},
    {"replace": True, "ratio": 2},
    {"replace": True, "scale": "linear", "caliper": Decimal("0.2"), "caliper_sd": "pooled"},
]


def both(frame: pd.DataFrame, options: dict[str, object], adjust: bool = True) -> tuple[Design, Estimate]:
    panel = panel_of(frame)
    design = built(NEAREST, NearestOptions(covariates=COVARIATES, **options), panel)
    covariates = COVARIATES if adjust else ()
    return design, DIFFERENCE.estimate(asked(DifferenceOptions(covariates=covariates), design, panel))


@pytest.mark.parametrize("options", MENU)
@pytest.mark.parametrize("discrete", [False, True])
def test_row_order_changes_no_byte(options: dict[str, object], discrete: bool) -> None:
    frame = cross_section(7, 20, 60, discrete=discrete)
    design, found = both(frame, options)
    for seed in range(3):
        shuffled = frame.sample(frac=1.0, random_state=seed)[list(frame.columns)[::-1]]
        again, other = both(shuffled, options)
        assert again.summary.to_json() == design.summary.to_json()
        assert again.ledger.to_json() == design.ledger.to_json()
        assert other.to_json() == found.to_json()


@pytest.mark.parametrize("options", MENU)
def test_without_ties_the_names_of_units_change_no_set(options: dict[str, object]) -> None:
    """Scores are fitted on rows in order of content, so even their last bits do not depend on the ids."""
    frame = cross_section(8, 20, 60)
    design, found = both(frame, options)
    names = np.random.default_rng(1).permutation(len(frame))
    again, other = both(frame.assign(unit=[f"u{k:03d}" for k in names]), options)
    assert design.weights is not None
    assert again.weights is not None
    mine = design.weights.set_index("unit")
    theirs = again.weights.set_index("unit").loc[[f"u{k:03d}" for k in names]]
    assert theirs["score"].tolist() == mine["score"].tolist()
    assert theirs["weight"].tolist() == mine["weight"].tolist()
    assert other.att == pytest.approx(found.att, rel=1e-12)
    assert other.se == pytest.approx(found.se, rel=1e-12)


def test_with_replacement_names_change_nothing_even_with_ties() -> None:
    frame = cross_section(9, 20, 60, discrete=True)
    _, found = both(frame, {"replace": True})
    for seed in range(5):
        names = np.random.default_rng(seed).permutation(len(frame))
        _, other = both(frame.assign(unit=names), {"replace": True})
        assert other.att == pytest.approx(found.att, rel=1e-13)
        assert other.se == pytest.approx(found.se, rel=1e-12)


@pytest.mark.parametrize("options", MENU)
def test_scaling_and_shifting_the_outcome(options: dict[str, object]) -> None:
    frame = cross_section(10, 20, 60, discrete=True)
    design, found = both(frame, options)
    again, scaled = both(frame.assign(**{"y.y": frame["y.y"] * -4.0 + 100.0}), options)
    assert again.summary == design.summary
    assert scaled.att == pytest.approx(-4.0 * found.att, rel=1e-10)
    assert scaled.se == pytest.approx(4.0 * (found.se or 0.0), rel=1e-9)
    if found.conventions["tie_lower"] is not None:
        assert scaled.conventions["tie_upper"] == pytest.approx(-4.0 * found.conventions["tie_lower"], rel=1e-9)


@pytest.mark.parametrize("options", MENU)
def test_units_of_measure_of_covariates_change_no_set(options: dict[str, object]) -> None:
    """Powers of two change no rounding; the score is the same up to the last digits."""
    frame = cross_section(12, 20, 60)
    design, found = both(frame, options)
    again, other = both(frame.assign(**{"x.a": frame["x.a"] * 1024.0, "x.b": frame["x.b"] / 64.0}), options)
    assert design.weights is not None
    assert again.weights is not None
    assert again.weights["weight"].tolist() == design.weights["weight"].tolist()
    assert other.att == pytest.approx(found.att, rel=1e-9)


def test_a_comparison_unit_far_from_everybody_changes_no_set() -> None:
    """Given the scores: somebody beyond all others is nobody's nearest while others are left."""
    r = np.random.default_rng(3)
    treated, comparison = r.integers(0, 1000, 30), r.integers(0, 1000, 90)
    near = _matched(treated, comparison, MatchRule(caliper=40))
    far = _matched(treated, np.append(comparison, 10**6), MatchRule(caliper=40))
    assert near == far


def _matched(treated: np.ndarray, comparison: np.ndarray, rule: MatchRule) -> list[tuple[int, int]]:
    n, m = len(treated), len(comparison)
    zero = np.zeros(n + m, dtype=np.int64)
    ranks = np.arange(n + m)
    one = Arm(score=treated, stratum=zero[:n], rank=ranks[:n])
    other = Arm(score=comparison, stratum=zero[n:], rank=ranks[n:])
    found = nearest(one, other, rule)
    return list(zip(found.treated.tolist(), found.comparison.tolist(), strict=True))


scores = st.lists(st.integers(0, 30), min_size=1, max_size=12)


@settings(max_examples=200, deadline=None)
@given(scores, scores, st.integers(1, 3), st.sampled_from(["largest", "smallest", "closest"]), st.integers(0, 12))
def test_greedy_is_what_a_plain_search_does(
    treated: list[int], comparison: list[int], ratio: int, order: str, caliper: int
) -> None:
    """The sweep against a search over everybody left, step by step, by the same stated rules."""
    rule = MatchRule(ratio=ratio, order=order, caliper=caliper)  # type: ignore[arg-type]
    fast = _matched(np.array(treated), np.array(comparison), rule)
    slow = _closest(treated, comparison, rule) if order == "closest" else _greedy(treated, comparison, rule)
    assert sorted(fast) == sorted(slow)


def _nearest_left(i: int, treated: list[int], comparison: list[int], left: set[int]) -> tuple[int, int] | None:
    """(distance, unit): smallest distance; then the lower side; then nearest in the line of (score, rank)."""
    here = (treated[i], i)

    def key(j: int) -> tuple[int, int, tuple[int, int]]:
        there = (comparison[j], len(treated) + j)
        below = there < here
        line = (-there[0], -there[1]) if below else there
        return (abs(comparison[j] - treated[i]), 0 if below else 1, line)

    best = min(left, key=key, default=None)
    return None if best is None else (abs(comparison[best] - treated[i]), best)


def _greedy(treated: list[int], comparison: list[int], rule: MatchRule) -> list[tuple[int, int]]:
    sign = -1 if rule.order == "largest" else 1
    sequence = sorted(range(len(treated)), key=lambda i: (sign * treated[i], i))
    left, found = set(range(len(comparison))), []
    for _ in range(rule.ratio):
        served = []
        for i in sequence:
            choice = _nearest_left(i, treated, comparison, left)
            if choice is not None and choice[0] <= (rule.caliper or 0):
                left.remove(choice[1])
                found.append((i, choice[1]))
                served.append(i)
        sequence = served
    return found


def _closest(treated: list[int], comparison: list[int], rule: MatchRule) -> list[tuple[int, int]]:
    """Distances by pairs; among equals the larger treated score; among those, who looked again last, else by rank."""
    left, found = set(range(len(comparison))), []
    sequence = list(range(len(treated)))
    for _ in range(rule.ratio):
        looked = {i: (turn, _nearest_left(i, treated, comparison, left)) for turn, i in enumerate(sequence)}
        again, served = 0, []
        while True:
            waiting = [
                (choice[0], -treated[i], turn, i, choice[1])
                for i, (turn, choice) in looked.items()
                if choice is not None and choice[0] <= (rule.caliper or 0)
            ]
            if not waiting:
                break
            _, _, _, i, j = min(waiting)
            if j in left:
                left.remove(j)
                found.append((i, j))
                served.append(i)
                del looked[i]
            else:
                again += 1
                looked[i] = (-again, _nearest_left(i, treated, comparison, left))
        sequence = sorted(served)
    return found


@settings(max_examples=100, deadline=None)
@given(scores, scores, st.integers(1, 3))
def test_with_replacement_is_everybody_within_the_last_distance(
    treated: list[int], comparison: list[int], ratio: int
) -> None:
    found = _matched(np.array(treated), np.array(comparison), MatchRule(ratio=ratio, replace=True))
    for i, score in enumerate(treated):
        distances = sorted(abs(c - score) for c in comparison)
        radius = distances[min(ratio, len(distances)) - 1]
        assert {j for k, j in found if k == i} == {j for j, c in enumerate(comparison) if abs(c - score) <= radius}
