"""A marginal price that depends on how many, with a most that one route may contribute.

Formula: Σ over steps of p_s · (units of N that fall into step s), N = Σ_r min(n_r, c_r · N) over the routes r, where a
route with a largest share c_r never makes up more than that share of the units that are paid; without routes N is the
rule's own count.
Used in: Istanbul (training to work, falling prices), Buenos Aires (formal jobs, a limit on one kind of job).
A tariff counts what happened to the treated; it measures no effect.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Self

from pydantic import Field, model_validator

from evaltool.payment.basis import Absent, absent_result
from evaltool.payment.capped import under_cap
from evaltool.payment.terms import NotEmpty, NotNegative, Positive, refuse_repeated, refuse_unordered, terms_as
from evaltool.payment.trace import Value, step
from evaltool.records.base import Record, Slug
from evaltool.records.decision import TraceStep
from evaltool.records.mechanism import MechanismPlugin, MechanismResult, RuleRequest

ONE = Decimal(1)


class Step(Record):
    """Units up to and including ``up_to`` (absent: all that are left) at one price each."""

    up_to: Positive | None = None
    price: NotNegative


class Route(Record):
    """One way to a paid unit: its outcome, and the most it may be of all units paid."""

    outcome: Slug
    maximum_share: NotEmpty = ONE


class Terms(Record):
    """Steps of price, routes that count, and the most in all."""

    steps: tuple[Step, ...] = Field(min_length=1)
    routes: tuple[Route, ...] = ()
    cap: Positive | None = None

    @model_validator(mode="after")
    def ordered(self) -> Self:
        """Refuse steps that do not rise, an open step before the last, prices that are all zero, a route named twice.

        At least one route is unlimited: if every route could only be a part, nothing could be the whole.
        """
        ends = [one.up_to for one in self.steps]
        if any(end is None for end in ends[:-1]):
            message = "only the last step may leave up_to out"
            raise ValueError(message)
        refuse_unordered([end for end in ends if end is not None], "steps")
        if all(one.price == 0 for one in self.steps):
            message = "one of the steps must have a price"
            raise ValueError(message)
        refuse_repeated([route.outcome for route in self.routes], "routes")
        if self.routes and sum((route.maximum_share for route in self.routes), Decimal(0)) < ONE:
            message = "the largest shares of the routes sum to less than 1, so that no unit can be paid"
            raise ValueError(message)
        return self


def pay(request: RuleRequest) -> MechanismResult:
    """Each unit at the price of its step, under the cap."""
    terms = terms_as(Terms, request.terms)
    counted = _counted(request, terms)
    if isinstance(counted, Absent):
        return absent_result(request, counted)
    units, trace = counted
    gross, start = Decimal(0), Decimal(0)
    for one in terms.steps:
        inside = max(Decimal(0), (units if one.up_to is None else min(units, one.up_to)) - start)
        gross += one.price * inside
        values: dict[str, Value] = {
            "rule": request.rule.id,
            "above": start,
            "up_to": one.up_to,
            "units": inside,
            "price": one.price,
        }
        trace.append(step("volume.step", {**values, "amount": one.price * inside}))
        start = start if one.up_to is None else one.up_to
    return under_cap(request, gross, terms.cap, maximum(terms), trace)


def _counted(request: RuleRequest, terms: Terms) -> tuple[Decimal, list[TraceStep]] | Absent:
    """Units that are paid, and the steps that say which."""
    rule = request.rule.id
    if not terms.routes:
        if not request.evidence:
            return Absent("no_estimate", request.rule.subject)
        units = max(Decimal(0), request.evidence[0].point)
        return units, [step("volume.units", {"rule": rule, "units": units})]
    verified: list[Decimal] = []
    for route in terms.routes:
        if route.outcome not in request.outcomes:
            return Absent("no_estimate", route.outcome)
        verified.append(max(Decimal(0), request.outcomes[route.outcome].point))
    shares = [route.maximum_share for route in terms.routes]
    total = largest_mix(verified, shares)
    trace = [
        step(
            "volume.route",
            {"rule": rule, "route": route.outcome, "verified": n, "maximum_share": c, "paid_units": min(n, c * total)},
        )
        for route, n, c in zip(terms.routes, verified, shares, strict=True)
    ]
    return total, [*trace, step("volume.units", {"rule": rule, "units": total})]


def largest_mix(verified: Sequence[Decimal], shares: Sequence[Decimal]) -> Decimal:
    """The largest N with N = Σ min(n_r, c_r · N): no route above its share of what is paid.

    Σ min(n_r, c_r·N) − N is concave in N and zero at 0, so the largest root is found by limiting, one after the other,
    the routes with the smallest n_r / c_r last: with the set U of unlimited routes, N = Σ_U n_r / (1 − Σ_L c_r).
    """
    order = sorted(range(len(verified)), key=lambda r: (verified[r] / shares[r], r))
    for limited in range(len(order)):
        free, held = order[: len(order) - limited], order[len(order) - limited :]
        room = ONE - sum((shares[r] for r in held), Decimal(0))
        if room <= 0:
            break
        total = sum((verified[r] for r in free), Decimal(0)) / room
        if all(shares[r] * total <= verified[r] for r in held) and all(shares[r] * total >= verified[r] for r in free):
            return total
    return Decimal(0)


def maximum(terms: Record) -> Decimal | None:
    """The lower of the cap and all steps filled; None when the last step is open and paid, and there is no cap."""
    agreed = terms_as(Terms, terms)
    most: Decimal | None = Decimal(0)
    start = Decimal(0)
    for one in agreed.steps:
        if one.up_to is None:
            most = most if one.price == 0 else None
        elif most is not None:
            most += one.price * (one.up_to - start)
            start = one.up_to
    return min((top for top in (agreed.cap, most) if top is not None), default=None)


def thresholds(terms: Record) -> tuple[Decimal, ...]:
    """None: every unit is paid at its price."""
    terms_as(Terms, terms)
    return ()


PLUGIN = MechanismPlugin(
    name="volume_tiers",
    title="A price that depends on how many",
    terms=Terms,
    uses="count",
    pay=pay,
    maximum=maximum,
    thresholds=thresholds,
    continuous=True,
)
