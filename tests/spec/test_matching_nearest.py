"""Nearest-neighbour matching: who is matched with whom, worked by hand; what is refused; what is promised."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from matched_worlds import built, cross_section, panel_of
from pydantic import ValidationError

from evaltool.designs.matching._nearest_options import NearestOptions
from evaltool.designs.matching.nearest import PLUGIN
from evaltool.errors import RunError
from evaltool.numerics.balance import Groups, compare, effective_size, is_binary, spread
from evaltool.numerics.matching import Arm, MatchRule, nearest, to_grid
from evaltool.numerics.separation import find_separation
from evaltool.records.design import Design

X = ("a", "b")


def arms(treated: list[int], comparison: list[int]) -> tuple[Arm, Arm]:
    """Two arms with these scores in one stratum; ranks: the treated first, in the order given."""
    n = len(treated)
    zero = np.zeros(n + len(comparison), dtype=np.int64)
    ranks = np.arange(n + len(comparison))
    return (
        Arm(score=np.array(treated), stratum=zero[:n], rank=ranks[:n]),
        Arm(score=np.array(comparison), stratum=zero[n:], rank=ranks[n:]),
    )


HAND = [
    # treated       comparison            rule                                         pairs (treated, comparison)
    # largest first: 50 takes 48, then 47 has 30 left
    ([50, 47], [30, 48], MatchRule(), {(0, 1), (1, 0)}),
    # smallest first: 47 takes 48, 50 has 30 left
    ([50, 47], [30, 48], MatchRule(order="smallest"), {(1, 1), (0, 0)}),
    # closest pair first: 47–48 is 1 apart
    ([50, 47], [30, 48], MatchRule(order="closest"), {(1, 1), (0, 0)}),
    # equally far below and above: the lower score
    ([10], [12, 8], MatchRule(), {(0, 1)}),
    # equal scores below: the last in line, the one nearest to the treated; above: the first
    ([10], [8, 8], MatchRule(), {(0, 1)}),
    ([10], [12, 12], MatchRule(), {(0, 0)}),
    # same score as the treated, who stands first in line: the first after it
    ([10], [10, 10], MatchRule(), {(0, 0)}),
    # the caliper is inclusive; beyond it nobody
    ([10, 20], [13, 24], MatchRule(caliper=3), {(0, 0)}),
    # ratio 2: everybody has a first match before anybody a second: 30→29, 20→21, then 30→25; 20 has 10
    ([30, 20], [29, 21, 25, 10], MatchRule(ratio=2), {(0, 0), (1, 1), (0, 2), (1, 3)}),
    # more treated than comparison: the smallest score stays alone
    ([30, 20], [25], MatchRule(), {(0, 0)}),
    # with replacement: both take 20, and 24 takes both its ties at distance 4
    ([21, 24], [20, 28, 20], MatchRule(replace=True), {(0, 0), (0, 2), (1, 0), (1, 1), (1, 2)}),
    # ratio 2 with replacement: second nearest at 10 and 30, both
    ([20], [21, 10, 30, 99], MatchRule(replace=True, ratio=2), {(0, 0), (0, 1), (0, 2)}),
    ([20], [21, 10, 30, 99], MatchRule(replace=True, ratio=2, caliper=9), {(0, 0)}),
]


@pytest.mark.parametrize(("treated", "comparison", "rule", "wanted"), HAND)
def test_by_hand(treated: list[int], comparison: list[int], rule: MatchRule, wanted: set[tuple[int, int]]) -> None:
    found = nearest(*arms(treated, comparison), rule)
    assert set(zip(found.treated.tolist(), found.comparison.tolist(), strict=True)) == wanted
    scores = np.abs(np.array(treated)[found.treated] - np.array(comparison)[found.comparison])
    assert found.distance.tolist() == scores.tolist()


def test_equidistant_choices_are_counted() -> None:
    assert nearest(*arms([10], [12, 8]), MatchRule()).equidistant == 1
    assert nearest(*arms([10], [10, 10]), MatchRule()).equidistant == 0


def test_a_long_line_of_taken_units_is_passed_over() -> None:
    treated, comparison = [1000 + k for k in range(500)], list(range(600))
    found = nearest(*arms(treated, comparison), MatchRule())
    taken = sorted(found.comparison.tolist())
    assert taken == list(range(100, 600))


def test_scores_are_put_on_a_grid() -> None:
    assert to_grid(np.array([0.1 + 0.2, 0.3])).tolist() == [300000000000, 300000000000]
    with pytest.raises(ValueError, match="a million"):
        to_grid(np.array([1e7]))


def line(treated: list[float], comparison: list[float], **more: list[float]) -> pd.DataFrame:
    """A cross-section with one covariate ``a``; units numbered in the order given."""
    n, m = len(treated), len(comparison)
    columns = {f"x.{name}": values for name, values in more.items()}
    return pd.DataFrame(
        {
            "unit": np.arange(n + m),
            "treated": [True] * n + [False] * m,
            "weight": 1.0,
            "x.a": [*treated, *comparison],
            **columns,
            "y.y": np.arange(n + m, dtype=float),
        }
    )


def design(frame: pd.DataFrame, **options: object) -> Design:
    return built(PLUGIN, NearestOptions(**({"covariates": ("a",)} | options)), panel_of(frame))


def weights(found: Design) -> list[float]:
    assert found.weights is not None
    return [float(w) for w in found.weights["weight"]]


def test_weights_without_replacement_average_one() -> None:
    """Treated 3 takes 4 and 2, treated 6 takes 5 and 7: four comparison units in two sets of two."""
    found = design(line([3.0, 6.0], [4.0, 5.0, 2.0, 7.0, 0.0]), ratio=2)
    assert weights(found) == [1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 0.0]
    assert found.weights is not None
    assert found.weights["set"].tolist() == [1, 2, 1, 2, 1, 2, 0]


def test_weights_with_replacement_share_ties() -> None:
    """Units 3, 4 and 5 tie for treated 0: a third each; unit 2 is nearest to treated 1 alone.

    Sums 1, 1/3, 1/3, 1/3 over two sets, scaled to average 1 over four units: 2, 2/3, 2/3, 2/3.
    """
    found = design(line([3.0, 6.0], [6.0, 2.5, 2.5, 2.5, 20.0]), replace=True)
    assert weights(found) == pytest.approx([1, 1, 2, 2 / 3, 2 / 3, 2 / 3, 0])
    facts = found.summary.matching
    assert facts is not None
    assert facts.sets == 0
    assert facts.effective_n == pytest.approx(16 / (4 + 3 * 4 / 9))
    assert facts.largest_weight_share == pytest.approx(0.5)
    assert facts.tied_units == 0


def test_exact_columns_hold_within_sets_and_unmatched_are_counted_by_reason() -> None:
    frame = line([3.0, 6.0, 5.0, 4.0], [4.0, 5.0, 6.5, 2.0], g=[1, 2, 3, 1, 1, 2, 2, 2])
    found = design(frame, exact=("g",))
    assert found.pairs is not None
    group = frame.set_index("unit")["x.g"]
    assert (group[found.pairs["treated"]].to_numpy() == group[found.pairs["comparison"]].to_numpy()).all()
    said = [(e.arm, e.count, e.detail) for e in found.ledger.entries]
    assert ("treated", 1, "no comparison unit is equal in the exact columns") in said
    assert ("treated", 1, "every comparison unit it could have was taken") in said
    assert found.summary.submitted_units == found.summary.analysed_units + found.ledger.count("unit")
    facts = found.summary.matching
    assert facts is not None
    assert facts.estimand == "ATT among the matched treated"
    assert facts.matched_share == 0.5


def test_the_caliper_is_a_multiple_of_the_stated_deviation() -> None:
    frame = cross_section(3)
    widths = {}
    for sd in ("overall", "mean_of_groups", "pooled"):
        facts = built(PLUGIN, NearestOptions(covariates=X, caliper=Decimal("0.1"), caliper_sd=sd), panel_of(frame))
        assert facts.summary.matching is not None
        assert facts.weights is not None
        widths[sd] = facts.summary.matching.caliper
        assert facts.summary.matching.largest_distance <= widths[sd] + 2e-12
        score, own = facts.weights["score"].to_numpy(), facts.weights["treated"].to_numpy(dtype=bool)
        one, other = np.std(score[own], ddof=1), np.std(score[~own], ddof=1)
        wanted = {
            "overall": np.std(score, ddof=1),
            "mean_of_groups": (one + other) / 2,
            "pooled": np.sqrt((one**2 + other**2) / 2),
        }
        assert widths[sd] == pytest.approx(0.1 * wanted[sd], rel=1e-12)
    assert len(set(widths.values())) == 3


@pytest.mark.parametrize("poison", [0.0, 1e9, -7.5])
def test_a_builder_handed_real_outcomes_cannot_see_them(poison: float) -> None:
    frame = cross_section(5)
    options = NearestOptions(covariates=X, caliper=Decimal("0.2"))
    blind = built(PLUGIN, options, panel_of(frame))
    from evaltool.records.plugins import DesignRequest  # noqa: PLC0415 - only here

    seeing = panel_of(frame.assign(**{"y.y": frame["y.y"] * poison}))
    handed = PLUGIN.build(DesignRequest(plan=None, options=options, panel=seeing))  # type: ignore[arg-type]
    assert handed.summary == blind.summary
    without = PLUGIN.build(DesignRequest(plan=None, options=options, panel=panel_of(frame.drop(columns="y.y"))))  # type: ignore[arg-type]
    assert without.summary == blind.summary


REFUSED = [
    ({"covariates": ("agee",)}, {}, "RUN_UNKNOWN_COVARIATE", "'agee'"),
    ({"covariates": ("a", "flat")}, {"flat": 1.0}, "RUN_COLLINEAR", "'flat'"),
    ({"covariates": ("a", "twice")}, {"twice": None}, "RUN_COLLINEAR", "'a'"),
    ({"tie_order": "flat"}, {"flat": 1.0}, "RUN_TIE_ORDER", "share a value"),
    ({"covariates": ("a", "gap")}, {"gap": np.nan}, "RUN_COVARIATE_MISSING", "no value"),
]


@pytest.mark.parametrize(("options", "extra", "code", "said"), REFUSED)
def test_bad_columns_are_refused(options: dict[str, object], extra: dict[str, object], code: str, said: str) -> None:
    frame = cross_section(2)
    for name, value in extra.items():
        frame[f"x.{name}"] = frame["x.a"] * 2.0 if value is None else value
    with pytest.raises(RunError) as caught:
        design(frame, **options)
    assert caught.value.codes == (code,)
    assert said in str(caught.value)


def test_every_fault_is_said_at_once() -> None:
    frame = cross_section(2)
    frame["weight"] = np.arange(1.0, len(frame) + 1.0)
    frame["treated"] = False
    with pytest.raises(RunError) as caught:
        design(frame, covariates=("a", "nope"), exact=("neither",))
    assert caught.value.codes == (
        "RUN_NOBODY_TREATED",
        "RUN_UNIT_WEIGHTS",
        "RUN_UNKNOWN_COVARIATE",
        "RUN_UNKNOWN_COVARIATE",
    )


def test_nobody_to_compare_with_and_repeated_units_are_refused() -> None:
    frame = cross_section(2)
    with pytest.raises(RunError) as caught:
        design(frame.assign(treated=True))
    assert caught.value.codes == ("RUN_NO_COMPARISON",)
    with pytest.raises(RunError) as caught:
        design(pd.concat([frame, frame]))
    assert caught.value.codes == ("RUN_NEEDS_CROSS_SECTION",)
    with pytest.raises(RunError) as caught:
        design(frame.drop(columns="treated"))
    assert caught.value.codes == ("RUN_NEEDS_CROSS_SECTION",)


def test_one_unit_is_refused() -> None:
    with pytest.raises(RunError) as caught:
        design(line([1.0], []))
    assert caught.value.codes == ("RUN_NO_COMPARISON",)


def test_nobody_matched_and_treated_left_out_are_refused_as_the_plan_says() -> None:
    frame = line([3.0, 6.0, 5.0], [4.0, 5.5, 2.0, 7.0], g=[1, 1, 1, 2, 2, 2, 2])
    with pytest.raises(RunError) as caught:
        design(frame, exact=("g",))
    assert caught.value.codes == ("RUN_NO_MATCH",)
    frame["x.g"] = [1.0, 1, 2, 1, 1, 1, 1]
    with pytest.raises(RunError) as caught:
        design(frame, exact=("g",), unmatched_treated="refuse")
    assert caught.value.codes == ("RUN_TREATED_UNMATCHED",)


SEPARATED = [
    ("one covariate completely", lambda d, x, z: {"a": x, "b": np.where(d, 5.0, 1.0) + 0.1 * z}, "Covariate 'b' alone"),
    ("one group all treated", lambda d, x, z: {"a": x + z, "b": np.where(d & (x > 1.0), 1.0, 0.0)}, "in one group"),
    ("two together", lambda d, x, z: {"a": x, "b": np.where(d, 3.0, -3.0) - x + 0.1 * z}, "'a' and 'b' together"),
]


@pytest.mark.parametrize(("_what", "columns", "said"), SEPARATED)
def test_separation_names_the_covariate(_what: str, columns: object, said: str) -> None:
    r = np.random.default_rng(4)
    d = np.arange(60) < 20
    x, z = 4.0 * r.normal(size=60), r.normal(size=60)
    made = columns(d, x, z)
    frame = pd.DataFrame({"unit": np.arange(60), "treated": d, "x.a": made["a"], "x.b": made["b"], "x.c": z, "y.y": x})
    with pytest.raises(RunError) as caught:
        design(frame, covariates=("a", "b", "c"))
    assert caught.value.codes == ("RUN_SEPARATION",)
    assert said in str(caught.value)


def test_what_is_not_separated_is_not_called_so() -> None:
    frame = cross_section(1)
    found = find_separation(frame[["x.a", "x.b"]].to_numpy(), frame["treated"].to_numpy())
    assert found.columns == ()


@pytest.mark.parametrize(
    "options",
    [
        {"replace": True, "order": "closest"},
        {"replace": True, "tie_order": "a"},
        {"caliper_sd": "pooled"},
        {"covariates": ()},
        {"covariates": ("a", "a")},
        {"caliper": Decimal(0)},
        {"caliper": 0.2},
        {"ratio": 0},
        {"ratios": 2},
    ],
)
def test_options_that_would_be_ignored_or_make_no_sense_are_refused(options: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        NearestOptions(**({"covariates": ("a",)} | options))


def test_balance_by_hand() -> None:
    """Treated 1, 3; comparison 0 (weight 1), 2 (weight 3): means 2 and 1.5; treated SD √2."""
    x = np.array([1.0, 3.0, 0.0, 2.0])
    groups = Groups(np.array([True, True, False, False]), np.array([1.0, 1.0, 1.0, 3.0]))
    found = compare(x, groups, sd=float(np.sqrt(2.0)), binary=False)
    assert found.smd == pytest.approx(0.5 / np.sqrt(2.0))
    # weighted variance of the comparison: (1/4·2.25 + 3/4·0.25) / (1 − 10/16) = 0.75 / 0.375 = 2
    assert found.variance_ratio == pytest.approx(1.0)
    # distribution functions: at 0: 0 and 1/4; at 1: 1/2 and 1/4; at 2: 1/2 and 1
    assert found.ks == pytest.approx(0.5)
    assert effective_size(np.array([1.0, 3.0])) == pytest.approx(1.6)


def test_balance_where_nothing_varies() -> None:
    x = np.array([1.0, 1.0, 0.0, 0.0])
    groups = Groups(np.array([True, True, False, False]), np.ones(4))
    found = compare(x, groups, sd=spread(x[:2]), binary=is_binary(x))
    assert found.smd is None
    assert found.ks == 1.0
    with pytest.raises(ValueError, match="both groups"):
        compare(x, Groups(np.array([True] * 4), np.ones(4)), sd=1.0, binary=True)
