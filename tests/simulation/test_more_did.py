"""A small version of ``more_did.py``: few samples, and only what is beyond their simulation error."""

from __future__ import annotations

import math
from functools import partial

import pytest
from harness import coverage
from more_did import KINDS, WORLDS, averages, regression

SAMPLES = 40
FEWER = 12
"""Samples where one takes a second."""
SLACK = 4.0 * math.sqrt(0.05 * 0.95 / SAMPLES)
"""Four simulation errors of a coverage of 95 %."""


@pytest.mark.parametrize("kind", KINDS)
def test_with_ten_clusters_the_factor_and_t_hold(kind: str) -> None:
    """Ten equal clusters, serial correlation, starts and effects that differ."""
    found = coverage(partial(averages, WORLDS[2], kind=kind), SAMPLES)[f"{kind}, G/(G-1), t(G-1)"]
    assert found is not None
    assert found >= 0.95 - SLACK


def test_with_two_treated_clusters_cr1_fails_and_placebos_hold() -> None:
    """Two of fifty, with different starts: Conley & Taber 2011 hold, the sandwich does not, CR2 is not offered."""
    found = coverage(partial(regression, WORLDS[6]), FEWER)
    usual, placebo = found["CR1, G/(G-1), t(G-1)"], found["Conley-Taber"]
    assert usual is not None
    assert placebo is not None
    assert usual < 0.8
    assert placebo >= 0.75
    assert found["CR2, Bell-McCaffrey df"] is None


def test_a_sample_is_its_number_alone() -> None:
    assert averages(WORLDS[5], 3, "did.triple") == averages(WORLDS[5], 3, "did.triple")
