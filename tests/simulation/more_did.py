"""Coverage of triple differences, switching, cross-sections, gaps, and regressions with several starts.

Units in clusters of 20, or of 3 to 46; eight periods; starts and paths are decided by cluster, eligibility by unit.
Errors are an AR(1) of the cluster (0.6) and an AR(1) of the unit (0.5). Effects differ by cohort and grow. All these
estimators are linear in outcomes, so the truth of a sample is the estimator on its effects without errors: what its
average is of.
"""

from __future__ import annotations

import argparse
import math
import multiprocessing
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent))

from harness import ALPHA, CLUSTER_AR, CLUSTER_SD, SCALE, UNIT_AR, Holds, autoregressive, coverage, rejects, sizes_of

from evaltool.numerics.cluster_covariance import SmallSample as Factors
from evaltool.numerics.cluster_covariance import cr1, cr2, cr2_df, cr3
from evaltool.numerics.group_time import NEVER, Cell, Choices, Layout, all_cells, by_share, influence_of, value_of
from evaltool.numerics.inference import influence_se
from evaltool.numerics.regression_methods import HeadlineRegression, _few, _rows
from evaltool.numerics.switching import by_first_switch, first_switch_cells
from evaltool.numerics.triple import Periods, TripleGroups, triple_cell
from evaltool.numerics.two_way import two_way
from evaltool.numerics.wild_bootstrap import WildDraws, wild_cluster_p_value

TIMES = tuple(range(1, 9))
STARTS = {5: (3, 3, 5, 0, 0), 10: (3, 3, 3, 5, 5, 5, 0, 0, 0, 0), 50: (3,) * 12 + (5,) * 12 + (7,) * 12 + (0,) * 14}
"""First treated period of each cluster, 0 for never."""
PATHS = {3: (0, 0, 1, 1, 1, 1, 1, 1), 5: (0, 0, 0, 0, 1, 1, 0, 0), 7: (0, 0, 0, 0, 0, 0, 1, 0), 0: (0,) * 8}
"""The path of treatment that goes with a start, where it can switch off."""
SEEN = 0.85
"""Share of rows that are seen where a panel has gaps."""
FEW = 5
"""Treated clusters from which placebos of few are not made."""


@dataclass(frozen=True)
class World:
    """Clusters, and whether their sizes are 3 to 46; ``starts`` of the clusters, 0 for never."""

    name: str
    clusters: int
    unequal: bool
    starts: tuple[int, ...] = ()

    def start_of(self) -> np.ndarray:
        """(clusters,) starts, infinite for never."""
        starts = np.array(self.starts or STARTS[self.clusters], dtype=float)
        return np.where(starts > 0, starts, NEVER)


WORLDS = (
    World("50 clusters of 20", 50, unequal=False),
    World("50 clusters of 3 to 46", 50, unequal=True),
    World("10 clusters of 20", 10, unequal=False),
    World("10 clusters of 3 to 46", 10, unequal=True),
    World("5 clusters of 20", 5, unequal=False),
    World("5 clusters of 3 to 46", 5, unequal=True),
    World("50 clusters of 3 to 46, 2 of them treated, from 3 and 5", 50, unequal=True, starts=(3, 5, *(0,) * 48)),
)
Estimator = Callable[[Layout], tuple[Layout, tuple[Cell, ...], np.ndarray]]
"""Cells of a layout in one cohort, the layout they belong to, and its order of the units."""


def drawn(world: World, number: int, kind: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.random.Generator]:
    """Errors and effects (units, periods), cluster codes, and the generator for what comes after."""
    r = np.random.default_rng([200 + kind, WORLDS.index(world), number])
    codes = np.repeat(np.arange(world.clusters), sizes_of(r, world.clusters, unequal=world.unequal))
    errors = CLUSTER_SD * autoregressive(r, world.clusters, 8, CLUSTER_AR)[codes]
    errors += autoregressive(r, codes.shape[0], 8, UNIT_AR)
    starts = world.start_of()[codes]
    since = np.array(TIMES)[None, :] - starts[:, None]
    scale = np.array([SCALE.get(g, 0.0) for g in starts])
    return errors, np.where(since >= 0, scale[:, None] * (1.0 + 0.5 * since.clip(0)), 0.0), codes, r


