"""A small version of the matched designs in ``make simulate``: only what is beyond the simulation error."""

from __future__ import annotations

import math

import matched
import pytest
from matched import MENU, coverage

from evaltool.numerics import weighting_bootstrap

SAMPLES, AGAIN = 12, 3


def slack(samples: int) -> float:
    """Four simulation errors of a coverage of 95 %."""
    return 4.0 * math.sqrt(0.05 * 0.95 / samples)


def test_the_standard_errors_of_every_design_hold_in_a_few_samples() -> None:
    found = coverage(range(SAMPLES))
    assert len(found) == sum(len(errors) for _, _, errors in MENU.values())
    assert (found["size"] == SAMPLES).all()
    assert (found["mean"] >= 0.95 - slack(SAMPLES)).all()


def test_weights_and_models_fitted_again_hold_in_a_few_samples(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(weighting_bootstrap, "DRAWS", 20)
    samples = [matched.fitted_again(number) for number in range(AGAIN)]
    for name in matched.AGAIN:
        assert sum(found[name] for found in samples) / AGAIN >= 0.95 - slack(AGAIN), name
    assert matched.again_table(samples).count("\n") == len(matched.AGAIN) + 1
