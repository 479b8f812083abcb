"""The gate that asks whether the groups were alike before the start.

Statistic: the largest absolute standardised mean difference (SMD) after matching, over every covariate, exact column
and the score. The denominator is the standard deviation before matching of all treated (ATT; otherwise the design says
which), √(p(1 − p)) for two values; What Works Clearinghouse pools both groups' instead. Per row:

* |SMD| ≤ ``good`` (0.05): PASS;
* ≤ ``fair`` (0.25): PASS when the estimator adjusts for it, else REVIEW. The score counts as adjusted for when every
  covariate it is fitted on is;
* more: FAIL with BALANCE_FAIL, adjusted for or not: a regression that has to bridge that much extrapolates;
* a variance ratio (treated over comparison) outside [``ratio_low``, ``ratio_high``] = [0.5, 2], or one that cannot be
  computed: REVIEW, since adjusting for a mean does not mend a spread. Two-valued covariates have none;
* an SMD that is undefined (the treated do not vary and the means differ): CANNOT_TELL.

The worst row decides. Rows above ``note`` (0.10) are counted in the sentence.

Sources: What Works Clearinghouse (0.05 and 0.25, with adjustment between); Rubin (2001) for the variance ratio; the
note at 0.10, the review of a variance ratio and the rule for the score are our own proposal.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Self

from pydantic import Field, model_validator

from evaltool.gates._common import Finding, Measure, answer
from evaltool.gates._matched import (
    MATCHED,
    ROUNDING,
    Limits,
    for_matching,
    is_weighted,
    matching_of,
    misordered,
    no_matching,
)
from evaltool.language.numbers import number
from evaltool.records.base import Exact, Json, Record, Words
from evaltool.records.design import BalanceRow, MatchSummary
from evaltool.records.gate import GateResult, Verdict
from evaltool.records.plan.evaluation_plan import EvaluationPlan
from evaltool.records.plugins import GateContext, GatePlugin

MEASURE = Measure(
    name="balance",
    reason="BALANCE_FAIL",
    statistic=Words(
        da="største standardiserede forskel i gennemsnit", en="largest absolute standardised mean difference"
    ),
    unit=Words(da="standardafvigelser i indsatsgruppen", en="standard deviations of the treated"),
    source=Words(
        da="What Works Clearinghouse (0,05 og 0,25); Rubin (2001) om variansforholdet; bemærkning ved 0,10: "
        "eget forslag",
        en="What Works Clearinghouse (0.05, 0.25); Rubin (2001) for the variance ratio; note at 0.10: own proposal",
    ),
)
WHOM = {
    "ATT": Words(da="alle i indsatsgruppen", en="all treated"),
    "ATC": Words(da="alle i sammenligningsgruppen", en="all comparison units"),
    "ATE": Words(da="begge grupper", en="both groups"),
}
"""Whose standard deviation differences are divided by."""
EVERYBODY = Words(da="alle, vægtet", en="everybody, weighted")
PLAIN = Words(da="standardafvigelser", en="standard deviations")
HOW = ({"da": "matchning", "en": "matching"}, {"da": "vægtning", "en": "weighting"})
RATIO = Words(da="forhold mellem varianser", en="variance ratio")
TIMES = Words(da="gange", en="times")
SERIOUS: tuple[Verdict, ...] = ("PASS", "REVIEW", "CANNOT_TELL", "FAIL")
"""From harmless to worst: a known failure outweighs a row that cannot be judged."""
SCORE = Words(da="propensity-score", en="propensity score")


class Options(Record):
    """Limits of the SMD (pass, fail, note) and of the variance ratio."""

    good: Annotated[Exact, Field(gt=0)] = Decimal("0.05")
    fair: Annotated[Exact, Field(gt=0)] = Decimal("0.25")
    note: Annotated[Exact, Field(gt=0)] = Decimal("0.10")
    ratio_low: Annotated[Exact, Field(gt=0, le=1)] = Decimal("0.5")
    ratio_high: Annotated[Exact, Field(ge=1)] = Decimal(2)

    @model_validator(mode="after")
    def in_order(self) -> Self:
        """Refuse a review limit below the pass limit."""
        if misordered(self.good, self.fair, rising=False):
            message = "fair must not be below good"
            raise ValueError(message)
        return self


@dataclass(frozen=True, slots=True)
class Judged:
    """One row's verdicts: on its mean difference, and with its variance ratio; ``name`` is what readers call it."""

    row: BalanceRow
    name: Words
    adjusted: bool
    by_mean: Verdict
    ratio_kept: bool

    @property
    def verdict(self) -> Verdict:
        """The worse of both."""
        return "REVIEW" if self.by_mean == "PASS" and not self.ratio_kept else self.by_mean

    @property
    def size(self) -> float:
        """|SMD|; infinite where it is undefined."""
        return float("inf") if self.row.smd_after is None else abs(self.row.smd_after)


