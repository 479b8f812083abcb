"""The gates on matched designs: every verdict, with the arithmetic."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Literal

import numpy as np
import pandas as pd
import pytest
from gate_world import ask, can, design, estimate, relative, rule, why_not
from gate_world import plan as any_plan
from matched_worlds import built, cross_section, estimated, panel_of

from evaltool import registry
from evaltool.designs.matching import nearest
from evaltool.errors import PlanError
from evaltool.estimators.weighted import difference
from evaltool.records.design import BalanceRow, Design, MatchSummary
from evaltool.records.estimate import Counts, Estimate, Relative
from evaltool.records.evidence import EstimateKey
from evaltool.records.gate import GateResult
from evaltool.records.ledger import Ledger, LedgerEntry, LedgerReason
from evaltool.records.panel import DataIdentity, Panel
from evaltool.records.plan.evaluation_plan import EvaluationPlan

WEIGHTED = can(family="weighted", designs=("matching.nearest",), covariates=True, path=False, placebo_in_time=False)
DID = can()
MATCHING_GATES = {
    *("matched_share", "overlap", "balance", "effective_sample_size", "largest_weight_share", "tie_range"),
    *("estimand_changed", "attrition", "linkage", "hidden_bias"),
}


def plan(rules: Sequence[Mapping[str, object]] | None = None, **tables: object) -> EvaluationPlan:
    """A plan whose counts may all be shown, unless it says otherwise."""
    return any_plan(rules, **{"disclosure": {"profile": "public"}, **tables})


def row(
    covariate: str = "age",
    smd: float | None = 0.0,
    *,
    ratio: float | None = 1.0,
    kind: Literal["score", "continuous", "binary"] = "continuous",
) -> BalanceRow:
    """One row of a balance table after matching."""
    return BalanceRow(
        covariate=covariate,
        kind=kind,
        smd_before=1.0,
        smd_after=smd,
        denominator=2.5,
        variance_ratio_before=None if kind == "binary" else 1.0,
        variance_ratio_after=None if kind == "binary" else ratio,
        ks_before=0.5,
        ks_after=0.1,
    )


def matched(**changes: object) -> Design:
    """A matching of 100 treated with 100 comparison units in which nothing is wrong."""
    whole: dict[str, object] = {
        "estimand": "ATT",
        "treated_submitted": 100,
        "treated_matched": 100,
        "comparison_submitted": 4000,
        "comparison_matched": 100,
        "matched_share": 1.0,
        "sets": 100,
        "effective_n": 100.0,
        "largest_weight_share": 0.01,
        "common_support": 1.0,
        "largest_distance": 0.01,
        "tied_units": 0,
        "equidistant_choices": 0,
        "conventions": {},
        "covariates": ("age", "income"),
        "scale": "probability",
        "balance": (row(),),
        **changes,
    }
    made = design({1: 100, None: 100})
    summary = made.summary.model_copy(update={"matching": MatchSummary.model_validate(whole)})
    return Design(summary=summary, roster=made.roster, ledger=made.ledger)


def on(name: str, **changes: object) -> GateResult:
    """The gate's answer on a matched design with changes to the world."""
    return ask(name, **{"plan": plan(), "capabilities": WEIGHTED, "design": matched(), **changes})


def text(found: GateResult) -> str:
    """The sentence in English."""
    return found.sentence.in_language("en")


# where these gates stand ----------------------------------------------------------------------------------------


def test_they_stand_in_the_table_of_matching_and_of_nothing_else() -> None:
    for name in MATCHING_GATES:
        gate = registry.gate(name)
        assert gate.expected("weighted")
        assert not any(gate.expected(f) for f in ("did", "measured", "published", "counterfactual")), name
        assert why_not(name, WEIGHTED, plan(data={"source": "csv", "path": "a.csv"})) is None


@pytest.mark.parametrize("name", sorted(MATCHING_GATES - {"estimand_changed", "attrition", "linkage"}))
def test_a_contract_that_names_one_for_another_method_is_told_why_not(name: str) -> None:
    assert why_not(name, DID) == ("Metoden matcher ikke enheder.", "The method does not match units.")


@pytest.mark.parametrize("name", ["estimand_changed", "attrition", "linkage"])
def test_some_can_be_asked_for_with_any_effect_on_units(name: str) -> None:
    data = plan(data={"source": "csv", "path": "a.csv"})
    assert why_not(name, DID, data) is None
    for other, stated in (
        (DID, plan()),
        (can(family="published"), data),
        (can(kind="change", family="measured"), data),
    ):
        assert why_not(name, other, stated) is not None


@pytest.mark.parametrize(
    "name",
    ["matched_share", "overlap", "balance", "effective_sample_size", "largest_weight_share", "estimand_changed"],
)
def test_a_design_without_an_account_of_its_matching_cannot_be_judged(name: str) -> None:
    found = on(name, design=design({1: 100, None: 100}))
    assert (found.verdict, found.statistic, found.blocks) == ("CANNOT_TELL", None, True)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("matched_share", {"good": "0.7"}),  # fair stays 0.80
        ("overlap", {"fair": "0.96"}),
        ("largest_weight_share", {"fair": "0.05"}),
        ("balance", {"fair": "0.01"}),
    ],
)
def test_limits_that_leave_no_room_for_a_review_are_refused(name: str, options: Mapping[str, str]) -> None:
    with pytest.raises(PlanError, match="fair must not be"):
        on(name, options=options)


