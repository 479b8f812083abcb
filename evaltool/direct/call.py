"""A call with a frame and column names becomes the tables a plan would have stated, and is computed as a plan is."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from typing import Literal, TypeVar

import pandas as pd

from evaltool import registry
from evaltool.errors import EvaltoolError, Fault, Place, PlanError, UsageError
from evaltool.pipeline.estimates import build_design, request_for
from evaltool.pipeline.estimates import estimated as pipeline_estimated
from evaltool.pipeline.prepare import Method
from evaltool.reading.frames import ArrowFrame, FrameRoles, panel_from_frame
from evaltool.records.base import Words
from evaltool.records.design import Design
from evaltool.records.estimate import Estimate
from evaltool.records.evidence import EstimateKey
from evaltool.records.options import parse_options
from evaltool.records.panel import Panel
from evaltool.records.plan.analysis import Design as DesignTable
from evaltool.records.plan.analysis import Estimand, Inference, Option, Outcome
from evaltool.records.plan.analysis import Estimator as EstimatorTable
from evaltool.records.plan.evaluation_plan import EvaluationPlan
from evaltool.records.plugins import EstimationRequest

Frame = pd.DataFrame | ArrowFrame
"""pandas, polars, pyarrow, or anything else with the Arrow interface."""
NO_WINDOW = (date(1900, 1, 1), date(2199, 12, 31))
"""A direct call states no window; nothing it uses reads one."""
Target = Literal["ATT", "ATC", "ATE", "ATO", "ATM"]
NOTHING: Mapping[str, Option] = {}
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Call:
    """What one call states. ``name`` is the function as the caller writes it, for messages."""

    name: str
    roles: FrameRoles
    estimator: str
    options: Mapping[str, Option] = field(default_factory=dict)
    design: str = "groups.adoption"
    design_options: Mapping[str, Option] = field(default_factory=dict)
    target: Target = "ATT"
    outcome_kind: Literal["mean", "binary", "count", "money"] = "mean"
    level: Decimal = Decimal("0.95")
    seed: int = 1


@dataclass(frozen=True, slots=True, eq=False)
class Answer:
    """The estimate, and everything that was left out on the way to it."""

    request: EstimationRequest
    estimate: Estimate


def compute(call: Call, frame: Frame, faults: list[Fault]) -> Answer:
    """Read the frame, build the design without outcomes, estimate: the corridor's own functions.

    ``faults`` are those the caller found already. Raises UsageError, DataError or RunError with every fault found.
    """
    method = attempt(lambda: method_of(call), faults)
    panel = attempt(lambda: panel_of(frame, call.roles, call.name), faults)
    if faults or method is None or panel is None:
        raise UsageError(faults)
    design = build_design(plan_of(call), panel, method)
    return estimated(call, method, design, panel)


def estimated(call: Call, method: Method, design: Design, panel: Panel) -> Answer:
    """The estimate on a design that stands. Raises RunError."""
    plan = plan_of(call)
    request = request_for(plan, panel, method, design, EstimateKey(outcome=plan.estimand.outcome))
    return Answer(request=request, estimate=pipeline_estimated(method, request))


def method_of(call: Call) -> Method:
    """The plug-ins with parsed options. Raises UsageError (USAGE_BAD_ARGUMENT) with every option that does not fit."""
    estimator, builder = registry.estimator(call.estimator), registry.design(call.design)
    faults: list[Fault] = []
    options = attempt(lambda: parse_options(estimator.options, call.options, call.name), faults)
    design_options = attempt(lambda: parse_options(builder.options, call.design_options, call.name), faults)
    if faults or options is None or design_options is None:
        raise UsageError([replace(fault, code="USAGE_BAD_ARGUMENT", fix="Correct the argument.") for fault in faults])
    return Method(estimator, options, builder, design_options)


def panel_of(frame: object, roles: FrameRoles, name: str) -> Panel:
    """The canonical panel, its outcome under an id that a plan could use.

    Raises UsageError (USAGE_FRAME) for what is no frame, DataError with every fault of the data.
    """
    panel = panel_from_frame(frame_of(frame, name), roles)
    if roles.outcome is None:
        return panel
    named = {f"y.{roles.outcome}": f"y.{outcome_id(roles.outcome)}"}
    return replace(panel, frame=panel.frame.rename(columns=named))


def frame_of(frame: object, name: str) -> Frame:
    """What was given as data, once it is known to be a frame. Raises UsageError (USAGE_FRAME)."""
    if isinstance(frame, pd.DataFrame | ArrowFrame):
        return frame
    cause, fix = f"The data are a {type(frame).__name__}.", "Give a pandas, polars or pyarrow frame."
    raise UsageError(Fault("USAGE_FRAME", cause, fix, Place(key=f"{name}.frame")))


def plan_of(call: Call) -> EvaluationPlan:
    """The tables of a plan that the call states; there are no others, and nothing on this road reads one."""
    column = call.roles.outcome or "none"
    outcome = Outcome(
        id=outcome_id(column),
        title=Words(en=column),
        direction="increase",
        kind=call.outcome_kind,
        unit=Words(en=column),
        window_from=NO_WINDOW[0],
        window_to=NO_WINDOW[1],
    )
    cluster = None if call.roles.cluster == call.roles.unit else call.roles.cluster
    return EvaluationPlan.model_construct(  # type: ignore[call-arg]  # no contract: only these tables are stated
        outcome=(outcome,),
        estimand=Estimand(outcome=outcome.id, target=call.target),
        design=DesignTable(method=call.design, options=dict(call.design_options)),
        estimator=EstimatorTable(method=call.estimator, options=dict(call.options)),
        inference=Inference(cluster=cluster, level=call.level, seed=call.seed),
    )


def outcome_id(column: str) -> str:
    """A column name as an outcome id: lower case, other signs than letters, digits and ``_.-`` as underscores."""
    plain = re.sub(r"[^a-z0-9_.-]", "_", column.lower()).lstrip("_.-")[:64]
    return plain or "outcome"


def attempt(step: Callable[[], T], faults: list[Fault]) -> T | None:
    """What ``step`` returns; None when it refuses, its faults added to ``faults``.

    An error of the data or the run is raised as it is when nothing else was wrong before.
    """
    try:
        return step()
    except EvaltoolError as error:
        if not faults and not isinstance(error, PlanError | UsageError):
            raise
        faults.extend(error.faults)
        return None


def listed(name: str, value: object, call: str, faults: list[Fault]) -> tuple[str, ...]:
    """Column names as a tuple; a bare text is refused, since its letters would be taken for names."""
    if isinstance(value, list | tuple) and all(isinstance(item, str) for item in value):
        return tuple(value)
    shown = f'["{value}"]' if isinstance(value, str) else '["first", "second"]'
    cause = f"{name} is {value!r}, not a list of column names."
    faults.append(Fault("USAGE_BAD_ARGUMENT", cause, f"Write {name}={shown}.", Place(key=f"{call}.{name}")))
    return ()


def column_names(columns: Mapping[str, object], call: str, *, optional: tuple[str, ...] = ()) -> list[Fault]:
    """Arguments that should be the name of a column and are something else; ``optional`` ones may be None."""
    return [
        Fault(
            "USAGE_BAD_ARGUMENT",
            f"{name} is {value!r}, not the name of a column.",
            f'Write {name}="…" with a column of the frame.',
            Place(key=f"{call}.{name}"),
        )
        for name, value in columns.items()
        if not isinstance(value, str) and not (value is None and name in optional)
    ]


def only(name: str, value: object, offered: tuple[object, ...], call: str) -> list[Fault]:
    """A variant that is not computed. ``offered`` are those that are."""
    if any(value is choice or (value == choice and type(value) is type(choice)) for choice in offered):
        return []
    choices = " or ".join(repr(choice) for choice in offered)
    cause = f"{name} = {value!r} is not offered by {call} in this version."
    return [Fault("USAGE_NOT_OFFERED", cause, f"Use {name}={choices}.", Place(key=f"{call}.{name}"))]
