"""Clusters in regressions with several starts: each method against refits, formulas or the one-start case."""

from __future__ import annotations

import math
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pytest
from estimator_world import Ask, estimate, request_for
from gate_world import plan as contract

import evaltool as ev
from evaltool import registry
from evaltool.errors import RunError, UsageError
from evaltool.language.words import all_words
from evaltool.numerics.cluster_methods import ClusterTest
from evaltool.numerics.few_treated import Placebos, few_treated_test
from evaltool.numerics.regression_methods import HeadlineRegression, regression_tests, two_way_test
from evaltool.numerics.wild_bootstrap import POINTS
from evaltool.pipeline import plan_refusals
from evaltool.pipeline.inference import ORDER, all_rows
from evaltool.pipeline.inference_primary import DF, DRAWN, FACTOR, FACTOR_ROWS, SE, SE_ROWS, with_primary
from evaltool.pipeline.studied import Studied
from evaltool.reading.frames import FrameRoles, panel_from_frame
from evaltool.records.panel import Panel
from evaltool.records.plan.analysis import Inference

REGRESSIONS = ("did.twfe", "did.event_study", "did.sun_abraham", "did.extended_twfe")
ROLES = FrameRoles(
    unit="unit", time="time", outcome="y", first_treated="start", cluster="town", weight="w",
    covariates=("x",), balance="keep",
)  # fmt: skip


def world(starts: tuple[int, ...] = (3, 3, 5, 5, 0, 0, 0), seed: int = 2, size: int | None = None) -> pd.DataFrame:
    """One town per start with 2 to 5 units (or ``size``), six periods, weights, a town's own errors."""
    r = np.random.default_rng(seed)
    rows = []
    for town, start in enumerate(starts):
        shock = r.normal(size=6).cumsum()
        for unit in range(size or int(r.integers(2, 6))):
            level, weight = r.normal(), float(r.integers(1, 5)) if size is None else 1.0
            rows += [
                {
                    "unit": f"{town:02d}-{unit}", "town": f"t{town:02d}", "time": t, "start": start, "w": weight,
                    "x": r.normal(), "y": level + shock[t - 1] + r.normal() + (0 < start <= t) * (1.0 + 0.2 * town),
                }
                for t in range(1, 7)
            ]  # fmt: skip
    return pd.DataFrame(rows)


def panel(frame: pd.DataFrame) -> Panel:
    return panel_from_frame(frame, ROLES)


def ask(method: str, **options: object) -> Ask:
    return Ask(method, options, aggregation="none" if method == "did.twfe" else "simple", cluster="town")


def regression(frame: pd.DataFrame, asked: Ask) -> HeadlineRegression:
    made = registry.estimator(asked.method).regression
    found = None if made is None else made(request_for(panel(frame), asked))
    assert found is not None
    return found


def answers(data: HeadlineRegression) -> dict[str, ClusterTest]:
    return {one.name: one for one in regression_tests(data, seed=1, level=0.9)}


def dense(data: HeadlineRegression) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """X with every dummy written out, y and c'(X'WX)⁻X'W, weighted."""
    root = np.sqrt(data.effects.weights)[:, None]
    unit = np.eye(data.effects.units)[data.effects.unit]  # units, or cohorts
    period = np.eye(data.effects.period_mass.shape[0])[data.effects.period][:, 1:]
    x = np.column_stack([data.columns, unit, period]) * root
    contrast = np.concatenate([data.contrast, np.zeros(x.shape[1] - data.contrast.shape[0])])
    return x, data.outcome * root[:, 0], contrast


@pytest.mark.parametrize("method", REGRESSIONS)
@pytest.mark.parametrize("covariates", [(), ("x",)])
def test_the_average_is_the_headline(method: str, covariates: tuple[str, ...]) -> None:
    frame = world()
    if covariates:
        frame = frame[(frame["unit"] != "02-1") | (frame["time"] != 4)]
    if method == "did.extended_twfe":
        frame = frame.assign(x=frame.groupby("unit")["x"].transform("first"))
    asked = ask(method, covariates=covariates)
    found = answers(regression(frame, asked))
    att = estimate(panel(frame), asked).att
    assert all(one.effect == pytest.approx(att, rel=1e-9) for one in found.values() if one.why is None)
    assert found["conley_taber"].why == ("covariates" if covariates else None)


