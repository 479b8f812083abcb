"""What ``matching.nearest`` can do beyond one score: worked by hand, and what is refused."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from matched_worlds import asked, built, cross_section, panel_of
from pydantic import ValidationError
from scipy import stats

from evaltool.designs.matching._nearest_options import NearestOptions
from evaltool.designs.matching.nearest import PLUGIN
from evaltool.errors import RunError
from evaltool.estimators.weighted.difference import PLUGIN as DIFFERENCE
from evaltool.estimators.weighted.difference import DifferenceOptions
from evaltool.numerics.distances import coordinates
from evaltool.numerics.probit import probit
from evaltool.numerics.regression import Regressors
from evaltool.records.design import Design
from evaltool.records.plan.analysis import Estimand


def world(treated: list[tuple[float, ...]], comparison: list[tuple[float, ...]]) -> pd.DataFrame:
    """Units with columns a, b, … in the order given; ids 0, 1, …"""
    rows = [*treated, *comparison]
    names = "abcd"[: len(rows[0])]
    frame = pd.DataFrame(rows, columns=[f"x.{name}" for name in names])
    frame.insert(0, "unit", np.arange(len(rows)))
    frame.insert(1, "treated", np.arange(len(rows)) < len(treated))
    return frame.assign(weight=1.0, **{"y.y": np.arange(len(rows), dtype=float)})


def made(frame: pd.DataFrame, **options: object) -> Design:
    return built(PLUGIN, NearestOptions(**({"covariates": ("a",)} | options)), panel_of(frame))


def pairs(design: Design) -> set[tuple[int, int]]:
    assert design.pairs is not None
    return set(zip(design.pairs["treated"].tolist(), design.pairs["comparison"].tolist(), strict=True))


def test_scaled_euclidean_by_hand() -> None:
    """a: 2 | 0, 4: within-group squares 0 + 8 over n − 2 = 1; b: 0 and 1 alone, p(1 − p) summed over n."""
    x = np.array([[2.0, 1.0], [0.0, 0.0], [4.0, 1.0]])
    found = coordinates(x, np.array([True, False, False]), "scaled_euclidean")
    assert found[:, 0] == pytest.approx(x[:, 0] / np.sqrt(8.0))
    assert found[:, 1] == pytest.approx(x[:, 1] / np.sqrt(2 * 0.25 / 3))


@pytest.mark.parametrize("metric", ["mahalanobis", "robust_mahalanobis"])
def test_a_mahalanobis_distance_is_the_quadratic_form(metric: str) -> None:
    frame = cross_section(3, 20, 30, discrete=metric != "mahalanobis")
    x, d = frame[["x.a", "x.b"]].to_numpy(), frame["treated"].to_numpy()
    if metric == "mahalanobis":
        centred = np.where(d[:, None], x - x[d].mean(axis=0), x - x[~d].mean(axis=0))
        inverse = np.linalg.inv(centred.T @ centred / 48)
    else:
        x = np.column_stack([stats.rankdata(column) for column in x.T])
        covariance = np.cov(x, rowvar=False)
        factor = np.std(np.arange(50), ddof=1) / np.sqrt(np.diag(covariance))
        inverse = np.linalg.inv(covariance * np.outer(factor, factor))
    points = coordinates(frame[["x.a", "x.b"]].to_numpy(), d, metric)  # type: ignore[arg-type]
    for i, j in ((0, 30), (5, 49), (20, 21)):
        gap = x[i] - x[j]
        assert np.sum((points[i] - points[j]) ** 2) == pytest.approx(gap @ inverse @ gap, rel=1e-10)


def test_dummies_with_or_without_their_reference_are_one_distance() -> None:
    frame = cross_section(4, 20, 30)
    kind = np.arange(50) % 3
    two = np.column_stack([frame["x.a"], kind == 1, kind == 2]).astype(float)
    three = np.column_stack([two, kind == 0])
    d = frame["treated"].to_numpy()
    one, other = (coordinates(x, d, "mahalanobis") for x in (two, three))
    gaps = [np.linalg.norm(points[:20, None] - points[None, 20:], axis=2) for points in (one, other)]
    assert gaps[0] == pytest.approx(gaps[1], rel=1e-9)


def test_a_column_with_a_caliper_of_its_own() -> None:
    """On a alone 10 takes 11; b is 5 against 9 there, and 3 within two of 5 at 14."""
    frame = world([(10.0, 5.0), (1.0, 3.0)], [(11.0, 9.0), (14.0, 3.0), (0.0, 3.0), (30.0, 5.0)])
    assert (0, 2) in pairs(made(frame))
    narrow = made(frame, calipers={"b": Decimal(2)})
    assert pairs(narrow) == {(0, 3), (1, 4)}
    assert narrow.summary.matching is not None
    assert narrow.summary.matching.conventions["calipers"] == "b 2"


def test_anti_exact_columns_differ_within_a_pair() -> None:
    frame = world([(10.0, 1.0), (1.0, 2.0)], [(11.0, 1.0), (14.0, 2.0), (0.0, 1.0), (30.0, 1.0)])
    assert pairs(made(frame, anti_exact=("b",))) == {(0, 3), (1, 4)}


def test_units_outside_the_common_support_go_to_the_ledger_and_rename_the_estimand() -> None:
    """Scores follow a: 9 lies above every comparison unit, 0 below every treated one."""
    frame = world([(9.0,), (4.0,), (2.0,)], [(0.0,), (3.0,), (5.0,), (1.9,)])
    found = made(frame, support="both")
    assert 0 not in {t for t, _ in pairs(found)}
    assert found.summary.matching is not None
    assert found.summary.matching.estimand == "ATT among the matched treated"
    outside = {(e.arm, e.count, e.members) for e in found.ledger.entries if e.reason == "outside_support"}
    assert outside == {("treated", 1, ("0",)), ("comparison", 2, ("3", "6"))}
    one_arm = made(frame, support="comparison").ledger.entries
    assert [e.arm for e in one_arm if e.reason == "outside_support"] == ["comparison"]


def test_the_effect_on_the_untreated_matches_them_with_the_treated() -> None:
    """0 and 1 are treated (y 0 and 1); comparison 2, 3 have y 2 and 3: both find a treated unit, ATC −2 or so."""
    frame = world([(5.0,), (1.0,), (9.0,)], [(4.0,), (2.0,)])
    panel, found = panel_of(frame), made(frame, estimand="ATC")
    assert pairs(found) == {(0, 3), (1, 4)}
    assert found.weights is not None
    assert found.weights["weight"].tolist() == [1.0, 1.0, 0.0, 1.0, 1.0]
    request = asked(DifferenceOptions(), found, panel, estimand=Estimand(outcome="y", target="ATC"))
    estimate = DIFFERENCE.estimate(request)
    assert (estimate.att, estimate.estimand) == (pytest.approx(0.5 - 3.5), "ATC")
    assert (estimate.observed, estimate.counterfactual) == (0.5, 3.5)
    with pytest.raises(RunError, match="targets the ATT, and its design serves the ATC"):
        DIFFERENCE.estimate(asked(DifferenceOptions(), found, panel))


def test_low_scores_get_more_matches_when_the_number_varies() -> None:
    """Three treated, two each on average: 6 = 1 + 1 + 4 with at most 4: the lowest score gets four."""
    frame = world([(9.0,), (6.0,), (3.0,)], [(float(k),) for k in range(-2, 11)])
    found = made(frame, ratio=2, max_ratio=4)
    assert found.pairs is not None
    assert found.pairs.groupby("treated").size().to_dict() == {0: 1, 1: 1, 2: 4}
    assert found.summary.matching is not None
    assert found.summary.matching.conventions["incomplete_sets"] == 0


@pytest.mark.parametrize("order", ["largest", "smallest", "closest", "data"])
@pytest.mark.parametrize("distance", ["mahalanobis", "robust_mahalanobis", "scaled_euclidean", "probit"])
def test_every_distance_in_every_order_keeps_its_promises(distance: str, order: str) -> None:
    frame = cross_section(5, 25, 60, discrete=order == "closest")
    found = built(
        PLUGIN,
        NearestOptions(covariates=("a", "b"), distance=distance, order=order, ratio=2, caliper=Decimal(1)),  # type: ignore[arg-type]
        panel_of(frame),
    )
    assert found.pairs is not None
    assert found.pairs["comparison"].is_unique
    shuffled = frame.sample(frac=1.0, random_state=1)
    options = NearestOptions(covariates=("a", "b"), distance=distance, order=order, ratio=2, caliper=Decimal(1))  # type: ignore[arg-type]
    assert built(PLUGIN, options, panel_of(shuffled)).summary == found.summary


def test_a_probit_is_at_its_maximum() -> None:
    """The score Σ λ(x b) x is zero there, and statsmodels agrees in the tests against MatchIt."""
    frame = cross_section(6, 40, 60)
    x = np.column_stack([np.ones(100), frame[["x.a", "x.b"]]])
    d = frame["treated"].to_numpy(dtype=float)
    fit = probit(Regressors(matrix=x, names=("constant", "a", "b"), where="a test"), d)
    eta = (2 * d - 1) * (x @ fit.coefficients)
    assert ((2 * d - 1) * stats.norm.pdf(eta) / stats.norm.cdf(eta)) @ x == pytest.approx(np.zeros(3), abs=1e-9)
    with pytest.raises(RunError, match="RUN_SEPARATION"):
        probit(Regressors(matrix=np.column_stack([np.ones(100), d]), names=("constant", "d"), where="a test"), d)


REFUSED = [
    ({"match_on": ("a",)}, "match_on has no effect"),
    ({"max_ratio": 3, "replace": True}, "number of matches does not vary"),
    ({"max_ratio": 3, "ratio": 1}, "above 1 when the number of matches varies"),
    ({"max_ratio": 3, "ratio": 3}, "below max_ratio"),
    ({"min_ratio": 2}, "no effect without max_ratio"),
    ({"calipers": {"a": Decimal(0)}}, "must be above zero"),
    ({"exact": ("a",), "anti_exact": ("a",)}, "must be equal within a set"),
    ({"anti_exact": ("a", "a")}, "named twice"),
]


@pytest.mark.parametrize(("options", "said"), REFUSED)
def test_options_that_would_be_ignored_are_refused(options: dict[str, object], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        NearestOptions(covariates=("a",), **options)


def test_what_cannot_be_matched_is_refused() -> None:
    apart = world([(9.0,), (8.0,), (0.5,)], [(0.0,), (1.0,), (8.5,)])
    with pytest.raises(RunError, match="RUN_NO_MATCH"):
        made(apart, calipers={"a": Decimal("0.1")})
    flat = cross_section(1).assign(**{"x.c": 1.0})
    with pytest.raises(RunError, match="Covariate 'c' does not vary"):
        made(flat, distance="mahalanobis", match_on=("a", "c"))
    with pytest.raises(RunError, match="RUN_UNKNOWN_COVARIATE"):
        made(apart, calipers={"age": Decimal(1)})
