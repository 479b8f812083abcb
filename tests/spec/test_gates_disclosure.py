"""Small cells: what is hidden, why, and that nothing hidden can be worked out."""

from __future__ import annotations

import math

import pytest
from gate_world import ask, can, design, estimate, plan, why_not

from evaltool.gates._released import released
from evaltool.numerics.disclosure import Sum, is_hidden, name_of, suppress
from evaltool.records.base import canonical_json
from evaltool.records.estimate import Counts, Element, Estimate, SeriesPoint
from evaltool.records.evidence import EstimateKey
from evaltool.records.plan.evaluation_plan import EvaluationPlan

PUBLIC = {"profile": "public"}


# numerics -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("counts", "sums", "primary", "complementary"),
    [
        ({"a": 5, "b": 9}, [], set(), set()),
        ({"a": 4, "b": 0}, [], {"a"}, set()),  # nobody at all reveals nobody
        # 20 = 4 + 6 + 10: hiding 4 alone leaves 20 − 6 − 10; the smallest other goes too
        ({"t": 20, "a": 4, "b": 6, "c": 10}, [("t", "abc")], {"a"}, {"b"}),
        # 4 = 2 + 2: both hidden, the total too, since 4 < 5
        ({"t": 4, "a": 2, "b": 2}, [("t", "ab")], {"t", "a", "b"}, set()),
        # 2 + 1 + 30 = 33: the two hidden add up to 3 < 5, which is as telling as a 3
        ({"t": 33, "a": 2, "b": 1, "c": 30}, [("t", "abc")], {"a", "b"}, {"c"}),
        # 2 + 3 + 30 = 35: they add up to 5
        ({"t": 35, "a": 2, "b": 3, "c": 30}, [("t", "abc")], {"a", "b"}, set()),
        # two tables: t = a + b and u = a + b + c; c = u − t is the difference between tables
        ({"t": 20, "a": 8, "b": 12, "u": 23, "c": 3}, [("t", "ab"), ("u", "abc")], {"c"}, {"u"}),
        # the same number in another table hides with it
        ({"t": 14, "a": 4, "b": 10, "A": 4, "B": 10}, [("t", "ab"), ("A", "a"), ("B", "b")], {"a", "A"}, {"b", "B"}),
        # a total that nobody adds up needs no second cell
        ({"t": 20, "a": 4, "b": 16, "c": 7}, [("c", "c2")], {"a"}, set()),
    ],
)
def test_suppression(
    counts: dict[str, float], sums: list[tuple[str, str]], primary: set[str], complementary: set[str]
) -> None:
    listed = [Sum(t, tuple(p)) for t, p in sums if set(p) <= set(counts)]
    found = suppress(counts, listed, minimum=5)
    assert (found.primary, found.complementary) == (primary, complementary)
    assert suppress(dict(reversed(counts.items())), listed[::-1], minimum=5) == found


def test_what_is_kept_is_hidden_last() -> None:
    counts: dict[str, float] = {"arm": 6, "a": 3, "b": 3, "all": 106, "other": 100}
    sums = [Sum("arm", ("a", "b")), Sum("all", ("arm", "other"))]
    assert suppress(counts, sums, minimum=5).hidden == {"a", "b"}
    lonely: dict[str, float] = {"arm": 5, "small": 4, "total": 9}
    assert suppress(lonely, [Sum("total", ("arm", "small"))], minimum=5).complementary == {"arm"}
    kept = suppress(lonely, [Sum("total", ("arm", "small"))], minimum=5, keep={"arm", "absent"})
    assert kept.complementary == {"total"}


def test_zero_minimum_shows_everything() -> None:
    found = suppress({"a": 1, "b": 2}, [], minimum=0)
    assert not found.hidden
    assert found.show("a", 1) == 1
    assert suppress({"a": 1}, [], minimum=5).show("a", 1) is None


def test_when_everything_is_hidden_there_is_no_more_to_hide() -> None:
    found = suppress({"t": 3, "a": 1, "b": 2}, [Sum("t", ("a", "b"))], minimum=5)
    assert found.hidden == {"t", "a", "b"}


@pytest.mark.parametrize(
    ("counts", "sums"),
    [
        ({"a": -1.0}, []),
        ({"a": math.nan}, []),
        ({"a": math.inf}, []),
        ({"t": 5.0, "a": 1.0, "b": 3.0}, [Sum("t", ("a", "b"))]),
    ],
)
def test_what_cannot_be_is_refused(counts: dict[str, float], sums: list[Sum]) -> None:
    with pytest.raises(ValueError, match=r"not a count|not the sum"):
        suppress(counts, sums, minimum=5)


def test_names() -> None:
    assert name_of("cell", 2004, 2006, "treated") == "cell:2004:2006:treated"
    hidden = {"cell:2004:2006:treated", "event:1:comparison"}
    assert is_hidden(hidden, "cell", 2004, 2006)
    assert is_hidden(hidden, "event", 1, "comparison")
    assert not is_hidden(hidden, "event", 1, "treated")
    assert not is_hidden(hidden, "event", 11)


