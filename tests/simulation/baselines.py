"""How often intervals of counterfactual baselines hold a true effect of nothing; run it to print the table.

Panels: two stationary factors and, for each unit, AR(1) errors; the treated are exchangeable with the donors. Series: a
random walk with steps of 0.5 and noise of 1, carried twelve periods past the start.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from typing import Literal

import numpy as np

from evaltool.estimators.counterfactual._projected import Task
from evaltool.estimators.counterfactual.forecast import ForecastOptions
from evaltool.estimators.counterfactual.forecast import project as carried
from evaltool.estimators.counterfactual.structural_series import StructuralOptions, project
from evaltool.numerics.assignments import Draws, assignments
from evaltool.numerics.simplex_control import Windows
from evaltool.numerics.synthetic_did import Rules, penalties_of, synthetic_did

NORMAL = 1.959963984540054
FEW = Draws(most=100, draws=100, seed=1)


@dataclass(frozen=True)
class Panels:
    """Donors, treated, periods before and after, and the autocorrelation of errors."""

    donors: int
    treated: int
    before: int
    after: int
    rho: float

    @property
    def name(self) -> str:
        """In words."""
        who = f"{self.donors} donors, {self.treated} treated"
        return f"{who}, {self.before} periods before, {self.after} after, errors correlated {self.rho:g}"


@dataclass(frozen=True)
class Histories:
    """Periods before the start, and the method: a local level, or exponential smoothing by ARIMA(0, 1, 1)."""

    before: int
    method: Literal["structural", "forecast"] = "structural"

    @property
    def name(self) -> str:
        """In words."""
        return f"{self.before} periods before, 12 after"


PANELS = (
    Panels(10, 1, 15, 5, 0.0),
    Panels(30, 1, 15, 5, 0.0),
    Panels(30, 1, 15, 5, 0.5),
    Panels(30, 1, 40, 5, 0.5),
    Panels(30, 5, 15, 5, 0.5),
)
HISTORIES = (
    Histories(20),
    Histories(40),
    Histories(100),
    Histories(20, "forecast"),
    Histories(40, "forecast"),
    Histories(100, "forecast"),
)
METHODS = {"structural": "structural series", "forecast": "forecast, ARIMA(0, 1, 1)"}


def panel(r: np.random.Generator, one: Panels) -> np.ndarray:
    """(units, periods), donors first."""
    units, periods = one.donors + one.treated, one.before + one.after
    noise = r.normal(size=(units, periods))
    for t in range(1, periods):
        noise[:, t] = one.rho * noise[:, t - 1] + np.sqrt(1.0 - one.rho**2) * noise[:, t]
    return r.normal(size=(units, 2)) @ r.normal(size=(2, periods)) + noise


def did_holds(r: np.random.Generator, one: Panels) -> bool:
    """Whether synthetic difference-in-differences' 95 % interval by placebos holds zero."""
    y = panel(r, one)
    donors, own = y[: one.donors], y[one.donors :].mean(axis=0)
    before = np.arange(y.shape[1]) < one.before
    windows = Windows(before, ~before)
    penalties = penalties_of(donors, windows, one.treated)
    effect = synthetic_did(donors, own, windows, penalties, Rules()).effect
    others = []
    for (group,) in assignments(one.donors, [one.treated], FEW):
        rest = np.delete(donors, group, axis=0)
        others.append(synthetic_did(rest, donors[group].mean(axis=0), windows, penalties, Rules()).effect)
    return abs(effect) <= NORMAL * float(np.std(others))


def series_holds(r: np.random.Generator, one: Histories) -> bool:
    """Whether the method's 95 % interval holds zero."""
    size = one.before + 12
    y = 0.5 * r.normal(size=size).cumsum() + r.normal(size=size)
    task = Task(y[: one.before], None, 12)
    made = project(StructuralOptions(), task) if one.method == "structural" else carried(ForecastOptions(), task)
    found = made.forecast
    return abs(float(np.mean(y[one.before :] - found.mean))) <= NORMAL * found.mean_se


def share(one: Panels | Histories, samples: int, seed: int = 1) -> float:
    """Share of samples whose interval holds the truth."""
    r = np.random.default_rng(seed)
    return sum(did_holds(r, one) if isinstance(one, Panels) else series_holds(r, one) for _ in range(samples)) / samples


def main() -> None:
    """Print a line for each design."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--samples", type=int, default=500)
    samples = parser.parse_args().samples
    error = 100 * (0.05 * 0.95 / samples) ** 0.5
    lines = [
        f"Coverage in per cent of nominal 95 % intervals, {samples} samples (simulation error {error:.1f} points)",
        "",
    ]
    lines += ["| method | design | coverage |", "|---|---|---|"]
    for one in (*PANELS, *HISTORIES):
        placebos = "synthetic difference-in-differences, placebos"
        method = placebos if isinstance(one, Panels) else METHODS[one.method]
        lines.append(f"| {method} | {one.name} | {100 * share(one, samples):.1f} |")
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
