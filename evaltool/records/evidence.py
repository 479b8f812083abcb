"""What payment may know of an estimate: exact decimals in the direction of good. Loads neither numpy nor pandas."""

from __future__ import annotations

from decimal import Decimal
from typing import Literal

from evaltool.records.base import Exact, Record, Slug, Text

PRIMARY = "primary"
"""Specification of the headline estimate."""
REPLACED = "replaced.primary"
"""Specification under which an agreed estimate is kept when a fallback's figure takes its place."""
FEASIBLE = "feasible."
"""Prefix of the specifications of other methods that could be applied to the same data."""
ALL = "all"
"""Cohort of estimates that are not split by cohort."""


class EstimateKey(Record):
    """Names one estimate of a run."""

    outcome: Slug
    cohort: Slug = ALL
    specification: Slug = PRIMARY

    def __str__(self) -> str:
        """``outcome/cohort/specification``."""
        return f"{self.outcome}/{self.cohort}/{self.specification}"


class Exceeded(Record):
    """The value that the effect exceeds with a stated probability, given what was believed and what was estimated."""

    probability: Exact
    value: Exact


class Evidence(Record):
    """One estimate as a payment rule sees it.

    ``point``, ``lower`` and ``upper`` are on the plan's scale with the sign turned so that more is better;
    ``lower`` is the bound towards "no good done". Absent figures carry their reason in ``absent``.
    """

    key: EstimateKey
    kind: Literal["effect", "verified_count", "change"]
    """``effect`` has a counterfactual; the other two measure the treated only."""
    point: Exact
    lower: Exact | None = None
    upper: Exact | None = None
    standard_error: Exact | None = None
    p_value: Exact | None = None
    level: Exact | None = None
    is_exact: bool = False
    """True for verified counts, which compare with thresholds without tolerance."""
    units: int | None = None
    """People or units behind the figure, for tariffs and pooled weights."""
    observed: Exact | None = None
    """Mean outcome of the treated in the outcome's own sign, against which an agreed rate may stand."""
    posterior: tuple[Exceeded, ...] = ()
    """What the effect exceeds with each probability a rule asks for, given prior and estimate."""
    counts: tuple[Exact, ...] = ()
    """Verified units of each person or unit, in the order of the roster; never written to a release."""
    spread: tuple[Exact, ...] = ()
    """Quantiles of the estimate's uncertainty about ``point``, at ``(k − ½)/K``, for the distribution of the amount."""
    weight: Exact | None = None
    """Agreed weight of the cohort in a pooled test."""
    absent: Text | None = None
    """Reason code and sentence when there is no standard error."""
    tie_lower: Exact | None = None
    """Smallest value ``point`` takes over the choices between equals that a design leaves open; None without any."""
    tie_upper: Exact | None = None

    def shifted(self, by: Decimal) -> Evidence:
        """The same evidence had the estimate come out ``by`` higher: point, bounds and posterior move together."""
        moved = {
            name: value + by for name, value in (("lower", self.lower), ("upper", self.upper)) if value is not None
        }
        ties = dict.fromkeys(("tie_lower", "tie_upper"))
        posterior = tuple(e.model_copy(update={"value": e.value + by}) for e in self.posterior)
        return self.model_copy(update={**moved, **ties, "point": self.point + by, "posterior": posterior})

    @property
    def significant(self) -> bool | None:
        """Whether the interval excludes zero on the good side; None without an interval."""
        return None if self.lower is None else self.lower > Decimal(0)