def sorted_layout(outcome: np.ndarray, key: np.ndarray, starts: list[float]) -> tuple[Layout, np.ndarray]:
    """Units sorted into cohorts by ``key``."""
    order = np.argsort(key, kind="stable")
    offsets = (0, *np.cumsum(np.bincount(key, minlength=len(starts))).tolist())
    layout = Layout(outcome[order], np.ones(order.shape[0]), tuple(starts), offsets, TIMES, None, ())
    return layout, order


def staggered(starts: np.ndarray, sampling: str) -> Callable[[np.ndarray], tuple[Layout, tuple[Cell, ...], np.ndarray]]:
    """Group-time effects, never-treated comparison."""

    def cells(outcome: np.ndarray) -> tuple[Layout, tuple[Cell, ...], np.ndarray]:
        present, key = np.unique(starts, return_inverse=True)
        layout, order = sorted_layout(outcome, key, present.tolist())
        layout = replace(layout, sampling=sampling)  # type: ignore[arg-type]
        return layout, all_cells(layout, Choices("never_treated", "universal", 0, "reg"), tuple(map(str, TIMES))), order

    return cells


def triple(starts: np.ndarray, able: np.ndarray) -> Callable[[np.ndarray], tuple[Layout, tuple[Cell, ...], np.ndarray]]:
    """Triple differences of the eligible, never-treated comparison."""

    def cells(outcome: np.ndarray) -> tuple[Layout, tuple[Cell, ...], np.ndarray]:
        present, place = np.unique(starts, return_inverse=True)
        labels = [g if e else NEVER for g in present for e in (True, False)]
        layout, order = sorted_layout(outcome, 2 * place + ~able, labels)
        last = 2 * (len(present) - 1)
        found = [
            triple_cell(
                layout, TripleGroups(2 * c, 2 * c + 1, ((last, last + 1),)), Periods(t, int(g) - 2, "a cell"), "reg"
            )
            for c, g in enumerate(present[:-1])
            for t in range(int(g) - 1, 8)
        ]
        return layout, tuple(cell for cell in found if cell is not None), order

    return cells


def switching(starts: np.ndarray) -> Callable[[np.ndarray], tuple[Layout, tuple[Cell, ...], np.ndarray]]:
    """Effects of the first switch."""
    paths = np.array([PATHS[0 if math.isinf(g) else int(g)] for g in starts], dtype=bool)

    def cells(outcome: np.ndarray) -> tuple[Layout, tuple[Cell, ...], np.ndarray]:
        whole = Layout(outcome, np.ones(len(outcome)), (NEVER,), (0, len(outcome)), TIMES, None, ())
        found = by_first_switch(whole, paths)
        return found.layout, first_switch_cells(found, tuple(map(str, TIMES))), found.order

    return cells


def averages(world: World, number: int, kind: str) -> Mapping[str, Holds]:
    """The simple average and its influence error, of one kind of estimator on one sample."""
    errors, effects, codes, r = drawn(world, number, KINDS.index(kind))
    starts = world.start_of()[codes]
    if kind == "did.triple":
        able = np.arange(codes.shape[0]) % 2 == 0
        effects, made = effects * able[:, None], triple(starts, able)
    elif kind == "did.switching":
        made = switching(starts)
    elif kind == "did.group_time, cross-sections":
        met = r.integers(0, 8, codes.shape[0])
        errors = np.where(np.arange(8)[None, :] == met[:, None], errors, np.nan)
        made = staggered(starts, "rows")
    elif kind.startswith("did.group_time, gaps"):
        errors = np.where(r.random(errors.shape) < SEEN, errors, np.nan)
        made = staggered(starts, kind.rsplit(maxsplit=1)[-1])
    else:
        made = staggered(starts, "balanced")
    layout, cells, order = made(errors + effects)
    treated = [k for k, c in enumerate(cells) if TIMES[c.period] >= layout.starts[c.cohort]]
    simple = by_share(cells, treated, layout.mass())
    truth = value_of(made(np.where(np.isnan(errors), np.nan, effects))[1], simple)
    error = value_of(cells, simple) - truth
    se = influence_se(influence_of(layout, cells, simple), codes[order])
    clusters = float(world.clusters)
    return {
        f"{kind}, t(G-1)": not rejects(error, se, clusters - 1.0),
        f"{kind}, G/(G-1), t(G-1)": not rejects(error, se * math.sqrt(clusters / (clusters - 1.0)), clusters - 1.0),
    }


