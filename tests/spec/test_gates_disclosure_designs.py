"""What matched designs and donor pools release: which figures hide with which small count, and what may not be told."""

from __future__ import annotations

import math
from decimal import Decimal
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from disclosure_designs import entry, matched_design, released_record, rule_of, run_of
from gate_world import ask, design, estimate, plan

from evaltool.cli.evaluation import Finished, as_table, show_box
from evaltool.gates._released import released
from evaltool.gates._released_design import DONOR_FIELDS, MATCHING_FIELDS
from evaltool.records.design import BalanceRow, Design, DonorSummary, MatchSummary, ScoreBin
from evaltool.records.estimate import Counts
from evaltool.records.evidence import EstimateKey
from evaltool.records.ledger import Ledger
from evaltool.records.panel import DataIdentity, Panel

FIELDS = {*MATCHING_FIELDS}
TOTALS = {"treated_submitted", "matched_share", "common_support"}


def hidden_fields(made: Design) -> set[str]:
    rule = rule_of(run_of(made))
    return {field for field in FIELDS if rule.hides_matching(field)}


@pytest.mark.parametrize(
    ("made", "hidden", "gates"),
    [
        # everybody matched: 80 of 80, nothing to work out
        (matched_design((80, 80), {"comparison": (300,)}), set(), set()),
        # 81 − 80 = 1: the total goes, with every share over it
        (
            matched_design((80, 80), {"treated": (1,), "comparison": (300,)}),
            TOTALS,
            {"matched_share", "overlap", "estimand_changed"},
        ),
        # 90 − 80 = 10 may be shown
        (matched_design((80, 80), {"treated": (10,), "comparison": (300,)}), set(), set()),
        # 10 = 8 + 2: both reasons hide, and the total of ten stays
        (matched_design((80, 80), {"treated": (8, 2), "comparison": (300,)}), set(), set()),
        # 3 comparison units left over: their total goes; 80 of 80 treated stays
        (matched_design((80, 80), {"comparison": (3,)}), {"comparison_submitted"}, set()),
        # all matched, two outside the others' scores: the share tells them
        (matched_design((80, 80), {"comparison": (300,)}, outside=2), {"common_support"}, {"overlap"}),
        # three sets of 80 are incomplete; or all but three
        (
            matched_design((80, 157), {"comparison": (300,)}, incomplete=3, ratio=2),
            {"incomplete_sets", "sets"},
            set(),
        ),
        (
            matched_design((80, 83), {"comparison": (300,)}, incomplete=77, ratio=2),
            {"incomplete_sets", "sets"},
            set(),
        ),
        # four treated: nothing of the design may be shown
        (
            matched_design((4, 12), {"comparison": (300,)}, ratio=3),
            FIELDS,
            {"matched_share", "overlap", "estimand_changed"},
        ),
    ],
)  # fmt: skip
def test_a_small_count_hides_every_figure_that_tells_it(made: Design, hidden: set[str], gates: set[str]) -> None:
    assert hidden_fields(made) == hidden
    record = released_record(run_of(made))
    answers = record["gates"]
    assert isinstance(answers, list)
    withheld = {g["name"] for g in answers if isinstance(g, dict) and g.get("suppressed")}
    assert withheld == gates
    for gate in answers:
        assert isinstance(gate, dict)
        assert not {"evidence", "counts"} & set(gate)
        assert gate["name"] not in gates or (gate["statistic"], gate["sentence"], gate["threshold"]) == (None,) * 3


def test_the_machine_record_holds_no_way_to_the_one_unmatched() -> None:
    record = released_record(run_of(matched_design((80, 80), {"treated": (1,), "comparison": (300,)})))
    shown = record["design"]
    assert isinstance(shown, dict)
    matching = shown["matching"]
    assert isinstance(matching, dict)
    assert (shown["submitted_units"], matching["treated_submitted"], matching["matched_share"]) == (None, None, None)
    # what is far from small stays
    assert (shown["analysed_units"], matching["comparison_submitted"], matching["sets"]) == (160, 380, 80)
    entries = record["left_out"]
    assert isinstance(entries, list)
    assert sorted(str(e["count"]) for e in entries if isinstance(e, dict)) == ["300", "None"]


def test_when_the_headline_is_withheld_so_is_every_figure_of_the_matching() -> None:
    # 3 places in each of 4 sets: twelve comparison units over a ratio of three are four treated
    made = matched_design((4, 12), {"comparison": (300,)}, ratio=3, balance=(binary(80, 40, 300, 100),))
    record = released_record(run_of(made))
    shown = record["design"]
    assert isinstance(shown, dict)
    matching, cohorts = shown["matching"], shown["cohorts"]
    assert isinstance(matching, dict)
    assert isinstance(cohorts, list)
    assert [c["units"] for c in cohorts if isinstance(c, dict)] == [None, None]
    assert {matching[field] for field in FIELDS - {"incomplete_sets"}} == {None}
    assert matching["balance"] == [
        {**dict.fromkeys(BalanceRow.model_fields), "covariate": "smoker", "kind": "binary", "suppressed": True}
    ]


