"""Sections on the money: gains, investors, chances, in both languages; withheld and undecided where they must be."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest
from test_pipeline_money import INVESTMENT, asked, ran, standard

from evaltool.plotting.cash_flows import Flow, draw_cash_flows
from evaltool.plotting.gains import PayerBars, draw_gains
from evaltool.records.run import Run
from evaltool.report.blocks import Block, Facts, Figure, Prose, Table
from evaltool.report.section import build_section

D = Decimal
PRIOR = {"outcome": "absence", "kind": "normal", "mean": "0.4", "sd": "0.2", "source": "an earlier programme"}
EXPECTED = {"outcome": "absence", "standard_error": "0.1", "source": "made up"}
LANGUAGES = ("da", "en")


def blocks(name: str, run: Run, lang: str = "en") -> tuple[Block, ...]:
    return build_section(name, run, lang).blocks


def words(found: tuple[Block, ...]) -> str:
    """Everything that is written, without Markdown's escapes."""
    parts: list[str] = []
    for block in found:
        if isinstance(block, Prose):
            parts += [block.heading, block.text]
        elif isinstance(block, Table):
            parts += [block.caption, block.note, *block.head, *(cell for row in block.rows for cell in row)]
        elif isinstance(block, Facts):
            parts += [text for item in block.items for text in item]
        elif isinstance(block, Figure):
            parts += [block.caption, block.alt]
    return " ".join(parts).replace("\\", "").replace("\u00a0", " ")


def hidden(run: Run) -> Run:
    """The same run with its treated too few to be shown."""
    gates = tuple(
        gate.model_copy(update={"evidence": {**gate.evidence, "hidden": ["arm:treated"]}})
        if gate.name == "disclosure"
        else gate
        for gate in run.gates
    )
    return run.model_copy(update={"gates": gates})


def test_people_come_before_money() -> None:
    told = words(blocks("budget_gain", standard()))
    assert "an improvement of 0.5" in told
    assert "for each of 200: 100 in all" in told
    assert told.index("100 in all") < told.index("DKK 100,000")


def test_the_table_holds_every_level_and_the_total() -> None:
    (table,) = [b for b in blocks("budget_gain", standard()) if isinstance(b, Table) and b.total]
    assert [tuple(cell.replace("\u00a0", " ") for cell in row) for row in table.rows] == [
        ("municipality", "DKK 100,000", "DKK 60,800.72 to DKK 139,199.28", "DKK 350,000"),
        ("region", "DKK 0", "DKK 0 to DKK 0", "DKK 100,000"),
        ("state", "DKK 0", "DKK 0 to DKK 0", "DKK 50,000"),
        ("Total", "DKK 100,000", "DKK 60,800.72 to DKK 139,199.28", "DKK 500,000"),
    ]


def test_prices_stand_with_their_source_and_year() -> None:
    told = words(blocks("budget_gain", standard()))
    assert "Prices of 2025" in told
    assert "made up" in told


def test_hidden_groups_take_the_gains_with_them() -> None:
    told = words(blocks("budget_gain", hidden(standard())))
    assert "withheld" in told
    assert "100" not in told
    assert "Gain to public budgets" not in words(blocks("amount", hidden(standard())))


def test_the_investors_figures() -> None:
    told = words(blocks("investor", standard()))
    assert "Money multiple 1.25" in told
    assert "11.8%" in told
    assert "paid in (Fund)" in told


def test_where_there_is_no_rate_the_reason_is_written() -> None:
    terms = {"tiers": [{"from": "5", "amount": "500000"}]}
    poor = asked()
    rule = poor.payment.rule[0].model_copy(update={"terms": terms | {"tiers": ({"from": D(5), "amount": D(500000)},)}})
    run = ran(poor.model_copy(update={"payment": poor.payment.model_copy(update={"rule": (rule,)})}))
    assert run.decision.state == "NO_PAYMENT"
    assert "none: nothing came back" in words(blocks("investor", run))
    assert "ingen: intet kom tilbage" in words(blocks("investor", run, "da"))


