"""An agreed rate then a live group, and an earlier cohort less a trend: by hand, by other programs, refusals."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from matched_worlds import asked, built, panel_of
from pydantic import ValidationError
from scipy import stats

from evaltool.designs.history.cohort import PLUGIN as COHORT
from evaltool.designs.history.cohort import CohortOptions
from evaltool.designs.history.rate import PLUGIN as RATE
from evaltool.designs.history.rate import RateOptions
from evaltool.errors import RunError
from evaltool.estimators.counterfactual.fixed_rate import PLUGIN as FIXED
from evaltool.estimators.counterfactual.fixed_rate import FixedRateOptions
from evaltool.estimators.counterfactual.historical import PLUGIN as HISTORICAL
from evaltool.estimators.counterfactual.historical import HistoricalOptions
from evaltool.records.panel import Panel
from evaltool.records.plan.analysis import Estimand, Inference
from evaltool.records.plugins import EstimationRequest


def families() -> pd.DataFrame:
    """(served, entered, outcome): four served in year 1, four in year 3; of those not served three in 3, one in 1."""
    rows = [(1, 1, 1), (1, 1, 0), (1, 1, 1), (1, 1, 1), (1, 3, 1), (1, 3, 0), (1, 3, 0), (1, 3, 1)]
    rows += [(0, 3, 0), (0, 3, 1), (0, 3, 0), (0, 1, 1)]
    frame = pd.DataFrame(rows, columns=["treated", "x.entered", "y.y"]).astype(float)
    return frame.assign(treated=frame["treated"] == 1, unit=range(len(rows)), weight=1.0)


def fixed(frame: pd.DataFrame, estimand: Estimand | None = None, **options: object) -> EstimationRequest:
    data = panel_of(frame)
    return asked(FixedRateOptions.model_validate(options), built(RATE, RateOptions(), data), data, estimand=estimand)


def test_a_rate_then_a_live_group_by_hand() -> None:
    """½ (¾ − ¼) + ½ (½ − ⅓) = ⅓; the one not served in year 1 is not used.

    Variances of the means: (¾·¼)/3 = 1/16, (½·½)/3 = 1/12, (⅔·⅓)/2 = 1/9; se² = (1/16 + 1/12 + 1/9)/4 = 37/576.
    """
    wanted = fixed(families(), rate=Decimal("0.25"), entered="entered", until=Decimal(2))
    found = FIXED.estimate(wanted)
    assert found.att == pytest.approx(1 / 3)
    assert found.se == pytest.approx(np.sqrt(37 / 576))
    parts = np.array([1 / 64, 1 / 48, 1 / 36])
    assert found.df == pytest.approx(parts.sum() ** 2 / (parts**2 / np.array([3, 3, 2])).sum())
    assert found.conventions["not_served_and_not_used"] == 1
    assert (found.counts.treated, found.counts.comparison, found.counts.observations) == (8, 3, 11)
    assert FIXED.second_opinion is not None
    assert FIXED.second_opinion(wanted).value == pytest.approx(found.att, abs=1e-12)
    assert found.relative is not None
    assert found.relative.value == pytest.approx((1 / 3) / (0.625 - 1 / 3))
    expected = 0.625 - 1 / 3
    variance = (1 / 64 + 1 / 48) / expected**2 + 0.625**2 * (1 / 36) / expected**4
    assert found.relative.se == pytest.approx(np.sqrt(variance))


def test_everybody_on_the_rate_and_everybody_beside_the_live_group() -> None:
    """Alone against the rate it is a t test against a number; after the date, Welch's test."""
    r = np.random.default_rng(0)
    frame = pd.DataFrame({"treated": np.arange(50) < 30, "x.entered": 5.0, "y.y": r.normal(size=50), "weight": 1.0})
    frame = frame.assign(unit=range(50))
    one = FIXED.estimate(fixed(frame, rate=Decimal("0.5")))
    theirs = stats.ttest_1samp(frame.loc[frame["treated"], "y.y"], 0.5)
    assert (one.statistic, one.p_value) == pytest.approx((theirs.statistic, theirs.pvalue))
    two = FIXED.estimate(fixed(frame, rate=Decimal("0.5"), entered="entered", until=Decimal(4)))
    welch = stats.ttest_ind(frame.loc[frame["treated"], "y.y"], frame.loc[~frame["treated"], "y.y"], equal_var=False)
    assert (two.statistic, two.p_value, two.df) == pytest.approx((welch.statistic, welch.pvalue, welch.df))


