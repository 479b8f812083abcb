"""How often tests among donors reject, and prediction intervals hold, without an effect; run it to print tables.

Panels: two stationary factors and, for each unit, AR(1) errors; the treated unit is exchangeable with the donors, and
five periods follow the start. Permutations: share of samples with p ≤ 0.1, which 9 and 29 donors can reach exactly.
Conformal: the same of the moving-block test. Prediction intervals: share of 90 % intervals that hold zero, for the
first treated period and for the mean of the five.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from evaltool.estimators.counterfactual._layout import Layout
from evaltool.estimators.counterfactual.augmented import ridge
from evaltool.estimators.counterfactual.interactive_effects import factors
from evaltool.estimators.counterfactual.matrix_completion import CompletionOptions, low_rank, penalty_of
from evaltool.estimators.counterfactual.penalised import near
from evaltool.estimators.counterfactual.synthetic_control import outcomes_only
from evaltool.numerics.conformal import shift_test
from evaltool.numerics.fits import Fitter, in_space, ratio_rank
from evaltool.numerics.prediction_interval import POSITIVE, Rule, predict, shock_bounds
from evaltool.numerics.segmented import automatic_lags
from evaltool.numerics.simplex_control import Windows

AFTER = 5
SIZE = 0.1


@dataclass(frozen=True)
class Design:
    """Donors, periods before the start, and the autocorrelation of errors."""

    donors: int
    before: int
    rho: float

    @property
    def name(self) -> str:
        """In words."""
        return f"{self.donors} donors, {self.before} periods before, errors correlated {self.rho:g}"


DESIGNS = (Design(9, 10, 0.0), Design(9, 10, 0.5), Design(9, 40, 0.5), Design(29, 10, 0.5))


def layout(seed: int, one: Design) -> Layout:
    """A sample as the methods see it."""
    r = np.random.default_rng([seed, one.donors, one.before, int(10 * one.rho)])
    units, periods = one.donors + 1, one.before + AFTER
    noise = r.normal(size=(periods, units))
    for t in range(1, periods):
        noise[t] = one.rho * noise[t - 1] + np.sqrt(1.0 - one.rho**2) * noise[t]
    y = r.normal(size=(periods, 2)) @ r.normal(size=(2, units)) + noise
    windows = Windows(np.arange(periods) < one.before, np.arange(periods) >= one.before)
    return Layout(
        unit="own",
        y=y[:, -1].copy(),
        names=tuple(f"d{k:02d}" for k in range(one.donors)),
        donors=y[:, :-1].copy(),
        periods=tuple(range(periods)),
        labels=tuple(str(t) for t in range(periods)),
        start=one.before,
        windows=windows,
        weight_treated=1.0,
        weight_donors=1.0,
    )


def fixed_penalty(sample: Layout) -> Callable[[np.ndarray], Fitter]:
    """Matrix completion with the penalty that the treated unit's own history chooses."""
    penalty = penalty_of(sample, CompletionOptions())
    return lambda values: low_rank(values, penalty)


def held_rank(sample: Layout) -> Callable[[np.ndarray], Fitter]:
    """Factors, as many as the treated unit's own history chooses."""
    rank = int(factors(sample.values, None, 5)(sample.target, sample.pool, sample.windows).figures["factors"] or 0)
    return lambda values: factors(values, rank, rank)


PERMUTED: dict[str, Callable[[Layout], Fitter]] = {
    "synthetic control": lambda s: outcomes_only(s.values),
    "penalised": lambda s: near(s.values, None, None),
    "interactive effects": lambda s: factors(s.values, None, 5),
    "augmented": lambda s: ridge(s.values, None, fixed_effects=False, covariates=None),
    "matrix completion": lambda s: fixed_penalty(s)(s.values),
}
SLOW, MANY = ("penalised",), 9
"""Left out with more donors than this."""
SHIFTED: dict[str, Callable[[Layout], Callable[[np.ndarray], Fitter]]] = {
    "synthetic control": lambda _: outcomes_only,
    "interactive effects": held_rank,
    "matrix completion": fixed_penalty,
}


