"""The double bottom line: how many more, for how long, and every payer's gain beside what it pays."""

from __future__ import annotations

from evaltool.bundle.determination import CellRule
from evaltool.plotting.gains import PayerBars, draw_gains
from evaltool.records.gains import Amounts, BudgetGains, Change, Gain
from evaltool.records.plan.money import BudgetGain
from evaltool.report.blocks import Block, Prose, Table
from evaltool.report.section import Section
from evaltool.report.telling import Telling


def build(telling: Telling) -> tuple[Block, ...]:
    """People first, then money; nothing where the plan prices nothing."""
    gains = telling.run.gains
    if gains is None:
        return ()
    if CellRule(telling.run).gains_withheld:
        return (Prose(text=telling.tell("text.gains_withheld")),)
    people = "\n\n".join(_change(telling, gains, change) for change in gains.changes)
    bars = tuple(
        PayerBars(
            name=telling.name_of("payer_level", payer.payer),
            gain=payer.gain.value,
            lower=payer.gain.lower,
            upper=payer.gain.upper,
            paid=payer.paid,
            years=tuple((year.year, year.gain.value) for year in payer.years),
        )
        for payer in gains.payers
    )
    figure = telling.figure(draw_gains(bars, gains.currency, telling.lang))
    return (Prose(text=people), _payers(telling, gains), figure, *_entries(telling, gains))


def gain_sentence(telling: Telling) -> str | None:
    """Who gains how much, in one sentence for the notice; None where nothing is priced or may be shown."""
    gains = telling.run.gains
    if gains is None or CellRule(telling.run).gains_withheld:
        return None
    values = {"total": telling.money(gains.total.value), "interval": _interval(telling, gains.total, gains)}
    return telling.tell("text.gains_short_alone" if gains.total.lower is None else "text.gains_short", values)


def _change(telling: Telling, gains: BudgetGains, change: Change) -> str:
    """How many more, and in which years it is counted."""
    outcome = telling.run.plan.outcome_named(change.outcome)
    binary = outcome.kind == "binary"
    unit = outcome.unit.in_language(telling.lang)
    values = {
        "outcome": telling.outcome_title(change.outcome),
        "people": telling.number(change.people),
        "more": telling.number(change.more.value),
        "effect": telling.number(change.effect.value),
        "unit": unit,
    }
    said = telling.tell("text.gains_people" if binary else "text.gains_amount", values)
    if change.more.lower is not None and change.more.upper is not None and gains.level is not None:
        ends = {"lower": telling.number(change.more.lower), "upper": telling.number(change.more.upper)}
        said += " " + telling.tell("text.gains_between", {**ends, "level": telling.level(gains.level)})
    else:
        said += " " + telling.tell("text.gains_no_interval")
    years = {"first": telling.number(change.first_year), "last": telling.number(change.last_year)}
    return (
        said
        + " "
        + telling.tell("text.gains_years" if change.last_year > change.first_year else "text.gains_year", years)
    )


def _interval(telling: Telling, amounts: Amounts, gains: BudgetGains) -> str:
    """The interval of an amount, or that there is none."""
    if amounts.lower is None or amounts.upper is None or gains.level is None:
        return telling.say("label.none")
    return telling.say("label.range", {"lower": telling.money(amounts.lower), "upper": telling.money(amounts.upper)})


def _payers(telling: Telling, gains: BudgetGains) -> Table:
    """Every level of government: what it gains, how surely, what it pays."""
    rows = [
        (
            telling.name_of("payer_level", payer.payer),
            telling.money(payer.gain.value),
            _interval(telling, payer.gain, gains),
            telling.money(payer.paid),
        )
        for payer in gains.payers
    ]
    last = (telling.money(gains.total.value), _interval(telling, gains.total, gains), telling.money(gains.paid))
    if gains.level is None:
        interval = telling.say("label.interval")
    else:
        interval = telling.say("label.interval_at", {"level": telling.level(gains.level)})
    return Table(
        caption=telling.say("text.gains_caption"),
        head=(telling.say("label.level"), telling.say("label.gain"), interval, telling.say("label.pays")),
        rows=(*rows, (telling.say("label.total"), *last)),
        numeric=(1, 2, 3),
        widths=(18, 22, 38, 22),
        total=True,
        note=telling.say("text.gains_note", {"year": str(gains.price_year)}),
    )


def _entries(telling: Telling, gains: BudgetGains) -> tuple[Block, ...]:
    """What each gain rests on: price, source, years, decay, rate."""
    by_id = {entry.id: entry for entry in telling.run.plan.budget_gain}
    rows = tuple(_entry(telling, by_id[gain.id], gain) for gain in gains.gains)
    return (
        Table(
            caption=telling.say("text.gains_entries_caption"),
            head=tuple(
                telling.say(f"label.{key}") for key in ("what", "level", "unit_price", "years", "gain", "price_source")
            ),
            rows=rows,
            numeric=(2, 4),
            wide=(0, 5),
            widths=(20, 12, 16, 18, 17, 17),
            note=telling.say("text.gains_convention"),
        ),
    )


def _entry(telling: Telling, entry: BudgetGain, gain: Gain) -> tuple[str, ...]:
    """One entry in a row."""
    parts = [
        telling.say("label.years_from_to", {"first": telling.number(entry.delay_years + 1),
                                            "last": telling.number(entry.delay_years + entry.duration_years)})
    ]  # fmt: skip
    if entry.decay > 0:
        parts.append(telling.say("label.decay", {"share": telling.percent(entry.decay)}))
    if entry.discount_rate > 0:
        parts.append(telling.say("label.discount", {"share": telling.percent(entry.discount_rate)}))
    return (
        entry.title.in_language(telling.lang),
        telling.name_of("payer_level", entry.payer),
        telling.money(entry.unit_price),
        ", ".join(parts),
        telling.money(gain.gain.value),
        entry.source,
    )


SECTION = Section("budget_gain", build)
