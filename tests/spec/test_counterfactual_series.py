"""Interrupted series: exact data, statsmodels' coefficients and standard errors, controls, dependence, refusals."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from matched_plans import CONTROL
from matched_worlds import asked, built, panel_of
from pydantic import ValidationError
from statsmodels.discrete.discrete_model import NegativeBinomial
from statsmodels.stats.diagnostic import acorr_ljungbox

from evaltool.designs.history.series import PLUGIN as SERIES
from evaltool.designs.history.series import SeriesOptions
from evaltool.errors import RunError
from evaltool.estimators.counterfactual.interrupted_series import PLUGIN, InterruptedOptions, model_of
from evaltool.numerics.segmented import automatic_lags, fit_segmented, ljung_box
from evaltool.pipeline.corridor import evaluate
from evaltool.pipeline.design_lock import lock_design
from evaltool.reading.blind_panel import read_blind_panel
from evaltool.reading.design_lock import write_design_lock
from evaltool.reading.lock_file import write_lock
from evaltool.reading.panel_file import read_panel
from evaltool.reading.plan_file import read_plan
from evaltool.records.estimate import Estimate
from evaltool.records.panel import Panel
from evaltool.records.plan.analysis import Estimand, Inference
from evaltool.records.plugins import EstimationRequest

T, START = 48, 36


def counts(seed: int = 0, *, level: float = -0.2, dispersion: float = 0.0) -> np.ndarray:
    """Monthly counts with a season and, from period 36 on, another level."""
    r = np.random.default_rng(seed)
    t = np.arange(T)
    mean = np.exp(5.0 + 0.003 * t + 0.1 * np.sin(2 * np.pi * t / 12) + level * (t >= START))
    return r.poisson(mean * (r.gamma(1 / dispersion, dispersion, T) if dispersion else 1.0)).astype(float)


def panel(y: np.ndarray, control: np.ndarray | None = None, exposure: np.ndarray | None = None) -> Panel:
    series = {"town": y} | ({} if control is None else {"other": control})
    frames = [
        pd.DataFrame(
            {
                "unit": name,
                "period": np.arange(1, len(values) + 1),
                "first_treated": START + 1.0 if name == "town" else np.inf,
                "weight": 1.0,
                "x.people": np.ones(len(values)) if exposure is None else exposure,
                "y.y": values,
            }
        )
        for name, values in series.items()
    ]
    return panel_of(pd.concat(frames))


def request(data: Panel, *, inference: Inference | None = None, **options: object) -> EstimationRequest:
    design = built(SERIES, SeriesOptions(control="other" if data.identity.units > 1 else None), data)
    return asked(InterruptedOptions.model_validate(options), design, data, inference=inference)


def effect(data: Panel, **options: object) -> Estimate:
    return PLUGIN.estimate(request(data, **options))


def test_an_exact_line_is_continued() -> None:
    """y = 2 + 3t, after the start 5 + (t − 36) more: 12 periods, mean of 5 … 16 = 10½. Nothing is left to measure."""
    t = np.arange(T)
    y = 2.0 + 3.0 * t + (t >= START) * (5.0 + t - START)
    found = effect(panel(y))
    assert found.att == pytest.approx(10.5, abs=1e-9)
    assert (found.se, found.absent) == (None, "NO_VARIATION")
    assert found.counterfactual == pytest.approx(np.mean(2.0 + 3.0 * t[t >= START]))
    assert found.conventions["periods_after"] == 12


@pytest.mark.parametrize("slope", [True, False])
def test_gaussian_hac_is_statsmodels(slope: bool) -> None:
    y = counts()
    wanted = request(panel(y), slope=slope, season=12, harmonics=2)
    found = PLUGIN.estimate(wanted)
    _, model = model_of(wanted)
    lags = automatic_lags(T)
    fit = sm.OLS(y, model.x).fit(cov_type="HAC", cov_kwds={"maxlags": lags, "use_correction": False})
    direction = (model.x - model.without)[model.late].mean(axis=0)
    assert found.att == pytest.approx(float(direction @ fit.params), abs=1e-9)
    assert found.se == pytest.approx(float(np.sqrt(direction @ fit.cov_params() @ direction)), rel=1e-9)
    assert found.df == T - model.x.shape[1]
    assert PLUGIN.second_opinion is not None
    assert PLUGIN.second_opinion(wanted).value == pytest.approx(found.att, abs=1e-9)


@pytest.mark.parametrize("family", ["poisson", "quasi_poisson"])
@pytest.mark.parametrize("errors", ["model", "hac"])
def test_counts_are_statsmodels_and_the_share_is_a_rate_ratio(family: str, errors: str) -> None:
    """With a change in level alone the share is exp(β) − 1 in every period, with the delta method's error."""
    y, people = counts(), np.linspace(1000.0, 1300.0, T)
    wanted = request(
        panel(y, exposure=people), family=family, errors=errors, slope=False, season=12, harmonics=1, exposure="people"
    )
    found = PLUGIN.estimate(wanted)
    _, model = model_of(wanted)
    kind = sm.GLM(y, model.x, family=sm.families.Poisson(), offset=np.log(people))
    if errors == "hac":
        fit = kind.fit(tol=1e-13, cov_type="HAC", cov_kwds={"maxlags": automatic_lags(T), "use_correction": False})
    else:
        fit = kind.fit(tol=1e-13, scale="X2" if family == "quasi_poisson" else None)
    ratio, se = np.exp(fit.params[-1]), fit.bse[-1]
    assert found.relative is not None
    assert found.relative.value == pytest.approx(ratio - 1.0, abs=1e-9)
    assert found.relative.se == pytest.approx(ratio * se, rel=1e-7)
    assert found.att == pytest.approx(float(np.mean(fit.fittedvalues[START:]) * (1 - 1 / ratio)), rel=1e-8)
    assert PLUGIN.second_opinion is not None
    assert PLUGIN.second_opinion(wanted).value == pytest.approx(found.att, abs=1e-8 * abs(found.att))


