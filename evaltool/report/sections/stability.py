"""Pretended starts, pretended groups, and the effect with something left out."""

from __future__ import annotations

from evaltool.language.numbers import p_value
from evaltool.records.examination import Examination, Refit
from evaltool.report.blocks import Block, Prose, Table
from evaltool.report.section import Section
from evaltool.report.sections._examined import absent_words, examined, hides_any_cohort
from evaltool.report.telling import Telling


def build(telling: Telling) -> tuple[Block, ...]:
    """Tables of refits and sentences; nothing for other methods."""
    found = examined(telling)
    if found is None:
        return ()
    blocks: list[Block] = []
    if found.placebo_dates:
        blocks.append(_table(telling, found.placebo_dates, "placebo_dates"))
    sentences = [text for text in (_groups(telling, found), _clusters(telling, found)) if text]
    if sentences:
        blocks.append(Prose(text="\n\n".join(sentences)))
    if found.without_cohort and not hides_any_cohort(telling, found):
        blocks.append(_table(telling, found.without_cohort, "without_cohort"))
    return tuple(blocks)


def _groups(telling: Telling, found: Examination) -> str:
    """Starts pretended among those that never start."""
    groups = found.placebo_groups
    if groups is None:
        why = absent_words(telling, found, "placebo_groups")
        return telling.tell("text.placebo_groups_absent", {"why": why}) if why else ""
    values = {
        "draws": telling.number(groups.draws),
        "seed": telling.number(groups.seed),
        "spread": telling.number(groups.spread),
        "largest": telling.number(groups.largest),
        "share": telling.percent(groups.share_as_large),
        "unit": telling.unit,
    }
    return telling.tell("text.placebo_groups", values)


def _clusters(telling: Telling, found: Examination) -> str:
    """Smallest and largest effect without one cluster."""
    left = found.without_cluster
    if left is None:
        return ""
    values = {
        "low": telling.number(min(left.effects)),
        "high": telling.number(max(left.effects)),
        "effect": telling.number(telling.run.estimate.att),
        "unit": telling.unit,
        "how": telling.say(f"left_out_how.{left.how}"),
    }
    return telling.tell("text.without_cluster", values)


def _table(telling: Telling, refits: tuple[Refit, ...], key: str) -> Table:
    """One row per refit."""
    none = telling.say("label.none")
    write = telling.column(v for r in refits for v in (r.att, r.lower, r.upper) if v is not None)
    rows = []
    for one in refits:
        cells = [none if value is None else write(value) for value in (one.att, one.lower, one.upper)]
        p = none if one.p_value is None else p_value(one.p_value, telling.lang).removeprefix("=\u00a0")
        rows.append((one.label, *cells, p))
    heads = ("pretended_start" if key == "placebo_dates" else "cohort_left_out", "effect", "lower", "upper", "p_value")
    return Table(
        caption=f"{telling.say(f'text.{key}_caption')} ({telling.unit})",
        head=tuple(telling.say(f"label.{head}") for head in heads),
        rows=tuple(rows),
        numeric=(1, 2, 3, 4),
        note=telling.say(f"text.{key}_note"),
    )


SECTION = Section("stability", build)
