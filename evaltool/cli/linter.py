"""Faults and doubts as a linter prints them: file and line, code, sentence, fix, and the line itself, marked."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from evaltool.cli.terminal import remark, say
from evaltool.errors import Fault

WIDEST = 110
"""Characters of a line of the plan that are shown."""
STYLES = {"error": "bold red", "warning": "bold yellow", "note": "bold cyan"}
Piece = tuple[str, str]
"""A text and its style on a terminal."""


@dataclass(frozen=True, slots=True)
class Source:
    """The plan's file by name, and its lines; none when it cannot be read as text."""

    name: str
    lines: tuple[str, ...] = ()

    @classmethod
    def of(cls, path: Path) -> Source:
        """The file as it stands now."""
        try:
            text = path.read_text(encoding="utf-8-sig")
        except (OSError, UnicodeDecodeError):
            return cls(path.name)
        return cls(path.name, tuple(text.split("\n")))

    def line(self, fault: Fault) -> str | None:
        """The line a fault points to, without its end; None where it points elsewhere or nowhere."""
        number = fault.place.line
        if number is None or fault.place.file != self.name or not 1 <= number <= len(self.lines):
            return None
        return "".join(sign if sign.isprintable() else " " for sign in self.lines[number - 1].rstrip())


def marked(line: str, key: str | None) -> tuple[str, str]:
    """The line as shown, and the underline that goes below it.

    The value is marked where the fault's key stands on the line, the key itself inside an inline table, else the
    whole line: a table in which something is missing.
    """
    lead = len(line) - len(line.lstrip())
    start, end = lead, len(line)
    last = re.sub(r"\[\d+\]$", "", key or "").rsplit(".", 1)[-1]
    found = re.search(rf"(?<![\w.-])[\"']?{re.escape(last)}[\"']?\s*=\s*", line) if last else None
    if found is not None and found.start() == lead:
        start = found.end()
        end = len(re.sub(r"\s+#[^\"']*$", "", line))
    elif found is not None:
        start, end = found.start(), len(line[: found.end()].rstrip(" =\t"))
    shown = line if len(line) <= WIDEST else f"{line[: WIDEST - 1]}…"
    start = min(start, len(shown) - 1)
    return shown, " " * start + "^" * max(min(end, len(shown)) - start, 1)


def written(fault: Fault, severity: str, source: Source) -> tuple[tuple[Piece, ...], ...]:
    """One finding, line by line."""
    place = fault.place
    head = f"{place.file}:{place.line}" if place.file and place.line else place.file or ""
    rest = str(place)[len(head) :].strip()
    lines: list[tuple[Piece, ...]] = [
        (
            (f"{head}: " if head else "", "bold"),
            (severity, STYLES[severity]),
            (f" {fault.code}", "bold"),
            (f"  {rest}" if rest else "", "dim"),
        ),
        ((f"  {fault.cause}", ""),),
    ]
    line = source.line(fault)
    if line:
        shown, below = marked(line, place.key)
        number = str(place.line)
        lines += [
            ((f"  {number} | ", "dim"), (shown, "")),
            ((f"  {' ' * len(number)} | ", "dim"), (below, STYLES[severity])),
        ]
    guess = f" Did you mean '{fault.suggestion}'?" if fault.suggestion else ""
    lines.append((("  fix: ", "green"), (f"{fault.fix}{guess}", "")))
    return tuple(lines)


def show(lines: Sequence[tuple[Piece, ...]], *, beside: bool = False) -> None:
    """Print a finding and a blank line: coloured on a terminal, plain and unwrapped anywhere else."""
    if on_terminal(beside):
        from rich.console import Console  # noqa: PLC0415 - loaded only for terminals
        from rich.text import Text  # noqa: PLC0415 - same

        console = Console(stderr=beside, highlight=False, soft_wrap=True)
        for pieces in lines:
            console.print(Text.assemble(*pieces))
        console.print()
        return
    plain = "\n".join("".join(text for text, _ in pieces).rstrip() for pieces in lines)
    (remark if beside else say)(f"{plain}\n")


def on_terminal(beside: bool) -> bool:
    """Whether a person reads along: standard output, or standard error, is a terminal."""
    return (sys.stderr if beside else sys.stdout).isatty()


def finding_table(fault: Fault, severity: str) -> dict[str, object]:
    """One finding as a flat JSON object, for editors and other programs."""
    return {
        "code": fault.code,
        "severity": severity,
        "file": fault.place.file,
        "line": fault.place.line,
        "key": fault.place.key,
        "cause": fault.cause,
        "fix": fault.fix,
        "suggestion": fault.suggestion,
    }


def counted(number: int, noun: str) -> str:
    """``1 fault``, ``2 faults``."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
