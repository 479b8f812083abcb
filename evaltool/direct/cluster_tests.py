"""One effect under every cluster method on the direct road: rows of ``numerics.cluster_methods`` in words.

The effect is that of one common start: the mean from the start on less the last period before it, of the treated less
that of the others, by unit weights.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from evaltool.errors import Fault, Place, RunError
from evaltool.numerics.cluster_methods import Changes, ClusterTest, Name, Why, cluster_tests
from evaltool.numerics.distinct import distinct
from evaltool.numerics.few_treated import FEWEST
from evaltool.numerics.inference import SMALLEST_LEVEL
from evaltool.records.panel import Panel

COLUMNS = ("method", "effect", "se", "df", "p_value", "lower", "upper", "note")
NAMES: dict[Name, str] = {
    "cr1": "CR1, (n-1)/(n-K) G/(G-1), t(G-1)",
    "cr2": "CR2, Bell-McCaffrey df",
    "cr2_ik": "CR2, Imbens-Kolesar df",
    "cr3": "CR3 (jackknife), t(G-1)",
    "wild_bootstrap": "wild cluster bootstrap",
    "randomisation": "randomisation of clusters",
    "conley_taber": "Conley-Taber",
    "ferman_pinto": "Ferman-Pinto",
}
WHY: dict[Why, str] = {
    "no_variation": "the outcome does not vary between clusters",
    "saturated": "a cluster alone holds a direction of the design",
    "one_cluster_decides": "without one of the clusters there is no effect",
    "nothing_to_test": "the residuals do not vary between clusters: there is nothing to test with",
    "treated_in_part": "some clusters are treated in part",
    "few_compared": f"fewer than {FEWEST} comparison clusters",
    "alike": "all untreated groups change alike: their spread says nothing",
}


def changes_of(panel: Panel, outcome: str) -> tuple[Changes, int]:
    """Changes of a balanced panel, and how many units treated throughout are left out.

    Raises RunError (RUN_SEVERAL_STARTS).
    """
    frame = panel.frame
    periods = distinct(frame["period"].to_numpy(dtype=np.float64))
    size = periods.shape[0]
    start = frame["first_treated"].to_numpy(dtype=np.float64)[::size]
    keep = start > periods[0]
    values = frame[f"y.{outcome}"].to_numpy(dtype=np.float64).reshape(-1, size)[keep]
    starts = distinct(start[keep & (start <= periods[-1])])
    if starts.shape[0] != 1:
        raise _several(tuple(panel.label(int(g)) for g in starts))
    after = int(np.searchsorted(periods, starts[0]))
    name = "cluster" if "cluster" in frame else "unit"
    codes = pd.factorize(frame[name], sort=True)[0].astype(np.int64)[::size][keep]
    found = Changes(
        change=values[:, after:].mean(axis=1) - values[:, after - 1],
        weight=frame["weight"].to_numpy(dtype=np.float64)[::size][keep],
        codes=np.unique(codes, return_inverse=True)[1].astype(np.int64),
        treated=(start[keep] == starts[0]).astype(np.float64),
    )
    return found, int(np.sum(~keep))


def drawing_faults(seed: object, level: object, call: str) -> list[Fault]:
    """A seed that is no whole number from 0 on, or a level that is no confidence level."""
    faults = []
    if isinstance(seed, bool) or not isinstance(seed, int) or seed < 0:
        cause, fix = f"seed = {seed!r} is no whole number from 0 on.", "Write seed=1."
        faults.append(Fault("USAGE_BAD_ARGUMENT", cause, fix, Place(key=f"{call}.seed")))
    if isinstance(level, bool) or not isinstance(level, float) or not SMALLEST_LEVEL <= level < 1.0:
        cause, fix = f"level = {level!r} is no confidence level.", "Write level=0.95 for 95 %."
        faults.append(Fault("USAGE_BAD_ARGUMENT", cause, fix, Place(key=f"{call}.level")))
    return faults


def cluster_tests_of(found: tuple[Changes, int], *, seed: int, level: float) -> pd.DataFrame:
    """One row per method. ``attrs`` has the numbers the choice between them should rest on. Raises RunError."""
    data, left_out = found
    rows = [_row(test) for test in cluster_tests(data, seed=seed, level=level)]
    frame = pd.DataFrame(rows, columns=list(COLUMNS))
    design = data.design()
    frame.attrs = {
        "level": level,
        "seed": seed,
        "clusters": data.clusters,
        "treated_clusters": design.treated,
        "comparison_clusters": design.comparison,
        "largest_share": design.largest_share,
        "effective_clusters": design.effective,
        "units_always_treated_left_out": left_out,
    }
    return frame


def _row(
    test: ClusterTest,
) -> tuple[str, float | None, float | None, float | None, float | None, float | None, float | None, str]:
    """A test as a row, with how it was found or why it cannot be used."""
    name = f"{NAMES[test.name]}, {test.variant}" if test.name == "wild_bootstrap" else NAMES[test.name]
    note = "" if test.why is None else WHY[test.why]
    if test.draws is not None:
        note = f"all {test.draws} enumerated" if test.enumerated else f"{test.draws} drawn"
        head = {"randomisation": f"{test.variant} statistic, ", "wild_bootstrap": ""}
        note = head.get(test.name, "clusters counted once, ") + note
    return name, test.effect, test.se, test.df, test.p_value, test.lower, test.upper, note


def _several(starts: tuple[str, ...]) -> RunError:
    """Cluster tests of one number need one start."""
    return RunError(
        Fault(
            code="RUN_SEVERAL_STARTS",
            cause=f"Units start in {len(starts)} different periods ({', '.join(starts)}).",
            fix="Give the units of one cohort and those that never start.",
            place=Place(key="did.cluster_tests.first_treated"),
        )
    )
