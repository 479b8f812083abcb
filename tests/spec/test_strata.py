"""Designs by strata: weights by hand, refusals, invariance, lost units, and the direct road."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from matched_worlds import asked, built, cross_section, panel_of
from pydantic import ValidationError

import evaltool as ev
from evaltool import registry
from evaltool.errors import RunError
from evaltool.estimators.weighted.difference import PLUGIN as DIFFERENCE
from evaltool.estimators.weighted.difference import DifferenceOptions
from evaltool.numerics.distinct import row_codes
from evaltool.numerics.strata import cut, stratum_weights, subclasses
from evaltool.records.design import Design


def made(frame: pd.DataFrame, method: str, **options: object) -> Design:
    plugin = registry.design(f"matching.{method}")
    return built(plugin, plugin.options.model_validate({"covariates": ("a", "b"), **options}), panel_of(frame))


WEIGHTS = [
    # stratum 1: 1 treated, 2 comparison; stratum 2: 2 treated, 1 comparison; stratum 3: comparison alone
    # ATT: comparison 1/2, 1/2, 2 sum to 3 over three units: average 1 already
    ("ATT", [1, 0.5, 0.5, 1, 1, 2, 0]),
    ("ATC", [2, 1, 1, 0.5, 0.5, 1, 0]),
    # ATE: treated 3/1, 3/2, 3/2 sum to 6, halved; comparison 3/2, 3/2, 3/1 sum to 6, halved
    ("ATE", [1.5, 0.75, 0.75, 0.75, 0.75, 1.5, 0]),
]


@pytest.mark.parametrize(("target", "wanted"), WEIGHTS)
def test_weights_by_hand(target: str, wanted: list[float]) -> None:
    treated = np.array([True, False, False, True, True, False, False])
    found = stratum_weights(np.array([1, 1, 1, 2, 2, 2, 3]), treated, target)  # type: ignore[arg-type]
    assert found.tolist() == pytest.approx(wanted)


def test_cuts_by_hand() -> None:
    x = np.array([0.0, 1.0, 2.0, 3.0, 4.0])
    assert cut(x, 2).tolist() == [0, 0, 1, 1, 1]
    assert cut(x, (1.0, 3.5)).tolist() == [0, 1, 1, 1, 2]
    assert cut(x, None).tolist() == [0, 1, 2, 3, 3]  # Sturges: ⌈log₂ 5 + 1⌉ = 4 bins of width 1, the top one closed


def test_an_empty_subclass_takes_the_nearest_from_its_neighbour() -> None:
    """Treated scores 1 … 4 cut at their median 2.5; the comparison units all lie above: the lowest moves down."""
    score = np.array([1.0, 2.0, 3.0, 4.0, 5.0, 6.0])
    treated = np.array([True, True, True, True, False, False])
    assert subclasses(score, treated, "ATT", (2, 1, np.arange(6))).tolist() == [1, 1, 2, 2, 1, 2]
    with pytest.raises(ValueError, match="cannot fill 3 subclasses"):
        subclasses(score, treated, "ATT", (3, 1, np.arange(6)))


@pytest.mark.parametrize(
    ("method", "options"),
    [("exact", {}), ("coarsened_exact", {"bins": {"a": 3, "b": 2}}), ("subclass", {"subclasses": 4, "fewest": 2})],
)
@pytest.mark.parametrize("estimand", ["ATT", "ATC", "ATE"])
def test_rows_in_any_order_and_two_computations(method: str, options: dict[str, object], estimand: str) -> None:
    frame = cross_section(21, 60, 120, discrete=True)
    design = made(frame, method, estimand=estimand, **options)
    assert made(frame.sample(frac=1.0, random_state=3), method, estimand=estimand, **options).summary == design.summary
    plain = frame.rename(columns={"x.a": "a", "x.b": "b", "y.y": "y"})
    roles = {"treatment": "treated", "covariates": ["a", "b"], "unit": "unit"}
    direct = getattr(ev.matching, method)(plain, **roles, estimand=estimand, **options)
    assert direct.facts == design.summary.matching
    assert ev.weighted.difference(direct, plain, outcome="y").estimand == direct.estimand


def test_who_is_alone_goes_to_the_ledger_and_renames_the_estimand() -> None:
    frame = cross_section(22, 20, 40, discrete=True)
    frame.loc[0, "x.a"] = 50.0
    design = made(frame, "exact")
    assert design.summary.matching is not None
    assert design.summary.matching.estimand == "ATT among the matched treated"
    assert "0" in {member for e in design.ledger.entries if e.arm == "treated" for member in e.members}
    with pytest.raises(RunError, match="RUN_TREATED_UNMATCHED"):
        made(frame, "exact", unmatched_treated="refuse")
    found = DIFFERENCE.estimate(asked(DifferenceOptions(), design, panel_of(frame)))
    assert "estimand_changed" in found.notes


def test_refusals() -> None:
    with pytest.raises(RunError, match="RUN_NO_MATCH"):
        made(cross_section(23), "exact")
    with pytest.raises(RunError, match="cannot fill 40 subclasses"):
        made(cross_section(24), "subclass", subclasses=40)
    for options, said in (
        ({"bins": {"c": 2}}, "is cut but is no covariate"),
        ({"bins": {"a": 2}, "cutpoints": {"a": (Decimal(1),)}}, "both a number of bins and cut points"),
        ({"bins": {"a": 0}}, "at least one bin"),
    ):
        with pytest.raises(ValidationError, match=said):
            made(cross_section(25), "coarsened_exact", **options)


def test_rows_are_coded_as_numpy_orders_them() -> None:
    r = np.random.default_rng(1)
    for table in (r.integers(-3, 4, (200, 3)), r.normal(size=(50, 2)).round(1), np.array([[0.0, 1.0], [-0.0, 1.0]])):
        codes = np.unique(table + 0.0, axis=0, return_inverse=True)[1].reshape(-1)
        assert row_codes(table).tolist() == codes.tolist()
