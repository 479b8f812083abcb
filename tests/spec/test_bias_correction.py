"""Bias-corrected matching: printed Stata figures, the formulas looped over units, identities, refusals, both roads."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import statsmodels
from matched_worlds import asked, built, cross_section, panel_of
from statsmodels.regression.linear_model import WLS

import evaltool as ev
from evaltool import registry
from evaltool.errors import RunError
from evaltool.estimators.weighted.bias_corrected import PLUGIN, BiasCorrectedOptions
from evaltool.estimators.weighted.g_computation import PLUGIN as MODELS
from evaltool.estimators.weighted.g_computation import GComputationOptions
from evaltool.numerics.bias_correction import Ground, gaps, imputed, variance
from evaltool.records.design import Design
from evaltool.records.plan.analysis import Estimand
from evaltool.records.plugins import EstimationRequest

FILE = Path(statsmodels.__file__).parent / "treatment" / "tests" / "results" / "cataneo2.csv"


@pytest.mark.parametrize(
    ("target", "effect", "se"), [("ATE", -210.0558, 29.32803), ("ATT", -238.5204, 30.41661)], ids=["ATE", "ATT"]
)
def test_printed_figures_of_stata(target: str, effect: float, se: float) -> None:
    """Maternal smoking and birth weight, ``ematch(mmarried prenatal1) biasadj(mage fage medu)``, as Stata printed it.

    Stata's Mahalanobis distance is of all units together, so the matches are found here by brute force.
    """
    d = pd.read_csv(FILE)
    treated = (d["mbsmoke"] == "smoker").to_numpy()
    married, prenatal = (d["mmarried"] == "married").to_numpy(), (d["prenatal1"] == "Yes").to_numpy()
    x = np.column_stack([married, d["mage"], d["fage"], d["medu"], prenatal]).astype(float)
    points = x @ np.linalg.cholesky(np.linalg.inv(np.cov(x.T)))
    stratum = (2 * married + prenatal).astype(np.int64)
    first, second = [], []
    for i in np.flatnonzero(treated) if target == "ATT" else range(len(d)):
        pool = np.flatnonzero((treated != treated[i]) & (stratum == stratum[i]))
        away = np.rint(1e9 * np.linalg.norm(points[pool] - points[i], axis=1))
        near = pool[away == away.min()]
        first += [i] * len(near)
        second += near.tolist()
    ground = Ground(
        d["bweight"].to_numpy(float), treated, points, stratum, np.array(first, dtype=np.int64), np.array(second)
    )
    gap = gaps(ground, imputed(ground, x[:, 1:4], ("mage", "fage", "medu")))
    found = float(gap.mean())
    assert found == pytest.approx(effect, abs=5e-5)
    assert variance(ground, gap, found, 3) ** 0.5 == pytest.approx(se, abs=5e-6)


def designed(frame: pd.DataFrame, **options: object) -> Design:
    plugin = registry.design("matching.nearest")
    return built(plugin, plugin.options.model_validate({"covariates": ("a", "b"), **options}), panel_of(frame))


def request(frame: pd.DataFrame, design: Design, **options: object) -> EstimationRequest:
    assert design.summary.matching is not None
    target = Estimand(outcome="y", target=design.summary.matching.estimand[:3])  # type: ignore[arg-type]
    return asked(BiasCorrectedOptions.model_validate(options), design, panel_of(frame), estimand=target)


CASES = [
    {"replace": True},
    {"replace": True, "estimand": "ATC", "ratio": 2},
    {"replace": True, "estimand": "ATE", "distance": "mahalanobis"},
    {"replace": True, "estimand": "ATE", "ratio": 3},
    {"replace": True, "exact": ("b",), "distance": "scaled_euclidean", "match_on": ("a",)},
]


@pytest.mark.parametrize("options", CASES)
def test_by_the_definition(options: dict[str, object]) -> None:
    """Looped over units and the design's pairs, as the formulas stand, with many ties."""
    frame = cross_section(61, 25, 40, discrete=True)
    design = designed(frame, **options)
    found = PLUGIN.estimate(request(frame, design, neighbours=1))
    assert design.pairs is not None
    assert design.weights is not None
    d, y = frame["treated"].to_numpy(), frame["y.y"].to_numpy()
    x, n = frame[["x.a", "x.b"]].to_numpy(), len(frame)
    target = str(options.get("estimand", "ATT"))
    focal = {"ATT": d, "ATC": ~d, "ATE": np.ones(n, dtype=bool)}[target]
    sets: dict[int, list[int]] = {}
    for row in design.pairs.itertuples():
        ends = (row.treated, row.comparison)
        own = ends[0] if target == "ATT" or (target == "ATE" and row.set - 1 == ends[0]) else ends[1]
        sets.setdefault(own, []).append(ends[1] if own == ends[0] else ends[0])
    used, squared = np.zeros(n), np.zeros(n)
    for those in sets.values():
        used[those] += 1 / len(those)
        squared[those] += 1 / len(those) ** 2
    beta = {}
    for arm in (True, False):
        own = (d == arm) & (used > 0)
        if own.any():
            rows = np.column_stack([np.ones(own.sum()), x[own]])
            beta[arm] = WLS(y[own], rows, weights=used[own]).fit().params[1:]
    gap = {
        i: (1 if d[i] else -1) * (y[i] - np.mean([y[j] + (x[i] - x[j]) @ beta[bool(d[j])] for j in those]))
        for i, those in sets.items()
    }
    effect = np.mean(list(gap.values()))
    assert found.att == pytest.approx(effect, rel=1e-11)
    assert set(gap) == set(np.flatnonzero(focal & design.weights["weight"].to_numpy().astype(bool)))
    spread = own_spread(frame, design, options)
    more = 2 * used if target == "ATE" else 0
    v = sum((g - effect) ** 2 for g in gap.values()) + np.sum(spread * (used**2 + more - squared))
    assert found.se == pytest.approx(np.sqrt(v) / len(gap), rel=1e-9)


