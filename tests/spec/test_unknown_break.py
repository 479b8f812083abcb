"""A break at an unknown time in one series: F by statsmodels, a published critical value, injected breaks, the gate."""

from __future__ import annotations

import numpy as np
import pytest
import statsmodels.api as sm
from gate_world import ask, can
from test_counterfactual_series import counts, effect, panel
from test_gates_synthetic import control
from test_projected_series import forecasted, series, structural

from evaltool import registry
from evaltool.gates import break_before
from evaltool.language.words import Voice
from evaltool.numerics.unknown_break import Course, _autoregressive, _basis, largest_break
from evaltool.records.gate import GateResult

T = np.arange(48.0)
LATE = (T >= 17) & (T < 36)
"""A step in period 18 that lasts to the start in 37."""


def noise(seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=48)


def trend(size: int) -> np.ndarray:
    return np.column_stack([np.ones(size), np.arange(size, dtype=float)])


@pytest.mark.parametrize("slope", [False, True])
def test_the_largest_f_is_that_of_a_regression_at_every_place(slope: bool) -> None:
    """Quandt's statistic by statsmodels' F test of the added terms, over ⌈0.15 · 40⌉ = 6 to 34."""
    y, x, t = noise()[:40] + 2.0 * (T[:40] >= 15), trend(40), np.arange(40.0)
    found = largest_break(Course(y, x, np.ones(40), slope=slope, correlated=False))
    plain = sm.OLS(y, x).fit()
    values = []
    for place in range(6, 35):
        step = (t >= place).astype(float)
        added = np.column_stack([x, step, step * (t - place)] if slope else [x, step])
        values.append(float(sm.OLS(y, added).fit().compare_f_test(plain)[0]))
    assert found is not None
    assert (found.statistic, found.place) == (pytest.approx(max(values), rel=1e-9), 6 + int(np.argmax(values)))
    assert (found.places, found.df) == (29, (2, 36) if slope else (1, 37))


def test_the_draws_reach_the_published_critical_value() -> None:
    """One mean, 15 % trimmed: 8.68 at 5 % (Andrews 2003, table 1), here of 2,000 series of 200, within four errors."""
    course = Course(np.zeros(200), np.ones((200, 1)), np.ones(200), slope=False)
    basis = _basis(course, np.arange(30, 171))
    assert basis is not None
    share = basis.largest(np.random.default_rng(5).normal(size=(2000, 200)))[0]
    larger = float(np.mean(share / (1.0 - share) * 198.0 > 8.68))
    assert abs(larger - 0.05) <= 4.0 * (0.05 * 0.95 / 2000) ** 0.5


def test_an_autoregression_is_taken_out_and_a_break_is_none() -> None:
    draws = _autoregressive(np.random.default_rng(2).normal(size=(3, 60)), 0.7)
    found = [largest_break(Course(y, trend(60), np.ones(60), slope=True)) for y in draws]
    assert all(one is not None and one.rho >= 0.3 and one.p_value > 0.05 for one in found)
    apart = largest_break(Course(noise() + 6.0 * (T >= 20), trend(48), np.ones(48), slope=True))
    assert apart is not None
    assert (apart.place, apart.p_value) == (20, 0.001), "1 of 1,000"
    assert apart.rho <= 0.3


def test_scale_and_what_the_regressors_hold_change_nothing() -> None:
    y, x = noise() + 3.0 * LATE, trend(48)
    one, other = (largest_break(Course(v, x, np.ones(48), slope=True)) for v in (y, 7.0 + T - 100.0 * y))
    assert one is not None
    assert other is not None
    assert one.statistic == pytest.approx(other.statistic, rel=1e-8)
    assert (one.place, one.p_value, one.rho) == (other.place, other.p_value, other.rho)


def test_nothing_is_looked_for_in_a_short_series_and_nothing_found_on_a_line() -> None:
    assert largest_break(Course(noise()[:23], trend(23), np.ones(23), slope=True)) is None
    line = largest_break(Course(3.0 + 2.0 * T, trend(48), np.ones(48), slope=True))
    assert line is not None
    assert (line.statistic, line.p_value) == (0.0, 1.0)