@pytest.mark.parametrize("method", REGRESSIONS)
def test_the_jackknife_is_a_refit_without_each_cluster(method: str) -> None:
    """MacKinnon, Nielsen & Webb 2023: V = (G − 1)/G Σ (b₍g₎ − b)², shares held; least squares with every dummy."""
    data = regression(world(), ask(method))
    x, y, c = dense(data)
    whole = c @ np.linalg.lstsq(x, y, rcond=None)[0]
    without = []
    for g in range(7):
        kept = data.clusters != g
        without.append(c @ np.linalg.lstsq(x[kept], y[kept], rcond=None)[0])
    by_hand = math.sqrt(6 / 7 * np.sum((np.array(without) - whole) ** 2))
    assert answers(data)["cr3"].se == pytest.approx(by_hand, rel=1e-8)


@pytest.mark.parametrize("method", REGRESSIONS)
def test_cr2_is_unbiased_where_errors_are_equal_and_independent(method: str) -> None:
    """Bell & McCaffrey 2002: E[c'V c] = σ² c'(X'X)⁻¹c; the expectation as a trace, with every dummy in X."""
    data = regression(world(), ask(method))
    x, _, c = dense(data)
    inverse = np.linalg.inv(x.T @ x)
    residual = np.eye(x.shape[0]) - x @ inverse @ x.T
    direction, total, square = x @ inverse @ c, 0.0, np.zeros((7, 7))
    columns = []
    for g in range(7):
        mine = data.clusters == g
        values, vectors = np.linalg.eigh(residual[np.ix_(mine, mine)])
        power = np.where(values > 1e-9, 1 / np.sqrt(np.where(values > 1e-9, values, 1.0)), 0.0)
        columns.append(residual[:, mine] @ (vectors * power) @ vectors.T @ direction[mine])
    square = np.array(columns) @ np.array(columns).T
    total = float(np.trace(square))
    assert total == pytest.approx(float(c @ inverse @ c), rel=1e-8)
    assert answers(data)["cr2"].df == pytest.approx(total**2 / np.sum(square**2), rel=1e-6)


@pytest.mark.parametrize("method", REGRESSIONS)
def test_the_restricted_wild_bootstrap_enumerated_is_every_sample_refitted(method: str) -> None:
    """Cameron, Gelbach & Miller 2008, 4 clusters with Webb's six values: 1,296 samples, each refitted."""
    frame = world(starts=(3, 5, 0, 0), seed=5)
    data = regression(frame, ask(method))
    x, y, c = dense(data)
    # the null c'b = 0 imposed: project on the columns orthogonal to c in coefficient space
    basis = np.linalg.svd(c[None, :])[2][1:].T
    fitted = x @ basis @ np.linalg.lstsq(x @ basis, y, rcond=None)[0]
    rest, inverse = y - fitted, np.linalg.inv(x.T @ x)
    direction = x @ inverse @ c

    def squared_t(sample: np.ndarray) -> float:
        b = inverse @ (x.T @ sample)
        scores = np.bincount(data.clusters, weights=direction * (sample - x @ b))
        spread = float(scores @ scores)
        return float(c @ b) ** 2 / spread if spread > 1e-18 else math.inf

    own, count = squared_t(y), 0
    points = np.array(POINTS["webb"])
    grid = np.stack(np.meshgrid(*[points] * 4, indexing="ij"), axis=-1).reshape(-1, 4)
    for v in grid:
        count += squared_t(fitted + v[data.clusters] * rest) >= own * (1 - 1e-8)
    found = answers(data)["wild_bootstrap"]
    assert (found.enumerated, found.draws) == (True, 1296)
    assert found.p_value == count / 1296