# the gate -------------------------------------------------------------------------------------------------------


def cell(
    group: int | None, period: int, treated: int | None, comparison: int | None = None, **other: object
) -> Element:
    return Element.model_validate(
        {
            "kind": "cell",
            "element": period,
            "group": group,
            "label": "c",
            "att": -1.0,
            "n_treated": treated,
            "n_comparison": comparison,
            "weight": 1.0,
            **other,
        }
    )


def other(kind: str, element: int, treated: int, comparison: int | None = None) -> Element:
    return Element.model_validate(
        {"kind": kind, "element": element, "label": "x", "att": -1.0, "n_treated": treated, "n_comparison": comparison}
    )


def staggered(**changes: object) -> Estimate:
    """Cohorts of 3 (start 3), 20 (start 4) and 40 (start 5) against 120; three pre- and post-tables of them."""
    cells = tuple(
        cell(g, t, n, 120) for g, n in ((3, 3), (4, 20), (5, 40)) for t in (2, 3, 4, 5, 6) if t >= g or t == 2
    )
    whole: dict[str, object] = {
        "cells": (*cells, cell(None, 9, 50)),
        "path": (other("event", 0, 63, 120), other("event", 1, 63, 120), other("event", 2, 23, 120)),
        "groups": (other("group", 3, 3, 120), other("group", 4, 20), other("group", 5, 40)),
        "calendar": (other("calendar", 3, 3), other("calendar", 4, 23), other("calendar", 5, 63)),
        "series": (
            SeriesPoint(arm="3", period=1, label="1", mean=1.0, units=3),
            SeriesPoint(arm="comparison", period=1, label="1", mean=1.0, units=120),
            SeriesPoint(arm="elsewhere", period=1, label="1", mean=1.0, units=50),
        ),
        "counts": Counts(treated=63, comparison=120, observations=9),
        **changes,
    }
    return estimate(**whole)  # type: ignore[arg-type]


COHORTS = {3: 3, 4: 20, 5: 40, None: 120}


def test_a_small_cohort_is_hidden_in_every_table() -> None:
    found = ask("disclosure", headline=staggered(), design=design(COHORTS))
    assert (found.verdict, found.statistic, found.threshold, found.reason) == ("PASS", 0.0, 0.0, None)
    hidden = found.evidence["hidden"]
    assert isinstance(hidden, list)
    # itself wherever it stands
    small = {"cohort:3", "group:3:treated", "calendar:3:treated", "series:3:1"}
    assert small | {f"cell:3:{t}:treated" for t in (2, 3, 4, 5, 6)} <= set(hidden)
    # 63 = 3 + 20 + 40 and 23 = 3 + 20: the cohort of 20 must go; 3 + 20 = 23 stays, which tells neither
    assert {"cohort:4", "group:4:treated", "cell:4:4:treated"} <= set(hidden)
    assert "arm:treated" not in hidden
    assert "arm:comparison" not in hidden
    assert "cohort:5" not in hidden
    assert found.evidence["smallest_shown"] == 23.0


def test_the_evidence_never_shows_a_hidden_count() -> None:
    found = ask("disclosure", headline=staggered(), design=design(COHORTS))
    assert b": 3" not in canonical_json(found.evidence).replace(b'": 3', b"").replace(b"minimum", b"")
    assert set(found.evidence) == {
        "minimum",
        "counts",
        "released",
        "primary",
        "complementary",
        "hidden",
        "smallest_shown",
    }
    assert found.evidence["primary"] == 9
    assert found.evidence["minimum"] == 5


@pytest.mark.parametrize(
    ("cohorts", "counts", "verdict", "blocked"),
    [
        ({3: 5, None: 5}, (5, 5), "PASS", 0),
        ({3: 4, None: 50}, (4, 50), "FAIL", 2),  # 54 analysed: 4 would be 54 − 50
        ({3: 50, None: 4}, (50, 4), "FAIL", 2),
        ({3: 2, None: 3}, (2, 3), "FAIL", 2),
        ({3: 9}, (9, 0), "PASS", 0),  # an arm without anybody reveals nobody
    ],
)
def test_small_headline_groups_block(
    cohorts: dict[int | None, int], counts: tuple[int, int], verdict: str, blocked: int
) -> None:
    headline = estimate(counts=Counts(treated=counts[0], comparison=counts[1], observations=9))
    found = ask("disclosure", headline=headline, design=design(cohorts))
    assert (found.verdict, found.statistic) == (verdict, float(blocked))
    assert found.reason == (None if verdict == "PASS" else "DISCLOSURE_BLOCK")
    assert found.blocks == (verdict == "FAIL")


def test_dropped_units_cannot_be_worked_out_from_submitted_and_analysed() -> None:
    found = ask("disclosure", design=design({3: 80, None: 120}, dropped={"treated": 2}))
    ledger = "left_out:design:always_treated:treated:"
    assert found.evidence["hidden"] == ["all:submitted", "dropped:treated", ledger]
    assert found.verdict == "PASS"


