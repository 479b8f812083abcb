"""What is withheld when baselines disagree: exact arithmetic, the trace, other decisions, faults, lint."""

from __future__ import annotations

from decimal import Decimal

import pytest
from payment_cases import ask, gate, plan, seen
from test_payment_bases_and_fallbacks import COHORTS, PEOPLE

from evaltool.errors import PlanError
from evaltool.language.words import Voice
from evaltool.payment.decision import decide
from evaltool.pipeline.chances import chances, expectation_faults
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


BLEND = {
    "action": "blend",
    "blend": [{"specification": "primary", "weight": "0.5"}, {"specification": "other", "weight": "0.5"}],
}


def fallen(fallback: dict[str, object], other: str) -> Decision:
    """A gate blocks. Primary 0.12; two cohorts of weight one half, 0.10 and 0.14."""
    base = plan(
        sensitivity=[OTHER],
        payment={"haircut": {"over": "0.02", "share": "0.25", "among": ["other"]}},
        fallback=[{"on": ["N_MIN"], **fallback}],
        population=PEOPLE | {"cohort": COHORTS},
    )
    cohorts = [seen(point, cohort=name, weight="0.5") for name, point in (("c1", "0.10"), ("c2", "0.14"))]
    return decide(ask(base, seen("0.12"), seen(other, specification="other"), *cohorts, gates=(gate(),)))


def test_a_blend_is_compared_with_what_it_is_made_of() -> None:
    """(0.12 + 0.14)/2 = 0.13, one point from each: borne. (0.12 + 0.18)/2 = 0.15, three: a quarter of 1,000,000."""
    borne, cut = fallen(BLEND, "0.14"), fallen(BLEND, "0.18")
    assert (borne.amount, cut_of(borne)["distance"]) == (Decimal(1000000), Decimal("0.01"))
    assert (cut.amount, cut_of(cut)["distance"]) == (Decimal(750000), Decimal("0.03"))
    assert cut_of(cut)["compared"] == 2, "the agreed estimate and the other method"
    assert {one.name: one.amount for one in cut.alternatives}["no_haircut"] == Decimal(1000000)


def test_a_pooled_figure_is_compared_with_the_agreed_one() -> None:
    """0.5 · 0.10 + 0.5 · 0.14 = 0.12, as the agreed estimate; 0.04 from another method at 0.08."""
    borne, cut = fallen({"action": "pooled_test"}, "0.12"), fallen({"action": "pooled_test"}, "0.08")
    assert (borne.amount, cut_of(borne)["distance"], cut_of(borne)["compared"]) == (Decimal(1000000), Decimal(0), 2)
    assert (cut.amount, cut_of(cut)["distance"]) == (Decimal(750000), Decimal("0.04"))


def test_a_floor_is_no_figure_and_is_not_cut() -> None:
    found = fallen({"action": "pay_floor", "amount": "100000"}, "0.30")
    assert found.amount == Decimal(100000)
    assert "haircut" not in {step.key for step in found.trace}


PRIOR = {"outcome": "absence", "kind": "normal", "mean": "0.08", "sd": "0.04", "source": "an earlier programme"}
KNOWN = {"outcome": "absence", "standard_error": "0.03", "source": "made up"}


def foreseen(**terms: object) -> EvaluationPlan:
    haircut = {"over": "0.02", "share": "0.25", "among": ["other"], **terms}
    return plan(sensitivity=[OTHER], payment={"haircut": haircut}, prior=[PRIOR], expectation=[KNOWN])


def test_before_data_every_payment_is_cut_as_often_as_is_believed() -> None:
    """P(|N(0, 0.02²)| > 0.02) = 0.3173: expectation and top fall with it, the probability of nothing does not."""
    bare = plan(sensitivity=[OTHER], prior=[PRIOR], expectation=[KNOWN])
    without, found = chances(bare), chances(foreseen(apart="0.02"))
    assert (found.cut, found.cut_share, without.cut) == (Decimal("0.3173"), Decimal("0.25"), None)
    assert found.maximum == without.maximum
    for one, other in zip(found.scenarios, without.scenarios, strict=True):
        kept = 1 - Decimal("0.3173") * Decimal("0.25")
        assert abs(one.expected - other.expected * kept) <= Decimal("0.01")
        assert (one.nothing, one.full) == (other.nothing, other.full * (1 - Decimal("0.3173")))
        assert sum(chance.probability for chance in one.chances) == 1
    amounts = {chance.lowest for chance in found.scenarios[0].chances}
    assert amounts == {Decimal(0), Decimal(300000), Decimal(400000), Decimal(750000), Decimal(1000000)}
    assert found.paid_without_effect == without.paid_without_effect


def test_a_haircut_of_which_nothing_is_believed_is_refused_before_data() -> None:
    with pytest.raises(PlanError, match="apart"):
        chances(foreseen())
    assert [fault.code for fault in expectation_faults(foreseen())] == ["PLAN_NOT_SIMULATED"]
    assert "LINT_HAIRCUT_NOT_SIMULATED" in {finding.code for finding in lint(foreseen())}
    assert "LINT_HAIRCUT_NOT_SIMULATED" not in {finding.code for finding in lint(foreseen(apart="0.02"))}


@pytest.mark.parametrize("lang", ["da", "en"])
def test_both_languages_say_it(lang: str) -> None:
    voice = Voice(lang)
    assert voice.says("trace.haircut")
    assert voice.says("basis_short.no_haircut")
    assert voice.says("text.chances_cut")