@pytest.mark.parametrize("end", ["lower", "upper"])
def test_the_bootstrap_interval_is_its_test_inverted(end: str) -> None:
    """Moving treated outcomes by the end moves the coefficient to zero: just inside is kept, just outside is not."""
    frame = world()
    found = answers(regression(frame, ask("did.twfe")))["wild_bootstrap"]
    value = getattr(found, end)
    for inside, kept in ((1e-3, True), (-1e-3, False)):
        move = value + (inside if end == "lower" else -inside)
        on = (frame["start"] > 0) & (frame["time"] >= frame["start"])
        moved = frame.assign(y=frame["y"] - move * on)
        p = answers(regression(moved, ask("did.twfe")))["wild_bootstrap"].p_value
        assert p is not None
        assert (p > 0.1) == kept


@pytest.mark.parametrize("method", REGRESSIONS[:3])
def test_two_way_is_the_estimators_own_two_way_error(method: str) -> None:
    """Which agrees with R fixest (tests/reference/test_did_regressions.py)."""
    data = regression(world(), ask(method))
    own = estimate(panel(world()), ask(method, se="two_way"))
    found = two_way_test(data, own.att, 0.95)
    assert own.interval is not None
    assert (found.se, found.df) == (pytest.approx(own.se, rel=1e-12), own.df)
    assert (found.lower, found.upper) == pytest.approx((own.interval.lower, own.interval.upper), rel=1e-12)


@pytest.mark.parametrize("sizes", [False, True])
def test_conley_taber_with_one_start_is_the_test_of_changes(sizes: bool) -> None:
    """Conley & Taber 2011; Ferman & Pinto 2019: equal clusters with one start reduce to means after less before."""
    frame = world(starts=(4, 4, 0, 0, 0, 0, 0), size=3)
    found = answers(regression(frame, ask("did.twfe")))["ferman_pinto" if sizes else "conley_taber"]
    means = frame.pivot_table(index="town", columns="time", values="y")
    changes = (means.loc[:, 4:].mean(axis=1) - means.loc[:, :3].mean(axis=1)).to_numpy()
    expected = few_treated_test(changes, np.arange(7) < 2, np.full(7, 3.0) if sizes else None, Placebos(), level=0.9)
    assert (found.effect, found.lower, found.upper) == pytest.approx(
        (expected.effect, expected.lower, expected.upper), rel=1e-9
    )
    assert (found.p_value, found.draws, found.enumerated) == (expected.p_value, 25, True)


def test_conley_taber_with_two_starts_is_counted_by_hand() -> None:
    """Every pair of never-treated towns stands in for the two treated ones, each on its own path of weights."""
    frame = world(starts=(3, 5, 0, 0, 0, 0, 0), size=2)
    data = regression(frame, ask("did.twfe"))
    x, y, c = dense(data)
    psi = x @ np.linalg.inv(x.T @ x) @ c
    residual = y - x @ np.linalg.lstsq(x, y, rcond=None)[0]
    weight = np.bincount(data.clusters * 6 + data.effects.period, weights=psi).reshape(7, 6)
    error = np.bincount(data.clusters * 6 + data.effects.period, weights=residual).reshape(7, 6) / 2 * 5 / 4
    effect = float(psi @ y)
    draws = [abs(weight[0] @ error[a] + weight[1] @ error[b]) for a in range(2, 7) for b in range(2, 7)]
    found = answers(data)["conley_taber"]
    assert found.effect == pytest.approx(effect, rel=1e-9)
    assert found.p_value == (1 + sum(d >= abs(effect) for d in draws)) / 26
    assert found.upper == pytest.approx(effect + sorted(draws)[24 - 1], rel=1e-8)


def change(name: str) -> Callable[[pd.DataFrame], pd.DataFrame]:
    changed: dict[str, Callable[[pd.DataFrame], pd.DataFrame]] = {
        "rows": lambda f: f.sample(frac=1.0, random_state=3),
        "constant": lambda f: f.assign(y=f["y"] + 7.0),
        "names": lambda f: f.assign(unit="z" + f["unit"], town="q" + f["town"]),
    }
    return changed[name]


@pytest.mark.parametrize("name", ["rows", "constant", "names"])
def test_nothing_that_means_nothing_changes_a_p_value(name: str) -> None:
    before = answers(regression(world(), ask("did.sun_abraham")))
    after = answers(regression(change(name)(world()), ask("did.sun_abraham")))
    for method, one in before.items():
        assert after[method].p_value == pytest.approx(one.p_value, rel=1e-7), method