def test_negative_binomial_is_statsmodels() -> None:
    y = counts(4, dispersion=0.05)
    wanted = request(panel(y), family="negative_binomial", errors="model", slope=False)
    _, model = model_of(wanted)
    mine = fit_segmented(model.y, model.x, model.offset, model.rule)
    start = [*mine.coefficients, mine.dispersion * 1.1]
    theirs = NegativeBinomial(y, model.x).fit(
        disp=0, maxiter=5000, method="nm", start_params=start, xtol=1e-12, ftol=1e-14
    )
    assert mine.dispersion == pytest.approx(theirs.params[-1], rel=1e-4)
    assert mine.coefficients == pytest.approx(theirs.params[:-1], abs=1e-5)
    glm = sm.GLM(y, model.x, family=sm.families.NegativeBinomial(alpha=mine.dispersion)).fit(tol=1e-13)
    assert np.sqrt(np.diag(mine.covariance)) == pytest.approx(glm.bse, rel=1e-7)
    assert PLUGIN.second_opinion is not None
    robust = request(panel(y), family="negative_binomial", slope=False)
    assert PLUGIN.second_opinion(robust).value == pytest.approx(PLUGIN.estimate(robust).att, rel=1e-8)


def test_counts_without_extra_variation_have_no_negative_binomial() -> None:
    y = np.full(T, 50.0)
    y[::2] = 51.0
    with pytest.raises(RunError) as caught:
        effect(panel(y), family="negative_binomial")
    assert caught.value.codes == ("RUN_NOT_CONVERGED",)


def test_glsar_is_statsmodels() -> None:
    r = np.random.default_rng(4)
    e = np.zeros(T)
    for k in range(1, T):
        e[k] = 0.5 * e[k - 1] + r.normal()
    wanted = request(panel(20.0 + 0.1 * np.arange(T) + e), errors="glsar")
    found = PLUGIN.estimate(wanted)
    _, model = model_of(wanted)
    theirs = sm.GLSAR(model.y, model.x, 1)
    fit = theirs.iterative_fit(maxiter=500, rtol=1e-13)
    direction = (model.x - model.without)[model.late].mean(axis=0)
    assert found.att == pytest.approx(float(direction @ fit.params), abs=1e-7)
    assert found.conventions["autocorrelation_of_errors"] is not None


