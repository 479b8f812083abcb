"""From a run to the pictures of ``plotting``: what each figure needs, gathered and put into words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from decimal import Decimal

from evaltool import registry
from evaltool.errors import EvaltoolError
from evaltool.language.numbers import money_short
from evaltool.payment.mechanisms import cohort_then_pooled
from evaltool.plotting.bases import Verdict
from evaltool.plotting.effect import EffectPicture, EffectRow, Tier
from evaltool.records.base import Record
from evaltool.records.decision import Alternative, TraceStep
from evaltool.records.estimate import Estimate
from evaltool.records.evidence import ALL, FEASIBLE
from evaltool.records.options import parse_options
from evaltool.records.plan.payment import Rule
from evaltool.report.telling import Telling

STARTS = ("from", "at", "threshold", "start")
"""Names under which mechanisms state a threshold beside an ``amount``."""


def rules_on_headline(telling: Telling) -> tuple[Rule, ...]:
    """The payment rules that look at the headline outcome."""
    return tuple(r for r in telling.run.plan.payment.rule if r.outcome == telling.run.plan.estimand.outcome)


def rule_thresholds(rule: Rule) -> tuple[Decimal, ...]:
    """A rule's thresholds, rising; none where its terms cannot be read."""
    try:
        plugin = registry.mechanism(rule.mechanism)
        return tuple(sorted(set(plugin.thresholds(parse_options(plugin.terms, rule.terms, "payment.rule.terms")))))
    except EvaltoolError:
        return ()


def rule_maximum(rule: Rule) -> Decimal | None:
    """A rule's top amount before caps; None for an uncapped tariff."""
    try:
        plugin = registry.mechanism(rule.mechanism)
        return plugin.maximum(parse_options(plugin.terms, rule.terms, "payment.rule.terms"))
    except EvaltoolError:
        return None


def stated_amounts(terms: Mapping[str, object]) -> dict[Decimal, Decimal]:
    """Threshold → amount, wherever terms state both side by side: ``from``/``amount`` or ``x_from``/``x_amount``."""
    found: dict[Decimal, Decimal] = {}
    for table in _tables(terms):
        for name in STARTS:
            if name in table and "amount" in table:
                found[Decimal(str(table[name]))] = Decimal(str(table["amount"]))
        for name, value in table.items():
            for suffix in ("_from", "_threshold"):
                amount = table.get(name.removesuffix(suffix) + "_amount") if name.endswith(suffix) else None
                if amount is not None:
                    found[Decimal(str(value))] = Decimal(str(amount))
    return found


def _tables(value: object) -> Iterator[Mapping[str, object]]:
    """``value`` and every table inside it."""
    if isinstance(value, Record):
        value = value.model_dump()
    if isinstance(value, Mapping):
        yield value
        for item in value.values():
            yield from _tables(item)
    elif isinstance(value, tuple | list):
        for item in value:
            yield from _tables(item)


def effect_picture(telling: Telling) -> EffectPicture | None:
    """The headline (and each cohort) against the thresholds of the rules on it; None where nothing was estimated."""
    if not telling.estimates:
        return None
    evidence = [(estimate, telling.evidence(estimate)) for estimate in telling.estimates]
    whole = [e for e in telling.estimates if e.key.cohort == ALL]
    rows = tuple(
        EffectRow(telling.title_of(e), found.point, found.lower, found.upper, not whole or e.key.cohort == ALL)
        for e, found in evidence
    )
    headline = telling.headline or telling.estimates[-1]
    level = None if headline.interval is None else telling.level(headline.interval.level)
    tested = None if telling.monitoring else _cohort_tests(telling)
    if tested is not None:
        rows = tuple(_with_test(telling, tested, e, row) for e, row in zip(telling.estimates, rows, strict=True))
        rows += _pooled_row(telling, tested)
    return EffectPicture(
        rows=rows,
        tiers=() if telling.monitoring else _tiers(telling),
        axis=axis_words(telling, headline),
        scale=telling.scale,
        level=level if any(row.lower is not None for row in rows) else None,
        effect=headline.kind != "verified_count" and not headline.is_share,
        placebos=headline.absent == "SYNTHETIC_CONTROL",
    )


def beside_picture(telling: Telling) -> EffectPicture | None:
    """The headline and every other method's figure for it; None where there are no others or it may not be shown."""
    headline = telling.headline
    if headline is None or telling.withheld or telling.monitoring:
        return None
    others = [e for e in telling.run.estimates if e.key.specification.startswith(FEASIBLE)]
    evidence = [(e, telling.evidence(e)) for e in (headline, *others)]
    rows = [
        EffectRow(telling.name_of("method", e.method), found.point, found.lower, found.upper, e is headline)
        for e, found in evidence
    ]
    if len(rows) < 2:  # noqa: PLR2004 - one row stands alone
        return None
    held = any(row.lower is not None for row in rows)
    level = telling.level(float(telling.run.plan.inference.level)) if held else None
    axis = axis_words(telling, headline)
    return EffectPicture(tuple(rows), _tiers(telling), axis, telling.scale, level, placebos=not held)


def _cohort_tests(telling: Telling) -> tuple[Rule, cohort_then_pooled.Terms] | None:
    """The rule that tests cohort by cohort and then all together, with its terms; None without one."""
    for rule in rules_on_headline(telling):
        if rule.mechanism == cohort_then_pooled.PLUGIN.name:
            try:
                return rule, parse_options(cohort_then_pooled.Terms, rule.terms, "payment.rule.terms")
            except EvaltoolError:
                return None
    return None


