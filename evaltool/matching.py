"""Matching without a plan: ``evaltool.matching.nearest(frame, treatment="…", covariates=[…], unit="…")``.

One row per unit in any frame with the Arrow interface (pandas, polars, pyarrow). No outcome column is named or read;
``evaltool.weighted.difference`` adds it once the design stands. Errors come from ``evaltool.errors``.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Literal

from evaltool.direct.call import Call, Frame, attempt, column_names, listed, method_of, only, panel_of, plan_of
from evaltool.direct.matched import MatchedDesign
from evaltool.errors import Fault, UsageError
from evaltool.pipeline.estimates import build_design
from evaltool.reading.frames import FrameRoles
from evaltool.records.plan.analysis import Option

NAME = "matching.nearest"


def nearest(  # noqa: PLR0913 - the direct road: column names and options as keywords
    frame: Frame,
    *,
    treatment: str,
    covariates: Sequence[str],
    unit: str,
    estimand: Literal["ATT"] = "ATT",
    distance: Literal["logit"] = "logit",
    scale: Literal["probability", "linear"] = "probability",
    ratio: int = 1,
    replace: bool = False,
    caliper: float | Decimal | None = None,
    caliper_sd: Literal["overall", "mean_of_groups", "pooled"] = "overall",
    order: Literal["largest", "smallest", "closest"] = "largest",
    tie_order: str | None = None,
    exact: Sequence[str] = (),
) -> MatchedDesign:
    """Nearest neighbours on a logit score (``matching.nearest``), for the average effect on the treated.

    ``treatment`` holds true/false or 1/0. ``caliper`` is in standard deviations of the score, ``caliper_sd`` says
    which. ``tie_order`` is a column that puts units with equal scores in order (smaller first); the id when absent.
    ``exact`` columns must be equal within a set. With ``replace`` all ties are averaged, and ``order`` and
    ``tie_order`` have no effect. Other distances and estimands are refused. Raises UsageError, DataError, RunError.
    """
    faults = [
        *only("estimand", estimand, ("ATT",), NAME),
        *only("distance", distance, ("logit",), NAME),
        *column_names({"treatment": treatment, "unit": unit, "tie_order": tie_order}, NAME, optional=("tie_order",)),
    ]
    options: dict[str, Option] = {
        "covariates": listed("covariates", covariates, NAME, faults),
        "scale": scale,
        "ratio": ratio,
        "replace": replace,
        "exact": listed("exact", exact, NAME, faults),
        "caliper": Decimal(repr(caliper)) if isinstance(caliper, float) else caliper,
    }
    if caliper is not None or caliper_sd != "overall":
        options["caliper_sd"] = caliper_sd
    if not replace or order != "largest":
        options["order"] = order
    if tie_order is not None and tie_order != unit:
        options["tie_order"] = tie_order
    return _built(frame, _call(treatment, unit, options), faults)


def _call(treatment: str, unit: str, options: dict[str, Option]) -> Call:
    """The call, with every column the options name read as a covariate."""
    wanted: list[str] = []
    for value in (options["covariates"], options["exact"], (options.get("tie_order"),)):
        wanted += [name for name in value if isinstance(name, str)] if isinstance(value, tuple) else []
    return Call(
        name=NAME,
        roles=FrameRoles(unit=unit, outcome=None, treated=treatment, covariates=tuple(dict.fromkeys(wanted))),
        estimator="weighted.difference",
        design=NAME,
        design_options=options,
    )


def _built(frame: Frame, call: Call, faults: list[Fault]) -> MatchedDesign:
    """The design. Raises UsageError with every fault of the call, and of the data where there are both."""
    if faults:
        raise UsageError(faults)
    method = attempt(lambda: method_of(call), faults)
    panel = attempt(lambda: panel_of(frame, call.roles, NAME), faults)
    if faults or method is None or panel is None:
        raise UsageError(faults)
    design = build_design(plan_of(call), panel, method)
    facts = design.summary.matching
    if facts is None or design.weights is None or design.pairs is None:
        message = f"{NAME} built a design without matches"
        raise TypeError(message)
    return MatchedDesign(design=design, facts=facts, call=call, method=method, units=design.weights, pairs=design.pairs)
