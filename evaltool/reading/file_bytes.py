"""The bytes of a data file, or the reason there are none."""

from __future__ import annotations

from pathlib import Path

from evaltool.errors import DataError, Fault, Place

MAX_BYTES = 2_000_000_000
"""Larger files are refused: they would not fit beside their decoded form in the memory of a usual machine."""


def file_bytes(path: Path, name: str) -> bytes:
    """Everything in the file. ``name`` is what messages call it. Raises DataError: unreadable, too large."""
    place = Place(file=name)
    try:
        if path.is_dir():
            cause = "The path is a folder, not a file."
            raise DataError(Fault("DATA_UNREADABLE", cause, "Give the path of the data file.", place))
        size = path.stat().st_size
        if size > MAX_BYTES:
            cause = f"The file holds {size:,} bytes; at most {MAX_BYTES:,} are read."
            fix = "Aggregate the data, or keep the needed columns only (Parquet is smaller)."
            raise DataError(Fault("DATA_TOO_LARGE", cause, fix, place))
        return path.read_bytes()
    except OSError as error:
        cause = f"The file cannot be read: {error.strerror or type(error).__name__}."
        fix = "Check the path in [data]; it is relative to the plan's folder."
        raise DataError(Fault("DATA_UNREADABLE", cause, fix, place)) from error