def test_bins_hide_with_the_arm_they_add_up_to() -> None:
    # two of 92 treated lie outside the others' scores: the 92 go, and bins that add up to them; not bins of the 80
    for inside, hidden in ((92, True), (80, False)):
        made = matched_design((80, 80), {"treated": (12,), "comparison": (300,)}, outside=2)
        facts = made.summary.matching
        assert facts is not None
        one = ScoreBin(lower=0.0, upper=1.0, treated=inside, treated_matched=80, comparison=380, comparison_matched=80)
        summary = made.summary.model_copy(update={"matching": facts.model_copy(update={"bins": (one,)})})
        rule = rule_of(run_of(Design(summary=summary, roster=made.roster, ledger=made.ledger)))
        assert rule.hides_matching("common_support")
        assert rule.hides_matching("bins") is (hidden and rule.hides_matching("treated_submitted"))


# two-valued covariates ------------------------------------------------------------------------------------------


def binary(treated: int, with_it: int, comparison: int, with_it_too: int) -> BalanceRow:
    """The row of a two-valued column from the four counts before matching."""
    p, q = with_it / treated, with_it_too / comparison
    sd = math.sqrt(p * (1 - p))
    return BalanceRow(
        covariate="smoker",
        kind="binary",
        smd_before=(p - q) / sd if sd else (0.0 if p == q else None),
        smd_after=0.0,
        denominator=sd,
        variance_ratio_before=None,
        variance_ratio_after=None,
        ks_before=abs(p - q),
        ks_after=0.0,
    )


@pytest.mark.parametrize(
    ("with_it", "with_it_too", "hidden"),
    [
        (40, 100, False),
        (5, 100, False),
        (4, 100, True),  # √(p(1 − p)) with p = 4/80 is .2179: four smokers among the treated
        (76, 100, True),  # or four who are not
        (40, 4, True),  # p − smd·sd = 4/380
        (40, 376, True),
        (0, 0, False),  # a column that does not vary tells of nobody
        (80, 380, False),
    ],
)
def test_a_row_of_the_balance_table_hides_when_it_tells_a_few(with_it: int, with_it_too: int, *, hidden: bool) -> None:
    row = binary(80, with_it, 380, with_it_too)
    made = matched_design((80, 80), {"comparison": (300,)}, balance=(row,))
    run = run_of(made, gates=("balance",))
    assert rule_of(run).hides_balance(row) is hidden
    record = released_record(run)
    shown = record["design"]
    assert isinstance(shown, dict)
    matching = shown["matching"]
    assert isinstance(matching, dict)
    rows = matching["balance"]
    assert isinstance(rows, list)
    assert isinstance(rows[0], dict)
    assert (rows[0]["denominator"] is None) is hidden
    assert (rows[0].get("suppressed") is True) is hidden


def test_a_continuous_covariate_tells_no_count() -> None:
    row = binary(80, 4, 380, 100).model_copy(update={"kind": "continuous"})
    assert not rule_of(run_of(matched_design((80, 80), {"comparison": (300,)}, balance=(row,)))).hides_balance(row)


def test_who_is_matched_is_counted_in_the_data() -> None:
    # forty of 80 treated smoke, all matched; of the 80 comparison units matched only two do
    made = matched_design((80, 80), {}, balance=(binary(80, 40, 80, 40),))
    values = np.concatenate([np.arange(80) < 40, np.arange(80) < 2]).astype(np.float64)
    frame = pd.DataFrame({"unit": np.arange(160), "treated": np.arange(160) < 80, "x.smoker": values})
    weights = pd.DataFrame({"unit": np.arange(160), "treated": np.arange(160) < 80, "weight": 1.0})
    identity = DataIdentity(
        source="t", fingerprint="0", rows=160, units=160, periods=(), never_coding="none", columns=()
    )
    whole = Design(summary=made.summary, roster=made.roster, ledger=made.ledger, weights=weights)
    headline = estimate(counts=Counts(treated=80, comparison=80, observations=160))
    found = released(whole, {headline.key: headline}, headline, weights=False, panel=Panel(frame, identity))
    assert found.counts["covariate:smoker:treated:after"] == 40.0
    assert found.counts["covariate:smoker:comparison:after"] == 2.0
    assert found.counts["covariate:smoker:comparison:before"] == 40.0
    assert found.counts["data:units"] == 160.0
    constant = frame.assign(**{"x.smoker": 1.0})
    found = released(whole, {headline.key: headline}, headline, weights=False, panel=Panel(constant, identity))
    assert found.counts["covariate:smoker:comparison:after"] == 0.0


# other estimates, the data, donors ------------------------------------------------------------------------------


