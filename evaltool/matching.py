"""Matching without a plan: ``evaltool.matching.nearest(frame, treatment="…", covariates=[…], unit="…")``.

One row per unit in any frame with the Arrow interface (pandas, polars, pyarrow); ``wide`` makes that of a long panel.
No design names or reads an outcome column; ``evaltool.weighted.difference`` adds it once the design stands. Errors come
from ``evaltool.errors``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Literal

from evaltool.direct.call import Frame, listed, only
from evaltool.direct.designed import Wanted, designed, exactly, unlike
from evaltool.direct.matched import MatchedDesign
from evaltool.direct.wide import wide
from evaltool.errors import Fault
from evaltool.records.plan.analysis import Option

__all__ = ["coarsened_exact", "exact", "full", "nearest", "optimal", "subclass", "wide"]
Number = float | Decimal
DISTANCES = ("logit", "probit", "mahalanobis", "robust_mahalanobis", "scaled_euclidean")

NEAREST: Mapping[str, Option] = {
    "estimand": "ATT",
    "distance": "logit",
    "calipers": {},
    "support": "all",
    "unmatched_treated": "rename",
}
"""Defaults of options that are stated only where they differ; the others' is None."""


def nearest(  # noqa: PLR0913 - the direct road: column names and options as keywords
    frame: Frame,
    *,
    treatment: str,
    covariates: Sequence[str],
    unit: str,
    balance_terms: Sequence[Literal["squares", "interactions"]] = (),
    estimand: Literal["ATT", "ATC", "ATE"] = "ATT",
    distance: Literal["logit", "probit", "mahalanobis", "robust_mahalanobis", "scaled_euclidean"] = "logit",
    match_on: Sequence[str] = (),
    scale: Literal["probability", "linear"] = "probability",
    ratio: int = 1,
    min_ratio: int | None = None,
    max_ratio: int | None = None,
    replace: bool = False,
    caliper: Number | None = None,
    caliper_sd: Literal["overall", "mean_of_groups", "pooled"] = "overall",
    calipers: Mapping[str, Number] | None = None,
    order: Literal["largest", "smallest", "closest", "data"] = "largest",
    tie_order: str | None = None,
    exact: Sequence[str] = (),
    anti_exact: Sequence[str] = (),
    support: Literal["all", "both", "treated", "comparison"] = "all",
    unmatched_treated: Literal["rename", "refuse"] = "rename",
) -> MatchedDesign:
    """Nearest neighbours on a score or on several columns (``matching.nearest``), for the ATT, ATC or ATE.

    ``treatment`` holds true/false or 1/0. ``caliper`` is in standard deviations of the score, ``caliper_sd`` says
    which; ``calipers`` are largest differences in single columns. ``tie_order`` is a column that puts units with equal
    scores in order (smaller first); the id when absent. ``exact`` columns must be equal within a set, ``anti_exact``
    ones differ. ``match_on`` are the columns of a distance on several, the covariates when absent. With ``max_ratio``
    the number of matches varies around ``ratio``. With ``replace`` all ties are averaged, and ``order`` and
    ``tie_order`` have no effect. ``unmatched_treated``: rename or stop. Raises UsageError, DataError, RunError.
    """
    name = "matching.nearest"
    faults = [*only("estimand", estimand, ("ATT", "ATC", "ATE"), name), *only("distance", distance, DISTANCES, name)]
    lists = {"covariates": covariates, "exact": exact, "anti_exact": anti_exact, "match_on": match_on}
    columns = {key: listed(key, value, name, faults) for key, value in lists.items()}
    widths = {key: exactly(width) for key, width in (calipers or {}).items()}
    always: dict[str, Option] = {"scale": scale, "ratio": ratio, "replace": replace, "caliper": exactly(caliper)}
    rare: dict[str, Option] = {
        "estimand": estimand,
        "distance": distance,
        "min_ratio": min_ratio,
        "max_ratio": max_ratio,
        "calipers": dict(widths),
        "support": support,
        "tie_order": None if tie_order == unit else tie_order,
        "unmatched_treated": unmatched_treated,
    }
    options = {**columns, **always, **unlike(rare, NEAREST)}
    if caliper is not None or caliper_sd != "overall":
        options["caliper_sd"] = caliper_sd
    if not replace or order != "largest":
        options["order"] = order
    ordering = [] if tie_order is None or tie_order == unit else [tie_order]
    named = [*(column for group in columns.values() for column in group), *widths, *ordering]
    return designed(frame, Wanted(name, treatment, unit, options, named, balance_terms), faults)