# matched share, overlap, weights --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("matched_units", "of", "verdict", "limit"),
    [
        (100, 100, "PASS", 0.90),
        (90, 100, "PASS", 0.90),
        (9, 10, "PASS", 0.90),
        (89, 100, "REVIEW", 0.90),
        (80, 100, "REVIEW", 0.90),
        (79, 100, "FAIL", 0.80),
        (799_999, 1_000_000, "FAIL", 0.80),
        (0, 10, "FAIL", 0.80),
    ],
)
def test_matched_share(matched_units: int, of: int, verdict: str, limit: float) -> None:
    found = on("matched_share", design=matched(treated_matched=matched_units, treated_submitted=of))
    assert (found.verdict, found.statistic, found.threshold) == (verdict, matched_units / of, limit)
    assert found.reason == (None if verdict == "PASS" else "OVERLAP_FAIL")
    assert found.blocks == (verdict == "FAIL")


def test_a_contract_may_ask_for_more() -> None:
    found = on("matched_share", design=matched(treated_matched=95), options={"good": "0.99"}, overridden=True)
    assert (found.verdict, found.threshold, found.overridden) == ("REVIEW", 0.99, True)
    assert text(found) == "95 of 100 treated units (95.0%) found a match; the limit is 99%."
    assert found.sentence.in_language("da").startswith("Grænsen er 99\u00a0pct.: 95 af 100 i indsatsgruppen")


@pytest.mark.parametrize(
    ("share", "verdict", "limit"),
    [(1.0, "PASS", 0.95), (0.95, "PASS", 0.95), (0.94, "REVIEW", 0.95), (0.80, "REVIEW", 0.95), (0.79, "FAIL", 0.80)],
)
def test_overlap(share: float, verdict: str, limit: float) -> None:
    found = on("overlap", design=matched(common_support=share))
    assert (found.verdict, found.statistic, found.threshold) == (verdict, share, limit)
    assert found.reason == (None if verdict == "PASS" else "OVERLAP_FAIL")


@pytest.mark.parametrize(
    ("share", "verdict", "limit"),
    [
        (0.01, "PASS", 0.10),
        (0.1, "PASS", 0.10),
        (math.nextafter(0.1, 1), "PASS", 0.10),  # the last bit of a sum of weights decides nothing
        (0.11, "REVIEW", 0.10),
        (0.25, "REVIEW", 0.10),
        (0.26, "FAIL", 0.25),
        (1.0, "FAIL", 0.25),
    ],
)
def test_largest_weight_share(share: float, verdict: str, limit: float) -> None:
    found = on("largest_weight_share", design=matched(largest_weight_share=share))
    assert (found.verdict, found.statistic, found.threshold) == (verdict, share, limit)


@pytest.mark.parametrize(
    ("effective", "units", "verdict", "limit"),
    [
        (100.0, 100, "PASS", 50.0),  # half of 100
        (50.0, 100, "PASS", 50.0),
        (49.9, 100, "REVIEW", 50.0),
        (30.0, 100, "REVIEW", 50.0),
        (29.9, 100, "FAIL", 30.0),
        (30.0, 30, "PASS", 30.0),  # half would be 15: the minimum is the limit that counts
        (29.0, 29, "FAIL", 30.0),
    ],
)
def test_effective_sample_size(effective: float, units: int, verdict: str, limit: float) -> None:
    found = on("effective_sample_size", design=matched(effective_n=effective, comparison_matched=units))
    assert (found.verdict, found.statistic, found.threshold) == (verdict, effective, limit)


def test_a_share_that_is_no_number_cannot_be_judged() -> None:
    found = on("largest_weight_share", design=matched()).model_copy()
    assert found.verdict == "PASS"
    broken = matched().summary.matching
    assert broken is not None
    summary = matched().summary.model_copy(update={"matching": broken.model_copy(update={"effective_n": math.inf})})
    with pytest.raises(ValueError, match="finite"):
        on("effective_sample_size", design=Design(summary=summary))


# balance --------------------------------------------------------------------------------------------------------


def adjusting(*covariates: str) -> object:
    """A plan whose estimator adjusts for these columns."""
    return plan(estimator={"method": "weighted.difference", "options": {"covariates": list(covariates)}})