def test_an_undecided_payment_has_no_return() -> None:
    early = ran(asked(governance={"decide_from": "2027-01-31", "as_of": "2026-02-15"}))
    assert "not decided" in words(blocks("investor", early))


def test_tranches_floor_cap_and_expected_receipts_are_told() -> None:
    more = INVESTMENT | {
        "principal_floor": "0.5", "return_cap": "0.1", "guarantee": {"by": "Guarantor", "share": "0.2"},
        "receipt": [{"on": "2026-06-30", "amount": "1000", "expected": True}],
        "tranche": [{"name": "senior", "rank": 1, "principal": "250000", "rate": "0.05"},
                    {"name": "junior", "rank": 2, "principal": "150000"}],
    }  # fmt: skip
    run = ran(asked(investment=more))
    assert run.investor is not None
    assert run.investor.waterfall.received == D(440000)
    told = words(blocks("investor", run))
    for text in ("DKK 61,000", "Guarantor", "only expected", "senior", "junior", "Principal floor"):
        assert text in told, text


def test_chances_now_and_beforehand() -> None:
    run = ran(asked(prior=[PRIOR], expectation=[EXPECTED]))
    told = words(blocks("chances", run))
    for text in ("Expected amount", "equally probable", "No effect", "What was believed", "Money multiple", "Loss"):
        assert text in told, text


def test_hidden_groups_take_the_amounts_distribution_but_not_the_plans_own() -> None:
    run = hidden(ran(asked(prior=[PRIOR], expectation=[EXPECTED])))
    told = words(blocks("chances", run))
    assert "Amounts that could have come out" not in told
    assert "What was believed" in told


@pytest.mark.parametrize("name", ["budget_gain", "investor"])
def test_nothing_is_said_where_nothing_was_agreed(name: str) -> None:
    assert blocks(name, ran(asked(budget_gain=[], investment=None))) == ()


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("name", ["budget_gain", "investor", "chances", "amount"])
def test_every_section_speaks_both_languages_and_twice_the_same(name: str, lang: str) -> None:
    assert blocks(name, standard(), lang) == blocks(name, standard(), lang)
    for block in blocks(name, standard(), lang):
        if isinstance(block, Table):
            assert all(len(row) == len(block.head) for row in block.rows)


BARS = (
    PayerBars("kommune", D(100), D(-20), D(220), D(50), ((1, D(60)), (2, D(40)))),
    PayerBars("stat", D(-30), None, None, D(0), ((1, D(-30)),)),
)


@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_figure_of_gains_says_what_it_shows(lang: str) -> None:
    drawing = draw_gains(BARS, "DKK", lang)
    assert drawing == draw_gains(BARS, "DKK", lang)
    assert "kommune" in drawing.alt
    assert len(drawing.rows) == 3 + 2
    assert drawing.svg.startswith("<svg ")


def test_figures_of_nothing_are_refused() -> None:
    with pytest.raises(ValueError, match="payers"):
        draw_gains((), "DKK", "da")
    with pytest.raises(ValueError, match="flows"):
        draw_cash_flows((), "DKK", "da")


@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_figure_of_cash_flows_says_what_it_shows(lang: str) -> None:
    flows = (
        Flow(date(2024, 1, 1), "in", D(-100), D(-100)),
        Flow(date(2024, 1, 1), "in", D(-50), D(-150)),
        Flow(date(2026, 1, 1), "out", D(170), D(20)),
        Flow(date(2027, 1, 1), "later", D(10), D(30), expected=True),
    )
    drawing = draw_cash_flows(flows, "DKK", lang)
    assert drawing == draw_cash_flows(flows, "DKK", lang)
    assert len(drawing.rows) == 4
    assert "later" in drawing.alt