def permutation_rejects(sample: Layout, method: Callable[[Layout], Fitter]) -> bool:
    """Whether p ≤ 0.1 among all units."""
    fitter = method(sample)
    fit = fitter(sample.target, sample.pool, sample.windows)
    return ratio_rank(fit, in_space(fitter, sample.pool, sample.windows)).p_value <= SIZE + 1e-12


def blocks_reject(sample: Layout, method: Callable[[Layout], Callable[[np.ndarray], Fitter]]) -> bool:
    """Whether p ≤ 0.1 over all cyclic shifts."""
    every = Windows(np.ones_like(sample.windows.before), sample.windows.after)
    gap = method(sample)(sample.values)(sample.target, sample.pool, every).gap
    return shift_test(gap, sample.windows.after).p_value <= SIZE + 1e-12


def prediction_holds(sample: Layout) -> tuple[bool, ...]:
    """Whether 90 % intervals hold zero: sub-Gaussian shocks in the first treated period and the mean, then Gaussian."""
    fit = outcomes_only(sample.values)(sample.target, sample.pool, sample.windows)
    before, later = sample.windows.before, sample.donors[sample.windows.after]
    weights, residuals = np.asarray(fit.weights), fit.gap[before]
    rule = Rule(1.0 - SIZE, 100, 1, automatic_lags(int(before.sum())), "subgaussian")
    found = predict(sample.donors[before], residuals, weights, np.vstack([later[:1], later.mean(axis=0)]), rule)
    gaps = np.array([float(fit.gap[sample.windows.after][0]), fit.effect])
    free = int(before.sum()) - int(np.sum(weights > POSITIVE)) + 1
    normal = shock_bounds(residuals, free, SIZE / 2.0, "gaussian")
    held = []
    for low, high in (found.shock, normal):
        held += ((found.weights_lower + low <= gaps) & (gaps <= found.weights_upper + high)).tolist()
    return tuple(held)


def rejected(one: Design, samples: int, test: Callable[[Layout], bool]) -> float:
    """Share of samples in which the test rejects."""
    return sum(test(layout(seed, one)) for seed in range(samples)) / samples


def held(one: Design, samples: int) -> list[float]:
    """Shares of samples whose prediction intervals hold, as ``prediction_holds`` orders them."""
    found = np.array([prediction_holds(layout(seed, one)) for seed in range(samples)])
    return [float(share) for share in found.mean(axis=0)]


def main() -> None:
    """Print a table of rejections, then one of coverage."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--samples", type=int, default=150)
    parser.add_argument("--intervals", type=int, default=150)
    asked = parser.parse_args()
    say = sys.stdout.write
    say(f"Rejections in per cent at p <= 0.1, {asked.samples} samples\n\n| test | design | rejected |\n|---|---|---|\n")
    for one in DESIGNS:
        for name, method in PERMUTED.items():
            if name in SLOW and one.donors > MANY:
                continue
            share = rejected(one, asked.samples, lambda s, m=method: permutation_rejects(s, m))  # type: ignore[misc]
            say(f"| permutation, {name} | {one.name} | {100 * share:.1f} |\n")
        for name, maker in SHIFTED.items():
            share = rejected(one, asked.samples, lambda s, m=maker: blocks_reject(s, m))  # type: ignore[misc]
            say(f"| moving blocks, {name} | {one.name} | {100 * share:.1f} |\n")
        sys.stdout.flush()
    say(f"\nCoverage in per cent of nominal 90 % prediction intervals, {asked.intervals} samples\n\n")
    say("| design | first, sub-Gaussian | mean, sub-Gaussian | first, Gaussian | mean, Gaussian |\n")
    say("|---|---|---|---|---|\n")
    for one in DESIGNS:
        say(f"| {one.name} | {' | '.join(f'{100 * share:.1f}' for share in held(one, asked.intervals))} |\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
