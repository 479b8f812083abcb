"""Optimal matching against enumeration, its certificate, its uniqueness, and what is refused."""

from __future__ import annotations

import itertools
from decimal import Decimal

import numpy as np
import pytest
from matched_worlds import asked, built, cross_section, panel_of

import evaltool as ev
from evaltool.designs.matching.optimal import PLUGIN, OptimalOptions
from evaltool.errors import RunError
from evaltool.estimators.weighted.difference import PLUGIN as DIFFERENCE
from evaltool.estimators.weighted.difference import DifferenceOptions
from evaltool.numerics import assignment
from evaltool.numerics.assignment import assign, check


def every(cost: np.ndarray, allowed: np.ndarray) -> list[tuple[int, ...]]:
    """All optima by enumeration: most pairs first, then the least cost; −1 is nobody, and comes last in order."""
    m, n = cost.shape
    found = {}
    for partner in itertools.product(range(-1, n), repeat=m):
        pairs = [(i, j) for i, j in enumerate(partner) if j >= 0]
        if len({j for _, j in pairs}) == len(pairs) and all(allowed[p] for p in pairs):
            found[partner] = (-len(pairs), sum(int(cost[p]) for p in pairs))
    best = min(found.values())
    optima = [partner for partner, value in found.items() if value == best]
    return sorted(optima, key=lambda partner: [n + i if j < 0 else j for i, j in enumerate(partner)])


@pytest.mark.parametrize("seed", range(120))
def test_the_first_of_all_optima_is_found(seed: int) -> None:
    r = np.random.default_rng(seed)
    shape = (int(r.integers(1, 5)), int(r.integers(1, 6)))
    cost, allowed = r.integers(0, 4, shape), r.random(shape) < 0.8
    optima = every(cost, allowed)
    found = assign(cost, allowed)
    assert tuple(found.partner.tolist()) == optima[0]
    assert found.optima == (len(optima) > 1)
    assert found.total == sum(int(cost[i, j]) for i, j in enumerate(optima[0]) if j >= 0)


def test_the_certificate_refuses_pairs_that_are_not_optimal() -> None:
    cost = np.array([[1, 5, 9], [2, 1, 9]])
    rows, columns = np.array([1, 1]), np.array([0, 0, 0])
    check(cost, np.array([0, 1]), rows, columns)
    for partner, u, v in (
        ([1, 0], rows, columns),
        ([0, 0], rows, columns),
        ([0, 1], rows + 1, columns),
        ([0, 1], rows, np.array([0, 0, -1])),
        ([0, 1], np.array([0, 1]), np.array([1, 0, 0])),
    ):
        with pytest.raises(ValueError, match="do not prove"):
            check(cost, np.array(partner), u, v)


def test_an_auditor_can_check_the_sealed_potentials_in_one_pass() -> None:
    frame = cross_section(31, 25, 60, discrete=True)
    design = built(PLUGIN, OptimalOptions(covariates=("a", "b"), ratio=2), panel_of(frame))
    assert design.weights is not None
    assert design.pairs is not None
    w = design.weights.set_index("unit")
    u, v = w.loc[w["treated"], "potential"], w.loc[~w["treated"], "potential"]
    cost = np.rint(
        np.abs(w.loc[w["treated"], "score"].to_numpy()[:, None] - w.loc[~w["treated"], "score"].to_numpy()) * 1e9
    )
    reduced = cost - u.to_numpy()[:, None] - v.to_numpy()
    assert reduced.min() >= 0
    assert (v <= 0).all()
    left = v.index.difference(design.pairs["comparison"])
    assert (v[left] == 0).all()
    place = {unit: k for k, unit in enumerate(u.index)}, {unit: k for k, unit in enumerate(v.index)}
    gaps = [
        reduced[place[0][t], place[1][c]]
        for t, c in zip(design.pairs["treated"], design.pairs["comparison"], strict=True)
    ]
    assert gaps == [0.0] * 50


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"ratio": 2},
        {"caliper": Decimal("0.3")},
        {"distance": "mahalanobis"},
        {"exact": ("a",), "calipers": {"b": 2}},
    ],
)
@pytest.mark.parametrize("discrete", [False, True])
def test_rows_in_any_order_and_never_farther_than_greedy(options: dict[str, object], discrete: bool) -> None:
    frame = cross_section(32, 20, 70, discrete=discrete or "exact" in options)
    chosen = OptimalOptions.model_validate({"covariates": ("a", "b"), **options})
    design = built(PLUGIN, chosen, panel_of(frame))
    assert built(PLUGIN, chosen, panel_of(frame.sample(frac=1.0, random_state=4))).summary == design.summary
    greedy = ev.matching.nearest(
        frame.rename(columns={"x.a": "a", "x.b": "b"}),
        treatment="treated",
        unit="unit",
        covariates=["a", "b"],
        **options,
    )
    assert design.pairs is not None
    ours, theirs = design.pairs, greedy.pairs
    assert len(ours) >= len(theirs)
    if len(ours) == len(theirs):
        assert ours["distance"].sum() <= theirs["distance"].sum() + 1e-7
    request = asked(DifferenceOptions(), design, panel_of(frame))
    assert DIFFERENCE.second_opinion is not None
    assert DIFFERENCE.second_opinion(request).value == pytest.approx(DIFFERENCE.estimate(request).att, rel=1e-9)


def test_more_treated_than_comparison_units_and_sizes_beyond_reach(monkeypatch: pytest.MonkeyPatch) -> None:
    frame = cross_section(33, 30, 20)
    design = built(PLUGIN, OptimalOptions(covariates=("a", "b")), panel_of(frame))
    assert design.summary.matching is not None
    assert design.summary.matching.estimand == "ATT among the matched treated"
    assert design.summary.matching.treated_matched == 20
    with pytest.raises(RunError, match="RUN_TREATED_UNMATCHED"):
        built(PLUGIN, OptimalOptions(covariates=("a", "b"), unmatched_treated="refuse"), panel_of(frame))
    monkeypatch.setattr(assignment, "CELLS", 100)
    monkeypatch.setattr("evaltool.designs.matching.optimal.CELLS", 100)
    monkeypatch.setattr("evaltool.numerics.line_assignment.ARCS", 100)
    with pytest.raises(RunError, match="RUN_TOO_LARGE"):
        built(PLUGIN, OptimalOptions(covariates=("a", "b")), panel_of(frame))


def test_the_direct_road() -> None:
    frame = cross_section(34, 20, 50)
    plain = frame.rename(columns={"x.a": "a", "x.b": "b", "y.y": "y"})
    found = ev.matching.optimal(plain, treatment="treated", covariates=["a", "b"], unit="unit", ratio=2, caliper=1.0)
    other = built(PLUGIN, OptimalOptions(covariates=("a", "b"), ratio=2, caliper=Decimal("1.0")), panel_of(frame))
    assert found.facts == other.summary.matching
    assert ev.weighted.difference(found, plain, outcome="y").att is not None
