"""One delivered column becomes values of its declared type; whatever does not fit is a fault with its row."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from functools import cached_property
from typing import cast

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from evaltool.numerics.distinct import coded
from evaltool.reading.data_faults import BoolArray, DataFaults
from evaltool.reading.spec import Signs
from evaltool.reading.table import Raw, text_at, texts
from evaltool.records.panel import IntArray
from evaltool.records.plan.data import Column, Kind

EPOCH = date(1970, 1, 1)
LARGEST, SMALLEST = 1e100, 1e-100
"""Numbers beyond the first are refused, and columns wholly below the second: their squares would not hold."""
TRUE, FALSE = ("true", "1", "ja", "yes", "sand"), ("false", "0", "nej", "no", "falsk")
Numbers = np.ndarray[tuple[int, ...], np.dtype[np.int64]] | np.ndarray[tuple[int, ...], np.dtype[np.float64]]
Objects = np.ndarray[tuple[int, ...], np.dtype[np.object_]]


@dataclass(frozen=True, slots=True, eq=False)
class Ids:
    """Values as ranks: numbers numerically, text by code point. ``names`` in rank order; rank −1 where unusable."""

    ranks: IntArray
    names: Numbers | Objects


@dataclass(frozen=True, eq=False)
class Values:
    """(rows,) decoded values. Where ``missing`` or ``wrong``, ``data`` holds a filler that means nothing.

    ``data`` is int64 (integer; date as days since 1970; boolean as 0 or 1), float64 (number) or str (text).
    """

    kind: Kind
    data: Numbers | Objects
    missing: BoolArray
    wrong: BoolArray

    @property
    def usable(self) -> BoolArray:
        """Rows with a value."""
        return ~(self.missing | self.wrong)

    @cached_property
    def ids(self) -> Ids:
        """The distinct values in canonical order, and each row's place among them. Computed once."""
        usable = self.usable
        ranks = np.full(len(usable), -1, dtype=np.int64)
        if self.kind != "text":
            if self.data.dtype == np.int64:
                whole, ranks[usable] = coded(self.data[usable].astype(np.int64))
                return Ids(ranks, whole)
            numbers, ranks[usable] = coded(self.data[usable].astype(np.float64))
            return Ids(ranks, numbers)
        codes, distinct = pd.factorize(self.data[usable])
        order = sorted(range(len(distinct)), key=distinct.tolist().__getitem__)
        place = np.empty(len(distinct), dtype=np.int64)
        place[order] = np.arange(len(distinct))
        ranks[usable] = place[codes]
        return Ids(ranks, np.asarray(distinct, dtype=object)[order])


def without_codes(raw: Raw, signs: Signs) -> tuple[Raw, BoolArray]:
    """The column with texts trimmed, and where it holds no value: null, or one of the missing codes."""
    if isinstance(raw, pa.StringArray):
        raw = pc.utf8_trim_whitespace(raw)
        coded = pc.is_in(raw, value_set=pa.array(signs.missing_codes, type=pa.string()))
        return raw, _mask(pc.or_(coded, pc.is_null(raw)))
    missing = _mask(pc.is_null(raw))
    if isinstance(raw, pa.Int64Array | pa.DoubleArray):
        values = raw.cast(pa.float64(), safe=False).fill_null(0.0).to_numpy(zero_copy_only=False)
        for code in signs.missing_codes:
            number = _as_number(code, signs)
            if number is not None:
                missing = missing | (values == number)
    return raw, missing


def convert(raw: Raw, column: Column, signs: Signs, faults: DataFaults) -> Values:
    """The column as its declared type. Faults: not a number, bad date, out of range, not allowed."""
    raw, missing = without_codes(raw, signs)
    return convert_present(raw, missing, column, signs=signs, faults=faults)


