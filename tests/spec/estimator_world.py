"""Builds requests for designs and estimators from small frames."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Literal

import pandas as pd

from evaltool import registry
from evaltool.reading.frames import FrameRoles, panel_from_frame
from evaltool.records.base import Record, Words, plain, tuples
from evaltool.records.design import Design
from evaltool.records.estimate import Estimate, SecondOpinion
from evaltool.records.evidence import ALL, EstimateKey
from evaltool.records.options import parse_options
from evaltool.records.panel import Panel
from evaltool.records.plan.analysis import Estimand, Inference, Outcome
from evaltool.records.plan.analysis import Estimator as EstimatorTable
from evaltool.records.plan.evaluation_plan import EvaluationPlan
from evaltool.records.plugins import DesignRequest, EstimationRequest


@dataclass(frozen=True)
class Ask:
    """What to estimate on a panel."""

    method: str = "did.group_time"
    options: Mapping[str, object] = field(default_factory=dict)
    aggregation: Literal["simple", "dynamic", "group", "calendar", "none"] = "simple"
    scale: Literal["absolute", "relative"] = "absolute"
    denominator: Literal["counterfactual", "baseline"] | None = None
    cluster: str | None = None
    sides: Literal["two", "one"] = "two"
    level: str = "0.95"
    direction: Literal["increase", "decrease"] = "increase"
    cohort: str = ALL
    outcome: str = "y"


def options_for(ask: Ask) -> Record:
    """The method's options, parsed as a plan's are."""
    return parse_options(registry.estimator(ask.method).options, dict(ask.options), "estimator.options")


def design_for(panel: Panel | None, ask: Ask) -> Design:
    """The method's default design, built from the blinded panel."""
    builder = registry.design(registry.estimator(ask.method).capabilities.designs[0])
    table = EstimatorTable.model_validate({"method": ask.method, "options": tuples(dict(ask.options))})
    plan = EvaluationPlan.model_construct(estimator=table)
    blinded = None if panel is None else panel.blinded()
    return builder.build(DesignRequest(plan=plan, options=builder.options(), panel=blinded))


def request_for(panel: Panel | None, ask: Ask) -> EstimationRequest:
    """The request a pipeline would make."""
    return EstimationRequest(
        key=EstimateKey(outcome=ask.outcome, cohort=ask.cohort),
        outcome=Outcome(
            id=ask.outcome,
            title=Words(en="outcome"),
            direction=ask.direction,
            kind="mean",
            unit=Words(da="dage", en="days"),
            window_from=date(2020, 1, 1),
            window_to=date(2020, 12, 31),
        ),
        estimand=Estimand(
            outcome=ask.outcome, aggregation=ask.aggregation, scale=ask.scale, denominator=ask.denominator
        ),
        inference=Inference.from_json(plain({"level": ask.level, "sides": ask.sides, "cluster": ask.cluster})),
        options=options_for(ask),
        design=design_for(panel, ask),
        panel=panel,
    )


def estimate(panel: Panel | None, ask: Ask) -> Estimate:
    """The estimate."""
    return registry.estimator(ask.method).estimate(request_for(panel, ask))


def again(panel: Panel | None, ask: Ask) -> SecondOpinion:
    """The second computation."""
    second = registry.estimator(ask.method).second_opinion
    assert second is not None
    return second(request_for(panel, ask))


def staggered(
    frame: pd.DataFrame,
    *,
    covariates: tuple[str, ...] = (),
    cluster: str | None = None,
    weight: str | None = None,
    never: str | None = None,
) -> Panel:
    """A panel from columns ``unit``, ``time``, ``g`` and ``y``."""
    return panel_from_frame(
        frame,
        FrameRoles(
            unit="unit",
            time="time",
            outcome="y",
            first_treated="g",
            covariates=covariates,
            cluster=cluster,
            weight=weight,
            never=never,
        ),
    )


def sim_stagg() -> pd.DataFrame:
    """Our own seeded simulation: 200 units, 10 periods, starts 4, 6, 8 and never (0), one covariate."""
    return pd.read_csv(Path(__file__).resolve().parent.parent / "data" / "sim_stagg.csv")


def long(starts: Mapping[str, float], outcomes: Mapping[str, list[float]]) -> pd.DataFrame:
    """A frame from each unit's start (0: never) and its outcomes in periods 1, 2, …"""
    return pd.DataFrame(
        [
            {"unit": unit, "time": t, "g": int(starts[unit]), "y": value}
            for unit, values in outcomes.items()
            for t, value in enumerate(values, start=1)
        ]
    )
