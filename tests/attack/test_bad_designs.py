"""Designs and data on which other packages crash, or answer wrongly without a word: ours refuse, or answer rightly."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

SPEC = str(Path(__file__).resolve().parent.parent / "spec")
if SPEC not in sys.path:
    sys.path.insert(0, SPEC)

from estimator_world import Ask, design_for, estimate, long, request_for, sim_stagg, staggered  # noqa: E402

from evaltool import registry  # noqa: E402
from evaltool.errors import DataError, EvaltoolError, RunError  # noqa: E402
from evaltool.reading.frames import FrameRoles, panel_from_frame  # noqa: E402

METHODS = ("did.two_by_two", "did.group_time")


def refused(frame: pd.DataFrame, ask: Ask, **roles: object) -> EvaltoolError:
    with pytest.raises((DataError, RunError)) as caught:
        estimate(staggered(frame, **roles), ask)  # type: ignore[arg-type]
    for fault in caught.value.faults:
        assert fault.cause
        assert fault.fix
    return caught.value


@pytest.mark.parametrize("method", METHODS)
def test_everybody_treated_from_the_first_period(method: str) -> None:
    """5.77 with a standard error of 0.0 elsewhere."""
    error = refused(sim_stagg().assign(g=1), Ask(method=method))
    assert error.codes in {("DATA_EMPTY_ARM",), ("DATA_NOTHING_TO_COMPARE",)}


@pytest.mark.parametrize("method", METHODS)
def test_nobody_treated(method: str) -> None:
    assert refused(sim_stagg().assign(g=0), Ask(method=method)).exit_code == 3


@pytest.mark.parametrize("method", METHODS)
def test_everybody_starts_together(method: str) -> None:
    assert refused(sim_stagg().assign(g=5), Ask(method=method)).exit_code == 3


def test_no_never_treated_unit_for_a_never_treated_comparison() -> None:
    """Said in words, with the option that works; elsewhere NaN, or a silent change of the comparison."""
    frame = sim_stagg()
    error = refused(frame[frame["g"] > 0], Ask(options={"control_group": "never_treated"}))
    assert error.codes == ("RUN_NO_COMPARISON",)
    assert 'control_group = "not_yet_treated"' in str(error)


def test_several_starts_in_a_two_by_two() -> None:
    error = refused(sim_stagg(), Ask(method="did.two_by_two"))
    assert error.codes == ("RUN_SEVERAL_STARTS",)
    assert "did.group_time" in str(error)


@pytest.mark.parametrize("method", METHODS)
def test_start_that_varies_within_a_unit(method: str) -> None:
    frame = sim_stagg()
    frame.loc[(frame["unit"] == 1) & (frame["time"] > 5), "g"] = 6
    assert refused(frame, Ask(method=method)).exit_code == 3


@pytest.mark.parametrize("method", METHODS)
def test_two_rows_for_one_unit_and_period(method: str) -> None:
    frame = sim_stagg()
    assert refused(pd.concat([frame, frame.iloc[[7]]]), Ask(method=method)).exit_code == 3


@pytest.mark.parametrize("method", METHODS)
def test_holes_in_the_panel(method: str) -> None:
    """−0.047, −0.054 or −0.060 elsewhere, depending on the package."""
    frame = sim_stagg().drop(index=[3, 25, 811])
    frame = frame[frame["g"].isin([0, 6])]
    kept = panel_from_frame(frame, FrameRoles(unit="unit", time="time", outcome="y", first_treated="g", balance="keep"))
    with pytest.raises(RunError) as caught:
        estimate(kept, Ask(method=method))
    assert caught.value.codes == ("RUN_UNBALANCED_PANEL",)
    assert 'balance = "drop_unit"' in str(caught.value)
    dropped = panel_from_frame(
        frame, FrameRoles(unit="unit", time="time", outcome="y", first_treated="g", balance="drop_unit")
    )
    assert estimate(dropped, Ask(method=method)).counts.observations % 10 == 0


def test_unknown_covariates_are_all_named() -> None:
    panel = staggered(sim_stagg(), covariates=("x",))
    with pytest.raises(RunError) as caught:
        estimate(panel, Ask(options={"covariates": ["income", "x", "age"]}))
    assert caught.value.codes == ("RUN_UNKNOWN_COVARIATE", "RUN_UNKNOWN_COVARIATE")
    assert "'income'" in str(caught.value)
    assert "'age'" in str(caught.value)


@pytest.mark.parametrize("method", [*METHODS, "measured.change"])
def test_a_cluster_is_never_ignored(method: str) -> None:
    """Elsewhere a cluster argument was silently ignored."""
    frame = sim_stagg()
    with pytest.raises(RunError) as caught:
        estimate(staggered(frame[frame["g"].isin([0, 6])]), Ask(method=method, cluster="town"))
    assert caught.value.codes == ("RUN_NO_CLUSTER_COLUMN",)


@pytest.mark.parametrize("method", [*METHODS, "measured.change"])
def test_a_cluster_that_changes_within_a_unit(method: str) -> None:
    frame = sim_stagg()
    frame = frame[frame["g"].isin([0, 6])].assign(town=lambda f: np.where(f["time"] > 4, "b", "a"))
    with pytest.raises((DataError, RunError)) as caught:
        estimate(staggered(frame, cluster="town"), Ask(method=method, cluster="town"))
    assert "CLUSTER" in caught.value.codes[0] or "VARIES" in caught.value.codes[0]


def test_a_covariate_that_tells_the_groups_apart() -> None:
    frame = sim_stagg().assign(z=lambda f: (f["g"] > 0).astype(float) + 0.001 * f["x"])
    for method in ("ipw", "dr"):
        error = refused(frame, Ask(options={"method": method, "covariates": ["z"]}), covariates=("z",))
        assert error.codes == ("RUN_SEPARATION",)
        assert "'z'" in str(error)


@pytest.mark.parametrize("method", ["reg", "ipw", "dr"])
def test_covariates_that_repeat_each_other(method: str) -> None:
    frame = sim_stagg().assign(z=lambda f: 2.0 * f["x"] - 1.0)
    error = refused(frame, Ask(options={"method": method, "covariates": ["x", "z"]}), covariates=("x", "z"))
    assert error.codes == ("RUN_COLLINEAR",)


def test_a_relative_effect_of_nothing() -> None:
    starts = {"a": 2, "b": 2, "c": 0, "d": 0}
    frame = long(starts, {"a": [0.0, -5.0], "b": [0.0, -6.0], "c": [0.0, 1.0], "d": [0.0, 2.0]})
    for method in METHODS:
        for denominator in ("counterfactual", "baseline"):
            ask = Ask(method=method, scale="relative", denominator=denominator)  # type: ignore[arg-type]
            moved = frame.assign(y=frame["y"] - 2.0)
            assert refused(moved, ask).codes == ("RUN_ZERO_DENOMINATOR",)


@pytest.mark.parametrize("method", [*METHODS, "measured.change", "measured.verified_count"])
def test_masked_outcomes_are_never_estimated_on(method: str) -> None:
    frame = sim_stagg()
    panel = staggered(frame[frame["g"].isin([0, 6])])
    request = request_for(panel, Ask(method=method))
    blind = type(request)(**{f: getattr(request, f) for f in request.__slots__} | {"panel": panel.blinded()})
    with pytest.raises(RunError) as caught:
        registry.estimator(method).estimate(blind)
    assert caught.value.codes == ("RUN_NEEDS_DATA",)


def test_a_design_does_not_depend_on_outcomes() -> None:
    """Same roster and seal whatever happened after the start, and before it."""
    frame = sim_stagg()
    plain = design_for(staggered(frame), Ask())
    other = design_for(staggered(frame.assign(y=frame["y"] ** 2 + frame["time"])), Ask())
    assert plain.summary == other.summary


def test_a_design_seal_changes_with_one_unit() -> None:
    frame = sim_stagg()
    other = frame.assign(g=np.where(frame["unit"] == 1, 0, frame["g"]))
    assert design_for(staggered(frame), Ask()).summary.seal != design_for(staggered(other), Ask()).summary.seal


def test_units_without_a_period_before_anticipation_go_to_the_ledger() -> None:
    frame = sim_stagg().assign(g=lambda f: f["g"].replace(4, 2))
    design = design_for(staggered(frame), Ask(options={"anticipation": 1}))
    assert [(e.reason, e.count) for e in design.ledger.entries] == [("no_base_period", 50)]
    assert estimate(staggered(frame), Ask(options={"anticipation": 1})).att is not None


def test_single_unit_cohorts_stay_in_and_are_said() -> None:
    """Dropping them changes the estimand: elsewhere silently."""
    frame = sim_stagg()
    first = frame.loc[frame["g"] == 4, "unit"].iloc[0]
    frame = frame[(frame["g"] != 4) | (frame["unit"] == first)]
    found = estimate(staggered(frame), Ask(aggregation="group"))
    assert "single_unit_cohort" in found.notes
    alone = next(e for e in found.groups if e.element == 4)
    assert (alone.n_treated, alone.se) == (1, None)


def test_gaps_in_time_are_event_time_not_row_number() -> None:
    """Periods 1, 2, 5, 9: start 5, so the base is 2 and the path has −4, −3, 0, 4."""
    outcomes = {"a": [0.0, 0.0, 5.0, 9.0], "b": [1.0, 1.0, 6.0, 8.0], "c": [0.0] * 4, "d": [0.0, 1.0, 1.0, 1.0]}
    frame = long({"a": 5, "b": 5, "c": 0, "d": 0}, outcomes)
    frame["time"] = frame["time"].map({1: 1, 2: 2, 3: 5, 4: 9})
    found = estimate(staggered(frame), Ask())
    assert [e.element for e in found.path] == [-4, -3, 0, 4]
    assert [e.element for e in found.path if e.reference] == [-3]


def test_a_start_between_two_periods() -> None:
    """Start 4 in data of periods 1, 3, 5: treated from 5 on, base 3, event time 1."""
    outcomes = {"a": [0.0, 1.0, 7.0], "b": [0.0, 1.0, 7.0], "c": [0.0, 1.0, 2.0], "d": [0.0, 1.0, 2.0]}
    frame = long({"a": 4, "b": 4, "c": 0, "d": 0}, outcomes)
    frame["time"] = frame["time"] * 2 - 1
    panel = panel_from_frame(pd.DataFrame(frame), FrameRoles(unit="unit", time="time", outcome="y", first_treated="g"))
    found = estimate(panel, Ask())
    assert found.att == 5.0
    assert {c.element for c in found.cells if not c.reference} == {1, 5}


@pytest.mark.parametrize("kind", ["Int64", "category", "string", "Float64"])
def test_pandas_column_types(kind: str) -> None:
    """Nullable integers, categories and strings as unit, start and outcome give the same numbers."""
    frame = sim_stagg()
    plain = estimate(staggered(frame), Ask())
    typed = frame.copy()
    if kind in {"category", "string"}:
        typed["unit"] = typed["unit"].map(lambda u: f"{u:04d}").astype(kind)
    else:
        typed["g"] = typed["g"].astype("Int64")
        typed["y"] = typed["y"].astype("Float64")
    found = estimate(staggered(typed), Ask())
    assert found.att == pytest.approx(plain.att, rel=1e-13)
    assert found.se == pytest.approx(plain.se, rel=1e-13)