def test_a_control_series_takes_out_what_happened_to_both() -> None:
    """Both fall by 4 at the start; the treated by 3 more. Alone the effect is −7, beside the control −3."""
    r = np.random.default_rng(5)
    t = np.arange(T)
    shared = 30.0 + 0.2 * t - 4.0 * (t >= START)
    own, other = shared - 3.0 * (t >= START) + 0.1 * r.normal(size=T), shared + 5.0 + 0.1 * r.normal(size=T)
    assert effect(panel(own)).att == pytest.approx(-7.0, abs=0.3)
    found = effect(panel(own, other))
    assert found.att == pytest.approx(-3.0, abs=0.3)
    assert (found.counts.treated, found.counts.comparison, found.counts.observations) == (1, 1, 2 * T)
    assert found.conventions["control_series"] is True
    difference = effect(panel(own - other))
    assert found.att == pytest.approx(difference.att, abs=1e-9)
    assert found.se == pytest.approx(difference.se, rel=1e-9)  # scores added by period: the same as of the difference


def test_ljung_box_is_statsmodels() -> None:
    residuals = np.random.default_rng(6).normal(size=40)
    theirs = acorr_ljungbox(residuals, lags=[7])
    assert ljung_box(residuals, 7) == pytest.approx((theirs["lb_stat"].iloc[0], theirs["lb_pvalue"].iloc[0]))


def test_dependence_is_acted_on() -> None:
    """Errors that walk: their own independence is refused, HAC says that they hang together."""
    y = 50.0 + np.random.default_rng(7).normal(size=T).cumsum()
    with pytest.raises(RunError) as caught:
        effect(panel(y), errors="model")
    assert caught.value.codes == ("RUN_AUTOCORRELATED",)
    assert "autocorrelated_residuals" in effect(panel(y)).notes


def test_relative_effects_and_sides() -> None:
    y = counts()
    data = panel(y)
    design = built(SERIES, SeriesOptions(), data)
    wanted = Estimand(outcome="y", scale="relative", denominator="baseline")
    found = PLUGIN.estimate(asked(InterruptedOptions(), design, data, estimand=wanted))
    assert found.relative is not None
    assert found.relative.value == pytest.approx(found.att / y[START - 1])
    one = PLUGIN.estimate(request(data, inference=Inference(sides="one", level=Decimal("0.9"))))
    assert one.interval is not None
    assert (one.interval.lower > 0.0) == (one.p_value is not None and one.p_value < 0.1)
    with pytest.raises(RunError) as caught:
        PLUGIN.estimate(asked(InterruptedOptions(), design, panel(y - 1e4), estimand=wanted))
    assert caught.value.codes == ("RUN_ZERO_DENOMINATOR",)


def test_row_order_changes_no_byte() -> None:
    data = panel(counts(), counts(1))
    shuffled = panel_of(data.frame.sample(frac=1.0, random_state=1))
    assert effect(shuffled).to_json() == effect(data).to_json()


REFUSED = [
    ({"breaks": (20,)}, "RUN_BREAK_BEFORE_START"),
    ({"breaks": (99,)}, "RUN_BREAK_BEFORE_START"),
    ({"season": 24, "harmonics": 1}, "RUN_SHORT_SEASONS"),
    ({"season": 12, "harmonics": 5, "family": "poisson", "exposure": "persons"}, "RUN_UNKNOWN_COVARIATE"),
]


@pytest.mark.parametrize(("options", "code"), REFUSED)
def test_what_one_series_cannot_answer_is_refused(options: dict[str, object], code: str) -> None:
    with pytest.raises(RunError) as caught:
        effect(panel(counts()), **options)
    assert code in caught.value.codes


