"""From a payment to what investors get: published returns, each step by hand, and what must hold for every contract."""

from __future__ import annotations

import os
import tomllib
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evaltool.payment.trace import TRACE_KEYS
from evaltool.payment.waterfall import waterfall
from evaltool.records.plan.money import Drawdown, Guarantee, Investment, Receipt, Tranche

PAID_ON = date(2018, 1, 1)
D = Decimal


def investment(*amounts: str, **more: object) -> Investment:
    """Drawn on the first of January 2014, with whatever else is agreed."""
    drawn = tuple(Drawdown(on=date(2014, 1, 1), amount=D(amount)) for amount in amounts)
    return Investment.model_validate({"drawdown": drawn, "paid_on": PAID_ON, **more})


def reference(case: str) -> dict[str, object]:
    """A published contract from the reference folder."""
    folder = os.environ.get("EVALTOOL_REFERENCE")
    if not folder:
        pytest.skip("EVALTOOL_REFERENCE is not set: the folder of published contracts is not there")
    cases = tomllib.loads((Path(folder) / "replay_cases.toml").read_text(encoding="utf-8"))["case"]
    found: dict[str, object] = next(entry for entry in cases if entry["id"] == case)
    return found


def test_rikers_published_returns() -> None:
    """A loan of 9.6 million dollars, 7.2 of it guaranteed: even at 10 per cent, 2.112 million at 20 or more.

    At 8.5 per cent the city repays 4.8 million, and the guarantee covers the other 4.8; below, it pays all of its 7.2.
    """
    knots = reference("rikers-tiers")["knots"]
    assert isinstance(knots, list)
    amounts = {D(at): D(amount) for at, amount in knots}
    terms = investment("9600000", guarantee=Guarantee(by="Bloomberg Philanthropies", share=D("0.75")))
    gains = {at: waterfall(terms, amount).received - terms.principal for at, amount in amounts.items()}
    assert gains[D("0.10")] == 0
    assert gains[D("0.20")] == D(2112000)
    assert waterfall(terms, amounts[D("0.20")]).guaranteed == 0
    partly = waterfall(terms, amounts[D("0.085")])
    assert (partly.guaranteed, partly.received) == (D(4800000), D(9600000))
    nothing = waterfall(terms, D(0))
    assert (nothing.guaranteed, nothing.received) == (D(7200000), D(7200000))


def test_denver_published_return() -> None:
    """8.6 million dollars invested; 9,638,911.36 paid; a gain of 1,038,911.36."""
    case = reference("denver-total")
    parts = case["parts"]
    assert isinstance(parts, list)
    earlier = tuple(Receipt(on=date(2017, 1, 1), amount=D(part)) for part in parts[:-1])
    found = waterfall(investment(str(case["invested"]), receipt=earlier), D(parts[-1]))
    assert found.received == D(str(case["expected_amount"])) == D("9638911.36")
    assert found.received - found.principal == D(str(case["expected_gain"])) == D("1038911.36")


def test_floor_is_added_by_the_authorities() -> None:
    """Three quarters of 1,000 are safe; 200 came before and 100 now: 450 are added."""
    terms = investment("1000", principal_floor=D("0.75"), receipt=(Receipt(on=date(2017, 1, 1), amount=D(200)),))
    found = waterfall(terms, D(100))
    assert (found.floor, found.received) == (D(450), D(750))


def test_cap_withholds_and_never_takes_back() -> None:
    """Cap 10 per cent of 1,000: of 300 after 900, 100 are withheld; of 50 after 1,200, all 50."""
    before = (Receipt(on=date(2017, 1, 1), amount=D(900)),)
    found = waterfall(investment("1000", return_cap=D("0.10"), receipt=before), D(300))
    assert (found.withheld, found.received) == (D(100), D(1100))
    over = (Receipt(on=date(2017, 1, 1), amount=D(1200)),)
    found = waterfall(investment("1000", return_cap=D("0.10"), receipt=over), D(50))
    assert (found.withheld, found.received) == (D(50), D(1200))


def test_guarantee_comes_after_the_floor() -> None:
    """1,000 drawn, 0 paid: the floor gives 250, the guarantor 500 of the 750 that are missing."""
    terms = investment("1000", principal_floor=D("0.25"), guarantee=Guarantee(by="G", share=D("0.5")))
    found = waterfall(terms, D(0))
    assert (found.floor, found.guaranteed, found.received) == (D(250), D(500), D(750))


TRANCHES = (
    Tranche(name="senior A", rank=1, principal=D(400), rate=D("0.05")),
    Tranche(name="senior B", rank=1, principal=D(200), rate=D("0.05")),
    Tranche(name="junior", rank=2, principal=D(400), rate=D("0.10")),
)


