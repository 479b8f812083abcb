"""An effect and its uncertainty, readable like a linearmodels result."""

from __future__ import annotations

from decimal import Decimal
from typing import Literal, Self

from pydantic import ConfigDict, Field, model_validator

from evaltool.records.base import Finite, Json, Record, Text
from evaltool.records.evidence import EstimateKey, Evidence
from evaltool.records.panel import FloatArray
from evaltool.records.readable import Readable

AbsentReason = Literal[
    "ONE_UNIT_PER_ARM",
    "PUBLISHED_WITHOUT",
    "VERIFIED_COUNT",
    "REFERENCE_PERIOD",
    "TOO_FEW_CLUSTERS",
    "NO_VARIATION",
    "SYNTHETIC_CONTROL",
    "EXACT_INTERVAL",
]


class Interval(Record):
    """An interval obtained by inverting the test whose p-value stands beside it."""

    lower: Finite
    upper: Finite
    level: Finite

    @model_validator(mode="after")
    def ordered(self) -> Self:
        """Refuse lower > upper."""
        if self.lower > self.upper:
            message = "an interval's lower end lies above its upper end"
            raise ValueError(message)
        return self


class Counts(Record):
    """Sizes by arm; None where a published figure came without them.

    ``weight`` sums unit weights (people) where the plan names a weight column.
    """

    treated: int | None = Field(ge=0)
    comparison: int | None = Field(ge=0)
    observations: int | None = Field(ge=0)
    treated_weight: Finite | None = None
    comparison_weight: Finite | None = None
    clusters: int | None = None
    treated_clusters: int | None = None


class Element(Record):
    """One entry of a path or table: an event time, a cohort, a calendar period or an ATT(g,t) cell."""

    kind: Literal["event", "group", "calendar", "cell"]
    element: int
    """Event time, first treated period, or calendar period; for cells the period."""
    group: int | None = None
    """First treated period, for cells."""
    label: Text
    att: Finite
    se: Finite | None = None
    interval: Interval | None = None
    p_value: Finite | None = None
    n_treated: int | None = None
    n_comparison: int | None = None
    reference: bool = False
    """True for the base period, which is zero by construction."""
    weight: Finite | None = None
    """Weight in the headline aggregate."""


class Relative(Record):
    """The effect as a share of a stated denominator, with its delta-method standard error."""

    value: Finite
    se: Finite | None
    interval: Interval | None
    p_value: Finite | None = None
    """Of the test that ``interval`` inverts."""
    denominator: Literal["counterfactual", "baseline"]
    denominator_value: Finite | None
    """None where a share was published without what it is a share of."""


class SeriesPoint(Record):
    """Mean outcome of one arm in one period."""

    arm: Text
    period: int
    label: Text
    mean: Finite
    units: int


