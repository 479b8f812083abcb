"""One validity check's answer."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from evaltool.records.base import Finite, Json, Record, Slug, Text, Words
from evaltool.records.decision import Reason

Verdict = Literal["PASS", "REVIEW", "FAIL", "CANNOT_TELL", "NOT_APPLICABLE"]
Consequence = Literal["block", "review", "stop"]
"""``stop`` ends the run with exit code 4: nothing may be decided on two different numbers."""


class GateResult(Record):
    """Statistic, threshold, unit, verdict, one sentence per language, and evidence as JSON.

    A PASS, REVIEW or FAIL without a statistic is refused: a verdict needs a number. CANNOT_TELL says in
    ``sentence`` why the number is absent; NOT_APPLICABLE says which capability is missing and never decides.
    """

    name: Slug
    verdict: Verdict
    consequence: Consequence
    statistic: Finite | None
    statistic_name: Words
    threshold: Finite | None
    unit: Words
    sentence: Words
    reason: Reason | None = None
    """Reason code this gate contributes when it does not pass."""
    source: Words
    """Where the default threshold comes from, in both report languages."""
    overridden: bool = False
    """True when the contract changed the default; the report prints it."""
    evidence: dict[str, Json] = Field(default_factory=dict)
    counts: tuple[Text, ...] = ()
    """Names of released counts that statistic and sentence tell; where one is hidden, they are withheld too."""

    @model_validator(mode="after")
    def a_verdict_has_a_number(self) -> Self:
        """Refuse PASS, REVIEW or FAIL without a statistic, and a failure without a reason code."""
        if self.verdict in {"PASS", "REVIEW", "FAIL"} and self.statistic is None:
            message = f"gate {self.name}: verdict {self.verdict} without a number"
            raise ValueError(message)
        if self.verdict in {"REVIEW", "FAIL", "CANNOT_TELL"} and self.reason is None:
            message = f"gate {self.name}: verdict {self.verdict} without a reason code"
            raise ValueError(message)
        return self

    @property
    def blocks(self) -> bool:
        """Whether this answer sends the decision to the contract's fallback."""
        return self.consequence in {"block", "stop"} and self.verdict in {"FAIL", "CANNOT_TELL"}

    @property
    def asks_for_review(self) -> bool:
        """Whether a person must judge before the decision is final."""
        return self.verdict == "REVIEW" or (self.consequence == "review" and self.verdict in {"FAIL", "CANNOT_TELL"})