def optimal(  # noqa: PLR0913 - the direct road: column names and options as keywords
    frame: Frame,
    *,
    treatment: str,
    covariates: Sequence[str],
    unit: str,
    balance_terms: Sequence[Literal["squares", "interactions"]] = (),
    distance: Literal["logit", "probit", "mahalanobis", "robust_mahalanobis", "scaled_euclidean"] = "logit",
    match_on: Sequence[str] = (),
    scale: Literal["probability", "linear"] = "probability",
    ratio: int = 1,
    caliper: Number | None = None,
    caliper_sd: Literal["overall", "mean_of_groups", "pooled"] = "overall",
    calipers: Mapping[str, Number] | None = None,
    tie_order: str | None = None,
    exact: Sequence[str] = (),
    unmatched_treated: Literal["rename", "refuse"] = "rename",
) -> MatchedDesign:
    """Pairs or sets with the least total distance (``matching.optimal``), for the ATT: unique and certified.

    Arguments as in ``nearest``; ``tie_order`` decides between optima. Raises UsageError, DataError, RunError.
    """
    name = "matching.optimal"
    faults: list[Fault] = [*only("distance", distance, DISTANCES, name)]
    lists = {"covariates": covariates, "exact": exact, "match_on": match_on}
    columns = {key: listed(key, value, name, faults) for key, value in lists.items()}
    widths = {key: exactly(width) for key, width in (calipers or {}).items()}
    ordering = [] if tie_order is None or tie_order == unit else [tie_order]
    rare: dict[str, Option] = {
        "distance": distance,
        "match_on": columns["match_on"] or None,
        "caliper": exactly(caliper),
        "calipers": dict(widths),
        "tie_order": ordering[0] if ordering else None,
        "unmatched_treated": unmatched_treated,
    }
    fixed: dict[str, Option] = {"scale": scale, "ratio": ratio, "exact": columns["exact"]}
    options = {"covariates": columns["covariates"], **fixed, **unlike(rare, NEAREST)}
    if caliper is not None or caliper_sd != "overall":
        options["caliper_sd"] = caliper_sd
    named = [*(column for group in columns.values() for column in group), *widths, *ordering]
    return designed(frame, Wanted(name, treatment, unit, options, named, balance_terms), faults)


def full(  # noqa: PLR0913 - the direct road: column names and options as keywords
    frame: Frame,
    *,
    treatment: str,
    covariates: Sequence[str],
    unit: str,
    balance_terms: Sequence[Literal["squares", "interactions"]] = (),
    estimand: Literal["ATT", "ATC", "ATE"] = "ATT",
    distance: Literal["logit", "probit", "mahalanobis", "robust_mahalanobis", "scaled_euclidean"] = "logit",
    match_on: Sequence[str] = (),
    scale: Literal["probability", "linear"] = "probability",
    caliper: Number | None = None,
    caliper_sd: Literal["overall", "mean_of_groups", "pooled"] = "overall",
    calipers: Mapping[str, Number] | None = None,
    min_controls: int = 1,
    max_controls: int | None = None,
    max_treated: int | None = None,
    tie_order: str | None = None,
    exact: Sequence[str] = (),
    unmatched_treated: Literal["rename", "refuse"] = "rename",
) -> MatchedDesign:
    """Everybody in sets of one with one or more, at the least total distance (``matching.full``): unique and certified.

    Arguments as in ``nearest``; ``tie_order`` decides between optima. A set has ``min_controls`` to ``max_controls``
    comparison units with one treated unit, or up to ``max_treated`` treated units with one comparison unit. Raises
    UsageError, DataError, RunError.
    """
    name = "matching.full"
    faults: list[Fault] = [
        *only("estimand", estimand, ("ATT", "ATC", "ATE"), name),
        *only("distance", distance, DISTANCES, name),
    ]
    lists = {"covariates": covariates, "exact": exact, "match_on": match_on}
    columns = {key: listed(key, value, name, faults) for key, value in lists.items()}
    widths = {key: exactly(width) for key, width in (calipers or {}).items()}
    ordering = [] if tie_order is None or tie_order == unit else [tie_order]
    rare: dict[str, Option] = {
        "estimand": estimand,
        "distance": distance,
        "match_on": columns["match_on"] or None,
        "min_controls": None if min_controls == 1 else min_controls,
        "max_controls": max_controls,
        "max_treated": max_treated,
        "caliper": exactly(caliper),
        "calipers": dict(widths),
        "tie_order": ordering[0] if ordering else None,
        "unmatched_treated": unmatched_treated,
    }
    fixed: dict[str, Option] = {"scale": scale, "exact": columns["exact"]}
    options = {"covariates": columns["covariates"], **fixed, **unlike(rare, NEAREST)}
    if caliper is not None or caliper_sd != "overall":
        options["caliper_sd"] = caliper_sd
    named = [*(column for group in columns.values() for column in group), *widths, *ordering]
    return designed(frame, Wanted(name, treatment, unit, options, named, balance_terms), faults)


