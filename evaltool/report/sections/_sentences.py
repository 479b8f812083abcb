"""Fixed plain sentences about rule, result and evidence. Markdown; everything filled in is escaped."""

from __future__ import annotations

from decimal import Decimal

from evaltool.language.words import NOTHING
from evaltool.records.estimate import Estimate
from evaltool.records.evidence import ALL
from evaltool.records.plan.payment import Rule
from evaltool.report.pictures import rule_maximum, rule_thresholds, rules_on_headline
from evaltool.report.sections._synthetic import rank_words
from evaltool.report.telling import Telling

PLACEBO = "placebo_"
"""How the keys of evidence sentences begin that rest on a rank among placebos."""
UNRELIABLE = frozenset({"blocked", "undecidable"})
"""Keys of evidence sentences that say the figure cannot be read as it stands."""


def rule_sentences(telling: Telling) -> list[str]:
    """Each payment rule in one sentence."""
    return [_rule_sentence(telling, rule) for rule in telling.run.plan.payment.rule]


def _rule_sentence(telling: Telling, rule: Rule) -> str:
    """Mechanism, outcome, basis, thresholds, whether reaching is enough, and the top amount."""
    thresholds = rule_thresholds(rule)
    inclusive = ""
    if thresholds and rule.inclusive is not None:
        inclusive = telling.say("rule.inclusive" if rule.inclusive else "rule.strict")
    listed = " · ".join(telling.scale.text(t) for t in thresholds)
    tops = [amount for amount in (rule_maximum(rule), rule.cap) if amount is not None]
    top = telling.say("rule.top", {"amount": telling.money(min(tops))}) if tops else ""
    return telling.tell(
        "rule.sentence",
        {
            "mechanism": telling.name_of("mechanism", rule.mechanism),
            "outcome": telling.outcome_within(rule.outcome),
            "basis": telling.name_of("basis", rule.basis or "none"),
            "inclusive": inclusive,
            "thresholds": telling.say("rule.thresholds", {"list": listed}) if thresholds else "",
            "top": top,
        },
    )


def result_sentences(telling: Telling) -> list[str]:
    """What was measured, cohort by cohort, with its uncertainty or the reason there is none."""
    if telling.withheld:
        return [telling.tell("text.withheld_result")]
    found: list[str] = []
    for estimate in telling.estimates:
        sentence = _measured(telling, estimate)
        split = estimate.key.cohort != ALL
        found.append(f"**{telling.title_of(estimate)}:** {sentence}" if split else sentence)
        found += _uncertainty(telling, estimate)
    return found


def _measured(telling: Telling, estimate: Estimate) -> str:
    """The figure itself, in the direction of good."""
    evidence = telling.evidence(estimate)
    if estimate.kind == "verified_count":
        return telling.tell("result.count", {"value": telling.scale.text(evidence.point)})
    if estimate.is_share:
        counts = {name: telling.number(int(estimate.conventions[name] or 0)) for name in ("reached", "of")}
        return telling.tell("result.share", {"value": telling.scale.text(evidence.point), **counts})
    if estimate.kind == "change":
        return telling.tell("result.change", {"value": telling.scale.text(evidence.point)})
    value = telling.scale.text(abs(evidence.point))
    if evidence.point < 0:
        return telling.tell("result.worsening", {"outcome": telling.outcome_title(), "value": value})
    return telling.tell("result.improvement", {"outcome": telling.outcome_within(), "value": value})


