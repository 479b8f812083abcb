"""The gate that asks whether there are enough people or units, and says which effect could have been seen.

Statistic and threshold: units of the arm that falls shortest of its minimum. Minimum:

* people compared with people: 60 treated and 30 in the comparison. A difference-in-differences counts as people unless
  ``population.unit`` is a known aggregate (school, municipality …) or the contract's ``level`` says so;
* aggregates: the method family's own minimum (``Capabilities``);
* measurements of the treated alone: none but the contract's;
* always at least ``population.minimum_n`` treated, in units of analysis (or in people, ``count = "weights"``).

The minimum detectable effect is (z_{1−α/sides} + z_{power}) · se on the estimand's scale (Bloom 1995); without a
standard error, for a binary outcome, se is the normal approximation with the counterfactual rate (0.5 where unknown)
in both arms. It is printed and never decides.

Source: own proposal after the practice of the Justice Data Lab (60 treated, 30 matched).
"""

from __future__ import annotations

import math
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import Field

from evaltool.gates._common import (
    NOUNS,
    Effect,
    Finding,
    Measure,
    answer,
    counted,
    effect_of,
    effect_text,
    finite,
    level_of,
    sides_of,
)
from evaltool.language.numbers import number, percent
from evaltool.numerics.power import detectable, rates_se
from evaltool.records.base import Exact, Json, Record, Words
from evaltool.records.estimate import Estimate
from evaltool.records.gate import GateResult
from evaltool.records.plan.evaluation_plan import EvaluationPlan
from evaltool.records.plugins import Capabilities, GateContext, GatePlugin

MEASURE = Measure(
    name="minimum_sample",
    reason="N_MIN",
    statistic=Words(da="størrelse af den mindste gruppe", en="size of the smallest group"),
    unit=Words(da="enheder", en="units"),
    source=Words(
        da="Eget forslag efter praksis i Justice Data Lab (60 med indsats, 30 matchede personer); "
        "Bloom (1995) om den mindste påviselige effekt",
        en="Own proposal, after Justice Data Lab practice (60 treated, 30 matched people); "
        "Bloom (1995) for the minimum detectable effect",
    ),
)
PEOPLE_TREATED = 60
PEOPLE_COMPARISON = 30
AGGREGATES = frozenset({
    "area", "class", "clinic", "company", "county", "department", "district", "firm", "hospital", "institution",
    "municipality", "prison", "region", "school", "site", "state", "team", "ward", "workplace",
    "afdeling", "amt", "arbejdsplads", "distrikt", "fængsel", "klasse", "klinik", "kommune", "område", "skole",
    "stat", "virksomhed",
})  # fmt: skip
"""Units of analysis that are not people."""
ARMS = {
    "treated": Words(da="indsatsgruppen", en="the treatment group"),
    "comparison": Words(da="sammenligningsgruppen", en="the comparison group"),
}


class Options(Record):
    """The contract's own minimum, what is counted, and the power of the detectable effect."""

    minimum_treated: int | None = Field(default=None, ge=0)
    minimum_comparison: int | None = Field(default=None, ge=0)
    level: Literal["auto", "people", "aggregates"] = "auto"
    count: Literal["units", "weights"] = "units"
    power: Annotated[Exact, Field(gt=Decimal("0.5"), lt=1)] = Decimal("0.8")


def applies(capabilities: Capabilities, plan: EvaluationPlan) -> tuple[str, str] | None:
    """Does not apply to a count of verified units, nor to published figures that come without sizes."""
    if capabilities.kind == "verified_count":
        return (
            "Der tælles verificerede resultater; der er ingen stikprøve.",
            "Verified results are counted; there is no sample.",
        )
    if capabilities.family == "published" and not _sizes_published(plan):
        return (
            "De offentliggjorte tal oplyser ikke gruppernes størrelse.",
            "The published figures do not state the sizes of the groups.",
        )
    return None


