"""Results of difference-in-differences that can be averaged again in another way."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

from evaltool import registry
from evaltool.direct.call import Answer, only
from evaltool.direct.result import DirectEstimate
from evaltool.errors import Fault, Place, UsageError
from evaltool.estimators.did.group_time import estimate_balanced

Aggregate = Literal["simple", "dynamic", "group", "calendar"]
AGGREGATES: tuple[Aggregate, ...] = ("simple", "dynamic", "group", "calendar")


class Averaged(DirectEstimate):
    """Effects that can be averaged in several ways; the result itself is one of them."""

    def aggregate(self, kind: Aggregate) -> DirectEstimate:
        """The average of one kind (``simple``, ``dynamic``, ``group``, ``calendar``), its elements under ``by``.

        Raises UsageError (USAGE_BAD_ARGUMENT, USAGE_NOT_OFFERED), RunError.
        """
        plugin = registry.estimator(self.method)
        faults = only("kind", kind, plugin.capabilities.aggregations, "aggregate")
        if self._request is None:
            cause = "This result was read back or copied without its data."
            faults.append(Fault("USAGE_BAD_ARGUMENT", cause, "Estimate it again.", Place(key="aggregate")))
        if faults or self._request is None:
            raise UsageError(faults)
        estimand = self._request.estimand.model_copy(update={"aggregation": kind})
        asked = replace(self._request, estimand=estimand)
        return DirectEstimate.of(Answer(request=asked, estimate=plugin.estimate(asked)))


class GroupTime(DirectEstimate):
    """Effects by group and time (``att_gt``) and their simple average; ``aggregate`` gives the other averages."""

    def aggregate(self, kind: Aggregate, *, balance: int | None = None) -> DirectEstimate:
        """The average of one kind, its elements under ``by``.

        ``simple``: all treated cells by group size. ``dynamic``: by time since the start; ``balance`` keeps the groups
        observed at least so many periods after their start, and the event times all of them have. ``group``: by start.
        ``calendar``: by period. Raises UsageError (USAGE_BAD_ARGUMENT), RunError.
        """
        request = self._request
        faults = only("kind", kind, AGGREGATES, "aggregate")
        if request is None:
            cause = "This result was read back or copied without its data."
            faults.append(Fault("USAGE_BAD_ARGUMENT", cause, "Estimate it again.", Place(key="aggregate")))
        if balance is not None and (kind != "dynamic" or isinstance(balance, bool) or balance < 0):
            cause = f"balance = {balance!r} with kind = {kind!r}."
            fix = 'Give a number of periods from 0 on, with kind="dynamic".'
            faults.append(Fault("USAGE_BAD_ARGUMENT", cause, fix, Place(key="aggregate.balance")))
        if faults or request is None:
            raise UsageError(faults)
        asked = replace(request, estimand=request.estimand.model_copy(update={"aggregation": kind}))
        return DirectEstimate.of(Answer(request=asked, estimate=estimate_balanced(asked, balance)))
