"""The gate that asks whether the result hangs on one cluster.

The headline is found again without each cluster: exactly from sums where it is an average of group-time effects without
covariates, by estimating again with up to 40 clusters, else to first order from influence values (printed in the
evidence). Statistic: effects that reach other payment thresholds, or have another sign, than the headline; threshold 0.
None: PASS. Another tier: REVIEW. Another sign: FAIL, which needs a review too. All with ONE_CLUSTER_DECIDES. A cluster
without which nothing can be estimated: CANNOT_TELL. A relative effect moves its denominator with it.

Sources: MacKinnon, Nielsen & Webb (2023), who advise to look at the estimate without each cluster; the verdict in
payment tiers is our own proposal.
"""

from __future__ import annotations

from evaltool.gates._common import Measure
from evaltool.gates._left_out import DID, Told, for_did, judged
from evaltool.records.base import Json, Record, Words
from evaltool.records.gate import GateResult
from evaltool.records.plugins import GateContext, GatePlugin

MEASURE = Measure(
    name="leave_out_cluster",
    reason="ONE_CLUSTER_DECIDES",
    statistic=Words(da="beregninger med et andet udfald", en="fits with another outcome"),
    unit=Words(da="beregninger", en="fits"),
    source=Words(
        da="MacKinnon, Nielsen & Webb (2023) om beregningerne; eget forslag: Fortegn og betalingstrin må ikke skifte",
        en="MacKinnon, Nielsen & Webb (2023) for the fits; own proposal: sign and payment tier must not change",
    ),
)
TOLD = Told(
    what=Words(da="én klynge", en="one cluster"),
    absent=Words(
        da="Effekten uden én klynge ad gangen kunne ikke findes.",
        en="The effect without one cluster at a time could not be found.",
    ),
)


class Options(Record):
    """Nothing to choose here: sign and tier stay, or they do not."""


def check(context: GateContext) -> GateResult:
    """PASS, REVIEW or FAIL from the effects without each cluster."""
    found = None if context.examination is None else context.examination.without_cluster
    if found is None:
        return judged(context, MEASURE, TOLD, (), {})
    facts: dict[str, Json] = {"how": found.how, "impossible": found.impossible}
    return judged(context, MEASURE, TOLD, (*found.effects, *[None] * found.impossible), facts)


PLUGIN = GatePlugin(
    name="leave_out_cluster",
    order=44,
    consequence="review",
    options=Options,
    default_on=True,
    source=MEASURE.source,
    applies=for_did,
    check=check,
    families=DID,
)
