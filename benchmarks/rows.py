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
    "scipy": ("scipy==1.17.1", "scikit-learn==1.9.1"),
    "statsmodels": ("statsmodels==0.15.0",),
    "causalinference": ("causalinference==0.1.3.post1", "scipy==1.17.1"),
    "mlsynth": ("mlsynth==1.0.0",),
    "pysyncon": ("pysyncon==1.7.0",),
    "scpi": ("scpi_pkg==4.0.0", "pandas<3"),
    "causalpy": ("causalpy==0.9.0",),
    "ebal": ("ebal==1.0.0",),
    "empirical": ("empirical-calibration==0.12",),
    "cem": ("cem==1.1.0", "pyarrow<20"),
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
TWO_WAY = ("pyfixest", "linearmodels", "statsmodels", "diff_diff")
CONTROLS = ("mlsynth", "pysyncon", "causalpy")
ROWS = (
    Row("two-way effects, clustered, 1e6 rows", "two_way", "two_way_1e6", TWO_WAY),
    Row("two-way effects, clustered, 1e7 rows", "two_way", "two_way_1e7", ("pyfixest", "statsmodels"), heavy=True),
    Row("group-time, 10k × 10, no covariates", "group_time", "staggered_10k", STAGGERED),
    Row("group-time, 10k × 10, dr with two", "group_time_dr", "staggered_10k", STAGGERED),
    Row("group-time, 100k × 10, no covariates", "group_time", "staggered_100k", STAGGERED),
    Row("group-time, 100k × 10, dr with two", "group_time_dr", "staggered_100k", STAGGERED),
    Row("group-time, 100k × 10, 999 draws", "group_time_bands", "staggered_100k", STAGGERED),
    Row("group-time, 100k × 10, dr, 999 draws", "group_time_dr_bands", "staggered_100k", STAGGERED),
    Row("HonestDiD, Medicaid, four M̄ and six M", "honest", "medicaid", ("diff_diff",)),
    Row("synthetic DiD, Proposition 99, placebo SE", "synthetic_did", "prop99", ("diff_diff", "mlsynth")),
    Row("synthetic DiD, 39 × 31, placebo SE", "synthetic_did", "factors_39", ("diff_diff", "mlsynth")),
    Row("synthetic DiD, 100 × 50, placebo SE", "synthetic_did", "factors_100", ("diff_diff", "mlsynth")),
    Row("synthetic DiD, 200 × 100, placebo SE", "synthetic_did", "factors_200", ("diff_diff", "mlsynth")),
    Row("synthetic DiD, 500 × 100, every placebo", "synthetic_did", "factors_500_1", ("diff_diff",), heavy=True),
    Row("the same, 20 of 500 treated, 200 draws", "synthetic_did", "factors_500", ("diff_diff",), heavy=True),
    Row("synthetic DiD, 500 × 200, every placebo", "synthetic_did", "factors_500_200", ("diff_diff",), heavy=True),
    Row("nearest 1:1, caliper, 5k of 55k", "nearest", "people_55k", MATCHERS),
    Row(
        "the same, with replacement, 5k of 55k",
        "nearest_replace",
        "people_55k",
        ("sklearn", "causalinference", "causallib"),
    ),
    Row("nearest 1:1, caliper, 20k of 520k", "nearest", "people_520k"),
    Row("the same, with replacement, 20k of 520k", "nearest_replace", "people_520k", ("sklearn",)),
    Row("nearest 1:1, caliper, 200k of 1.2M", "nearest", "people_1200k", heavy=True),
    Row("the same, with replacement, 200k of 1.2M", "nearest_replace", "people_1200k", ("sklearn",), heavy=True),
    Row("full matching, 2k of 12k", "full", "people_12k"),
    Row("optimal pairs, 2k of 12k", "optimal", "people_12k", ("scipy",)),
    Row("optimal pairs, caliper, 5k of 55k", "optimal_caliper", "people_55k"),
    Row("optimal pairs, caliper, 20k of 220k", "optimal_caliper", "people_220k", heavy=True),
    Row("coarsened exact, 20k of 520k", "coarsened", "people_520k", ("cem",)),
    Row("entropy balancing, 20k of 520k", "entropy", "people_520k", ("ebal", "empirical")),
    Row("entropy balancing, 1M × 20", "entropy_20", "people_1m", ("ebal", "empirical"), heavy=True),
    Row("inverse probabilities, 1M × 20", "propensity", "people_1m", ("statsmodels", "causallib"), heavy=True),
    Row("synthetic control, Proposition 99, every placebo", "control", "prop99", (*CONTROLS, "diff_diff")),
    Row("synthetic control, 200 × 100, every placebo", "control", "factors_200", ("mlsynth",)),
    Row("synthetic control, 500 × 200, every placebo", "control", "factors_500_200", ("mlsynth",), heavy=True),
    Row("synthetic control, conformal, Proposition 99", "control_conformal", "prop99", ("mlsynth",)),
    Row(
        "synthetic control, prediction intervals, Proposition 99", "prediction_intervals", "prop99", ("mlsynth", "scpi")
    ),
    Row("synthetic control, V searched, 39 × 31", "control_predictors", "factors_39_x", ("mlsynth",)),
    Row("structural series, 200 points", "structural", "series_200", ("statsmodels",)),
)