@pytest.mark.parametrize(("profile", "minimum"), [("minimum_3", 3), ("minimum_5", 5), ("minimum_10", 10)])
def test_profiles(profile: str, minimum: int) -> None:
    for size, verdict in ((minimum, "PASS"), (minimum - 1, "FAIL")):
        headline = estimate(counts=Counts(treated=size, comparison=500, observations=9))
        found = ask(
            "disclosure",
            plan=plan(disclosure={"profile": profile}),
            headline=headline,
            design=design({3: size, None: 500}),
        )
        assert (found.verdict, found.evidence["minimum"]) == (verdict, minimum)


def people() -> EvaluationPlan:
    return plan(disclosure={"counts": "weights"})


def test_people_behind_few_units_are_enough() -> None:
    # 2 schools of 300 pupils against 3 of 200
    counts = Counts(treated=2, comparison=3, observations=9, treated_weight=600.0, comparison_weight=600.0)
    headline = estimate(counts=counts, cells=(cell(3, 3, 2, 3),))
    whole = {"headline": headline, "design": design({3: 2, None: 3}, {3: 300.0, None: 200.0})}
    found = ask("disclosure", plan=people(), **whole)
    assert (found.verdict, found.evidence["hidden"]) == ("PASS", [])
    assert "people" in found.sentence.in_language("en")
    assert ask("disclosure", **whole).verdict == "FAIL"


def test_a_table_that_knows_only_units_counts_the_smallest_of_them() -> None:
    # weights 1, 1, 500: two units stand for at least 1 + 1 = 2 people
    made = design({3: 2, 4: 1, None: 9}, {4: 500.0, None: 100.0})
    headline = estimate(
        counts=Counts(treated=3, comparison=9, observations=9), cells=(cell(3, 3, 2, 9), cell(4, 4, 0, 20))
    )
    counts = released(made, {headline.key: headline}, headline, weights=True).counts
    assert counts["cell:3:3:treated"] == 2.0
    assert counts["arm:treated"] == 502.0  # 1 + 1 + 500: all three
    assert counts["cell:4:4:treated"] == 0.0
    assert counts["cell:4:4:comparison"] == 1 + 1 + 900 + 500
    assert counts["cell:3:3:comparison"] == 1 + 1 + 700


def test_without_a_roster_units_are_counted() -> None:
    made = design({3: 80, None: 120})
    bare = type(made)(summary=made.summary)
    headline = estimate(cells=(cell(3, 3, 80, 120),))
    counts = released(bare, {headline.key: headline}, headline, weights=True).counts
    assert counts["cell:3:3:treated"] == 80.0
    empty = design({})
    assert released(empty, {headline.key: headline}, headline, weights=True).counts["cell:3:3:treated"] == 0.0


def test_other_estimates_are_counted_under_their_own_names() -> None:
    key = EstimateKey(outcome="absence", cohort="c1", specification="s")
    extra = estimate(key=key, counts=Counts(treated=3, comparison=120, observations=9))
    found = ask("disclosure", others=(extra,))
    assert found.verdict == "PASS"
    assert found.evidence["hidden"] == ["arm:treated@absence/c1/s"]


def test_not_yet_treated_comparisons_are_related_to_cohorts() -> None:
    # cohorts 3 (20 units), 5 (4 units), never 30: a cell of cohort 3 at time 3 compares with 34, at time 5 with 30
    cells = (cell(3, 3, 20, 34), cell(3, 5, 20, 30))
    headline = estimate(cells=cells, counts=Counts(treated=20, comparison=34, observations=9))
    found = ask("disclosure", headline=headline, design=design({3: 20, 5: 4, None: 30}))
    hidden = found.evidence["hidden"]
    assert isinstance(hidden, list)
    # 34 − 30 = 4: one of the two must go wherever it stands; the arm of 34 is kept as long as possible
    assert {"cohort:5", "cohort:never", "cell:3:5:comparison"} <= set(hidden)
    assert not {"arm:treated", "arm:comparison"} & set(hidden)


def test_a_group_size_that_is_no_number_cannot_tell() -> None:
    counts = Counts.model_construct(
        treated=80, comparison=120, observations=9, treated_weight=math.nan, comparison_weight=5.0
    )
    broken = estimate().model_copy(update={"counts": counts})
    found = ask("disclosure", plan=people(), headline=broken)
    assert (found.verdict, found.reason, found.blocks) == ("CANNOT_TELL", "DISCLOSURE_BLOCK", True)


def test_public_figures_have_no_minimum() -> None:
    assert why_not("disclosure") is None
    assert "public" in (why_not("disclosure", stated=plan(disclosure=PUBLIC)) or ("", ""))[1]
    assert "published" in (why_not("disclosure", can(family="published")) or ("", ""))[1]
