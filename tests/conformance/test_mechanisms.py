"""What every payment mechanism must obey, whatever its formula: more effect never pays less, and nothing is a float."""

from __future__ import annotations

import subprocess
import sys
from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaltool import registry
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
}
"""One set of terms per mechanism; a new mechanism adds its own line here."""
NAMES = sorted(registry.mechanism_names())
COHORTS = ("first", "second")
POINTS = st.decimals(min_value=Decimal("-0.5"), max_value=Decimal("0.9"), places=5)


def pay(name: str, point: Decimal, *, inclusive: bool = True, lower: Decimal | None = None) -> MechanismResult:
    """What the mechanism pays when the figure (of every cohort, where it tests cohorts) is ``point``."""
    plugin = registry.mechanism(name)
    per_cohort = plugin.per_cohort
    evidence = tuple(
        Evidence(
            key=EstimateKey(outcome="y", cohort=cohort),
            kind="verified_count" if plugin.uses == "count" else "effect",
            point=point,
            lower=lower,
            is_exact=True,
        )
        for cohort in (COHORTS if per_cohort else ("all",))
    )
    rule = Rule(id="r", mechanism=name, outcome="y", inclusive=inclusive)
    return plugin.pay(
        RuleRequest(
            rule=rule,
            terms=parse_options(plugin.terms, EXAMPLES[name], "terms"),
            basis="point_estimate" if lower is None else "lower_bound",
            evidence=evidence,
            cohorts=COHORTS if per_cohort else (),
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
    assert stated is not None
    assert huge.amount == huge.maximum == stated


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
