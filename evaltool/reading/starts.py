"""When each row's unit is first treated: one coding of "never", and no other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from evaltool.reading.data_faults import BoolArray, DataFaults
from evaltool.reading.spec import Signs
from evaltool.reading.table import Raw, texts
from evaltool.reading.values import Values, convert_present, without_codes
from evaltool.records.panel import FloatArray, NeverCoding
from evaltool.records.plan.data import Column

_WORDS: dict[NeverCoding, str] = {
    "empty": "empty",
    "zero": "0",
    "infinity": "infinity",
    "far_period": "the declared value",
    "declared": "the declared value",
}


@dataclass(frozen=True, slots=True, eq=False)
class Starts:
    """(rows,) first treated time in the units of the time column (days since 1970 for dates); inf = never."""

    times: FloatArray
    missing: BoolArray
    wrong: BoolArray
    coding: NeverCoding

    @property
    def usable(self) -> BoolArray:
        """Rows with a start or a coding of never."""
        return ~(self.missing | self.wrong)


def read_starts(raw: Raw, column: Column, time: Values | None, *, signs: Signs, faults: DataFaults) -> Starts:
    """The column of first treated times.

    Never treated is empty, 0 (when 0 lies before the first period), infinity, or the value the plan declares in
    ``never``. With a declared value, or with a rule for missing values other than ``refuse``, empty means missing.
    Two codings in one file are refused (DATA_MIXED_NEVER): one of them is probably a mistake. So is a 0 that is also a
    period while nothing else says who is never treated (DATA_ZERO_START): it may mean either.
    """
    raw, missing = without_codes(raw, signs)
    codes, unclear = _codings(raw, missing, column, time)
    if column.never is None and unclear.any() and not missing.any() and not any(rows.any() for rows in codes.values()):
        rows = int(unclear.sum())
        faults.at(
            "DATA_ZERO_START",
            _first(unclear),
            column.name,
            lambda _row: (
                f"A start of 0 ({rows} rows) may mean the period 0, treated from then on, or never.",
                'Number the periods from 1; or leave the cell empty for never, or state never = "0" in the plan.',
            ),
        )
    empty_means_never = column.never is None and column.missing == "refuse"
    if column.never is not None and column.missing == "refuse" and codes["declared"].any():
        empty_means_never = bool(missing.any())  # a mixture, refused below
    codes["empty"] = missing if empty_means_never else np.zeros_like(missing)
    never = np.logical_or.reduce(list(codes.values()))
    values = convert_present(
        raw,
        missing | never,
        column.model_copy(update={"minimum": None, "maximum": None, "allowed": ()}),
        signs=signs,
        faults=faults,
    )
    seen: list[NeverCoding] = [coding for coding, rows in codes.items() if rows.any()]
    if len(seen) > 1:
        counts = ", ".join(f"{_WORDS[coding]} ({int(codes[coding].sum())} rows)" for coding in seen)
        faults.at(
            "DATA_MIXED_NEVER",
            _first(codes[seen[1]]),
            column.name,
            lambda _row: (
                f"Never treated is coded in {len(seen)} ways: {counts}.",
                "Use one coding; an empty cell may be a start that nobody wrote down.",
            ),
        )
    starts = np.where(never, np.inf, values.data.astype(np.float64))
    coding: NeverCoding = seen[0] if len(seen) == 1 else "none"
    if coding == "declared" and _is_far(column, time):
        coding = "far_period"
    return Starts(starts, missing & ~codes["empty"], values.wrong, coding)


def _first(rows: BoolArray) -> BoolArray:
    """Only the first of the rows."""
    only = np.zeros_like(rows)
    only[int(np.flatnonzero(rows)[0])] = True
    return only


def _codings(
    raw: Raw, missing: BoolArray, column: Column, time: Values | None
) -> tuple[dict[NeverCoding, BoolArray], BoolArray]:
    """Where the column holds which coding of never (empty left out), and where a 0 that is also a period."""
    found: dict[NeverCoding, BoolArray] = {}
    zero = np.zeros(len(missing), dtype=bool)
    nowhere = np.zeros(len(missing), dtype=bool)
    usable = None if time is None else time.data[time.usable]
    zero_is_period = usable is not None and time is not None and time.kind == "integer" and bool((usable <= 0).any())
    if isinstance(raw, pa.StringArray):
        lowered = pc.utf8_lower(raw).fill_null("")
        encoded = lowered.dictionary_encode()
        words = [text or "" for text in texts(cast("Raw", encoded.dictionary))]
        rows = encoded.indices.to_numpy(zero_copy_only=False)
        declared = None if column.never is None else column.never.strip().lower()
        zero = np.array([_is_zero(w) and w != declared for w in words], dtype=bool)[rows]
        infinite = np.array([w.lstrip("+") in {"inf", "infinity", "∞"} and w != declared for w in words], dtype=bool)
        stated = np.array([w == declared for w in words], dtype=bool)
        found |= {"zero": nowhere, "infinity": infinite[rows], "declared": stated[rows]}
    elif isinstance(raw, pa.Int64Array | pa.DoubleArray):
        numbers = raw.cast(pa.float64(), safe=False).fill_null(np.nan).to_numpy(zero_copy_only=False)
        stated = nowhere if column.never is None else _equals(raw, column.never)
        found["declared"] = stated
        zero = found["zero"] = (numbers == 0) & ~stated
        found["infinity"] = np.isposinf(numbers) & ~stated
    else:
        found["declared"] = nowhere if column.never is None else _equals(raw, column.never)
    found["zero"] = nowhere if zero_is_period else zero
    return {coding: rows & ~missing for coding, rows in found.items()}, zero & ~missing & zero_is_period


def _equals(raw: Raw, never: str) -> BoolArray:
    """Where a typed column holds the declared value, compared as text."""
    distinct = raw.dictionary_encode()
    words = [None if text is None else text.lower() for text in texts(cast("Raw", distinct.dictionary))]
    wanted = never.strip().lower()
    same = np.array([word is not None and word.removesuffix(".0") == wanted for word in words], dtype=bool)
    codes = distinct.indices.fill_null(0).to_numpy(zero_copy_only=False)
    return same[codes] if len(same) else np.zeros(len(raw), dtype=bool)


def _is_zero(text: str) -> bool:
    """``0``, ``0.0``, ``0,0``: zero however it is written."""
    return text != "" and text.strip("0") in {"", ".", ","} and text[0] == "0"


def _is_far(column: Column, time: Values | None) -> bool:
    """Whether the declared coding is a period after the last one."""
    if time is None or column.never is None or time.kind != "integer" or not time.usable.any():
        return False
    text = column.never.strip()
    return text.lstrip("-").isdigit() and int(text) > int(time.data[time.usable].max())
