"""Full matching against enumeration, its certificate, its uniqueness, and what is refused."""

from __future__ import annotations

import itertools
from decimal import Decimal

import numpy as np
import pytest
from matched_worlds import asked, built, cross_section, panel_of

import evaltool as ev
from evaltool.designs.matching import full
from evaltool.designs.matching.full import PLUGIN, FullOptions
from evaltool.errors import RunError
from evaltool.estimators.weighted.difference import PLUGIN as DIFFERENCE
from evaltool.estimators.weighted.difference import DifferenceOptions
from evaltool.numerics.edge_cover import Arcs, Cover, check, cover
from evaltool.records.plan.analysis import Estimand


def arcs_of(cost: np.ndarray, allowed: np.ndarray) -> Arcs:
    row, column = np.nonzero(allowed)
    return Arcs(row, column, cost[row, column], (cost.shape[0], cost.shape[1]))


def every(arcs: Arcs) -> list[tuple[int, ...]]:
    """All optima by enumeration: covers of everybody with an arc, least cost first, then the fewest arcs."""
    pairs = list(zip(arcs.row.tolist(), arcs.column.tolist(), strict=True))
    found: dict[tuple[int, ...], tuple[int, int]] = {}
    for size in range(len(pairs) + 1):
        for chosen in itertools.combinations(range(len(pairs)), size):
            if {pairs[e][0] for e in chosen} == set(arcs.row.tolist()) and {pairs[e][1] for e in chosen} == set(
                arcs.column.tolist()
            ):
                found[chosen] = (int(sum(arcs.cost[e] for e in chosen)), size)
    best = min(found.values())
    return [chosen for chosen, value in found.items() if value == best]


def chosen_in_order(arcs: Arcs, optima: list[tuple[int, ...]], found: Cover) -> tuple[int, ...]:
    """The optimum that the rule of ``cover`` leaves, by striking optima one choice at a time."""
    m = arcs.shape[0]
    ends = [(i, j + m) for i, j in zip(arcs.row.tolist(), arcs.column.tolist(), strict=True)]
    alone = set(np.flatnonzero(np.concatenate([found.rows, found.columns]) > 0).tolist())
    settled = set(optima[0]).intersection(*map(set, optima))
    joined = dict.fromkeys(range(sum(arcs.shape)), 0)
    for i, j in (ends[e] for e in settled):
        joined[j] += i in alone
        joined[i] += j in alone
    for v in sorted(alone):
        mine = [e for e, pair in enumerate(ends) if v in pair]
        if not settled.intersection(mine):
            other = {e: next(u for u in ends[e] if u != v) for e in mine}
            may = [e for e in mine if any(e in one for one in optima)]
            best = min(may, key=lambda e: (joined[other[e]], other[e]))
            optima = [one for one in optima if best in one]
            settled.add(best)
            joined[other[best]] += 1
            joined[v] += other[best] in alone
    assert len(optima) == 1
    return optima[0]


def test_the_optimum_the_order_decides_is_found() -> None:
    several = 0
    for seed in range(150):
        r = np.random.default_rng(seed)
        shape = (int(r.integers(1, 5)), int(r.integers(1, 5)))
        arcs = arcs_of(r.integers(0, 3, shape), r.random(shape) < 0.8)
        if not 0 < arcs.row.shape[0] <= 11:
            continue
        optima, found = every(arcs), cover(arcs)
        assert found.optima == (len(optima) > 1)
        assert tuple(found.chosen.tolist()) == chosen_in_order(arcs, optima, found)
        several += found.optima
    assert several > 30


def test_the_certificate_refuses_what_is_not_optimal() -> None:
    arcs = arcs_of(np.array([[1, 5, 9], [2, 1, 9]]), np.ones((2, 3), dtype=bool))
    found = cover(arcs)
    check(arcs, found.chosen, found.rows, found.columns)
    for chosen, rows, columns in (
        (found.chosen[:-1], found.rows, found.columns),
        (np.arange(6), found.rows, found.columns),
        (found.chosen, found.rows + 1, found.columns - 1),
        (found.chosen, found.rows - 1, found.columns),
        (found.chosen, found.rows, found.columns + 1),
    ):
        with pytest.raises(ValueError, match="do not prove"):
            check(arcs, chosen, rows, columns)


def test_costs_beyond_whole_numbers_are_refused() -> None:
    with pytest.raises(ValueError, match="too large"):
        cover(arcs_of(np.array([[2**60]]), np.ones((1, 1), dtype=bool)))


