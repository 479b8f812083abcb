"""What stands in the plan's own words: terms left open, counts beside percentages, a second currency."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction

from evaltool.planning.lint.finding import Finding, Reading, warning
from evaltool.records.base import Record

OPEN_WORDS = re.compile(
    r"\b(tbd|tba|tbc|to be (determined|agreed|decided|confirmed|defined|settled|negotiated)|not yet (agreed|decided|"
    r"determined|settled)|(fastsættes|aftales|afklares|fastlægges) (senere|nærmere)|efter nærmere aftale|udestår|"
    r"endnu ikke (aftalt|fastsat|fastlagt|afklaret)|xx+)\b|\?\?+|\[…\]|\[\.\.\.\]",
    re.IGNORECASE,
)
"""Words that leave a term open."""
NOT_PROSE = re.compile(
    r"(^data\.(query|path|sheet|date_format|delimiter|files\b|missing_codes\b|column\[\d+\]\.(name|allowed|never)\b)"
    r"|\.manifest$)"
)
"""Places whose texts are names, codes and queries: nobody writes terms there."""
SHARE_AND_COUNT = re.compile(
    r"(?P<least>\b(?:at least|no less than|not less than|mindst|minimum|min\.)\s+|[≥>]=?\s*)?"
    r"(?P<percent>\d+(?:[.,]\d+)?)\s*(?:%|per ?cent\b|pct\b\.?|procent\b)\s*"
    r"[(\[,:–-]?\s*(?:i\.e\.\s*|dvs\.\s*)?(?P<count>\d+)\s*(?:out of|ud af|of|af|/)\s*(?:the\s+|de\s+)?(?P<of>\d+)",
    re.IGNORECASE,
)
"""A percentage and the count that is meant to be the same: "at least 31 % (50 of 162)"."""
CURRENCY = re.compile(r"\b(DKK|EUR|SEK|NOK|GBP|USD|CHF|ISK|PLN|AUD|CAD|NZD|JPY)\b|[€£$¥]|\b(euro|dollars?)\b")
DOLLARS = ("USD", "AUD", "CAD", "NZD")
MEANS = {"€": ("EUR",), "euro": ("EUR",), "£": ("GBP",), "¥": ("JPY",), "$": DOLLARS}
MEANS |= {"dollar": DOLLARS, "dollars": DOLLARS}
"""The currencies that a sign or word may stand for; a code stands for itself."""
AMOUNTS = re.compile(
    r"^(outcome\[\d+\]\.unit|data\.column\[\d+\]\.unit|budget_gain\[\d+\]\.title|payment\.|investment\.|"
    r"governance\.clause\[\d+\]\.text)"
)
"""Places whose words may name a currency."""


def texts(value: object, key: str = "") -> Iterator[tuple[str, str]]:
    """Every text of a record with its key path, in the order of its fields."""
    if isinstance(value, str):
        yield key, value
    elif isinstance(value, Record):
        for name, info in type(value).model_fields.items():
            yield from texts(getattr(value, name), f"{key}.{info.alias or name}" if key else info.alias or name)
    elif isinstance(value, Mapping):
        for name, item in value.items():
            yield from texts(item, f"{key}.{name}")
    elif isinstance(value, tuple):
        for number, item in enumerate(value):
            yield from texts(item, f"{key}[{number}]")


def prose(reading: Reading) -> Iterator[tuple[str, str]]:
    """Every text of the plan that a person wrote for people, with its key; both languages under the key of the text."""
    for key, text in texts(reading.plan):
        if not NOT_PROSE.search(key):
            yield re.sub(r"\.(da|en)$", "", key), text


def to_be_determined(reading: Reading) -> Iterable[Finding]:
    """LINT_TO_BE_DETERMINED: a term that is still open defines nothing."""
    told: set[str] = set()
    for key, text in prose(reading):
        found = OPEN_WORDS.search(text)
        if found and key not in told:
            told.add(key)
            sentence = f"'{found.group(0)}' leaves open what must be settled before the plan is locked."
            yield warning("LINT_TO_BE_DETERMINED", key, sentence, "Write what was agreed.")


def count_and_share_in_words(reading: Reading) -> Iterable[Finding]:
    """LINT_COUNT_AND_SHARE: "at least 31 % (50 of 162)", but 50 of 162 is 30.9 % (a real case)."""
    told: set[tuple[str, str]] = set()
    for key, text in prose(reading):
        for found in SHARE_AND_COUNT.finditer(text):
            why = _disagree(found)
            if why is not None and (key, why) not in told:
                told.add((key, why))
                sentence = f"'{found.group(0).strip()}': {why}."
                fix = "State which of the two decides, and correct the other."
                yield warning("LINT_COUNT_AND_SHARE", key, sentence, fix)


def _disagree(found: re.Match[str]) -> str | None:
    """Why the count is not the percentage; None when it is, to the digits the percentage is written with."""
    shown = Decimal(found["percent"].replace(",", "."))
    count, of = int(found["count"]), int(found["of"])
    if of == 0:
        return "nothing can be a share of 0"
    percent = Decimal(100 * count) / Decimal(of)
    share, real = Fraction(shown) / 100, Fraction(count, of)
    if found["least"] and real < share:
        return f"count and percent disagree: {count}/{of} = {percent:.1f} percent, below the stated {shown} percent"
    if found["least"] and count > 0 and Fraction(count - 1, of) >= share:
        fewer = Decimal(100 * (count - 1)) / Decimal(of)
        return f"count and percent disagree: {count - 1}/{of} = {fewer:.1f} percent reaches {shown} percent already"
    if not found["least"] and percent.quantize(Decimal(1).scaleb(shown.as_tuple().exponent), ROUND_HALF_UP) != shown:  # type: ignore[arg-type]  # a finite number's exponent is a number
        return f"count and percent disagree: {count}/{of} = {percent:.1f} percent, not {shown} percent"
    return None


def second_currency(reading: Reading) -> Iterable[Finding]:
    """LINT_SECOND_CURRENCY: every amount of the plan is in one currency, and no rate of exchange is agreed."""
    own = reading.plan.programme.currency
    told: set[str] = set()
    for key, text in prose(reading):
        if key in told or not AMOUNTS.search(key):
            continue
        foreign = [
            sign for sign in (m.group(0) for m in CURRENCY.finditer(text)) if own not in MEANS.get(sign, (sign,))
        ]
        if foreign:
            told.add(key)
            sentence = f"'{foreign[0]}' is named here, and every amount of the plan is in {own}."
            fix = f"Write the amount in {own}, or say by which published rate, of which day, it is converted."
            yield warning("LINT_SECOND_CURRENCY", key, sentence, fix)
