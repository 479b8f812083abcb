"""Whether a plan was sealed before it was used."""

from __future__ import annotations

from typing import Literal

from evaltool.records.base import Record


class LockStatus(Record):
    """Whether the plan was sealed. A plan changed after its lock never gets this far."""

    state: Literal["locked", "never_locked"]
    seal: str | None = None
    """Seal in ``plan.lock``; equals the plan's own seal."""