BALANCE = [
    # rows, adjusted for, verdict, statistic, threshold
    ([row(smd=0.0)], (), "PASS", 0.0, 0.05),
    ([row(smd=-0.05)], (), "PASS", 0.05, 0.05),
    ([row(smd=0.06)], (), "REVIEW", 0.06, 0.05),
    ([row(smd=-0.06)], (), "REVIEW", 0.06, 0.05),
    ([row(smd=0.06)], ("age",), "PASS", 0.06, 0.25),
    ([row(smd=0.25)], ("age",), "PASS", 0.25, 0.25),
    ([row(smd=0.25)], ("income",), "REVIEW", 0.25, 0.05),
    ([row(smd=0.26)], ("age",), "FAIL", 0.26, 0.25),
    ([row(smd=0.01), row("income", -0.26)], ("age", "income"), "FAIL", 0.26, 0.25),
    # the largest difference is adjusted for; a smaller one is not and decides
    ([row(smd=0.24), row("income", 0.06)], ("age",), "REVIEW", 0.06, 0.05),
    # the score counts as adjusted for when both of its covariates are
    ([row("propensity score", 0.2, kind="score")], ("age",), "REVIEW", 0.2, 0.05),
    ([row("propensity score", 0.2, kind="score")], ("age", "income"), "PASS", 0.2, 0.25),
    ([row("sex", 0.03, kind="binary")], (), "PASS", 0.03, 0.05),
    ([row(smd=None), row("income", 0.3)], (), "FAIL", 0.3, 0.25),
]


@pytest.mark.parametrize(("rows", "covariates", "verdict", "statistic", "threshold"), BALANCE)
def test_balance(
    rows: Sequence[BalanceRow], covariates: tuple[str, ...], verdict: str, statistic: float, threshold: float
) -> None:
    found = on("balance", plan=adjusting(*covariates), design=matched(balance=tuple(rows)))
    assert (found.verdict, found.statistic, found.threshold) == (verdict, statistic, threshold)
    assert found.reason == (None if verdict == "PASS" else "BALANCE_FAIL")
    assert "(of all treated, 2.5)" in text(found), "the denominator is printed"


@pytest.mark.parametrize(
    ("ratio", "verdict", "limit"),
    [(0.5, "PASS", 0.05), (2.0, "PASS", 0.05), (0.49, "REVIEW", 0.5), (2.01, "REVIEW", 2.0), (0.0, "REVIEW", 0.5)],
)
def test_a_variance_ratio_asks_for_a_review_even_when_adjusted_for(ratio: float, verdict: str, limit: float) -> None:
    found = on("balance", plan=adjusting("age"), design=matched(balance=(row(smd=0.02, ratio=ratio),)))
    assert (found.verdict, found.threshold) == (verdict, limit)
    assert found.statistic == (0.02 if verdict == "PASS" else ratio)
    assert found.statistic_name.in_language("en").startswith("variance" if verdict == "REVIEW" else "largest")


def test_the_variance_ratio_farthest_from_one_is_told() -> None:
    rows = (row("a", ratio=2.5), row("b", ratio=0.3), row("c", ratio=1.0))  # 1/0.3 = 3.33 > 2.5
    found = on("balance", design=matched(balance=rows))
    assert (found.statistic, found.threshold) == (0.3, 0.5)
    assert text(found).startswith("b varies 0.3 times as much")


def test_a_larger_difference_outweighs_a_variance_ratio() -> None:
    found = on("balance", design=matched(balance=(row(smd=0.01, ratio=9.0), row("b", 0.2))))
    assert (found.verdict, found.statistic, found.threshold) == ("REVIEW", 0.2, 0.05)


def test_a_variance_ratio_that_cannot_be_computed_asks_for_a_review() -> None:
    found = on("balance", design=matched(balance=(row(smd=0.01, ratio=None),)))
    assert (found.verdict, found.statistic) == ("REVIEW", 0.01)
    assert "cannot be computed" in text(found)


def test_a_difference_that_cannot_be_standardised_is_not_judged() -> None:
    found = on("balance", design=matched(balance=(row(smd=None), row("income", 0.2))))
    assert (found.verdict, found.statistic, found.blocks) == ("CANNOT_TELL", None, True)
    assert text(found).startswith("age does not vary")


def test_a_column_is_called_what_the_plan_calls_it() -> None:
    labelled = {"name": "age", "role": "covariate", "type": "integer", "label": {"da": "Alder (år)", "en": "Age"}}
    told = plan(data={"source": "csv", "path": "a.csv", "column": [labelled]})
    found = on("balance", plan=told, design=matched(balance=(row(smd=0.3),)))
    assert "i 'Alder (år)', mere end 0,25" in found.sentence.in_language("da")
    assert "in 'Age', more than 0.25" in text(found)
    assert "in 'income', more" in text(on("balance", plan=told, design=matched(balance=(row("income", 0.3),))))
    score = on("balance", plan=told, design=matched(balance=(row("propensity score", 0.3, kind="score"),)))
    assert "i 'propensity-score', mere" in score.sentence.in_language("da")
    still = on("balance", plan=told, design=matched(balance=(row(smd=None),)))
    assert still.sentence.in_language("da").startswith("Alder (år) varierer ikke")


def test_balance_tells_the_whole_table_and_counts_what_is_noted() -> None:
    rows = (row(smd=0.11), row("income", 0.1), row("sex", 0.24, kind="binary"))
    found = on("balance", plan=adjusting("age", "income", "sex"), design=matched(balance=rows))
    assert found.verdict == "PASS"
    assert "2 of 3 are above 0.1." in text(found)
    table = found.evidence["rows"]
    assert isinstance(table, list)
    assert [r["adjusted_for"] for r in table if isinstance(r, dict)] == [True, True, True]
    assert found.evidence["denominator"] == "standard deviation of all treated before matching"


