"""Gates that read the contract and not the data: registered events, an exposed comparison, people chosen at worst."""

from __future__ import annotations

import json
from datetime import date

import pytest
from gate_world import ask, can, outcome, plan, rule, why_not
from pydantic import ValidationError

from evaltool import registry
from evaltool.gates.contamination import Options
from evaltool.payment.decision import decide
from evaltool.planning.lint import lint
from evaltool.records.plan.evaluation_plan import EvaluationPlan

# the outcome of the test plans is measured from 1 January to 31 December 2025
CLAUSE = {"id": "epidemic", "text": {"da": "Måneder med nedlukning udgår.", "en": "Months of a lockdown are left out."}}
GOVERNANCE = {"decide_from": "2026-01-31", "clause": [CLAUSE]}


def event(first: str, last: str, name: str = "covid", **other: object) -> dict[str, object]:
    title = {"da": f"Epidemien {name}", "en": f"The epidemic {name}"}
    return {"id": name, "title": title, "first_day": first, "last_day": last, "clause": "epidemic", **other}


def with_events(*events: dict[str, object], **tables: object) -> EvaluationPlan:
    return plan(payment={"shock": list(events)}, governance=GOVERNANCE, **tables)


@pytest.mark.parametrize(
    ("first", "last", "days"),
    [
        ("2024-06-01", "2024-12-31", 0),
        ("2026-01-01", "2026-03-01", 0),
        ("2024-06-01", "2025-01-01", 1),
        ("2025-12-31", "2026-03-01", 1),
        ("2025-03-01", "2025-03-31", 31),
        ("2024-01-01", "2026-12-31", 365),
    ],
)
def test_days_within_an_event(first: str, last: str, days: int) -> None:
    found = ask("shocks", plan=with_events(event(first, last)))
    assert (found.verdict, found.statistic, found.threshold) == ("REVIEW" if days else "PASS", float(days), 0.0)
    assert found.reason == ("STRUCTURAL_BREAK" if days else None)
    assert found.asks_for_review is bool(days)
    assert not found.blocks


def test_the_clause_speaks_in_both_languages() -> None:
    found = ask("shocks", plan=with_events(event("2025-03-01", "2025-03-31")))
    assert (found.sentence.en or "").replace("\u00a0", " ") == (
        "31 days of the measurement fall within The epidemic covid (1 March 2025 – 31 March 2025). "
        "The contract says: “Months of a lockdown are left out.”"
    )
    assert found.sentence.da is not None
    assert found.sentence.da.endswith("Aftalen siger: »Måneder med nedlukning udgår.«")
    silent = ask("shocks", plan=with_events(event("2025-03-01", "2025-03-31", clause=None)))
    assert (silent.sentence.en or "").endswith("The contract does not say what then applies.")


def test_days_of_two_events_count_once_and_a_clause_is_quoted_once() -> None:
    two = with_events(event("2025-03-01", "2025-03-31"), event("2025-03-20", "2025-04-09", "strike"))
    found = ask("shocks", plan=two)
    assert found.statistic == 40.0  # 1 March to 9 April
    assert (found.sentence.en or "").count("Months of a lockdown") == 1
    assert found.evidence["events"] == {"covid": 31, "strike": 21}


def test_the_windows_of_every_paid_outcome_count() -> None:
    other = outcome("jobs", window_from="2026-01-01", window_to="2026-01-10")
    stated = {"outcome": [outcome(), other]}
    wanted = event("2026-01-05", "2026-02-01")
    assert ask("shocks", plan=with_events(wanted, **stated)).statistic == 0.0
    paid = plan([rule(), rule(id="r2", outcome="jobs")], payment={"shock": [wanted]}, governance=GOVERNANCE, **stated)
    assert ask("shocks", plan=paid).statistic == 6.0


def test_a_plan_calls_for_the_gates_it_needs() -> None:
    shocks, extreme = registry.gate("shocks"), registry.gate("regression_to_mean")
    eventful = with_events(event("2025-03-01", "2025-03-31"))
    chosen = selected()
    assert [shocks.stands_in(p, "did") for p in (plan(), eventful)] == [False, True]
    assert [extreme.stands_in(p, "measured") for p in (plan(), chosen)] == [False, True]
    assert not registry.gate("contamination").stands_in(eventful, "did")
    assert why_not("shocks", stated=plan()) is not None
    assert why_not("shocks", stated=eventful) is None


