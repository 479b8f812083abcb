"""The gate that asks whether the result hangs on those who started together.

The headline is estimated again without each cohort that starts. Statistic: effects that reach other payment thresholds,
or have another sign, than the headline; threshold 0. None: PASS. Another tier: REVIEW. Another sign: FAIL, which needs
a review too. All with ONE_COHORT_DECIDES. Where all start together there is nothing
to leave out (PASS, and says so); with more than twelve cohorts it cannot tell.

Source: own proposal. Effects may differ by cohort; a payment should not rest on one of them unseen.
"""

from __future__ import annotations

from evaltool.gates._common import Finding, Measure, answer
from evaltool.gates._left_out import DID, Told, for_did, judged
from evaltool.records.base import Record, Words
from evaltool.records.gate import GateResult
from evaltool.records.plugins import GateContext, GatePlugin

MEASURE = Measure(
    name="leave_out_cohort",
    reason="ONE_COHORT_DECIDES",
    statistic=Words(da="beregninger med et andet udfald", en="fits with another outcome"),
    unit=Words(da="beregninger", en="fits"),
    source=Words(
        da="Eget forslag: Fortegn og betalingstrin må ikke skifte",
        en="Own proposal: sign and payment tier must not change",
    ),
)
TOLD = Told(
    what=Words(da="ét starthold", en="one cohort"),
    absent=Words(
        da="Effekten uden ét starthold ad gangen kunne ikke findes; der er for mange hold.",
        en="The effect without one cohort at a time could not be found; there are too many cohorts.",
    ),
)


class Options(Record):
    """Nothing to choose here: sign and tier stay, or they do not."""


def check(context: GateContext) -> GateResult:
    """PASS, REVIEW or FAIL from the effects without each cohort; PASS with a note where all start together."""
    found = context.examination
    if found is not None and found.absent.get("without_cohort") == "one_cohort":
        together = Words(
            da="Alle begynder samtidig; der er intet starthold at udelade.",
            en="All start together; there is no cohort to leave out.",
        )
        return answer(context, MEASURE, Finding(verdict="PASS", sentence=together, statistic=0.0, threshold=0.0))
    effects = () if found is None else tuple(one.att for one in found.without_cohort)
    return judged(context, MEASURE, TOLD, effects, {})


PLUGIN = GatePlugin(
    name="leave_out_cohort",
    order=45,
    consequence="review",
    options=Options,
    default_on=True,
    source=MEASURE.source,
    applies=for_did,
    check=check,
    families=DID,
)