def test_a_cohort_of_one_cluster_has_no_cr2() -> None:
    """One cluster decides a cohort's effect alone: its residuals say nothing about it."""
    found = answers(regression(world(starts=(3, 5, 5, 0, 0, 0)), ask("did.sun_abraham")))
    assert (found["cr2"].why, found["cr3"].why) == ("saturated", "one_cluster_decides")
    assert found["wild_bootstrap"].why is None


def test_clusters_treated_in_part_have_no_paths() -> None:
    frame = world()
    part = frame["start"].where(~frame["unit"].isin(["00-0"]), 0)
    assert answers(regression(frame.assign(start=part), ask("did.twfe")))["conley_taber"].why == "treated_in_part"


def test_outcomes_that_fit_exactly_have_no_spread() -> None:
    frame = world()
    exact = frame.assign(y=2.0 * ((frame["start"] > 0) & (frame["time"] >= frame["start"])))
    found = answers(regression(exact, ask("did.twfe")))
    assert {found[name].why for name in ("hc1", "cr2", "cr3")} == {"no_variation"}
    assert found["wild_bootstrap"].why == "nothing_to_test"
    assert found["conley_taber"].why == "alike"


# a plan's primary, and the direct road ----------------------------------------------------------------------------


def studied(asked: Ask, inference: Inference, frame: pd.DataFrame | None = None) -> Studied:
    """The estimate under a plan's inference, with the regression that its plug-in makes."""
    data = panel(world(starts=(3,) * 6 + (5,) * 5 + (0,) * 6, size=1) if frame is None else frame)
    whole = contract()
    outcomes = tuple(one.model_copy(update={"id": "y"}) for one in whole.outcome)
    plan = whole.model_copy(update={"inference": inference, "outcome": outcomes})
    request, made = request_for(data, asked), registry.estimator(asked.method).regression
    regressed = None if made is None else lambda: made(request)
    again = registry.estimator(asked.method).estimate(request)
    return Studied(plan, data, request.design, again, lambda other: estimate(other, asked), regressed)


PRINTED = {
    "cr2": ("CR2 of the regression, effects of units taken out", "none", "Bell-McCaffrey"),
    "cr2_ik": ("CR2 of the regression, effects of units taken out", "none", "Imbens-Kolesar"),
    "cr3": ("CR3 of the regression, jackknife over clusters", "(G - 1)/G", "G - 1"),
    "two_way": (
        "two-way clusters and periods: sum of both sandwiches less that of their intersection",
        "(n - 1)/(n - K), smaller G/(G - 1)",
        "smaller G - 1",
    ),
}


@pytest.mark.parametrize(
    ("method", "primary"),
    [*(("did.sun_abraham", name) for name in sorted(PRINTED)), ("did.twfe", "cr2"), ("did.event_study", "cr3")],
)
def test_a_plan_may_name_it_and_the_report_prints_how_it_was_made(method: str, primary: str) -> None:
    inference = Inference.model_validate({"primary": primary, "cluster": "town", "level": Decimal("0.9")})
    whole = studied(ask(method), inference)
    found = with_primary(whole)
    assert whole.regression is not None
    expected = two_way_test(whole.regression, found.att, 0.9) if primary == "two_way" else None
    expected = expected or answers(whole.regression)[primary]
    assert found.interval is not None
    assert (found.att, found.se, found.p_value) == (whole.estimate.att, expected.se, expected.p_value)
    assert (found.interval.lower, found.interval.upper) == (expected.lower, expected.upper)
    told = found.conventions
    assert (told["se"], told["small_sample_factor"], told["inference_df"]) == PRINTED[primary]
    assert told["inference"] == primary
    assert told["cluster"] == ("town and period" if primary == "two_way" else "town")


def test_a_bootstrap_as_primary_prints_its_weights() -> None:
    inference = Inference(primary="wild_bootstrap", cluster="town")
    found = with_primary(studied(ask("did.sun_abraham"), inference))
    assert (found.conventions["inference_weights"], found.conventions["inference_draws"]) == ("rademacher", 9999)


