"""What a difference-in-differences is put through besides its estimate, once per run, for gates and report.

Every part is made where the data and the method allow it; where not, ``absent`` says why. Nothing here decides.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from evaltool.errors import EvaltoolError
from evaltool.gates.placebo_in_time import earlier
from evaltool.numerics.bacon import ALWAYS, NEVER, decompose
from evaltool.numerics.distinct import distinct
from evaltool.numerics.relabelled import effects, pretended
from evaltool.pipeline.examine_trends import MOST_PERIODS, band_of, honest_of, path_of, trend_of
from evaltool.pipeline.inference import DRAWS, REFITS, all_rows, chosen, leave_out_clusters
from evaltool.pipeline.studied import Studied
from evaltool.records.estimate import Estimate
from evaltool.records.examination import (
    BaconPart,
    BaconResult,
    CohortTiming,
    Examination,
    PlaceboGroups,
    Refit,
)
from evaltool.records.panel import Panel
from evaltool.records.plan.evaluation_plan import EvaluationPlan

GATES = frozenset({"honest_breakdown"})
MOST_COHORTS = 12
"""Most cohorts that are left out one by one."""
MOST_DATES = 4
"""Most pretended starts that are tried."""
MOST_COMPARISONS = 400
"""Most comparisons a decomposition is shown in."""


def examine(studied: Studied, threshold: float | None) -> Examination:
    """Everything about the headline; ``threshold`` is the first payment threshold as an effect (unit and sign)."""
    absent: dict[str, str] = {}
    level = float(studied.plan.inference.level)
    left_out = leave_out_clusters(studied)
    if left_out is None:
        absent["without_cluster"] = "one_cluster_decides" if studied.count <= REFITS else "too_large"
    found: dict[str, object] = {
        **_timing(studied),
        "facts": studied.facts,
        "inference": all_rows(studied, left_out),
        "rule": chosen(studied)[1],
        "bacon": _either(absent, "bacon", _bacon(studied)),
        "placebo_groups": _either(absent, "placebo_groups", _groups(studied)),
        "without_cluster": left_out,
        "without_cohort": _either(absent, "without_cohort", _cohorts(studied), ()),
    }
    if not asked_for(studied.plan):
        absent |= dict.fromkeys(("trend", "honest", "placebo_dates"), "not_asked_for")
        return Examination.model_validate({**found, "absent": absent})
    found["placebo_dates"] = _either(absent, "placebo_dates", _dates(studied), ())
    path = path_of(studied.estimate)
    if isinstance(path, str):
        absent["trend"] = absent["honest"] = path
    else:
        points, critical = band_of(path, level)
        found |= {"trend": trend_of(path, level), "band": points, "band_critical": critical}
        if len(path.moving) > MOST_PERIODS:
            absent["honest"] = "too_many_periods"
        else:
            found["honest"] = _either(absent, "honest", _sure(lambda: honest_of(studied, path, level, threshold)), ())
    return Examination.model_validate({**found, "absent": absent})


def asked_for(plan: EvaluationPlan) -> bool:
    """Whether what no default gate looks at is computed: beside other methods, or where a contract names a gate."""
    return plan.governance.side_by_side or any(gate.name in GATES for gate in plan.gate)


def _either(absent: dict[str, str], name: str, found: object, empty: object = None) -> object:
    """What was found; a text is the reason why nothing was."""
    if isinstance(found, str):
        absent[name] = found
        return empty
    return found


def _sure(attempt: Callable[[], object]) -> object:
    """What numerics find, or that they cannot."""
    try:
        return attempt()
    except (ValueError, np.linalg.LinAlgError, EvaltoolError):
        return "no_information"


def _timing(studied: Studied) -> dict[str, object]:
    """Who is treated when, and how many rows each cohort has in each period."""
    panel = studied.panel
    periods = panel.periods
    frame = panel.frame
    starts = frame["first_treated"].to_numpy(dtype=np.float64)
    late = starts > periods[-1]
    own = np.where(late, np.inf, starts)
    place = np.searchsorted(np.array(periods), frame["period"].to_numpy(dtype=np.int64))
    cohorts, firsts = [], []
    for start in distinct(own).tolist():
        member = own == start
        never = not np.isfinite(start)
        cohorts.append(
            CohortTiming(
                label="never" if never else panel.label(int(start)),
                start=None if never else int(start),
                units=int(frame.loc[member, "unit"].nunique()),
                rows=tuple(np.bincount(place[member], minlength=len(periods)).tolist()),
            )
        )
        firsts.append(None if never else int(np.searchsorted(np.array(periods), start)))
    return {
        "periods": tuple(panel.label(p) for p in periods),
        "cohorts": tuple(cohorts),
        "first_treated": tuple(firsts),
    }


def _bacon(studied: Studied) -> BaconResult | str:
    """Which comparisons the two-way fixed-effects coefficient on these data is an average of."""
    if studied.outcomes is None:
        return "unbalanced"
    try:
        found = decompose(studied.outcomes, studied.starts, studied.periods, studied.weights)
    except ValueError:
        return "nothing_to_decompose"
    if len(found.comparisons) > MOST_COMPARISONS:
        return "too_many_comparisons"
    names = {NEVER: "never", ALWAYS: "always"}

    def label(start: float) -> str:
        return names.get(start) or studied.panel.label(int(start))

    return BaconResult(
        coefficient=found.coefficient,
        parts=tuple(
            BaconPart(
                treated=label(c.treated),
                comparison=label(c.comparison),
                kind=c.kind,
                weight=c.weight,
                estimate=c.estimate,
            )
            for c in found.comparisons
        ),
        forbidden=found.share("later vs earlier treated") + found.share("treated vs always treated"),
    )


def _dates(studied: Studied) -> tuple[Refit, ...] | str:
    """Pretended starts before the first real one, on earlier data alone."""
    found = []
    for periods in _lengths(studied):
        placebo = earlier(studied.panel, studied.anticipation, periods)
        if placebo is not None:
            label = studied.panel.label(placebo.start)
            found.append(_refit(studied, placebo.panel, label, placebo.start))
    return tuple(found) or "no_period_before"


def _lengths(studied: Studied) -> Iterator[int]:
    """Lengths of pretended treatment, spread over what the first cohort's history allows."""
    starts = studied.starts[np.isfinite(studied.starts)]
    first = float(np.min(starts)) - studied.anticipation if starts.shape[0] else 0.0
    most = sum(1 for p in studied.panel.periods if p < first) - 1 - studied.anticipation
    if most >= 1:
        yield from sorted({round(v) for v in np.linspace(1, most, min(MOST_DATES, most)).tolist()}, reverse=True)