def _uncertainty(telling: Telling, estimate: Estimate) -> list[str]:
    """The interval, or why there is none."""
    evidence = telling.evidence(estimate)
    if estimate.kind == "verified_count":
        return []
    if evidence.lower is None or evidence.upper is None or evidence.level is None:
        return [telling.tell("result.no_interval", {"why": telling.absent_words(estimate)})]
    ends = {"lower": telling.scale.text(evidence.lower), "upper": telling.scale.text(evidence.upper)}
    key = "result.interval_change" if estimate.kind == "change" else "result.interval"
    key = "result.interval_share" if estimate.is_share else key
    inside = [t for t in _thresholds(telling) if evidence.lower < t < evidence.upper]
    sentences = [telling.tell(key, {"level": telling.level(evidence.level), **ends})]
    why = unusable_interval(telling, estimate)
    if why is not None:
        return [*sentences, telling.tell("result.interval_unusable", {"why": why})]
    if inside:
        said = "result.threshold_inside" if len(inside) == 1 else "result.thresholds_inside"
        sentences.append(telling.tell(said, {"list": " · ".join(telling.scale.text(t) for t in inside)}))
    return sentences


def unusable_interval(telling: Telling, estimate: Estimate) -> str | None:
    """Why the interval of an effect is not to be used, in words; None where nothing says so.

    The agreed method's own row where inference was examined, else what the check of clusters found.
    """
    if estimate.kind != "effect":
        return None
    examined = telling.run.examination
    primary = None if examined is None else examined.primary
    if primary is not None:
        unusable = primary.status == "unusable"
        return telling.name_of("inference_reason", primary.reason or "") if unusable else None
    found = next((gate.evidence for gate in telling.run.gates if gate.name == "few_clusters"), {})
    too_few = found.get("standard_error_unusable") is True
    return telling.name_of("inference_reason", "too_few_clusters") if too_few else None


def _thresholds(telling: Telling) -> list[Decimal]:
    """Thresholds of the rules on the headline outcome, rising; none where nothing is decided."""
    if telling.monitoring:
        return []
    return sorted({t for rule in rules_on_headline(telling) for t in rule_thresholds(rule)})


def per_hundred(telling: Telling, estimate: Estimate) -> str | None:
    """Say "for every 100 …": observed beside expected, where both are known and on a scale that allows it."""
    observed, expected = estimate.observed, estimate.counterfactual
    if estimate.kind != "effect" or observed is None or expected is None:
        return None
    if telling.outcome.kind == "binary":
        shown = {"observed": telling.number(100 * observed, 1), "expected": telling.number(100 * expected, 1)}
        return telling.tell("result.per_hundred_share", shown)
    if expected <= 0 or observed < 0:
        return None
    ratio = telling.number(100 * observed / expected, 0)
    return telling.tell("result.per_hundred", {"ratio": ratio, "unit": telling.unit})


def observed_expected(telling: Telling, estimate: Estimate) -> str | None:
    """Both numbers side by side, since success among the treated is not effect."""
    if estimate.kind != "effect" or estimate.observed is None or estimate.counterfactual is None:
        return None
    shown = {"observed": telling.number(estimate.observed), "expected": telling.number(estimate.counterfactual)}
    return telling.tell("result.observed_expected", {**shown, "unit": telling.unit})


def evidence_key(telling: Telling) -> str:
    """Which of the fixed evidence sentences applies."""
    estimate = telling.headline
    if estimate is None:
        return "none"
    if any(gate.blocks for gate in telling.run.gates):
        return "blocked"
    if telling.run.decision.state == "NOT_DECIDABLE" and not telling.monitoring:
        return "undecidable"
    return _strength(telling, estimate) if estimate.kind == "effect" else "no_counterfactual"


def _strength(telling: Telling, estimate: Estimate) -> str:
    """What the interval of an effect says."""
    evidence = telling.evidence(estimate)
    if evidence.lower is None or evidence.upper is None:
        return _among_placebos(telling, estimate) if judged_by_placebos(estimate) else "without_uncertainty"
    if unusable_interval(telling, estimate) is not None:
        return "unusable_interval"
    if evidence.lower > 0:
        return "strong"
    return "negative" if evidence.upper < 0 else "inconclusive"