def exact(
    frame: Frame,
    *,
    treatment: str,
    covariates: Sequence[str],
    unit: str,
    balance_terms: Sequence[Literal["squares", "interactions"]] = (),
    estimand: Literal["ATT", "ATC", "ATE"] = "ATT",
) -> MatchedDesign:
    """Strata of equal covariates (``matching.exact``). Raises UsageError, DataError, RunError."""
    return _stratified(frame, balance_terms, "exact", (treatment, unit), covariates, {"estimand": estimand})


def coarsened_exact(  # noqa: PLR0913 - the direct road: column names and options as keywords
    frame: Frame,
    *,
    treatment: str,
    covariates: Sequence[str],
    unit: str,
    balance_terms: Sequence[Literal["squares", "interactions"]] = (),
    estimand: Literal["ATT", "ATC", "ATE"] = "ATT",
    bins: Mapping[str, int] | None = None,
    cutpoints: Mapping[str, Sequence[Number]] | None = None,
    pairs: bool = False,
    tie_order: str | None = None,
) -> MatchedDesign:
    """Strata of equal bins (``matching.coarsened_exact``): ``bins`` or ``cutpoints`` by column, else Sturges' number.

    ``pairs``: one with one within each stratum, the nearest; ``tie_order`` decides between equally good ones. Raises
    UsageError, DataError, RunError.
    """
    cuts = {name: tuple(exactly(point) for point in points) for name, points in (cutpoints or {}).items()}
    options: dict[str, Option] = {"estimand": estimand, "bins": dict(bins or {}), "cutpoints": dict(cuts)}
    if pairs:
        options["pairs"] = True
    if tie_order is not None and tie_order != unit:
        options["tie_order"] = tie_order
    return _stratified(frame, balance_terms, "coarsened_exact", (treatment, unit), covariates, options)


def subclass(  # noqa: PLR0913 - the direct road: column names and options as keywords
    frame: Frame,
    *,
    treatment: str,
    covariates: Sequence[str],
    unit: str,
    balance_terms: Sequence[Literal["squares", "interactions"]] = (),
    estimand: Literal["ATT", "ATC", "ATE"] = "ATT",
    subclasses: int = 6,
    fewest: int = 1,
    tie_order: str | None = None,
) -> MatchedDesign:
    """Subclasses of a logit score (``matching.subclass``), each with ``fewest`` units of either group.

    Raises UsageError, DataError, RunError.
    """
    options: dict[str, Option] = {"estimand": estimand, "subclasses": subclasses, "fewest": fewest}
    if tie_order is not None and tie_order != unit:
        options["tie_order"] = tie_order
    return _stratified(frame, balance_terms, "subclass", (treatment, unit), covariates, options)


def _stratified(
    frame: Frame,
    terms: Sequence[str],
    method: str,
    roles: tuple[str, str],
    covariates: Sequence[str],
    options: dict[str, Option],
) -> MatchedDesign:
    """The design; ``roles`` are treatment and unit."""
    faults: list[Fault] = []
    name = f"matching.{method}"
    columns = listed("covariates", covariates, name, faults)
    ordering = [one for one in (options.get("tie_order"),) if isinstance(one, str)]
    wanted = Wanted(name, *roles, {"covariates": columns, **options}, [*columns, *ordering], terms)
    return designed(frame, wanted, faults)
