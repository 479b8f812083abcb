"""A variation: what the parties agreed to change in a locked plan, as a signed record beside it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from evaltool.records.base import Day, Record, Slug, Text, seal_of

Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
DESIGN_TABLES = frozenset({"design", "estimator", "data", "population", "outcome", "estimand"})
"""Tables that a sealed design rests on: who is compared with whom, on what, and from which data."""


class VariedKey(Record):
    """One key of the plan, with its values as TOML writes them; None where the plan does not state it."""

    key: Text
    """Key path, ``payment.rule[0].cap``."""
    old: str | None = None
    new: str | None = None

    @property
    def table(self) -> str:
        """The plan's table it stands in."""
        return self.key.split(".", 1)[0].split("[", 1)[0]


class Variation(Record):
    """``plan.variation-1.toml``: one link of the chain that leads from the locked plan to the plan in force.

    It is written once and never edited; what is agreed later is another record. Its seal covers everything in it, and
    it names the seal before it, so that no record can be changed, left out, exchanged or put in another order.
    """

    kind: Literal["evaltool.variation"] = "evaltool.variation"
    schema_version: Literal[1] = 1
    number: int = Field(ge=1, le=999)
    plan: Slug
    """``[programme] id``."""
    previous: Digest
    """Seal of the record before it; of the locked plan, for the first."""
    varies: Digest
    """Seal of the plan before this variation."""
    result: Digest
    """Seal of the plan after it."""
    by: tuple[Text, ...] = Field(min_length=1)
    """Who agreed."""
    reason: Text
    on: Day
    clause: Slug | None = None
    """Id of the ``[[governance.clause]]`` under which it was agreed."""
    change: tuple[VariedKey, ...] = Field(min_length=1)
    seal: Digest
    """sha256 of the canonical JSON of everything above."""

    @property
    def own_seal(self) -> str:
        """The seal that belongs to the content."""
        return seal_of({name: value for name, value in self if name != "seal"})

    def sealed(self) -> Variation:
        """The same record with the seal of its content."""
        return self.model_copy(update={"seal": self.own_seal})
