"""Cross-fitting: parts from ids, the formula by hand, learners of scikit-learn, refusals, both roads."""

from __future__ import annotations

import sys
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from matched_worlds import asked, built, cross_section, panel_of
from sklearn.ensemble import RandomForestRegressor
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import evaltool as ev
from evaltool import registry
from evaltool.errors import RunError, UsageError
from evaltool.estimators.weighted.doubly_robust import PLUGIN, DoublyRobustOptions, with_learner
from evaltool.numerics.cross_fit import parts_of
from evaltool.records.design import Design
from evaltool.records.plan.analysis import Estimand
from evaltool.records.plugins import EstimationRequest


def designed(frame: pd.DataFrame, target: str = "ATT") -> Design:
    plugin = registry.design("weighting.inverse_propensity")
    return built(plugin, plugin.options.model_validate({"covariates": ("a", "b"), "estimand": target}), panel_of(frame))


def request(frame: pd.DataFrame, design: Design, kind: str = "mean", **options: object) -> EstimationRequest:
    assert design.summary.matching is not None
    target = Estimand(outcome="y", target=design.summary.matching.estimand[:3])  # type: ignore[arg-type]
    made = asked(DoublyRobustOptions.model_validate(options), design, panel_of(frame), estimand=target)
    return replace(made, outcome=made.outcome.model_copy(update={"kind": kind}))


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    return cross_section(81, 60, 90)


def test_parts_hang_on_ids_alone_and_are_even_within_each_group() -> None:
    ids = tuple(range(100))
    treated = np.arange(100) < 33
    part = parts_of(ids, treated, 5, seed=7)
    order = np.random.default_rng(0).permutation(100)
    again = parts_of(tuple(int(i) for i in order), treated[order], 5, seed=7)
    assert (again == part[order]).all()
    for arm, least, most in ((treated, 6, 7), (~treated, 13, 14)):
        sizes = np.bincount(part[arm], minlength=5)
        assert (sizes.min(), sizes.max()) == (least, most)
    assert (parts_of(ids, treated, 5, seed=8) != part).any()


@pytest.mark.parametrize("target", ["ATT", "ATC"])
def test_by_hand(frame: pd.DataFrame, target: str) -> None:
    """Least squares without each part, by numpy; the design's weights on what the others did not foresee."""
    design = designed(frame, target)
    asking = request(frame, design, folds=4)
    found = PLUGIN.estimate(asking)
    d, y, x = frame["treated"].to_numpy(), frame["y.y"].to_numpy(), frame[["x.a", "x.b"]].to_numpy()
    part = parts_of(tuple(range(150)), d, 4, asking.inference.seed)
    one = np.column_stack([np.ones(150), x])
    m = np.empty((150, 2))
    for fold in range(4):
        for column, arm in enumerate((d, ~d)):
            learn = arm & (part != fold)
            m[part == fold, column] = one[part == fold] @ np.linalg.lstsq(one[learn], y[learn], rcond=None)[0]
    assert design.weights is not None
    w, q = design.weights["weight"].to_numpy(), (d if target == "ATT" else ~d).astype(float)
    up, below = ((q @ m[:, c] + (w * arm) @ (y - m[:, c])) / q.sum() for c, arm in enumerate((d, ~d)))
    assert found.att == pytest.approx(up - below, rel=1e-9)
    assert (found.conventions["learner"], found.conventions["folds"]) == ("generalised linear model", 4)
    assert PLUGIN.second_opinion is not None
    assert PLUGIN.second_opinion(asking).value == pytest.approx(found.att, rel=1e-9)


def test_right_models_make_little_of_the_parts(frame: pd.DataFrame) -> None:
    """Effect within half a standard error of that without parts, standard error within 15 per cent."""
    design = designed(frame, "ATE")
    plain = PLUGIN.estimate(request(frame, design))
    crossed = PLUGIN.estimate(request(frame, design, folds=5))
    assert plain.se is not None
    assert crossed.se == pytest.approx(plain.se, rel=0.15)
    assert abs(crossed.att - plain.att) < 0.5 * plain.se


@pytest.mark.parametrize("kind", ["binary", "count"])
def test_links_are_cross_fitted_too(frame: pd.DataFrame, kind: str) -> None:
    r = np.random.default_rng(2)
    values = {
        "binary": (frame["y.y"] + r.normal(size=150) > 1.0).astype(float),
        "count": pd.Series(r.poisson(np.exp(0.3 * frame["y.y"].clip(-3, 3)))).astype(float),
    }
    own = frame.assign(**{"y.y": values[kind]})
    asking = request(own, designed(own), kind, folds=3)
    assert PLUGIN.second_opinion is not None
    assert PLUGIN.second_opinion(asking).value == pytest.approx(PLUGIN.estimate(asking).att, rel=1e-8)