@pytest.mark.parametrize(
    ("amount", "expected"),
    [
        # received → (repaid, earned, rest) of the three tranches
        ("0", [("0", "0", "0")] * 3),
        ("300", [("200.00", "0", "0"), ("100.00", "0", "0"), ("0", "0", "0")]),
        ("100", [("66.67", "0", "0"), ("33.33", "0", "0"), ("0", "0", "0")]),
        ("615", [("400", "10.00", "0"), ("200", "5.00", "0"), ("0", "0", "0")]),
        ("1000", [("400", "20.00", "0"), ("200", "10.00", "0"), ("370", "0", "0")]),
        ("1070", [("400", "20.00", "0"), ("200", "10.00", "0"), ("400", "40.00", "0")]),
        ("1100.01", [("400", "20.00", "0"), ("200", "10.00", "0"), ("400", "40.00", "30.01")]),
    ],
)
def test_tranches_by_rank(amount: str, expected: list[tuple[str, str, str]]) -> None:
    """Rank 1: 600 principal, then 30 return; rank 2: 400, then 40; what is left to rank 2."""
    found = waterfall(investment("1000", tranche=TRANCHES), D(amount))
    assert [(t.repaid, t.earned, t.rest) for t in found.tranches] == [tuple(map(D, e)) for e in expected]


def test_every_agreed_step_is_in_the_trace_and_no_other() -> None:
    bare = waterfall(investment("1000"), D(500))
    assert [s.key for s in bare.trace] == ["investor.paid", "investor.received"]
    full = investment("1000", principal_floor=D("0.1"), return_cap=D(1), guarantee=Guarantee(by="G", share=D(1)),
                      tranche=TRANCHES)  # fmt: skip
    keys = [s.key for s in waterfall(full, D(500)).trace]
    assert keys == ["investor.paid", "investor.floor", "investor.cap", "investor.guarantee",
                    *["investor.tranche"] * 3, "investor.received"]  # fmt: skip
    assert {key for key in TRACE_KEYS if key.startswith("investor.")} == set(keys)


MONEY = st.integers(1, 10**9).map(lambda oere: D(oere) / 100)
SHARE = st.integers(0, 1000).map(lambda mille: D(mille) / 1000)


@st.composite
def contracts(draw: st.DrawFn) -> tuple[Investment, Decimal]:
    """Any investment and any payment in whole øre."""
    principals = draw(st.lists(MONEY, min_size=1, max_size=4))
    ranks = draw(st.lists(st.integers(1, 3), min_size=len(principals), max_size=len(principals)))
    rates = draw(st.lists(SHARE.map(lambda s: s / 2), min_size=len(principals), max_size=len(principals)))
    tranches = tuple(
        Tranche(name=f"t{n}", rank=rank, principal=p, rate=rate)
        for n, (p, rank, rate) in enumerate(zip(principals, ranks, rates, strict=True))
    )
    share = draw(SHARE)
    more = {
        "tranche": tranches if draw(st.booleans()) else (),
        "principal_floor": draw(SHARE),
        "return_cap": draw(st.none() | SHARE.map(lambda s: 2 * s)),
        "guarantee": Guarantee(by="G", share=share) if share > 0 else None,
        "receipt": tuple(Receipt(on=PAID_ON, amount=a) for a in draw(st.lists(MONEY, max_size=2))),
    }
    return investment(*(str(p) for p in principals), **more), draw(st.just(D(0)) | MONEY)


@settings(max_examples=300, deadline=None)
@given(contracts())
def test_never_below_floor_never_above_cap_and_every_oere_is_somebodys(case: tuple[Investment, Decimal]) -> None:
    terms, payment = case
    found = waterfall(terms, payment)
    assert found.received == found.before + payment + found.floor - found.withheld + found.guaranteed
    assert min(found.floor, found.withheld, found.guaranteed, found.received) >= 0
    assert found.withheld <= payment
    assert found.received >= terms.principal * terms.principal_floor
    if terms.return_cap is not None:
        assert found.received <= max(found.before, terms.principal * (1 + terms.return_cap))
    if found.guaranteed > 0:
        assert found.received <= terms.principal
        assert terms.guarantee is not None
        assert found.guaranteed <= terms.principal * terms.guarantee.share
    if terms.tranche:
        assert sum((t.received for t in found.tranches), D(0)) == found.received
        assert [t.name for t in found.tranches] == [t.name for t in terms.tranche]
        for tranche in found.tranches:
            assert D(0) <= tranche.repaid <= tranche.principal
            assert min(tranche.earned, tranche.rest) >= 0


@settings(max_examples=150, deadline=None)
@given(contracts(), MONEY)
def test_a_higher_payment_never_leaves_investors_with_less(case: tuple[Investment, Decimal], more: Decimal) -> None:
    terms, payment = case
    assert waterfall(terms, payment + more).received >= waterfall(terms, payment).received


@settings(max_examples=100, deadline=None)
@given(contracts())
def test_no_rank_gets_anything_before_the_rank_above_has_its_due(case: tuple[Investment, Decimal]) -> None:
    terms, payment = case
    found = waterfall(terms, payment).tranches
    for one in found:
        for other in found:
            if one.rank < other.rank and one.repaid < one.principal:
                assert other.received == 0
