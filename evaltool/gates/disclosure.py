"""The gate that asks whether the results can be shown without revealing anything about few people.

Everything released is counted — arms, cohorts, cells, event times, calendar periods, series, units left out — in
units or in the people behind them, as ``[disclosure]`` says. Counts below the minimum are hidden, and so is whatever
would let a reader work them out from other tables (``numerics.disclosure``). When an arm of the headline itself would
have to be hidden, nothing can be shown: FAIL with DISCLOSURE_BLOCK. Otherwise PASS; ``evidence["hidden"]`` names what
must not be shown. Counts that are hidden do not stand in the evidence.

Statistic: groups of the headline result that cannot be shown, small themselves or derivable. Threshold: none (0).

Source: Statistics Denmark's rules for taking results home and OpenSAFELY's output checks; the profiles 3, 5 and 10.
"""

from __future__ import annotations

from evaltool.gates._common import Finding, Measure, answer, finite
from evaltool.gates._released import released
from evaltool.language.numbers import number
from evaltool.numerics.disclosure import suppress
from evaltool.records.base import Json, Record, Words
from evaltool.records.gate import GateResult
from evaltool.records.plan.evaluation_plan import EvaluationPlan
from evaltool.records.plugins import Capabilities, GateContext, GatePlugin

MEASURE = Measure(
    name="disclosure",
    reason="DISCLOSURE_BLOCK",
    statistic=Words(da="grupper i hovedresultatet, der ikke kan vises", en="headline groups that cannot be shown"),
    unit=Words(da="grupper", en="groups"),
    source=Words(
        da="Danmarks Statistiks regler for hjemtagelse af resultater; OpenSAFELYs kontrol af output",
        en="Statistics Denmark, rules for the transfer of results; OpenSAFELY output checking",
    ),
)
UNITS = Words(da="enheder", en="units")
PEOPLE = Words(da="personer", en="people")


class Options(Record):
    """Nothing to choose here: the profile stands in ``[disclosure]``."""


def applies(capabilities: Capabilities, plan: EvaluationPlan) -> tuple[str, str] | None:
    """Does not apply to data or figures that are public already."""
    if plan.disclosure.profile == "public":
        return (
            "Planen oplyser, at data allerede er offentliggjort; der er ingen mindstestørrelse.",
            "The plan states that the data are public already; there is no smallest cell.",
        )
    if capabilities.family == "published":
        return ("Tallene er allerede offentliggjort.", "The figures were published already.")
    return None


def check(context: GateContext) -> GateResult:
    """PASS when both arms of the headline may be shown."""
    minimum = context.plan.disclosure.minimum
    weights = context.plan.disclosure.counts == "weights"
    found = released(context.design, context.estimates, context.headline, weights=weights, panel=context.panel)
    if not finite(*found.counts.values()):
        unknown = Words(da="Mindst én gruppestørrelse er ikke et tal.", en="At least one group size is not a number.")
        return answer(context, MEASURE, Finding(verdict="CANNOT_TELL", sentence=unknown))
    result = suppress(found.counts, found.sums, minimum=minimum, keep=(*found.headline, *found.kept))
    blocked = sorted(set(found.headline) & result.hidden)
    printed = found.counts.keys() - found.derived
    withheld = len(result.hidden & printed)
    shown = [found.counts[name] for name in printed if name not in result.hidden and found.counts[name] > 0]
    hidden: list[Json] = [*sorted(result.hidden)]
    facts: dict[str, Json] = {
        "minimum": minimum,
        "counts": context.plan.disclosure.counts,
        "released": len(printed),
        "primary": len(result.primary & printed),
        "complementary": len(result.complementary & printed),
        "hidden": hidden,
        "smallest_shown": min(shown, default=None),
    }
    noun = PEOPLE if weights else UNITS
    return answer(
        context,
        MEASURE,
        Finding(
            verdict="FAIL" if blocked else "PASS",
            sentence=Words(
                da=_danish(withheld, len(printed), minimum, noun, blocked=bool(blocked)),
                en=_english(withheld, len(printed), minimum, noun, blocked=bool(blocked)),
            ),
            statistic=float(len(blocked)),
            threshold=0.0,
            evidence=facts,
        ),
    )


def _danish(hidden: int, released_counts: int, minimum: int, noun: Words, *, blocked: bool) -> str:
    """The sentence in Danish."""
    limit = f"{number(minimum, 'da')} {noun.in_language('da')}"
    if blocked:
        return f"En gruppe i hovedresultatet er mindre end {limit} eller kan regnes ud; resultatet kan ikke vises."
    counts = f"{number(hidden, 'da')} af {number(released_counts, 'da')} antal"
    return f"{counts} vises ikke, så intet antal under {limit} kan ses eller regnes ud."


def _english(hidden: int, released_counts: int, minimum: int, noun: Words, *, blocked: bool) -> str:
    """The sentence in English."""
    limit = f"{number(minimum, 'en')} {noun.in_language('en')}"
    if blocked:
        return f"A group in the headline result is below {limit} or could be worked out; the result cannot be shown."
    counts = f"{number(hidden, 'en')} of {number(released_counts, 'en')} counts"
    return f"{counts} are withheld, so that no count below {limit} can be seen or worked out."


PLUGIN = GatePlugin(
    name="disclosure",
    order=80,
    consequence="block",
    options=Options,
    default_on=True,
    source=MEASURE.source,
    applies=applies,
    check=check,
)