def test_an_estimator_that_cannot_adjust_adjusts_for_nothing() -> None:
    found = on(
        "balance", plan=adjusting("age"), capabilities=can(family="weighted"), design=matched(balance=(row(smd=0.2),))
    )
    assert found.verdict == "REVIEW"


def test_a_balance_table_without_rows_is_none() -> None:
    assert on("balance", design=matched(balance=())).verdict == "CANNOT_TELL"


# estimand -------------------------------------------------------------------------------------------------------


def seen_in_design(value: object) -> object:
    """A plan whose design states what happens to unmatched treated units."""
    options = {} if value is None else {"unmatched_treated": value}
    return plan(design={"method": "matching.nearest", "options": {"covariates": ["age"], **options}})


@pytest.mark.parametrize(
    ("found_match", "written", "gate", "verdict"),
    [
        (100, None, False, "PASS"),
        (99, None, False, "FAIL"),  # the default "rename" was never written down
        (99, "rename", False, "PASS"),
        (99, "refuse", False, "FAIL"),
        (99, None, True, "PASS"),
    ],
)
def test_estimand_changed(found_match: int, written: str | None, gate: bool, verdict: str) -> None:
    found = on(
        "estimand_changed",
        plan=seen_in_design(written),
        design=matched(treated_matched=found_match),
        options={"foreseen": gate},
    )
    assert (found.verdict, found.statistic, found.threshold) == (verdict, 100.0 - found_match, 0.0)
    assert found.reason == (None if verdict == "PASS" else "ESTIMAND_CHANGED")
    assert found.blocks == (verdict == "FAIL")


def test_those_who_cannot_be_compared_were_left_out_of_the_estimand_beforehand() -> None:
    whole = plan()
    agreed = whole.model_copy(update={"estimand": whole.estimand.model_copy(update={"units": "comparable"})})
    assert on("estimand_changed", plan=agreed, design=matched(treated_matched=99)).verdict == "PASS"


def test_for_other_methods_treated_units_left_out_by_the_design_count() -> None:
    two = design({3: 80, None: 120}, dropped={"treated": 2, "comparison": 5})
    found = ask("estimand_changed", plan=plan(), design=two)
    assert (found.verdict, found.statistic) == ("FAIL", 2.0)
    assert ask("estimand_changed", design=design({3: 80, None: 120}, dropped={"comparison": 5})).verdict == "PASS"


# attrition ------------------------------------------------------------------------------------------------------


def people(treated: int, comparison: int, *entries: LedgerEntry) -> Panel:
    """A cross-section with so many still in it and a ledger of those who are not."""
    n = treated + comparison
    frame = pd.DataFrame({"unit": np.arange(n), "treated": np.arange(n) < treated, "weight": 1.0})
    identity = DataIdentity(
        source="test", fingerprint="0", rows=n, units=n, periods=(), never_coding="none", columns=()
    )
    return Panel(frame=frame, identity=identity, ledger=Ledger().plus(*entries))


def lost(
    arm: Literal["treated", "comparison", "both", "unknown"],
    count: int,
    *,
    reason: LedgerReason = "missing_value_unit",
    what: Literal["row", "unit", "cell"] = "unit",
    members: Sequence[str] | None = None,
) -> LedgerEntry:
    """A ledger entry; ids are made up unless given."""
    ids = tuple(f"{arm}-{i}" for i in range(min(count, 1000))) if members is None else tuple(members)
    return LedgerEntry(stage="reading", reason=reason, what=what, arm=arm, count=count, members=ids)


ATTRITION = [
    # kept treated, kept comparison, lost treated, lost comparison, verdict, boundary told
    (100, 100, 0, 0, "PASS", 0.057),
    # 20 of 100 and 20 of 100: no difference, 20 per cent overall: 5.4 points
    (80, 80, 20, 20, "PASS", 0.054),
    # 22 and 17 of 100: 5 points at 19.5 per cent overall; the lower of 5.5 (19) and 5.4 (20) is 5.4
    (78, 83, 22, 17, "PASS", 0.054),
    # 23 and 17 of 100: 6 points at 20 per cent: over 5.4, within 10.0
    (77, 83, 23, 17, "REVIEW", 0.054),
    # 25 and 15 of 100: 10 points at 20 per cent: on the optimistic boundary
    (75, 85, 25, 15, "REVIEW", 0.054),
    # 26 and 15 of 100: 11 points at 20.5 per cent: over the lower of 10.0 and 9.9
    (74, 85, 26, 15, "FAIL", 0.099),
    # 60 and 60 of 100: no difference, but the cautious boundary ends at 57
    (40, 40, 60, 60, "REVIEW", 0.0),
    (34, 34, 66, 66, "FAIL", 0.0),
]