def test_unit_weights_repeat_people_in_the_mean() -> None:
    frame = families().assign(weight=[2.0, *[1.0] * 11])
    doubled = pd.concat([families(), families().iloc[:1].assign(unit=99)])
    options = {"rate": Decimal("0.25"), "entered": "entered", "until": Decimal(2)}
    found, other = FIXED.estimate(fixed(frame, **options)), FIXED.estimate(fixed(doubled, **options))
    assert found.att == pytest.approx(other.att)


FIXED_REFUSED = [
    (families(), {}, "RUN_NO_RATE"),
    (families(), {"rate": Decimal(0), "entered": "entred", "until": Decimal(2)}, "RUN_UNKNOWN_COVARIATE"),
    (families().iloc[:9], {"rate": Decimal(0), "entered": "entered", "until": Decimal(2)}, "RUN_SMALL_GROUP"),
    (
        families().iloc[[0, *range(4, 12)]],
        {"rate": Decimal(0), "entered": "entered", "until": Decimal(2)},
        "RUN_SMALL_GROUP",
    ),
]


@pytest.mark.parametrize(("frame", "options", "code"), FIXED_REFUSED)
def test_an_agreed_rate_refuses(frame: pd.DataFrame, options: dict[str, object], code: str) -> None:
    with pytest.raises(RunError) as caught:
        FIXED.estimate(fixed(frame, **options))
    assert caught.value.codes == (code,)


def test_bad_designs_scales_and_options_are_refused() -> None:
    with pytest.raises(ValidationError):
        FixedRateOptions(until=Decimal(2))
    for frame, code in (
        (families().assign(period=1), "RUN_NEEDS_DATA"),
        (families().assign(treated=False), "RUN_NOBODY_TREATED"),
    ):
        with pytest.raises(RunError) as caught:
            built(RATE, RateOptions(), panel_of(frame))
        assert caught.value.codes == (code,)
    for plugin, options in ((FIXED, FixedRateOptions(rate=Decimal(-1))), (HISTORICAL, HistoricalOptions())):
        design = built(RATE, RateOptions(), panel_of(families().assign(**{"x.live": families()["treated"] * 1.0})))
        data = panel_of(families().assign(**{"x.live": families()["treated"] * 1.0, "y.y": -families()["y.y"]}))
        for wanted, code in (
            (Estimand(outcome="y", scale="relative", denominator="baseline"), "RUN_NOT_BY_HISTORY"),
            (Estimand(outcome="y", scale="relative", denominator="counterfactual"), "RUN_ZERO_DENOMINATOR"),
            (Estimand(outcome="y", target="ATE"), "RUN_NOT_BY_HISTORY"),
        ):
            with pytest.raises(RunError) as caught:
                plugin.estimate(asked(options, design, data, estimand=wanted))
            assert caught.value.codes == (code,)
        assert plugin.estimate(asked(options, design, data)).relative is None
        with pytest.raises(RunError) as caught:
            plugin.estimate(asked(options, design, data, inference=Inference(cluster="c")))
        assert caught.value.codes == ("RUN_NOT_BY_HISTORY",)
        with pytest.raises(RunError) as caught:
            plugin.estimate(asked(options, design, data.blinded()))
        assert caught.value.codes == ("RUN_NEEDS_DATA",)


def detained(seed: int = 0, n: int = 400) -> pd.DataFrame:
    """Live or earlier, eligible or not; older people do worse, time adds 1, the intervention takes off 2."""
    r = np.random.default_rng(seed)
    live, eligible = r.integers(0, 2, n), r.integers(0, 2, n)
    age = r.normal(size=n) + 0.8 * live * eligible
    y = 10.0 + 1.5 * age + live - 2.0 * live * eligible + 3.0 * (1 - eligible) + r.normal(size=n)
    columns = {"x.live": live * 1.0, "x.eligible": eligible * 1.0, "x.age": age, "y.y": y, "weight": 1.0}
    return pd.DataFrame({"unit": range(n), "treated": (live * eligible) == 1, **columns})


