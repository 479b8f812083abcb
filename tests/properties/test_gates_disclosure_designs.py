"""No hidden count of a matched design follows from what its machine record shows.

The attacker here knows nothing of the gate's own equations: every number of the record is read as a linear statement
about the counts nobody prints (matched units, each entry of the ledger, support, incomplete sets), a share as
``part − share · whole = 0`` with all its digits, and a count is worked out when it is the same over the whole null
space of those statements.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from disclosure_designs import matched_design, released_record, run_of
from hypothesis import given, settings
from hypothesis import strategies as st

from evaltool.records.base import Json
from evaltool.records.design import Design

MINIMUM = 5
Row = dict[str, float]
sizes = st.integers(min_value=0, max_value=14)
arms = st.integers(min_value=1, max_value=40)


@st.composite
def matchings(draw: st.DrawFn) -> Design:
    """Small matchings: reasons of a few, support and incomplete sets of any size."""
    treated, ratio = draw(arms), draw(st.integers(min_value=1, max_value=3))
    incomplete = draw(st.integers(min_value=0, max_value=treated)) if ratio > 1 else 0
    missing = incomplete and draw(st.integers(min_value=incomplete, max_value=incomplete * (ratio - 1)))
    left = {arm: draw(st.lists(sizes, max_size=3)) for arm in ("treated", "comparison")}
    outside = draw(st.integers(min_value=0, max_value=treated + sum(left["treated"])))
    return matched_design(
        (treated, treated * ratio - missing), left, outside=outside, incomplete=incomplete, ratio=ratio
    )


def secrets(made: Design) -> dict[str, Row]:
    """Every count about people as a sum of basic ones, with its name."""
    entries = {f"left:{e.arm}:{e.detail}": {f"left:{e.arm}:{e.detail}": 1.0} for e in made.ledger.entries}
    submitted = {arm: total(arm, entries) for arm in ("treated", "comparison")}
    unmatched = {f"unmatched:{arm}": less(submitted[arm], {f"matched:{arm}": 1.0}) for arm in submitted}
    return {
        **{f"matched:{arm}": {f"matched:{arm}": 1.0} for arm in submitted},
        **{f"submitted:{arm}": row for arm, row in submitted.items()},
        **entries,
        **unmatched,
        "outside": {"outside": 1.0},
        "inside": less(submitted["treated"], {"outside": 1.0}),
        "incomplete": {"incomplete": 1.0},
        "complete": {"matched:treated": 1.0, "incomplete": -1.0},
    }


def total(arm: str, entries: Mapping[str, Row]) -> Row:
    """Submitted units of an arm."""
    return {f"matched:{arm}": 1.0, **{name: 1.0 for name in entries if name.startswith(f"left:{arm}:")}}


def less(one: Row, other: Row, factor: float = 1.0) -> Row:
    """``one − factor · other``."""
    return {name: one.get(name, 0.0) - factor * other.get(name, 0.0) for name in {**one, **other}}


def told(made: Design, record: Mapping[str, Json]) -> list[Row]:
    """What the record's numbers say about the basic counts, row by row; the right-hand sides do not matter."""
    known = secrets(made)
    design, gates, estimate, entries = (record[key] for key in ("design", "gates", "estimate", "left_out"))
    assert isinstance(design, dict)
    assert isinstance(gates, list)
    assert isinstance(estimate, dict)
    assert isinstance(entries, list)
    matching, cohorts, counts = design["matching"], design["cohorts"], estimate["counts"]
    assert isinstance(matching, dict)
    assert isinstance(cohorts, list)
    assert isinstance(counts, dict)
    conventions = matching["conventions"]
    assert isinstance(conventions, dict)
    both = {name: 1.0 for arm in ("treated", "comparison") for name in known[f"submitted:{arm}"]}
    matched = {"matched:treated": 1.0, "matched:comparison": 1.0}
    plain: list[tuple[Json, Row]] = [
        (matching["treated_submitted"], known["submitted:treated"]),
        (matching["comparison_submitted"], known["submitted:comparison"]),
        (matching["treated_matched"], known["matched:treated"]),
        (matching["comparison_matched"], known["matched:comparison"]),
        (matching["sets"], known["matched:treated"]),
        (matching["effective_n"], known["matched:comparison"]),
        (matching["largest_weight_share"], known["matched:comparison"]),
        (conventions["incomplete_sets"], known["incomplete"]),
        (design["submitted_units"], both),
        (design["analysed_units"], matched),
        (counts["treated"], known["matched:treated"]),
        (counts["comparison"], known["matched:comparison"]),
        (counts["observations"], matched),
    ]
    plain += [
        (c["units"], known["matched:treated" if c["start"] is not None else "matched:comparison"])
        for c in cohorts
        if isinstance(c, dict)
    ]
    plain += [(e["count"], known[f"left:{e['arm']}:{e['detail']}"]) for e in entries if isinstance(e, dict)]
    shares: list[tuple[Json, Row]] = [
        (matching["matched_share"], known["matched:treated"]),
        (matching["common_support"], known["inside"]),
    ]
    names = {"matched_share": "matched:treated", "overlap": "inside"}
    for gate in gates:
        assert isinstance(gate, dict)
        if gate["name"] in names:
            shares.append((gate["statistic"], known[names[str(gate["name"])]]))
        elif gate["name"] == "estimand_changed":
            plain.append((gate["statistic"], known["unmatched:treated"]))
    rows = [row for value, row in plain if value is not None]
    rows += [less(part, known["submitted:treated"], share) for share, part in shares if isinstance(share, float)]
    if conventions["incomplete_sets"] == 0 and isinstance(ratio := conventions["ratio"], int):
        rows.append({"matched:comparison": 1.0, "matched:treated": -float(ratio)})
    return rows


def value_of(row: Row, made: Design) -> float:
    """The true count."""
    facts = made.summary.matching
    assert facts is not None
    true = {
        "matched:treated": facts.treated_matched,
        "matched:comparison": facts.comparison_matched,
        "outside": facts.treated_submitted - round(facts.common_support * facts.treated_submitted),
        "incomplete": float(str(facts.conventions["incomplete_sets"])),
        **{f"left:{e.arm}:{e.detail}": e.count for e in made.ledger.entries},
    }
    return sum(factor * true[name] for name, factor in row.items())


@settings(deadline=None, max_examples=150)
@given(matchings())
def test_no_small_count_follows_from_the_numbers_of_the_record(made: Design) -> None:
    known = secrets(made)
    basis = sorted({name for row in known.values() for name in row})
    rows = told(made, released_record(run_of(made)))
    matrix = np.array([[row.get(name, 0.0) for name in basis] for row in rows] or [[0.0] * len(basis)])
    _u, values, right = np.linalg.svd(matrix)
    null = right[int(np.sum(values > 1e-9)) :]
    for name, row in known.items():
        small = 0 < value_of(row, made) < MINIMUM
        vector = np.array([row.get(item, 0.0) for item in basis])
        if small:
            assert null.size, name
            assert float(np.max(np.abs(null @ vector))) > 1e-9, f"{name} can be worked out"


@settings(deadline=None, max_examples=60)
@given(arms, arms)
def test_where_nobody_is_few_nothing_of_the_matching_hides(treated: int, left: int) -> None:
    made = matched_design((treated + MINIMUM, treated + MINIMUM), {"treated": (left + MINIMUM,)})
    shown = released_record(run_of(made))["design"]
    assert isinstance(shown, dict)
    matching = shown["matching"]
    assert isinstance(matching, dict)
    assert "suppressed" not in matching
    assert matching["treated_submitted"] == treated + left + 2 * MINIMUM