def regression(world: World, number: int) -> Mapping[str, Holds]:
    """The interaction-weighted average of one regression with several starts, under every cluster method."""
    errors, _, codes, _ = drawn(world, number, 50)
    starts = world.start_of()[codes]
    units = codes.shape[0]
    unit, period = np.repeat(np.arange(units), 8), np.tile(np.arange(8), units)
    start, rows = np.repeat(starts, 8), np.repeat(codes, 8)
    cells = [(g, t) for g in np.unique(starts) if math.isfinite(g) for t in TIMES if t != g - 1]
    columns = np.column_stack([(start == g) & (period == t - 1) for g, t in cells]).astype(float)
    mass = np.array([np.sum(starts == g) if t >= g else 0.0 for g, t in cells])
    names = tuple(f"{g:g}, {t}" for g, t in cells)
    effects = two_way(unit, period, np.ones(unit.shape[0]), (units, 8))
    data = HeadlineRegression(
        errors.reshape(-1), columns, names, mass / mass.sum(), effects, rows, start, covariates=False, both=None
    )
    made = _rows(data)
    fit, contrast, clusters = made.fit, np.eye(1, made.fit.q.shape[1])[0], world.clusters
    effect = float(fit.coefficients[0])
    usual = cr1(fit, rows, Factors(groups="own"))
    adjusted = cr2(fit, rows)
    wild = WildDraws(weights="webb" if clusters < 12 else "rademacher", most=999, seed=7)
    p_value = wild_cluster_p_value(made.x, made.y, rows, column=0, drawing=wild)

    def holds(covariance: np.ndarray, df: float | None) -> bool:
        return not rejects(effect, math.sqrt(covariance[0, 0]), df)

    alone = bool(adjusted.saturated)
    few: dict[str, float | None] = {"conley_taber": None, "ferman_pinto": None}
    if int(np.sum(np.isfinite(world.start_of()))) < FEW:
        few = {name: _few(name, data, made, 7, 1 - ALPHA).p_value for name in few}  # type: ignore[arg-type]
    return {
        "CR1, G/(G-1), t(G-1)": holds(usual.covariance, clusters - 1.0),
        "CR2, Bell-McCaffrey df": None if alone else holds(adjusted.covariance, cr2_df(fit, rows, contrast)),
        "CR3, t(G-1)": None if alone else holds(cr3(fit, rows).covariance, clusters - 1.0),
        "wild cluster bootstrap": p_value > ALPHA,
        "Conley-Taber": None if (p := few["conley_taber"]) is None else p > ALPHA,
        "Ferman-Pinto": None if (p := few["ferman_pinto"]) is None else p > ALPHA,
    }


KINDS = (
    "did.triple",
    "did.switching",
    "did.group_time, cross-sections",
    "did.group_time, gaps by pairs",
    "did.group_time, gaps by rows",
)


def of_world(world: World, samples: int) -> dict[str, float | None]:
    """Coverage of everything in one world."""
    found: dict[str, float | None] = {}
    for kind in KINDS:
        found |= coverage(partial(averages, world, kind=kind), samples)
    named = {f"several starts, {name}": value for name, value in coverage(partial(regression, world), samples).items()}
    return found | named


def main() -> None:
    """Run every world and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--samples", type=int, default=600)
    parser.add_argument("--jobs", type=int, default=2)
    asked = parser.parse_args()
    with multiprocessing.Pool(asked.jobs) as pool:
        found = pool.starmap(of_world, [(world, asked.samples) for world in WORLDS], chunksize=1)
    error = 100 * (0.05 * 0.95 / asked.samples) ** 0.5
    letters = [chr(ord("A") + i) for i in range(len(WORLDS))]
    lines = [f"Coverage in per cent, {asked.samples} samples (simulation error {error:.1f} points at 95)", ""]
    lines += [f"- {letter}: {world.name}" for letter, world in zip(letters, WORLDS, strict=True)]
    lines += ["", f"| method | {' | '.join(letters)} |", f"|---|{'---|' * len(letters)}"]
    for name in found[0]:
        cells = ["–" if (share := one[name]) is None else f"{100 * share:.1f}" for one in found]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
