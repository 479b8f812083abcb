"""``ev.did.bacon``: any frame, labels as a reader knows them, always treated units counted, refusals."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import statsmodels.formula.api as smf
from direct_frames import KINDS, staggered

import evaltool as ev
from evaltool.errors import DataError, UsageError

NAMES = {"outcome": "Days away", "unit": "school", "time": "year", "first_treated": "start"}


def coefficient(frame: pd.DataFrame, weights: str | None = None) -> float:
    table = frame.assign(
        y=frame["Days away"], d=((frame["start"] > 0) & (frame["year"] >= frame["start"])).astype(float)
    )
    w = np.ones(len(table)) if weights is None else table[weights]
    return float(smf.wls("y ~ d + C(school) + C(year)", table, weights=w).fit().params["d"])


@pytest.mark.parametrize("kind", KINDS)
def test_it_takes_the_regression_apart_on_any_frame(kind: str) -> None:
    frame = staggered()
    found = ev.did.bacon(KINDS[kind](frame), **NAMES)
    table = found.to_frame()
    assert list(table.columns) == ["treated", "comparison", "type", "weight", "estimate"]
    assert found.coefficient == pytest.approx(coefficient(frame), rel=1e-9)
    assert float((table["weight"] * table["estimate"]).sum()) == pytest.approx(found.coefficient, rel=1e-9)
    assert [(r.treated, r.comparison) for r in table.itertuples()] == [
        ("3", "5"),
        ("3", "never"),
        ("5", "3"),
        ("5", "never"),
    ]
    later = table.loc[table["type"] == "later vs earlier treated", "weight"].sum()
    assert found.forbidden == pytest.approx(later)
    assert f"{100 * later:.1f}%" in str(found.summary)
    assert float(found.by_type()["weight"].sum()) == pytest.approx(1.0)
    assert "Two-way" in found._repr_html_()


def test_weights_are_those_of_the_regression() -> None:
    frame = staggered()
    found = ev.did.bacon(frame, **NAMES, weights="pupils")
    assert found.coefficient == pytest.approx(coefficient(frame, "pupils"), rel=1e-9)


def with_always(seed: int = 3) -> pd.DataFrame:
    frame = staggered(seed)
    frame.loc[frame["school"].isin(["S30", "S31"]), "start"] = 1
    return frame


def test_units_treated_throughout_are_left_out_unread_and_counted() -> None:
    frame = with_always()
    found = ev.did.bacon(frame, **NAMES)
    kept = frame[~frame["school"].isin(["S30", "S31"])]
    assert found.coefficient == pytest.approx(coefficient(kept), rel=1e-9)
    entry = next(e for e in found.ledger.entries if e.reason == "always_treated")
    assert (entry.count, entry.what) == (2, "unit")
    assert "left out: 2 units" in found.summary.text
    wild = frame.copy()
    wild.loc[wild["school"].isin(["S30", "S31"]), "Days away"] = 1e6
    assert ev.did.bacon(wild, **NAMES).to_frame().equals(found.to_frame())


def test_units_treated_throughout_may_be_compared_with_on_request() -> None:
    frame = with_always()
    found = ev.did.bacon(frame, **NAMES, always_treated="compare")
    assert found.coefficient == pytest.approx(coefficient(frame), rel=1e-9)
    assert set(found.to_frame()["comparison"]) == {"3", "5", "never", "always"}


@pytest.mark.parametrize("starts", [{3: 0, 5: 0}, {5: 3, 0: 3}, {5: 1, 0: 3}])
def test_nothing_to_take_apart_is_refused_when_the_data_are_read(starts: dict[int, int]) -> None:
    frame = staggered()
    frame["start"] = frame["start"].replace(starts)
    with pytest.raises(DataError) as caught:
        ev.did.bacon(frame, **NAMES)
    assert caught.value.codes == ("DATA_EMPTY_ARM",)


def test_arguments_that_cannot_be_meant() -> None:
    with pytest.raises(UsageError) as caught:
        ev.did.bacon(staggered(), **{**NAMES, "unit": 3}, always_treated="drop")  # type: ignore[arg-type]
    assert sorted(caught.value.codes) == ["USAGE_BAD_ARGUMENT", "USAGE_NOT_OFFERED"]
