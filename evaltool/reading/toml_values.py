"""Values and key paths of a plan's TOML document: spelled, found, replaced. Documents are never changed in place."""

from __future__ import annotations

import copy
import json
import re
import tomllib
from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal

from evaltool.reading.toml_lines import KeyPath

PART = re.compile(r"([A-Za-z0-9_-]+)|\[([^\]]+)\]|\.")
NAMED_BY = ("id", "name")
"""Keys by which an entry of a repeated table may be named instead of counted."""


class NoSuchPlaceError(LookupError):
    """The document has nothing at a key path; ``str`` says where the path ends."""


def toml_text(value: object) -> str:
    """A value as TOML writes it. Raises TypeError for what TOML, or a plan, cannot hold."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | Decimal):
        return str(value)
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{_bare(str(name))} = {toml_text(item)}" for name, item in value.items()) + " }"
    if isinstance(value, Sequence):
        return "[" + ", ".join(toml_text(item) for item in value) + "]"
    message = f"TOML cannot write {type(value).__name__}"
    raise TypeError(message)


def toml_value(text: str) -> object:
    """The value that ``text`` writes; decimals are exact. Raises ValueError when it is not one TOML value."""
    document = tomllib.loads(f"value = {text}", parse_float=Decimal)
    if set(document) != {"value"}:
        message = "more than one value"
        raise ValueError(message)
    found: object = document["value"]
    return found


def key_path(text: str, document: Mapping[str, object]) -> KeyPath:
    """``payment.rule[tiers].cap`` as a path; entries are counted from 0 or named by their id or name.

    Raises NoSuchPlaceError when ``text`` is no key path or names an entry that is not there.
    """
    path: KeyPath = ()
    at = 0
    while at < len(text):
        found = PART.match(text, at)
        if found is None or (found.group(0) == "." and (not path or text[at - 1] == ".")):
            message = f"'{text}' is not a key path; write payment.cap, payment.rule[0].cap or payment.rule[id].cap"
            raise NoSuchPlaceError(message)
        at = found.end()
        if found.group(1):
            path = (*path, found.group(1))
        elif found.group(2):
            path = (*path, _entry(found.group(2), path, document))
    if not path or text.endswith("."):
        message = "the key path is empty or ends with a dot"
        raise NoSuchPlaceError(message)
    return path


def value_at(document: Mapping[str, object], path: KeyPath) -> object:
    """The value at a path; None when there is none."""
    here: object = document
    for part in path:
        if isinstance(here, Mapping) and isinstance(part, str):
            here = here.get(part)
        elif isinstance(here, list) and isinstance(part, int) and part < len(here):
            here = here[part]
        else:
            return None
    return here


def with_value(document: Mapping[str, object], path: KeyPath, value: object) -> dict[str, object]:
    """A copy of the document with the value there; None takes the key away. Tables on the way are made.

    Raises NoSuchPlaceError for an entry beyond the end of a list, or a key below something that is no table.
    """
    whole = copy.deepcopy(dict(document))
    here: object = whole
    for part in path[:-1]:
        if isinstance(here, dict) and isinstance(part, str):
            here = here.setdefault(part, {})
        elif isinstance(here, list) and isinstance(part, int) and part < len(here):
            here = here[part]
        else:
            raise NoSuchPlaceError(_nothing_at(part))
    last = path[-1]
    if isinstance(here, dict) and isinstance(last, str):
        here.pop(last, None) if value is None else here.__setitem__(last, value)
    elif isinstance(here, list) and isinstance(last, int) and last <= len(here):
        here[last : last + 1] = [] if value is None else [value]
    else:
        raise NoSuchPlaceError(_nothing_at(last))
    return whole


def _entry(name: str, path: KeyPath, document: Mapping[str, object]) -> int:
    """The place of an entry, counted or named. Raises NoSuchPlaceError."""
    if name.isdecimal():
        return int(name)
    entries = value_at(document, path)
    for number, item in enumerate(entries if isinstance(entries, list) else ()):
        if isinstance(item, Mapping) and name in {item.get(key) for key in NAMED_BY if isinstance(item.get(key), str)}:
            return number
    raise NoSuchPlaceError(_nothing_at(name))


def _nothing_at(part: str | int) -> str:
    """What is said of a part that leads nowhere."""
    return f"the plan has nothing at '{part}'"


def _bare(name: str) -> str:
    """A key as TOML writes it."""
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else json.dumps(name, ensure_ascii=False)
