"""What every payment mechanism must obey, whatever its formula: more effect never pays less, and nothing is a float."""

from __future__ import annotations

import subprocess
import sys
from datetime import date
from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaltool import registry
from evaltool.payment.trace import TRACE_KEYS
from evaltool.records.evidence import EstimateKey, Evidence
from evaltool.records.mechanism import MechanismResult, RuleRequest
from evaltool.records.options import parse_options
from evaltool.records.plan.analysis import Option
from evaltool.records.plan.payment import Rule

EXAMPLES: dict[str, dict[str, Option]] = {
    "unit_tariff": {"price": Decimal("15.12"), "cap": Decimal(1000)},
    "binary_threshold": {"threshold": Decimal("0.1"), "amount": Decimal(100)},
    "step_tiers": {
        "tiers": (
            {"from": Decimal("0.05"), "amount": Decimal(10)},
            {"from": Decimal("0.1"), "amount": Decimal(25)},
        )
    },
    "piecewise_linear": {
        "knots": (
            {"at": Decimal("0.05"), "amount": Decimal(10)},
            {"at": Decimal("0.1"), "amount": Decimal(25)},
        )
    },
    "partial_complete": {
        "partial_from": Decimal("0.05"),
        "complete_from": Decimal("0.1"),
        "partial_amount": Decimal(10),
        "complete_amount": Decimal(25),
    },
    "cohort_then_pooled": {
        "cohort_threshold": Decimal("0.1"),
        "cohort_amount": Decimal(10),
        "pooled_threshold": Decimal("0.075"),
        "pooled_amount": Decimal(25),
        "equal_weights": True,
    },
    "person_tariff": {
        "prices": ({"outcome": "y", "price": Decimal(100)}, {"outcome": "z", "price": Decimal(10), "once": True}),
        "person_cap": Decimal(105),
        "cap": Decimal(200),
    },
    "net_units": {"price": Decimal(100), "expected_rate": "1/40", "cap": Decimal(1000)},
    "shared_savings": {
        "share": Decimal("0.5"),
        "savings": ({"payer": "Kommune", "price": Decimal(300)}, {"outcome": "z", "price": Decimal(200)}),
        "people": 40,
        "cap": Decimal(1000),
    },
    "weighted_composite": {
        "components": (
            {"outcome": "y", "weight": Decimal("0.8"), "target": Decimal("0.2"), "ratio_cap": Decimal("1.5")},
            {"outcome": "z", "weight": Decimal("0.2"), "target": Decimal("0.1"), "ratio_cap": Decimal("1.5")},
        ),
        "amount": Decimal(100),
    },
    "blended_estimators": {
        "blend": (
            {"specification": "primary", "weight": Decimal("0.8")},
            {"specification": "other", "weight": Decimal("0.2")},
        ),
        "tiers": ({"from": Decimal("0.05"), "amount": Decimal(10)}, {"from": Decimal("0.1"), "amount": Decimal(25)}),
    },
    "volume_tiers": {
        "steps": ({"up_to": Decimal("0.1"), "price": Decimal(100)}, {"up_to": Decimal(500), "price": Decimal(60)}),
        "routes": ({"outcome": "y"}, {"outcome": "z", "maximum_share": Decimal("0.25")}),
        "cap": Decimal(1000),
    },
    "hurdle": {"of": "part", "threshold": Decimal("0.05")},
    "net_of_offsets": {"of": "part", "offsets": ({"why": "paid by another contract", "amount": Decimal(3)},)},
    "interim_true_up": {"of": "part", "interim_share": Decimal("0.75"), "final_from": date(2026, 1, 1)},
    "waterfall": {"of": "part", "principal": Decimal(20), "return_cap": Decimal("0.1")},
    "sum_of": {"of": ("part", "twin")},
    "smallest_of": {"of": ("part", "twin")},
    "largest_of": {"of": ("part", "twin")},
    "all_of": {"of": ("part", "twin")},
}
PARTS = {"part": "piecewise_linear", "twin": "step_tiers"}
"""The rules that rules of rules are made of here."""
"""One set of terms per mechanism; a new mechanism adds its own line here."""
NAMES = sorted(registry.mechanism_names())
COHORTS = ("first", "second")
POINTS = st.decimals(min_value=Decimal("-0.5"), max_value=Decimal("0.9"), places=5)


def figure(outcome: str, point: Decimal, lower: Decimal | None, **key: str) -> Evidence:
    """One estimate, counted or not."""
    return Evidence(
        key=EstimateKey(outcome=outcome, **key),
        kind="effect",
        point=point,
        lower=lower,
        is_exact=True,
        units=1,
        counts=(point, point),
    )


