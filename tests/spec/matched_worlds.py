"""Builders for matching and synthetic control tests: frames, panels and requests without a plan file."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd

from evaltool.records.base import Record, Words
from evaltool.records.design import Design
from evaltool.records.estimate import Estimate
from evaltool.records.evidence import EstimateKey
from evaltool.records.panel import DataIdentity, Panel
from evaltool.records.plan.analysis import Estimand, Inference, Outcome
from evaltool.records.plugins import DesignPlugin, DesignRequest, EstimationRequest, EstimatorPlugin

OUTCOME = Outcome(
    id="y",
    title=Words(en="Outcome"),
    direction="increase",
    kind="mean",
    unit=Words(en="units"),
    window_from=date(2020, 1, 1),
    window_to=date(2020, 12, 31),
)


def panel_of(frame: pd.DataFrame) -> Panel:
    """A panel in canonical order: sorted by unit and, where there is one, period."""
    keys = ["unit", "period"] if "period" in frame else ["unit"]
    ordered = frame.sort_values(keys).reset_index(drop=True)
    identity = DataIdentity(
        source="test",
        fingerprint="0",
        rows=len(frame),
        units=int(frame["unit"].nunique()),
        periods=(),
        never_coding="none",
        columns=(),
    )
    return Panel(frame=ordered, identity=identity)


def built(plugin: DesignPlugin, options: Record, panel: Panel) -> Design:
    """The design, from a panel whose outcomes are hidden as the corridor hides them."""
    return plugin.build(DesignRequest(plan=None, options=options, panel=panel.blinded()))  # type: ignore[arg-type]


def asked(
    options: Record,
    design: Design,
    panel: Panel | None,
    *,
    estimand: Estimand | None = None,
    inference: Inference | None = None,
) -> EstimationRequest:
    """A request for the effect on outcome ``y``."""
    return EstimationRequest(
        key=EstimateKey(outcome="y"),
        outcome=OUTCOME,
        estimand=estimand or Estimand(outcome="y"),
        inference=inference or Inference(),
        options=options,
        design=design,
        panel=panel,
    )


def estimated(plugin: EstimatorPlugin, options: Record, design: Design, panel: Panel) -> Estimate:
    """The effect on outcome ``y``."""
    return plugin.estimate(asked(options, design, panel))


def cross_section(seed: int, treated: int = 30, comparison: int = 80, *, discrete: bool = False) -> pd.DataFrame:
    """A cross-section with two covariates and a true effect of 2; ``discrete`` covariates make many ties."""
    r = np.random.default_rng(seed)
    n = treated + comparison
    d = np.arange(n) < treated
    x = r.normal(size=(n, 2)) + 0.5 * d[:, None]
    x = np.rint(x) if discrete else x
    y = x.sum(axis=1) + 2.0 * d + r.normal(size=n)
    return pd.DataFrame({"unit": np.arange(n), "treated": d, "weight": 1.0, "x.a": x[:, 0], "x.b": x[:, 1], "y.y": y})
