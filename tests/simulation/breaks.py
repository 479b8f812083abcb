"""How often a series without a break is said to have one before the start, and one with a break; run it to print both.

Regressions: a level and a trend, Gaussian errors that follow AR(1) with variance one; a break is a step in the middle.
Structural: a local level, steps of 0.5 and noise of 1; ARIMA(0, 1, 1) is the same model.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass

import numpy as np

from evaltool.estimators.counterfactual._projected import Task
from evaltool.estimators.counterfactual.structural_series import StructuralOptions, project
from evaltool.numerics.unknown_break import Course, largest_break

ALPHA = 0.05


@dataclass(frozen=True)
class Series:
    """Periods before the start, the autocorrelation of errors (None: a structural series), and the step's size."""

    periods: int
    rho: float | None
    step: float

    @property
    def name(self) -> str:
        """In words."""
        kind = "local level" if self.rho is None else f"trend, errors correlated {self.rho:g}"
        return f"{kind}, {self.periods} periods"


SIZES = (24, 36, 60)
DESIGNS = tuple((n, rho) for rho in (0.0, 0.5, None) for n in SIZES)
STEPS = (0.0, 3.0)


def found(r: np.random.Generator, one: Series) -> bool:
    """Whether p is at most 0.05."""
    n, noise = one.periods, r.normal(size=one.periods)
    step = one.step * (np.arange(n) >= n // 2)
    if one.rho is None:
        course = project(StructuralOptions(), Task(0.5 * r.normal(size=n).cumsum() + noise + step, None, 1)).course()
    else:
        for t in range(1, n):
            noise[t] = one.rho * noise[t - 1] + (1.0 - one.rho**2) ** 0.5 * noise[t]
        x = np.column_stack([np.ones(n), np.arange(n, dtype=float)])
        course = Course(noise + step, x, np.ones(n), slope=True)
    broken = largest_break(course)
    return broken is not None and broken.p_value <= ALPHA


def share(one: Series, samples: int, seed: int = 1) -> float:
    """Share of samples in which a break is found."""
    r = np.random.default_rng(seed)
    return sum(found(r, one) for _ in range(samples)) / samples


def main() -> None:
    """Print a line for each kind of series."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--samples", type=int, default=400)
    samples = parser.parse_args().samples
    error = 100 * (ALPHA * (1 - ALPHA) / samples) ** 0.5
    sys.stdout.write(f"Breaks found at 5 %, in per cent of {samples} samples (simulation error {error:.1f} points)\n\n")
    sys.stdout.write("| series | without a break | with a step of 3 |\n|---|---|---|\n")
    for n, rho in DESIGNS:
        cells = [100 * share(Series(n, rho, step), samples if step == 0.0 else samples // 4) for step in STEPS]
        sys.stdout.write(f"| {Series(n, rho, 0.0).name} | {cells[0]:.1f} | {cells[1]:.0f} |\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
