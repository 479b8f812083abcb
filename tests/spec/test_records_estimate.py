"""Estimates, gates, panels and ledgers refuse what would be a wrong number."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError

from evaltool.records.base import Words
from evaltool.records.design import DesignCohort, DesignSummary
from evaltool.records.estimate import Counts, Estimate, Interval, Relative, decimal_of
from evaltool.records.evidence import EstimateKey, Evidence
from evaltool.records.gate import GateResult
from evaltool.records.ledger import Ledger, LedgerEntry
from evaltool.records.panel import DataIdentity, Panel

COUNTS = Counts(treated=3, comparison=4, observations=14)


def make(**changes: object) -> Estimate:
    fields: dict[str, object] = {
        "key": EstimateKey(outcome="absence"),
        "method": "did.group_time",
        "kind": "effect",
        "estimand": "ATT",
        "unit": "days",
        "att": -0.5,
        "se": 0.1,
        "interval": Interval(lower=-0.7, upper=-0.3, level=0.95),
        "p_value": 0.001,
        "counts": COUNTS,
        "conventions": {},
    }
    return Estimate.model_validate(fields | changes)


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"att": float("nan")}, "finite"),
        ({"se": float("nan")}, "finite"),
        ({"se": 0.0}, "must be positive"),
        ({"se": -1.0}, "must be positive"),
        ({"se": None}, "either a standard error or the reason"),
        ({"absent": "NO_VARIATION"}, "either a standard error or the reason"),
        ({"se": None, "absent": "NO_VARIATION"}, "without a standard error"),
    ],
)
def test_an_impossible_estimate_is_refused(changes: dict[str, object], why: str) -> None:
    with pytest.raises(ValidationError, match=why):
        make(**changes)


def test_an_interval_is_ordered() -> None:
    with pytest.raises(ValidationError, match="lower end lies above"):
        Interval(lower=1.0, upper=0.0, level=0.95)


def test_evidence_turns_the_sign_so_that_more_is_better() -> None:
    fewer = make().evidence(direction="decrease", scale="absolute", weight=Decimal("0.5"))
    assert (fewer.point, fewer.lower, fewer.upper) == (Decimal("0.5"), Decimal("0.3"), Decimal("0.7"))
    assert fewer.significant is True
    assert fewer.weight == Decimal("0.5")
    more = make().evidence(direction="increase", scale="absolute")
    assert (more.point, more.lower, more.upper) == (Decimal("-0.5"), Decimal("-0.7"), Decimal("-0.3"))
    assert more.significant is False


def test_verified_counts_are_never_turned() -> None:
    count = make(kind="verified_count", att=41.0, se=None, absent="VERIFIED_COUNT", interval=None, p_value=None)
    evidence = count.evidence(direction="decrease", scale="absolute")
    assert evidence.point == 41
    assert evidence.is_exact
    assert evidence.significant is None
    assert np.isnan(count.std_errors["verified_count"])


def test_a_relative_effect_must_have_been_computed() -> None:
    with pytest.raises(ValueError, match="not computed"):
        make().evidence(direction="decrease", scale="relative")
    relative = Relative(value=-0.1, se=None, interval=None, denominator="counterfactual", denominator_value=5.0)
    evidence = make(relative=relative).evidence(direction="decrease", scale="relative")
    assert (evidence.point, evidence.lower, evidence.standard_error) == (Decimal("0.1"), None, None)


def test_an_estimate_survives_json_without_its_influence_values() -> None:
    estimate = make(influence=np.arange(3.0))
    again = Estimate.from_json(estimate.to_json())
    assert again.influence is None
    assert again.to_json() == estimate.to_json()
    assert estimate.params["att"] == -0.5
    assert estimate.std_errors["att"] == 0.1
    assert estimate.nobs == 14


@pytest.mark.parametrize("value", [0.1, 1 / 3, 1e-300, 123456789.123456789, -0.0])
def test_decimals_read_back_as_the_same_float(value: float) -> None:
    assert float(decimal_of(value)) == value


def gate(**changes: object) -> GateResult:
    fields: dict[str, object] = {
        "name": "minimum_sample",
        "verdict": "PASS",
        "consequence": "block",
        "statistic": 60.0,
        "statistic_name": Words(en="treated"),
        "threshold": 60.0,
        "unit": Words(en="people"),
        "sentence": Words(en="enough"),
        "source": {"en": "Justice Data Lab practice"},
    }
    return GateResult.model_validate(fields | changes)


def test_a_verdict_needs_a_number_and_a_failure_a_reason() -> None:
    assert not gate().blocks
    with pytest.raises(ValidationError, match="without a number"):
        gate(statistic=None)
    with pytest.raises(ValidationError, match="finite"):
        gate(statistic=float("nan"))
    with pytest.raises(ValidationError, match="without a reason code"):
        gate(verdict="FAIL")


@pytest.mark.parametrize(
    ("verdict", "consequence", "blocks", "review"),
    [
        ("PASS", "block", False, False),
        ("REVIEW", "block", False, True),
        ("FAIL", "block", True, False),
        ("CANNOT_TELL", "block", True, False),
        ("FAIL", "review", False, True),
        ("CANNOT_TELL", "review", False, True),
        ("FAIL", "stop", True, False),
        ("NOT_APPLICABLE", "block", False, False),
    ],
)
def test_consequences(verdict: str, consequence: str, *, blocks: bool, review: bool) -> None:
    statistic = None if verdict in {"CANNOT_TELL", "NOT_APPLICABLE"} else 1.0
    result = gate(verdict=verdict, consequence=consequence, reason="N_MIN", statistic=statistic)
    assert (result.blocks, result.asks_for_review) == (blocks, review)


def panel(frame: pd.DataFrame) -> Panel:
    identity = DataIdentity(
        source="csv", fingerprint="0", rows=len(frame), units=1, periods=(), never_coding="zero", columns=()
    )
    return Panel(frame=frame, identity=identity, period_labels={1: "January"})


def test_a_blinded_panel_hides_outcomes_from_each_units_own_start() -> None:
    frame = pd.DataFrame(
        {
            "unit": [1, 1, 1, 2, 2, 2, 3, 3, 3],
            "period": [1, 2, 3] * 3,
            "first_treated": [3.0] * 3 + [2.0] * 3 + [np.inf] * 3,
            "y.absence": np.arange(9.0),
            "x.size": 1.0,
        }
    )
    seen = panel(frame).blinded()
    assert seen.masked
    assert np.isnan(seen.outcome("absence")).tolist() == [False, False, True, False, True, True, False, True, True]
    assert np.isnan(panel(frame).blinded(anticipation=1).outcome("absence")).sum() == 8
    assert frame["y.absence"].notna().all()
    assert (seen.covariates, seen.outcomes, seen.periods, seen.starts) == (("size",), ("absence",), (1, 2, 3), (2, 3))
    assert (seen.label(1), seen.label(2)) == ("January", "2")


def test_without_time_a_design_sees_no_outcome_at_all() -> None:
    people = panel(pd.DataFrame({"unit": ["a", "b"], "y.days": [1.0, 2.0]}))
    assert np.isnan(people.blinded().outcome("days")).all()
    assert (people.periods, people.starts) == ((), ())
    assert people.with_frame(people.frame.iloc[1:]).frame.index.tolist() == [0]
    assert people.with_frame(people.frame, ledger=Ledger()).ledger == Ledger()


def test_the_ledger_is_sorted_as_the_corridor_runs() -> None:
    late = LedgerEntry(stage="estimation", reason="no_comparison", what="cell", arm="both", count=2)
    early = LedgerEntry(stage="reading", reason="missing_value_row", what="row", arm="treated", count=3)
    ledger = Ledger().plus(late).plus(early)
    assert ledger.entries == (early, late)
    assert (ledger.count("row"), ledger.count("row", "comparison"), ledger.count("cell", "both")) == (3, 0, 2)


def test_a_design_counts_its_arms() -> None:
    summary = DesignSummary(
        method="groups.adoption",
        comparison="never_treated",
        seal="0",
        cohorts=(
            DesignCohort(label="March", start=3, units=5, weight=50.0),
            DesignCohort(label="never", start=None, units=7, weight=70.0),
        ),
    )
    assert (summary.treated_units, summary.comparison_units) == (5, 7)


def test_evidence_without_an_interval_is_neither_significant_nor_not() -> None:
    assert Evidence(key=EstimateKey(outcome="a"), kind="effect", point=Decimal(1)).significant is None
    assert str(EstimateKey(outcome="a", cohort="one")) == "a/one/primary"
