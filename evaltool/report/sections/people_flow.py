"""Both groups of a matched comparison from submitted to analysed, and why people left on the way."""

from __future__ import annotations

from evaltool.plotting.flow_people import PeopleFlow, Stage, draw_people_flow
from evaltool.records.design import MatchSummary
from evaltool.records.ledger import LedgerEntry
from evaltool.report.blocks import Block
from evaltool.report.section import Section
from evaltool.report.sections.balance import worded
from evaltool.report.telling import Telling

ARMS = ("treated", "comparison")
LOCK, OUTSIDE = "dropped_since_lock", "not_eligible"
Pair = tuple[int, int]
Reasons = tuple[tuple[str, str], ...]


def build(telling: Telling) -> tuple[Block, ...]:
    """The figure; nothing where nobody is matched, or where the headline may not be shown."""
    facts = telling.run.design.matching
    if facts is None or telling.headline is None:
        return ()
    groups = (telling.say("arm.treated"), telling.say("arm.comparison"))
    flow = PeopleFlow(groups=groups, stages=_stages(telling, facts), note=_note(telling))
    return (telling.figure(draw_people_flow(flow, telling.lang)),)


def _stages(telling: Telling, facts: MatchSummary) -> tuple[Stage, ...]:
    """The steps that took somebody out, between submitted and analysed."""
    read = [_entries(telling, arm, "reading") for arm in ARMS]
    lost = [[e for e in own if e.reason != OUTSIDE] for own in read]
    outside = [[e for e in own if e.reason == OUTSIDE] for own in read]
    gone = [[e for e in _entries(telling, arm, "design") if e.reason == LOCK] for arm in ARMS]
    locked: Pair = (facts.treated_submitted, facts.comparison_submitted)
    eligible: Pair = (locked[0] + _sum(lost[0]), locked[1] + _sum(lost[1]))
    offered: Pair = (eligible[0] + _sum(outside[0]), eligible[1] + _sum(outside[1]))
    there: Pair = (locked[0] - _sum(gone[0]), locked[1] - _sum(gone[1]))
    matched: Pair = (facts.treated_matched, facts.comparison_matched)
    hidden = [_hidden(telling, place) for place in range(len(ARMS))]
    stages = [Stage(telling.say("flow.offered"), _texts(telling, offered, hidden))]
    if any(outside):
        found = _reasons(telling, outside, "flow.not_eligible")
        stages.append(Stage(telling.say("flow.eligible"), _texts(telling, eligible, hidden), found))
    if any(lost):
        found = _reasons(telling, lost, "flow.no_data")
        stages.append(Stage(telling.say("flow.found"), _texts(telling, locked, hidden), found))
    if any(gone):
        stages.append(
            Stage(telling.say("flow.still_there"), _texts(telling, there, hidden), _reasons(telling, gone, "flow.gone"))
        )
    stages.append(
        Stage(
            telling.say(worded(telling, "flow.matched")),
            _texts(telling, matched, (False, False)),
            _unmatched(telling, there, matched),
        )
    )
    counts = telling.run.estimate.counts
    stages.append(
        Stage(
            telling.say("flow.compared"), _texts(telling, (counts.treated or 0, counts.comparison or 0), (False, False))
        )
    )
    return tuple(stages)


def _entries(telling: Telling, arm: str, stage: str) -> list[LedgerEntry]:
    """What the ledger says of this group's units at this stage."""
    return [e for e in telling.run.ledger.entries if e.arm == arm and e.stage == stage and e.what == "unit"]


def _sum(entries: list[LedgerEntry]) -> int:
    """Units in these entries."""
    return sum(entry.count for entry in entries)


def _hidden(telling: Telling, place: int) -> bool:
    """Whether this group's earlier counts would tell one that may not be shown."""
    arm = ARMS[place]
    entries = [*_entries(telling, arm, "reading"), *_entries(telling, arm, "design")]
    return telling.hides_matching(f"{arm}_submitted") or any(telling.hides_left_out(entry) for entry in entries)


def _texts(telling: Telling, counts: Pair, hidden: list[bool] | tuple[bool, bool]) -> tuple[str, str]:
    """Both counts, or that one is not shown."""
    shown = [
        telling.say("label.withheld") if hide else telling.number(count)
        for count, hide in zip(counts, hidden, strict=True)
    ]
    return shown[0], shown[1]


def _reasons(telling: Telling, entries: list[list[LedgerEntry]], key: str) -> tuple[Reasons, Reasons]:
    """One line for each group that lost somebody."""
    found: list[Reasons] = []
    for place, own in enumerate(entries):
        count = telling.say("label.withheld") if _hidden(telling, place) else telling.number(_sum(own))
        found.append(((telling.say(key), count),) if own else ())
    return found[0], found[1]


def _unmatched(telling: Telling, there: Pair, matched: Pair) -> tuple[Reasons, Reasons]:
    """Who found no match: for the comparison group, those who resemble nobody treated."""
    found: list[Reasons] = []
    for place, key in enumerate(("flow.no_match", "flow.not_like")):
        left = there[place] - matched[place]
        count = telling.say("label.withheld") if _hidden(telling, place) else telling.number(left)
        found.append(((telling.say(worded(telling, key)), count),) if left else ())
    return found[0], found[1]


def _note(telling: Telling) -> str:
    """Those whose group was not known, and that small numbers are withheld."""
    parts = []
    unknown = [e for arm in ("unknown", "both") for e in _entries(telling, arm, "reading")]
    if unknown:
        hide = any(telling.hides_left_out(entry) for entry in unknown)
        count = telling.say("label.withheld") if hide else telling.number(_sum(unknown))
        parts.append(telling.say("figure.people_unknown", {"n": count}))
    if any(_hidden(telling, place) for place in range(len(ARMS))):
        parts.append(telling.say("figure.people_note"))
    return " ".join(parts)


SECTION = Section("people_flow", build)
