"""Ids that identify people: recognised, refused, and replaced by keyed pseudonyms."""

from __future__ import annotations

import hashlib
import hmac

import numpy as np

from evaltool.reading.data_faults import BoolArray
from evaltool.reading.values import Values

HANDFUL = 5
"""So few ids of ten digits may look like CPR numbers by chance."""
SHARE = 0.2
"""About one in 27 ten-digit numbers, and one in nine of nine digits, starts with a valid day and month by chance."""
FEW = 3
"""From so many ids on, a column of nothing but such ids is refused."""


def pseudonym(key: bytes, identifier: str) -> str:
    """A pseudonym of 32 hexadecimal digits: HMAC-SHA256 of the id under a secret key, cut to 128 bits.

    The same key gives the same pseudonym, so files can be linked; without the key it cannot be computed, which a
    plain hash of a CPR number can. Keep the key outside the data and the plan. Raises ValueError when the key has
    fewer than 16 bytes.
    """
    if len(key) < 16:  # noqa: PLR2004 - 128 bits
        message = "the key must have at least 16 bytes"
        raise ValueError(message)
    return hmac.new(key, identifier.encode("utf-8"), hashlib.sha256).hexdigest()[:32]


def looks_like_cpr(values: Values) -> int:
    """How many distinct ids look like CPR numbers, when they are too many for chance; else 0.

    Ten digits (DDMMYYXXXX or DDMMYY-XXXX) that start with a valid date; replacement numbers (day plus 60) count too.
    Nine digits have lost their leading zero. Ids with the hyphen count from the first: chance does not
    write hyphens.
    """
    names = values.ids.names
    if values.kind == "integer":
        numbers = names.astype(np.int64)
        found = int(((numbers >= 10**8) & (numbers < 10**10) & _dated(numbers)).sum())
        hyphens = False
    else:
        digits = [_ten_digits(str(name)) for name in names]
        shaped = _dated(np.array([int(text or 0) for text in digits], dtype=np.int64))
        found = int(shaped.sum())
        hyphens = any(hit and len(str(name)) == len("DDMMYY-XXXX") for hit, name in zip(shaped, names, strict=True))
    many = found > HANDFUL and found > SHARE * len(names)
    everyone = FEW <= found == len(names)
    return found if hyphens or many or everyone else 0


def _ten_digits(text: str) -> str | None:
    """The digits of DDMMYYXXXX, DDMMYY-XXXX, DDMMYY XXXX or, a leading zero lost, DMMYYXXXX; None for other texts."""
    text = text.zfill(len("DDMMYYXXXX")) if len(text) == len("DMMYYXXXX") else text
    digits = text[:6] + text[7:] if len(text) == len("DDMMYY-XXXX") and text[6] in "- " else text
    return digits if len(digits) == len("DDMMYYXXXX") and digits.isascii() and digits.isdigit() else None


def _dated(numbers: np.ndarray[tuple[int, ...], np.dtype[np.int64]]) -> BoolArray:
    """Whether the first six of ten digits are a day, month and year."""
    day, month, year = numbers // 10**8, numbers // 10**6 % 100, numbers // 10**4 % 100
    day = np.where(day > 60, day - 60, day)  # noqa: PLR2004 - replacement numbers
    lengths = np.array([0, 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31], dtype=np.int64)
    in_year = (month >= 1) & (month <= 12)  # noqa: PLR2004 - months
    longest = lengths[np.where(in_year, month, 0)]
    # 29 February 1900 did not exist, but 2000 did, and the century is not in the date
    longest = np.where((month == 2) & (year % 4 != 0), 28, longest)  # noqa: PLR2004 - February
    return in_year & (day >= 1) & (day <= longest)