@pytest.mark.parametrize("discrete", [False, True])
def test_an_auditor_can_check_the_sealed_potentials_in_one_pass(discrete: bool) -> None:
    frame = cross_section(31, 25, 60, discrete=discrete)
    design = built(PLUGIN, FullOptions(covariates=("a", "b")), panel_of(frame))
    facts = design.summary.matching
    assert facts is not None
    assert design.weights is not None
    assert design.pairs is not None
    w = design.weights
    base = facts.conventions["potential_base"]
    assert base == 86
    y, score = w["potential"].to_numpy(), w["score"].to_numpy()
    treated = w["treated"].to_numpy()
    counted = np.rint(np.abs(score[treated][:, None] - score[~treated]) * 1e9).astype(np.int64) * base + 1
    assert y.min() >= 0
    assert (y[treated][:, None] + y[~treated] <= counted).all()
    place = {arm: {u: k for k, u in enumerate(w.loc[treated == arm, "unit"])} for arm in (True, False)}
    pairs = zip(design.pairs["treated"], design.pairs["comparison"], strict=True)
    assert sum(int(counted[place[True][t], place[False][c]]) for t, c in pairs) == y.sum()
    sizes = w.groupby("set")["treated"].agg(["sum", "size"])
    assert (np.minimum(sizes["sum"], sizes["size"] - sizes["sum"]) == 1).all()
    assert facts.treated_matched == 25
    assert facts.comparison_matched == 60


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"estimand": "ATE"},
        {"estimand": "ATC", "caliper": Decimal("0.1")},
        {"distance": "mahalanobis", "calipers": {"b": 2}},
        {"exact": ("a",)},
    ],
)
def test_rows_in_any_order_and_every_sum_again(options: dict[str, object]) -> None:
    frame = cross_section(32, 20, 45, discrete="exact" in options)
    chosen = FullOptions.model_validate({"covariates": ("a", "b"), **options})
    panel = panel_of(frame)
    design = built(PLUGIN, chosen, panel)
    assert built(PLUGIN, chosen, panel_of(frame.sample(frac=1.0, random_state=4))).summary == design.summary
    target = Estimand(outcome="y", target=str(options.get("estimand", "ATT")))  # type: ignore[arg-type]
    request = asked(DifferenceOptions(), design, panel, estimand=target)
    assert DIFFERENCE.second_opinion is not None
    found = DIFFERENCE.estimate(request)
    assert found.counts.clusters == design.summary.matching.sets  # type: ignore[union-attr]
    assert DIFFERENCE.second_opinion(request).value == pytest.approx(found.att, rel=1e-9)


def test_a_caliper_leaves_out_and_renames_or_refuses(monkeypatch: pytest.MonkeyPatch) -> None:
    frame = cross_section(33, 20, 30)
    narrow = {"covariates": ("a", "b"), "caliper": Decimal("0.01")}
    design = built(PLUGIN, FullOptions.model_validate(narrow), panel_of(frame))
    facts = design.summary.matching
    assert facts is not None
    assert facts.estimand == "ATT among the matched treated"
    assert sum(entry.count for entry in design.ledger.entries) == 50 - facts.treated_matched - facts.comparison_matched
    with pytest.raises(RunError, match="RUN_TREATED_UNMATCHED"):
        built(PLUGIN, FullOptions.model_validate({**narrow, "unmatched_treated": "refuse"}), panel_of(frame))
    with pytest.raises(RunError, match="RUN_NO_MATCH"):
        built(PLUGIN, FullOptions.model_validate({**narrow, "caliper": Decimal("0.0000001")}), panel_of(frame))
    for limit in ("PAIRS", "ARCS"):
        with monkeypatch.context() as patched:
            patched.setattr(full, limit, 10)
            with pytest.raises(RunError, match="RUN_TOO_LARGE"):
                built(PLUGIN, FullOptions(covariates=("a", "b")), panel_of(frame))


def test_the_direct_road() -> None:
    frame = cross_section(34, 20, 50)
    plain = frame.rename(columns={"x.a": "a", "x.b": "b", "y.y": "y"})
    found = ev.matching.full(
        plain, treatment="treated", covariates=["a", "b"], unit="unit", estimand="ATE", caliper=1.0
    )
    options = FullOptions(covariates=("a", "b"), estimand="ATE", caliper=Decimal("1.0"))
    assert found.facts == built(PLUGIN, options, panel_of(frame)).summary.matching
    assert ev.weighted.difference(found, plain, outcome="y").att is not None