def _sizes_published(plan: EvaluationPlan) -> bool:
    """Whether every published figure states both sizes."""
    rows = plan.estimator.options.get("published", ())
    stated = [
        row.get("n_treated") is not None and row.get("n_comparison") is not None
        for row in (rows if isinstance(rows, tuple) else ())
        if isinstance(row, dict)
    ]
    return bool(stated) and all(stated)


def check(context: GateContext) -> GateResult:
    """PASS when every group of every headline cohort reaches its minimum."""
    options = Options.model_validate(context.options)
    minimum = minimums(context.capabilities, context.plan, options)
    sizes = [
        (size, minimum[arm], arm, estimate.key.cohort)
        for estimate in _headlines(context)
        for arm, size in _sizes(estimate, options).items()
    ]
    effect, basis = _detectable(context, options)
    if not finite(effect, *(size for size, *_ in sizes)):
        unknown = Words(da="En gruppes størrelse er ikke et tal.", en="The size of a group is not a number.")
        return answer(context, MEASURE, Finding(verdict="CANNOT_TELL", sentence=unknown))
    size, least, arm, cohort = min(sizes, key=lambda item: (_margin(item[0], item[1]), item[2] != "treated", item[3]))
    evidence: dict[str, Json] = {
        "arm": arm,
        "cohort": cohort,
        "minimum_treated": minimum["treated"],
        "minimum_comparison": minimum["comparison"],
        "sizes": [{"cohort": c, "arm": a, "size": s} for s, _m, a, c in sizes],
        "counted": options.count,
        "minimum_detectable_effect": effect,
        "minimum_detectable_effect_from": basis,
        **_needed(context, effect),
        "level": level_of(context),
        "sides": sides_of(context),
        "power": str(options.power),
    }
    name, noun = ARMS[arm], _noun(context, options)
    return answer(
        context,
        MEASURE,
        Finding(
            verdict="PASS" if size >= least else "FAIL",
            sentence=Words(
                da=f"{_first(name, 'da')} har {counted(size, noun, 'da')}; mindst "
                f"{number(least, 'da')} kræves. {_effect_words(context, effect, options.power, 'da')}",
                en=f"{_first(name, 'en')} has {counted(size, noun, 'en')}; the minimum is "
                f"{number(least, 'en')}. {_effect_words(context, effect, options.power, 'en')}",
            ),
            statistic=size,
            threshold=float(least),
            evidence=evidence,
            unit=Words(da=NOUNS[noun]["da"][1], en=NOUNS[noun]["en"][1]),
            counts=tuple(
                f"arm:{a}@{e.key}"
                for e in _headlines(context)
                if e.key.cohort == cohort and e is not context.headline
                for a in ARMS
            ),
        ),
    )


def minimums(capabilities: Capabilities, plan: EvaluationPlan, options: Options) -> dict[str, int]:
    """Smallest size of either arm: the contract's override, else the rule of the method's family."""
    if capabilities.kind != "effect":
        treated, comparison = 0, 0
    elif options.level == "people" or (options.level == "auto" and _people(capabilities, plan)):
        treated, comparison = PEOPLE_TREATED, PEOPLE_COMPARISON
    else:
        treated, comparison = capabilities.minimum_treated, capabilities.minimum_comparison
    return {
        "treated": max(_or(options.minimum_treated, treated), plan.population.minimum_n or 0),
        "comparison": _or(options.minimum_comparison, comparison),
    }


def _or(stated: int | None, default: int) -> int:
    """The contract's number, or the default."""
    return default if stated is None else stated


def _people(capabilities: Capabilities, plan: EvaluationPlan) -> bool:
    """Whether people are compared with people; a unit nobody listed is taken for people, which asks for more."""
    word = plan.population.unit.strip().lower()
    aggregate = {word, word.removesuffix("s"), word.removesuffix("es"), word.removesuffix("ies") + "y"} & AGGREGATES
    return capabilities.family in {"weighted", "published"} or not aggregate


def _headlines(context: GateContext) -> list[Estimate]:
    """The primary estimates of the headline outcome: one, or one per cohort."""
    key = context.headline.key
    found = [
        e for k, e in context.estimates.items() if (k.outcome, k.specification) == (key.outcome, key.specification)
    ]
    return found or [context.headline]


