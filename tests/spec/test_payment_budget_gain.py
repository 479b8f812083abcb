"""The double bottom line by hand: discounting, decay, delay, netting, intervals, and who pays."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from payment_cases import plan

from evaltool.payment.budget_gain import Effect, budget_gains, weights
from evaltool.records.decision import PayerShare
from evaltool.records.gains import BudgetGains
from evaltool.records.plan.money import BudgetGain

D = Decimal


def entry(name: str, **more: object) -> BudgetGain:
    """One priced unit of the outcome ``work``, 1,000 a year for one year to the municipality unless said otherwise."""
    stated: dict[str, object] = {
        "id": name, "title": {"en": name}, "outcome": "work", "payer": "kommune", "unit_price": D(1000),
        "price_year": 2024, "source": "made up",
    }  # fmt: skip
    return BudgetGain.model_validate(stated | more)


def gains(*entries: BudgetGain, effects: dict[str, Effect], paid: tuple[PayerShare, ...] = ()) -> BudgetGains:
    """The gains of a plan with these entries."""
    found = budget_gains(PLAN.model_copy(update={"budget_gain": entries}), effects, paid)
    assert found is not None
    return found


PLAN = plan()
WORK = Effect(point=D("0.10"), people=D(100), lower=D("0.04"), upper=D("0.16"), level=D("0.95"))


def test_years_are_counted_from_the_end_of_the_window_and_the_first_counts_in_full() -> None:
    """3 years at 3.5 per cent and 20 per cent decay: 1, 0.8/1.035, 0.64/1.035²."""
    found = weights(entry("a", duration_years=3, decay=D("0.2"), discount_rate=D("0.035")))
    assert list(found) == [1, 2, 3]
    assert found[1] == 1
    assert abs(found[2] - D("0.8") / D("1.035")) < D("1e-25")
    assert abs(found[3] - D("0.64") / D("1.071225")) < D("1e-25")


def test_a_delay_moves_the_years_and_discounts_them_but_does_not_decay() -> None:
    found = weights(entry("a", duration_years=2, delay_years=5, decay=D("0.5"), discount_rate=D("0.1")))
    assert list(found) == [6, 7]
    assert abs(found[6] - 1 / D("1.1") ** 5) < D("1e-25")
    assert abs(found[7] - D("0.5") / D("1.1") ** 6) < D("1e-25")


def test_all_is_lost_after_one_year_when_the_decay_is_whole() -> None:
    assert weights(entry("a", duration_years=3, decay=D(1), delay_years=1)) == {2: 1, 3: 0, 4: 0}


def test_people_times_effect_times_price_times_years() -> None:
    """100 people, 10 points, 1,000 a year for 2 years at 10 per cent: 10,000 + 9,090.91; ends at 4 and 16 points."""
    found = gains(entry("a", duration_years=2, discount_rate=D("0.1")), effects={"work": WORK})
    (one,) = found.gains
    assert one.people == 100
    assert one.gain.value == D("19090.91")
    assert (one.gain.lower, one.gain.upper) == (D("7636.36"), D("30545.45"))
    assert found.total == one.gain
    (payer,) = found.payers
    assert [(y.year, y.gain.value) for y in payer.years] == [(1, D("10000.00")), (2, D("9090.91"))]
    assert (found.level, found.currency, found.price_year) == (D("0.95"), "DKK", 2024)
    (change,) = found.changes
    assert (change.more.value, change.more.lower, change.more.upper) == (D(10), D(4), D(16))
    assert (change.first_year, change.last_year) == (1, 2)


def test_entries_on_one_outcome_are_netted_before_the_ends_are_sorted() -> None:
    """The municipality gains 1,000 and loses 400 by the same effect: 600 a unit, from 4 to 16 units."""
    found = gains(entry("a"), entry("b", unit_price=D(-400)), effects={"work": WORK})
    assert (found.total.value, found.total.lower, found.total.upper) == (D(6000), D(2400), D(9600))
    loss = found.gains[1].gain
    assert (loss.value, loss.lower, loss.upper) == (D(-4000), D(-6400), D(-1600))


def test_different_outcomes_are_added_end_to_end() -> None:
    effects = {"work": WORK, "health": Effect(point=D(2), people=D(10), lower=D(-1), upper=D(5), level=D("0.9"))}
    found = gains(entry("a"), entry("h", outcome="health", unit_price=D(100)), effects=effects)
    assert (found.total.value, found.total.lower, found.total.upper) == (D(12000), D(3000), D(21000))
    assert found.level == D("0.9")


def test_without_an_interval_there_is_none_anywhere_it_would_enter() -> None:
    effects = {"work": WORK, "health": Effect(point=D(2), people=D(10))}
    found = gains(entry("a"), entry("h", outcome="health", payer="region", unit_price=D(100)), effects=effects)
    kommune, region = found.payers
    assert kommune.gain.lower == D(4000)
    assert (region.gain.value, region.gain.lower, region.gain.upper) == (D(2000), None, None)
    assert (found.total.value, found.total.lower) == (D(12000), None)


def test_harm_is_a_loss_to_whoever_would_have_gained() -> None:
    found = gains(entry("a"), effects={"work": Effect(point=D("-0.02"), people=D(100))})
    assert found.total.value == D(-2000)


def test_every_level_that_gains_or_pays_is_there() -> None:
    """The state pays and gains nothing; the region gains and pays nothing."""
    paid = (PayerShare(payer="S", level="stat", share=D("0.4"), amount=D("400.01")),
            PayerShare(payer="K1", level="kommune", share=D("0.3"), amount=D(300)),
            PayerShare(payer="K2", level="kommune", share=D("0.3"), amount=D("299.99")))  # fmt: skip
    found = gains(entry("a"), entry("b", payer="region"), effects={"work": WORK}, paid=paid)
    assert [(p.payer, p.gain.value, p.paid) for p in found.payers] == [
        ("kommune", D(10000), D("599.99")),
        ("region", D(10000), D(0)),
        ("stat", D(0), D("400.01")),
    ]
    assert found.paid == D(1000)


def test_people_of_the_plan_replace_those_of_the_estimate() -> None:
    found = gains(entry("a", people=40), entry("b"), effects={"work": WORK})
    assert [g.gain.value for g in found.gains] == [D(4000), D(10000)]
    assert [c.people for c in found.changes] == [D(40), D(100)]


def test_nobody_to_multiply_by_is_refused() -> None:
    with pytest.raises(ValueError, match="states no people"):
        gains(entry("a"), effects={"work": Effect(point=D(1), people=None)})


def test_no_entries_no_gains() -> None:
    assert budget_gains(PLAN, {}, ()) is None


ENTRIES = st.builds(
    lambda n, price, payer, years, decay, rate: entry(
        f"e{n}", unit_price=D(price) / 100, payer=payer, duration_years=years, decay=D(decay) / 100,
        discount_rate=D(rate) / 1000, delay_years=n % 3,
    ),
    st.integers(0, 10**6), st.integers(-10**7, 10**7), st.sampled_from(["kommune", "region", "stat", "other"]),
    st.integers(1, 12), st.integers(0, 100), st.integers(0, 200),
)  # fmt: skip


@settings(max_examples=100, deadline=None)
@given(st.lists(ENTRIES, min_size=1, max_size=6), st.integers(-999, 999), st.integers(0, 999))
def test_parts_sum_to_the_total_and_values_lie_within_their_ends(
    entries: list[BudgetGain], mean: int, half: int
) -> None:
    point, width = D(mean) / 1000, D(half) / 1000
    effect = Effect(point=point, people=D(37), lower=point - width, upper=point + width, level=D("0.95"))
    found = gains(*entries, effects={"work": effect})
    assert sum((g.gain.value for g in found.gains), D(0)) == found.total.value
    assert sum((p.gain.value for p in found.payers), D(0)) == found.total.value
    for payer in found.payers:
        assert sum((y.gain.value for y in payer.years), D(0)) == payer.gain.value
    for amounts in (found.total, *(g.gain for g in found.gains), *(p.gain for p in found.payers)):
        assert amounts.lower is not None
        assert amounts.upper is not None
        assert amounts.lower <= amounts.upper
    single = found.gains[0].gain
    assert single.lower is not None
    assert single.upper is not None
    assert single.lower <= single.value <= single.upper
