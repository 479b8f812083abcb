"""An effect that somebody else estimated and published: taken as written, with its source.

Estimand
    That of the published study; the plan says which outcome and scale it stands for.

Equation as implemented
    None. On the absolute scale ``value`` is in the outcome's own sign. On the relative scale it is in the direction
    of good, as studies print it ("8.4 percent fewer" is 0.084), and becomes relative = ± value in the outcome's sign.
    Where both rates are given, value must equal 1 − treated/comparison (or treated/comparison − 1 when more is
    better; treated − comparison on the absolute scale) within the rounding of the figures as they are written.

Uncertainty
    The published standard error, normal; or, from a published interval, half its width over the normal quantile of
    its level. Bounds published at the plan's own level are kept as they are; the p-value is given only when they lie
    symmetrically about the value within rounding. Without either: absent = PUBLISHED_WITHOUT.

Assumptions
    Those of the published study.

Refuses when
    No entry has the cohort asked for; value and rates contradict each other; a comparison rate is not positive.

Source
    The ``source`` of each entry.

Reference implementation and agreed tolerance
    None; the second computation reads the figures again as fractions. Exact.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from evaltool.errors import Fault, Place, RunError
from evaltool.estimators._inference import inference_rule, interval_and_p, sides_convention, statistic_of
from evaltool.numerics.distributions import normal_quantile
from evaltool.records.base import Exact, Record, Slug, Text
from evaltool.records.estimate import AbsentReason, Counts, Estimate, Interval, Relative, SecondOpinion
from evaltool.records.evidence import ALL
from evaltool.records.plugins import Capabilities, EstimationRequest, EstimatorPlugin


class Published(Record):
    """One published figure and what was published with it."""

    outcome: Slug | None = None
    """Outcome it is a figure of; may be left out where the plan has one figure for each cohort only."""
    cohort: Slug = ALL
    kind: Literal["effect", "verified_count", "change"] = "effect"
    """An effect against a counterfactual, a count of what was verified, or a change in the people served."""
    value: Exact
    standard_error: Annotated[Exact, Field(gt=0)] | None = None
    lower: Exact | None = None
    upper: Exact | None = None
    level: Annotated[Exact, Field(ge=Decimal("0.5"), lt=1)] | None = None
    n_treated: int | None = Field(default=None, ge=1)
    n_comparison: int | None = Field(default=None, ge=1)
    treated_rate: Exact | None = None
    comparison_rate: Exact | None = None
    source: Text
    signed_by: Text | None = None

    @model_validator(mode="after")
    def whole(self) -> Self:
        """Refuse half an interval, half a pair of rates, a value outside its own interval, an uncertain count."""
        if self.kind == "verified_count" and (self.standard_error is not None or self.lower is not None):
            message = "a verified count has no standard error and no interval"
            raise ValueError(message)
        parts = (self.lower, self.upper, self.level)
        if any(p is not None for p in parts) and any(p is None for p in parts):
            message = "lower, upper and level belong together"
            raise ValueError(message)
        if (self.treated_rate is None) != (self.comparison_rate is None):
            message = "treated_rate and comparison_rate belong together"
            raise ValueError(message)
        if self.lower is not None and self.upper is not None and not self.lower < self.upper:
            message = "lower must lie below upper"
            raise ValueError(message)
        if self.lower is not None and self.upper is not None and not self.lower <= self.value <= self.upper:
            message = f"the value {self.value} lies outside its own interval [{self.lower}, {self.upper}]"
            raise ValueError(message)
        return self


class PublishedOptions(Record):
    """``[estimator.options]`` of ``published.estimate``: one ``[[estimator.options.published]]`` per figure."""

    published: tuple[Published, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def one_per_cohort(self) -> Self:
        """Refuse two figures for one cohort of one outcome, and outcomes named for some figures only."""
        keys = [f"{entry.outcome or ''} {entry.cohort}".strip() for entry in self.published]
        twice = sorted({key for key in keys if keys.count(key) > 1})
        if twice:
            message = f"more than one published figure for {', '.join(twice)}"
            raise ValueError(message)
        named = [entry.outcome is not None for entry in self.published]
        if any(named) and not all(named):
            message = "either every published figure names its outcome, or none does"
            raise ValueError(message)
        return self


@dataclass(frozen=True, slots=True)
class _Reading:
    """A published figure in the outcome's own sign: value, standard error, bounds."""

    value: float
    se: float | None
    interval: Interval | None
    p_value: float | None


