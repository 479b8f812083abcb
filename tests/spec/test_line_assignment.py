"""Optimal pairs on a line: the pairs, total and proof of the table of all pairs, and lists too long for a table."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import evaltool as ev
from evaltool.numerics.assignment import assign
from evaltool.numerics.line_assignment import Line, assign_on_line

FINE, GRID = 1000, 10**6


def line(rows: np.ndarray, columns: np.ndarray, reach: int | None) -> Line:
    marks = [np.rint(places * GRID).astype(np.int64) for places in (rows, columns)]
    return Line(rows, columns, marks[0], marks[1], reach, FINE)


def places(kind: str, seed: int) -> tuple[np.ndarray, np.ndarray]:
    r = np.random.default_rng(seed)
    m, n = int(r.integers(1, 9)), int(r.integers(1, 14))
    if kind == "scattered":
        return r.normal(size=m), r.normal(size=n)
    if kind == "whole":
        return r.integers(0, 6, m).astype(np.float64), r.integers(0, 6, n).astype(np.float64)
    if kind == "aside":
        return r.normal(1.0, 1.0, m), np.round(r.normal(size=n), 1)
    return np.ones(m), r.integers(0, 3, n) * 0.5


@pytest.mark.parametrize("kind", ["scattered", "whole", "aside", "equal"])
@pytest.mark.parametrize("caliper", [False, True])
def test_the_pairs_are_those_of_the_table_of_all_pairs(kind: str, caliper: bool) -> None:
    for seed in range(40):
        a, b = places(kind, seed)
        reach = int(np.random.default_rng(seed).integers(0, 2 * GRID)) if caliper else None
        asked = line(a, b, reach)
        cost = np.rint(np.abs(a[:, None] - b[None, :]) * FINE).astype(np.int64)
        allowed = np.ones(cost.shape, dtype=np.bool_)
        if reach is not None:
            allowed = np.abs(asked.row_marks[:, None] - asked.column_marks[None, :]) <= reach
        whole, found = assign(cost, allowed), assign_on_line(asked)
        np.testing.assert_array_equal(found.partner, whole.partner)
        assert (found.total, found.optima) == (whole.total, whole.optima)
        slack = cost - found.rows[:, None] - found.columns[None, : b.shape[0]]
        assert (slack[allowed] >= 0).all()
        paired = np.flatnonzero(found.partner >= 0)
        assert (slack[paired, found.partner[paired]] == 0).all()


def test_a_list_too_long_for_a_table() -> None:
    r = np.random.default_rng(8)
    a, b = r.normal(0.6, 1.0, 600), r.normal(size=170_000)
    asked = line(a, b, 10_000)
    found = assign_on_line(asked)
    paired = np.flatnonzero(found.partner >= 0)
    assert np.unique(found.partner[paired]).shape == paired.shape
    cost = np.rint(np.abs(a[paired] - b[found.partner[paired]]) * FINE).astype(np.int64)
    assert int(cost.sum()) == found.total
    assert (cost == found.rows[paired] + found.columns[found.partner[paired]]).all()
    with pytest.raises(ValueError, match="more than can be solved at once"):
        assign(np.zeros((600, 170_000), dtype=np.int64), np.ones((600, 170_000), dtype=np.bool_))


def test_too_many_arcs_on_the_line_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("evaltool.numerics.line_assignment.ARCS", 10)
    with pytest.raises(ValueError, match="arcs are more than can be solved at once"):
        assign_on_line(line(np.zeros(5), np.arange(30.0), None))


@pytest.mark.parametrize("options", [{}, {"ratio": 2, "caliper": 0.3}, {"exact": ["site"], "caliper": 0.5}])
def test_a_design_is_the_same_on_the_line(options: dict[str, object], monkeypatch: pytest.MonkeyPatch) -> None:
    r = np.random.default_rng(5)
    x = r.normal(size=(150, 2)).round(1)
    treated = (r.random(150) < 1 / (1 + np.exp(1.5 - x[:, 0]))).astype(int)
    frame = pd.DataFrame({"id": range(150), "d": treated, "a": x[:, 0], "b": x[:, 1], "site": r.integers(0, 3, 150)})
    asked = {"treatment": "d", "covariates": ["a", "b"], "unit": "id", **options}
    with monkeypatch.context() as patched:
        patched.setattr("evaltool.designs.matching.optimal.assign", None)
        on_line = ev.matching.optimal(frame, **asked)
    monkeypatch.setattr("evaltool.numerics.line_assignment.ARCS", 0)
    table = ev.matching.optimal(frame, **asked)
    pd.testing.assert_frame_equal(table.pairs, on_line.pairs)
    assert table.weights.tolist() == on_line.weights.tolist()
    assert table.facts.conventions == on_line.facts.conventions