def historical(frame: pd.DataFrame, **options: object) -> EstimationRequest:
    data: Panel = panel_of(frame)
    return asked(HistoricalOptions.model_validate(options), built(COHORT, CohortOptions(), data), data)


def test_without_covariates_it_is_the_regression_of_four_groups() -> None:
    """The interaction of live and eligible, with standard errors robust to unequal variances (HC0)."""
    frame = detained()
    found = HISTORICAL.estimate(historical(frame, eligible="eligible"))
    x = np.column_stack([np.ones(400), frame["x.live"], frame["x.eligible"], frame["x.live"] * frame["x.eligible"]])
    fit = sm.OLS(frame["y.y"].to_numpy(), x).fit(cov_type="HC0")
    assert found.att == pytest.approx(fit.params[3], abs=1e-10)
    assert found.se == pytest.approx(fit.bse[3], rel=1e-10)


@pytest.mark.parametrize("adjust", ["regression", "weighting"])
def test_covariates_make_the_cohorts_alike(adjust: str) -> None:
    """The earlier cohort is younger, which would hide the effect; adjusted, it is −2 again, twice computed."""
    frame = detained(1, 4000)
    wanted = historical(frame, eligible="eligible", covariates=("age",), adjust=adjust)
    found = HISTORICAL.estimate(wanted)
    assert found.se is not None
    assert found.att == pytest.approx(-2.0, abs=3 * found.se)
    assert HISTORICAL.estimate(historical(frame, eligible="eligible")).att > -1.2
    assert HISTORICAL.second_opinion is not None
    assert HISTORICAL.second_opinion(wanted).value == pytest.approx(found.att, abs=1e-8 * abs(found.att))
    assert found.relative is not None
    assert found.relative.value == pytest.approx(found.att / ((found.observed or 0.0) - found.att))


def test_the_standard_error_of_the_share_is_that_of_many_draws() -> None:
    """Spread of the share over 300 seeded draws beside its mean delta-method error: within a tenth."""
    shares, errors = [], []
    for seed in range(300):
        found = HISTORICAL.estimate(historical(detained(seed), eligible="eligible", covariates=("age",)))
        assert found.relative is not None
        shares.append(found.relative.value)
        errors.append(found.relative.se)
    assert float(np.std(shares)) == pytest.approx(float(np.mean(errors)), rel=0.1)  # type: ignore[arg-type]


def test_without_a_trend_group_the_reader_is_told() -> None:
    frame = detained()[detained()["x.eligible"] == 1.0]
    found = HISTORICAL.estimate(historical(frame))
    assert found.notes == ("trend_not_taken_out",)
    own = frame.loc[frame["treated"], "y.y"].mean() - frame.loc[~frame["treated"], "y.y"].mean()
    assert found.att == pytest.approx(own)
    assert found.counts.observations == len(frame)


HISTORY_REFUSED = [
    (detained().assign(**{"x.live": 2.0}), {}, "RUN_BAD_MARK"),
    (detained(), {}, "RUN_BAD_MARK"),
    (detained(), {"live": "lives"}, "RUN_UNKNOWN_COVARIATE"),
    (detained().query("`x.live` == 1 or `x.eligible` == 1"), {"eligible": "eligible"}, "RUN_SMALL_GROUP"),
]


@pytest.mark.parametrize(("frame", "options", "code"), HISTORY_REFUSED)
def test_an_earlier_cohort_refuses(frame: pd.DataFrame, options: dict[str, object], code: str) -> None:
    with pytest.raises(RunError) as caught:
        HISTORICAL.estimate(historical(frame, **options))
    assert code in caught.value.codes
    with pytest.raises(ValidationError):
        HistoricalOptions(live="a", covariates=("a",))


def test_row_order_changes_no_byte() -> None:
    frame = detained()
    options = {"eligible": "eligible", "covariates": ("age",)}
    first = HISTORICAL.estimate(historical(frame, **options)).to_json()
    assert HISTORICAL.estimate(historical(frame.sample(frac=1.0, random_state=2), **options)).to_json() == first
