"""A small world for the gates: a plan, an estimate, a panel and a context, each with one thing changed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import Literal

import numpy as np
import pandas as pd
from payment_cases import outcome, plan, rule
from pydantic import Field

from evaltool import registry
from evaltool.records.base import Record
from evaltool.records.design import Design, DesignCohort, DesignSummary
from evaltool.records.estimate import Counts, Element, Estimate, Interval, Relative, SecondOpinion
from evaltool.records.evidence import EstimateKey
from evaltool.records.examination import Examination
from evaltool.records.gate import Consequence, GateResult
from evaltool.records.ledger import Ledger, LedgerEntry
from evaltool.records.lock import LockStatus
from evaltool.records.options import parse_options
from evaltool.records.panel import DataIdentity, Panel
from evaltool.records.plan.evaluation_plan import EvaluationPlan
from evaltool.records.plugins import Capabilities, GateContext

KEY = EstimateKey(outcome="absence")
AS_OF = date(2026, 6, 30)
DID = Capabilities(
    family="did",
    title="t",
    kind="effect",
    needs=("unit", "time"),
    designs=("groups.adoption",),
    standard_error="always",
    clusters=True,
    path=True,
    placebo_in_time=True,
    relative=True,
    minimum_treated=2,
    minimum_comparison=2,
)
__all__ = ["outcome", "plan", "rule"]


def can(**changes: object) -> Capabilities:
    """Capabilities of a difference-in-differences with changes."""
    return Capabilities.model_validate({**{n: getattr(DID, n) for n in Capabilities.model_fields}, **changes})


def estimate(att: float = -2.0, se: float | None = 0.5, **changes: object) -> Estimate:
    """An effect of −2 days on a fall-is-good outcome, interval ±1.96 se, 80 treated and 120 compared."""
    interval = None if se is None else Interval(lower=att - 1.96 * se, upper=att + 1.96 * se, level=0.95)
    whole: dict[str, object] = {
        "key": KEY,
        "method": "did.group_time",
        "kind": "effect",
        "estimand": "ATT",
        "unit": "days",
        "att": att,
        "se": se,
        "absent": None if se is not None else "TOO_FEW_CLUSTERS",
        "interval": interval,
        "p_value": None if se is None else 0.01,
        "counts": Counts(treated=80, comparison=120, observations=1000),
        "conventions": {"base_period": "universal"},
        **changes,
    }
    return Estimate.model_validate(whole)


def relative(value: float, se: float | None, below: float) -> Relative:
    """A relative effect over a counterfactual of ``below``."""
    return Relative(value=value, se=se, interval=None, denominator="counterfactual", denominator_value=below)


def path(before: Mapping[int, float], after: Mapping[int, float], base: int = -1) -> tuple[Element, ...]:
    """An event study with its base period as reference."""
    found = {**before, base: 0.0, **after}
    return tuple(
        Element(kind="event", element=e, label=str(e), att=found[e], reference=e == base) for e in sorted(found)
    )


def diagonal(variances: Sequence[float]) -> tuple[tuple[float, ...], ...]:
    """A diagonal covariance."""
    return tuple(tuple(v if i == j else 0.0 for j in range(len(variances))) for i, v in enumerate(variances))


def panel(starts: Mapping[int | str, float], periods: Sequence[int] = (1, 2, 3, 4, 5, 6), **columns: object) -> Panel:
    """One row per unit and period; ``starts`` gives each unit's first treated period (inf: never)."""
    rows = [(u, p, g) for u, g in starts.items() for p in periods]
    frame = pd.DataFrame(rows, columns=["unit", "period", "first_treated"])
    frame["first_treated"] = frame["first_treated"].astype(float)
    frame["weight"] = 1.0
    frame["y.absence"] = 10.0
    for name, values in columns.items():
        frame[name] = frame["unit"].map(values) if isinstance(values, dict) else values
    identity = DataIdentity(
        source="test",
        fingerprint="0" * 64,
        rows=len(frame),
        units=len(starts),
        periods=tuple(str(p) for p in periods),
        never_coding="infinity",
        columns=tuple(frame.columns),
    )
    return Panel(frame=frame, identity=identity)


def design(
    cohorts: Mapping[int | None, int],
    weights: Mapping[int | None, float] | None = None,
    dropped: Mapping[Literal["treated", "comparison"], int] | None = None,
) -> Design:
    """A design with so many units per start (None: never); weights are per unit, 1 unless given."""
    each = {start: (weights or {}).get(start, 1.0) for start in cohorts}
    rows = [(np.inf if start is None else float(start), each[start]) for start, n in cohorts.items() for _ in range(n)]
    roster = pd.DataFrame(
        {"unit": range(len(rows)), "first_treated": [r[0] for r in rows], "weight": [r[1] for r in rows]}
    )
    entries = [
        LedgerEntry(stage="design", reason="always_treated", what="unit", arm=arm, count=n)
        for arm, n in (dropped or {}).items()
    ]
    summary = DesignSummary(
        method="groups.adoption",
        comparison="never_treated",
        cohorts=tuple(
            DesignCohort(
                label="never" if start is None else str(start),
                start=start,
                units=n,
                weight=float(np.nansum([w for g, w in rows if g == (np.inf if start is None else start)])),
            )
            for start, n in cohorts.items()
        ),
        periods=6,
        seal="0" * 64,
        submitted_units=len(rows) + sum((dropped or {}).values()),
        analysed_units=len(rows),
    )
    return Design(summary=summary, roster=roster, ledger=Ledger().plus(*entries))


class World(Record):
    """What is not stated gets a default in which every gate passes or says why not."""

    model_config = Record.model_config | {"arbitrary_types_allowed": True, "strict": False}

    plan: EvaluationPlan = plan()
    capabilities: Capabilities = DID
    headline: Estimate = estimate()
    others: tuple[Estimate, ...] = ()
    design: Design = design({3: 80, None: 120})
    panel: Panel | None = None
    lock: LockStatus | None = None
    opinion: SecondOpinion | None = SecondOpinion(value=-2.0, by="test")
    thresholds: tuple[float, ...] = (1.0,)
    refit: Callable[[Panel], Estimate] | None = None
    examination: Examination | None = None
    as_of: date = AS_OF
    options: dict[str, object] = Field(default_factory=dict)
    consequence: Consequence | None = None
    overridden: bool = False


def ask(name: str, world: World | None = None, **changes: object) -> GateResult:
    """The gate's answer in a world with changes."""
    seen = (world or World()).model_copy(update=changes)
    plugin = registry.gate(name)
    return plugin.check(
        GateContext(
            plan=seen.plan,
            options=parse_options(plugin.options, seen.options, "gate.options"),
            consequence=seen.consequence or plugin.consequence,
            overridden=seen.overridden,
            as_of=seen.as_of,
            lock=seen.lock or LockStatus(state="locked", seal=seen.plan.seal),
            capabilities=seen.capabilities,
            panel=seen.panel,
            design=seen.design,
            estimates={e.key: e for e in (seen.headline, *seen.others)},
            headline=seen.headline,
            second_opinion=seen.opinion,
            thresholds=seen.thresholds,
            refit=seen.refit,
            examination=seen.examination,
        )
    )


def why_not(
    name: str, capabilities: Capabilities = DID, stated: EvaluationPlan | None = None
) -> tuple[str, str] | None:
    """Why the gate does not apply, or None."""
    return registry.gate(name).applies(capabilities, stated or plan())
