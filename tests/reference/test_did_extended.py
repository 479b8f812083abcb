"""did.extended_twfe against R fixest (linear) and statsmodels (Poisson, logit with marginal effects)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from estimator_world import Ask, again, estimate, sim_stagg, staggered

NAME = "did.extended_twfe"


def test_linear_is_the_regression_of_r_etwfe(reference: Path) -> None:
    entries = json.loads((reference / "numbers" / "fixest.json").read_text("utf-8"))
    expected = {e["id"]: e["results"] for e in entries}["etwfe_manual_mpdta"]
    names = {"countyreal": "unit", "year": "time", "lemp": "y", "first.treat": "g"}
    panel = staggered(pd.read_csv(reference / "data" / "mpdta.csv").rename(columns=names))
    cells = {(c.group, c.element): c for c in estimate(panel, Ask(NAME)).cells}
    assert len(cells) == len(expected["term"])
    for term, effect, se in zip(expected["term"], expected["est"], expected["se"], strict=True):
        _, start, year = term.split("::")
        cell = cells[int(start[:4]), int(year)]
        assert cell.att == pytest.approx(effect, rel=1e-7)
        assert cell.se == pytest.approx(se, rel=1e-7)


def outcomes(family: str) -> pd.DataFrame:
    frame = sim_stagg()
    level = frame["y"] - frame["y"].mean()
    y = np.round(np.exp(1.0 + 0.25 * level)) if family == "poisson" else (level > 0).astype(float)
    return frame.assign(y=y)


@pytest.mark.parametrize("family", ["poisson", "logit"])
def test_marginal_effect_and_delta_method_by_statsmodels(family: str) -> None:
    """A GLM on indicators with clustered covariance; the gradient of the mean effect by central differences."""
    frame = outcomes(family)
    ask = Ask(NAME, {"family": family})
    found = estimate(staggered(frame), ask)
    on = frame[frame["treat"] == 1].groupby(["g", "time"]).groups
    cells = pd.DataFrame({f"{g}.{t}": ((frame["g"] == g) & (frame["time"] == t)).astype(float) for g, t in on})
    cohort = pd.get_dummies(frame["g"], dtype=float).iloc[:, 1:]
    period = pd.get_dummies(frame["time"], dtype=float).iloc[:, 1:]
    x = np.column_stack([np.ones(len(frame)), cohort, period, cells])
    without = x.copy()
    without[:, -cells.shape[1] :] = 0.0
    model = sm.GLM(frame["y"], x, family=sm.families.Poisson() if family == "poisson" else sm.families.Binomial())
    fit = model.fit(tol=1e-14, maxiter=200, cov_type="cluster", cov_kwds={"groups": frame["unit"].to_numpy()})
    treated = (frame["treat"] == 1).to_numpy()

    def effect(b: np.ndarray) -> float:
        return float((model.predict(b, x) - model.predict(b, without))[treated].mean())

    b = np.asarray(fit.params)
    steps = 1e-5 * np.maximum(np.abs(b), 1.0)
    gradient = np.array([(effect(b + d) - effect(b - d)) / (2 * d.sum()) for d in np.diag(steps)])
    by_hand = float(np.sqrt(gradient @ np.asarray(fit.cov_params()) @ gradient))
    assert found.att == pytest.approx(effect(b), rel=1e-9)
    assert found.se == pytest.approx(by_hand, rel=1e-7)
    assert found.df is None
    assert found.conventions["distribution"] == "normal"


@pytest.mark.parametrize("kind", ["simple", "dynamic", "group", "calendar"])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"effects": "unit"},
        {"control_group": "never_treated"},
        {"covariates": ["x"]},
        {"covariates": ["x"], "effects": "unit"},
        {"covariates": ["x"], "family": "poisson"},
        {"family": "logit", "control_group": "not_yet_treated"},
    ],
)
def test_the_second_computation_agrees(options: Mapping[str, object], kind: str) -> None:
    panel = staggered(outcomes(str(options.get("family", "linear"))), covariates=("x",))
    ask = Ask(NAME, options, aggregation=kind)  # type: ignore[arg-type]
    found = estimate(panel, ask)
    assert found.se is not None
    assert abs(again(panel, ask).value - found.att) <= 1e-9 * max(abs(found.att), found.se)
