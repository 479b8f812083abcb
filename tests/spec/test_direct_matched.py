"""The direct road of matching, matched differences and synthetic control."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import polars as pl
import pytest
from direct_frames import KINDS, people, towns

import evaltool as ev
from evaltool.direct.matched import MatchedDesign
from evaltool.records.estimate import Estimate

PEOPLE = {"treatment": "offered", "covariates": ["age", "debt"], "unit": "person"}
TOWNS = {"outcome": "Nights", "unit": "Town", "time": "Year", "treated": "town 3", "start": 2010, "level": 0.8}


@pytest.fixture(scope="module")
def design() -> MatchedDesign:
    return ev.matching.nearest(people(), **PEOPLE)


def test_a_design_shows_its_weights_sets_and_balance(design: MatchedDesign) -> None:
    frame = people().set_index("person")
    weights = design.weights
    assert set(weights.index) == set(frame.index)
    assert (weights[frame["offered"] == 1] == 1.0).all()
    assert weights[frame["offered"] == 0].sum() == 30.0
    assert list(design.sets.columns) == ["treated", "comparison", "distance", "set"]
    assert design.sets["comparison"].is_unique
    assert sorted(design.sets["set"]) == list(range(1, 31))
    assert len(design.dropped) == 60
    assert not design.dropped["treated"].any()
    assert (design.effective_n, design.estimand) == (30.0, "ATT")
    assert [(e.arm, e.count) for e in design.ledger.entries] == [("comparison", 60)]
    assert design.scores.between(0, 1).all()


def test_balance_is_what_the_weights_give(design: MatchedDesign) -> None:
    frame = people().set_index("person")
    row = design.balance().set_index("covariate").loc["age"]
    own, other = frame[frame["offered"] == 1]["age"], frame[frame["offered"] == 0]["age"]
    kept = other[design.weights[other.index] > 0]
    assert row["smd_before"] == pytest.approx((own.mean() - other.mean()) / own.std(), rel=1e-12)
    assert row["smd_after"] == pytest.approx((own.mean() - kept.mean()) / own.std(), rel=1e-12)
    assert list(design.balance()["covariate"])[1:] == ["age", "debt"]


def test_the_difference_is_that_of_the_matched_means(design: MatchedDesign) -> None:
    frame = people().set_index("person")
    found = ev.weighted.difference(design, people(), outcome="weeks")
    assert isinstance(found, Estimate)
    pairs = design.sets
    gaps = frame.loc[pairs["treated"], "weeks"].to_numpy() - frame.loc[pairs["comparison"], "weeks"].to_numpy()
    assert found.att == pytest.approx(gaps.mean(), rel=1e-12)
    # by matched set with (n − 1)/(n − k) · G/(G − 1) = 59/58 · 30/29 on n = 60, k = 2, G = 30
    spread = np.sum((gaps - gaps.mean()) ** 2) / 30**2
    assert found.se == pytest.approx(np.sqrt(59 / 58 * 30 / 29 * spread), rel=1e-12)
    assert found.df_resid == 29
    assert "nearest to no treated unit" in str(found.summary)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_frame_gives_the_same_bits(design: MatchedDesign, kind: str) -> None:
    other = ev.matching.nearest(KINDS[kind](people()), **PEOPLE)
    assert other.design.summary == design.design.summary
    for covariates in ((), ["age"]):
        one = ev.weighted.difference(design, people(), outcome="weeks", covariates=covariates)
        two = ev.weighted.difference(other, KINDS[kind](people()), outcome="weeks", covariates=covariates)
        assert one.to_json() == two.to_json()


def test_standard_errors_by_name(design: MatchedDesign) -> None:
    se = {
        name: ev.weighted.difference(design, people(), outcome="weeks", se=name).se
        for name in ("auto", "cluster_set", "robust", "hc3", "hc1")
    }
    assert se["auto"] == se["cluster_set"]
    assert se["robust"] == se["hc3"] > se["hc1"]
    with pytest.raises(ev.errors.UsageError, match="USAGE_NOT_OFFERED"):
        ev.weighted.difference(design, people(), outcome="weeks", se="jackknife")


def test_options_reach_the_design() -> None:
    frame = people().assign(sex=np.tile([0, 1], 60), row=np.arange(120)[::-1])
    found = ev.matching.nearest(
        frame, **PEOPLE, caliper=0.2, caliper_sd="pooled", exact=["sex"], tie_order="row", order="closest", ratio=2
    )
    said = found.facts.conventions
    assert (
        said["caliper_multiple"],
        said["caliper_sd"],
        said["exact"],
        said["tie_order"],
        said["order"],
        said["ratio"],
    ) == (*(0.2, "pooled", "sex", "row", "closest", 2),)
    sex = frame.set_index("person")["sex"]
    assert (sex[found.sets["treated"]].to_numpy() == sex[found.sets["comparison"]].to_numpy()).all()
    again = ev.matching.nearest(frame, **PEOPLE, replace=True)
    assert again.facts.conventions["ties"] == "all averaged"
    assert again.sets["comparison"].duplicated().any()
    assert again.facts.sets == 0
    by_id = ev.matching.nearest(frame, **PEOPLE, tie_order="person")
    assert by_id.design.summary == ev.matching.nearest(frame, **PEOPLE).design.summary


def test_a_design_prints_itself(design: MatchedDesign) -> None:
    text = repr(design)
    for words in ("30 of 30 matched", "30 of 90 matched", "smd_after", "left out: 60 units (comparison)"):
        assert words in text
    assert design._repr_html_().startswith("<pre>")


@pytest.mark.parametrize(
    ("changes", "codes"),
    [
        ({"estimand": "ATO", "distance": "genetic"}, ("USAGE_NOT_OFFERED", "USAGE_NOT_OFFERED")),
        ({"covariates": "age", "unit": None}, ("USAGE_BAD_ARGUMENT", "USAGE_BAD_ARGUMENT")),
        ({"ratio": 0, "scale": "log"}, ("USAGE_BAD_ARGUMENT", "USAGE_BAD_ARGUMENT")),
        ({"replace": True, "order": "closest"}, ("USAGE_BAD_ARGUMENT",)),
        ({"caliper_sd": "pooled"}, ("USAGE_BAD_ARGUMENT",)),
        ({"caliper": float("nan")}, ("USAGE_BAD_ARGUMENT",)),
        ({"covariates": ["agee"]}, ("DATA_MISSING_COLUMN",)),
        ({"covariates": ["agee"], "ratio": -1}, ("USAGE_BAD_ARGUMENT", "DATA_MISSING_COLUMN")),
    ],
)
def test_every_fault_of_a_match_is_told(changes: dict[str, object], codes: tuple[str, ...]) -> None:
    with pytest.raises(ev.errors.EvaltoolError) as caught:
        ev.matching.nearest(people(), **{**PEOPLE, **changes})
    assert sorted(caught.value.codes) == sorted(codes)


def test_the_effect_is_estimated_on_the_units_of_the_design(design: MatchedDesign) -> None:
    with pytest.raises(ev.errors.RunError, match="RUN_OTHER_UNITS"):
        ev.weighted.difference(design, people().iloc[1:], outcome="weeks")
    with pytest.raises(ev.errors.UsageError, match=r"what a function of evaltool\.matching or evaltool"):
        ev.weighted.difference(people(), people(), outcome="weeks")
    with pytest.raises(ev.errors.UsageError, match="not a list of column names"):
        ev.weighted.difference(design, people(), outcome="weeks", covariates="age")
    with pytest.raises(ev.errors.DataError, match="DATA_MISSING_COLUMN"):
        ev.weighted.difference(design, people(), outcome="week")


def test_a_design_cannot_see_an_outcome() -> None:
    """Matching is handed no outcome column: other outcomes change no bit of the design."""
    frame = people()
    other = frame.assign(weeks=np.random.default_rng(9).permutation(frame["weeks"]))
    assert ev.matching.nearest(frame, **PEOPLE).design.summary == ev.matching.nearest(other, **PEOPLE).design.summary
    assert ev.matching.nearest(frame.drop(columns="weeks"), **PEOPLE).facts.sets == 30


@pytest.mark.parametrize("kind", KINDS)
def test_a_synthetic_control_from_every_kind_of_frame(kind: str) -> None:
    frame = towns()
    result = ev.counterfactual.synthetic_control(KINDS[kind](frame), **TOWNS)
    weights = result.weights
    assert list(weights.index) == [f"town {n}" for n in (0, 1, 2, 4, 5, 6, 7)]
    assert weights.sum() == pytest.approx(1.0, abs=1e-12)
    assert (weights >= 0).all()
    wide = frame.pivot(index="Year", columns="Town", values="Nights")  # noqa: PD010 - one value a cell
    control = wide[weights.index] @ weights
    path = result.path
    assert list(path.columns) == ["time", "observed", "counterfactual", "effect", "lower", "upper"]
    assert path["time"].tolist() == list(range(2001, 2015))
    assert path["observed"].to_numpy() == pytest.approx(wide["town 3"].to_numpy())
    assert path["counterfactual"].to_numpy() == pytest.approx(control.to_numpy(), abs=1e-9)
    assert path["effect"].to_numpy() == pytest.approx((wide["town 3"] - control).to_numpy(), abs=1e-9)
    assert result.att == pytest.approx(path["effect"][9:].mean(), abs=1e-10)
    assert result.se is None
    assert path[["lower", "upper"]].isna().all().all()
    assert list(result.placebos["unit"]) == list(weights.index)
    assert result.placebo_p == 1 / 8
    assert result.params["att"] == result.att
    assert result.conf_int(level=0.9).isna().all().all()
    assert "judged by placebos" in repr(result)
    assert result.plot().svg.startswith("<svg")


def test_dates_as_time() -> None:
    frame = towns().assign(Year=lambda d: [date(year, 1, 1) for year in d["Year"]])
    for data in (frame, pl.from_pandas(frame), frame.assign(Year=pd.to_datetime(frame["Year"]))):
        result = ev.counterfactual.synthetic_control(data, **{**TOWNS, "start": date(2010, 1, 1)})
        assert result.att == ev.counterfactual.synthetic_control(towns(), **TOWNS).att
        assert result.path["time"].iloc[0] == "2001-01"


def test_a_column_of_the_callers_is_not_overwritten() -> None:
    frame = towns().assign(**{"first treated": 1})
    for data in (frame, pl.from_pandas(frame)):
        assert ev.counterfactual.synthetic_control(data, **TOWNS).att == pytest.approx(-8, abs=2)
    assert (frame["first treated"] == 1).all()


@pytest.mark.parametrize(
    ("changes", "codes", "words"),
    [
        ({"treated": "Town 3"}, ["USAGE_BAD_ARGUMENT"], "Did you mean 'town 3'"),
        ({"treated": 3, "start": None}, ["USAGE_BAD_ARGUMENT"] * 2, "3 has no start"),
        ({"solver": "newton", "inference": "bootstrap"}, ["USAGE_NOT_OFFERED"] * 2, "newton"),
        ({"predictors": ["income"]}, ["USAGE_BAD_ARGUMENT"], "predictors"),
        ({"time": 3}, ["USAGE_BAD_ARGUMENT"], "not the name of a column"),
        ({"outcome": "nights"}, ["DATA_MISSING_COLUMN"], "Did you mean 'Nights'"),
        ({"unit": "town"}, ["USAGE_BAD_ARGUMENT"], "'town'"),
        ({"start": 2001}, ["DATA_EMPTY_ARM"], "no unit starts after the first"),
    ],
)
@pytest.mark.parametrize("kind", ["pandas", "polars"])
def test_what_a_synthetic_control_cannot_do(
    changes: dict[str, object], codes: list[str], words: str, kind: str
) -> None:
    with pytest.raises(ev.errors.EvaltoolError) as caught:
        ev.counterfactual.synthetic_control(KINDS[kind](towns()), **{**TOWNS, **changes})
    assert list(caught.value.codes) == codes
    assert words in str(caught.value)


def test_what_is_no_frame_is_refused_by_all() -> None:
    for call in (
        lambda: ev.counterfactual.synthetic_control({"Town": []}, **TOWNS),
        lambda: ev.matching.nearest("people.csv", **PEOPLE),
    ):
        with pytest.raises(ev.errors.UsageError, match="USAGE_FRAME"):
            call()