@pytest.mark.parametrize(("kept_t", "kept_c", "lost_t", "lost_c", "verdict", "limit"), ATTRITION)
def test_attrition(kept_t: int, kept_c: int, lost_t: int, lost_c: int, verdict: str, limit: float) -> None:
    entries = [lost(arm, n) for arm, n in (("treated", lost_t), ("comparison", lost_c)) if n]  # type: ignore[arg-type]
    found = on("attrition", panel=people(kept_t, kept_c, *entries))
    difference = abs(lost_t / (lost_t + kept_t) - lost_c / (lost_c + kept_c))
    assert (found.verdict, found.threshold) == (verdict, pytest.approx(limit, abs=1e-15))
    assert found.statistic == pytest.approx(difference, abs=1e-15)
    assert found.reason == (None if verdict == "PASS" else "ATTRITION_HIGH")


def test_a_contract_may_take_the_optimistic_boundary() -> None:
    found = on(
        "attrition",
        panel=people(77, 83, lost("treated", 23), lost("comparison", 17)),
        options={"boundary": "optimistic"},
    )
    assert (found.verdict, found.threshold) == ("PASS", 0.1)


def test_units_of_unknown_arm_count_where_they_do_most_harm() -> None:
    # treated: 10 of 100 known to be lost; 10 more unknown. To the treated: 20/110 - 0 = 18.2 points
    found = on("attrition", panel=people(90, 100, lost("treated", 10), lost("unknown", 10)))
    assert found.statistic == pytest.approx(20 / 110, abs=1e-15)
    assert found.verdict == "FAIL"
    assert "10 of unknown group" in text(found)
    # the other way round: 10 known among the comparison, so the unknown go there too
    other = on("attrition", panel=people(100, 90, lost("comparison", 10), lost("both", 10)))
    assert other.statistic == pytest.approx(20 / 110, abs=1e-15)


def test_what_a_design_rule_left_out_was_not_lost() -> None:
    entries = (lost("treated", 50, reason="always_treated"), lost("comparison", 50, reason="unmatched"))
    found = on("attrition", panel=people(100, 100, *entries, lost("treated", 50, what="cell")))
    assert (found.verdict, found.statistic) == ("PASS", 0.0)


def test_drops_after_the_design_was_sealed_are_attrition() -> None:
    gone = design({1: 77, None: 83})
    entry = LedgerEntry(stage="design", reason="dropped_since_lock", what="unit", arm="treated", count=23)
    gone = Design(summary=gone.summary, roster=gone.roster, ledger=Ledger().plus(entry))
    found = on("attrition", panel=people(77, 100), design=gone)
    assert found.evidence["lost_treated"] == 23


def test_a_unit_is_counted_once() -> None:
    rows = lost("treated", 40, reason="missing_value_row", what="row", members=["a", "b"])  # 40 rows of 2 units
    units = lost("treated", 2, members=["b", "c"])
    there = lost("comparison", 3, reason="missing_value_row", what="row", members=["150"])  # still in the data
    again = lost("unknown", 1, members=["a"])  # known from another row
    nameless = lost("comparison", 4, reason="missing_value_row", what="row", members=[])
    found = on("attrition", panel=people(100, 100, rows, units, there, again, nameless))
    counted = [found.evidence[f"lost_{arm}"] for arm in ("treated", "comparison", "unknown")]
    assert counted == [3, 4, 0]  # a, b, c; four without an id


def test_a_ledger_that_lists_only_the_first_thousand_is_counted_by_its_own_figure() -> None:
    units, rows = lost("treated", 1200), lost("comparison", 1300, reason="missing_value_row", what="row")
    found = on("attrition", panel=people(5000, 5000, units, rows))
    assert (found.evidence["lost_treated"], found.evidence["lost_comparison"]) == (1200, 1300)


def frameless(**columns: object) -> Panel:
    """A panel with other columns."""
    base = people(1, 1)
    return Panel(frame=pd.DataFrame(columns), identity=base.identity)


@pytest.mark.parametrize("name", ["attrition", "linkage"])
@pytest.mark.parametrize(
    "panel",
    [
        None,
        people(0, 5),
        people(5, 0),
        frameless(treated=[True, False]),
        frameless(unit=[1, 2]),
    ],
)
def test_without_units_in_both_groups_nothing_can_be_counted(name: str, panel: Panel | None) -> None:
    found = on(name, panel=panel)
    assert (found.verdict, found.statistic) == ("CANNOT_TELL", None)


def test_in_a_panel_the_treated_are_those_who_start_within_it() -> None:
    starts = {
        "unit": [1, 1, 2, 2, 3, 3],
        "period": [1, 2] * 3,
        "first_treated": [2.0, 2.0, math.inf, math.inf, 9.0, 9.0],
    }
    found = on("attrition", panel=frameless(**starts))
    assert (found.evidence["kept_treated"], found.evidence["kept_comparison"]) == (1, 2)
    timeless = frameless(unit=[1, 2], first_treated=[2.0, math.inf])
    assert on("attrition", panel=timeless).evidence["kept_treated"] == 1


