"""Inference by every method and what a difference-in-differences is put through, each against plain arithmetic."""

from __future__ import annotations

import math

import numpy as np
import pytest

from evaltool.numerics.honest import Sensitivity
from evaltool.numerics.honest_conditional import deciding, hull, noise, prepare, roughly
from evaltool.numerics.honest_sets import EventStudy, relative_magnitudes
from evaltool.numerics.relabelled import (
    Pieces,
    Recipe,
    effects,
    permuted,
    pieces_of,
    pretended,
    randomisation,
    real,
    without_each,
)
from evaltool.records.examination import InferenceRow
from evaltool.records.plan.analysis import InferenceRule

RECIPE = Recipe("not_yet_treated", 0, "simple")


def staggered() -> tuple[Pieces, np.ndarray, np.ndarray, np.ndarray]:
    """Twelve units of their own cluster, five periods, starts in 3, 4 and never, unequal weights."""
    r = np.random.default_rng(7)
    cohort = np.repeat([0, 1, 2], 4)
    outcome, weights = r.normal(size=(12, 5)), r.integers(1, 5, size=12).astype(float)
    sums = pieces_of(outcome, weights, cohort, np.arange(12))
    return Pieces(*sums, (3.0, 4.0, math.inf), (1.0, 2.0, 3.0, 4.0, 5.0)), outcome, weights, cohort


def plain(outcome: np.ndarray, weights: np.ndarray, cohort: np.ndarray) -> float:
    """The simple average of cells, written out: base is the last period before the start."""
    starts = {0: 3, 1: 4}
    total = mass = 0.0
    for g, start in starts.items():
        for t in range(start, 6):
            change = outcome[:, t - 1] - outcome[:, start - 2]
            mine = cohort == g
            later = (cohort == 2) | np.array([starts.get(int(c), 9) > t and c != g for c in cohort])
            if not mine.any():
                continue
            cell = np.average(change[mine], weights=weights[mine]) - np.average(change[later], weights=weights[later])
            total, mass = total + weights[mine].sum() * cell, mass + weights[mine].sum()
    return total / mass


def test_the_real_starts_give_the_average_written_out() -> None:
    pieces, outcome, weights, cohort = staggered()
    assert effects(pieces, RECIPE, real(pieces))[0][0] == pytest.approx(plain(outcome, weights, cohort), rel=1e-12)


def test_each_cluster_left_out_is_a_computation_without_it() -> None:
    pieces, outcome, weights, cohort = staggered()
    found = effects(pieces, RECIPE, without_each(pieces))[0]
    for place in range(12):
        kept = np.arange(12) != place
        assert found[place] == pytest.approx(plain(outcome[kept], weights[kept], cohort[kept]), rel=1e-12)


def test_randomisation_counts_assignments_and_its_interval_is_the_test_inverted() -> None:
    pieces, outcome, weights, cohort = staggered()
    test = randomisation(pieces, RECIPE, draws=199, seed=3, level=0.9)
    values = effects(pieces, RECIPE, np.vstack([real(pieces), permuted(pieces, 199, 3)]))[0]
    assert test.p_value == np.mean(np.abs(values) >= abs(values[0]) * (1 - 1e-9))
    on = np.array([[t >= {0: 3, 1: 4, 2: 99}[int(c)] for t in range(1, 6)] for c in cohort])
    for end, sign in ((test.lower, 1.0), (test.upper, -1.0)):
        for inside, above in ((sign * 1e-3, True), (-sign * 1e-3, False)):
            moved = pieces_of(outcome - (end + inside) * on, weights, cohort, np.arange(12))
            other = Pieces(*moved, pieces.starts, pieces.periods)
            p = randomisation(other, RECIPE, draws=199, seed=3, level=0.9).p_value
            assert (p > 1.0 - 0.9) == above


def test_pretended_starts_are_among_those_that_never_start() -> None:
    pieces = staggered()[0]
    labels = pretended(pieces, 20, 1)
    assert labels is not None
    assert set(labels[:, pieces.cohort != 2].ravel().tolist()) == {-1}
    assert all((row[pieces.cohort == 2] == 2).sum() >= 2 for row in labels)


def study() -> EventStudy:
    """Four periods before the base and three after."""
    r = np.random.default_rng(5)
    root = r.normal(size=(7, 9))
    return EventStudy(r.normal(size=7) * 0.1 + [0, 0, 0, 0, 1, 1, 1], root @ root.T / 200, 4, np.full(3, 1 / 3))


@pytest.mark.parametrize("bound", [0.2, 1.0])
def test_members_that_are_not_drawn_for_move_no_end(bound: float) -> None:
    event = study()
    draws, alpha = noise(event, 4_000), 0.05
    every = [prepare(event, moments, draws, alpha) for moments in relative_magnitudes(event, bound)]
    rough = [roughly(event, moments, alpha) for moments in relative_magnitudes(event, bound)]
    some = deciding(rough, lambda m: prepare(event, m, draws, alpha), event.estimate, 8 * event.se, alpha)
    expected = hull(every, event.estimate, 8 * event.se, alpha)
    assert hull(some, event.estimate, 8 * event.se, alpha) == pytest.approx(expected, abs=1e-7 * event.se)
    assert len(some) < len(every)


def test_a_breakdown_value_is_where_the_interval_begins_to_hold_it() -> None:
    asked = Sensitivity(study(), "relative_magnitudes", "conditional", 0.95, 4_000)
    value = asked.breakdown(0.0, 1e-3).value
    assert value is not None
    assert asked.interval(value).holds(0.0)
    assert not asked.interval(value - 2e-3).holds(0.0)


@pytest.mark.parametrize(
    ("condition", "holds"),
    [({"treated_below": 3}, True), ({"treated_below": 2}, False), ({"clusters_below": 12}, False)],
)
def test_a_rule_counts_clusters(condition: dict[str, int], holds: bool) -> None:
    assert InferenceRule(use="cr2", **condition).holds(2, 10) == holds


def test_what_a_row_may_not_say() -> None:
    with pytest.raises(ValueError, match="reason"):
        InferenceRow(method="cr1", status="unusable")
    with pytest.raises(ValueError, match="not offered"):
        InferenceRow(method="cr1", status="not_offered", reason="no_arms", p_value=0.1)
    with pytest.raises(ValueError, match="condition"):
        InferenceRule(use="cr2")
