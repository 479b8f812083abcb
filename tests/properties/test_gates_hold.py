"""What holds for every gate whatever the numbers: NaN never passes, scale and shift change no verdict."""

from __future__ import annotations

import math

import numpy as np
import pytest
from gate_world import ask, design, diagonal, estimate, panel, path, plan, rule
from hypothesis import given, settings
from hypothesis import strategies as st

from evaltool.numerics.disclosure import Sum, suppress
from evaltool.records.base import canonical_json
from evaltool.records.estimate import Counts, Estimate, Interval, SecondOpinion
from evaltool.records.gate import GateResult

NOT_NUMBERS = st.sampled_from([math.nan, math.inf, -math.inf])
sizes = st.floats(min_value=0.01, max_value=50.0)


def broken(**changes: object) -> Estimate:
    """An estimate that no record would accept, as if a check had been forgotten."""
    return estimate().model_copy(update=changes)


def never_passes(found: GateResult) -> None:
    assert found.verdict not in {"PASS", "NOT_APPLICABLE"}
    canonical_json(found)  # writes without NaN


@settings(deadline=None)
@given(NOT_NUMBERS)
def test_second_opinion_never_passes_without_a_number(value: float) -> None:
    never_passes(ask("second_opinion", headline=broken(att=value)))
    never_passes(ask("second_opinion", headline=broken(se=value)))
    never_passes(ask("second_opinion", opinion=SecondOpinion.model_construct(value=value, by="x")))
    never_passes(
        ask("second_opinion", headline=broken(att=value), opinion=SecondOpinion.model_construct(value=value, by="x"))
    )


@settings(deadline=None)
@given(NOT_NUMBERS)
def test_minimum_sample_never_passes_without_a_number(value: float) -> None:
    counts = Counts.model_construct(
        treated=80, comparison=120, observations=9, treated_weight=value, comparison_weight=500.0
    )
    never_passes(ask("minimum_sample", headline=broken(counts=counts), options={"count": "weights"}))
    never_passes(ask("minimum_sample", headline=broken(se=value)))


@settings(deadline=None)
@given(NOT_NUMBERS)
def test_pre_trend_never_passes_without_a_number(value: float) -> None:
    good = estimate(path=path({-2: 0.0}, {0: -2.0}), event_covariance=diagonal([1e-6, 1e-6]))
    assert ask("pre_trend", headline=good).verdict == "PASS"
    never_passes(ask("pre_trend", headline=good.model_copy(update={"event_covariance": diagonal([value, 1.0])})))
    never_passes(ask("pre_trend", headline=good.model_copy(update={"att": value})))
    elements = tuple(e.model_copy(update={"att": value}) if e.element == -2 else e for e in good.path)
    never_passes(ask("pre_trend", headline=good.model_copy(update={"path": elements})))
    never_passes(ask("pre_trend", headline=good, thresholds=(value,)))


@settings(deadline=None)
@given(NOT_NUMBERS)
def test_placebo_never_passes_without_a_number(value: float) -> None:
    seen = panel({1: 4.0, 2: math.inf})
    good = estimate(0.1, 0.1)
    interval = Interval.model_construct(lower=value, upper=value, level=0.95)
    for answer in (
        good.model_copy(update={"att": value}),
        good.model_copy(update={"interval": interval}),
    ):
        never_passes(ask("placebo_in_time", panel=seen, refit=lambda _p, a=answer: a))
    never_passes(ask("placebo_in_time", headline=broken(att=value), panel=seen, refit=lambda _p: good))


@settings(deadline=None)
@given(NOT_NUMBERS)
def test_few_clusters_never_passes_without_a_number(value: float) -> None:
    made = design({3: 40, None: 40})
    assert made.roster is not None
    made.roster.loc[0, "weight"] = value
    never_passes(ask("few_clusters", design=made))


@settings(deadline=None)
@given(NOT_NUMBERS)
def test_disclosure_never_passes_without_a_number(value: float) -> None:
    counts = Counts.model_construct(
        treated=80, comparison=120, observations=9, treated_weight=value, comparison_weight=500.0
    )
    never_passes(ask("disclosure", plan=plan(disclosure={"counts": "weights"}), headline=broken(counts=counts)))


coefficients = st.lists(st.floats(min_value=-1.0, max_value=1.0), min_size=1, max_size=4)


@settings(deadline=None)
@given(coefficients, st.floats(min_value=1e-4, max_value=1.0), sizes, st.sampled_from([0.001, 0.5, 3.0, 1000.0]))
def test_pre_trend_is_the_same_in_any_unit(before: list[float], variance: float, threshold: float, unit: float) -> None:
    def study(scale: float) -> GateResult:
        times = {-2 - i: value * scale for i, value in enumerate(before)}
        elements = path(times, {0: -2.0 * scale, 1: -2.0 * scale})
        headline = estimate(
            -2.0 * scale,
            0.5 * scale,
            path=elements,
            event_covariance=diagonal([variance * scale**2] * (len(elements) - 1)),
        )
        return ask("pre_trend", headline=headline, thresholds=(threshold * scale,))

    one, other = study(1.0), study(unit)
    assert one.statistic is not None
    assert other.statistic == pytest.approx(one.statistic * unit, rel=1e-9)
    near = one.threshold is not None and math.isclose(one.statistic, one.threshold, rel_tol=1e-9)
    assert near or one.verdict == other.verdict