# linkage --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kept_t", "lost_t", "lost_c", "verdict", "share", "arm"),
    [
        (100, 0, 0, "PASS", 1.0, "treated"),
        (95, 5, 0, "PASS", 0.95, "treated"),
        (94, 6, 0, "REVIEW", 0.94, "treated"),
        (100, 0, 6, "REVIEW", 94 / 100, "comparison"),
    ],
)
def test_linkage(kept_t: int, lost_t: int, lost_c: int, verdict: str, share: float, arm: str) -> None:
    entries = [lost(a, n) for a, n in (("treated", lost_t), ("comparison", lost_c)) if n]  # type: ignore[arg-type]
    found = on("linkage", panel=people(kept_t, 100 - lost_c, *entries))
    assert (found.verdict, found.statistic, found.threshold) == (verdict, share, 0.95)
    assert found.evidence["arm"] == arm
    assert found.reason == (None if verdict == "PASS" else "LINKAGE_LOW")
    assert not found.blocks


def test_only_missing_values_are_a_matter_of_linkage() -> None:
    gone = lost("treated", 50, reason="unbalanced_unit")
    assert on("linkage", panel=people(100, 100, gone)).statistic == 1.0
    assert on("attrition", panel=people(100, 100, gone)).statistic == pytest.approx(1 / 3)


def test_the_contract_states_how_many_were_sent() -> None:
    found = on("linkage", panel=people(114, 1000), options={"submitted_treated": 120, "submitted_comparison": 1000})
    assert (found.verdict, found.statistic) == ("PASS", 0.95)  # 114 / 120
    fewer = on("linkage", panel=people(113, 1000), options={"submitted_treated": 120})
    assert (fewer.verdict, fewer.statistic) == ("REVIEW", 113 / 120)


def test_more_found_than_sent_is_a_contradiction() -> None:
    found = on("linkage", panel=people(114, 1000), options={"submitted_comparison": 999})
    assert (found.verdict, found.blocks, found.asks_for_review) == ("CANNOT_TELL", False, True)
    assert "the data hold more" in text(found)


def test_units_of_unknown_arm_count_in_both() -> None:
    found = on("linkage", panel=people(90, 1000, lost("unknown", 10)))
    assert (found.statistic, found.evidence["arm"]) == (0.9, "treated")


# range over ties ------------------------------------------------------------------------------------------------


def tied(low: float | None, high: float | None, how: str = "exact", **changes: object) -> Estimate:
    """An effect of −2 (a fall, which is good) with its range over ties, in the outcome's own sign."""
    conventions = {"tie_range": how, "tie_lower": low, "tie_upper": high, "tie_orders": 6}
    return estimate(**{"att": -2.0, "conventions": conventions, **changes})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("low", "high", "how", "verdict", "inside"),
    [
        (-2.5, -1.5, "exact", "PASS", 0),  # good: 1.5 to 2.5, threshold 1.0
        (-2.5, -1.0, "exact", "PASS", 0),  # 1.0 reaches 1.0 at both ends
        (-2.5, -0.9, "exact", "REVIEW", 1),
        (-3.2, -0.9, "enumerated", "REVIEW", 2),  # 1.0 and 3.0
        (-3.0, -2.0, "exact", "REVIEW", 1),  # 3.0 is reached at one end only
        (-2.3, -1.7, "searched", "PASS", 0),  # widened by 0.6: 1.1 to 2.9
        (-2.4, -1.6, "searched", "REVIEW", 2),  # widened by 0.8: 0.8 to 3.2
        (-2.0, -2.0, "exact", "PASS", 0),
    ],
)
def test_tie_range(low: float, high: float, how: str, verdict: str, inside: int) -> None:
    found = on("tie_range", headline=tied(low, high, how), thresholds=(1.0, 3.0))
    assert (found.verdict, found.statistic, found.threshold) == (verdict, float(inside), 0.0)
    assert found.reason == (None if verdict == "PASS" else "TIES_DECIDE")
    assert (found.evidence["lower"], found.evidence["upper"]) == (-high, -low)
    assert ("found by search" in text(found)) == (how == "searched")


def test_without_ties_there_is_nothing_to_choose() -> None:
    found = on("tie_range", headline=tied(None, None, "no_ties"))
    assert (found.verdict, found.statistic) == ("PASS", 0.0)


@pytest.mark.parametrize("headline", [estimate(), tied(None, None), tied(-2.0, None), tied(-3.0, -1.0, "guessed")])
def test_a_range_that_is_not_stated_cannot_be_judged(headline: Estimate) -> None:
    found = on("tie_range", headline=headline)
    assert (found.verdict, found.blocks, found.asks_for_review) == ("CANNOT_TELL", False, True)


def test_a_range_without_end_cannot_be_judged() -> None:
    broken = estimate().model_copy(
        update={"conventions": {"tie_range": "exact", "tie_lower": -math.inf, "tie_upper": -1.0}}
    )
    assert on("tie_range", headline=broken).verdict == "CANNOT_TELL"


def test_without_a_threshold_the_line_is_zero() -> None:
    assert on("tie_range", headline=tied(-4.0, 0.5), thresholds=()).verdict == "REVIEW"
    assert on("tie_range", headline=tied(-4.0, -0.5), thresholds=()).verdict == "PASS"


