"""Who gains by the change, who invested in it, and how probable it was: records in exact decimals."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Literal

from evaltool.records.base import Exact, Record, Slug, Text
from evaltool.records.decision import TraceStep
from evaltool.records.plan.money import Level


class Amounts(Record):
    """A value with what it would be at either end of the estimate's interval; None where there is no interval."""

    value: Exact
    lower: Exact | None = None
    upper: Exact | None = None


class Change(Record):
    """The effect on people: how many more, for how long."""

    outcome: Slug
    people: Exact
    """How many the effect is multiplied by."""
    effect: Amounts
    """Absolute, for one person or unit treated, in the direction of good."""
    more: Amounts
    """people × effect, in the outcome's unit."""
    first_year: int
    last_year: int
    """First and last year after the measurement window in which any entry counts the effect."""


class YearGain(Record):
    """One payer's gain in one year, discounted; ``year`` 1 is the first after the measurement window."""

    year: int
    gain: Amounts


class Gain(Record):
    """One ``[[budget_gain]]``: its own number of people, the sum of its yearly weights, and its value."""

    id: Slug
    outcome: Slug
    payer: Level
    people: Exact
    weight: Exact
    """Σ (1 − decay)^(t − 1) / (1 + r)^(delay + t − 1): how many undiminished years its years are worth."""
    gain: Amounts


class PayerGain(Record):
    """What one level of government gains, year by year, and what it pays by this decision."""

    payer: Level
    gain: Amounts
    years: tuple[YearGain, ...]
    paid: Exact
    """Part of the amount that authorities of this level pay; zero for a level that agreed to pay nothing."""


class BudgetGains(Record):
    """The double bottom line: people first, then every payer's budget, whether it pays or not."""

    currency: Text
    price_year: int
    level: Exact | None
    """Confidence level of the interval that is carried through; None where no estimate has one."""
    changes: tuple[Change, ...]
    gains: tuple[Gain, ...]
    payers: tuple[PayerGain, ...]
    total: Amounts
    paid: Exact


FlowKind = Literal["drawdown", "receipt", "expected_receipt", "payment", "floor", "guarantee"]
RateAbsent = Literal["never_received", "never_invested", "one_day", "no_sign_change", "beyond_bounds", "several_rates"]


class CashFlow(Record):
    """Money an investor pays in (negative) or gets (positive) on a day."""

    on: date
    kind: FlowKind
    amount: Exact
    balance: Exact
    """What investors have received less what they have paid in, after this flow."""
    party: Text | None = None


class TrancheShare(Record):
    """One tranche's part of everything received: first its principal, then its return, then what is left over."""

    name: Text
    rank: int
    principal: Exact
    repaid: Exact
    earned: Exact
    rest: Exact
    """What is left when every tranche has its principal and return, to the tranches of the last rank."""

    @property
    def gain(self) -> Decimal:
        """What is more than principal."""
        return self.earned + self.rest

    @property
    def received(self) -> Decimal:
        """All of it."""
        return self.repaid + self.gain


class Waterfall(Record):
    """From the amount paid to what investors get: floor, cap, guarantee, tranches."""

    principal: Exact
    before: Exact
    """Received besides this payment, or expected to be."""
    payment: Exact
    """What the decision pays."""
    floor: Exact
    """What the authorities add, because the principal floor is not reached."""
    withheld: Exact
    """What of the payment investors do not get, because the return cap is reached."""
    guaranteed: Exact
    """What the guarantor pays of the principal that is not repaid."""
    received: Exact
    tranches: tuple[TrancheShare, ...] = ()
    trace: tuple[TraceStep, ...] = ()


class InvestorReturn(Record):
    """The investors' side of a decided payment."""

    currency: Text
    waterfall: Waterfall
    flows: tuple[CashFlow, ...]
    gain: Exact
    """Received minus principal."""
    multiple: Exact
    """Received over principal, four decimals."""
    rate: Exact | None
    """Yearly internal rate of return (days / 365), six decimals."""
    rates: tuple[Exact, ...] = ()
    """Every rate, where there are several and none of them is the return."""
    rate_absent: RateAbsent | None = None
    expected: bool = False
    """Whether any receipt is only expected."""


class Quantiles(Record):
    """A distribution by five of its quantiles (5, 25, 50, 75 and 95 per cent)."""

    p05: Exact | None
    p25: Exact | None
    p50: Exact | None
    p75: Exact | None
    p95: Exact | None


class AmountChance(Record):
    """One amount that can be triggered, or an interval of amounts, with its probability."""

    lowest: Exact
    highest: Exact
    probability: Exact


class Scenario(Record):
    """What would be triggered, given a true effect or what was believed of it."""

    name: Literal["prior", "zero", "half_threshold", "threshold", "effect"]
    effect: Exact | None
    """The true effect of the headline outcome, in the direction of good; None where the prior is averaged over."""
    chances: tuple[AmountChance, ...]
    nothing: Exact
    full: Exact
    """Probability that the top amount is triggered; zero where there is no top."""
    expected: Exact
    sd: Exact
    multiple: Quantiles | None = None
    rate: Quantiles | None = None
    """None in a quantile: at that point of the distribution there is no rate of return."""
    loss: Exact | None = None
    """Probability that investors get less than their principal."""


class Assumption(Record):
    """What the chances of one outcome rest on."""

    outcome: Slug
    prior: Literal["normal", "flat", "none"]
    mean: Exact | None
    sd: Exact | None
    standard_error: Exact
    source: Text
    """Where the standard error is from: the plan's source, or ``target_n``."""


class Chances(Record):
    """How probable each payment was beforehand: by true effect, and averaged over what was believed."""

    currency: Text
    draws: int
    assumptions: tuple[Assumption, ...]
    maximum: Exact | None
    scenarios: tuple[Scenario, ...]
    prior: Scenario | None = None
    """None where an outcome that is paid on has no normal prior."""
    paid_without_effect: Exact | None = None
    """Over the prior: probability that something is triggered while the headline's effect is zero or worse."""
    cut: Exact | None = None
    """Probability that part of the amount is withheld because baselines disagree; None without a haircut."""
    cut_share: Exact | None = None
    """The share then withheld."""
