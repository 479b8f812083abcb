"""What the parties changed in the locked plan, in words: who agreed, when, why, and from what to what."""

from __future__ import annotations

from evaltool.records.variation import VariedKey
from evaltool.report.telling import Telling


def lock_words(telling: Telling) -> str:
    """Whether the plan was locked, and whether it is the locked plan or a varied one that was used."""
    lock = telling.run.lock
    if lock.state != "locked":
        return telling.say("text.never_locked")
    return telling.say("text.locked_varied" if lock.variations else "text.locked")


def variation_lines(telling: Telling) -> list[str]:
    """One line of Markdown for each signed variation, in order."""
    return [
        telling.tell(
            "variation.line",
            {
                "number": str(record.number),
                "on": telling.day(record.on),
                "by": ", ".join(record.by),
                "clause": telling.say("variation.clause", {"clause": record.clause}) if record.clause else "",
                "reason": record.reason if record.reason.endswith((".", "!", "?")) else f"{record.reason}.",
                "changes": "; ".join(_change(telling, change) for change in record.change),
            },
        )
        for record in telling.run.lock.variations
    ]


def _change(telling: Telling, change: VariedKey) -> str:
    """One key, from what to what, as the plan writes it."""
    key = "changed" if change.old is not None and change.new is not None else "gone" if change.new is None else "added"
    values = {"key": change.key, "old": change.old or "", "new": change.new or ""}
    return telling.say(f"variation.{key}", {name: value for name, value in values.items() if value})
