"""A run in one language: the words and finished figures that several sections need. Formats, never computes."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from evaltool.bundle.determination import CellRule
from evaltool.language.numbers import Number, date_text, decimals_for, money, number, percent, points
from evaltool.language.words import NOTHING, Voice
from evaltool.plotting._canvas import Drawing
from evaltool.plotting._scale import Scale
from evaltool.records.design import BalanceRow
from evaltool.records.estimate import Element, Estimate
from evaltool.records.evidence import ALL, PRIMARY, Evidence
from evaltool.records.gate import GateResult
from evaltool.records.ledger import LedgerEntry
from evaltool.records.plan.analysis import Outcome
from evaltool.records.run import Run
from evaltool.report.blocks import Figure, Table

MARKDOWN = re.compile(r"([\\`*_{}\[\]()<>#+\-.!|~&$^:=\"'])")
LINE = re.compile(r"[^\S\u00a0]+")
"""White space, except the space at which a line may not break."""
SEAL_SHOWN = 16


def md(text: str) -> str:
    """``text`` as Markdown that reads as itself: one line, every sign of Markdown escaped."""
    return MARKDOWN.sub(r"\\\1", LINE.sub(" ", text).strip())


@dataclass(frozen=True, slots=True)
class Telling:
    """A run and the language it is told in."""

    run: Run
    lang: str

    @property
    def voice(self) -> Voice:
        """The words."""
        return Voice(self.lang)

    def say(self, key: str, values: Mapping[str, str] = NOTHING) -> str:
        """A fixed text with its places filled, as plain text."""
        return self.voice.say(key, values)

    def tell(self, key: str, values: Mapping[str, str] = NOTHING) -> str:
        """A fixed Markdown text; what is filled in is escaped."""
        return self.voice.say(key, {name: md(value) for name, value in values.items()})

    def name_of(self, table: str, name: str) -> str:
        """The words for ``name``, or the readable name itself."""
        return self.voice.name_of(table, name)

    def number(self, value: Number, digits: int | None = None) -> str:
        """A number in this language."""
        return number(value, self.lang, digits)

    def percent(self, value: Number, digits: int = 1) -> str:
        """A share as per cent."""
        return percent(value, self.lang, digits)

    def exact(self, value: Number) -> str:
        """A figure of the arithmetic on the estimand's scale, with up to six decimals."""
        return self.scale.bare(value, self._places(value))

    def distance(self, value: Number) -> str:
        """A difference of two figures: shares differ by percentage points."""
        places = self._places(value)
        return points(value, self.lang, places) if self.scale.kind != "number" else number(value, self.lang, places)

    def _places(self, value: Number) -> int:
        """The decimals ``value`` has on the estimand's scale, at most six."""
        share = self.scale.kind != "number"
        shown = Decimal(value if isinstance(value, int | Decimal) else repr(value)) * (100 if share else 1)
        exponent = shown.normalize().as_tuple().exponent
        return min(6, max(0, -exponent)) if isinstance(exponent, int) else 0

    @property
    def analysed_unit(self) -> str:
        """What one unit of analysis is called; the plan's own word where this language has none."""
        return self.name_of("analysis_unit", self.run.plan.population.unit)

    @property
    def analysed_units(self) -> str:
        """What several units of analysis are called."""
        own = self.run.plan.population.unit
        known = self.voice.says(f"analysis_units.{own}")
        return self.say(f"analysis_units.{own}") if known else self.say("analysis_units.other", {"unit": own})

    def outcome_within(self, outcome_id: str | None = None) -> str:
        """An outcome's title inside a sentence: first letter lowered unless the word looks like an abbreviation."""
        text = self.outcome_title(outcome_id)
        return text[:1].lower() + text[1:] if text[1:2].islower() else text

    def column(self, values: Iterable[Number]) -> Callable[[Number], str]:
        """How numbers of one column are written: all with the same decimals."""
        digits = decimals_for(values)
        return lambda value: number(value, self.lang, digits)

    def day(self, day: date) -> str:
        """A date in this language."""
        return date_text(day, self.lang)

    def money(self, amount: Decimal) -> str:
        """An exact amount in the contract's currency."""
        return money(amount, self.run.decision.currency, self.lang)

    def level(self, value: Number) -> str:
        """A confidence level: ``95 pct.`` or ``95%``."""
        shown = Decimal(str(value)) * 100
        return percent(value, self.lang, 0 if shown == shown.to_integral_value() else 1)

    @property
    def monitoring(self) -> bool:
        """Whether this plan only follows a programme."""
        return self.run.plan.governance.purpose == "monitoring"

    @property
    def outcome(self) -> Outcome:
        """The headline outcome."""
        return self.run.plan.outcome_named(self.run.plan.estimand.outcome)

    def hides(self, *name: str | int, of: Estimate | None = None) -> bool:
        """Whether the disclosure gate forbids showing the count of this name, as in the machine record."""
        return bool(self.run.estimates) and CellRule(self.run).hides(*name, of=of)

    def count(self, units: int | None, *name: str | int, of: Estimate | None = None) -> str:
        """A number of units, or that it is not shown; ``name`` is the disclosure gate's name for it."""
        if units is None:
            return self.say("label.none")
        return self.say("label.withheld") if self.hides(*name, of=of) else self.number(units)

    def hides_left_out(self, entry: LedgerEntry) -> bool:
        """Whether how many were left out may not be shown."""
        return bool(self.run.estimates) and CellRule(self.run).hides_left_out(entry)

    def hides_gate(self, gate: GateResult) -> bool:
        """Whether a check's figure and sentence would tell a count that may not be shown."""
        return bool(self.run.estimates) and CellRule(self.run).hides_gate(gate)

    def hides_matching(self, field: str) -> bool:
        """Whether a figure of the design's ``MatchSummary`` (``matched_share``, ``treated_submitted``, …) is hidden."""
        return bool(self.run.estimates) and CellRule(self.run).hides_matching(field)

    def hides_donors(self, field: str) -> bool:
        """Whether a figure of the design's ``DonorSummary`` (``donors``, ``excluded``) is hidden."""
        return bool(self.run.estimates) and CellRule(self.run).hides_donors(field)

    def hides_balance(self, row: BalanceRow) -> bool:
        """Whether the numbers of a row of the balance table may not be shown."""
        return bool(self.run.estimates) and CellRule(self.run).hides_balance(row)

    def hides_element(self, element: Element) -> bool:
        """Whether an entry of the headline's path or tables rests on too few."""
        return bool(self.run.estimates) and CellRule(self.run).hides_element(element, self.run.estimate)

    def hides_estimate(self, estimate: Estimate) -> bool:
        """Whether an estimate rests on too few to be shown at all."""
        return any(self.hides("arm", arm, of=estimate) for arm in ("treated", "comparison"))

    @property
    def headline(self) -> Estimate | None:
        """The headline estimate; None where there is none or it may not be shown."""
        run = self.run
        return None if not run.estimates or self.hides_estimate(run.estimate) else run.estimate

    @property
    def withheld(self) -> bool:
        """Whether there is a headline that may not be shown; then its arithmetic may not either."""
        return bool(self.run.estimates) and self.headline is None

    def outcome_title(self, outcome_id: str | None = None) -> str:
        """An outcome's title in this language."""
        outcome = self.outcome if outcome_id is None else self.run.plan.outcome_named(outcome_id)
        return outcome.title.in_language(self.lang) or outcome.id

    @property
    def unit(self) -> str:
        """The headline outcome's unit of measure."""
        return self.outcome.unit.in_language(self.lang)

    @property
    def estimates(self) -> tuple[Estimate, ...]:
        """The headline outcome's primary estimates that may be shown: cohorts in order, then all together."""
        order = [c.id for c in self.run.plan.population.cohort] + [ALL]
        wanted = self.run.plan.estimand.outcome
        primary = [e for e in self.run.estimates if e.key.specification == PRIMARY and e.key.outcome == wanted]
        found = [e for e in primary if not self.hides_estimate(e)]
        return tuple(sorted(found, key=lambda e: order.index(e.key.cohort) if e.key.cohort in order else len(order)))

    @property
    def scale(self) -> Scale:
        """How the effect is written: the estimand's scale."""
        if self.run.plan.estimand.scale == "relative":
            return Scale("percent", "", self.lang)
        if any(estimate.is_share for estimate in self.estimates):
            return Scale("percent", "", self.lang)
        measured = self.run.plan.estimand.target != "NONE"
        binary = self.outcome.kind == "binary" and measured
        return Scale("points" if binary else "number", self.unit, self.lang)

    def evidence(self, estimate: Estimate) -> Evidence:
        """The estimate in the direction of good on the estimand's scale; absolute where no share was computed."""
        relative = self.run.plan.estimand.scale == "relative" and estimate.relative is not None
        return estimate.evidence(direction=self.outcome.direction, scale="relative" if relative else "absolute")

    def title_of(self, estimate: Estimate) -> str:
        """What an estimate is called: its cohort, or the outcome."""
        return self.outcome_title() if estimate.key.cohort == ALL else self.voice.cohort(estimate.key.cohort)

    def decided(self) -> bool:
        """Whether the decision reached the payment rule."""
        return self.run.decision.state in {"PAY_FULL", "PAY_PARTIAL", "NO_PAYMENT", "CARRIED_FORWARD"}

    def absent_words(self, estimate: Estimate) -> str:
        """Why there is no standard error."""
        return self.name_of("absent", estimate.absent) if estimate.absent else ""

    def last_objection(self) -> date:
        """The document's date plus the agreed days."""
        return self.run.as_of + timedelta(days=self.run.plan.governance.dispute_days)

    def figure(self, drawing: Drawing) -> Figure:
        """A drawing as a block with its data table."""
        data = Table(
            caption=drawing.caption,
            head=drawing.head,
            rows=drawing.rows,
            numeric=drawing.numeric,
            widths=drawing.widths,
        )
        caption = f"{drawing.caption}. {drawing.note}" if drawing.note else f"{drawing.caption}."
        return Figure(name=drawing.name, caption=caption, alt=drawing.alt, svg=drawing.svg, data=data)


def seal_text(seal: str) -> str:
    """A seal in groups of eight, so that a line can break."""
    return " ".join(seal[at : at + 8] for at in range(0, len(seal), 8))