def _entry(request: EstimationRequest) -> Published:
    """The figure for the key's cohort. Raises RunError (RUN_NO_PUBLISHED_FIGURE)."""
    if not isinstance(request.options, PublishedOptions):
        message = f"published.estimate was given {type(request.options).__name__}"
        raise TypeError(message)
    every = request.options.published
    entries = [entry for entry in every if entry.outcome in {None, request.key.outcome}]
    for entry in entries:
        if entry.cohort == request.key.cohort:
            return entry
    if request.key.cohort == ALL and len(entries) == 1:
        return entries[0]
    raise RunError(
        Fault(
            code="RUN_NO_PUBLISHED_FIGURE",
            cause=f"No published figure of '{request.key.outcome}' for cohort '{request.key.cohort}'; "
            f"there is one for: {', '.join(f'{e.outcome} {e.cohort}' if e.outcome else e.cohort for e in every)}.",
            fix="Add [[estimator.options.published]] with this outcome and cohort.",
            place=Place(key="estimator.options.published"),
        )
    )


def _half_unit(value: Decimal) -> Decimal:
    """Half a unit in the last written place: what rounding may hide."""
    exponent = value.as_tuple().exponent
    return Decimal(1).scaleb(exponent if isinstance(exponent, int) else 0) / 2


def _implied(request: EstimationRequest) -> Callable[[Decimal, Decimal], Decimal]:
    """The value that two rates imply, as the plan's scale writes it."""
    if request.estimand.scale == "absolute":
        return lambda treated, comparison: treated - comparison
    if request.outcome.direction == "decrease":
        return lambda treated, comparison: 1 - treated / comparison
    return lambda treated, comparison: treated / comparison - 1


def _check(request: EstimationRequest, entry: Published) -> None:
    """Refuse a value that its own rates contradict, whatever was rounded away. Raises RunError."""
    treated, comparison = entry.treated_rate, entry.comparison_rate
    if treated is None or comparison is None:
        return
    place = Place(key=f"estimator.options.published cohort {entry.cohort}")
    t, c = _half_unit(treated), _half_unit(comparison)
    if comparison - c <= 0:
        raise RunError(
            Fault(
                code="RUN_ZERO_DENOMINATOR",
                cause=f"The published comparison rate {comparison} is zero or negative within its rounding.",
                fix="State the rate with more digits, or leave the rates out.",
                place=place,
            )
        )
    implied = _implied(request)
    ends = [implied(treated + i * t, comparison + j * c) for i in (-1, 1) for j in (-1, 1)]
    slack = _half_unit(entry.value)
    if not min(ends) - slack <= entry.value <= max(ends) + slack:
        raise RunError(
            Fault(
                code="RUN_PUBLISHED_INCONSISTENT",
                cause=f"The published value {entry.value} does not follow from the published rates {treated} and "
                f"{comparison}, which give {implied(treated, comparison):.6f}.",
                fix="Check value, treated_rate and comparison_rate against the source, and the direction of good.",
                place=place,
            )
        )


def _reading(request: EstimationRequest, entry: Published) -> _Reading:
    """Value, standard error and bounds in the outcome's own sign, on the scale they were published on."""
    flip = request.estimand.scale == "relative" and request.outcome.direction == "decrease"
    sign = -1 if flip else 1
    value = float(sign * entry.value) + 0.0  # no negative zero
    bounds = (
        None
        if entry.lower is None or entry.upper is None
        else sorted((float(sign * entry.lower), float(sign * entry.upper)))
    )
    se = None if entry.standard_error is None else float(entry.standard_error)
    if se is None and bounds is not None and entry.level is not None:
        se = (bounds[1] - bounds[0]) / (2.0 * normal_quantile((1.0 + float(entry.level)) / 2.0))
    interval, p_value = interval_and_p(value, se, inference_rule(request))
    if bounds is not None and entry.level == request.inference.level and request.inference.sides == "two":
        interval = Interval(lower=bounds[0], upper=bounds[1], level=float(request.inference.level))
        p_value = p_value if _symmetric(entry) else None
    return _Reading(value=value, se=se, interval=interval, p_value=p_value)


def _symmetric(entry: Published) -> bool:
    """Whether the bounds lie as far above the value as below it, within rounding."""
    if entry.lower is None or entry.upper is None:
        return True
    slack = 2 * _half_unit(entry.value) + _half_unit(entry.lower) + _half_unit(entry.upper)
    return abs((entry.upper - entry.value) - (entry.value - entry.lower)) <= slack


def _scaled(reading: _Reading, factor: float, value: float) -> _Reading:
    """The same test on another scale: everything times a fixed positive factor; the value is given exactly."""
    interval = reading.interval
    return _Reading(
        value=value,
        se=None if reading.se is None else reading.se * factor,
        interval=None
        if interval is None
        else Interval(lower=interval.lower * factor, upper=interval.upper * factor, level=interval.level),
        p_value=reading.p_value,
    )


