"""Two determinations side by side: IDENTICAL, WITHIN_TOLERANCE or DIFFERENT, and the first thing that differs."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Literal

from evaltool.records.base import Json, Record

RELATIVE = 1e-6
"""Two numbers agree when they differ by at most this share of the larger one …"""
ABSOLUTE = 1e-9
"""… or by this share of max(|effect|, standard error) of the headline, which settles numbers that are zero but for
rounding. Other processors and BLAS libraries differ by 2e-13 in ordinary and 6e-6 in nearly collinear regressions."""
EXACT = ("amount", "triggered", "maximum", "share")
"""Keys whose decimal text is money or a contract's share and must be equal to the last digit."""
NUMBER = re.compile(r"^[+-]?\d+(\.\d+)?([eE][+-]?\d+)?$")
Verdict = Literal["IDENTICAL", "WITHIN_TOLERANCE", "DIFFERENT"]


class Difference(Record):
    """One place where two records differ; ``path`` is its key path, such as ``estimate.interval.lower``."""

    path: str
    old: Json
    new: Json


class Comparison(Record):
    """The verdict; ``first`` is what decided it: the first material difference, else the first of all."""

    verdict: Verdict
    differences: int = 0
    first: Difference | None = None


def compare(old: bytes, new: bytes) -> Comparison:
    """Compare two ``determination.json``. Byte for byte first; only when they differ, value by value.

    WITHIN_TOLERANCE: decision, amounts, gates and all other text are equal and every number agrees within
    ``RELATIVE`` or ``ABSOLUTE``. Versions of the software and the wording of gate sentences are not material.
    """
    if old == new:
        return Comparison(verdict="IDENTICAL")
    left, right = json.loads(old), json.loads(new)
    slack = ABSOLUTE * _scale(left)
    found = list(_walk(left, right, ""))
    material = [d for d in found if _is_material(d, slack)]
    first = (material or found or [Difference(path="(layout)", old=None, new=None)])[0]
    verdict: Verdict = "DIFFERENT" if material or not found else "WITHIN_TOLERANCE"
    return Comparison(verdict=verdict, differences=len(found), first=first)


def differences(old: Json, new: Json) -> tuple[Difference, ...]:
    """Every leaf in which two determinations differ, in key order."""
    return tuple(_walk(old, new, ""))


def _scale(determination: Json) -> float:
    """max(|effect|, standard error) of the headline; 0 when there is none."""
    estimate = determination.get("estimate") if isinstance(determination, dict) else None
    if not isinstance(estimate, dict):
        return 0.0
    return max((abs(v) for v in (estimate.get("att"), estimate.get("se")) if isinstance(v, int | float)), default=0.0)


def _walk(old: Json, new: Json, path: str) -> Iterator[Difference]:
    """Every leaf that differs, in key order; a missing key or a different length is one difference."""
    if isinstance(old, dict) and isinstance(new, dict):
        for key in sorted({*old, *new}):
            here = f"{path}.{key}" if path else key
            if key not in old or key not in new:
                yield Difference(path=here, old=old.get(key), new=new.get(key))
            else:
                yield from _walk(old[key], new[key], here)
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for index, (one, other) in enumerate(zip(old, new, strict=True)):
            yield from _walk(one, other, f"{path}[{index}]")
    elif type(old) is not type(new) or old != new:
        yield Difference(path=path, old=old, new=new)


def _is_material(difference: Difference, slack: float) -> bool:
    """Whether the difference is more than rounding of the same computation."""
    path = difference.path
    if path.startswith("versions.") or (path.startswith("gates[") and ".sentence." in path):
        return False
    if path.rsplit(".", 1)[-1] in EXACT:
        return True
    old, new = _number(difference.old), _number(difference.new)
    if old is None or new is None:
        return True
    return not abs(old - new) <= max(RELATIVE * max(abs(old), abs(new)), slack)


def _number(value: Json) -> float | None:
    """A number, or decimal text as one; None for anything else. Integers are counts and never within tolerance."""
    if isinstance(value, float):
        return value
    if isinstance(value, str) and NUMBER.match(value):
        return float(Decimal(value))
    return None
