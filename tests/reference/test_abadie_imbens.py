"""Abadie & Imbens on cattaneo2, which ships inside statsmodels: one neighbour, ties averaged, two for the variance.

ATE −210.96833674 with standard errors 32.12346817 (score as known) and 32.02100343 (score estimated): 1e-8 absolute.
The effect of inverse propensity weights on the same score agrees with statsmodels' own treatment module.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import statsmodels
from matched_worlds import asked, built, cross_section, panel_of
from statsmodels.discrete.discrete_model import Logit
from statsmodels.regression.linear_model import OLS
from statsmodels.treatment.treatment_effects import TreatmentEffect

from evaltool import registry
from evaltool.errors import RunError
from evaltool.estimators.weighted.difference import PLUGIN as DIFFERENCE
from evaltool.estimators.weighted.difference import DifferenceOptions
from evaltool.records.design import Design
from evaltool.records.estimate import Estimate
from evaltool.records.panel import Panel
from evaltool.records.plan.analysis import Estimand

SCORE = ("married", "age", "age2", "first", "education")
FILE = Path(statsmodels.__file__).parent / "treatment" / "tests" / "results" / "cataneo2.csv"
SHA256 = "9511d52df46b08f39d67361b23b498ad607e9d7a687a42b6ebf9553ae5932e2a"


@pytest.fixture(scope="module")
def panel() -> Panel:
    assert hashlib.sha256(FILE.read_bytes()).hexdigest() == SHA256
    d = pd.read_csv(FILE)
    frame = {
        "unit": np.arange(len(d)),
        "treated": d["mbsmoke"] == "smoker",
        "weight": 1.0,
        "x.married": (d["mmarried"] == "married").astype(float),
        "x.age": d["mage"].astype(float),
        "x.age2": d["mage"].astype(float) ** 2,
        "x.first": (d["fbaby"] == "Yes").astype(float),
        "x.education": d["medu"].astype(float),
        "y.y": d["bweight"].astype(float),
    }
    return panel_of(pd.DataFrame(frame))


def effect(panel: Panel, method: str, options: dict[str, object], **more: object) -> Estimate:
    plugin = registry.design(method)
    design = built(plugin, plugin.options.model_validate({"covariates": SCORE, **options}), panel)
    return DIFFERENCE.estimate(on(design, panel, **more))


def on(design: Design, panel: Panel, **more: object) -> object:
    assert design.summary.matching is not None
    target = Estimand(outcome="y", target=design.summary.matching.estimand[:3])  # type: ignore[arg-type]
    return asked(DifferenceOptions(**more), design, panel, estimand=target)  # type: ignore[arg-type]


@pytest.mark.parametrize(("se", "wanted"), [("abadie_imbens", 32.12346817), ("abadie_imbens_2016", 32.02100343)])
def test_one_neighbour_for_the_ate(panel: Panel, se: str, wanted: float) -> None:
    found = effect(panel, "matching.nearest", {"replace": True, "estimand": "ATE"}, se=se)
    assert found.att == pytest.approx(-210.96833674, abs=1e-8)
    assert found.se == pytest.approx(wanted, abs=1e-8)
    assert (found.estimand, found.df, found.counts.treated, found.counts.comparison) == ("ATE", None, 864, 3778)


def test_inverse_propensity_weights_as_statsmodels_has_them(panel: Panel) -> None:
    d = panel.frame
    x = d[[f"x.{name}" for name in SCORE]].to_numpy()
    one = np.column_stack([np.ones(len(d)), x])
    score = Logit(d["treated"].to_numpy(dtype=float), one).fit(disp=0, tol=1e-12)
    theirs = TreatmentEffect(OLS(d["y.y"], one), d["treated"].to_numpy(dtype=int), results_select=score)
    for target in ("ATE", "ATT"):
        found = effect(panel, "weighting.inverse_propensity", {"estimand": target})
        wanted = theirs.ipw(effect_group="all" if target == "ATE" else 1)
        assert found.att == pytest.approx(float(wanted.effect[0]), rel=1e-8)
        assert found.se == pytest.approx(float(wanted.results_gmm.bse[0]), rel=1e-4)


@pytest.mark.parametrize("target", ["ATT", "ATC", "ATE"])
@pytest.mark.parametrize("ratio", [1, 3])
def test_the_2006_variance_by_the_definition(target: str, ratio: int) -> None:
    """Looped over units and pairs, as the formulas stand, on covariates with many ties."""
    frame = cross_section(41, 30, 45, discrete=True)
    panel = panel_of(frame)
    plugin = registry.design("matching.nearest")
    options = {"covariates": ("a", "b"), "replace": True, "ratio": ratio, "estimand": target}
    design = built(plugin, plugin.options.model_validate(options), panel)
    found = DIFFERENCE.estimate(on(design, panel, se="abadie_imbens"))  # type: ignore[arg-type]
    assert design.weights is not None
    s = np.rint(design.weights["score"].to_numpy() * 1e12)
    d, y, n = panel.frame["treated"].to_numpy(), panel.frame["y.y"].to_numpy(), 75

    def near(i: int, pool: np.ndarray, count: int) -> np.ndarray:
        gaps = np.abs(s[pool] - s[i])
        return pool[gaps <= np.sort(gaps)[min(count, len(pool)) - 1]]

    sets = [near(i, np.flatnonzero(d != d[i]), ratio) for i in range(n)]
    imputed = np.array([y[one].mean() for one in sets])
    used = np.array([sum(1 / len(one) for one in sets if i in one) for i in range(n)])
    squared = np.array([sum(1 / len(one) ** 2 for one in sets if i in one) for i in range(n)])
    spread = np.array([np.var(y[near(i, np.flatnonzero(d == d[i]), 2)], ddof=1) for i in range(n)])
    gap = np.where(d, y - imputed, imputed - y)
    if target == "ATE":
        effect_, v = gap.mean(), np.sum((gap - gap.mean()) ** 2 + spread * (used**2 + 2 * used - squared)) / n**2
    else:
        who = d if target == "ATT" else ~d
        effect_ = gap[who].mean()
        v = (np.sum((gap[who] - effect_) ** 2) + np.sum((spread * (used**2 - squared))[~who])) / who.sum() ** 2
    assert found.att == pytest.approx(effect_, rel=1e-12)
    assert found.se == pytest.approx(np.sqrt(v), rel=1e-9)


@pytest.mark.parametrize("target", ["ATT", "ATC"])
def test_the_2016_variance_for_one_group_by_the_definition(target: str) -> None:
    """Theorem 2, looped over units: c by matching on the score, d by matching on the covariates; many ties."""
    frame = cross_section(43, 40, 60, discrete=True)
    frame["y.y"] += 0.7 * frame["treated"] * frame["x.a"]
    panel = panel_of(frame)
    plugin = registry.design("matching.nearest")
    design = built(
        plugin, plugin.options.model_validate({"covariates": ("a", "b"), "replace": True, "estimand": target}), panel
    )
    plain, corrected = (
        DIFFERENCE.estimate(on(design, panel, se=se))  # type: ignore[arg-type]
        for se in ("abadie_imbens", "abadie_imbens_2016")
    )
    assert design.weights is not None
    e = design.weights["score"].to_numpy()
    d, y = panel.frame["treated"].to_numpy(), panel.frame["y.y"].to_numpy()
    x, n, s = panel.frame[["x.a", "x.b"]].to_numpy(), 100, np.rint(1e12 * e)
    if target == "ATC":
        d, e = ~d, 1.0 - e
    tau = plain.att if target == "ATT" else -plain.att
    centred = x - np.where(d[:, None], x[d].mean(axis=0), x[~d].mean(axis=0))
    points = x @ np.linalg.cholesky(np.linalg.inv(centred.T @ centred))
    one, f = np.column_stack([np.ones(n), x]), e * (1 - e)

    def near(i: int, pool: np.ndarray, count: int, *, covariates: bool = False) -> np.ndarray:
        gaps = np.round(np.linalg.norm(points[pool] - points[i], axis=1), 9) if covariates else np.abs(s[pool] - s[i])
        return pool[gaps <= np.sort(gaps)[count - 1]]

    c, dd = np.zeros(3), np.zeros(3)
    for i in range(n):
        sign = 1 if d[i] else -1
        other = np.flatnonzero(d != d[i])
        c += one[i] * f[i] * (sign * (y[i] - y[near(i, other, 1)].mean()) - tau)
        dd += one[i] * f[i] * (sign * (y[i] - y[near(i, other, 1, covariates=True)].mean()) - tau)
        for state, factor in ((d, 1.0), (~d, e[i] / (1 - e[i]))):
            those = near(i, np.flatnonzero(state), 2)
            together = ((one[those] - one[those].mean(axis=0)) * (y[those] - y[those].mean())[:, None]).sum(axis=0)
            c += f[i] * factor * together / (len(those) - 1)
    information = (one * f[:, None]).T @ one
    change = (c @ np.linalg.solve(information, c) - dd @ np.linalg.solve(information, dd)) / d.sum() ** 2
    assert plain.se is not None
    assert corrected.se == pytest.approx(np.sqrt(plain.se**2 - change), rel=1e-9)
    assert abs(change) > 1e-3 * plain.se**2


def test_where_these_standard_errors_do_not_exist() -> None:
    frame = cross_section(42, 30, 45)
    panel = panel_of(frame)
    plugin = registry.design("matching.nearest")
    for options, more, said in (
        ({}, {"se": "abadie_imbens"}, "with replacement on a score"),
        ({"replace": True}, {"se": "abadie_imbens", "covariates": ("a",)}, "adjusted for covariates"),
        ({"replace": True, "scale": "linear"}, {"se": "abadie_imbens_2016"}, "the probability of a logit score alone"),
    ):
        design = built(plugin, plugin.options.model_validate({"covariates": ("a", "b"), **options}), panel)
        with pytest.raises(RunError, match=said):
            DIFFERENCE.estimate(on(design, panel, **more))  # type: ignore[arg-type]
