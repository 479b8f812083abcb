"""The rows of the table: what is done, on which input, by whom."""

from __future__ import annotations

from dataclasses import dataclass

PEERS: dict[str, tuple[str, ...]] = {
    "diff_diff": ("diff-diff==3.13.0",),
    "csdid": ("csdid==0.4.3",),
    "moderndid": ("moderndid==0.2.0",),
    "pyfixest": ("pyfixest==0.60.0",),
    "linearmodels": ("linearmodels==7.1",),
    "causallib": ("causallib==0.10.0",),
    "psmpy": ("psmpy==0.3.16",),
    "sklearn": ("scikit-learn==1.9.1",),
}
"""Tool and what is installed for it, in an environment of its own, together with pyarrow to read the input."""


@dataclass(frozen=True, slots=True)
class Row:
    """One job on one input; ``peers`` are asked beside evaltool."""

    title: str
    job: str
    data: str
    peers: tuple[str, ...] = ()
    heavy: bool = False
    """Left out unless ``--all`` is asked for."""


STAGGERED = ("diff_diff", "csdid", "moderndid")
MATCHERS = ("causallib", "psmpy")
ROWS = (
    Row("two-way effects, clustered, 1e6 rows", "two_way", "two_way_1e6", ("pyfixest", "linearmodels")),
    Row("two-way effects, clustered, 1e7 rows", "two_way", "two_way_1e7", ("pyfixest",), heavy=True),
    Row("group-time, 10k × 10, no covariates", "group_time", "staggered_10k", STAGGERED),
    Row("group-time, 10k × 10, dr with two", "group_time_dr", "staggered_10k", STAGGERED),
    Row("group-time, 100k × 10, no covariates", "group_time", "staggered_100k", STAGGERED),
    Row("group-time, 100k × 10, dr with two", "group_time_dr", "staggered_100k", STAGGERED),
    Row("group-time, 100k × 10, 999 draws", "group_time_bands", "staggered_100k", STAGGERED),
    Row("synthetic DiD, 39 × 31, placebo SE", "synthetic_did", "factors_39", ("diff_diff",)),
    Row("synthetic DiD, 100 × 50, placebo SE", "synthetic_did", "factors_100", ("diff_diff",)),
    Row("nearest 1:1, caliper, 5k of 55k", "nearest", "people_55k", MATCHERS),
    Row("the same, with replacement", "nearest_replace", "people_55k", ("sklearn", *MATCHERS)),
    Row("nearest 1:1, caliper, 20k of 520k", "nearest", "people_520k"),
    Row("the same, with replacement", "nearest_replace", "people_520k", ("sklearn",)),
    Row("full matching, 2k of 12k", "full", "people_12k"),
    Row("optimal pairs, 2k of 12k", "optimal", "people_12k"),
    Row("entropy balancing, 520k", "entropy", "people_520k"),
)