def judged_by_placebos(estimate: Estimate) -> bool:
    """Whether the estimate has a rank among placebos in the place of a standard error."""
    return estimate.absent == "SYNTHETIC_CONTROL"


def _among_placebos(telling: Telling, estimate: Estimate) -> str:
    """What the rank among placebos says: the verdict of the check on it, where there is one."""
    if rank_words(telling, estimate) is None:
        return f"{PLACEBO}hidden"
    verdict = next((gate.verdict for gate in telling.run.gates if gate.name == "placebo_in_space"), None)
    if verdict == "PASS":
        return f"{PLACEBO}clear" if telling.evidence(estimate).point > 0 else f"{PLACEBO}negative"
    return PLACEBO + {"FAIL": "inconclusive", "CANNOT_TELL": "coarse"}.get(str(verdict), "rank")


def _placebo_sentence(telling: Telling, key: str) -> str:
    """The rank among placebos in words, and what such a rank means."""
    words = None if telling.headline is None else rank_words(telling, telling.headline)
    if words is None:
        return telling.tell(f"evidence.{key}", {"check": telling.name_of("gate", "placebo_in_space")})
    found = next((gate.evidence for gate in telling.run.gates if gate.name == "placebo_in_space"), {})
    alpha = found.get("alpha")
    asked = telling.number(Decimal(alpha)) if isinstance(alpha, str) else telling.say("label.none")
    meaning = "" if key == f"{PLACEBO}coarse" else f" {telling.tell('evidence.placebo_meaning', words)}"
    return telling.tell(f"evidence.{key}", {**words, "alpha": asked}) + meaning


def evidence_sentence(telling: Telling) -> str:
    """The strength of evidence in one fixed sentence."""
    key = evidence_key(telling)
    if key in UNRELIABLE:
        blocking = [telling.name_of("gate", gate.name) for gate in telling.run.gates if gate.blocks]
        return telling.tell(f"evidence.{key}", {"names": ", ".join(blocking)} if blocking else NOTHING)
    signed = {act.gate for act in telling.run.sign_offs}
    waiting = [gate.name for gate in telling.run.gates if gate.asks_for_review and gate.name not in signed]
    why = None if telling.headline is None else unusable_interval(telling, telling.headline)
    told = {"why": why} if key == "unusable_interval" and why is not None else NOTHING
    sentence = _placebo_sentence(telling, key) if key.startswith(PLACEBO) else telling.tell(f"evidence.{key}", told)
    if key == "none" or not waiting:
        return sentence
    names = ", ".join(telling.name_of("gate", name) for name in waiting)
    return f"{sentence} {telling.tell('evidence.reviews_open', {'names': names})}"


def size_sentences(telling: Telling) -> list[str]:
    """What this measurement could detect, and how many units an inconclusive one would have needed.

    Both were computed by the check of the minimum sample; nothing is said where it could not.
    """
    found = next((gate.evidence for gate in telling.run.gates if gate.name == "minimum_sample"), {})
    detectable, wanted, needed = (
        found.get(name) for name in ("minimum_detectable_effect", "wanted_effect", "treated_needed")
    )
    if telling.headline is None or not isinstance(detectable, int | float):
        return []
    power = telling.percent(Decimal(str(found.get("power", "0.8"))), 0)
    sentences = [telling.tell("size.detectable", {"power": power, "size": telling.scale.text(detectable)})]
    if evidence_key(telling) != "inconclusive" or not isinstance(wanted, int | float):
        return sentences
    values = {"power": power, "size": telling.scale.text(wanted)}
    if detectable <= wanted:
        return [telling.tell("size.large_enough", values)]
    treated = telling.headline.counts.treated
    if not isinstance(needed, int) or treated is None or telling.hides("arm", "treated", of=telling.headline):
        return sentences
    counts = {"needed": telling.number(needed), "n": telling.number(treated)}
    return [*sentences, telling.tell("size.needed_threshold", {**values, **counts, "unit": telling.analysed_units})]
