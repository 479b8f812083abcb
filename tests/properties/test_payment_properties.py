"""What must hold of every payment, whatever the terms and the figures."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st
from payment_cases import ask, counted, plan, rule, seen

from evaltool.payment.arithmetic import split, stated_context
from evaltool.payment.decision import decide
from evaltool.records.decision import Decision

STEADY = settings(deadline=None, max_examples=60, derandomize=True)

FIGURES = st.decimals(min_value=-1, max_value=1, places=6, allow_nan=False)
MONEY = st.decimals(min_value=1, max_value=10_000_000, places=2, allow_nan=False)
ONE_TO_FOUR = st.integers(min_value=1, max_value=4)


@st.composite
def ladders(draw: st.DrawFn, *, least: int = 1) -> list[tuple[Decimal, Decimal]]:
    """Thresholds with amounts, both rising."""
    size = draw(st.integers(min_value=least, max_value=5))
    thresholds = sorted(draw(st.sets(FIGURES, min_size=size, max_size=size)))
    amounts = sorted(draw(st.sets(MONEY, min_size=size, max_size=size)))
    return list(zip(thresholds, amounts, strict=True))


@st.composite
def rules(draw: st.DrawFn) -> dict[str, object]:
    """Any threshold mechanism with valid terms."""
    ladder = draw(ladders(least=2))
    (low, part), (high, whole) = ladder[0], ladder[-1]
    terms: dict[str, dict[str, object]] = {
        "step_tiers": {"tiers": [{"from": at, "amount": amount} for at, amount in ladder]},
        "piecewise_linear": {"knots": [{"at": at, "amount": amount} for at, amount in ladder]},
        "binary_threshold": {"threshold": low, "amount": part},
        "partial_complete": {
            "partial_from": low,
            "complete_from": high,
            "partial_amount": part,
            "complete_amount": whole,
        },
    }
    mechanism = draw(st.sampled_from(sorted(terms)))
    return rule(mechanism, terms[mechanism], inclusive=draw(st.booleans()))


def paid(stated: dict[str, object], figure: Decimal, **payment: object) -> Decision:
    """The decision on one rule and one exact figure."""
    return decide(ask(plan([stated], payment=payment), counted(str(figure), kind="effect", absent=None)))


@STEADY
@given(rules(), FIGURES, FIGURES)
def test_a_better_figure_never_pays_less(stated: dict[str, object], one: Decimal, other: Decimal) -> None:
    low, high = sorted((one, other))
    assert paid(stated, low).amount <= paid(stated, high).amount


@STEADY
@given(rules(), FIGURES, MONEY, MONEY)
def test_never_above_the_cap_and_never_negative(
    stated: dict[str, object], figure: Decimal, cap: Decimal, offset: Decimal
) -> None:
    decision = paid(stated, figure, cap=cap, offset=offset, rounding="up", quantum="7")
    assert 0 <= decision.amount <= decision.triggered <= cap
    assert ("CAPPED" in decision.flags) == (paid(stated, figure).triggered > cap)


@STEADY
@given(rules(), FIGURES)
def test_strict_and_inclusive_differ_only_on_a_threshold(stated: dict[str, object], figure: Decimal) -> None:
    inclusive, strict = (paid(stated | {"inclusive": way}, figure) for way in (True, False))
    assert strict.amount <= inclusive.amount
    if strict.amount != inclusive.amount:
        assert inclusive.distance == 0
        assert inclusive.nearest_threshold == figure


@STEADY
@given(rules(), FIGURES)
def test_the_state_follows_the_triggered_amount(stated: dict[str, object], figure: Decimal) -> None:
    decision = paid(stated, figure)
    assert decision.maximum is not None
    expected = "NO_PAYMENT"
    if decision.triggered > 0:
        expected = "PAY_FULL" if decision.triggered == decision.maximum else "PAY_PARTIAL"
    assert decision.state == expected


@STEADY
@given(
    st.integers(min_value=0, max_value=10**12),
    st.lists(st.integers(min_value=0, max_value=10**6), min_size=1, max_size=6).filter(any),
    st.sampled_from(["0.01", "0.05", "1", "0.001", "1000"]),
)
def test_shares_sum_to_the_last_oere_and_no_payer_is_an_oere_off(quanta: int, weights: list[int], quantum: str) -> None:
    unit = Decimal(quantum)
    with stated_context():
        shares = [Decimal(weight) / sum(weights) for weight in weights]
        shares[0] += 1 - sum(shares)
        amount = quanta * unit
        parts = split(amount, shares, unit)
        assert sum(parts) == amount
        finest = min(unit, Decimal("0.01"))
        assert all(abs(part - amount * share) <= finest for part, share in zip(parts, shares, strict=True))
        assert all(part >= 0 for part in parts)


@STEADY
@given(FIGURES, FIGURES, MONEY, st.booleans())
def test_a_single_step_and_a_binary_threshold_are_one_rule(
    threshold: Decimal, figure: Decimal, amount: Decimal, inclusive: bool
) -> None:
    step = rule("step_tiers", {"tiers": [{"from": threshold, "amount": amount}]}, inclusive=inclusive)
    binary = rule("binary_threshold", {"threshold": threshold, "amount": amount}, inclusive=inclusive)
    one, other = paid(step, figure), paid(binary, figure)
    assert (one.state, one.amount, one.distance) == (other.state, other.amount, other.distance)


@STEADY
@given(ladders(least=2), FIGURES, st.booleans())
def test_two_steps_are_partial_and_complete(
    ladder: list[tuple[Decimal, Decimal]], figure: Decimal, inclusive: bool
) -> None:
    (low, part), (high, whole) = ladder[0], ladder[-1]
    steps = {"tiers": [{"from": low, "amount": part}, {"from": high, "amount": whole}]}
    both = {"partial_from": low, "complete_from": high, "partial_amount": part, "complete_amount": whole}
    one = paid(rule("step_tiers", steps, inclusive=inclusive), figure)
    other = paid(rule("partial_complete", both, inclusive=inclusive), figure)
    assert (one.state, one.amount) == (other.state, other.amount)


@STEADY
@given(ladders(least=2), st.data())
def test_a_line_meets_its_steps_at_the_knots_and_lies_between_them(
    ladder: list[tuple[Decimal, Decimal]], data: st.DataObject
) -> None:
    line = rule("piecewise_linear", {"knots": [{"at": at, "amount": amount} for at, amount in ladder]})
    steps = rule("step_tiers", {"tiers": [{"from": at, "amount": amount} for at, amount in ladder]})
    knot = data.draw(st.sampled_from([at for at, _ in ladder]))
    assert paid(line, knot).amount == paid(steps, knot).amount
    anywhere = data.draw(FIGURES)
    assert paid(line, anywhere).amount >= paid(steps, anywhere).amount


@STEADY
@given(st.lists(FIGURES, min_size=2, max_size=4), FIGURES, FIGURES)
def test_cohorts_in_any_order_of_rows_and_equal_weights_written_out(
    points: list[Decimal], cohort_threshold: Decimal, pooled_threshold: Decimal
) -> None:
    names = [f"c{i}" for i in range(len(points))]
    people = {
        "eligibility": {"en": "x"},
        "unit": "person",
        "entry_from": "2024-01-01",
        "entry_to": "2024-12-31",
        "cohort": [{"id": name, "entry_from": "2024-01-01", "entry_to": "2024-12-31"} for name in names],
    }
    terms: dict[str, object] = {
        "cohort_threshold": cohort_threshold,
        "cohort_amount": "10",
        "pooled_threshold": pooled_threshold,
        "pooled_amount": "50",
    }
    equal = plan([rule("cohort_then_pooled", terms | {"equal_weights": True})], population=people)
    stated = plan([rule("cohort_then_pooled", terms)], population=people)
    plain = [seen(str(p), cohort=n) for n, p in zip(names, points, strict=True)]
    weighted = [seen(str(p), cohort=n, weight="3") for n, p in zip(names, points, strict=True)]
    one, other, turned = decide(ask(equal, *plain)), decide(ask(stated, *weighted)), decide(ask(equal, *plain[::-1]))
    assert (one.state, one.amount) == (other.state, other.amount)
    assert one == turned


@STEADY
@given(FIGURES, ONE_TO_FOUR, st.sampled_from(["half_even", "half_up", "down", "up"]))
def test_an_estimate_already_rounded_decides_alike_with_and_without_rounding(
    figure: Decimal, places: int, mode: str
) -> None:
    rounded = figure.quantize(Decimal(1).scaleb(-places))
    stated = rule()
    with_rounding = stated | {"estimate_rounding": {"places": places, "mode": mode}}
    one, other = paid(stated, rounded), paid(with_rounding, rounded)
    assert (one.state, one.amount, one.flags) == (other.state, other.amount, other.flags)
