"""Whether plan and design were sealed before they were used."""

from __future__ import annotations

from typing import Literal

from evaltool.records.base import Record
from evaltool.records.variation import Variation


class LockStatus(Record):
    """Whether plan and design were sealed. What changed after its lock never gets this far."""

    state: Literal["locked", "never_locked"]
    seal: str | None = None
    """Seal in ``plan.lock``: of the plan as it was locked, before any variation."""
    variations: tuple[Variation, ...] = ()
    """Signed changes since, in order; each names the seal before it."""
    design: Literal["not_needed", "never_locked", "locked"] = "not_needed"
    """``not_needed``: the sealed plan's rule leaves nothing to choose (cohorts by start), so it is the design."""
    design_seal: str | None = None
    """Seal of the design lock in use."""

    @property
    def in_force(self) -> str | None:
        """Seal of the plan that lock and variations lead to; equals the plan's own seal."""
        return self.variations[-1].result if self.variations else self.seal
