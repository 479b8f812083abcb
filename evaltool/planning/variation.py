"""A variation before it is written: what was asked for, checked against plan, lock and chain, as a signed record."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from evaltool.errors import Fault, Place, PlanError, SealError, UsageError, did_you_mean
from evaltool.pipeline.prepare import plan_refusals
from evaltool.planning.changes import Change, changes
from evaltool.reading.lock_file import lock_status
from evaltool.reading.plan_file import document_faults, place_faults, plan_document, plan_lines, read_plan
from evaltool.reading.toml_lines import spelled
from evaltool.reading.toml_values import NoSuchPlaceError, key_path, toml_text, toml_value, value_at, with_value
from evaltool.reading.variation_files import varied_document
from evaltool.records.plan.evaluation_plan import EvaluationPlan
from evaltool.records.variation import DESIGN_TABLES, Variation, VariedKey

CPR_SHAPED = re.compile(r"(?<!\d)\d{6}[- ]?\d{4}(?!\d)")
FIXED = re.compile(r"^(schema|programme\.id)\b")
"""What no variation changes: another programme is another plan."""
BARE_TEXT = re.compile(r"[^\"'\[{].*", re.DOTALL)
"""A value that is no TOML may stand for itself, unless it begins as text, a list or a table does."""


@dataclass(frozen=True, slots=True)
class Agreement:
    """What the parties agreed: ``KEY=VALUE`` and keys that go, who, why, when, and under which clause."""

    changes: tuple[str, ...]
    by: tuple[str, ...]
    reason: str
    on: date
    clause: str | None = None
    gone: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Proposal:
    """A signed record that is not written yet, the plan it leads to, and what changes in words."""

    record: Variation
    plan: EvaluationPlan
    changes: tuple[Change, ...]

    @property
    def unlocks_design(self) -> bool:
        """Whether a sealed design no longer stands after it."""
        return any(key.table in DESIGN_TABLES for key in self.record.change)


def propose(path: Path, agreed: Agreement) -> Proposal:
    """The record for an agreement on the plan at ``path``. Nothing is written.

    Raises SealError (SEAL_VARIATION_UNLOCKED), UsageError (USAGE_VARIATION_KEY, USAGE_VARIATION_NOTHING,
    USAGE_VARIATION_WORDS, USAGE_VARIATION_DATE, USAGE_UNKNOWN_CLAUSE), and PlanError when the varied plan is none.
    """
    plan = read_plan(path)
    lock = lock_status(plan)
    if lock.state != "locked" or lock.seal is None:
        cause = "The plan was never locked, so there is nothing to vary."
        raise SealError(Fault("SEAL_VARIATION_UNLOCKED", cause, "Edit the plan, then lock it.", Place(file=path.name)))
    _refuse_words(plan, agreed)
    before = varied_document(plan_document(path), path)
    after, keys = _changed(before, agreed)
    new, faults = document_faults(after, path)
    if new is None or faults or (faults := list(plan_refusals(new))):
        raise PlanError(place_faults(faults, plan_lines(path), path.name))
    if new.seal == plan.seal:
        cause = "The plan states this already: nothing would change."
        raise UsageError(Fault("USAGE_VARIATION_NOTHING", cause, "Say what was agreed.", Place(key="--set")))
    chain = plan.variations
    record = Variation(
        number=len(chain) + 1,
        plan=plan.programme.id,
        previous=chain[-1].seal if chain else lock.seal,
        varies=plan.seal,
        result=new.seal,
        by=tuple(_one_line(name) for name in agreed.by),
        reason=_one_line(agreed.reason),
        on=agreed.on,
        clause=agreed.clause,
        change=keys,
        seal="0" * 64,
    )
    return Proposal(record.sealed(), new, changes(plan, new))


def _changed(before: dict[str, object], agreed: Agreement) -> tuple[dict[str, object], tuple[VariedKey, ...]]:
    """The document with every change in the order given, and the keys with their old and new values.

    Raises UsageError (USAGE_VARIATION_KEY) with every key that leads nowhere.
    """
    whole, keys, faults = before, [], []
    asked = [(*_pair(text), "--set") for text in agreed.changes] + [(key, None, "--unset") for key in agreed.gone]
    for key, value, option in asked:
        try:
            path = key_path(key, whole)
            if FIXED.match(spelled(path)):
                faults.append(_bad_key(f"{key} says which contract this is: another one is another plan.", option))
                continue
            old = value_at(whole, path)
            whole = with_value(whole, path, value)
        except NoSuchPlaceError as error:
            faults.append(_bad_key(f"'{key}': {error}.", option))
            continue
        texts = [None if item is None else toml_text(item) for item in (old, value)]
        if texts[0] != texts[1]:
            keys.append(VariedKey(key=spelled(path), old=texts[0], new=texts[1]))
    if faults:
        raise UsageError(faults)
    if not keys:
        cause = "The plan states this already: nothing would change."
        raise UsageError(Fault("USAGE_VARIATION_NOTHING", cause, "Say what was agreed.", Place(key="--set")))
    return whole, tuple(keys)


def _pair(text: str) -> tuple[str, object]:
    """``KEY=VALUE``: the value as TOML, or, where it is none, as the text it is. Raises UsageError."""
    key, equals, value = text.partition("=")
    if not equals or not key.strip() or not value.strip():
        raise UsageError(_bad_key(f"'{text}' is not KEY=VALUE.", "--set"))
    try:
        return key.strip(), toml_value(value.strip())
    except ValueError:
        if not BARE_TEXT.fullmatch(value.strip()):
            raise UsageError(_bad_key(f"'{value.strip()}' is not a value as TOML writes it.", "--set")) from None
        return key.strip(), value.strip()


def _refuse_words(plan: EvaluationPlan, agreed: Agreement) -> None:
    """Refuse names and reasons that say nothing or too much, a day out of order, and an unknown clause."""
    faults: list[Fault] = []
    for key, text, most in (*(("--by", name, 200) for name in agreed.by or ("",)), ("--reason", agreed.reason, 4000)):
        said = _one_line(text)
        if not said or len(said) > most:
            cause = "It is empty." if not said else f"It is longer than {most} characters."
            fix = "Say who agreed, and why, in words that will be printed in the report."
            faults.append(Fault("USAGE_VARIATION_WORDS", cause, fix, Place(key=key)))
        if CPR_SHAPED.search(said):
            cause = "It holds something shaped like a CPR number, and it would be printed in the report."
            faults.append(Fault("USAGE_VARIATION_WORDS", cause, "Leave people's numbers out.", Place(key=key)))
    last = plan.variations[-1].on if plan.variations else None
    if last is not None and agreed.on < last:
        cause = f"The variation before it was agreed on {last}; this one says {agreed.on}."
        faults.append(Fault("USAGE_VARIATION_DATE", cause, "Give the day on which it was agreed.", Place(key="--on")))
    known = [clause.id for clause in plan.governance.clause]
    if agreed.clause is not None and agreed.clause not in known:
        cause = f"No [[governance.clause]] has the id '{agreed.clause}'."
        fix = f"Use one of: {', '.join(known)}." if known else "Leave --clause out: the plan has no clauses."
        near = did_you_mean(agreed.clause, known)
        faults.append(Fault("USAGE_UNKNOWN_CLAUSE", cause, fix, Place(key="--clause"), near))
    if faults:
        raise UsageError(faults)


def _one_line(text: str) -> str:
    """Text on one line without control characters."""
    return " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())


def _bad_key(cause: str, option: str) -> Fault:
    """A key or value that cannot be used."""
    fix = "Write KEY=VALUE, for example payment.rule[tiers].cap=5000000 or governance.decide_from=2026-03-01."
    return Fault("USAGE_VARIATION_KEY", cause, fix, Place(key=option))