def _sizes(estimate: Estimate, options: Options) -> dict[str, float]:
    """Size of either arm; of the treated only where nothing is compared."""
    counts = estimate.counts
    treated = float("nan") if counts.treated is None else float(counts.treated)
    comparison = float("nan") if counts.comparison is None else float(counts.comparison)
    if options.count == "weights":
        treated = treated if counts.treated_weight is None else counts.treated_weight
        comparison = comparison if counts.comparison_weight is None else counts.comparison_weight
    return {"treated": treated, "comparison": comparison} if estimate.kind == "effect" else {"treated": treated}


def _margin(size: float, least: int) -> float:
    """Size as a multiple of the minimum; infinite without a minimum."""
    return size / least if least else float("inf")


def _detectable(context: GateContext, options: Options) -> tuple[float | None, str]:
    """The minimum detectable effect on the estimand's scale, and what its standard error comes from."""
    effect: Effect = effect_of(context)
    level, sides = level_of(context), sides_of(context)
    if effect.se is not None:
        return detectable(effect.se, level=level, sides=sides, power=float(options.power)), "standard_error"
    found = context.headline
    kind = context.plan.outcome_named(found.key.outcome).kind
    treated, comparison = found.counts.treated, found.counts.comparison
    if kind != "binary" or found.kind != "effect" or not treated or not comparison or not finite(effect.factor):
        return None, "unknown"
    known = found.counterfactual is not None and 0 < found.counterfactual < 1
    rate = found.counterfactual if known and found.counterfactual is not None else 0.5
    se = rates_se(treated, comparison, rate=rate) * abs(effect.factor)
    return detectable(se, level=level, sides=sides, power=float(options.power)), "normal_approximation"


def _first(name: Words, lang: str) -> str:
    """The name at the head of a sentence."""
    text = name.in_language(lang)
    return text[:1].upper() + text[1:]


def _noun(context: GateContext, options: Options) -> str:
    """What is counted: a key of ``NOUNS``."""
    people = options.level == "people" or (options.level == "auto" and _people(context.capabilities, context.plan))
    return "people" if options.count == "weights" or (people and context.capabilities.kind == "effect") else "units"


def _needed(context: GateContext, effect: float | None) -> dict[str, Json]:
    """The lowest payment threshold, and how many treated would detect it.

    The standard error falls with the root of the size, both arms growing alike: n · (detectable / wanted)².
    """
    wanted = min((t for t in context.thresholds if t > 0), default=None)
    treated = context.headline.counts.treated
    if effect is None or wanted is None or not finite(effect) or not treated:
        return {"wanted_effect": wanted, "treated_needed": None}
    return {"wanted_effect": wanted, "treated_needed": math.ceil(treated * (effect / wanted) ** 2)}


def _effect_words(context: GateContext, effect: float | None, power: Decimal, lang: str) -> str:
    """The minimum detectable effect as a sentence, with the payment threshold when it lies below."""
    if effect is None:
        return (
            "Den mindste påviselige effekt kan ikke beregnes uden en standardfejl."
            if lang == "da"
            else "The minimum detectable effect cannot be computed without a standard error."
        )
    size, odds = effect_text(context, effect, lang), percent(power, lang, 0)
    wanted = min((t for t in context.thresholds if t > 0), default=effect)
    if lang == "da":
        more = f", mere end den laveste tærskel på {effect_text(context, wanted, lang)}" if wanted < effect else ""
        return f"Den mindste påviselige effekt er {size} (styrke {odds}){more}."
    more = f", more than the lowest threshold of {effect_text(context, wanted, lang)}" if wanted < effect else ""
    return f"The minimum detectable effect is {size} (power {odds}){more}."


PLUGIN = GatePlugin(
    name="minimum_sample",
    order=30,
    consequence="block",
    options=Options,
    default_on=True,
    source=MEASURE.source,
    applies=applies,
    check=check,
)
