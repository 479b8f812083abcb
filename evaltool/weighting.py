"""Weighting without a plan: ``evaltool.weighting.entropy_balancing(frame, treatment="…", covariates=[…], unit="…")``.

One row per unit in any frame with the Arrow interface (pandas, polars, pyarrow). No outcome column is named or read;
``evaltool.weighted.difference`` adds it once the design stands. Errors come from ``evaltool.errors``.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Literal

from evaltool.direct.call import Frame, listed
from evaltool.direct.designed import Wanted, designed, exactly
from evaltool.direct.matched import MatchedDesign
from evaltool.errors import Fault
from evaltool.records.plan.analysis import Option


def inverse_propensity(  # noqa: PLR0913 - the direct road: column names and options as keywords
    frame: Frame,
    *,
    treatment: str,
    covariates: Sequence[str],
    unit: str,
    balance_terms: Sequence[Literal["squares", "interactions"]] = (),
    estimand: Literal["ATT", "ATC", "ATE", "ATO", "ATM"] = "ATT",
    stabilised: bool = False,
    trim: float | Decimal | None = None,
) -> MatchedDesign:
    """Inverse propensity weights from a logit (``weighting.inverse_propensity``).

    ``trim`` cuts weights at a quantile and renames the estimand. Raises UsageError, DataError, RunError.
    """
    options: dict[str, Option] = {"estimand": estimand, "stabilised": stabilised, "trim": exactly(trim)}
    return _weighted(frame, balance_terms, "inverse_propensity", (treatment, unit), covariates, options)


def overlap(frame: Frame, *, treatment: str, covariates: Sequence[str], unit: str) -> MatchedDesign:
    """Overlap weights: inverse propensity weights for the ATO. Raises UsageError, DataError, RunError."""
    return inverse_propensity(frame, treatment=treatment, covariates=covariates, unit=unit, estimand="ATO")


def entropy_balancing(  # noqa: PLR0913 - the direct road: column names and options as keywords
    frame: Frame,
    *,
    treatment: str,
    covariates: Sequence[str],
    unit: str,
    balance_terms: Sequence[Literal["squares", "interactions"]] = (),
    estimand: Literal["ATT", "ATC", "ATE"] = "ATT",
    moments: int = 1,
) -> MatchedDesign:
    """Entropy balancing (``weighting.entropy_balancing``); ``moments`` 2 balances squares too.

    Raises UsageError, DataError, RunError (RUN_NO_BALANCE where no weights reach the means).
    """
    options: dict[str, Option] = {"estimand": estimand, "moments": moments}
    return _weighted(frame, balance_terms, "entropy_balancing", (treatment, unit), covariates, options)


def covariate_balancing(  # noqa: PLR0913 - the direct road: column names and options as keywords
    frame: Frame,
    *,
    treatment: str,
    covariates: Sequence[str],
    unit: str,
    balance_terms: Sequence[Literal["squares", "interactions"]] = (),
    estimand: Literal["ATT", "ATC", "ATE", "ATO"] = "ATT",
    over: bool = False,
) -> MatchedDesign:
    """Covariate balancing propensity scores (``weighting.covariate_balancing``); ``over`` adds the likelihood.

    Raises UsageError, DataError, RunError (RUN_NO_BALANCE where the equations have no solution).
    """
    options: dict[str, Option] = {"estimand": estimand, "over": over}
    return _weighted(frame, balance_terms, "covariate_balancing", (treatment, unit), covariates, options)


def stable(  # noqa: PLR0913 - the direct road: column names and options as keywords
    frame: Frame,
    *,
    treatment: str,
    covariates: Sequence[str],
    unit: str,
    balance_terms: Sequence[Literal["squares", "interactions"]] = (),
    tolerance: float | Decimal,
    estimand: Literal["ATT", "ATC", "ATE"] = "ATT",
) -> MatchedDesign:
    """The most even weights with means within ``tolerance`` standard deviations (``weighting.stable``).

    Raises UsageError, DataError, RunError (RUN_NO_BALANCE where no weights come that near).
    """
    options: dict[str, Option] = {"estimand": estimand, "tolerance": exactly(tolerance)}
    return _weighted(frame, balance_terms, "stable", (treatment, unit), covariates, options)


def _weighted(
    frame: Frame,
    terms: Sequence[str],
    method: str,
    roles: tuple[str, str],
    covariates: Sequence[str],
    options: dict[str, Option],
) -> MatchedDesign:
    """The design; ``roles`` are treatment and unit."""
    faults: list[Fault] = []
    name = f"weighting.{method}"
    columns = listed("covariates", covariates, name, faults)
    return designed(frame, Wanted(name, *roles, {"covariates": columns, **options}, columns, terms), faults)
