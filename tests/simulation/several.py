"""How often tests of several treated units' synthetic controls reject without an effect; run it to print a table.

The panels of ``donors.py``: treated units exchangeable with the donors, five periods after the last start. Tests: the
permutations of the mean over treated units, by the ratio of errors and by the size of the effect, at p ≤ 0.1. Beside
them how often the effect ± 1.645 spreads of the placebo means holds zero, where a normal law would give 90 %.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass, replace

import numpy as np
from donors import AFTER, SIZE, Design, layout

from evaltool.estimators.counterfactual._layout import Layout
from evaltool.estimators.counterfactual._several import several_of
from evaltool.estimators.counterfactual.synthetic_control import outcomes_only
from evaltool.numerics.simplex_control import Windows

NORMAL = 1.6448536269514722


@dataclass(frozen=True)
class Treated:
    """The panel, how many are treated, and by how many periods every other one of them starts earlier."""

    panel: Design
    treated: int
    earlier: int = 0

    @property
    def name(self) -> str:
        """In words."""
        starts = f", half of them {self.earlier} periods earlier" if self.earlier else ""
        return f"{self.treated} treated{starts}, {self.panel.name}"


DESIGNS = (
    Treated(Design(9, 10, 0.5), 2),
    Treated(Design(9, 40, 0.5), 2),
    Treated(Design(9, 40, 0.5), 2, earlier=3),
    Treated(Design(19, 15, 0.5), 4),
    Treated(Design(19, 15, 0.5), 4, earlier=3),
)


def layouts(seed: int, one: Treated) -> tuple[Layout, ...]:
    """The treated units of a sample, each with the same donors."""
    donors = one.panel.donors
    whole = layout(seed, replace(one.panel, donors=donors + one.treated - 1))
    found = []
    for k in range(one.treated):
        start = one.panel.before - (one.earlier if k % 2 else 0)
        periods = np.arange(one.panel.before + AFTER)
        found.append(
            replace(
                whole,
                unit=f"t{k}",
                y=whole.y if k == 0 else whole.donors[:, donors + k - 1].copy(),
                names=whole.names[:donors],
                donors=whole.donors[:, :donors],
                start=start,
                windows=Windows(periods < start, periods >= start),
            )
        )
    return tuple(found)


def seen(seed: int, one: Treated) -> tuple[bool, bool, bool]:
    """Whether the ratio and the effect reject, and whether the effect and its spread hold zero."""
    found = several_of(layouts(seed, one), lambda made: outcomes_only(made.values))
    by_ratio, by_effect = (rank.p_value <= SIZE + 1e-12 for rank in (found.rank, found.by_effect))
    return by_ratio, by_effect, abs(found.averaged.fit.effect) <= NORMAL * found.spread


def shares(one: Treated, samples: int) -> list[float]:
    """Shares of samples, as ``seen`` orders them."""
    return [float(share) for share in np.array([seen(seed, one) for seed in range(samples)]).mean(axis=0)]


def main() -> None:
    """Print a line for each design."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--samples", type=int, default=300)
    samples = parser.parse_args().samples
    error = 100 * (SIZE * (1 - SIZE) / samples) ** 0.5
    say = sys.stdout.write
    say(f"Per cent of {samples} samples (simulation error {error:.1f} points)\n\n")
    say("| design | ratio rejects | effect rejects | spread holds |\n|---|---|---|---|\n")
    for one in DESIGNS:
        say(f"| {one.name} | {' | '.join(f'{100 * share:.1f}' for share in shares(one, samples))} |\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
