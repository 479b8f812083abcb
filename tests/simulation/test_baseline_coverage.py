"""Intervals of counterfactual baselines over seeded draws; bounds are exact binomial at one in a thousand."""

from __future__ import annotations

import pytest
from baselines import HISTORIES, PANELS, Histories, Panels, share
from scipy import stats

SAMPLES = 100


def test_placebo_intervals_hold_with_thirty_donors() -> None:
    """The spread of thirty placebos stands in for the truth's: near to 95 %."""
    assert share(PANELS[1], SAMPLES) * SAMPLES >= stats.binom.ppf(0.001, SAMPLES, 0.93)


@pytest.mark.parametrize("one", [PANELS[0]])
def test_with_ten_donors_the_spread_of_placebos_is_known_to_be_rough(one: Panels) -> None:
    """Ten placebos with divisor N and a normal quantile: somewhat below 95 %."""
    assert stats.binom.ppf(0.001, SAMPLES, 0.88) <= share(one, SAMPLES) * SAMPLES


@pytest.mark.parametrize("one", [HISTORIES[1]])
def test_structural_intervals_are_known_to_be_too_narrow(one: Histories) -> None:
    """Variances are taken as known: below 95 %, and the manual says by how much."""
    held = share(one, SAMPLES)
    assert stats.binom.ppf(0.001, SAMPLES, 0.85) <= held * SAMPLES