class Estimate(Readable, Record):
    """A finished estimate. Signs are the outcome's own; ``evidence`` turns them towards the good.

    Reads like a linearmodels result (``params``, ``std_errors``, ``conf_int``, ``summary``, …): see ``Readable``.

    ``se`` is None only together with ``absent``. ``influence`` is (units,) and never written to disk;
    ``event_covariance`` is (k, k) over the non-reference elements of ``path``, in order.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, arbitrary_types_allowed=True)

    key: EstimateKey
    method: Text
    kind: Literal["effect", "verified_count", "change"]
    estimand: Text
    """``ATT`` and its aggregation, or what was measured instead: ``verified_count``, ``change``."""
    unit: Text
    """Unit of measure in English; the plan holds both languages."""
    att: Finite
    se: Finite | None
    absent: AbsentReason | None = None
    df: Finite | None = None
    """Degrees of freedom of the t distribution; None means standard normal."""
    interval: Interval | None = None
    p_value: Finite | None = None
    statistic: Finite | None = None
    counts: Counts
    observed: Finite | None = None
    """Mean outcome of the treated in the treated periods that enter the effect."""
    counterfactual: Finite | None = None
    """What it would have been: observed − att."""
    baseline: Finite | None = None
    """Mean outcome of the treated in their base periods."""
    relative: Relative | None = None
    path: tuple[Element, ...] = ()
    """Event study, base period included as reference."""
    groups: tuple[Element, ...] = ()
    calendar: tuple[Element, ...] = ()
    cells: tuple[Element, ...] = ()
    event_covariance: tuple[tuple[Finite, ...], ...] = ()
    series: tuple[SeriesPoint, ...] = ()
    """Mean outcome by arm and period, for the timeline figure."""
    conventions: dict[str, bool | int | Finite | str | None]
    """Every choice that changes a digit: se formula, cluster, G, df, small-sample factor, base period, …"""
    certificate: dict[str, Json] = Field(default_factory=dict)
    unit_counts: tuple[Finite, ...] = ()
    """Verified units of each person or unit in roster order, where the plan asks for them; never released."""
    notes: tuple[Text, ...] = ()
    """Stable keys of what a reader must be told (``overlapping_windows``, ``few_treated_clusters``)."""
    source: Text | None = None
    """Citation of a published figure."""
    influence: FloatArray | None = Field(default=None, exclude=True, repr=False)

    @model_validator(mode="after")
    def valid(self) -> Self:
        """Refuse se ≤ 0, a missing se without reason, and a reason beside an se."""
        if self.se is not None and self.se <= 0:
            message = f"{self.method}: a standard error must be positive, got {self.se!r}"
            raise ValueError(message)
        if (self.se is None) == (self.absent is None):
            message = f"{self.method}: state either a standard error or the reason there is none"
            raise ValueError(message)
        interval = None if self.is_share else self.interval
        if self.se is None and (interval or self.p_value is not None):
            message = f"{self.method}: an interval or p-value without a standard error"
            raise ValueError(message)
        return self

    @property
    def is_share(self) -> bool:
        """Whether it is a share that was counted, whose exact interval comes from no standard error."""
        return self.absent == "EXACT_INTERVAL"

    def evidence(
        self,
        *,
        direction: Literal["increase", "decrease"],
        scale: Literal["absolute", "relative"],
        weight: Decimal | None = None,
    ) -> Evidence:
        """The estimate as payment sees it: exact decimals, more is better.

        Raises ValueError when a relative effect is asked for and was not computed.
        """
        value, se, interval, p_value = self.att, self.se, self.interval, self.p_value
        if self.kind == "verified_count":
            scale = "absolute"
        if scale == "relative":
            if self.relative is None:
                message = f"{self.key}: a relative effect was asked for and not computed"
                raise ValueError(message)
            value, se, interval = self.relative.value, self.relative.se, self.relative.interval
            p_value = self.relative.p_value
        over = self.over_ties(scale=scale)
        good = 1 if direction == "increase" or self.kind == "verified_count" else -1
        ends = sorted((good * interval.lower, good * interval.upper)) if interval else None
        return Evidence(
            key=self.key,
            kind=self.kind,
            point=decimal_of(good * value),
            lower=decimal_of(ends[0]) if ends else None,
            upper=decimal_of(ends[1]) if ends else None,
            standard_error=None if se is None else decimal_of(se),
            p_value=None if p_value is None else decimal_of(p_value),
            level=None if interval is None else decimal_of(interval.level),
            is_exact=self.kind == "verified_count" or self.is_share,
            units=self.counts.treated,
            observed=None if self.observed is None else decimal_of(self.observed),
            counts=tuple(decimal_of(one) for one in self.unit_counts),
            weight=weight,
            absent=self.absent,
            tie_lower=None if over is None else decimal_of(min(good * end for end in over)),
            tie_upper=None if over is None else decimal_of(max(good * end for end in over)),
        )

    def over_ties(self, *, scale: Literal["absolute", "relative"]) -> tuple[float, float] | None:
        """Smallest and largest effect over choices between equals, in the outcome's own sign; None without any.

        Read from the conventions ``tie_lower`` and ``tie_upper``.
        """
        ends = (self.conventions.get("tie_lower"), self.conventions.get("tie_upper"))
        found = [float(end) for end in ends if isinstance(end, float | int)]
        if len(found) < len(ends):
            return None
        turned = [self.on_scale(end, scale=scale) for end in found]
        return min(turned), max(turned)

    def on_scale(self, effect: float, *, scale: Literal["absolute", "relative"]) -> float:
        """Another effect on the same treated units, in the outcome's own sign, on the plan's scale.

        A relative effect over the counterfactual moves its denominator too (observed − effect), unless that would not
        be positive: then the headline's is kept. Raises ValueError when no relative effect was computed.
        """
        if scale == "absolute":
            return effect
        if self.relative is None:
            message = f"{self.key}: a relative effect was asked for and not computed"
            raise ValueError(message)
        moved = 0.0 if self.observed is None else self.observed - effect
        keeps = self.relative.denominator == "baseline" or moved <= 0
        below = self.relative.denominator_value if keeps else moved
        if below is None:
            message = f"{self.key}: the denominator was not published"
            raise ValueError(message)
        return effect / below

    def _read(self) -> Estimate:
        """Itself: everything under the names of linearmodels is read from here."""
        return self


class SecondOpinion(Record):
    """The headline number computed again by an independent path."""

    value: Finite
    by: Text
    """Library and route, in one sentence."""


def decimal_of(value: float) -> Decimal:
    """The shortest decimal that reads back as ``value``: exact, and stable from platform to platform."""
    return Decimal(repr(float(value)))