def test_another_matching_of_a_sensitivity_is_related_to_the_same_total() -> None:
    # the headline matches 80 of 80; a sensitivity 78, which would tell that two fell away
    made = matched_design((80, 80), {"comparison": (300,)})
    counts = Counts(treated=80, comparison=80, observations=160)
    headline = estimate(method="weighted.difference", counts=counts)
    key = EstimateKey(outcome="absence", specification="tight")
    fewer = Counts(treated=78, comparison=78, observations=156)
    other = estimate(key=key, method="weighted.difference", counts=fewer)
    found = ask(
        "disclosure", plan=plan(disclosure={"profile": "minimum_5"}), headline=headline, others=(other,), design=made
    )
    hidden = found.evidence["hidden"]
    assert isinstance(hidden, list)
    assert f"unmatched:treated@{key}" in hidden
    assert f"arm:treated@{key}" in hidden
    assert found.verdict == "PASS"


def test_units_in_the_data_hide_with_the_units_submitted() -> None:
    made = matched_design((80, 80), {"treated": (1,), "comparison": (300,)})
    frame = pd.DataFrame({"unit": range(461)})
    identity = DataIdentity(
        source="t", fingerprint="0", rows=461, units=461, periods=(), never_coding="none", columns=()
    )
    headline = estimate(counts=Counts(treated=80, comparison=80, observations=160))
    stated = plan(disclosure={"profile": "minimum_5"})
    found = ask("disclosure", plan=stated, headline=headline, design=made, panel=Panel(frame, identity))
    hidden = found.evidence["hidden"]
    assert isinstance(hidden, list)
    assert {"data:units", "all:submitted"} <= set(hidden)
    # two are gone since the lock: the units there now and then differ by two
    gone = entry("treated", "gone", 2).model_copy(update={"reason": "dropped_since_lock"})
    made = matched_design((80, 80), {"comparison": (300,)})
    made = Design(summary=made.summary, roster=made.roster, ledger=Ledger().plus(*made.ledger.entries, gone))
    now = identity.model_copy(update={"units": 458})
    found = ask("disclosure", plan=stated, headline=headline, design=made, panel=Panel(frame, now))
    hidden = found.evidence["hidden"]
    assert isinstance(hidden, list)
    assert "data:gone" in hidden
    assert {"data:units", "all:submitted"} & set(hidden)


def pool(excluded: int) -> Design:
    """One treated municipality, thirty donors, some left out."""
    made = design({5: 1, None: 30}, {5: 40_000.0, None: 30_000.0})
    facts = DonorSummary(donors=30, excluded=excluded, start=5, periods_before=4, periods_after=2)
    summary = made.summary.model_copy(update={"donors": facts, "submitted_units": 31 + excluded})
    out = entry("comparison", "left out of the donor pool by the plan", excluded) if excluded else None
    moved = () if out is None else (out.model_copy(update={"reason": "excluded_donor"}),)
    return Design(summary=summary, roster=made.roster, ledger=Ledger().plus(*moved))


@pytest.mark.parametrize(("excluded", "hidden"), [(0, set()), (2, {"excluded"}), (9, set())])
def test_donor_pools_of_municipalities_count_people(excluded: int, hidden: set[str]) -> None:
    headline = estimate(
        -2.0,
        None,
        absent="SYNTHETIC_CONTROL",
        method="counterfactual.synthetic_control",
        counts=Counts(treated=1, comparison=30, observations=9, treated_weight=40_000.0, comparison_weight=900_000.0),
    )
    stated = plan(disclosure={"profile": "minimum_5", "counts": "weights"})
    found = ask("disclosure", plan=stated, headline=headline, design=pool(excluded))
    assert found.verdict == "PASS"
    names = found.evidence["hidden"]
    assert isinstance(names, list)
    assert {field for field, told in DONOR_FIELDS.items() if set(told) & set(names)} == hidden
    by_units = ask(
        "disclosure", plan=plan(disclosure={"profile": "minimum_5"}), headline=headline, design=pool(excluded)
    )
    assert by_units.verdict == "FAIL"


def test_every_field_of_the_summaries_that_is_a_count_or_share_is_known() -> None:
    free = {"estimand", "caliper", "caliper_sd", "largest_distance", "conventions", "covariates", "scale", "balance"}
    assert set(MatchSummary.model_fields) == (FIELDS - {"incomplete_sets"}) | free
    assert set(DonorSummary.model_fields) == set(DONOR_FIELDS) | {"start", "periods_before", "periods_after"}


def test_the_terminal_withholds_what_the_record_withholds(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    for sizes, hidden in (((4, 12), True), ((80, 80), False)):
        run = run_of(matched_design(sizes, {}))
        decision = run.decision.model_copy(update={"state": "NOT_DECIDABLE", "amount": Decimal(0), "currency": "DKK"})
        finished = Finished(run.model_copy(update={"decision": decision}), "0" * 64, tmp_path)
        show_box(finished)
        shown, effect, se = capsys.readouterr().out, f"{run.estimate.att:.6g}", run.estimate.se
        assert se is not None
        assert (f"effect   {effect}" in shown) is not hidden
        assert (f"standard error {se:.4g}" in shown) is not hidden
        assert ("effect   withheld" in shown) is hidden
        answer = as_table(finished)
        assert (answer["effect"], answer["standard_error"]) == ((None, None) if hidden else (run.estimate.att, se))
