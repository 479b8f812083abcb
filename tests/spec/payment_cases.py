"""Plans, gates and estimates for the payment tests: small, complete, and built through the public records."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal

from evaltool import registry
from evaltool.payment.decision import DecisionRequest
from evaltool.records.base import Json, plain
from evaltool.records.evidence import EstimateKey, Evidence
from evaltool.records.gate import GateResult
from evaltool.records.lock import LockStatus
from evaltool.records.plan.evaluation_plan import EvaluationPlan

LOCKED = LockStatus(state="locked", seal="0" * 64)
UNLOCKED = LockStatus(state="never_locked")
AS_OF = date(2026, 6, 30)
TIERS: dict[str, object] = {"tiers": [{"from": "0.05", "amount": "400000"}, {"from": "0.10", "amount": "1000000"}]}


def rule(mechanism: str = "step_tiers", terms: Mapping[str, object] = TIERS, **other: object) -> dict[str, object]:
    """A payment rule as the plan file would hold it."""
    stated: dict[str, object] = {"id": "r1", "mechanism": mechanism, "outcome": "absence", "terms": dict(terms)}
    if mechanism != "unit_tariff":
        stated |= {"basis": "point_estimate", "inclusive": True}
    return stated | other


def outcome(name: str = "absence", **other: object) -> dict[str, object]:
    """An outcome whose window is closed."""
    return {
        "id": name,
        "title": {"en": name},
        "direction": "decrease",
        "kind": "mean",
        "unit": {"en": "days per pupil and month"},
        "window_from": "2025-01-01",
        "window_to": "2025-12-31",
        **other,
    }


def plan(rules: Sequence[Mapping[str, object]] | None = None, **tables: object) -> EvaluationPlan:
    """A complete plan; ``tables`` replace whole tables, ``payment`` is merged."""
    payment: dict[str, object] = {"rule": list(rules or [rule()])}
    extra = tables.pop("payment", {})
    whole: dict[str, object] = {
        "schema": 1,
        "programme": {
            "id": "p",
            "version": "1",
            "title": {"en": "P"},
            "start": "2024-08-01",
            "end": "2026-07-31",
        },
        "parties": {
            "authorities": [
                {"name": "Kommune", "level": "kommune", "share": "0.7"},
                {"name": "Region", "level": "region", "share": "0.2"},
                {"name": "Stat", "level": "stat", "share": "0.1"},
            ],
            "evaluator": {"name": "E", "fee_contingent": False},
        },
        "population": {
            "eligibility": {"en": "schools"},
            "unit": "school",
            "entry_from": "2024-08-01",
            "entry_to": "2025-08-01",
        },
        "data": {"source": "none"},
        "outcome": [outcome()],
        "estimand": {"outcome": "absence"},
        "design": {"method": "groups.adoption"},
        "estimator": {"method": "did.group_time"},
        "governance": {"decide_from": "2026-01-31"},
        "payment": payment | dict(extra if isinstance(extra, Mapping) else {}),
        **tables,
    }
    return EvaluationPlan.model_validate_json(json.dumps(plain(whole)), strict=True)


def seen(point: str, **other: object) -> Evidence:
    """An estimate with an effect; ``outcome``, ``cohort`` and ``specification`` go into its key."""
    names = {n: str(other.pop(n)) for n in ("outcome", "cohort", "specification") if n in other}
    key = EstimateKey(**{"outcome": "absence", **names})
    return Evidence.model_validate({"key": key, "kind": "effect", "point": Decimal(point), **exactly(other)})


def exactly(values: Mapping[str, object]) -> dict[str, object]:
    """Decimal texts as Decimal where they read as numbers."""
    numbers = {"lower", "upper", "standard_error", "p_value", "level", "weight"}
    return {k: Decimal(str(v)) if k in numbers and v is not None else v for k, v in values.items()}


def counted(point: str, **other: object) -> Evidence:
    """A verified count: no counterfactual, compared exactly."""
    return seen(point, **{"kind": "verified_count", "is_exact": True, "absent": "VERIFIED_COUNT", **other})


def gate(name: str = "minimum_sample", verdict: str = "FAIL", **other: object) -> GateResult:
    """A gate result with words enough to be valid."""
    words: dict[str, Json] = {"en": "x"}
    whole: dict[str, object] = {
        "name": name,
        "verdict": verdict,
        "consequence": "block",
        "statistic": None if verdict in {"CANNOT_TELL", "NOT_APPLICABLE"} else 12.0,
        "statistic_name": words,
        "threshold": 60.0,
        "unit": words,
        "sentence": words,
        "source": words,
        "reason": None if verdict in {"PASS", "NOT_APPLICABLE"} else "N_MIN",
        **other,
    }
    return GateResult.model_validate(whole)


def ask(agreed: EvaluationPlan, *evidence: Evidence, **other: object) -> DecisionRequest:
    """A request with everything in order unless ``other`` says otherwise."""
    whole: dict[str, object] = {
        "plan": agreed,
        "lock": LOCKED,
        "as_of": AS_OF,
        "gates": (),
        "evidence": evidence,
        "mechanisms": registry.mechanism,
        **other,
    }
    return DecisionRequest(**whole)  # type: ignore[arg-type]
