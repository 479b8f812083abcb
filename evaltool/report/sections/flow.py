"""From submitted to analysed: the flow figure, and everything left out with its reason."""

from __future__ import annotations

from evaltool.plotting.flow import FlowPicture, draw_flow
from evaltool.records.design import DesignSummary
from evaltool.records.ledger import LedgerEntry
from evaltool.report.blocks import Block, Prose, Table
from evaltool.report.section import Section
from evaltool.report.telling import Telling

MOST_COHORTS = 4
"""Boxes that fit beside the comparison group."""


def build(telling: Telling) -> tuple[Block, ...]:
    """Figure and ledger; a sentence where others published the figures.

    Matched comparisons have a figure of their own, with both groups (``people_flow``).
    """
    design = telling.run.design
    if not design.submitted_units:
        return (Prose(text=telling.tell("text.flow_none")),)
    if design.matching is not None:
        return (_ledger(telling),)
    return (telling.figure(draw_flow(_picture(telling), telling.lang)), _ledger(telling))


def _picture(telling: Telling) -> FlowPicture:
    """The boxes in words, with small counts withheld, and no total from which they could be worked out."""
    design = telling.run.design
    left_out = _left_out(telling)
    return FlowPicture(
        unit=telling.analysed_units,
        submitted=telling.count(design.submitted_units, "all", "submitted"),
        analysed=telling.count(design.analysed_units, "all", "analysed"),
        left_out=tuple(left_out),
        arms=tuple(_arms(telling, design)),
    )


def _left_out(telling: Telling) -> list[tuple[str, str]]:
    """Units left out by reason, most first; rows and cells stand in the table, not here."""
    counts: dict[str, int] = {}
    hidden: set[str] = set()
    for entry in telling.run.ledger.entries:
        if entry.what == "unit":
            counts[entry.reason] = counts.get(entry.reason, 0) + entry.count
            hidden |= {entry.reason} if telling.hides_left_out(entry) else set()
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    withheld = telling.say("label.withheld")
    return [(telling.name_of("ledger", r), withheld if r in hidden else telling.number(n)) for r, n in ordered]


def _arms(telling: Telling, design: DesignSummary) -> list[tuple[str, str]]:
    """Treated (a few cohorts by name, else their sum) and comparison."""
    if design.comparison == "none":
        return [(telling.say("flow.treated"), telling.count(design.analysed_units, "arm", "treated"))]
    starters = [c for c in design.cohorts if c.start is not None]
    never = [c for c in design.cohorts if c.start is None]
    hidden = any(telling.hides("cohort", c.start) for c in starters if c.start is not None)
    if 1 < len(starters) <= MOST_COHORTS and not hidden:
        arms = [(telling.say("flow.cohort", {"label": c.label}), telling.number(c.units)) for c in starters]
    else:
        arms = [(telling.say("flow.treated"), telling.count(design.treated_units, "arm", "treated"))]
    words = telling.say("flow.comparison" if never else "flow.no_comparison")
    return [*arms, (words, telling.count(design.comparison_units, "cohort", "never"))]


def _ledger(telling: Telling) -> Block:
    """Every ledger entry: where, what, why, how many."""
    entries = telling.run.ledger.entries
    if not entries:
        return Prose(text=telling.tell("text.ledger_empty"))
    heads = ("stage", "reason", "group", "count", "what", "detail")
    return Table(
        caption=telling.say("text.ledger_caption"),
        head=tuple(telling.say(f"label.{key}") for key in heads),
        rows=tuple(_row(telling, entry) for entry in entries),
        numeric=(3,),
        wide=(5,),
        widths=(12, 20, 21, 9, 10, 28),
    )


def _row(telling: Telling, entry: LedgerEntry) -> tuple[str, ...]:
    """One entry in words."""
    return (
        telling.say(f"ledger_stage.{entry.stage}"),
        telling.name_of("ledger", _reason(entry)),
        telling.say(f"arm.{entry.arm}"),
        telling.say("label.withheld") if telling.hides_left_out(entry) else telling.number(entry.count),
        telling.say(f"ledger_what.{entry.what}"),
        _detail(telling, entry),
    )


def _reason(entry: LedgerEntry) -> str:
    """The reason's name; comparison units that nobody needed have one of their own."""
    spare = entry.reason == "unmatched" and entry.arm == "comparison"
    return "unmatched_comparison" if spare else entry.reason


def _detail(telling: Telling, entry: LedgerEntry) -> str:
    """The entry's detail: a fixed phrase in this language, or a column by the plan's label."""
    detail = entry.detail or ""
    if telling.voice.says(f"ledger_detail.{detail}"):
        return telling.say(f"ledger_detail.{detail}")
    labels = {column.name: column.label.in_language(telling.lang) for column in telling.run.plan.data.column}
    return labels.get(detail) or detail


SECTION = Section("flow", build)