@pytest.mark.parametrize(
    ("basis", "threshold", "verdict"),
    [
        # effect 2, interval 2 ± 0.98 in the direction of good, range 1.8 to 2.4; the bound 1.02 moves to 0.82 … 1.42
        ("point_estimate", 1.0, "PASS"),
        ("lower_bound", 1.0, "REVIEW"),
        ("lower_bound", 1.5, "PASS"),
        ("significant_and_point", 1.0, "PASS"),
        ("significant_and_point", 2.2, "REVIEW"),
    ],
)
def test_the_figure_that_is_paid_on_is_compared(basis: str, threshold: float, verdict: str) -> None:
    whole = plan([rule(basis=basis)])
    found = on("tie_range", plan=whole, headline=tied(-2.4, -1.8), thresholds=(threshold,))
    assert found.verdict == verdict


def test_significance_that_hangs_on_a_choice_is_seen() -> None:
    # interval 2 ± 1.96: the bound 0.04 moves to −0.06 with the smallest effect, 1.9; no threshold is crossed
    whole, headline = plan([rule(basis="significant_and_point")]), tied(-2.0, -1.9, se=1.0)
    found = on("tie_range", plan=whole, headline=headline, thresholds=(1.0,))
    assert (found.verdict, found.statistic) == ("REVIEW", 1.0)


def test_a_bound_that_does_not_exist_is_not_compared() -> None:
    whole = plan([rule(basis="lower_bound")])
    found = on("tie_range", plan=whole, headline=tied(-2.4, -1.8, se=None), thresholds=(1.0,))
    assert found.verdict == "PASS"


def over(denominator: Literal["counterfactual", "baseline"]) -> Relative:
    """−20 over a denominator of 100."""
    return relative(-0.2, None, 100.0).model_copy(update={"denominator": denominator})


@pytest.mark.parametrize(
    ("denominator", "observed", "lower", "upper"),
    [
        # −30 and −10 over observed − effect = 110 and 90: 0.2727 and 0.1111
        ("counterfactual", 80.0, 10 / 90, 30 / 110),
        ("baseline", 80.0, 0.1, 0.3),
        ("counterfactual", None, 0.1, 0.3),
        # a counterfactual of −15 or 5 with an effect of −10 or −30: not positive once, so the stated 100 is kept there
        ("counterfactual", -25.0, 0.1, 30 / 5),
    ],
)
def test_a_relative_range_moves_its_denominator(
    denominator: Literal["counterfactual", "baseline"], observed: float | None, lower: float, upper: float
) -> None:
    whole = plan(estimand={"outcome": "absence", "scale": "relative", "denominator": denominator})
    headline = tied(-30.0, -10.0, att=-20.0, relative=over(denominator), observed=observed)
    found = on("tie_range", plan=whole, headline=headline, thresholds=(0.05,))
    assert found.evidence["lower"] == pytest.approx(lower, abs=1e-15)
    assert found.evidence["upper"] == pytest.approx(upper, abs=1e-15)
    paid = headline.evidence(direction="decrease", scale="relative")
    assert (paid.tie_lower, paid.tie_upper) == (
        Decimal(repr(found.evidence["lower"])),
        Decimal(repr(found.evidence["upper"])),
    )


def test_a_relative_range_needs_a_relative_effect() -> None:
    with pytest.raises(ValueError, match="not computed"):
        tied(-3.0, -1.0).over_ties(scale="relative")


def test_a_rise_keeps_its_sign() -> None:
    rising = plan(outcome=[{**plan().outcome[0].model_dump(mode="json"), "direction": "increase"}])
    headline = tied(1.0, 3.0, att=2.0, counts=Counts(treated=80, comparison=80, observations=160))
    found = on("tie_range", plan=rising, headline=headline, thresholds=(2.5,))
    assert (found.evidence["lower"], found.evidence["upper"], found.verdict) == (1.0, 3.0, "REVIEW")


# a handful of units ---------------------------------------------------------------------------------------------


FEW = {"profile": "minimum_5"}
"""Counts of 1 to 4 must not be seen or worked out from what is released: statistic, threshold and sentence."""


def seen_by_readers(found: GateResult) -> tuple[object, ...]:
    """What of a gate is released."""
    return (found.verdict, found.statistic, found.threshold, found.sentence, found.unit)


def test_whether_one_or_four_are_unmatched_cannot_be_seen() -> None:
    one, four, five = (
        on("matched_share", plan=plan(disclosure=FEW), design=matched(treated_matched=100 - n)) for n in (1, 4, 5)
    )
    assert seen_by_readers(one) == seen_by_readers(four)
    assert (one.statistic, text(one)) == (0.96, "Fewer than 5 treated units found no match; the limit is 90%.")
    assert five.statistic == 0.95


