"""Fifty orders of rows and columns: one result of every design by matching or weighting, byte for byte, ties or not.

A design sees nothing but the panel, and fifty orders give one panel to the last byte; a few of them are taken through
every design besides.
"""

from __future__ import annotations

import hashlib

import numpy as np
import pandas as pd
import pytest
from matched_worlds import cross_section

from evaltool import registry
from evaltool.reading.frames import FrameRoles, panel_from_frame
from evaltool.records.design import Design
from evaltool.records.plugins import DesignPlugin, DesignRequest

ORDERS, BUILT = 50, 4
OPTIONS: dict[str, dict[str, object]] = {
    "matching.nearest": {"ratio": 2},
    "matching.optimal": {"distance": "mahalanobis"},
    "matching.full": {},
    "matching.exact": {},
    "matching.coarsened_exact": {"bins": {"a": 2, "b": 2}, "pairs": True},
    "matching.subclass": {"subclasses": 2},
    "weighting.inverse_propensity": {"estimand": "ATE"},
    "weighting.entropy_balancing": {},
    "weighting.covariate_balancing": {},
    "weighting.stable": {"tolerance": "0.1"},
}
ROLES = FrameRoles(unit="unit", outcome=None, treated="treated", covariates=("a", "b"))


def test_every_design_is_here() -> None:
    names = {name for name in registry.design_names() if name.startswith(("matching.", "weighting."))}
    assert names == set(OPTIONS)


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    """Nine treated and 15 others with few different values, so that many are tied; ids that sort as text."""
    made = cross_section(3, 9, 15, discrete=True).rename(columns={"x.a": "a", "x.b": "b"})
    return made.drop(columns=["weight", "y.y"]).assign(unit=[f"u{i}" for i in range(24)])


def digest(frame: pd.DataFrame, plugin: DesignPlugin) -> str:
    """Everything the design is: weights, pairs, summary and ledger."""
    options = plugin.options.model_validate({"covariates": ("a", "b"), **OPTIONS[plugin.name]})
    made: Design = plugin.build(DesignRequest(plan=None, options=options, panel=panel_from_frame(frame, ROLES)))  # type: ignore[arg-type]
    assert made.weights is not None
    parts = [made.weights.to_csv(), made.summary.model_dump_json(), made.ledger.model_dump_json()]
    parts += [] if made.pairs is None else [made.pairs.to_csv()]
    return hashlib.sha256("".join(parts).encode()).hexdigest()


def orders(frame: pd.DataFrame, count: int) -> list[pd.DataFrame]:
    """The frame in ``count`` orders of rows and columns."""
    r = np.random.default_rng(5)
    return [frame.iloc[r.permutation(len(frame)), r.permutation(frame.shape[1])] for _ in range(count)]


def test_fifty_orders_give_one_panel(frame: pd.DataFrame) -> None:
    panels = [panel_from_frame(one, ROLES) for one in orders(frame, ORDERS)]
    assert len({(one.frame.to_csv(), str(one.frame.dtypes.to_dict()), one.identity.fingerprint) for one in panels}) == 1


@pytest.mark.parametrize("name", sorted(OPTIONS))
def test_every_design_is_the_same(frame: pd.DataFrame, name: str) -> None:
    assert len({digest(one, registry.design(name)) for one in orders(frame, BUILT)}) == 1
