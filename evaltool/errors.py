"""One error root, one family per stage of the corridor, each with its exit code.

Every error carries *all* the faults found, not the first one. A fault has a stable code (explained by
``evaltool explain CODE``), a place, a cause, a fix and, where a name was mistyped, a suggestion.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

EXIT_OK = 0
EXIT_USAGE = 2
EXIT_DATA = 3
EXIT_RUN = 4
EXIT_VERIFICATION = 5
EXIT_DISCLOSURE = 6
EXIT_INTERRUPTED = 130


@dataclass(frozen=True, slots=True)
class Place:
    """Where a fault stands. Whatever is unknown is left out of the message."""

    file: str | None = None
    line: int | None = None
    key: str | None = None
    column: str | None = None
    unit: str | None = None

    def __str__(self) -> str:
        """``plan.toml:12 payment.rule[0].basis`` or ``data.csv:7 column 'absence'``."""
        head = self.file or ""
        if self.line is not None:
            head = f"{head}:{self.line}" if head else f"line {self.line}"
        parts = [head] if head else []
        if self.key:
            parts.append(self.key)
        if self.column:
            parts.append(f"column '{self.column}'")
        if self.unit:
            parts.append(f"unit {self.unit}")
        return " ".join(parts)


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong: stable code, cause, fix, place and (for mistyped names) a suggestion."""

    code: str
    cause: str
    fix: str
    place: Place = field(default_factory=Place)
    suggestion: str | None = None

    def __str__(self) -> str:
        """The fault as two or three plain lines."""
        where = str(self.place)
        lines = [f"{self.code}  {where}" if where else self.code, f"  {self.cause}"]
        lines.append(f"  fix: {self.fix}" + (f" Did you mean '{self.suggestion}'?" if self.suggestion else ""))
        return "\n".join(lines)


class EvaltoolError(Exception):
    """The root. ``faults`` is never empty; ``exit_code`` is the family's."""

    exit_code: int = EXIT_RUN
    family: str = "evaltool"

    def __init__(self, faults: Fault | Iterable[Fault]) -> None:
        """Hold every fault found, in the order given."""
        self.faults: tuple[Fault, ...] = (faults,) if isinstance(faults, Fault) else tuple(faults)
        if not self.faults:
            message = "an EvaltoolError needs at least one fault"
            raise ValueError(message)
        super().__init__("\n".join(str(fault) for fault in self.faults))

    def __reduce__(self) -> tuple[type[EvaltoolError], tuple[tuple[Fault, ...]]]:
        """Pickle by faults, so that the error survives a process boundary."""
        return (type(self), (self.faults,))

    @property
    def codes(self) -> tuple[str, ...]:
        """The stable codes, in order."""
        return tuple(fault.code for fault in self.faults)


class UsageError(EvaltoolError):
    """A command, argument or folder is wrong."""

    exit_code = EXIT_USAGE
    family = "usage"


class PlanError(EvaltoolError):
    """The plan is not a plan."""

    exit_code = EXIT_USAGE
    family = "plan"


class SealError(EvaltoolError):
    """Something changed after it was sealed."""

    exit_code = EXIT_USAGE
    family = "seal"


class DataError(EvaltoolError):
    """The data cannot be read or contradict the plan."""

    exit_code = EXIT_DATA
    family = "data"


class RunError(EvaltoolError):
    """The evaluation could not be carried out, or two computations disagree."""

    exit_code = EXIT_RUN
    family = "run"


class VerificationError(EvaltoolError):
    """A bundle is not what its manifest says, or a rerun differs."""

    exit_code = EXIT_VERIFICATION
    family = "verification"


class DisclosureError(EvaltoolError):
    """Releasing the result would reveal something about few people."""

    exit_code = EXIT_DISCLOSURE
    family = "disclosure"


FAMILIES: dict[str, type[EvaltoolError]] = {
    kind.family: kind
    for kind in (UsageError, PlanError, SealError, DataError, RunError, VerificationError, DisclosureError)
}


def did_you_mean(name: str, known: Sequence[str]) -> str | None:
    """The known name nearest to ``name``, or None when nothing is near."""
    lowered = {candidate.lower(): candidate for candidate in sorted(known, reverse=True)}
    matches = difflib.get_close_matches(name.lower(), sorted(lowered), n=1, cutoff=0.6)
    return lowered[matches[0]] if matches else None
