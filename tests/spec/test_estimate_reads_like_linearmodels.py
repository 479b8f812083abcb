"""An estimate under linearmodels' names: the numbers linearmodels gives, levels never relabelled, absence said."""

from __future__ import annotations

import math
from pathlib import Path
from typing import get_args

import numpy as np
import pandas as pd
import pytest
from linearmodels.panel import PanelOLS
from scipy import stats

from evaltool.errors import UsageError
from evaltool.numerics.inference import InferenceRule, infer
from evaltool.records.estimate import AbsentReason, Counts, Element, Estimate, Interval, Relative, SeriesPoint
from evaltool.records.evidence import EstimateKey
from evaltool.records.showing import REASONS, Picture, Summary

COUNTS = Counts(treated=3, comparison=4, observations=14, clusters=7)


def make(**changes: object) -> Estimate:
    """An estimate whose interval really is the inversion of its test."""
    level, sides, df = changes.pop("level", 0.95), changes.pop("sides", "two"), changes.get("df")
    found = infer(-0.5, 0.2, InferenceRule(level=level, sides=sides, df=df))
    fields: dict[str, object] = {
        "key": EstimateKey(outcome="absence"),
        "method": "did.group_time",
        "kind": "effect",
        "estimand": "ATT (simple)",
        "unit": "days",
        "att": -0.5,
        "se": 0.2,
        "interval": Interval(lower=found.lower, upper=found.upper, level=level),
        "p_value": found.p_value,
        "statistic": found.statistic,
        "counts": COUNTS,
        "conventions": {"se": "influence function", "df": df, "factor": 1.25},
    }
    return Estimate.model_validate(fields | changes)


def bare(**changes: object) -> Estimate:
    fields = {"se": None, "absent": "SYNTHETIC_CONTROL", "interval": None, "p_value": None, "statistic": None}
    return make(**{**fields, **changes})


def test_every_name_gives_its_number() -> None:
    estimate = make(df=12.0)
    assert estimate.params["att"] == -0.5
    assert estimate.std_errors["att"] == estimate.bse["att"] == 0.2
    assert estimate.tstats["att"] == estimate.tvalues["att"] == -2.5
    assert estimate.pvalues["att"] == pytest.approx(2 * stats.t(12).cdf(-2.5), rel=1e-13)
    assert estimate.cov.loc["att", "att"] == 0.2**2
    assert (estimate.nobs, estimate.df_resid) == (14, 12.0)
    assert math.isinf(make().df_resid)


def test_the_names_are_linearmodels_own() -> None:
    """The same attributes, types and labels on a real linearmodels result, so that code works on either."""
    r = np.random.default_rng(1)
    index = pd.MultiIndex.from_product([range(8), range(4)])
    data = pd.DataFrame({"d": r.normal(size=32), "y": r.normal(size=32)}, index=index)
    theirs = PanelOLS(data["y"], data[["d"]]).fit()
    ours = make(df=12.0)
    for name in ("params", "std_errors", "tstats", "pvalues", "cov", "nobs", "df_resid"):
        one, other = getattr(theirs, name), getattr(ours, name)
        assert isinstance(other, pd.Series | pd.DataFrame) == isinstance(one, pd.Series | pd.DataFrame), name
        if isinstance(one, pd.Series):
            assert other.name == one.name
            assert other.dtype == one.dtype
    assert list(theirs.conf_int().columns) == list(ours.conf_int().columns) == ["lower", "upper"]
    assert str(theirs.summary)
    assert str(ours.summary)


def test_the_interval_is_the_one_linearmodels_prints() -> None:
    """Effect, standard error and degrees of freedom of a linearmodels fit give its interval at every level."""
    r = np.random.default_rng(2)
    index = pd.MultiIndex.from_product([range(8), range(4)])
    data = pd.DataFrame({"d": r.normal(size=32), "y": r.normal(size=32)}, index=index)
    theirs = PanelOLS(data["y"], data[["d"]]).fit()
    att, se, df = float(theirs.params["d"]), float(theirs.std_errors["d"]), float(theirs.df_resid)
    found = infer(att, se, InferenceRule(level=0.95, df=df))
    ours = make(
        att=att, se=se, df=df, interval=Interval(lower=found.lower, upper=found.upper, level=0.95),
        p_value=found.p_value, statistic=found.statistic,
    )  # fmt: skip
    assert ours.pvalues["att"] == pytest.approx(theirs.pvalues["d"], rel=1e-10)
    for level in (0.5, 0.9, 0.95, 0.999):
        expected = theirs.conf_int(level=level).loc["d"]
        assert ours.conf_int(level=level).loc["att"].tolist() == pytest.approx(expected.tolist(), rel=1e-10)


