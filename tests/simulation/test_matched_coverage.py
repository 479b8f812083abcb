"""A small version of the matched designs in ``make simulate``: only what is beyond the simulation error."""

from __future__ import annotations

import math

from matched import MENU, coverage

SAMPLES = 12
SLACK = 4.0 * math.sqrt(0.05 * 0.95 / SAMPLES)
"""Four simulation errors of a coverage of 95 %."""


def test_the_standard_errors_of_every_design_hold_in_a_few_samples() -> None:
    found = coverage(range(SAMPLES))
    assert len(found) == sum(len(errors) for _, _, errors in MENU.values())
    assert (found["size"] == SAMPLES).all()
    assert (found["mean"] >= 0.95 - SLACK).all()
