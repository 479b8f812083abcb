"""The words of the reports: one key, one sentence in Danish and one in English.

Texts stand in ``texts/<language>/<topic>.toml``; a key is ``table.name``. Both languages hold the same keys with
the same ``{places}`` (a test compares them). A value filled into a place is never read again as a template.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType

LANGUAGES = ("da", "en")
TEXTS = Path(__file__).resolve().parent / "texts"
ABBREVIATION = re.compile(r"\b(kr|pct)(\\?\.)\.(?!\.)")
"""An abbreviation's full stop also ends its sentence; the second stop may follow an escape of Markdown."""
NUMBERED_COHORT = re.compile(r"cohort[_-]?(\w{1,4})")
NOTHING: Mapping[str, str] = MappingProxyType({})


@cache
def all_words(lang: str) -> Mapping[str, str]:
    """Every key of ``lang`` with its text. Raises ValueError for a language that is not spoken."""
    if lang not in LANGUAGES:
        message = f"reports are written in {' and '.join(LANGUAGES)}, not in '{lang}'"
        raise ValueError(message)
    found: dict[str, str] = {}
    for path in sorted((TEXTS / lang).glob("*.toml")):
        for table, entries in tomllib.loads(path.read_text(encoding="utf-8")).items():
            for name, text in entries.items():
                key = f"{table}.{name}"
                if key in found:
                    message = f"{path.name} says '{key}' a second time"
                    raise ValueError(message)
                found[key] = str(text)
    return MappingProxyType(found)


@dataclass(frozen=True, slots=True)
class Voice:
    """One report language."""

    lang: str

    def say(self, key: str, values: Mapping[str, str] = NOTHING) -> str:
        """The sentence called ``key`` with its places filled. Raises KeyError for an unknown key or place."""
        text = all_words(self.lang)[key]
        return ABBREVIATION.sub(r"\1\2", text.format_map(values)) if values else text

    def says(self, key: str) -> bool:
        """Whether there is a sentence called ``key``."""
        return key in all_words(self.lang)

    def cohort(self, cohort: str) -> str:
        """A cohort's id in words: ``cohort_1`` is "Kohorte 1" in Danish; any other id is made readable."""
        numbered = NUMBERED_COHORT.fullmatch(cohort)
        if numbered:
            return f"{self.say('label.cohort')} {numbered[1]}"
        words = cohort.replace("_", " ").replace("-", " ")
        return words[:1].upper() + words[1:]

    def name_of(self, table: str, name: str) -> str:
        """The words for ``name`` in ``table``; the bare name, made readable, where the table lacks it."""
        key = f"{table}.{name}"
        return self.say(key) if self.says(key) else name.replace("_", " ")