def test_the_own_level_is_the_own_interval_to_the_bit() -> None:
    estimate = make()
    own = estimate.interval
    assert own is not None
    for found in (estimate.conf_int(), estimate.conf_int(level=0.95)):
        assert found.loc["att"].tolist() == [own.lower, own.upper]


@pytest.mark.parametrize("df", [None, 5.0])
@pytest.mark.parametrize("own", [0.8, 0.95])
@pytest.mark.parametrize("wanted", [0.5, 0.9, 0.99])
def test_another_level_is_computed_not_relabelled(df: float | None, own: float, wanted: float) -> None:
    law = stats.norm if df is None else stats.t(df)
    reach = 0.2 * law.ppf(0.5 + wanted / 2)
    found = make(df=df, level=own).conf_int(level=wanted).loc["att"]
    assert found.tolist() == pytest.approx([-0.5 - reach, -0.5 + reach], abs=1e-12)


def test_a_one_sided_interval_stays_one_sided() -> None:
    reach = 0.2 * stats.norm.ppf(0.9)
    assert make(sides="one").conf_int(level=0.9).loc["att"].tolist() == pytest.approx([-0.5 - reach, -0.5 + reach])


def test_a_published_interval_has_one_level_only() -> None:
    published = make(interval=Interval(lower=-0.93, upper=-0.1, level=0.95))
    assert published.conf_int(level=0.95).loc["att"].tolist() == [-0.93, -0.1]
    with pytest.raises(UsageError, match="taken as published"):
        published.conf_int(level=0.9)


@pytest.mark.parametrize("level", [0.05, 0.1, 0.499, 0.0, -0.95, 1.0, 95, 5, float("nan"), True])
@pytest.mark.parametrize("with_error", [True, False])
def test_a_level_below_one_half_is_a_mistake(level: float, *, with_error: bool) -> None:
    with pytest.raises(UsageError, match=r"0\.95 means 95 %, and nothing below 0\.5 is taken") as caught:
        (make() if with_error else bare()).conf_int(level=level)
    assert caught.value.codes == ("USAGE_LEVEL",)
    assert ("write level=0.95" in str(caught.value)) == (level == 0.05)


def test_the_level_is_keyword_only() -> None:
    with pytest.raises(TypeError):
        make().conf_int(0.05)


def test_without_a_standard_error_nothing_is_invented() -> None:
    estimate = bare()
    for numbers in (estimate.std_errors, estimate.tstats, estimate.pvalues, estimate.cov["att"]):
        assert np.isnan(numbers["att"])
    assert np.isnan(estimate.df_resid)
    assert estimate.conf_int(level=0.9).isna().all().all()
    assert estimate.conf_int().isna().all().all()
    assert "No standard error: a synthetic control is judged by placebos." in str(estimate.summary)


def test_a_standard_error_without_an_interval_still_has_one() -> None:
    lone = make(interval=None, p_value=None)
    reach = 0.2 * stats.norm.ppf(0.975)
    assert lone.conf_int().loc["att"].tolist() == pytest.approx([-0.5 - reach, -0.5 + reach])
    assert np.isnan(lone.pvalues["att"])


@pytest.mark.parametrize("kind", ["verified_count", "change"])
def test_what_is_no_effect_is_not_called_one(kind: str) -> None:
    estimate = make(kind=kind)
    assert list(estimate.params.index) == list(estimate.conf_int().index) == list(estimate.to_frame().index) == [kind]
    assert f"\n{kind}" in str(estimate.summary)


def test_results_can_be_put_below_one_another() -> None:
    both = pd.concat([make().to_frame(), bare().to_frame()])
    first, second = both["se"]
    assert first == 0.2
    assert np.isnan(second)
    row = make(df=9.0).to_frame().iloc[0]
    assert (row["outcome"], row["method"], row["att"], row["tstat"], row["level"], row["df"]) == (
        *("absence", "did.group_time", -0.5, -2.5, 0.95, 9.0),
    )
    assert (row["n_treated"], row["n_comparison"], row["nobs"]) == (3, 4, 14)


