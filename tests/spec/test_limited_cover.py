"""Full matching with limits on the size of sets: against enumeration, its certificate, and what is refused."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest
from matched_worlds import asked, built, cross_section, panel_of

import evaltool as ev
from evaltool.designs.matching.full import PLUGIN, FullOptions
from evaltool.errors import RunError, UsageError
from evaltool.estimators.weighted.difference import PLUGIN as DIFFERENCE
from evaltool.estimators.weighted.difference import DifferenceOptions
from evaltool.numerics import limited_cover as module
from evaltool.numerics.edge_cover import Arcs, cover
from evaltool.numerics.limited_cover import Limits, NoCoverError, check_limited, limited_cover


def arcs_of(cost: np.ndarray, allowed: np.ndarray) -> Arcs:
    row, column = np.nonzero(allowed)
    return Arcs(row, column, cost[row, column], (cost.shape[0], cost.shape[1]))


def first_of_all(arcs: Arcs, limits: Limits) -> tuple[tuple[int, ...] | None, int]:
    """The optimum that holds the earliest arcs, by looking at every set of arcs, and how many optima there are."""
    m, size = arcs.shape[0], arcs.row.shape[0]
    has = np.bincount(np.concatenate([arcs.row, arcs.column + m]), minlength=sum(arcs.shape)) > 0
    least = np.where(has, np.repeat([limits.rows[0], limits.columns[0]], arcs.shape), 0)
    most = np.repeat([limits.rows[1], limits.columns[1]], arcs.shape)
    found: dict[tuple[int, int], list[tuple[int, ...]]] = {}
    for held in itertools.product((1, 0), repeat=size):
        chosen = np.flatnonzero(held)
        degree = np.bincount(np.concatenate([arcs.row[chosen], arcs.column[chosen] + m]), minlength=sum(arcs.shape))
        if ((degree >= least) & (degree <= most)).all():
            found.setdefault((int(arcs.cost[chosen].sum()), len(chosen)), []).append(tuple(chosen.tolist()))
    if not found:
        return None, 0
    best = found[min(found)]
    return best[0], len(best)  # the first in the order of enumeration holds the earliest arcs


def test_the_optimum_of_every_small_problem() -> None:
    several = impossible = 0
    for seed in range(220):
        r = np.random.default_rng(seed)
        shape = (int(r.integers(1, 4)), int(r.integers(1, 5)))
        arcs = arcs_of(r.integers(0, 2, shape), r.random(shape) < 0.85)
        if not 0 < arcs.row.shape[0] <= 10:
            continue
        least = 1 + int(r.random() < 0.3)
        limits = Limits((least, least + int(r.integers(0, 3))), (1, 1 if least > 1 else int(r.integers(1, 4))))
        wanted, optima = first_of_all(arcs, limits)
        if wanted is None:
            impossible += 1
            with pytest.raises(NoCoverError):
                limited_cover(arcs, limits)
            continue
        found = limited_cover(arcs, limits)
        assert tuple(found.chosen.tolist()) == wanted
        assert found.optima == (optima > 1)
        several += found.optima
    assert several > 15
    assert impossible > 15


def test_limits_that_do_not_bind_change_no_distance() -> None:
    r = np.random.default_rng(5)
    arcs = arcs_of(r.integers(0, 10**9, (25, 60)), np.ones((25, 60), dtype=bool))
    free, limited = cover(arcs), limited_cover(arcs, Limits((1, 60), (1, 25)))
    assert limited.chosen.tolist() == free.chosen.tolist()
    assert limited.total == free.total
    tighter = limited_cover(arcs, Limits((1, 3), (1, 2)))
    assert tighter.total > free.total
    assert np.bincount(arcs.row[tighter.chosen]).max() == 3


def test_the_certificate_refuses_what_is_not_optimal() -> None:
    arcs, limits = arcs_of(np.array([[1, 5, 9], [2, 1, 9]]), np.ones((2, 3), dtype=bool)), Limits((1, 2), (1, 1))
    found = limited_cover(arcs, limits)
    y = (found.rows, found.columns)
    check_limited(arcs, found.chosen, y, limits)
    for chosen, potentials in (
        (found.chosen[:-1], y),
        (np.arange(6), y),
        (found.chosen, (y[0] + 1, y[1])),
        (found.chosen, (y[0] - 1, y[1])),
    ):
        with pytest.raises(ValueError, match="do not prove"):
            check_limited(arcs, chosen, potentials, limits)


def test_what_is_too_large(monkeypatch: pytest.MonkeyPatch) -> None:
    alike = arcs_of(np.zeros((3, 3), dtype=np.int64), np.ones((3, 3), dtype=bool))
    with pytest.raises(ValueError, match="too large"):
        limited_cover(arcs_of(np.array([[2**50]]), np.ones((1, 1), dtype=bool)), Limits((1, 1), (1, 1)))
    monkeypatch.setattr(module, "FREE", 2)
    with pytest.raises(ValueError, match="in some optima"):
        limited_cover(alike, Limits((1, 2), (1, 1)))
    monkeypatch.setattr(module, "COPIES", 2)
    with pytest.raises(ValueError, match="copies"):
        limited_cover(alike, Limits((1, 2), (1, 1)))


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    return cross_section(35, 25, 60)


@pytest.mark.parametrize(
    ("options", "treated", "comparison"),
    [
        ({"max_controls": 4}, 99, 4),
        ({"max_controls": 3, "max_treated": 1}, 1, 3),
        ({"max_treated": 1}, 1, 99),
        ({"min_controls": 2, "max_controls": 3}, 1, 3),
        ({"max_controls": 5, "max_treated": 2, "exact": ("a",)}, 2, 5),
    ],
)
def test_sets_keep_their_sizes_in_any_order_of_rows(
    frame: pd.DataFrame, options: dict[str, object], treated: int, comparison: int
) -> None:
    """Every sum again from the sealed design: sizes, distances and the potentials that prove them least."""
    frame = cross_section(36, 25, 60, discrete=True) if "exact" in options else frame
    frame = frame[frame["x.a"].between(-1, 2)] if "exact" in options else frame
    chosen = FullOptions.model_validate({"covariates": ("a", "b"), **options})
    panel = panel_of(frame)
    design = built(PLUGIN, chosen, panel)
    assert built(PLUGIN, chosen, panel_of(frame.sample(frac=1.0, random_state=4))).summary == design.summary
    w, facts = design.weights, design.summary.matching
    assert w is not None
    assert facts is not None
    inside = w[w["set"] > 0]
    assert len(inside) == len(frame)
    mine = inside.groupby("set")["treated"].sum()
    theirs = inside.groupby("set")["treated"].size() - mine
    assert mine.max() <= treated
    assert chosen.min_controls <= theirs.min()
    assert theirs.max() <= comparison
    assert (np.minimum(mine, theirs) == 1).all()
    y, arm, score = w["potential"].to_numpy(), w["treated"].to_numpy(), w["score"].to_numpy()
    base = facts.conventions["potential_base"]
    assert isinstance(base, int)
    counted = np.rint(np.abs(score[arm][:, None] - score[~arm]) * 1e9).astype(np.int64) * base + 1
    if "exact" not in options:
        assert (y[arm][:, None] + y[~arm] <= counted).all()
    assert design.pairs is not None
    place = {side: {u: k for k, u in enumerate(w.loc[arm == side, "unit"])} for side in (True, False)}
    pairs = zip(design.pairs["treated"], design.pairs["comparison"], strict=True)
    total = sum(int(counted[place[True][t], place[False][c]]) for t, c in pairs)
    limits = chosen.limits(len(frame))
    assert limits is not None
    least = np.where(arm, limits.rows[0], limits.columns[0])
    most = np.where(arm, limits.rows[1], limits.columns[1])
    assert total == int(np.sum(least * np.maximum(y, 0) - most * np.maximum(-y, 0)))
    request = asked(DifferenceOptions(), design, panel)
    assert DIFFERENCE.second_opinion is not None
    assert DIFFERENCE.second_opinion(request).value == pytest.approx(DIFFERENCE.estimate(request).att, rel=1e-9)


def test_on_the_direct_road(frame: pd.DataFrame) -> None:
    plain = frame.rename(columns=lambda name: name.removeprefix("x.").removeprefix("y."))
    named = {"treatment": "treated", "covariates": ["a", "b"], "unit": "unit"}
    found = ev.matching.full(plain, **named, max_controls=4, max_treated=2)  # type: ignore[arg-type]
    chosen = FullOptions(covariates=("a", "b"), max_controls=4, max_treated=2)
    assert found.design.summary.matching == built(PLUGIN, chosen, panel_of(frame)).summary.matching
    free = ev.matching.full(plain, **named)  # type: ignore[arg-type]
    assert "max_controls" not in free.facts.conventions
    for wrong, said in (
        ({"min_controls": 3, "max_controls": 2}, "below min_controls"),
        ({"min_controls": 2, "max_treated": 2}, "leave max_treated out"),
    ):
        with pytest.raises(UsageError, match=said):
            ev.matching.full(plain, **named, **wrong)  # type: ignore[arg-type]


def test_sizes_in_which_not_everybody_finds_a_place_are_refused(frame: pd.DataFrame) -> None:
    for sizes in ({"max_controls": 2}, {"min_controls": 3}):
        with pytest.raises(RunError) as caught:
            built(PLUGIN, FullOptions.model_validate({"covariates": ("a", "b"), **sizes}), panel_of(frame))
        assert caught.value.codes == ("RUN_SET_SIZE",)
        assert "25 treated and 60 comparison" in caught.value.faults[0].cause
