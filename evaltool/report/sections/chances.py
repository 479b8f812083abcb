"""How probable the change and its payment are: of the amount itself, and beforehand by true effect and prior."""

from __future__ import annotations

from evaltool.records.decision import AmountUncertainty
from evaltool.records.gains import AmountChance, Assumption, Chances, Scenario
from evaltool.report.blocks import Block, Facts, Prose, Table
from evaltool.report.section import Section
from evaltool.report.telling import Telling


def build(telling: Telling) -> tuple[Block, ...]:
    """The amount's own distribution, then the chances beforehand; nothing where neither was computed."""
    found: list[Block] = []
    uncertainty = telling.run.decision.uncertainty
    if uncertainty is not None and not telling.withheld and not telling.monitoring:
        found += _amount(telling, uncertainty)
    chances = telling.run.chances
    if chances is not None:
        found += _beforehand(telling, chances)
    return tuple(found)


def _amount(telling: Telling, uncertainty: AmountUncertainty) -> list[Block]:
    """What the amount could have been, given the estimate's uncertainty."""
    ends = {"lower": telling.money(uncertainty.lower), "upper": telling.money(uncertainty.upper)}
    items = (
        (telling.say("fact.expected_amount"), telling.money(uncertainty.expected)),
        (
            telling.say("fact.amount_interval", {"level": telling.level(uncertainty.level)}),
            telling.say("label.range", ends),
        ),
        (telling.say("fact.chance_nothing"), telling.percent(uncertainty.nothing)),
        (telling.say("fact.chance_full"), telling.percent(uncertainty.full)),
    )
    rows = tuple((telling.money(one.amount), telling.percent(one.probability)) for one in uncertainty.amounts)
    table = Table(
        caption=telling.say("text.chances_amounts"),
        head=(telling.say("label.amount"), telling.say("label.probability")),
        rows=rows,
        numeric=(0, 1),
    )
    prose = Prose(text=telling.tell("text.chances_now", {"draws": telling.number(uncertainty.draws)}))
    return [prose, Facts(caption=telling.say("text.chances_amounts"), items=items), table]


def _beforehand(telling: Telling, chances: Chances) -> list[Block]:
    """By true effect and over the prior: probabilities of the amounts, expectation, the authority's risk, returns."""
    every = (*chances.scenarios, *(() if chances.prior is None else (chances.prior,)))
    sentences = [telling.tell("text.chances_before", {"draws": telling.number(chances.draws)})]
    sentences += [_assumption(telling, assumed) for assumed in chances.assumptions]
    if chances.cut is not None and chances.cut_share is not None:
        cut = {"share": telling.percent(chances.cut_share), "probability": telling.percent(chances.cut)}
        sentences.append(telling.tell("text.chances_cut", cut))
    zero = next((one for one in every if one.name == "zero"), None)
    if zero is not None:
        sentences.append(telling.tell("text.chances_zero", {"share": telling.percent(1 - zero.nothing)}))
    if chances.paid_without_effect is not None:
        share = {"share": telling.percent(chances.paid_without_effect)}
        sentences.append(telling.tell("text.chances_without_effect", share))
    blocks: list[Block] = [Prose(text=" ".join(sentences)), _table(telling, every)]
    if any(one.multiple is not None for one in every):
        blocks.append(_returns(telling, every))
    return blocks


def _assumption(telling: Telling, assumed: Assumption) -> str:
    """What is assumed of one outcome."""
    shown = {
        "outcome": telling.outcome_within(assumed.outcome),
        "se": telling.number(assumed.standard_error),
        "source": telling.say("text.from_target_n") if assumed.source == "target_n" else assumed.source,
        "mean": "" if assumed.mean is None else telling.number(assumed.mean),
        "sd": "" if assumed.sd is None else telling.number(assumed.sd),
    }
    return telling.tell(f"text.chances_{assumed.prior}", shown)


def _name(telling: Telling, scenario: Scenario) -> str:
    """The scenario in words, with its true effect."""
    said = telling.say(f"scenario.{scenario.name}")
    return said if scenario.effect is None else f"{said}: {telling.exact(scenario.effect)}"


def _interval(telling: Telling, chance: AmountChance) -> str:
    """One amount, or the interval up to its end."""
    if chance.lowest == chance.highest:
        return telling.money(chance.highest)
    return telling.say("label.up_to", {"amount": telling.money(chance.highest)})


def _table(telling: Telling, scenarios: tuple[Scenario, ...]) -> Table:
    """One row per amount, one column per scenario: there may be many amounts, and few scenarios."""
    first = scenarios[0]
    rows = [
        (
            _interval(telling, chance),
            *(telling.percent(one.chances[place].probability) for one in scenarios),
        )
        for place, chance in enumerate(first.chances)
    ]
    rows.append((telling.say("label.mean_amount"), *(telling.money(one.expected) for one in scenarios)))
    return Table(
        caption=telling.say("text.chances_caption"),
        head=(telling.say("label.amount"), *(_name(telling, one) for one in scenarios)),
        rows=tuple(rows),
        numeric=tuple(range(1, len(scenarios) + 1)),
        note=telling.say("text.chances_note"),
    )


def _returns(telling: Telling, scenarios: tuple[Scenario, ...]) -> Table:
    """The investors' multiple and rate in every scenario: the middle of the distribution and its ends."""
    none = telling.say("label.none")
    rows = tuple(
        (
            _name(telling, one),
            *(
                none if value is None else telling.number(value, 2)
                for value in (() if one.multiple is None else (one.multiple.p05, one.multiple.p50, one.multiple.p95))
            ),
            *(
                none if value is None else telling.percent(value)
                for value in (() if one.rate is None else (one.rate.p05, one.rate.p50, one.rate.p95))
            ),
            none if one.loss is None else telling.percent(one.loss),
        )
        for one in scenarios
    )
    multiple, rate = telling.say("fact.multiple"), telling.say("label.rate")
    shares = [telling.percent(share, 0) for share in (0.05, 0.5, 0.95)]
    return Table(
        caption=telling.say("text.chances_returns"),
        head=(
            telling.say("label.true_effect"),
            *(f"{multiple}, {share}" for share in shares),
            *(f"{rate}, {share}" for share in shares),
            telling.say("label.loss"),
        ),
        rows=rows,
        numeric=(1, 2, 3, 4, 5, 6, 7),
        note=telling.say("text.chances_returns_note"),
    )


SECTION = Section("chances", build)
