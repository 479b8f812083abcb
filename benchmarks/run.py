"""Times the difference-in-differences methods beside linearmodels, in one run on this machine: ``make bench``.

Seeded data, one warm-up, median of three. Seconds belong to this machine and this moment; only ratios within one run
mean anything. PanelOLS answers another question (one two-way fixed-effects coefficient): it is there as a yardstick for
the size of the job, not as a rival. Nothing here is a test.
"""

from __future__ import annotations

import platform
import statistics
import sys
import time
from collections.abc import Callable
from decimal import Decimal

import numpy as np
import pandas as pd
from linearmodels.panel import PanelOLS

from evaltool import registry
from evaltool.reading.frames import FrameRoles, panel_from_frame
from evaltool.records.base import Words
from evaltool.records.design import Design, DesignSummary
from evaltool.records.evidence import EstimateKey
from evaltool.records.options import parse_options
from evaltool.records.panel import Panel
from evaltool.records.plan.analysis import Estimand, Inference, Option, Outcome
from evaltool.records.plugins import EstimationRequest

REPEATS = 3
SIZES = (1_000, 5_000, 20_000)
PERIODS = 10
SPECIFICATIONS: dict[str, dict[str, Option]] = {
    "group_time, no covariates": {"method": "reg"},
    "group_time, reg, 2 covariates": {"method": "reg", "covariates": ("x1", "x2")},
    "group_time, dr, 2 covariates": {"method": "dr", "covariates": ("x1", "x2")},
}


def staggered(units: int, seed: int = 1) -> pd.DataFrame:
    """Units × 10 periods; cohorts start in periods 3 to 10 or never; two covariates that matter for both."""
    rng = np.random.default_rng(seed)
    unit, period = np.repeat(np.arange(1, units + 1), PERIODS), np.tile(np.arange(1, PERIODS + 1), units)
    x1, x2, level = rng.normal(size=units), rng.normal(size=units), rng.normal(size=units)
    ever = rng.random(units) < 1 / (1 + np.exp(-(0.3 * x1 - 0.2 * x2)))
    start = np.where(ever, rng.integers(3, PERIODS + 1, units), 0)
    own = np.repeat(start, PERIODS)
    effect = np.where((own > 0) & (period >= own), 1 + 0.1 * (period - own), 0.0)
    noise = rng.normal(size=unit.size)
    trend = 0.1 * period + 0.05 * period * np.repeat(x1, PERIODS)
    y = np.repeat(level + 0.5 * x1, PERIODS) + trend + effect + noise
    columns = {"unit": unit, "time": period, "start": own, "y": y}
    return pd.DataFrame({**columns, "x1": np.repeat(x1, PERIODS), "x2": np.repeat(x2, PERIODS)})


def request(panel: Panel, options: dict[str, Option]) -> EstimationRequest:
    """What the pipeline would hand to ``did.group_time``."""
    words = Words(en="units")
    day = pd.Timestamp("2020-01-01").date()
    outcome = Outcome(
        id="y", title=words, direction="increase", kind="mean", unit=words, window_from=day, window_to=day
    )
    roster = panel.frame.groupby("unit", sort=True, as_index=False)[["first_treated"]].first().assign(weight=1.0)
    return EstimationRequest(
        key=EstimateKey(outcome="y"),
        outcome=outcome,
        estimand=Estimand(outcome="y", aggregation="simple"),
        inference=Inference(level=Decimal("0.95")),
        options=parse_options(registry.estimator("did.group_time").options, options, "options"),
        design=Design(
            summary=DesignSummary(method="groups.adoption", comparison="not_yet_treated", seal="0" * 64), roster=roster
        ),
        panel=panel,
    )


def median_seconds(job: Callable[[], object]) -> float:
    """Median of three after one warm-up."""
    job()
    times = []
    for _ in range(REPEATS):
        begin = time.perf_counter()
        job()
        times.append(time.perf_counter() - begin)
    return statistics.median(times)


def two_way(frame: pd.DataFrame) -> Callable[[], object]:
    """PanelOLS with unit and period effects, clustered by unit."""
    treated = ((frame["start"] > 0) & (frame["time"] >= frame["start"])).astype(float)
    data = frame.assign(treated=treated).set_index(["unit", "time"])
    return lambda: PanelOLS(data["y"], data[["treated"]], entity_effects=True, time_effects=True).fit(
        cov_type="clustered", cluster_entity=True
    )


def main() -> None:
    """Print one table."""
    estimator = registry.estimator("did.group_time")
    print(f"Python {platform.python_version()}, numpy {np.__version__}, {platform.machine()}; median of {REPEATS}")
    print(f"{'job':34}" + "".join(f"{f'{n:,} x {PERIODS}':>14}" for n in SIZES))
    frames = {n: staggered(n) for n in SIZES}
    panels = {}
    reading = []
    roles = FrameRoles(unit="unit", time="time", outcome="y", first_treated="start", covariates=("x1", "x2"))
    for n, frame in frames.items():
        reading.append(median_seconds(lambda frame=frame: panel_from_frame(frame, roles)))
        panels[n] = panel_from_frame(frame, roles)
    print(f"{'reading and checking a frame':34}" + "".join(f"{s:14.3f}" for s in reading))
    for name, options in SPECIFICATIONS.items():
        requests = [request(panels[n], options) for n in SIZES]
        times = [median_seconds(lambda item=item: estimator.estimate(item)) for item in requests]
        print(f"{name:34}" + "".join(f"{s:14.3f}" for s in times))
    times = [median_seconds(two_way(frames[n])) for n in SIZES]
    print(f"{'PanelOLS, two-way, clustered':34}" + "".join(f"{s:14.3f}" for s in times))


if __name__ == "__main__":
    sys.exit(main())
