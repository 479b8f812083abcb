"""Regression adjustment, weighted regression adjustment and AIPW on cattaneo2 against statsmodels' treatment module.

Effects 1e-9 relative; standard errors 1e-6, since statsmodels inverts its GMM moments numerically.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import statsmodels
from matched_worlds import asked, built, panel_of
from statsmodels.discrete.discrete_model import Logit
from statsmodels.regression.linear_model import OLS
from statsmodels.treatment.treatment_effects import TreatmentEffect

from evaltool import registry
from evaltool.numerics.inference import influence_se
from evaltool.numerics.outcome_model import Problem, mean_outcomes
from evaltool.numerics.regression import Regressors
from evaltool.records.panel import Panel
from evaltool.records.plan.analysis import Estimand

X = ("married", "age", "age2", "first", "education")
FILE = Path(statsmodels.__file__).parent / "treatment" / "tests" / "results" / "cataneo2.csv"


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    d = pd.read_csv(FILE).sort_values("mbsmoke", kind="stable")
    return pd.DataFrame(
        {
            "unit": np.arange(len(d)),
            "treated": (d["mbsmoke"] == "smoker").to_numpy(),
            "weight": 1.0,
            "x.married": (d["mmarried"] == "married").to_numpy(dtype=float),
            "x.age": d["mage"].to_numpy(dtype=float),
            "x.age2": d["mage"].to_numpy(dtype=float) ** 2,
            "x.first": (d["fbaby"] == "Yes").to_numpy(dtype=float),
            "x.education": d["medu"].to_numpy(dtype=float),
            "y.y": d["bweight"].to_numpy(dtype=float),
        }
    )


@pytest.fixture(scope="module")
def theirs(frame: pd.DataFrame) -> TreatmentEffect:
    one = np.column_stack([np.ones(len(frame)), frame[[f"x.{name}" for name in X]]])
    d = frame["treated"].to_numpy(dtype=int)
    return TreatmentEffect(OLS(frame["y.y"].to_numpy(), one), d, results_select=Logit(d, one).fit(disp=0, tol=1e-12))


def estimated(panel: Panel, method: str, target: str) -> tuple[float, float | None]:
    design = registry.design("weighting.inverse_propensity")
    made = built(design, design.options.model_validate({"covariates": X, "estimand": target}), panel)
    plugin = registry.estimator(method)
    request = asked(plugin.options(), made, panel, estimand=Estimand(outcome="y", target=target))  # type: ignore[arg-type]
    found = plugin.estimate(request)
    assert plugin.second_opinion is not None
    assert plugin.second_opinion(request).value == pytest.approx(found.att, rel=1e-9)
    return found.att, found.se


@pytest.mark.parametrize("target", ["ATE", "ATT"])
def test_regression_adjustment(frame: pd.DataFrame, theirs: TreatmentEffect, target: str) -> None:
    d = frame["treated"].to_numpy()
    one = np.column_stack([np.ones(len(frame)), frame[[f"x.{name}" for name in X]]])
    problem = Problem(
        x=Regressors(one, ("constant", *X), "a test"),
        y=frame["y.y"].to_numpy(),
        treated=d,
        weights=np.ones(len(d)),
        population=np.ones(len(d)) if target == "ATE" else d.astype(float),
        family="identity",
        augmented=False,
    )
    found = mean_outcomes(problem)
    wanted = theirs.ra(effect_group="all" if target == "ATE" else 1)
    assert found.with_treatment - found.without == pytest.approx(wanted.effect[0], rel=1e-9)
    se = influence_se(found.influence[:, 0] - found.influence[:, 1])
    assert se == pytest.approx(wanted.results_gmm.bse[0], rel=1e-6)


@pytest.mark.parametrize(("method", "name"), [("weighted.g_computation", "ipw_ra"), ("weighted.doubly_robust", "aipw")])
def test_with_inverse_propensity_weights(frame: pd.DataFrame, theirs: TreatmentEffect, method: str, name: str) -> None:
    effect, se = estimated(panel_of(frame), method, "ATE")
    wanted = getattr(theirs, name)()
    assert effect == pytest.approx(wanted.effect[0], rel=1e-9)
    assert se == pytest.approx(wanted.results_gmm.bse[0], rel=1e-6)
