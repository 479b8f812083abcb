"""A person's judgement on a check that asked for one."""

from __future__ import annotations

from datetime import date
from typing import Annotated

from pydantic import Field

from evaltool.records.base import Record, Slug
from evaltool.records.decision import Reason
from evaltool.records.gate import Verdict

Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class SignOff(Record):
    """Who judged which check of which run, when and why. It belongs to that run alone."""

    gate: Slug
    by: Annotated[str, Field(min_length=1, max_length=200)]
    reason: Annotated[str, Field(min_length=1, max_length=4000)]
    on: date
    """The day of the act, as the person stated it; no clock is read."""
    verdict: Verdict
    """What the check had answered."""
    code: Reason | None
    """The check's reason code."""
    run: Digest
    """sha256 of the manifest of the run that was judged."""
    determination: Digest
    """sha256 of that run's ``determination.json``."""