def test_bad_series_are_refused() -> None:
    y = counts()
    for data, options, code in (
        (panel(y[:37]), {}, "RUN_SHORT_HISTORY"),
        (panel(y + 0.5), {"family": "poisson"}, "RUN_BAD_COUNTS"),
        (panel(y, exposure=np.zeros(T)), {"family": "poisson", "exposure": "people"}, "RUN_BAD_EXPOSURE"),
        (panel(y, counts(1)), {"errors": "glsar"}, "RUN_NOT_BY_SERIES"),
    ):
        with pytest.raises(RunError) as caught:
            effect(data, **options)
        assert caught.value.codes == (code,)
    whole = panel(y)
    gap = whole.with_frame(whole.frame[whole.frame["period"] != 10])
    with pytest.raises(RunError) as caught:
        effect(gap)
    assert caught.value.codes == ("RUN_GAP_IN_SERIES",)
    design = built(SERIES, SeriesOptions(), whole)
    bad = asked(
        InterruptedOptions(),
        design,
        whole,
        estimand=Estimand(outcome="y", target="ATE"),
        inference=Inference(cluster="c"),
    )
    with pytest.raises(RunError) as caught:
        PLUGIN.estimate(bad)
    assert caught.value.codes == ("RUN_NOT_BY_SERIES",) * 2


def test_bad_designs_are_refused() -> None:
    data = panel(counts(), counts(1))
    for control, code in (("othr", "RUN_UNKNOWN_DONOR"), ("town", "RUN_TREATED_DONOR")):
        with pytest.raises(RunError) as caught:
            built(SERIES, SeriesOptions(control=control), data)
        assert caught.value.codes == (code,)
    never = data.frame.assign(first_treated=np.inf)
    both = data.frame.assign(first_treated=37.0)
    short = data.frame.iloc[:-1]
    for frame, control, code in (
        (never, None, "RUN_NOBODY_TREATED"),
        (both, None, "RUN_ONE_TREATED_UNIT"),
        (short, "town", "RUN_TREATED_DONOR"),
        (data.frame.drop(columns="period"), None, "RUN_NEEDS_DATA"),
    ):
        with pytest.raises(RunError) as caught:
            built(SERIES, SeriesOptions(control=control), data.with_frame(frame))
        assert code in caught.value.codes
    alone = built(SERIES, SeriesOptions(), data)
    assert alone.ledger.count("unit", "comparison") == 1
    assert alone.summary.comparison == "own_history"


@pytest.mark.parametrize(
    "options",
    [
        {"season": 12},
        {"harmonics": 1},
        {"season": 4, "harmonics": 2},
        {"errors": "glsar", "family": "poisson"},
        {"exposure": "people"},
        {"lags": 2, "errors": "model"},
    ],
)
def test_options_that_do_not_go_together_are_refused(options: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        InterruptedOptions.model_validate(options)


SERIES_PLAN = (
    CONTROL.replace('method = "donors.pool"', 'method = "history.series"')
    .replace("counterfactual.synthetic_control", "counterfactual.interrupted_series")
    .replace("placebo_periods = 3", 'family = "gaussian"\nslope = false')
)


def test_the_plan_road_pays_on_a_series(tmp_path: Path) -> None:
    """A level that rises by 3 with small errors: estimated, computed twice, and judged by the gates that apply."""
    r = np.random.default_rng(8)
    y = 20.0 + 0.1 * np.arange(40) + 3.0 * (np.arange(40) >= 30) + 0.05 * r.normal(size=40)
    rows = [("town", 1980 + t, 2010, round(float(y[t]), 4)) for t in range(40)]
    pd.DataFrame(rows, columns=["town", "year", "start", "y"]).to_csv(tmp_path / "data.csv", index=False)
    (tmp_path / "plan.toml").write_text(SERIES_PLAN, encoding="utf-8")
    plan = read_plan(tmp_path / "plan.toml")
    write_lock(plan)
    write_design_lock(plan, lock_design(plan, read_blind_panel(plan)))
    run = evaluate(plan, read_panel(plan))
    assert run.estimate.att == pytest.approx(3.0, abs=0.1)
    verdicts = {gate.name: gate.verdict for gate in run.gates}
    assert verdicts["second_opinion"] == "PASS"
    assert {verdicts[name] for name in ("prefit", "placebo_in_space", "leave_one_out")} == {"NOT_APPLICABLE"}
