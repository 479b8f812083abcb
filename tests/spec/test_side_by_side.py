"""Every baseline in one call: numbers are the methods' own, refusals are kept, and the disagreement is exact."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pandas as pd
import pytest

import evaltool as ev
from evaltool.direct.side_by_side import SideBySide
from evaltool.payment.disagreement import disagreement

COLUMNS = {"outcome": "y", "unit": "town", "time": "year", "treated": "A", "start": 2014}


def towns(years: int = 18) -> pd.DataFrame:
    """Six towns; A gains 5 from 2014 on."""
    r = np.random.default_rng(4)
    paths = r.normal(size=(years, 2)).cumsum(axis=0) @ r.uniform(0.2, 1.0, size=(2, 6)) + 20
    paths += 0.2 * r.normal(size=(years, 6))
    paths[14:, 0] += 5.0
    rows = [(town, 2000 + t, paths[t, k]) for k, town in enumerate("ABCDEF") for t in range(years)]
    return pd.DataFrame(rows, columns=["town", "year", "y"])


@pytest.fixture(scope="module")
def found() -> SideBySide:
    return ev.counterfactual.side_by_side(towns(), **COLUMNS, slow=False, level=0.8)  # type: ignore[arg-type]


def test_every_number_is_the_methods_own(found: SideBySide) -> None:
    table = found.to_frame().set_index("method")
    assert list(table.index[:2]) == ["synthetic_control", "synthetic_did"]
    control = ev.counterfactual.synthetic_control(towns(), **COLUMNS, level=0.8)  # type: ignore[arg-type]
    assert table.loc["synthetic_control", "effect"] == control.att
    assert table.loc["synthetic_control", "test_p"] == control.placebo_p
    series = ev.counterfactual.interrupted_series(towns(), **COLUMNS)  # type: ignore[arg-type]
    assert table.loc["interrupted_series", "std_error"] == series.se
    assert table.loc["interrupted_series", "from_primary"] == series.att - control.att


def test_the_disagreement_is_that_of_the_table(found: SideBySide) -> None:
    effects, apart = found.to_frame()["effect"], found.disagreement
    assert apart is not None
    assert float(apart.lowest) == effects.min()
    assert float(apart.distance) == pytest.approx((effects - effects[0]).abs().max())
    assert "same sign" in found.summary.text


def test_what_cannot_be_computed_is_said_and_the_primary_is_not_replaced() -> None:
    short = towns(16)[lambda d: d["year"] >= 2008]
    found = ev.counterfactual.side_by_side(short, **COLUMNS, slow=False, level=0.8)  # type: ignore[arg-type]
    assert "RUN_SHORT_HISTORY" in found.refused["forecast"]
    with pytest.raises(ev.errors.RunError, match="RUN_SHORT_HISTORY"):
        ev.counterfactual.side_by_side(short, **COLUMNS, slow=False, level=0.8, primary="forecast")  # type: ignore[arg-type]
    with pytest.raises(ev.errors.UsageError, match="USAGE_NOT_OFFERED"):
        ev.counterfactual.side_by_side(short, **COLUMNS, primary="guess")  # type: ignore[arg-type]


def test_disagreement_by_hand() -> None:
    found = disagreement(Decimal(-4), [Decimal(-1), Decimal("0.5"), Decimal(-6)])
    assert found is not None
    assert (found.lowest, found.highest, found.distance) == (Decimal(-6), Decimal("0.5"), Decimal("4.5"))
    assert (found.share, found.same_sign, found.others) == (Decimal("1.125"), 2, 3)
    assert disagreement(Decimal(1), []) is None
    zero = disagreement(Decimal(0), [Decimal(1)])
    assert zero is not None
    assert (zero.share, zero.same_sign) == (None, 0)


@pytest.mark.parametrize(("lang", "word"), [("en", "side by side"), ("da", "side om side")])
def test_the_figure_shows_every_method_and_its_numbers(found: SideBySide, lang: str, word: str) -> None:
    picture = found.plot(lang=lang)
    assert word in picture.caption
    assert "<svg" in picture.svg
    assert picture.alt
