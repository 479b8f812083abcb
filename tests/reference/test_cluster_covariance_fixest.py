"""Covariances under every small-sample choice against R fixest 0.14.2, relative 1e-8."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from evaltool.numerics.cluster_covariance import LeastSquares, SmallSample, cr1, hc1, least_squares, two_way
from evaltool.numerics.inference import InferenceRule, infer
from evaltool.numerics.regression import Regressors

TERMS = ("(Intercept)", "treated", "post", "treated:post")


@pytest.fixture(scope="module")
def entries(reference: Path) -> dict[str, dict[str, Any]]:
    found = json.loads((reference / "numbers" / "fixest.json").read_text("utf-8"))
    return {entry["id"]: entry["results"] for entry in found}


@pytest.fixture(scope="module")
def data(reference: Path) -> pd.DataFrame:
    return pd.read_csv(reference / "data" / "sim_2x2.csv")


def pooled(data: pd.DataFrame, weights: np.ndarray | None = None) -> LeastSquares:
    d, p = data["treated"].to_numpy(float), data["post"].to_numpy(float)
    matrix = np.column_stack([np.ones(len(data)), d, p, d * p])
    return least_squares(Regressors(matrix, ("constant", *TERMS[1:]), "sim_2x2"), data["y"].to_numpy(float), weights)


def within(data: pd.DataFrame, unit: str, time: str, names: tuple[str, str]) -> LeastSquares:
    """Unit and time effects taken out of a balanced panel by subtracting means."""

    def out(name: str) -> np.ndarray:
        v = data[name].astype(float)
        means = v.groupby(data[unit]).transform("mean") + v.groupby(data[time]).transform("mean") - v.mean()
        return (v - means).to_numpy()

    return least_squares(Regressors(out(names[0])[:, None], (names[0],), "the panel"), out(names[1]))


def codes(column: pd.Series[Any]) -> np.ndarray:
    return pd.factorize(column, sort=True)[0].astype(np.int64)


def agree(covariance: np.ndarray, df: float, coefficients: np.ndarray, expected: dict[str, Any]) -> None:
    for j, (name, se) in enumerate(expected["se"].items()):
        assert float(np.sqrt(covariance[j, j])) == pytest.approx(se, rel=1e-8)
        found = infer(float(coefficients[j]), float(np.sqrt(covariance[j, j])), InferenceRule(level=0.95, df=df))
        assert (found.lower, found.upper) == pytest.approx(tuple(expected["ci95"][name]), rel=1e-8)
        assert found.p_value == pytest.approx(expected["p"][name], rel=1e-6)


CLUSTERED = {
    "cl_unit": ("unit", SmallSample(parameters=4, groups="own")),
    "cl_cl": ("cl", SmallSample(parameters=4, groups="own")),
    "cl_unit_nossc": ("unit", SmallSample()),
    "cl_unit_full": ("unit", SmallSample(parameters=4, groups="own")),
    "cl_unit_nonnested": ("unit", SmallSample(parameters=4, groups="own")),
    "cl_unit_none": ("unit", SmallSample(parameters=4, groups="own")),
}


@pytest.mark.parametrize("name", CLUSTERED)
def test_pooled(name: str, data: pd.DataFrame, entries: dict[str, dict[str, Any]]) -> None:
    column, small = CLUSTERED[name]
    fit = pooled(data)
    found = cr1(fit, codes(data[column]), small)
    agree(found.covariance, found.df, fit.coefficients, entries[f"fixest_2x2_{name}"])


def test_pooled_heteroskedastic_two_way_and_weighted(data: pd.DataFrame, entries: dict[str, dict[str, Any]]) -> None:
    fit = pooled(data)
    agree(hc1(fit, 4), 476.0, fit.coefficients, entries["fixest_2x2_hc1"])
    small = SmallSample(parameters=4, groups="smallest")
    both = two_way(fit, codes(data["unit"]), codes(data["time"]), small)
    agree(both.covariance, both.df, fit.coefficients, entries["fixest_2x2_twoway_unit_time"])
    weighted = pooled(data, data["wt"].to_numpy(float))
    found = cr1(weighted, codes(data["unit"]), SmallSample(parameters=4, groups="own"))
    agree(found.covariance, found.df, weighted.coefficients, entries["fixest_2x2_wls_cl"])


TWFE = {
    "cl_unit": ("unit", 9),
    "cl_cl": ("cl", 9),
    "cl_unit_nossc": ("unit", None),
    "cl_unit_full": ("unit", 68),
    "cl_unit_nonnested": ("unit", 9),
    "cl_unit_none": ("unit", 1),
}


@pytest.mark.parametrize("name", TWFE)
def test_two_way_effects_and_which_of_them_are_counted(
    name: str, data: pd.DataFrame, entries: dict[str, dict[str, Any]]
) -> None:
    column, parameters = TWFE[name]
    fit = within(data, "unit", "time", ("d", "y"))
    small = SmallSample(parameters=parameters, groups="none" if parameters is None else "own")
    found = cr1(fit, codes(data[column]), small)
    agree(found.covariance, found.df, fit.coefficients, entries[f"fixest_twfe_{name}"])


def test_two_way_effects_heteroskedastic_and_two_way(data: pd.DataFrame, entries: dict[str, dict[str, Any]]) -> None:
    fit = within(data, "unit", "time", ("d", "y"))
    agree(hc1(fit, 68), 412.0, fit.coefficients, entries["fixest_twfe_hc1"])
    small = SmallSample(parameters=2, groups="smallest")
    both = two_way(fit, codes(data["unit"]), codes(data["time"]), small)
    agree(both.covariance, both.df, fit.coefficients, entries["fixest_twfe_twoway_unit_time"])


def test_minimum_wages(reference: Path, entries: dict[str, dict[str, Any]]) -> None:
    frame = pd.read_csv(reference / "data" / "mpdta.csv")
    frame["w"] = (frame["first.treat"] > 0) & (frame["year"] >= frame["first.treat"])
    fit = within(frame, "countyreal", "year", ("w", "lemp"))
    found = cr1(fit, codes(frame["countyreal"]), SmallSample(parameters=6, groups="own"))
    agree(found.covariance, found.df, fit.coefficients, entries["twfe_mpdta"])
