"""What a report section is, and how sections are found: one file each in ``sections/``."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

from evaltool.errors import Fault, UsageError, did_you_mean
from evaltool.records.run import Run
from evaltool.report.blocks import Block, Blocks, Prose
from evaltool.report.telling import Telling

PACKAGE = "evaltool.report.sections"


@dataclass(frozen=True, slots=True)
class Section:
    """A section: its name (that of its file), and the blocks it makes of a run.

    Its heading is the text ``section.<name>``; a section that has nothing to say returns no block and vanishes.
    """

    name: str
    build: Callable[[Telling], tuple[Block, ...]]


@cache
def section_names() -> tuple[str, ...]:
    """Every section, by file name."""
    root = importlib.import_module(PACKAGE)
    names = [info.name for info in pkgutil.iter_modules(root.__path__)]
    return tuple(sorted(name for name in names if not name.startswith("_")))


def find_section(name: str) -> Section:
    """The section called ``name``. Raises UsageError (USAGE_UNKNOWN_SECTION) with a suggestion."""
    if name not in section_names():
        raise UsageError(
            Fault(
                code="USAGE_UNKNOWN_SECTION",
                cause=f"There is no report section called '{name}'.",
                fix=f"Use one of: {', '.join(section_names())}.",
                suggestion=did_you_mean(name, section_names()),
            )
        )
    section: object = importlib.import_module(f"{PACKAGE}.{name}").SECTION
    if not isinstance(section, Section) or section.name != name:
        message = f"{PACKAGE}.{name}.SECTION must be a Section named '{name}'"
        raise TypeError(message)
    return section


def build_section(name: str, run: Run, lang: str) -> Blocks:
    """The section's blocks with its heading in front; no blocks at all when it has nothing to say."""
    telling = Telling(run, lang)
    blocks = find_section(name).build(telling)
    if not blocks:
        return Blocks(section=name, blocks=())
    return Blocks(section=name, blocks=(Prose(heading=telling.say(f"section.{name}")), *blocks))
