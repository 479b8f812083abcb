"""Covariates and gaps in did.switching: against its authors' program, by hand, by two roads and by weights."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
import pytest
from estimator_world import Ask, again, design_for, estimate

import evaltool as ev
from evaltool.errors import RunError, UsageError
from evaltool.reading.frames import FrameRoles, panel_from_frame
from evaltool.records.panel import Panel

NAME = "did.switching"
PATHS = {
    0: [0, 0, 0, 0, 0, 0], 1: [1, 1, 1, 1, 1, 1], 2: [0, 0, 1, 1, 1, 1], 3: [0, 0, 0, 1, 0, 0],
    4: [1, 1, 0, 0, 0, 0], 5: [0, 0, 0, 0, 1, 1], 6: [1, 1, 1, 0, 0, 1], 7: [0, 0, 1, 1, 0, 1],
}  # fmt: skip
X = {"covariates": ["x", "z"]}


def world(seed: int = 5, units: int = 120) -> pd.DataFrame:
    """Covariates that move with treatment; their slopes differ by first treatment."""
    r = np.random.default_rng(seed)
    rows = []
    for u in range(units):
        d = PATHS[u % 8]
        x, z = r.normal(size=6).cumsum() + 0.5 * np.array(d), r.normal(size=6)
        rows += [
            {"unit": u, "time": t + 1, "d": d[t], "c": u // 8, "w": 1.0 + u % 3, "x": float(x[t]), "z": float(z[t]),
             "y": float(u % 5 + 0.7 * t + 1.5 * d[t] + 0.4 * sum(d[:t]) + (0.8 + 0.6 * d[0]) * x[t] - 0.5 * z[t]
                        + r.normal())}
            for t in range(6)
        ]  # fmt: skip
    return pd.DataFrame(rows)


def holes(frame: pd.DataFrame) -> pd.DataFrame:
    """One row in eleven is missing, none in the first period."""
    return frame[(frame["time"] == 1) | ((frame["unit"] * 7 + frame["time"] * 4) % 11 != 0)]


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    return world()


def panel(frame: pd.DataFrame, weight: str | None = None) -> Panel:
    roles = FrameRoles(
        unit="unit", time="time", outcome="y", treated="d", cluster="c", weight=weight, balance="keep",
        covariates=("x", "z"),
    )  # fmt: skip
    return panel_from_frame(frame, roles)


AUTHORS = {0: 1.5424294797482360, 1: 1.8416603937578690, 2: 1.6665565863049260, 3: 2.6828389635643560,
           -2: -0.3948830793879167, -3: -0.5885063866266488}  # fmt: skip
"""py_did_multiplegt_dyn 0.1.9 on ``world()`` with ``controls``: effects 1 to 4 and placebos 1 and 2."""
TOTAL = 2.2928649414533955
"""Its average total effect per period of treatment, with the same controls."""
AUTHORS_SE = {0: 0.21369888275715515, 1: 0.2712887268226386, 2: 0.2882712246244949, 3: 0.3855615088124872}
FIRST_WITH_GAPS = 2.052154543738128
"""Its first effect on ``holes(world())`` without controls, and how many switchers it has for effects 1 to 4."""
SWITCHERS = (74, 64, 56, 34)


def test_effects_and_placebos_with_covariates_are_those_of_the_authors_program(frame: pd.DataFrame) -> None:
    found = estimate(panel(frame), Ask(NAME, X, aggregation="dynamic"))
    assert {e.element: e.att for e in found.path if not e.reference} == pytest.approx(AUTHORS, rel=1e-12)
    normalised = estimate(panel(frame), Ask(NAME, {**X, "normalised": True}))
    assert normalised.att == pytest.approx(TOTAL, rel=1e-12)
    assert found.conventions["covariates"] == "x, z"


def test_the_authors_variance_with_covariates_is_another_one_and_not_far_away(frame: pd.DataFrame) -> None:
    """They centre within cohorts and correct for degrees of freedom, ours does not: here within a sixth."""
    found = estimate(panel(frame), Ask(NAME, X))
    for element in found.path:
        if element.element >= 0:
            assert element.se == pytest.approx(AUTHORS_SE[element.element], rel=1 / 6)


def test_gaps_by_pairs_take_the_switchers_that_the_authors_program_takes(frame: pd.DataFrame) -> None:
    """Effect 1 is theirs; later ones weigh cohorts by all of their units, where they weigh by those seen."""
    found = estimate(panel(holes(frame)), Ask(NAME, {"gaps": "pairs"}))
    after = [e for e in found.path if e.element >= 0]
    assert tuple(e.n_treated for e in after) == SWITCHERS
    assert after[0].att == pytest.approx(FIRST_WITH_GAPS, rel=1e-12)
    assert found.conventions["switches_of_unknown_period"] == 15
    assert "unbalanced_panel" in found.notes


def test_gaps_by_hand() -> None:
    """a switches in 3: (9 − 2) − ((5 − 3) + (6 − 4)) / 2 = 5. b comes out of a gap treated: untreated up to 1.

    c keeps its treatment over a gap in 2 and is compared in 4: (10 − 2) − mean((7 − 3), e not seen) = 4. u has no first
    period and is left out. Mean by cohort: (5 + 4) / 2.
    """
    nan = np.nan
    paths = {
        "a": ([0, 0, 1, 1], [1.0, 2.0, 9.0, 10.0]), "b": ([0, nan, nan, 1], [1.0, nan, nan, 99.0]),
        "c": ([0, 0, 0, 0], [2.0, 3.0, 5.0, 7.0]), "e": ([0, 0, 0, nan], [2.0, 4.0, 6.0, nan]),
        "f": ([0, nan, 0, 0], [0.0, nan, 50.0, 70.0]), "u": ([nan, 0, 1, 1], [nan, 5.0, 55.0, 55.0]),
    }  # fmt: skip
    rows = [
        {"unit": k, "time": t + 1, "d": d[t], "y": y[t], "x": 0.0, "z": 0.0, "c": k}
        for k, (d, y) in paths.items()
        for t in range(4)
    ]
    data = panel(pd.DataFrame(rows).dropna().assign(d=lambda f: f["d"].astype(int)))
    ask = Ask(NAME, {"gaps": "pairs"})
    found = estimate(data, ask)
    assert {(c.group, c.element): c.att for c in found.cells if c.element > 2} == pytest.approx(
        {(3, 3): 5.0, (3, 4): 4.0}, abs=1e-12
    )
    assert found.att == pytest.approx(4.5, abs=1e-12)
    assert found.conventions["switches_of_unknown_period"] == 1
    design = design_for(data, ask)
    assert [(e.reason, e.count) for e in design.ledger.entries] == [("no_first_period", 1)]
    assert {c.label: c.units for c in design.summary.cohorts} == {"3": 1, "never": 4}
    assert again(data, ask).value == pytest.approx(4.5, abs=1e-9)


def test_every_switch_needs_both_periods_seen(frame: pd.DataFrame) -> None:
    """DID_M on rows: sums over pairs of periods of those seen in both (2020, section 4)."""
    gappy = holes(frame)
    found = estimate(panel(gappy), Ask(NAME, {"effect": "every_switch", "gaps": "pairs"}))
    y, d = (gappy.pivot_table(index="unit", columns="time", values=v) for v in ("y", "d"))
    total = count = 0.0
    for t in range(2, 7):
        both = d[t].notna() & d[t - 1].notna()
        for was, sign in ((0, 1.0), (1, -1.0)):
            moves, stays = (both & (d[t - 1] == was) & ((d[t] != was) == switch) for switch in (True, False))
            if moves.any() and stays.any():
                change = y[t] - y[t - 1]
                total += sign * moves.sum() * (change[moves].mean() - change[stays].mean())
                count += moves.sum()
    assert found.att == pytest.approx(total / count, rel=1e-11)


CASES: list[tuple[Mapping[str, object], str, bool]] = [
    (X, "simple", False),
    ({**X, "normalised": True}, "dynamic", False),
    ({**X, "gaps": "pairs"}, "dynamic", True),
    ({"gaps": "pairs"}, "simple", True),
    ({"gaps": "pairs", "effect": "every_switch"}, "simple", True),
]


@pytest.mark.parametrize(("options", "kind", "gaps"), CASES)
def test_two_computations_agree(options: Mapping[str, object], kind: str, frame: pd.DataFrame, *, gaps: bool) -> None:
    data = panel(holes(frame) if gaps else frame, "w")
    ask = Ask(NAME, options, aggregation=kind, cluster="c")  # type: ignore[arg-type]
    found = estimate(data, ask)
    assert abs(again(data, ask).value - found.att) <= 1e-8 * abs(found.att)
    assert found.se is not None


@pytest.mark.parametrize(("options", "gaps"), [(X, False), ({**X, "gaps": "pairs"}, True)])
def test_influence_is_the_derivative_by_each_units_weight(
    options: Mapping[str, object], frame: pd.DataFrame, *, gaps: bool
) -> None:
    """Slopes included: a unit that is compared with nobody in a cell still moves it through them."""
    table = holes(frame) if gaps else frame
    found = estimate(panel(table, "w"), Ask(NAME, options))
    assert found.influence is not None
    for unit in (0, 3, 6):
        ends = []
        for step in (1e-5, -1e-5):
            moved = table.assign(w=table["w"] + step * (table["unit"] == unit))
            ends.append(estimate(panel(moved, "w"), Ask(NAME, options)).att)
        numeric = (ends[0] - ends[1]) / 2e-5 * 120 * (1.0 + unit % 3)
        assert numeric == pytest.approx(found.influence[unit], abs=1e-5 * float(np.std(found.influence)))


def test_a_rule_for_gaps_changes_no_bit_where_there_are_none(frame: pd.DataFrame) -> None:
    plain, ruled = (estimate(panel(frame), Ask(NAME, {"gaps": gaps})) for gaps in ("refuse", "pairs"))
    assert (plain.att, plain.se, plain.path) == (ruled.att, ruled.se, ruled.path)
    assert ruled.conventions["gaps"] == "none"


def test_covariates_take_off_what_they_do_and_change_no_count(frame: pd.DataFrame) -> None:
    """An outcome that is the covariates and nothing else has no effect left; nobody is counted twice."""
    plain = estimate(panel(frame), Ask(NAME))
    only = estimate(panel(frame.assign(y=3.0 * frame["x"] - 2.0 * frame["z"] + frame["unit"])), Ask(NAME, X))
    assert only.att == pytest.approx(0.0, abs=1e-10)
    assert only.counts.model_copy(update={"observations": 0}) == plain.counts.model_copy(update={"observations": 0})


REFUSED: list[tuple[Mapping[str, object], bool, str, str]] = [
    ({"effect": "every_switch", **X}, False, "RUN_NOT_OFFERED", "covariates go with"),
    ({"normalised": True, "gaps": "pairs"}, True, "RUN_NOT_OFFERED", "units lack periods"),
    ({}, True, "RUN_UNBALANCED_PANEL", "not observed in all 6 periods"),
    ({"covariates": ["w"]}, False, "RUN_UNKNOWN_COVARIATE", "'w' is not among the covariates"),
]


@pytest.mark.parametrize(("options", "gaps", "code", "words"), REFUSED)
def test_what_cannot_be_is_refused_by_name(
    options: Mapping[str, object], code: str, words: str, frame: pd.DataFrame, *, gaps: bool
) -> None:
    with pytest.raises(RunError, match=words) as caught:
        estimate(panel(holes(frame) if gaps else frame), Ask(NAME, options))
    assert caught.value.codes == (code,)


def test_a_covariate_that_moves_alike_for_all_is_refused_and_named(frame: pd.DataFrame) -> None:
    for x in (frame["time"] ** 2.0, frame["unit"] * 1.0):
        with pytest.raises(RunError, match="covariate 'x'") as caught:
            estimate(panel(frame.assign(x=x)), Ask(NAME, X))
        assert caught.value.codes == ("RUN_COLLINEAR",)


def test_the_direct_road_is_the_plans(frame: pd.DataFrame) -> None:
    names = {"outcome": "y", "unit": "unit", "time": "time", "treatment": "d", "cluster": "c"}
    direct = ev.did.switching(holes(frame), **names, covariates=["x", "z"], gaps="pairs")  # type: ignore[arg-type]
    planned = estimate(panel(holes(frame)), Ask(NAME, {**X, "gaps": "pairs"}, cluster="c"))
    assert (direct.att, direct.se, direct.interval) == (planned.att, planned.se, planned.interval)
    with pytest.raises(UsageError) as caught:
        ev.did.switching(frame, **names, covariates="x", gaps="rows")  # type: ignore[arg-type]
    assert caught.value.codes == ("USAGE_NOT_OFFERED", "USAGE_BAD_ARGUMENT")
