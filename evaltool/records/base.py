"""What every record shares: frozen, strict, no unknown field, canonical JSON."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from enum import Enum
from typing import Annotated, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field
from typing_extensions import TypeAliasType

WRITABLE = "a finite number, a date, text, true or false, or a list or table of those"
MOST_DIGITS, FURTHEST = 30, 18
"""Digits and powers of ten within which a contract's numbers lie; thirds are written with many digits."""
EARLIEST, LATEST = date(1900, 1, 1), date(2199, 12, 31)
"""Bounds of every date of a plan."""
Json = TypeAliasType("Json", "bool | int | float | str | list[Json] | dict[str, Json] | None")


class Record(BaseModel):
    """A frozen value. A record that exists is valid."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, arbitrary_types_allowed=False)

    def to_json(self) -> Json:
        """This record as plain JSON values: decimals and dates as text, no NaN anywhere."""
        return plain(self)

    @classmethod
    def from_json(cls, value: Json) -> Self:
        """The record that ``to_json`` wrote.

        Raises pydantic.ValidationError when the value does not describe one.
        """
        return cls.model_validate_json(json.dumps(value), strict=True)


def plain(value: object) -> Json:  # noqa: PLR0911 - one return per kind of value is the clearest table
    """``value`` as JSON values. Raises ValueError for NaN or infinity, TypeError for what JSON cannot say."""
    if isinstance(value, BaseModel):
        fields = type(value).model_fields
        return {info.alias or name: plain(getattr(value, name)) for name, info in fields.items() if not info.exclude}
    if isinstance(value, Enum):
        return plain(value.value)
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        if not math.isfinite(value):
            message = "a number that is not finite cannot be recorded"
            raise ValueError(message)
        return value + 0.0
    if isinstance(value, Decimal | date):
        return str(value) if isinstance(value, Decimal) else value.isoformat()
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, Sequence):
        return [plain(item) for item in value]
    message = f"cannot write {type(value).__name__} as JSON: expected {WRITABLE}"
    raise TypeError(message)


def stated(value: object) -> object:
    """``value`` without the fields of records that equal their default; what is left says what was stated."""
    if isinstance(value, BaseModel):
        fields = type(value).model_fields
        return {
            info.alias or name: stated(getattr(value, name))
            for name, info in fields.items()
            if info.is_required() or getattr(value, name) != info.get_default(call_default_factory=True)
        }
    if isinstance(value, Mapping):
        return {key: stated(item) for key, item in value.items()}
    return tuple(stated(item) for item in value) if isinstance(value, tuple) else value


def canonical_json(value: object) -> bytes:
    """UTF-8 JSON with sorted keys, two-space indent and a final newline: one value, one byte string."""
    return (json.dumps(plain(value), ensure_ascii=False, allow_nan=False, sort_keys=True, indent=2) + "\n").encode()


def seal_of(value: object) -> str:
    """Hexadecimal sha256 of the canonical JSON: the seal of a record."""
    return hashlib.sha256(canonical_json(value)).hexdigest()


def exact(value: object) -> object:
    """An int, Decimal or decimal text as Decimal; anything else unchanged, for pydantic to refuse."""
    if isinstance(value, bool | float):
        message = "write a decimal number; true, false and binary floats are not exact"
        raise ValueError(message)  # noqa: TRY004 - pydantic turns ValueError, not TypeError, into a fault
    if isinstance(value, int):
        return Decimal(value)
    if isinstance(value, str):
        try:
            return Decimal(value)
        except ArithmeticError:
            message = f"'{value}' is not a decimal number"
            raise ValueError(message) from None
    return value


def beyond(value: Decimal) -> str | None:
    """Why no contract states this number: more digits than people read, or too far from one; None when it is fine."""
    digits = value.as_tuple().digits
    if len(digits) > MOST_DIGITS:
        return f"it has {len(digits)} digits; at most {MOST_DIGITS} are read"
    if abs(value.adjusted()) > FURTHEST:
        return f"it lies beyond 1e{FURTHEST} or below 1e-{FURTHEST}"
    return None


def agreed(value: object) -> object:
    """``exact``, and of a size that a contract can state."""
    found = exact(value)
    reason = beyond(found) if isinstance(found, Decimal) and found.is_finite() else None
    if reason is not None:
        message = f"no contract states such a number: {reason}"
        raise ValueError(message)
    return found


def whole(value: object) -> object:
    """Only a whole number: true and 1.0 equal 1, but are not it."""
    if isinstance(value, bool) or not isinstance(value, int):
        message = "write a whole number without quotes"
        raise ValueError(message)  # noqa: TRY004 - pydantic turns ValueError, not TypeError, into a fault
    return value


def unsigned_zero(value: Decimal) -> Decimal:
    """−0 becomes 0. NaN and infinities never get here: the model's Decimal refuses them."""
    return abs(value) if value == 0 else value


def tuples(value: object) -> object:
    """Every list in ``value`` as a tuple, since strict records hold tuples and TOML gives lists."""
    if isinstance(value, Mapping):
        return {key: tuples(item) for key, item in value.items()}
    return tuple(tuples(item) for item in value) if isinstance(value, list | tuple) else value


Exact = Annotated[Decimal, BeforeValidator(exact), AfterValidator(unsigned_zero)]
"""A finite Decimal read without passing through binary floating point."""
Agreed = Annotated[Decimal, BeforeValidator(agreed), AfterValidator(unsigned_zero)]
"""An exact number that people state: at most 30 digits, and between 1e-18 and 1e18 in size."""
Share = Annotated[Agreed, Field(ge=0, le=1)]
"""A fraction between 0 and 1."""
Day = Annotated[date, Field(ge=EARLIEST, le=LATEST)]
"""A date within living contracts and their history."""
Finite = Annotated[float, Field(allow_inf_nan=False)]
"""A finite binary float."""
Slug = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_.-]{0,63}$")]
"""A short lower-case identifier."""
Text = Annotated[str, Field(min_length=1, max_length=4000)]


class Words(Record):
    """A text in both report languages; a missing one falls back to the other."""

    da: Text | None = None
    en: Text | None = None

    def in_language(self, lang: str) -> str:
        """The text in ``lang``, or in the other language, or an empty string when neither is written."""
        first, second = (self.da, self.en) if lang == "da" else (self.en, self.da)
        return first or second or ""