@pytest.mark.parametrize("beside", [False, True])
@pytest.mark.parametrize("family", ["gaussian", "poisson", "quasi_poisson"])
def test_interrupted_series_find_an_injected_break_and_no_other(family: str, beside: bool) -> None:
    if family == "gaussian":
        clean, other = 20.0 + 0.1 * T + noise(4), 30.0 + noise(5)
        broken = clean + 4.0 * LATE
    else:
        level = np.exp(5.0 + 0.003 * T)
        clean = np.random.default_rng(6).poisson(level).astype(float)
        broken, other = np.rint(clean * np.exp(0.4 * LATE)), np.random.default_rng(7).poisson(level).astype(float)
    control_series = other if beside else None
    found = effect(panel(broken, control_series), family=family)
    assert found.conventions["break_period"] in {"18", "19"}
    assert float(found.conventions["break_p"] or 1.0) <= 0.05
    assert "break_before_start" in found.notes
    none = effect(panel(clean, control_series), family=family)
    assert float(none.conventions["break_p"] or 0.0) > 0.05
    assert "break_before_start" not in none.notes


def test_a_break_that_the_control_shares_is_none() -> None:
    shared = 5.0 * LATE
    found = effect(panel(20.0 + noise(4) + shared, 30.0 + noise(5) + shared))
    assert float(found.conventions["break_p"] or 0.0) > 0.05


def test_a_season_is_kept() -> None:
    """A season of twelve is no break with harmonics, and the break stands out beside it."""
    y = 20.0 + 8.0 * np.sin(2.0 * np.pi * T / 12.0) + noise(4)
    assert float(effect(panel(y), season=12, harmonics=1).conventions["break_p"] or 0.0) > 0.05
    assert effect(panel(y + 5.0 * LATE), season=12, harmonics=1).conventions["break_period"] == "18"


def test_structural_series_and_forecasts_find_it_alike() -> None:
    """A local level is ARIMA(0, 1, 1): the same F from two models and two programs' likelihoods."""
    frame = series()
    late = (frame["unit"] == "T") & frame["month"].between(17, 36)
    moved = frame.assign(y=frame["y"] + 4.0 * late)
    for made in (structural, forecasted):
        assert float(made(frame).conventions["break_p"] or 0.0) > 0.05
        assert made(moved).conventions["break_period"] == "17"
        assert float(made(moved).conventions["break_p"] or 1.0) <= 0.05
    first, second = (made(frame).conventions["break_f"] for made in (structural, forecasted))
    assert first == pytest.approx(second, rel=1e-4)
    assert structural(moved, control="C").conventions["break_p"] == 0.001
    assert forecasted(moved, model="ets").conventions["break_period"] == "17"


def gate(**conventions: object) -> GateResult:
    capabilities = can(family="counterfactual", designs=("history.series",), path=False)
    return ask("break_before", capabilities=capabilities, headline=control(**conventions))  # type: ignore[arg-type]


@pytest.mark.parametrize(("p", "verdict"), [(0.05, "REVIEW"), (0.051, "PASS"), (0.001, "REVIEW")])
def test_the_gate_reviews_from_a_twentieth_down(p: float, verdict: str) -> None:
    found = gate(
        break_places=25, break_p=p, break_period="18", break_f=7.5, break_df="2, 30", break_autocorrelation=0.1
    )
    assert (found.verdict, found.statistic) == (verdict, p)
    assert found.reason == (None if verdict == "PASS" else "STRUCTURAL_BREAK")
    assert "18" in found.sentence.en


def test_the_gate_cannot_tell_in_a_short_history_and_does_not_concern_people() -> None:
    assert gate(break_places=0).verdict == "CANNOT_TELL"
    short = effect(panel(counts())).conventions
    assert short["break_places"] == 25
    people = registry.estimator("counterfactual.historical").capabilities
    assert break_before.applies(people, None) is not None  # type: ignore[arg-type]
    assert break_before.applies(registry.estimator("counterfactual.forecast").capabilities, None) is None  # type: ignore[arg-type]


@pytest.mark.parametrize("lang", ["da", "en"])
def test_both_languages_name_every_figure(lang: str) -> None:
    voice = Voice(lang)
    for key in ("f", "df", "period", "places", "p", "autocorrelation"):
        assert voice.says(f"convention.break_{key}")
    assert voice.says("limit.break_before_start")