@pytest.mark.parametrize(
    ("learner", "kind"),
    [
        ("sklearn.linear_model.RidgeCV", "mean"),
        ("sklearn.ensemble.GradientBoostingRegressor", "mean"),
        ("sklearn.linear_model.LogisticRegression", "binary"),
    ],
)
def test_a_plan_names_a_learner_and_rows_may_stand_in_any_order(frame: pd.DataFrame, learner: str, kind: str) -> None:
    own = frame.assign(**{"y.y": (frame["y.y"] > 1.0).astype(float)}) if kind == "binary" else frame
    asking = request(own, designed(own), kind, folds=2, learner=learner)
    found = PLUGIN.estimate(asking)
    assert str(found.conventions["learner"]).startswith(f"{learner}, scikit-learn ")
    shuffled = own.sample(frac=1.0, random_state=5)[list(own.columns[::-1])]
    again = PLUGIN.estimate(request(shuffled, designed(shuffled), kind, folds=2, learner=learner))
    assert again.to_json() == found.to_json()
    assert PLUGIN.second_opinion is not None
    assert PLUGIN.second_opinion(asking).value == pytest.approx(found.att, rel=1e-10)


def test_least_squares_of_scikit_learn_is_the_linear_model(frame: pd.DataFrame) -> None:
    asking = request(frame, designed(frame), folds=3)
    own = PLUGIN.estimate(asking)
    theirs = with_learner(PLUGIN, LinearRegression()).estimate(asking)
    assert theirs.att == pytest.approx(own.att, rel=1e-10)
    assert theirs.se == pytest.approx(own.se, rel=1e-10)


def test_any_learner_on_the_direct_road(frame: pd.DataFrame) -> None:
    plain = frame.rename(columns={"x.a": "a", "x.b": "b", "y.y": "y"}).drop(columns="weight")
    design = ev.weighting.inverse_propensity(plain, treatment="treated", covariates=["a", "b"], unit="unit")

    def run(data: pd.DataFrame, learner: object, kind: str = "mean") -> ev.Estimate:
        return ev.weighted.doubly_robust(design, data, outcome="y", folds=2, learner=learner, kind=kind)  # type: ignore[arg-type]

    forest = make_pipeline(StandardScaler(), RandomForestRegressor(n_estimators=20))
    found = run(plain, forest)
    assert run(plain.sample(frac=1.0, random_state=1), forest).to_json() == found.to_json(), "seeded within a pipeline"
    assert found.conventions["learner"] == "sklearn.pipeline.Pipeline"
    with pytest.raises(UsageError, match="not its class"):
        run(plain, RandomForestRegressor)
    with pytest.raises(UsageError, match="state folds"):
        ev.weighted.doubly_robust(design, plain, outcome="y", learner=forest)
    with pytest.raises(UsageError, match="only cross-fitted"):
        ev.weighted.doubly_robust(design, plain, outcome="y", learner="sklearn.linear_model.LassoCV")
    with pytest.raises(UsageError, match="learner"):
        run(plain, "os.system")
    with pytest.raises(RunError, match="tells classes apart"):
        run(plain, LogisticRegression())


class Wild:
    """A learner that predicts nothing that is a number."""

    def fit(self, x: np.ndarray, y: np.ndarray) -> None:
        """Learn nothing."""

    def predict(self, x: np.ndarray) -> np.ndarray:
        return np.full(len(x), np.nan)


def test_what_is_refused(frame: pd.DataFrame, monkeypatch: pytest.MonkeyPatch) -> None:
    design = designed(frame)
    with pytest.raises(RunError, match="RUN_FEW_FOR_FOLDS"):
        PLUGIN.estimate(request(frame, design, folds=31))
    with pytest.raises(RunError, match="one finite number"):
        with_learner(PLUGIN, Wild()).estimate(request(frame, design, folds=2))
    rare = frame.assign(**{"y.y": np.where(frame["unit"] == 149, 1.0, 0.0)})
    with pytest.raises(RunError, match="a single value"):
        PLUGIN.estimate(
            request(rare, designed(rare), "binary", folds=2, learner="sklearn.linear_model.LogisticRegression")
        )
    monkeypatch.setitem(sys.modules, "sklearn.linear_model", None)
    with pytest.raises(RunError, match=r"scikit-learn is not installed[\s\S]*evaltool\[learners\]"):
        PLUGIN.estimate(request(frame, design, folds=2, learner="sklearn.linear_model.LassoCV"))
