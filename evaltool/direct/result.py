"""What a call of the direct road returns: an estimate that also says what was left out."""

from __future__ import annotations

from typing import Self

from pydantic import PrivateAttr

from evaltool.direct.call import Answer
from evaltool.records.estimate import Estimate
from evaltool.records.ledger import Ledger
from evaltool.records.plugins import EstimationRequest
from evaltool.records.showing import Summary


class DirectEstimate(Estimate):
    """An ``Estimate`` with the ledger of the rows, units and cells that take no part."""

    _request: EstimationRequest | None = PrivateAttr(default=None)

    @classmethod
    def of(cls, answer: Answer) -> Self:
        """The answer as a result."""
        fields = {name: getattr(answer.estimate, name) for name in Estimate.model_fields}
        result = cls.model_validate(fields)
        result._request = answer.request  # noqa: SLF001 - its own private attribute on its own instance
        return result

    @property
    def ledger(self) -> Ledger:
        """Everything left out, with the reason."""
        request = self._request
        if request is None or request.panel is None:
            return Ledger()
        return request.panel.ledger.plus(*request.design.ledger.entries)

    @property
    def summary(self) -> Summary:
        """The result as text, with what was left out."""
        lines = [
            f"left out: {entry.count} {entry.what}{'' if entry.count == 1 else 's'} ({entry.arm}): "
            f"{entry.detail or entry.reason}"
            for entry in self.ledger.entries
        ]
        return Summary("\n".join([super().summary.text, *lines]))