def check(context: GateContext) -> GateResult:
    """PASS, REVIEW or FAIL from the worst row of the balance table; CANNOT_TELL when a row has no number."""
    options = Options.model_validate(context.options)
    facts = matching_of(context)
    if facts is None or not facts.balance:
        return no_matching(context, MEASURE)
    judged = [
        judge(row, name_of(context.plan, row), adjusted=_bridged(row, facts, adjusted_for(context)), options=options)
        for row in facts.balance
    ]
    verdict = max((item.verdict for item in judged), key=SERIOUS.index)
    worst = max((item for item in judged if item.verdict == verdict), key=lambda item: item.size)
    evidence, target = _evidence(judged, options, facts), facts.estimand[:3]
    whom = WHOM.get(target, EVERYBODY)
    if verdict == "CANNOT_TELL":
        undefined = Words(
            da=f"{worst.name.da} varierer ikke i indsatsgruppen og har et andet gennemsnit i sammenligningsgruppen; "
            "forskellen kan ikke standardiseres.",
            en=f"{worst.name.en} does not vary among the treated and has another mean in the comparison group; "
            "the difference cannot be standardised.",
        )
        return answer(context, MEASURE, Finding(verdict=verdict, sentence=undefined, evidence=evidence))
    if worst.by_mean == "PASS" and verdict == "REVIEW":
        return answer(context, MEASURE, _by_ratio([i for i in judged if not i.ratio_kept], options, evidence))
    lenient = verdict == "FAIL" or (
        verdict == "PASS" and worst.adjusted and worst.size > float(options.good) + ROUNDING
    )
    decided, weighted = float(options.fair if lenient else options.good), is_weighted(context)
    return answer(
        context,
        MEASURE,
        Finding(
            verdict=verdict,
            sentence=Words(
                da=_danish(judged, worst, (decided, HOW[weighted]["da"], str(whom.da)), options),
                en=_english(judged, worst, (decided, HOW[weighted]["en"], str(whom.en)), options),
            ),
            unit=None if target == "ATT" else PLAIN,
            statistic=worst.size,
            threshold=decided,
            evidence=evidence,
            counts=(f"covariate:{worst.row.covariate}",),
        ),
    )


def adjusted_for(context: GateContext) -> frozenset[str]:
    """Columns the headline estimator adjusts for."""
    named = context.plan.estimator.options.get("covariates", ())
    if not context.capabilities.covariates or not isinstance(named, tuple):
        return frozenset()
    return frozenset(str(name) for name in named)


def _bridged(row: BalanceRow, facts: MatchSummary, adjusted: frozenset[str]) -> bool:
    """Whether the headline adjusts for what this row shows; for the score, for all its covariates."""
    return set(facts.covariates) <= adjusted if row.kind == "score" else row.covariate in adjusted


def name_of(plan: EvaluationPlan, row: BalanceRow) -> Words:
    """What readers call a row: the score, or the column as the plan labels it, else its own name."""
    if row.kind == "score":
        return SCORE
    column = next((column for column in plan.data.read if column.name == row.covariate), None)
    label = Words() if column is None else column.label
    return Words(**{lang: label.in_language(lang) or row.covariate for lang in ("da", "en")})


def judge(row: BalanceRow, name: Words, *, adjusted: bool, options: Options) -> Judged:
    """A row of the balance table with its verdicts; an adjusted difference up to the outer limit passes."""
    limits = Limits(options.good, options.fair, rising=False)
    by_mean: Verdict = "CANNOT_TELL" if row.smd_after is None else limits.verdict(abs(row.smd_after))
    if by_mean == "REVIEW" and adjusted:
        by_mean = "PASS"
    return Judged(row=row, name=name, adjusted=adjusted, by_mean=by_mean, ratio_kept=_ratio_kept(row, options))


def _ratio_kept(row: BalanceRow, options: Options) -> bool:
    """Whether the variance ratio is inside its limits (always, for two-valued covariates)."""
    if row.kind == "binary":
        return True
    ratio = row.variance_ratio_after
    low, high = float(options.ratio_low) - ROUNDING, float(options.ratio_high) + ROUNDING
    return ratio is not None and low <= ratio <= high