def pay(
    name: str, point: Decimal, *, inclusive: bool = True, lower: Decimal | None = None, as_of: date = date(2026, 6, 30)
) -> MechanismResult:
    """What the mechanism pays when every figure (of every cohort, outcome, specification and part) is ``point``."""
    plugin = registry.mechanism(name)
    cohorts = COHORTS if plugin.per_cohort else ("all",)
    rule = Rule(id=name, mechanism=name, outcome="y", inclusive=inclusive)
    return plugin.pay(
        RuleRequest(
            rule=rule,
            terms=parse_options(plugin.terms, EXAMPLES[name], "terms"),
            basis="point_estimate" if lower is None else "lower_bound",
            evidence=tuple(figure("y", point, lower, cohort=cohort) for cohort in cohorts),
            cohorts=COHORTS if plugin.per_cohort else (),
            outcomes={outcome: figure(outcome, point, lower) for outcome in ("y", "z")},
            specifications={one: figure("y", point, lower, specification=one) for one in ("primary", "other")},
            parts={}
            if name in PARTS.values()
            else {id_: pay(part, point, inclusive=inclusive, lower=lower) for id_, part in PARTS.items()},
            payers=("Kommune", "Region"),
            as_of=as_of,
        )
    )


def test_every_mechanism_has_an_example() -> None:
    assert set(EXAMPLES) == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
@given(points=st.lists(POINTS, min_size=2, max_size=6))
def test_more_effect_never_pays_less(name: str, points: list[Decimal]) -> None:
    amounts = [pay(name, point).amount for point in sorted(points)]
    assert all(low <= high for low, high in pairwise(amounts))


@pytest.mark.parametrize("name", NAMES)
@given(point=POINTS)
def test_an_amount_lies_between_nothing_and_the_top(name: str, point: Decimal) -> None:
    result = pay(name, point)
    assert result.absent is None
    assert result.amount >= 0
    assert result.maximum is None or result.amount <= result.maximum
    assert result.trace
    assert (result.amount == 0) == (result.tier in {"none", "carried_forward"})
    if result.maximum is not None and result.amount == result.maximum:
        assert result.tier == "full"


@pytest.mark.parametrize("name", NAMES)
def test_no_effect_and_harm_pay_nothing(name: str) -> None:
    assert pay(name, Decimal(0)).amount == 0
    assert pay(name, Decimal("-0.3")).amount == 0


@pytest.mark.parametrize("name", NAMES)
def test_thresholds_rise_and_decide_the_edge(name: str) -> None:
    """Exactly on its first threshold an inclusive rule has triggered and a strict one has not."""
    plugin = registry.mechanism(name)
    found = plugin.thresholds(parse_options(plugin.terms, EXAMPLES[name], "terms"))
    assert list(found) == sorted(found)
    if found:
        assert pay(name, found[0], inclusive=True).amount > 0
        assert pay(name, found[0], inclusive=False).amount == 0
        assert pay(name, found[0] + Decimal("1e-12"), inclusive=False).amount > 0
        assert pay(name, found[0] - Decimal("1e-12"), inclusive=True).amount == 0


@pytest.mark.parametrize("name", NAMES)
def test_the_stated_maximum_is_what_a_very_large_effect_pays(name: str) -> None:
    plugin = registry.mechanism(name)
    stated = plugin.maximum(parse_options(plugin.terms, EXAMPLES[name], "terms"))
    huge = pay(name, Decimal(100_000))
    assert huge.maximum is not None
    assert huge.amount == huge.maximum
    assert stated == huge.maximum or (stated is None and "of" in EXAMPLES[name])


@pytest.mark.parametrize("name", NAMES)
@given(point=POINTS)
def test_payers_and_offsets_are_parts_of_the_amount(name: str, point: Decimal) -> None:
    result = pay(name, point)
    assert 0 <= result.offset <= result.amount
    assert all(owed >= 0 for owed in result.by_payer.values())
    assert sum(result.by_payer.values(), Decimal(0)) <= result.amount + Decimal("1e-30")


@pytest.mark.parametrize("name", NAMES)
@given(point=POINTS)
def test_a_trace_step_holds_what_its_key_promises(name: str, point: Decimal) -> None:
    assert all(tuple(step.values) == TRACE_KEYS[step.key] for step in pay(name, point).trace)


@pytest.mark.parametrize("name", NAMES)
def test_the_trace_is_exact_and_in_canonical_text(name: str) -> None:
    for step in pay(name, Decimal("0.0777")).trace:
        assert step.key == step.key.lower()
        assert not any(isinstance(value, float) for value in step.values.values())


@pytest.mark.parametrize("name", NAMES)
def test_a_lower_bound_pays_no_more_than_the_point(name: str) -> None:
    point, lower = Decimal("0.12"), Decimal("0.06")
    assert pay(name, point, lower=lower).amount <= pay(name, point).amount


def test_paying_loads_no_arrays() -> None:
    names = " ".join(registry.mechanism_names().values())
    code = "import sys,importlib;[importlib.import_module(m) for m in sys.argv[1:]];print('numpy' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code, *names.split()], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
