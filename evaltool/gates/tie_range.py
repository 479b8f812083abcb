"""The gate that asks whether a choice between equally good matches can decide the payment.

Where several comparison units are exactly as near, taking another of them gives another effect. The estimator finds the
smallest and largest effect over all those choices. Statistic: payment thresholds (or zero, when nothing is paid on one)
that lie inside that range, its lower end excluded; threshold 0. Where the contract pays on a lower bound, the bound is
moved by as much as the effect and compared besides, with zero where significance is asked for. None inside: PASS. Any:
REVIEW with TIES_DECIDE, and the decision itself carries REFER (step 8, where figures are compared exactly as they are
paid). A range that was searched and not enumerated may be too narrow: it is widened by its own width on either side
before it is judged. A range that is not stated is CANNOT_TELL.

Source: own proposal.
"""

from __future__ import annotations

from dataclasses import dataclass

from evaltool.gates._common import Finding, Measure, answer, counted, effect_of, effect_text, finite
from evaltool.gates._matched import MATCHED, for_matching, turned
from evaltool.records.base import Json, Record, Words
from evaltool.records.gate import GateResult
from evaltool.records.plugins import GateContext, GatePlugin

MEASURE = Measure(
    name="tie_range",
    reason="TIES_DECIDE",
    statistic=Words(da="tærskler inden for udfaldsrummet", en="thresholds inside the range"),
    unit=Words(da="tærskler", en="thresholds"),
    source=Words(
        da="Eget forslag: ingen betalingstærskel inden for effektens spænd over lige gode matches",
        en="Own proposal: no payment threshold inside the range of the effect over tied matches",
    ),
)
HOW = frozenset({"no_ties", "exact", "enumerated", "searched"})


class Options(Record):
    """Nothing to choose here: the design settles what is left open."""


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure that meets thresholds, with its range over choices between equals; more is better."""

    name: str
    low: float
    high: float
    thresholds: tuple[float, ...]

    def inside(self) -> list[float]:
        """Thresholds that one choice reaches and another does not."""
        return [threshold for threshold in self.thresholds if self.low < threshold <= self.high]


def check(context: GateContext) -> GateResult:
    """PASS when no payment threshold lies inside the range, else REVIEW."""
    how = context.headline.conventions.get("tie_range")
    ends = context.headline.over_ties(scale="absolute")
    if not isinstance(how, str) or how not in HOW or (ends is None and how != "no_ties"):
        return _unknown(context)
    if ends is None:
        sentence = Words(
            da="Ingen to enheder var lige gode matches med forskellig vægt; der var intet at vælge.",
            en="No two units were equally good matches with unequal weights; there was nothing to choose.",
        )
        found = Finding(verdict="PASS", sentence=sentence, statistic=0.0, threshold=0.0, evidence={"how": how})
        return answer(context, MEASURE, found)
    low, high = sorted(turned(context, end) for end in ends)
    point = effect_of(context).value
    if not finite(low, high, point):
        return _unknown(context)
    spare = high - low if how == "searched" else 0.0
    figures = figures_of(context, point, (low - spare, high + spare))
    inside = sorted({threshold for figure in figures for threshold in figure.inside()})
    evidence: dict[str, Json] = {
        "how": how,
        "orders": context.headline.conventions.get("tie_orders"),
        "effect": point,
        "lower": low,
        "upper": high,
        "widened_by": spare,
        "figures": [{"figure": f.name, "lower": f.low, "upper": f.high, "inside": [*f.inside()]} for f in figures],
        "payment_thresholds": [*context.thresholds],
    }
    return answer(
        context,
        MEASURE,
        Finding(
            verdict="REVIEW" if inside else "PASS",
            sentence=Words(
                da=_danish(context, (low, high), inside, searched=how == "searched"),
                en=_english(context, (low, high), inside, searched=how == "searched"),
            ),
            statistic=float(len(inside)),
            threshold=0.0,
            evidence=evidence,
        ),
    )


def figures_of(context: GateContext, point: float, ends: tuple[float, float]) -> list[Figure]:
    """The point, and the lower bound where a rule on the headline outcome needs one."""
    bases = {rule.basis for rule in context.plan.payment.rule if rule.outcome == context.headline.key.outcome}
    found = [Figure("point_estimate", *ends, context.thresholds or (0.0,))]
    outcome = context.plan.outcome_named(context.headline.key.outcome)
    paid = context.headline.evidence(direction=outcome.direction, scale=context.plan.estimand.scale)
    if paid.lower is None:
        return found
    bound = [float(paid.lower) + end - point for end in ends]
    if "lower_bound" in bases:
        found.append(Figure("lower_bound", bound[0], bound[1], context.thresholds))
    if "significant_and_point" in bases:
        found.append(Figure("significance", bound[0], bound[1], (0.0,)))
    return found


def _unknown(context: GateContext) -> GateResult:
    """CANNOT_TELL: the range is not stated."""
    missing = Words(
        da="Beregningen har ikke oplyst, hvor meget effekten afhænger af valget mellem lige gode matches.",
        en="The estimate has not stated how far the effect depends on the choice between equally good matches.",
    )
    return answer(context, MEASURE, Finding(verdict="CANNOT_TELL", sentence=missing))


def _danish(context: GateContext, ends: tuple[float, float], inside: list[float], *, searched: bool) -> str:
    """The sentence in Danish."""
    low, high = (effect_text(context, end, "da") for end in ends)
    how = " (fundet ved søgning; vurderet med samme bredde lagt til på begge sider)" if searched else ""
    end = "ingen tærskel ligger imellem" if not inside else f"{counted(len(inside), 'thresholds', 'da')} ligger imellem"
    return f"Alt efter valget mellem lige gode matches er effekten {low} til {high}{how}; {end}."


def _english(context: GateContext, ends: tuple[float, float], inside: list[float], *, searched: bool) -> str:
    """The sentence in English."""
    low, high = (effect_text(context, end, "en") for end in ends)
    how = " (found by search; judged with that width again on either side)" if searched else ""
    end = "no threshold lies between" if not inside else f"between them: {counted(len(inside), 'thresholds', 'en')}"
    return f"Depending on the choice between equally good matches the effect is {low} to {high}{how}; {end}."


PLUGIN = GatePlugin(
    name="tie_range",
    order=55,
    consequence="review",
    options=Options,
    default_on=True,
    source=MEASURE.source,
    applies=for_matching,
    check=check,
    families=MATCHED,
)