def _by_ratio(judged: Sequence[Judged], options: Options, evidence: dict[str, Json]) -> Finding:
    """A REVIEW for the variance ratio alone; the ratio farthest from 1 is told."""
    known = [(item.row.variance_ratio_after, item) for item in judged if item.row.variance_ratio_after is not None]
    low, high = (number(limit, "da") for limit in (options.ratio_low, options.ratio_high))
    below, above = (number(limit, "en") for limit in (options.ratio_low, options.ratio_high))
    if not known:
        worst = max(judged, key=lambda item: item.size)
        return Finding(
            verdict="REVIEW",
            sentence=Words(
                da=f"{worst.name.da} varierer ikke i den ene gruppe; forholdet mellem varianser kan ikke beregnes.",
                en=f"{worst.name.en} does not vary in one of the groups; its variance ratio cannot be computed.",
            ),
            statistic=worst.size,
            threshold=float(options.good),
            evidence=evidence,
        )
    ratio, worst = max(known, key=lambda pair: pair[0] if pair[0] >= 1 else 1 / max(pair[0], ROUNDING))
    return Finding(
        verdict="REVIEW",
        sentence=Words(
            da=f"{worst.name.da} varierer {number(ratio, 'da')} gange så meget i indsatsgruppen som i "
            f"sammenligningsgruppen (varians); {low} til {high} accepteres. Gennemsnittene er ens nok.",
            en=f"{worst.name.en} varies {number(ratio, 'en')} times as much among the treated as in the "
            f"comparison group (variance); {below} to {above} is accepted. The means are close enough.",
        ),
        statistic=ratio,
        threshold=float(options.ratio_high if ratio > 1 else options.ratio_low),
        evidence=evidence,
        statistic_name=RATIO,
        unit=TIMES,
    )


def _evidence(judged: Sequence[Judged], options: Options, facts: MatchSummary) -> dict[str, Json]:
    """The whole table, with what was adjusted for and each denominator."""
    rows: list[Json] = [
        {
            "covariate": item.row.covariate,
            "kind": item.row.kind,
            "smd": item.row.smd_after,
            "denominator": item.row.denominator,
            "variance_ratio": item.row.variance_ratio_after,
            "adjusted_for": item.adjusted,
            "verdict": item.verdict,
        }
        for item in judged
    ]
    limits: dict[str, Json] = {name: str(getattr(options, name)) for name in Options.model_fields}
    said = str(facts.conventions.get("balance_denominator", "standard deviation of all treated before matching"))
    return {"rows": rows, "denominator": said.split(";", maxsplit=1)[0], **limits}


def _noted(judged: Sequence[Judged], options: Options) -> int:
    """Rows above the note limit."""
    return sum(1 for item in judged if item.size > float(options.note) + ROUNDING)


def _danish(judged: Sequence[Judged], worst: Judged, limit: tuple[float, str, str], options: Options) -> str:
    """The sentence in Danish; ``limit``: what decided, how the groups were made alike, whose standard deviation."""
    decided, how, whom = limit
    side = "højst" if worst.verdict == "PASS" else "mere end"
    bridged = " Der justeres for den i beregningen." if worst.adjusted else ""
    return (
        f"Den største forskel efter {how} er {number(worst.size, 'da', 3)} standardafvigelser (af {whom}, "
        f"{number(worst.row.denominator, 'da')}) i '{worst.name.da}', {side} "
        f"{number(decided, 'da')}; {_noted(judged, options)} af {len(judged)} ligger over "
        f"{number(options.note, 'da')}.{bridged}"
    )


def _english(judged: Sequence[Judged], worst: Judged, limit: tuple[float, str, str], options: Options) -> str:
    """The sentence in English; ``limit`` as in Danish."""
    decided, how, whom = limit
    side = "at most" if worst.verdict == "PASS" else "more than"
    bridged = " The estimate adjusts for it." if worst.adjusted else ""
    return (
        f"The largest difference after {how} is {number(worst.size, 'en', 3)} standard deviations (of {whom}, "
        f"{number(worst.row.denominator, 'en')}) in '{worst.name.en}', {side} "
        f"{number(decided, 'en')}; {_noted(judged, options)} of {len(judged)} are above "
        f"{number(options.note, 'en')}.{bridged}"
    )


PLUGIN = GatePlugin(
    name="balance",
    order=33,
    consequence="block",
    options=Options,
    default_on=True,
    source=MEASURE.source,
    applies=for_matching,
    check=check,
    families=MATCHED,
)