def convert_present(raw: Raw, missing: BoolArray, column: Column, *, signs: Signs, faults: DataFaults) -> Values:
    """As ``convert``, for a column whose missing values were found already."""
    decode = {"integer": _integers, "number": _floats, "text": _texts, "date": _dates, "boolean": _booleans}
    data, wrong, not_finite = decode[column.type](raw, missing, signs)
    code, what, fix = _words(column.type, signs)
    faults.at(
        code,
        wrong & ~not_finite,
        column.name,
        lambda row: (f"'{text_at(raw, row)}' is not {what}.", fix),
    )
    faults.at(
        "DATA_NOT_FINITE",
        not_finite,
        column.name,
        lambda row: (f"'{text_at(raw, row)}' is {_not_usable(raw, row)}.", "Correct it, or declare a missing code."),
    )
    values = Values(column.type, data, missing, wrong | not_finite)
    _check_range(values, raw, column, faults)
    return values


def _not_usable(raw: Raw, row: int) -> str:
    """Why a number cannot be computed with."""
    plain = re.fullmatch(r"[+-]?[0-9.,]*[0-9](e([+-]?)[0-9]+)?", text_at(raw, row), re.IGNORECASE)
    if plain is None:
        return "not a finite number"
    if plain[2] == "-":
        return f"smaller than {SMALLEST:g} in size, as all of the column"
    return f"larger than {LARGEST:g} in size"


def _words(kind: Kind, signs: Signs) -> tuple[str, str, str]:
    """Code, what was expected, and fix, for a value that is not of its type."""
    declared = f"decimal sign '{signs.decimal}'" + (f", thousands sign '{signs.thousands}'" if signs.thousands else "")
    mend = "Correct the value; if it means 'no value', add it to missing_codes."
    return {
        "integer": ("DATA_NOT_A_NUMBER", "a whole number", mend),
        "number": ("DATA_NOT_A_NUMBER", f"a number ({declared})", f"{mend} Are decimal and thousands as declared?"),
        "date": (
            "DATA_BAD_DATE",
            f"a date written as {signs.date_format}",
            "Correct the date, or declare the date_format the file uses.",
        ),
        "boolean": ("DATA_NOT_A_BOOLEAN", "true or false (or 1/0, ja/nej, yes/no)", mend),
        "text": ("DATA_COLUMN_TYPE", "text", mend),
    }[kind]


Decoded = tuple[Numbers | Objects, BoolArray, BoolArray]


