"""From a call to a design that stands: what the functions of ``evaltool.matching`` and ``evaltool.weighting`` share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

import pandas as pd

from evaltool.direct.call import Call, Frame, attempt, column_names, listed, method_of, only, panel_of, plan_of
from evaltool.direct.matched import MatchedDesign
from evaltool.errors import Fault, UsageError
from evaltool.pipeline.estimates import build_design
from evaltool.reading.frames import FrameRoles
from evaltool.records.plan.analysis import Option

PAIRS = ("treated", "comparison", "distance", "set")


@dataclass(frozen=True, slots=True)
class Wanted:
    """A design as a call states it: the method, who is treated, the unit, options, and the columns they name."""

    name: str
    treatment: str
    unit: str
    options: Mapping[str, Option]
    columns: Sequence[str]
    balance_terms: Sequence[str] = ()


def exactly(value: float | Decimal | None) -> Decimal | int | None:
    """A number of a call as a plan would state it."""
    return Decimal(repr(value)) if isinstance(value, float) else value


def unlike(options: Mapping[str, Option], defaults: Mapping[str, Option]) -> dict[str, Option]:
    """The options that differ from their default (None where none is named): the others are not stated."""
    return {name: value for name, value in options.items() if value != defaults.get(name)}


def designed(frame: Frame, wanted: Wanted, faults: list[Fault]) -> MatchedDesign:
    """The design. Raises UsageError with every fault of the call, and of the data where there are both."""
    named = {"treatment": wanted.treatment, "unit": wanted.unit, "tie_order": wanted.options.get("tie_order")}
    faults = [*faults, *column_names(named, wanted.name, optional=("tie_order",))]
    terms = listed("balance_terms", wanted.balance_terms, wanted.name, faults)
    for term in terms:
        faults += only("balance_terms", term, ("squares", "interactions"), wanted.name)
    if faults:
        raise UsageError(faults)
    call = Call(
        name=wanted.name,
        roles=FrameRoles(
            unit=wanted.unit,
            outcome=None,
            treated=wanted.treatment,
            covariates=tuple(dict.fromkeys(wanted.columns)),
        ),
        estimator="weighted.difference",
        design=wanted.name,
        design_options={**wanted.options, **({"balance_terms": terms} if terms else {})},
    )
    method = attempt(lambda: method_of(call), faults)
    panel = attempt(lambda: panel_of(frame, call.roles, wanted.name), faults)
    if faults or method is None or panel is None:
        raise UsageError(faults)
    design = build_design(plan_of(call), panel, method)
    facts = design.summary.matching
    if facts is None or design.weights is None:
        message = f"{wanted.name} built a design without weights"
        raise TypeError(message)
    pairs = pd.DataFrame(columns=list(PAIRS)) if design.pairs is None else design.pairs
    return MatchedDesign(design=design, facts=facts, call=call, method=method, units=design.weights, pairs=pairs)
