"""Weighting designs: promises, refusals, invariance, and solutions that another program finds too."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from matched_worlds import asked, built, cross_section, panel_of
from scipy.optimize import minimize

import evaltool as ev
from evaltool import registry
from evaltool.errors import RunError
from evaltool.estimators.weighted.difference import PLUGIN as DIFFERENCE
from evaltool.estimators.weighted.difference import DifferenceOptions
from evaltool.numerics.weighting_fit import How, fitted
from evaltool.records.design import Design
from evaltool.records.plan.analysis import Estimand

MENU: list[tuple[str, dict[str, object]]] = [
    *[("inverse_propensity", {"estimand": t}) for t in ("ATT", "ATC", "ATE", "ATO", "ATM")],
    ("inverse_propensity", {"estimand": "ATE", "stabilised": True, "trim": Decimal("0.9")}),
    *[("entropy_balancing", {"estimand": t, "moments": 2}) for t in ("ATT", "ATC", "ATE")],
    *[("covariate_balancing", {"estimand": t}) for t in ("ATT", "ATC", "ATE", "ATO")],
    *[("covariate_balancing", {"estimand": t, "over": True}) for t in ("ATT", "ATC", "ATE")],
    *[("stable", {"estimand": t, "tolerance": Decimal("0.05")}) for t in ("ATT", "ATC", "ATE")],
    ("stable", {"tolerance": Decimal(0)}),
]


def made(
    frame: pd.DataFrame, method: str, options: dict[str, object], covariates: tuple[str, ...] = ("a", "b")
) -> Design:
    plugin = registry.design(f"weighting.{method}")
    return built(plugin, plugin.options.model_validate({"covariates": covariates, **options}), panel_of(frame))


def target_of(design: Design) -> Estimand:
    assert design.summary.matching is not None
    return Estimand(outcome="y", target=design.summary.matching.estimand[:3])  # type: ignore[arg-type]


@pytest.mark.parametrize(("method", "options"), MENU)
def test_promises_row_order_and_two_computations(method: str, options: dict[str, object]) -> None:
    frame = cross_section(11, 60, 90)
    design = made(frame, method, options)
    again = made(frame.sample(frac=1.0, random_state=2)[list(frame.columns)[::-1]], method, options)
    assert again.summary == design.summary
    assert design.weights is not None
    assert (design.weights["weight"] >= 0).all()
    request = asked(DifferenceOptions(), design, panel_of(frame), estimand=target_of(design))
    found = DIFFERENCE.estimate(request)
    assert DIFFERENCE.second_opinion is not None
    assert DIFFERENCE.second_opinion(request).value == pytest.approx(found.att, rel=1e-10)
    assert found.se is not None
    assert found.conventions["tie_range"] == "no_ties"
    facts = design.summary.matching
    assert facts is not None
    if method == "entropy_balancing" or (method == "covariate_balancing" and "over" not in options):
        assert max(abs(row.smd_after or 0.0) for row in facts.balance if row.kind != "score") < 1e-8


def test_the_effect_is_the_weighted_difference_by_hand() -> None:
    """Weights for the ATT: 1, and e/(1 − e) with e the share treated at each value of a two-valued covariate.

    At 0: 1 of 4 treated, odds 1/3; at 1: 2 of 3, odds 2. Comparison mean (1/3·(1 + 2 + 3) + 2·10)/(1 + 2) = 22/3.
    """
    rows = [(0, True, 9.0), (0, False, 1.0), (0, False, 2.0), (0, False, 3.0), (1, True, 12.0), (1, True, 15.0)]
    frame = pd.DataFrame([*rows, (1, False, 10.0)], columns=["x.a", "treated", "y.y"]).astype({"x.a": float})
    frame.insert(0, "unit", np.arange(7))
    design = made(frame.assign(weight=1.0), "inverse_propensity", {}, ("a",))
    assert design.weights is not None
    assert design.weights["weight"].tolist() == pytest.approx([1, 1 / 3, 1 / 3, 1 / 3, 1, 1, 2])
    found = DIFFERENCE.estimate(asked(DifferenceOptions(), design, panel_of(frame)))
    assert found.att == pytest.approx(12.0 - 22.0 / 3.0)


@pytest.mark.parametrize("tolerance", [0.0, 0.02, 0.2])
def test_stable_weights_are_those_of_a_general_solver(tolerance: float) -> None:
    frame = cross_section(12, 25, 40)
    x, d = frame[["x.a", "x.b"]].to_numpy(), frame["treated"].to_numpy()
    ours = fitted(x, ("a", "b"), d, How("stable", "ATT", tolerance=tolerance)).weights[~d]
    z = (x[~d] - x[d].mean(axis=0)) / x[d].std(axis=0, ddof=1)

    def inside(w: np.ndarray) -> np.ndarray:
        mean = (z * w[:, None]).mean(axis=0)
        return np.concatenate([tolerance - mean, tolerance + mean])

    rule = [{"type": "eq", "fun": lambda w: w.mean() - 1.0}, {"type": "ineq", "fun": inside}]
    theirs = minimize(
        lambda w: w @ w,
        np.ones(40),
        jac=lambda w: 2 * w,
        bounds=[(0, None)] * 40,
        constraints=rule,
        method="SLSQP",
        options={"ftol": 1e-13, "maxiter": 500},
    )
    assert (inside(ours) > -1e-9).all()
    assert ours @ ours == pytest.approx(theirs.fun, rel=1e-7)
    assert ours == pytest.approx(theirs.x, abs=1e-4)


def test_m_estimation_agrees_with_a_bootstrap() -> None:
    """Seeded: 400 resamples, so the ratio of standard errors is known to about 4 per cent; 15 is allowed."""
    frame = cross_section(13, 150, 250)
    design = made(frame, "inverse_propensity", {"estimand": "ATE"})
    se = DIFFERENCE.estimate(asked(DifferenceOptions(), design, panel_of(frame), estimand=target_of(design))).se
    x, d, y = frame[["x.a", "x.b"]].to_numpy(), frame["treated"].to_numpy(), frame["y.y"].to_numpy()
    r, draws = np.random.default_rng(5), []
    for _ in range(400):
        i = r.integers(0, 400, 400)
        w = fitted(x[i], ("a", "b"), d[i], How("inverse_propensity", "ATE")).weights
        t = d[i]
        draws.append(np.average(y[i][t], weights=w[t]) - np.average(y[i][~t], weights=w[~t]))
    assert se == pytest.approx(float(np.std(draws, ddof=1)), rel=0.15)


def test_what_cannot_be_weighted_is_refused() -> None:
    apart = cross_section(14, 20, 30)
    apart["x.c"] = np.where(apart["treated"], 5.0, 1.0) + np.arange(50) / 100
    with pytest.raises(RunError, match=r"Covariate 'c' alone separates"):
        made(apart, "inverse_propensity", {}, ("a", "c"))
    with pytest.raises(RunError, match="RUN_COLLINEAR"):
        made(apart.assign(**{"x.d": 2 * apart["x.a"]}), "entropy_balancing", {}, ("a", "d"))
    with pytest.raises(RunError, match="RUN_COLLINEAR"):
        made(apart.assign(**{"x.d": 1.0}), "stable", {"tolerance": Decimal("0.1")}, ("a", "d"))
    outlier = cross_section(15, 6, 12)
    outlier.loc[0, "x.a"] = 40.0
    outlier.loc[11, "x.b"] = 30.0
    with pytest.raises(RunError, match="RUN_NO_BALANCE"):
        made(outlier, "entropy_balancing", {})
    with pytest.raises(RunError, match="RUN_NO_BALANCE"):
        made(outlier, "stable", {"tolerance": Decimal("0.01")})
    matched = built(
        registry.design("matching.nearest"),
        registry.design("matching.nearest").options.model_validate({"covariates": ("a", "b")}),
        panel_of(cross_section(16)),
    )
    with pytest.raises(RunError, match="RUN_NO_EQUATIONS"):
        DIFFERENCE.estimate(asked(DifferenceOptions(se="m_estimation"), matched, panel_of(cross_section(16))))


def test_the_direct_road_is_the_plans() -> None:
    frame = cross_section(17, 60, 90)
    plain = frame.rename(columns={"x.a": "a", "x.b": "b", "y.y": "y"})
    roles = {"treatment": "treated", "covariates": ["a", "b"], "unit": "unit"}
    calls = {
        "entropy_balancing": (ev.weighting.entropy_balancing(plain, **roles), {}),
        "covariate_balancing": (ev.weighting.covariate_balancing(plain, **roles, over=True), {"over": True}),
        "inverse_propensity": (ev.weighting.overlap(plain, **roles), {"estimand": "ATO"}),
        "stable": (ev.weighting.stable(plain, **roles, tolerance=0.1), {"tolerance": Decimal("0.1")}),
    }
    for method, (design, options) in calls.items():
        other = made(frame, method, options)
        assert design.facts == other.summary.matching
        assert design.sets.empty
        found = ev.weighted.difference(design, plain, outcome="y")
        assert found.estimand == design.estimand
        wanted = DIFFERENCE.estimate(asked(DifferenceOptions(), other, panel_of(frame), estimand=target_of(other)))
        assert (found.att, found.se) == (wanted.att, wanted.se)
    with pytest.raises(ev.errors.UsageError, match="USAGE_BAD_ARGUMENT"):
        ev.weighting.stable(plain, **roles, tolerance=-1.0)