def _usable(data: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> BoolArray:
    """Where a number's square is one, too."""
    size = np.abs(data)
    usable: BoolArray = size <= LARGEST
    if 0.0 < float(np.max(size, initial=0.0, where=usable)) < SMALLEST:
        usable = usable & (size == 0.0)
    return usable


def _floats(raw: Raw, missing: BoolArray, signs: Signs) -> Decoded:
    """Float64; third: where the value is infinite or too large."""
    if isinstance(raw, pa.StringArray):
        number, strange = _number_pattern(signs), r"^[+-]?(?i:nan|inf|infinity)$"
        fits = _mask(pc.match_substring_regex(raw, number)) & ~missing
        not_finite = _mask(pc.match_substring_regex(raw, strange)) & ~missing
        data = _plain_numbers(raw, fits, signs).cast(pa.float64()).fill_null(0.0).to_numpy(zero_copy_only=False)
        not_finite = not_finite | ~_usable(data)
        return np.where(not_finite, 0.0, data) + 0.0, ~(fits | missing), not_finite
    if isinstance(raw, pa.Date32Array):
        return np.zeros(len(raw)), ~missing, np.zeros(len(raw), dtype=bool)
    data = raw.cast(pa.float64(), safe=False).fill_null(0.0).to_numpy(zero_copy_only=False)
    usable = _usable(data)
    not_finite = ~usable & ~missing
    return np.where(usable, data, 0.0) + 0.0, np.zeros(len(raw), dtype=bool), not_finite


def _integers(raw: Raw, missing: BoolArray, signs: Signs) -> Decoded:
    """Int64 of at most 18 digits."""
    never = np.zeros(len(raw), dtype=bool)
    if isinstance(raw, pa.StringArray):
        fits = _mask(pc.match_substring_regex(raw, _integer_pattern(signs))) & ~missing
        plain = _plain_numbers(raw, fits, signs)
        fits = fits & _mask(pc.match_substring_regex(plain, r"^-?0*\d{1,18}$"))
        plain = pc.if_else(pa.array(fits), plain, pa.scalar(None, pa.string()))
        return plain.cast(pa.int64()).fill_null(0).to_numpy(zero_copy_only=False), ~(fits | missing), never
    if isinstance(raw, pa.DoubleArray):
        data = raw.fill_null(0.0).to_numpy(zero_copy_only=False)
        whole = np.isfinite(data) & (np.abs(data) < 2.0**53)
        safe = np.where(whole, data, 0.0)
        whole &= safe == np.floor(safe)
        return np.where(whole, safe, 0.0).astype(np.int64), ~(whole | missing), never
    if isinstance(raw, pa.Date32Array):
        return np.zeros(len(raw), dtype=np.int64), ~missing, never
    return raw.cast(pa.int64()).fill_null(0).to_numpy(zero_copy_only=False), never, never


def _texts(raw: Raw, missing: BoolArray, _signs: Signs) -> Decoded:
    """Text; numbers and dates as they would be written."""
    never = np.zeros(len(raw), dtype=bool)
    if isinstance(raw, pa.StringArray):
        data = pc.if_else(pa.array(missing), pa.scalar("", pa.string()), raw)
        return data.to_numpy(zero_copy_only=False).astype(object), never, never
    return np.array([text or "" for text in texts(raw)], dtype=object), never, never


def _dates(raw: Raw, missing: BoolArray, signs: Signs) -> Decoded:
    """Days since 1970. The few distinct texts of a date column are read one by one, by the calendar."""
    never = np.zeros(len(raw), dtype=bool)
    if isinstance(raw, pa.Date32Array):
        return raw.cast(pa.int32()).cast(pa.int64()).fill_null(0).to_numpy(zero_copy_only=False), never, never
    if not isinstance(raw, pa.StringArray):
        return np.zeros(len(raw), dtype=np.int64), ~missing, never
    encoded = raw.fill_null("").dictionary_encode()
    days = [_day(text or "", signs.date_format) for text in texts(cast("Raw", encoded.dictionary))]
    codes = encoded.indices.to_numpy(zero_copy_only=False)
    table = np.array([0 if day is None else day for day in days], dtype=np.int64)
    bad = np.array([day is None for day in days], dtype=bool)
    return np.where(missing, 0, table[codes]), bad[codes] & ~missing, never


def _day(text: str, pattern: str) -> int | None:
    """Days since 1970, or None when the text is no date of that form."""
    try:
        return (datetime.strptime(text, pattern).date() - EPOCH).days  # noqa: DTZ007 - only the date is kept
    except ValueError:
        return None


def _booleans(raw: Raw, missing: BoolArray, _signs: Signs) -> Decoded:
    """0 or 1."""
    never = np.zeros(len(raw), dtype=bool)
    if isinstance(raw, pa.BooleanArray):
        return raw.fill_null(False).cast(pa.int64()).to_numpy(zero_copy_only=False), never, never  # noqa: FBT003 - pyarrow's signature
    if isinstance(raw, pa.Date32Array):
        return np.zeros(len(raw), dtype=np.int64), ~missing, never
    if isinstance(raw, pa.StringArray):
        lowered = pc.utf8_lower(raw)
        yes = _mask(pc.is_in(lowered, value_set=pa.array(TRUE))) & ~missing
        no = _mask(pc.is_in(lowered, value_set=pa.array(FALSE))) & ~missing
    else:
        data = raw.cast(pa.float64(), safe=False).fill_null(0.0).to_numpy(zero_copy_only=False)
        yes, no = (data == 1) & ~missing, (data == 0) & ~missing
    return yes.astype(np.int64), ~(yes | no | missing), never


def _check_range(values: Values, raw: Raw, column: Column, faults: DataFaults) -> None:
    """Range and list of allowed values."""
    usable = values.usable
    if column.minimum is not None or column.maximum is not None:
        low = -np.inf if column.minimum is None else float(column.minimum)
        high = np.inf if column.maximum is None else float(column.maximum)
        data = values.data
        outside = usable & ((data < low) | (data > high))
        low_text = "…" if column.minimum is None else str(column.minimum)
        span = f"{low_text} to {'…' if column.maximum is None else column.maximum}"
        faults.at(
            "DATA_OUT_OF_RANGE",
            outside,
            column.name,
            lambda row: (
                f"'{text_at(raw, row)}' lies outside the declared range {span}.",
                "Correct the value, or the range in the plan.",
            ),
        )
        values.wrong[outside] = True
    if column.allowed:
        allowed = set(column.allowed) | {_canonical(text) for text in column.allowed}
        distinct, codes = np.unique(_keys(values), return_inverse=True)
        fits = np.array([str(key) in allowed for key in distinct], dtype=bool)
        other = usable & ~fits[codes]
        faults.at(
            "DATA_NOT_ALLOWED",
            other,
            column.name,
            lambda row: (
                f"'{text_at(raw, row)}' is not one of the declared values.",
                f"Allowed: {', '.join(column.allowed)}. Correct the value, or the list in the plan.",
            ),
        )
        values.wrong[other] = True


def _keys(values: Values) -> Objects:
    """Values as the texts a list of allowed values is written in."""
    if values.kind == "boolean":
        return np.where(values.data == 1, "true", "false").astype(object)
    if values.kind == "date":
        return values.data.astype("datetime64[D]").astype(str).astype(object)
    if values.kind == "number":
        distinct, codes = coded(values.data.astype(np.float64))
        return np.array([_canonical(repr(float(v))) for v in distinct], dtype=object)[codes]
    return values.data.astype(str).astype(object)


def _canonical(text: str) -> str:
    """Decimal text without trailing zeros; any other text unchanged."""
    try:
        number = Decimal(text).normalize()
    except ArithmeticError:
        return text
    return f"{number:f}" if number.is_finite() else text


def _as_number(text: str, signs: Signs) -> float | None:
    """A missing code as a number, or None."""
    if not re.fullmatch(_number_pattern(signs).strip("^$"), text):
        return None
    return float(text.replace(signs.thousands or "\0", "").replace(signs.decimal, "."))


def _digits(signs: Signs) -> str:
    """Pattern of the digits before the decimal sign."""
    mark = "[ \u00a0]" if signs.thousands == " " else re.escape(signs.thousands)
    return rf"(?:\d{{1,3}}(?:{mark}\d{{3}})+|\d+)" if signs.thousands else r"\d+"


def _integer_pattern(signs: Signs) -> str:
    """Pattern of a whole number."""
    return rf"^[+-]?{_digits(signs)}$"


def _number_pattern(signs: Signs) -> str:
    """Pattern of a decimal number."""
    point = re.escape(signs.decimal)
    return rf"^[+-]?(?:{_digits(signs)}(?:{point}\d+)?|{point}\d+)(?:[eE][+-]?\d+)?$"


def _plain_numbers(raw: pa.StringArray, fits: BoolArray, signs: Signs) -> pa.StringArray:
    """The fitting texts with a decimal point, without thousands signs and plus signs; null elsewhere."""
    plain: pa.StringArray = raw
    for mark in (" ", "\u00a0") if signs.thousands == " " else (signs.thousands,):
        if mark:
            plain = pc.replace_substring(plain, pattern=mark, replacement="")
    if signs.decimal != ".":
        plain = pc.replace_substring(plain, pattern=signs.decimal, replacement=".")
    plain = pc.replace_substring_regex(plain, pattern=r"^\+", replacement="")
    return cast("pa.StringArray", pc.if_else(pa.array(fits), plain, pa.scalar(None, pa.string())))


def _mask(array: pa.BooleanArray) -> BoolArray:
    """An Arrow mask as numpy, null as false."""
    return array.fill_null(False).to_numpy(zero_copy_only=False).astype(bool)  # noqa: FBT003 - pyarrow's signature