def estimate(request: EstimationRequest) -> Estimate:
    """The published figure of the key's cohort. Raises RunError."""
    entry = _entry(request)
    if entry.kind == "verified_count":
        return _count(request, entry)
    _check(request, entry)
    published = _reading(request, entry)
    treated, comparison = entry.treated_rate, entry.comparison_rate
    rate = None if comparison is None else float(comparison)
    relative = None
    main = published
    if request.estimand.scale == "relative":
        relative = Relative(
            value=published.value,
            se=published.se,
            interval=published.interval,
            p_value=published.p_value,
            denominator=request.estimand.denominator or "counterfactual",
            denominator_value=rate,
        )
        if treated is not None and comparison is not None:
            main = _scaled(published, float(comparison), float(treated - comparison))
    absent: AbsentReason | None = "PUBLISHED_WITHOUT" if main.se is None else None
    notes = ["published_figure", *(["no_counterfactual"] if entry.kind == "change" else [])]
    share_only = relative is not None and (treated is None or comparison is None)
    if share_only:
        notes.append("absolute_effect_not_published")
    return Estimate(
        key=request.key,
        method="published.estimate",
        kind=entry.kind,
        estimand=f"{request.estimand.target}, as published",
        unit=_unit(request, share_only=share_only),
        att=main.value,
        se=main.se,
        absent=absent,
        interval=main.interval,
        p_value=main.p_value,
        statistic=statistic_of(published.value, published.se),
        counts=Counts(
            treated=entry.n_treated,
            comparison=entry.n_comparison,
            observations=None
            if entry.n_treated is None or entry.n_comparison is None
            else entry.n_treated + entry.n_comparison,
        ),
        observed=None if treated is None else float(treated),
        counterfactual=rate,
        relative=relative,
        conventions=_conventions(request, entry),
        notes=tuple(sorted(notes)),
        source=entry.source,
    )


def _count(request: EstimationRequest, entry: Published) -> Estimate:
    """A published count of what was verified: exact, and no effect."""
    return Estimate(
        key=request.key,
        method="published.estimate",
        kind="verified_count",
        estimand="verified count, as published",
        unit=_unit(request, share_only=False),
        att=float(entry.value),
        se=None,
        absent="VERIFIED_COUNT",
        counts=Counts(treated=entry.n_treated, comparison=0, observations=entry.n_treated),
        observed=float(entry.value),
        conventions=_conventions(request, entry),
        notes=("no_counterfactual", "published_figure"),
        source=entry.source,
    )


def _unit(request: EstimationRequest, *, share_only: bool) -> str:
    """The outcome's unit of measure; where only a share was published, what it is a share of."""
    if share_only:
        return f"share of the {request.estimand.denominator or 'counterfactual'}"
    return request.outcome.unit.in_language("en") or request.outcome.id


def _conventions(request: EstimationRequest, entry: Published) -> dict[str, bool | int | float | str | None]:
    """Where the figures come from and how the interval was made."""
    if entry.standard_error is not None:
        se = "as published"
    elif entry.lower is not None:
        se = "half the published interval over its normal quantile"
    else:
        se = None
    return {
        "published_value": str(entry.value),
        "published_level": None if entry.level is None else str(entry.level),
        "se": se,
        "distribution": None if se is None else "normal",
        "interval": None if se is None else sides_convention(request),
        "signed_by": entry.signed_by,
        "sizes_published": entry.n_treated is not None and entry.n_comparison is not None,
    }


def second_opinion(request: EstimationRequest) -> SecondOpinion:
    """The figure read again from its digits, as a fraction. Raises RunError."""
    entry = _entry(request)
    relative = request.estimand.scale == "relative" and entry.kind != "verified_count"
    if relative and entry.treated_rate is not None and entry.comparison_rate is not None:
        value = Fraction(str(entry.treated_rate)) - Fraction(str(entry.comparison_rate))
    else:
        value = Fraction(str(entry.value))
        if relative and request.outcome.direction == "decrease":
            value = -value
    return SecondOpinion(value=float(value), by="the published digits read again as fractions")


def _cohorts(options: Record) -> frozenset[str]:
    """Cohorts with a published figure; later cohorts are still to come."""
    return frozenset(e.cohort for e in options.published) if isinstance(options, PublishedOptions) else frozenset()


def _kind_of(options: Record) -> Literal["effect", "verified_count", "change"]:
    """The kind all figures share, else an effect."""
    kinds = {entry.kind for entry in options.published} if isinstance(options, PublishedOptions) else set()
    return kinds.pop() if len(kinds) == 1 else "effect"


PLUGIN = EstimatorPlugin(
    name="published.estimate",
    capabilities=Capabilities(
        family="published",
        title="Published estimate, taken as written",
        kind="effect",
        needs=(),
        designs=("groups.published",),
        standard_error="sometimes",
        relative=True,
        per_cohort=True,
        aggregations=("none", "simple"),
        minimum_treated=1,
        minimum_comparison=0,
    ),
    options=PublishedOptions,
    estimate=estimate,
    second_opinion=second_opinion,
    kind_of=_kind_of,
    cohorts=_cohorts,
)