@settings(deadline=None)
@given(coefficients, st.floats(min_value=1e-4, max_value=1.0), sizes)
def test_pre_trend_with_less_information_never_turns_to_a_pass(
    before: list[float], variance: float, threshold: float
) -> None:
    def study(noise: float) -> GateResult:
        times = {-2 - i: value for i, value in enumerate(before)}
        elements = path(times, {0: -2.0})
        headline = estimate(path=elements, event_covariance=diagonal([noise] * (len(elements) - 1)))
        return ask("pre_trend", headline=headline, thresholds=(threshold,))

    sharp, blurred = study(variance), study(variance * 4)
    assert (sharp.statistic or 0.0) <= (blurred.statistic or 0.0) * (1 + 1e-12)
    assert not (sharp.verdict == "REVIEW" and blurred.verdict == "PASS")


@settings(deadline=None)
@given(sizes, sizes, st.sampled_from([0.001, 7.0, 1e6]))
def test_placebo_is_the_same_in_any_unit_and_either_direction(size: float, se: float, unit: float) -> None:
    seen = panel({1: 4.0, 2: math.inf})
    verdicts = {
        ask(
            "placebo_in_time",
            headline=estimate(-2.0 * scale * sign, 0.5 * scale),
            panel=seen,
            refit=lambda _p, s=scale * sign, w=scale: estimate(size * s, se * w),
        ).verdict
        for scale in (1.0, unit)
        for sign in (1.0, -1.0)
    }
    assert len(verdicts) == 1 or math.isclose(size, 0.5) or math.isclose(size, 1.96 * se)


@settings(deadline=None)
@given(st.lists(st.floats(min_value=0.5, max_value=90.0), min_size=4, max_size=30), st.sampled_from([0.01, 3.0, 1e4]))
def test_few_clusters_is_the_same_for_any_weight_unit_and_order(weights: list[float], unit: float) -> None:
    def made(values: list[float], factor: float) -> GateResult:
        half = len(values) // 2
        built = design({3: half, None: len(values) - half})
        assert built.roster is not None
        return ask(
            "few_clusters",
            design=type(built)(summary=built.summary, roster=built.roster.assign(weight=[v * factor for v in values])),
        )

    half = len(weights) // 2
    turned = weights[:half][::-1] + weights[half:][::-1]
    one, scaled, other = made(weights, 1.0), made(weights, unit), made(turned, 1.0)
    for found in (scaled, other):
        assert found.statistic == one.statistic
        assert found.evidence["effective_clusters"] == pytest.approx(one.evidence["effective_clusters"], rel=1e-9)


@settings(deadline=None)
@given(st.integers(min_value=1, max_value=40), st.integers(min_value=1, max_value=40))
def test_a_payment_on_the_lower_bound_is_never_easier(treated: int, comparison: int) -> None:
    made = design({3: treated, None: comparison})
    order = ("PASS", "REVIEW", "FAIL")
    point = ask("few_clusters", design=made).verdict
    lower = ask("few_clusters", design=made, plan=plan([rule(basis="lower_bound")])).verdict
    assert order.index(lower) >= order.index(point)


@st.composite
def tables(draw: st.DrawFn) -> tuple[dict[str, float], list[Sum]]:
    """A cross table of cohorts by place with all its margins."""
    rows, columns = draw(st.integers(min_value=1, max_value=3)), draw(st.integers(min_value=2, max_value=4))
    counts: dict[str, float] = {}
    sums: list[Sum] = []
    for r in range(rows):
        for c in range(columns):
            counts[f"{r}{c}"] = draw(st.integers(min_value=0, max_value=12))
    for r in range(rows):
        parts = tuple(f"{r}{c}" for c in range(columns))
        counts[f"row{r}"] = sum(counts[p] for p in parts)
        sums.append(Sum(f"row{r}", parts))
    for c in range(columns):
        parts = tuple(f"{r}{c}" for r in range(rows))
        counts[f"column{c}"] = sum(counts[p] for p in parts)
        sums.append(Sum(f"column{c}", parts))
    counts["all"] = sum(counts[f"row{r}"] for r in range(rows))
    sums.append(Sum("all", tuple(f"row{r}" for r in range(rows))))
    return counts, sums


@settings(deadline=None)
@given(tables())
def test_no_small_count_can_be_worked_out(table: tuple[dict[str, float], list[Sum]]) -> None:
    """Independent check: a hidden count is safe when another table of whole numbers ≥ 0 agrees with what is shown."""
    counts, sums = table
    found = suppress(counts, sums, minimum=5)
    hidden = sorted(found.hidden)
    assert all(count == 0 or count >= 5 for name, count in counts.items() if name not in found.hidden)
    if not hidden:
        return
    matrix = np.array(
        [[(name in s.parts) - (name == s.total) for name in hidden] for s in sums if set(s.names) & set(hidden)],
        dtype=float,
    )
    if not len(matrix):
        return
    # A hidden count is determined exactly when its unit vector lies in the row space, that is, when it is constant
    # over the null space; the null space comes from a singular value decomposition here, not from elimination.
    _u, values, right = np.linalg.svd(matrix)
    null = right[int(np.sum(values > 1e-9)) :]
    for index, name in enumerate(hidden):
        assert null.size, f"{name} can be worked out"
        assert float(np.max(np.abs(null[:, index]))) > 1e-9, f"{name} can be worked out"


@settings(deadline=None)
@given(tables(), st.randoms(use_true_random=False))
def test_suppression_does_not_depend_on_order(table: tuple[dict[str, float], list[Sum]], random: object) -> None:
    counts, sums = table
    names, shuffled = list(counts), list(sums)
    random.shuffle(names)  # type: ignore[attr-defined]
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert suppress({n: counts[n] for n in names}, shuffled, minimum=5) == suppress(counts, sums, minimum=5)