def _refit(studied: Studied, panel: Panel, label: str, start: int | None) -> Refit:
    """The headline on another panel."""
    try:
        again: Estimate = studied.refit(panel)
    except EvaltoolError:
        return Refit(label=label, start=start, att=None)
    ends = again.interval
    return Refit(
        label=label,
        start=start,
        att=again.att,
        lower=None if ends is None else ends.lower,
        upper=None if ends is None else ends.upper,
        p_value=again.p_value,
    )


def _groups(studied: Studied) -> PlaceboGroups | str:
    """Starts pretended among clusters that never start."""
    if studied.pieces is None:
        return "not_a_difference"
    pieces, recipe = studied.pieces
    seed = studied.plan.inference.seed
    labels = pretended(pieces, DRAWS, seed) if pieces.whole else None
    if labels is None:
        return "few_compared" if pieces.whole else "treated_in_part"
    values = np.abs(effects(pieces, recipe, labels)[0])
    values = values[np.isfinite(values)]
    if not values.shape[0]:
        return "few_compared"
    as_large = int(np.sum(values >= abs(studied.estimate.att)))
    return PlaceboGroups(
        draws=int(values.shape[0]),
        seed=seed,
        spread=float(np.sqrt(np.mean(values**2))),
        largest=float(np.max(values)),
        share_as_large=(1 + as_large) / (1 + values.shape[0]),
    )


def _cohorts(studied: Studied) -> tuple[Refit, ...] | str:
    """The headline without each cohort that starts."""
    own = studied.panel.frame["first_treated"].to_numpy(dtype=np.float64)
    starts = [int(g) for g in studied.panel.starts if g > studied.panel.periods[0] + studied.anticipation]
    starts = [g for g in starts if g <= studied.panel.periods[-1]]
    if len(starts) < 2:  # noqa: PLR2004 - without the only cohort nobody is treated
        return "one_cohort"
    if len(starts) > MOST_COHORTS:
        return "many_cohorts"
    frame = studied.panel.frame
    return tuple(
        _refit(studied, studied.panel.with_frame(frame.loc[own != g]), studied.panel.label(g), g) for g in starts
    )