def _with_test(
    telling: Telling, tested: tuple[Rule, cohort_then_pooled.Terms], estimate: Estimate, row: EffectRow
) -> EffectRow:
    """The row of a cohort with the cohort's own threshold and amount; it carries the payment when it reached it."""
    rule, terms = tested
    planned = [cohort.id for cohort in telling.run.plan.population.cohort]
    if estimate.key.cohort not in planned:
        return row
    place, amounts = planned.index(estimate.key.cohort), terms.amounts(len(planned))
    amount = amounts[place] if place < len(amounts) else None
    reached = any(
        step.key == "cohort.amount" and step.values["cohort"] == estimate.key.cohort and bool(step.values["reached"])
        for step in _steps(telling, rule)
    )
    decides = reached or not _pooled_row(telling, tested)
    return replace(row, own=_tier(telling, terms.cohort_threshold, amount), decisive=decides)


def _pooled_row(telling: Telling, tested: tuple[Rule, cohort_then_pooled.Terms]) -> tuple[EffectRow, ...]:
    """All cohorts together as the decision weighed them; nothing where it did not, or where it may not be shown."""
    rule, terms = tested
    if telling.withheld:
        return ()
    for step in _steps(telling, rule):
        if step.key == "pooled.value":
            found = {name: value for name, value in step.values.items() if value is not None}
            lower = Decimal(str(found["lower"])) if "lower" in found else None
            own = _tier(telling, terms.pooled_threshold, terms.pooled_amount)
            label = telling.say("figure.effect_pooled")
            return (EffectRow(label, Decimal(str(found["value"])), lower, None, own=own),)
    return ()


def _steps(telling: Telling, rule: Rule) -> list[TraceStep]:
    """The steps of the decision's arithmetic that belong to a rule."""
    return [step for step in telling.run.decision.trace if step.values.get("rule") == rule.id]


def _tier(telling: Telling, threshold: Decimal, amount: Decimal | None) -> Tier:
    """A threshold with what it pays."""
    currency = telling.run.plan.programme.currency
    return Tier(threshold, "" if amount is None else money_short(amount, currency, telling.lang))


def _tiers(telling: Telling) -> tuple[Tier, ...]:
    """Thresholds of the rules on the headline outcome with their amounts, rising."""
    tiers: dict[Decimal, Tier] = {}
    currency, lang = telling.run.plan.programme.currency, telling.lang
    for rule in rules_on_headline(telling):
        if rule.mechanism == cohort_then_pooled.PLUGIN.name:
            continue  # two tests of different figures are no ladder: each stands in its own row
        amounts = stated_amounts(rule.terms)
        for threshold in rule_thresholds(rule):
            amount = amounts.get(threshold)
            words = "" if amount is None else money_short(amount, currency, lang)
            tiers[threshold] = Tier(threshold, words)
    return tuple(tiers[threshold] for threshold in sorted(tiers))


def axis_words(telling: Telling, estimate: Estimate) -> str:
    """What the horizontal axis of the effect figure measures."""
    outcome = telling.outcome_title()
    estimand = telling.run.plan.estimand
    values = {"outcome": telling.outcome_within(), "unit": telling.unit}
    if estimate.kind == "verified_count":
        return telling.say("axis.count", values | {"outcome": outcome})
    if estimate.is_share:
        return telling.say("axis.share", values | {"outcome": outcome})
    if estimand.scale == "relative":
        baseline = estimand.denominator == "baseline"
        return telling.say("axis.improvement_baseline" if baseline else "axis.improvement_percent", values)
    return telling.say("axis.improvement", values)


def verdicts(telling: Telling) -> tuple[Verdict, ...]:
    """The decided basis first, then every other basis and pre-registered specification."""
    decision = telling.run.decision
    found = [verdict_of(telling, a) for a in decision.alternatives if a.kind != "estimator"]
    if found and decision.basis and not any(v.decided for v in found) and telling.decided():
        found.insert(0, _own(telling))
    return tuple(sorted(found, key=lambda v: not v.decided))


def _own(telling: Telling) -> Verdict:
    """The decision itself as the first of the bases."""
    decision = telling.run.decision
    label = telling.name_of("basis_short", decision.basis or "none")
    state = telling.say(f"state_short.{decision.state}")
    met = [step.values["value"] for step in decision.trace if step.key == "rule.basis_value"]
    point = telling.scale.bare(Decimal(str(met[-1]))) if met else ""
    return Verdict(label, state, decision.triggered, point, decided=True)


def verdict_of(telling: Telling, alternative: Alternative) -> Verdict:
    """One alternative in words."""
    decision = telling.run.decision
    label = alternative_title(telling, alternative)
    if alternative.state is None:
        why = telling.name_of("trace_absent", alternative.absent or "no_estimate")
        return Verdict(label, telling.say("text.cannot_compute", {"why": why}), None)
    mine = alternative.kind == "basis" and alternative.name == decision.basis and telling.decided()
    verdict = Verdict(label, telling.say(f"state_short.{alternative.state}"), alternative.amount, decided=mine)
    if alternative.point is None:
        return verdict
    return replace(verdict, point=telling.scale.bare(alternative.point))


def alternative_title(telling: Telling, alternative: Alternative) -> str:
    """A basis in words, a specification by the plan's own title, another method by its name."""
    if alternative.kind == "basis":
        return telling.name_of("basis_short", alternative.name)
    if alternative.kind == "estimator":
        name = telling.name_of("method", alternative.name)
        return name[:1].upper() + name[1:]
    return specification_title(telling, alternative.name)


def specification_title(telling: Telling, name: str) -> str:
    """The plan's own title of a pre-registered specification, else its id made readable."""
    titles = {s.id: s.title.in_language(telling.lang) for s in telling.run.plan.sensitivity}
    return titles.get(name) or name.replace("_", " ")
