"""``evaltool simulate``: how probable each payment is before data, by true effect and over what was believed."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from evaltool.cli.power import before_data
from evaltool.cli.terminal import Format, FormatOption, answer, say, table

if TYPE_CHECKING:
    from evaltool.records.gains import Chances, Quantiles, Scenario

NAMES = {
    "prior": "what was believed",
    "zero": "no effect",
    "half_threshold": "half the first threshold",
    "threshold": "a threshold",
    "effect": "the prior's mean",
}


def simulate(
    plan: Annotated[Path, typer.Argument(help="The plan, a TOML file.")],
    form: FormatOption = Format.text,
) -> None:
    """Say how probable each payment is, by true effect and averaged over the plan's [[prior]].

    Reads no data and draws no random numbers: made-up estimates at equally probable quantiles are paid on by the
    contract's own rules. With [investment] also the investors' multiple and rate of return.
    """
    from evaltool.pipeline.chances import chances  # noqa: PLC0415 - keeps --help light

    found = before_data(plan, chances)
    if form is Format.json:
        answer(found.to_json())
        return
    for assumed in found.assumptions:
        mean, sd = _bare(assumed.mean), _bare(assumed.sd)
        belief = f"prior mean {mean}, sd {sd}" if assumed.prior == "normal" else f"prior: {assumed.prior}"
        say(f"{assumed.outcome}: standard error {_bare(assumed.standard_error)} ({assumed.source}); {belief}")
    if found.cut is not None and found.cut_share is not None:
        say(f"haircut: {_share(found.cut_share)} is withheld with probability {_share(found.cut)}, as believed")
    say(f"\nProbability of each amount ({found.currency}), from {found.draws} equally probable estimates:\n")
    every = (*found.scenarios, *(() if found.prior is None else (found.prior,)))
    say(_chance_table(every))
    _paid_for_nothing(found)
    if any(scenario.multiple is not None for scenario in every):
        say("\nInvestors: money multiple and yearly internal rate of return at the 5, 50 and 95 percent quantiles\n")
        say(_return_table(every))


def _paid_for_nothing(found: Chances) -> None:
    """What the authority risks: paying although nothing was achieved."""
    zero = next(scenario for scenario in found.scenarios if scenario.name == "zero")
    say(f"\nWithout any effect something is paid with probability {_share(1 - zero.nothing)}.")
    if found.paid_without_effect is not None:
        share = _share(found.paid_without_effect)
        say(f"Over what was believed, something is paid and the effect is zero or worse with probability {share}.")


def _chance_table(scenarios: tuple[Scenario, ...]) -> str:
    """One row per scenario, one column per amount or interval of amounts."""
    amounts = [str(c.lowest) if c.lowest == c.highest else f"-{c.highest}" for c in scenarios[0].chances]
    head = ("true effect", "", *amounts, "expected", "sd")
    rows = [
        (
            _bare(s.effect),
            NAMES[s.name],
            *(_share(c.probability) for c in s.chances),
            str(s.expected),
            str(s.sd),
        )
        for s in scenarios
    ]
    return table(head, rows)


def _return_table(scenarios: tuple[Scenario, ...]) -> str:
    """Quantiles of multiple and rate, and the probability of a loss."""
    head = ("true effect", "", "multiple 5%", "50%", "95%", "rate 5%", "50%", "95%", "loss")
    rows = [
        (
            _bare(s.effect),
            NAMES[s.name],
            *_three(s.multiple),
            *_three(s.rate),
            "-" if s.loss is None else _share(s.loss),
        )
        for s in scenarios
    ]
    return table(head, rows)


def _three(found: Quantiles | None) -> tuple[str, str, str]:
    """The 5, 50 and 95 per cent quantiles; a dash where there is none."""
    if found is None:
        return ("-", "-", "-")
    low, middle, high = ("-" if q is None else str(q) for q in (found.p05, found.p50, found.p95))
    return (low, middle, high)


def _bare(value: Decimal | None) -> str:
    """An effect as people write it; a dash where there is none."""
    if value is None:
        return "-"
    return f"{value:f}".rstrip("0").rstrip(".") if "." in f"{value:f}" else f"{value:f}"


def _share(value: Decimal) -> str:
    """A probability as a percentage with one decimal."""
    return f"{value * 100:.1f}%"
