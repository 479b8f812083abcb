"""The gate that tells how strong an unmeasured difference between the groups would turn the payment over a threshold.

For each figure the contract pays on, the threshold nearest to it: how far the figure is from it, and what a hidden
difference needs to move it there, either way:

* Γ: within a matched set the odds of being treated differ by as much (Rosenbaum), of the test that the effect reaches
  the threshold, at the level of the bound, for the point at 0.5; only where sets hold one of one group;
* the E-value: a hidden factor is tied to treatment and to outcome by risk ratios of as much (VanderWeele & Ding); for
  averages a standardised difference d counts as exp(0.91 d);
* the robustness value: it explains this share of what covariates leave of treatment and of outcome (Cinelli & Hazlett),
  in the weighted regression of the headline's covariates.

Statistic: the smallest E-value. From ``minimum`` on (1 unless the contract says otherwise: shown, not judged): PASS;
less: REVIEW with HIDDEN_BIAS. Without outcomes of the compared: NOT_APPLICABLE.

Sources: Rosenbaum 2002; VanderWeele & Ding 2017; Cinelli & Hazlett 2020. No limit is common; a contract states its own.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated

from pydantic import Field

from evaltool.gates._common import Finding, Measure, answer, effect_text
from evaltool.gates._hidden import Flip, flips
from evaltool.gates._matched import MATCHED, ROUNDING, for_matching
from evaltool.language.numbers import number
from evaltool.records.base import Exact, Json, Record, Words
from evaltool.records.gate import GateResult, Verdict
from evaltool.records.plugins import GateContext, GatePlugin

MEASURE = Measure(
    name="hidden_bias",
    reason="HIDDEN_BIAS",
    statistic=Words(da="mindste E-værdi, der flytter betalingen", en="smallest E-value that turns the payment"),
    unit=Words(da="risikoforhold", en="risk ratio"),
    source=Words(
        da="VanderWeele & Ding (2017); ingen almindelig grænse: Kontrakten kan sætte sin egen",
        en="VanderWeele & Ding (2017); no limit is common: a contract may set its own",
    ),
)


class Options(Record):
    """``minimum``: the E-value from which a hidden difference is no worry; 1 asks for nothing."""

    minimum: Annotated[Exact, Field(ge=1, le=100)] = Decimal(1)


def check(context: GateContext) -> GateResult:
    """PASS from the minimum on, else REVIEW."""
    least = float(Options.model_validate(context.options).minimum)
    named = context.plan.estimator.options.get("covariates", ())
    adjusted = frozenset(str(name) for name in named) if isinstance(named, tuple) else frozenset[str]()
    found = flips(context, adjusted or _own(context))
    if not found:
        nothing = Words(
            da="Der er ingen udfald for dem, der sammenlignes.", en="There are no outcomes of those who are compared."
        )
        return answer(context, MEASURE, Finding(verdict="NOT_APPLICABLE", sentence=nothing))
    weakest = min(found, key=lambda flip: flip.e_value)
    verdict: Verdict = "PASS" if weakest.e_value >= least - ROUNDING else "REVIEW"
    rows: list[Json] = [_row(flip) for flip in found]
    evidence: dict[str, Json] = {"minimum": least, "figures": rows}
    sentence = Words(da=_danish(context, weakest, least), en=_english(context, weakest, least))
    return answer(context, MEASURE, Finding(verdict, sentence, weakest.e_value, least, evidence))


def _own(context: GateContext) -> frozenset[str]:
    """Covariates of models that take the design's when none are named."""
    facts = context.design.summary.matching
    modelled = context.headline.method != "weighted.difference"
    return frozenset(facts.covariates) if modelled and facts is not None else frozenset()


def _row(flip: Flip) -> dict[str, Json]:
    """One figure in the evidence."""
    return {
        "figure": flip.figure,
        "value": flip.value,
        "threshold": flip.threshold,
        "reached": flip.reached,
        "difference": flip.difference,
        "gamma": flip.gamma,
        "e_value": flip.e_value,
        "robustness": flip.robustness,
    }


def _danish(context: GateContext, flip: Flip, least: float) -> str:
    """The sentence in Danish."""
    apart, at = (effect_text(context, one, "da") for one in (flip.difference, flip.threshold))
    asked = f"; kontrakten kræver {number(least, 'da', 2)}" if least > 1.0 else ""
    return (
        f"En skjult forskel skal flytte tallet {apart} for at komme på den anden side af tærsklen {at}; "
        f"det kræver en E-værdi på {number(flip.e_value, 'da', 2)}{asked}."
    )


def _english(context: GateContext, flip: Flip, least: float) -> str:
    """The sentence in English."""
    apart, at = (effect_text(context, one, "en") for one in (flip.difference, flip.threshold))
    asked = f"; the contract asks for {number(least, 'en', 2)}" if least > 1.0 else ""
    return (
        f"A hidden difference must move the figure by {apart} to reach the other side of the threshold {at}; "
        f"that takes an E-value of {number(flip.e_value, 'en', 2)}{asked}."
    )


PLUGIN = GatePlugin(
    name="hidden_bias",
    order=54,
    consequence="review",
    options=Options,
    default_on=True,
    source=MEASURE.source,
    applies=for_matching,
    check=check,
    families=MATCHED,
)
