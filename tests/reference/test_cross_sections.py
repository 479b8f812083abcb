"""Two-period effects on repeated cross-sections against R DRDID 1.2.3; influence against its definition.

R's doubly robust standard error adds the influence of the comparison regression before the start with the sign of the
one after. Ours is the derivative of the effect by each row's weight, which the test takes numerically; with R's sign
our number is R's to 1e-9. The effect itself does not depend on it.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from drdid_sign import with_the_sign_of_r

from evaltool.errors import RunError
from evaltool.numerics.cross_sections import CrossSections, cross_section_contrast
from evaltool.numerics.inference import influence_se
from evaltool.numerics.regression import Regressors

NAMES = ("x1", "x2", "x3", "x4")


@pytest.fixture(scope="module")
def numbers(reference: Path) -> dict[str, Any]:
    return {e["id"]: e["results"] for e in json.loads((reference / "numbers" / "did_other.json").read_text("utf-8"))}


@pytest.fixture(scope="module")
def data(reference: Path) -> CrossSections:
    frame = pd.read_csv(reference / "data" / "drdid_sim_rc.csv")
    matrix = np.column_stack([np.ones(len(frame)), frame[list(NAMES)]])
    return CrossSections(
        outcome=frame["y"].to_numpy(dtype=float),
        treated=frame["d"].to_numpy() == 1,
        after=frame["post"].to_numpy() == 1,
        weights=np.ones(len(frame)),
        regressors=Regressors(matrix, ("constant", *NAMES), "the simulation"),
    )


@pytest.mark.parametrize(
    ("entry", "method", "tolerance"), [("ordid_rc", "reg", 1e-12), ("ipwdid_rc_norm", "ipw", 1e-8)]
)
def test_regression_and_weighting(
    entry: str, method: str, tolerance: float, numbers: dict[str, Any], data: CrossSections
) -> None:
    found = cross_section_contrast(data, method)  # type: ignore[arg-type]
    assert found.att == pytest.approx(numbers[entry]["att"], rel=tolerance)
    assert influence_se(found.influence) == pytest.approx(numbers[entry]["se"], rel=tolerance)


def test_doubly_robust(numbers: dict[str, Any], data: CrossSections, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = numbers["drdid_rc_trad"]
    found = cross_section_contrast(data, "dr")
    assert found.att == pytest.approx(expected["att"], rel=1e-8)
    assert influence_se(found.influence) == pytest.approx(expected["se"], rel=0.01)
    with_the_sign_of_r(monkeypatch)
    assert influence_se(cross_section_contrast(data, "dr").influence) == pytest.approx(expected["se"], rel=1e-9)


@pytest.mark.parametrize("method", ["reg", "ipw", "dr"])
@pytest.mark.parametrize("covariates", [True, False])
def test_influence_is_the_derivative_by_each_weight(method: str, data: CrossSections, *, covariates: bool) -> None:
    asked = data if covariates else replace(data, regressors=None)
    found = cross_section_contrast(asked, method)  # type: ignore[arg-type]
    n, step = data.weights.shape[0], 1e-5
    for row in range(0, n, 97):
        ends = []
        for change in (step, -step):
            weights = data.weights.copy()
            weights[row] += change
            ends.append(cross_section_contrast(replace(asked, weights=weights), method).att)  # type: ignore[arg-type]
        numeric = (ends[0] - ends[1]) / (2 * step) * n
        assert numeric == pytest.approx(found.influence[row], abs=1e-4 * float(np.std(found.influence)))
    assert abs(float(np.mean(found.influence))) < 1e-9 * float(np.std(found.influence))


def test_without_covariates_it_is_four_means(data: CrossSections) -> None:
    y, d, t = data.outcome, data.treated, data.after
    by_hand = (y[d & t].mean() - y[d & ~t].mean()) - (y[~d & t].mean() - y[~d & ~t].mean())
    for method in ("reg", "ipw", "dr"):
        found = cross_section_contrast(replace(data, regressors=None), method)  # type: ignore[arg-type]
        assert found.att == pytest.approx(float(by_hand), rel=1e-12)


def test_collinear_covariates_are_named(data: CrossSections) -> None:
    assert data.regressors is not None
    doubled = np.column_stack([data.regressors.matrix, 2.0 * data.regressors.matrix[:, 1]])
    asked = replace(data, regressors=Regressors(doubled, ("constant", *NAMES, "twice"), "the simulation"))
    for method in ("reg", "ipw", "dr"):
        with pytest.raises(RunError, match="twice") as caught:
            cross_section_contrast(asked, method)  # type: ignore[arg-type]
        assert caught.value.codes == ("RUN_COLLINEAR",)
