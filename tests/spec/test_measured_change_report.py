"""A change in those treated: judged on those treated alone, and told as a change."""

from __future__ import annotations

import re

import numpy as np
import pytest
from estimator_world import Ask, design_for, estimate, long, staggered
from gate_world import World, ask, can, design, panel, plan, rule
from gate_world import estimate as effect
from scipy import stats

from evaltool.numerics.few_clusters import cluster_sizes_alone
from evaltool.numerics.power import Trend, wald_power
from evaltool.records.estimate import Counts
from evaltool.records.panel import Panel

CHANGE = "measured.change"
MEASURED = can(kind="change", family="measured", path=False, placebo_in_time=False)


def changed(treated: int) -> World:
    """A change measured in so many units."""
    counts = Counts(treated=treated, comparison=0, observations=2 * treated)
    return World(capabilities=MEASURED, headline=effect(kind="change", method=CHANGE, counts=counts))


@pytest.mark.parametrize(
    ("treated", "untreated", "verdict"), [(22, 3, "PASS"), (22, 0, "PASS"), (3, 20, "FAIL"), (7, 20, "REVIEW")]
)
def test_few_clusters_judges_those_measured_alone(treated: int, untreated: int, verdict: str) -> None:

    whole = plan([rule(basis="lower_bound")])
    found = ask("few_clusters", changed(treated), plan=whole, design=design({3: treated, None: untreated}))
    assert (found.verdict, found.statistic) == (verdict, float(treated))
    assert found.evidence["comparison_clusters"] is None
    for lang, word in (("en", "without"), ("da", "uden")):
        assert not re.search(rf"\d {word}", found.sentence.in_language(lang))


def test_without_a_start_everybody_is_measured() -> None:
    found = ask("few_clusters", changed(12), design=design({None: 12}))
    assert (found.verdict, found.statistic) == ("PASS", 12.0)
    assert ask("few_clusters", changed(12), design=design({3: 2}, {3: float("nan")})).verdict == "CANNOT_TELL"


def test_clusters_of_a_change_are_the_plans_column() -> None:

    seen = panel(dict.fromkeys(range(12), 3.0), cluster={u: f"k{u % 3}" for u in range(12)})
    found = ask(
        "few_clusters", changed(12), plan=plan(inference={"cluster": "area"}), panel=seen, design=design({3: 12})
    )
    assert found.statistic == 3.0


def test_effective_number_of_one_mean_by_hand() -> None:
    # shares ½, ¼, ¼: γ = ¼, 1/16, 1/16; (6/16)² / (16 + 1 + 1)/256 = 36/18 = 2
    found = cluster_sizes_alone(np.array([0, 0, 1, 2]), np.ones(4))
    assert (found.treated, found.comparison, found.largest_share) == (3, None, 0.5)
    assert found.effective == pytest.approx(2.0)
    with pytest.raises(ValueError, match="weight"):
        cluster_sizes_alone(np.array([0]), np.zeros(1))


def mixed() -> Panel:
    """a, b start in 2; c never; d starts before the data; e is only seen before its start in 3."""
    frame = long(
        {"a": 2, "b": 2, "c": 0, "d": 1, "e": 3},
        {"a": [1.0, 2.0], "b": [2.0, 4.0], "c": [1.0, 1.0], "d": [5.0, 5.0], "e": [1.0, 1.0]},
    )
    return staggered(frame)


def test_the_design_of_a_change_counts_those_measured_and_says_why_not_the_others() -> None:
    made = design_for(mixed(), Ask(method=CHANGE))
    assert made.roster is not None
    assert list(made.roster["unit"]) == ["a", "b"]
    assert (made.summary.submitted_units, made.summary.analysed_units) == (5, 2)
    found = {(e.reason, e.arm, e.count, e.members) for e in made.ledger.entries}
    assert found == {
        ("not_treated", "comparison", 1, ("c",)),
        ("no_base_period", "treated", 1, ("d",)),
        ("outside_periods", "treated", 1, ("e",)),
    }
    assert estimate(mixed(), Ask(method=CHANGE)).counts.treated == made.summary.analysed_units


def test_against_a_target_no_time_before_is_needed() -> None:
    made = design_for(mixed(), Ask(method=CHANGE, options={"target": "1"}))
    assert made.summary.analysed_units == 3
    found = estimate(mixed(), Ask(method=CHANGE, options={"target": "1"}))
    assert found.counts.treated == 3


def test_a_count_still_counts_everybody_in_the_data() -> None:
    made = design_for(mixed(), Ask(method="measured.verified_count"))
    assert (made.summary.submitted_units, made.summary.analysed_units, made.ledger.entries) == (5, 5, ())


def test_power_is_a_number_however_clear_the_trend() -> None:
    trend = Trend(slope=1.0, se=1e-12, information=1e24)
    assert wald_power(1.0, trend, df=4, level=0.95) == 1.0
    near = Trend(slope=1.0, se=1.0, information=9.0)
    assert wald_power(1.0, near, df=4, level=0.95) == pytest.approx(
        float(stats.ncx2.sf(stats.chi2.ppf(0.95, 4), 4, 9.0))
    )
    assert wald_power(1e150, trend, df=4, level=0.95) == 1.0