def selected() -> EvaluationPlan:
    return plan(
        population={
            "eligibility": {"en": "schools"},
            "unit": "school",
            "entry_from": "2024-08-01",
            "entry_to": "2025-08-01",
            "selected_as_extreme": True,
        }
    )


def test_before_and_after_on_people_chosen_at_their_worst_blocks() -> None:
    change = can(family="measured", kind="change")
    assert why_not("regression_to_mean", change, selected()) is None
    assert why_not("regression_to_mean", change, plan()) is not None
    assert why_not("regression_to_mean", can(), selected()) is not None
    assert why_not("regression_to_mean", can(kind="verified_count"), selected()) is not None
    found = ask("regression_to_mean", plan=selected(), capabilities=change)
    assert (found.verdict, found.statistic, found.threshold) == ("FAIL", 0.0, 1.0)
    assert (found.blocks, found.reason) == (True, "REGRESSION_TO_MEAN")


@pytest.mark.parametrize(
    ("exposed", "of", "verdict"),
    [
        (0, 120, "PASS"),
        (6, 120, "PASS"),  # 5 percent exactly
        (7, 120, "REVIEW"),
        (12, 120, "REVIEW"),  # 10 percent exactly
        (13, 120, "FAIL"),
        (1, 20, "PASS"),
        (1, 10, "REVIEW"),
    ],
)
def test_contamination(exposed: int, of: int, verdict: str) -> None:
    found = ask("contamination", options={"exposed": exposed, "of": of, "source": "the register of services, 2026"})
    assert found.verdict == verdict
    assert found.statistic == pytest.approx(exposed / of, abs=1e-15)
    assert found.threshold == 0.05
    assert found.blocks is (verdict == "FAIL")
    assert "the register of services, 2026" in (found.sentence.da or "")


def test_other_limits_may_be_agreed() -> None:
    stated = {"exposed": 15, "of": 100, "source": "s", "accepted": "0.10", "most": "0.20"}
    assert ask("contamination", options=stated).verdict == "REVIEW"


@pytest.mark.parametrize("stated", [{}, {"exposed": 1}, {"exposed": 1, "of": 9}, {"of": 9, "source": "s"}])
def test_a_share_nobody_stated_cannot_pass(stated: dict[str, object]) -> None:
    found = ask("contamination", options=stated)
    assert (found.verdict, found.blocks, found.reason) == ("CANNOT_TELL", True, "CONTAMINATION")


@pytest.mark.parametrize(
    "stated", [{"exposed": 3, "of": 2}, {"accepted": "0.2", "most": "0.1"}, {"exposed": -1}, {"of": 0}]
)
def test_what_cannot_be(stated: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Options.model_validate_json(json.dumps(stated), strict=True)


def test_contamination_needs_a_comparison() -> None:
    assert why_not("contamination", can(kind="change")) is not None
    assert why_not("contamination") is None


def test_an_event_makes_the_decision_provisional() -> None:
    from payment_cases import ask as asked  # noqa: PLC0415 - the other module's ``ask``
    from payment_cases import seen  # noqa: PLC0415 - same

    agreed = with_events(event("2025-03-01", "2025-03-31"))
    gate = ask("shocks", plan=agreed)
    decision = decide(asked(agreed, seen("0.12"), gates=(gate,), as_of=date(2026, 6, 30)))
    assert (decision.state, decision.flags, decision.reasons) == ("PAY_FULL", ("PROVISIONAL",), ("STRUCTURAL_BREAK",))


def test_lint_asks_what_happens_when_they_block() -> None:
    agreed = selected()
    measured = agreed.model_copy(
        update={"estimator": agreed.estimator.model_copy(update={"method": "measured.change"})}
    )
    found = [f for f in lint(measured) if f.code == "LINT_NO_FALLBACK"]
    assert any("regression_to_mean" in f.cause for f in found)
