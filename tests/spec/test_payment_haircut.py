"""What is withheld when baselines disagree: exact arithmetic, the trace, other decisions, faults, lint."""

from __future__ import annotations

from decimal import Decimal

import pytest
from payment_cases import ask, plan, seen

from evaltool.language.words import Voice
from evaltool.payment.decision import decide
from evaltool.planning.lint import lint
from evaltool.reading import plan_payment_rules
from evaltool.records.decision import Decision
from evaltool.records.plan.evaluation_plan import EvaluationPlan

OTHER = {"id": "other", "title": {"en": "Another method"}, "method": "did.imputation"}
OPTIONS = {"id": "options", "title": {"en": "Other options"}, "options": {"anticipation": 1}}


def agreed(*, over: str = "0.02", share: str = "0.25", **more: object) -> EvaluationPlan:
    """Step tiers of 400,000 from 5 % and 1,000,000 from 10 %."""
    haircut = {"over": over, "share": share, "among": ["other", "options"], **more}
    return plan(sensitivity=[OTHER, OPTIONS], payment={"haircut": haircut})


def decided(other: str | None, options: str | None = "0.12", **terms: object) -> Decision:
    """0.12 decided on; ``other`` and ``options`` found beside it."""
    beside = {"other": other, "options": options}
    evidence = [seen(point, specification=name) for name, point in beside.items() if point is not None]
    return decide(ask(agreed(**terms), seen("0.12"), *evidence))  # type: ignore[arg-type]


def cut_of(decision: Decision) -> dict[str, object]:
    (found,) = [step for step in decision.trace if step.key == "haircut"]
    return dict(found.values)


@pytest.mark.parametrize(
    ("other", "amount", "state", "share"),
    [
        ("0.12", "1000000", "PAY_FULL", "0"),
        ("0.10", "1000000", "PAY_FULL", "0"),
        ("0.09999", "750000", "PAY_PARTIAL", "0.25"),
        ("0.20", "750000", "PAY_PARTIAL", "0.25"),
        ("-0.10", "750000", "PAY_PARTIAL", "0.25"),
    ],
)
def test_a_quarter_is_withheld_beyond_two_points(other: str, amount: str, state: str, share: str) -> None:
    """|0.12 − 0.10| = 0.02 is borne; a hair more is not: 1,000,000 × (1 − 0.25)."""
    found = decided(other)
    assert (found.amount, found.state) == (Decimal(amount), state)
    said = cut_of(found)
    assert (said["share"], said["before"], said["after"]) == (Decimal(share), Decimal(1000000), Decimal(amount))
    assert said["distance"] == abs(Decimal("0.12") - Decimal(other))
    assert (said["compared"], said["absent"]) == (2, 0)


def test_the_farthest_of_all_counts() -> None:
    assert cut_of(decided("0.12", "0.15"))["distance"] == Decimal("0.03")


@pytest.mark.parametrize(("absent", "amount"), [("cut", "750000"), ("ignore", "1000000")])
def test_a_baseline_that_could_not_be_computed(absent: str, amount: str) -> None:
    found = decided(None, absent=absent)
    assert found.amount == Decimal(amount)
    assert (cut_of(found)["compared"], cut_of(found)["absent"]) == (1, 1)


def test_the_cut_is_under_the_cap_and_before_the_offset_and_the_payers_share_what_is_left() -> None:
    """min(1,000,000, 900,000) × 0.75 − 100,000 = 575,000, split 0.7, 0.2, 0.1."""
    base = agreed()
    payment = base.payment.model_copy(update={"cap": Decimal(900000), "offset": Decimal(100000)})
    request = ask(base.model_copy(update={"payment": payment}), seen("0.12"), seen("0.2", specification="other"))
    found = decide(request)
    assert found.amount == Decimal(575000)
    assert [part.amount for part in found.per_payer] == [Decimal(402500), Decimal(115000), Decimal(57500)]
    assert "CAPPED" in found.flags


def test_other_decisions_say_what_the_haircut_did() -> None:
    """Without it 1,000,000; by the other method (0.06: tier of 400,000, 0.06 away from the agreed figure) 300,000."""
    found = {one.name: one for one in decided("0.06").alternatives}
    assert (found["no_haircut"].amount, found["no_haircut"].state) == (Decimal(1000000), "PAY_FULL")
    assert found["other"].amount == Decimal(300000)
    assert "no_haircut" not in {one.name for one in decided("0.12").alternatives}
    assert "haircut" not in {step.key for step in decide(ask(plan(), seen("0.12"))).trace}


def test_a_haircut_of_everything_pays_nothing() -> None:
    found = decided("0.3", share="1")
    assert (found.amount, found.state) == (Decimal(0), "NO_PAYMENT")


def test_unknown_specifications_are_faults_and_one_method_alone_is_doubted() -> None:
    def faults(stated: EvaluationPlan) -> set[str]:
        return {fault.code for _, rule in plan_payment_rules.PAYMENT_RULES for fault in rule(stated)}

    assert "PLAN_UNKNOWN_SPECIFICATION" in faults(agreed(among=["other", "elsewhere"]))
    assert "PLAN_UNKNOWN_SPECIFICATION" not in faults(agreed())
    codes = {finding.code for finding in lint(agreed(among=["options"]))}
    assert "LINT_HAIRCUT_SAME_METHOD" in codes
    assert "LINT_HAIRCUT_SAME_METHOD" not in {finding.code for finding in lint(agreed())}


@pytest.mark.parametrize("lang", ["da", "en"])
def test_both_languages_say_it(lang: str) -> None:
    voice = Voice(lang)
    assert voice.says("trace.haircut")
    assert voice.says("basis_short.no_haircut")