@pytest.mark.parametrize(
    ("method", "status"),
    [
        ("hc1", ("unusable", "ignores_time")),
        ("two_way", ("doubtful", "few_periods")),
        ("wild_bootstrap", ("usable", None)),
    ],
)
def test_a_status_says_how_far_it_holds(method: str, status: tuple[str, str | None]) -> None:
    rows = {row.method: row for row in all_rows(studied(ask("did.twfe"), Inference(cluster="town")), None)}
    assert (rows[method].status, rows[method].reason) == status


REGRESSION_METHODS = ("hc1", "cr2", "cr2_ik", "two_way", "wild_bootstrap", "conley_taber", "ferman_pinto")


@pytest.mark.parametrize("method", ["did.group_time", "did.imputation", "did.two_stage"])
def test_averages_over_cohorts_say_that_it_is_not_defined_for_them(method: str) -> None:
    whole = studied(Ask(method, cluster="town"), Inference(cluster="town"))
    rows = {row.method: row for row in all_rows(whole, None)}
    assert {rows[name].reason for name in REGRESSION_METHODS} == {"not_a_regression"}
    for lang, words in (("da", "ikke koefficienten i én regression"), ("en", "not the coefficient of one regression")):
        assert words in all_words(lang)["inference_reason.not_a_regression"]


def test_a_plan_that_names_it_for_such_an_average_is_refused() -> None:
    with pytest.raises(RunError, match="not a regression") as caught:
        with_primary(studied(Ask("did.group_time", cluster="town"), Inference(primary="cr2", cluster="town")))
    assert caught.value.codes == ("RUN_INFERENCE_NOT_OFFERED",)


def test_two_way_clusters_need_a_regression_before_data_are_read() -> None:
    plan = contract().model_copy(update={"inference": Inference(primary="two_way")})
    (fault,) = [one for one in plan_refusals(plan) if one.code == "PLAN_INFERENCE_METHOD"]
    assert "did.event_study, did.extended_twfe, did.sun_abraham, did.twfe" in fault.fix


COLUMNS = {"outcome": "y", "unit": "unit", "time": "time", "first_treated": "start", "cluster": "town", "weights": "w"}


def test_the_direct_road_gives_the_same_numbers() -> None:
    frame = world()
    found = ev.did.cluster_tests(frame, **COLUMNS, method="sun_abraham", level=0.9).set_index("method")
    same = answers(regression(frame, ask("did.sun_abraham")))
    for label, name in (
        ("CR2, Bell-McCaffrey df", "cr2"),
        ("CR3 (jackknife), t(G-1)", "cr3"),
        ("Conley-Taber", "conley_taber"),
    ):
        assert found.loc[label, "p_value"] == pytest.approx(same[name].p_value, rel=1e-12)
    own = ev.did.sun_abraham(frame, **COLUMNS)
    assert found.loc["CR1, (n-1)/(n-K) G/(G-1), t(G-1)", "se"] == own.se
    assert (found.attrs["treated_clusters"], found.attrs["comparison_clusters"]) == (4, 3)


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"method": "group_time"}, "USAGE_NOT_OFFERED"),
        ({"covariates": ["x"]}, "USAGE_NOT_OFFERED"),
        ({"method": "twfe", "covariates": "x"}, "USAGE_BAD_ARGUMENT"),
    ],
)
def test_arguments_that_do_not_belong_together(more: dict[str, Any], code: str) -> None:
    with pytest.raises(UsageError) as caught:
        ev.did.cluster_tests(world(), **COLUMNS, **more)
    assert caught.value.codes == (code,)


@pytest.mark.parametrize("lang", ["da", "en"])
def test_every_choice_of_a_primary_is_said(lang: str) -> None:
    words = all_words(lang)
    for value in {*SE.values(), *SE_ROWS.values(), *FACTOR.values(), *FACTOR_ROWS.values(), *DF.values(), DRAWN}:
        assert f"convention_value.{value}" in words, value
    for name in ORDER:
        assert f"inference_method.{name}" in words