def own_spread(frame: pd.DataFrame, design: Design, options: dict[str, object]) -> np.ndarray:
    """Variance among the own group's nearest and the unit itself, ties included."""
    assert design.weights is not None
    d, y = frame["treated"].to_numpy(), frame["y.y"].to_numpy()
    x = frame[["x.a", "x.b"]].to_numpy()
    if "match_on" in options:
        points = x[:, :1]
    elif options.get("distance") == "mahalanobis":
        centred = np.where(d[:, None], x - x[d].mean(axis=0), x - x[~d].mean(axis=0))
        points = x @ np.linalg.cholesky(np.linalg.inv(centred.T @ centred))
    else:
        points = design.weights[["score"]].to_numpy()
    found = np.zeros(len(frame))
    for i in range(len(frame)):
        pool = np.flatnonzero((d == d[i]) & ((x[:, 1] == x[i, 1]) | ("exact" not in options)))
        away = np.round(np.linalg.norm(points[pool] - points[i], axis=1), 10)
        near = pool[away <= np.sort(away)[min(1, len(away) - 1)]]
        found[i] = np.var(y[near], ddof=1) if len(near) > 1 else 0.0
    return found


@pytest.mark.parametrize("target", ["ATT", "ATC"])
def test_one_direction_is_g_computation_on_the_same_weights(target: str) -> None:
    frame = cross_section(62, 40, 60)
    design = designed(frame, replace=True, estimand=target)
    theirs = asked(GComputationOptions(), design, panel_of(frame), estimand=Estimand(outcome="y", target=target))  # type: ignore[arg-type]
    found = PLUGIN.estimate(request(frame, design))
    assert found.att == pytest.approx(MODELS.estimate(theirs).att, rel=1e-12)
    assert found.se is not None


def test_an_exactly_linear_outcome_leaves_no_bias_and_no_variation() -> None:
    """y = a + b + 2 d: every corrected match is exact, whatever the distance between the matched."""
    frame = cross_section(63, 20, 30)
    frame["y.y"] = frame["x.a"] + frame["x.b"] + 2.0 * frame["treated"]
    for target in ("ATT", "ATC", "ATE"):
        asking = request(frame, designed(frame, replace=True, estimand=target))
        found = PLUGIN.estimate(asking)
        assert found.att == pytest.approx(2.0, abs=1e-12)
        assert PLUGIN.second_opinion is not None
        assert PLUGIN.second_opinion(asking).value == pytest.approx(2.0, abs=1e-10)


@pytest.mark.parametrize("options", CASES)
def test_two_computations_agree_and_rows_may_stand_in_any_order(options: dict[str, object]) -> None:
    frame = cross_section(64, 30, 50, discrete="exact" in options)
    asking = request(frame, designed(frame, **options))
    found = PLUGIN.estimate(asking)
    assert PLUGIN.second_opinion is not None
    assert PLUGIN.second_opinion(asking).value == pytest.approx(found.att, rel=1e-9)
    shuffled = frame.sample(frac=1.0, random_state=3)[list(frame.columns[::-1])]
    assert PLUGIN.estimate(request(shuffled, designed(shuffled, **options))).to_json() == found.to_json()


def test_what_is_refused() -> None:
    frame = cross_section(65, 20, 40)
    with pytest.raises(RunError, match="does not match with replacement"):
        PLUGIN.estimate(request(frame, designed(frame)))
    with pytest.raises(RunError, match="RUN_UNKNOWN_COVARIATE"):
        PLUGIN.estimate(request(frame, designed(frame, replace=True), covariates=("c",)))
    same = frame.assign(**{"x.c": frame["x.a"]})
    with pytest.raises(RunError, match="RUN_COLLINEAR"):
        PLUGIN.estimate(request(same, designed(same, replace=True), covariates=("a", "c")))


def test_the_direct_road() -> None:
    frame = cross_section(66, 30, 60)
    plain = frame.rename(columns={"x.a": "a", "x.b": "b", "y.y": "y"}).drop(columns="weight")
    named = {"treatment": "treated", "covariates": ["a", "b"], "unit": "unit"}
    design = ev.matching.nearest(plain, **named, replace=True)  # type: ignore[arg-type]
    found = ev.weighted.bias_corrected(design, plain, outcome="y")
    assert found.att == pytest.approx(PLUGIN.estimate(request(frame, designed(frame, replace=True))).att, rel=1e-12)
    assert ev.weighted.bias_corrected(design, plain, outcome="y", neighbours=4).se != found.se
    with pytest.raises(RunError, match="RUN_NOT_BIAS_CORRECTED"):
        ev.weighted.bias_corrected(ev.matching.nearest(plain, **named), plain, outcome="y")  # type: ignore[arg-type]
    with pytest.raises(ev.errors.UsageError, match="neighbours"):
        ev.weighted.bias_corrected(design, plain, outcome="y", neighbours=0)