def test_a_bound_beside_a_pass_meets_the_limit_and_a_fail_stays_a_fail() -> None:
    # 29 of 30 pass (96.7 per cent), and so do 27 (90); four unmatched would be 86.7 per cent
    found = on("matched_share", plan=plan(disclosure=FEW), design=matched(treated_matched=29, treated_submitted=30))
    assert (found.verdict, found.statistic) == ("PASS", 0.9)
    small = on("matched_share", plan=plan(disclosure=FEW), design=matched(treated_matched=7, treated_submitted=10))
    assert (small.verdict, small.statistic) == ("FAIL", 0.6)  # 3 without a match: told as at most 4


def test_whether_one_or_four_lie_outside_cannot_be_seen() -> None:
    one, four = (on("overlap", plan=plan(disclosure=FEW), design=matched(common_support=1 - n / 100)) for n in (1, 4))
    assert seen_by_readers(one) == seen_by_readers(four)
    assert one.statistic == 0.96
    assert text(one).startswith("Fewer than 5 treated units lie where there is nobody")


def test_whether_one_or_four_were_left_out_cannot_be_seen() -> None:
    one, four = (
        on("estimand_changed", plan=plan(disclosure=FEW), design=matched(treated_matched=100 - n)) for n in (1, 4)
    )
    assert seen_by_readers(one) == seen_by_readers(four)
    assert (one.verdict, one.statistic) == ("FAIL", 4.0)
    assert text(one).startswith("Left out of the treatment group: fewer than 5 units, which")


def test_whether_one_or_four_were_not_found_cannot_be_seen() -> None:
    stated = {"submitted_treated": 100}
    one, four = (on("linkage", plan=plan(disclosure=FEW), panel=people(100 - n, 1000), options=stated) for n in (1, 4))
    assert seen_by_readers(one) == seen_by_readers(four)
    assert (one.statistic, text(one)) == (
        0.96,
        "In the treatment group fewer than 5 were not found; at least 95% found are asked for.",
    )


def test_how_many_of_a_few_were_lost_cannot_be_seen() -> None:
    # told: 4 of 100 at most against 0.2 per cent, 3.8 points
    one = on("attrition", plan=plan(disclosure=FEW), panel=people(96, 998, lost("treated", 4), lost("comparison", 2)))
    assert (one.verdict, one.evidence["lost_treated"]) == ("PASS", 4)
    assert one.statistic == pytest.approx(4 / 100 - 1 / 999, abs=1e-15)
    assert text(one).startswith("Fewer than 5 were lost from at least one group; attrition differs by at most 3.9")
    # 2 of 50: four would be over the boundary of 5.7 points, and the verdict is that of the two
    two = on("attrition", plan=plan(disclosure=FEW), panel=people(48, 1000, lost("treated", 2)))
    assert (two.verdict, two.statistic, two.threshold) == ("PASS", 0.057, 0.057)
    many = on("attrition", plan=plan(disclosure=FEW), panel=people(10, 1000, lost("treated", 2), lost("comparison", 9)))
    assert (many.verdict, many.statistic) == ("FAIL", pytest.approx(4 / 14 - 9 / 1009, abs=1e-15))


# a matching computed by the method ------------------------------------------------------------------------------


def computed(*, treated: int, comparison: int, discrete: bool, replace: bool) -> tuple[Design, Estimate, Panel]:
    """A matching on two covariates, its difference in means, and the data."""
    seen = panel_of(cross_section(3, treated, comparison, discrete=discrete))
    options = nearest.NearestOptions(covariates=("a", "b"), replace=replace)
    made = built(nearest.PLUGIN, options, seen)
    found = estimated(difference.PLUGIN, difference.DifferenceOptions(), made, seen)
    return made, found.model_copy(update={"key": EstimateKey(outcome="absence")}), seen


def test_the_gates_read_what_the_method_writes() -> None:
    rising = plan(outcome=[{**any_plan().outcome[0].model_dump(mode="json"), "direction": "increase"}])
    made, headline, seen = computed(treated=80, comparison=2000, discrete=False, replace=False)
    world = {"plan": rising, "design": made, "headline": headline, "panel": seen, "thresholds": (0.5,)}
    told = MATCHING_GATES - {"hidden_bias"}
    assert {name: on(name, **world).verdict for name in told} == dict.fromkeys(told, "PASS")


def test_where_equals_stand_in_line_the_range_is_what_the_method_found() -> None:
    rising = plan(outcome=[{**any_plan().outcome[0].model_dump(mode="json"), "direction": "increase"}])
    made, headline, seen = computed(treated=40, comparison=90, discrete=True, replace=False)
    low, high = headline.conventions["tie_lower"], headline.conventions["tie_upper"]
    assert isinstance(low, float)
    assert isinstance(high, float)
    assert low < headline.att < high
    world = {"plan": rising, "design": made, "headline": headline, "panel": seen}
    inside = on("tie_range", **world, thresholds=((low + high) / 2,))
    assert (inside.verdict, inside.evidence["lower"], inside.evidence["upper"]) == ("REVIEW", low, high)
    assert on("tie_range", **world, thresholds=(low - 0.001, high + 0.001)).verdict == "PASS"
    paid = headline.evidence(direction="increase", scale="absolute")
    assert (paid.tie_lower, paid.tie_upper) == (Decimal(repr(low)), Decimal(repr(high)))
