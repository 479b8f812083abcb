"""A number that is missing, or not one, is CANNOT_TELL: no gate ever reads it as good enough."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from gate_world import ask, design, diagonal, estimate, panel, path, plan, relative

from evaltool.gates._common import Finding, Measure, answer, finite
from evaltool.records.base import Words, canonical_json
from evaltool.records.estimate import Counts, SecondOpinion
from evaltool.records.ledger import LedgerEntry
from evaltool.records.lock import LockStatus
from evaltool.records.plugins import GateContext

NAN = math.nan


def test_finite() -> None:
    assert finite(1.0, None, 0.0)
    assert not finite(1.0, NAN)
    assert not finite(math.inf)


@pytest.mark.parametrize(("statistic", "threshold"), [(NAN, 1.0), (1.0, NAN), (math.inf, 1.0)])
def test_the_answer_itself_refuses_a_number_that_is_none(statistic: float, threshold: float) -> None:
    whole = plan()
    context = GateContext.__new__(GateContext)  # only what answer() looks at
    for name, value in {"plan": whole, "consequence": "block", "overridden": False}.items():
        object.__setattr__(context, name, value)
    words = Words(en="x")
    found = answer(
        context,
        Measure(name="g", reason="N_MIN", statistic=words, unit=words, source=words),
        Finding(
            verdict="PASS",
            sentence=words,
            statistic=statistic,
            threshold=threshold,
            evidence={"a": [NAN, 1.0], "b": {"c": math.inf}, "d": "text"},
        ),
    )
    assert (found.verdict, found.statistic, found.threshold, found.reason) == ("CANNOT_TELL", None, None, "N_MIN")
    assert found.evidence == {"a": ["not finite", 1.0], "b": {"c": "not finite"}, "d": "text"}
    assert found.blocks
    canonical_json(found)


@pytest.mark.parametrize(
    ("att", "se", "second"), [(NAN, 0.5, -2.0), (-2.0, NAN, -2.0), (-2.0, 0.5, NAN), (math.inf, 0.5, math.inf)]
)
def test_second_opinion(att: float, se: float, second: float) -> None:
    broken = estimate().model_copy(update={"att": att, "se": se})
    found = ask("second_opinion", headline=broken, opinion=SecondOpinion.model_construct(value=second, by="x"))
    assert (found.verdict, found.blocks) == ("CANNOT_TELL", True)


def test_minimum_sample() -> None:
    counts = Counts.model_construct(treated=80, comparison=120, observations=9, treated_weight=NAN, comparison_weight=9)
    broken = estimate().model_copy(update={"counts": counts})
    assert ask("minimum_sample", headline=broken, options={"count": "weights"}).verdict == "CANNOT_TELL"
    assert ask("minimum_sample", headline=estimate().model_copy(update={"se": NAN})).verdict == "CANNOT_TELL"


def test_pre_trend() -> None:
    good = estimate(path=path({-2: 0.0}, {0: -2.0}), event_covariance=diagonal([1.0, 1.0]))
    for covariance in (diagonal([NAN, 1.0]), diagonal([math.inf, 1.0])):
        assert ask("pre_trend", headline=good.model_copy(update={"event_covariance": covariance})).verdict == (
            "CANNOT_TELL"
        )
    assert ask("pre_trend", headline=good, thresholds=(NAN,)).verdict == "CANNOT_TELL"


def test_a_denominator_of_zero_gives_no_scale() -> None:
    whole = plan(estimand={"outcome": "absence", "scale": "relative", "denominator": "counterfactual"})
    good = estimate(path=path({-2: 0.0}, {0: -2.0}), event_covariance=diagonal([1.0, 1.0]))
    from_zero = good.model_copy(update={"relative": relative(-0.2, 0.1, 0.0)})
    assert ask("pre_trend", headline=from_zero, plan=whole).verdict == "CANNOT_TELL"
    placebo = ask(
        "placebo_in_time",
        headline=from_zero,
        plan=whole,
        panel=panel({1: 4.0, 2: math.inf}),
        refit=lambda _p: estimate(0.1, 0.1),
    )
    assert placebo.verdict == "CANNOT_TELL"


def test_rows_left_out_are_no_units() -> None:
    made = design({3: 80, None: 120}, dropped={"treated": 9})
    rows = LedgerEntry(stage="reading", reason="missing_value_row", what="row", arm="treated", count=2)
    with_rows = replace(made, ledger=made.ledger.plus(rows))
    assert ask("disclosure", design=with_rows).evidence["hidden"] == []


def test_a_lock_without_a_seal_is_no_lock() -> None:
    assert ask("locked", lock=LockStatus(state="locked")).verdict == "FAIL"
