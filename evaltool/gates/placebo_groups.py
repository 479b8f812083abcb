"""The gate that asks whether groups without the intervention show effects as large as the claim.

Starts are pretended among clusters that never start, in the proportions of the real ones and with everybody else left
out; 999 such assignments are drawn from the plan's seed. Statistic: the share of effects at least as large as the
headline, the headline counted; threshold 1 − level. At most that: PASS, else REVIEW with PLACEBO_FAIL; never FAIL,
since the pretended groups are smaller than the real ones and vary more. CANNOT_TELL where the effect is no average of
differences between groups, or too few clusters never start.

Source: own proposal; placebo groups after Bertrand, Duflo & Mullainathan (2004).
"""

from __future__ import annotations

from evaltool.gates._common import Finding, Measure, answer, level_of
from evaltool.gates._left_out import DID, for_did
from evaltool.language.numbers import number
from evaltool.records.base import Json, Record, Words
from evaltool.records.gate import GateResult
from evaltool.records.plugins import GateContext, GatePlugin

MEASURE = Measure(
    name="placebo_groups",
    reason="PLACEBO_FAIL",
    statistic=Words(da="andel placebogrupper med mindst så stor en effekt", en="share of placebo groups as large"),
    unit=Words(da="andel", en="share"),
    source=Words(
        da="Eget forslag; placebogrupper efter Bertrand, Duflo & Mullainathan (2004)",
        en="Own proposal; placebo groups after Bertrand, Duflo & Mullainathan (2004)",
    ),
)


class Options(Record):
    """Nothing to choose here: the level stands in ``[inference]``."""


def check(context: GateContext) -> GateResult:
    """PASS or REVIEW from the share of pretended effects as large as the claim."""
    found = None if context.examination is None else context.examination.placebo_groups
    if found is None:
        missing = Words(
            da="Effekten kan ikke gentages med opdigtede startere: for få klynger begynder aldrig, eller metoden er en "
            "anden.",
            en="The effect cannot be repeated with pretended starters: too few clusters never start, or the method is "
            "another.",
        )
        return answer(context, MEASURE, Finding(verdict="CANNOT_TELL", sentence=missing))
    allowed = 1.0 - level_of(context)
    facts: dict[str, Json] = {
        "draws": found.draws,
        "seed": found.seed,
        "spread": found.spread,
        "largest": found.largest,
    }
    share = {lang: number(found.share_as_large, lang, 3) for lang in ("da", "en")}
    return answer(
        context,
        MEASURE,
        Finding(
            verdict="PASS" if found.share_as_large <= allowed + 1e-12 else "REVIEW",
            sentence=Words(
                da=f"Af {number(found.draws, 'da')} opdelinger, hvor ingen fik indsatsen, var andelen med en mindst så "
                f"stor effekt {share['da']}; højst {number(allowed, 'da', 3)} er tilladt.",
                en=f"Of {number(found.draws, 'en')} assignments in which nobody got the intervention, the share with "
                f"an effect at least as large was {share['en']}; at most {number(allowed, 'en', 3)} is allowed.",
            ),
            statistic=found.share_as_large,
            threshold=allowed,
            evidence=facts,
        ),
    )


PLUGIN = GatePlugin(
    name="placebo_groups",
    order=43,
    consequence="review",
    options=Options,
    default_on=False,
    source=MEASURE.source,
    applies=for_did,
    check=check,
    families=DID,
)