def element(kind: str, place: int, **more: object) -> Element:
    fields = {"kind": kind, "element": place, "label": str(place), "att": 0.1 * place}
    return Element.model_validate(fields | more)


def test_elements_follow_the_average() -> None:
    parts = {
        "path": (element("event", -1, reference=True), element("event", 0, se=0.2, n_treated=2)),
        "groups": (element("group", 2),),
        "calendar": (element("calendar", 3),),
        "cells": (element("cell", 3, group=2, label="March", n_treated=2, n_comparison=5),),
        "series": (SeriesPoint(arm="comparison", period=2, label="February", mean=1.0, units=2),),
    }
    assert list(make(**parts).by["element"]) == [-1, 0]
    assert list(make(**parts).by["reference"]) == [True, False]
    assert make(**parts).by["n_treated"].isna().tolist() == [True, False]
    assert list(make(**parts, estimand="ATT (group)").by["element"]) == ["February"]
    assert list(make(**parts, estimand="ATT (calendar)").by["element"]) == ["March"]
    cell = make(**parts).att_gt.iloc[0]
    assert (cell["group"], cell["time"], cell["n_comparison"]) == ("February", "March", 5)


@pytest.mark.parametrize("name", ["att_gt", "by"])
def test_a_table_the_method_does_not_make_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match="USAGE_NO_ELEMENTS"):
        getattr(make(), name)


def test_the_summary_says_what_the_record_holds() -> None:
    relative = Relative(
        value=-0.1, se=0.04, interval=Interval(lower=-0.18, upper=-0.02, level=0.95), p_value=0.01,
        denominator="counterfactual", denominator_value=5.0,
    )  # fmt: skip
    path = (element("event", -1, reference=True), element("event", 0, se=0.2, p_value=0.5))
    estimate = make(
        relative=relative, path=path, notes=("few_treated_clusters",), source="Author 2021, table 2", level=0.9
    )
    text = str(estimate.summary)
    for words in (
        *("did.group_time", "ATT (simple)", "absence", "days", "Lower 90%", "-2.5000", "0.0124"),
        *("divided by the counterfactual mean of the treated, 5", "(reference)", "few_treated_clusters"),
        *("se: influence function", "factor: 1.25", "source: Author 2021, table 2"),
    ):
        assert words in text
    assert "df:" not in text
    assert max(map(len, text.splitlines())) <= 90
    assert repr(estimate.summary) == text
    assert isinstance(estimate.summary, Summary)


def test_a_notebook_shows_the_summary_as_text() -> None:
    page = make(unit="<b>days</b> & nights").summary._repr_html_()
    assert page.startswith("<pre>")
    assert "&lt;b&gt;days&lt;/b&gt; &amp; nights" in page


@pytest.mark.parametrize(("value", "shown"), [(1234567.8, "1,234,568"), (0.000123456, "0.00012346"), (3e15, "3e+15")])
def test_figures_are_written_to_be_read(value: float, shown: str) -> None:
    assert shown in str(bare(att=value).summary)


@pytest.mark.parametrize("lang", ["da", "en"])
def test_the_picture_is_the_event_study_or_the_effect(lang: str, tmp_path: Path) -> None:
    path = (element("event", -1, reference=True), element("event", 0, se=0.2))
    study, effect, none = make(path=path).plot(lang=lang), make().plot(lang=lang), bare().plot(lang=lang)
    for picture in (study, effect, none):
        assert isinstance(picture, Picture)
        assert picture._repr_svg_().startswith("<svg")
        assert picture.caption in repr(picture)
    assert len({study.svg, effect.svg, none.svg}) == 3
    assert study.save(tmp_path / "study.svg").read_text(encoding="utf-8") == study.svg
    assert make().plot(lang=lang).svg == effect.svg


def test_only_a_drawing_becomes_a_picture() -> None:
    with pytest.raises(TypeError, match="int is no drawing"):
        Picture.of(3)


def test_an_estimate_without_its_record_cannot_be_read() -> None:
    from evaltool.records.readable import Readable  # noqa: PLC0415 - the bare class is of interest here only

    with pytest.raises(NotImplementedError):
        _ = Readable().params


def test_every_reason_for_no_standard_error_is_a_phrase() -> None:
    assert set(REASONS) == set(get_args(AbsentReason))
