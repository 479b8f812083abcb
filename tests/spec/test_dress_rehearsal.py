"""Dress rehearsals: what is put in comes out beside what is there already; refusals on the direct road."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from gate_world import ask, can, panel, plan
from test_gates_synthetic import control

import evaltool as ev
from evaltool.counterfactual import SyntheticControl
from evaltool.gates.dress_rehearsal import injected
from evaltool.gates.placebo_in_time import earlier
from evaltool.records.estimate import Estimate
from evaltool.records.gate import GateResult
from evaltool.records.panel import Panel

WHO = {"outcome": "y", "unit": "town", "time": "year", "treated": "A", "start": 2012}
DONORS = ("synthetic_control", "augmented", "penalised", "interactive_effects", "matrix_completion")


def towns(towns: int = 7, years: int = 16) -> pd.DataFrame:
    r = np.random.default_rng(5)
    names = [chr(65 + k) for k in range(towns)]
    level = r.normal(size=(years, 2)).cumsum(axis=0) @ r.uniform(0.2, 1.0, size=(2, towns)) + 20
    rows = [(name, 2000 + t, level[t, k] + 0.2 * r.normal()) for k, name in enumerate(names) for t in range(years)]
    return pd.DataFrame(rows, columns=["town", "year", "y"])


def found(method: str = "synthetic_control", data: pd.DataFrame | None = None, **options: object) -> SyntheticControl:
    call = getattr(ev.counterfactual, method)
    return call(towns() if data is None else data, **WHO, level=0.8, **options)  # type: ignore[no-any-return]


@pytest.mark.parametrize("method", ["synthetic_control", "interactive_effects"])
def test_what_is_put_in_comes_out(method: str) -> None:
    """Weights and loadings never read the pretended treatment: 3 more come out as exactly 3 more. The finding
    without is the estimate on a frame cut before the real start."""
    estimate = found(method)
    rehearsed = estimate.rehearse(3.0, 4)
    assert rehearsed["with"] - rehearsed["without"] == pytest.approx(3.0, abs=1e-9)
    cut = towns().loc[lambda d: d["year"] < 2012]
    by_hand = getattr(ev.counterfactual, method)(cut, **(WHO | {"start": 2008}), level=0.8)
    assert rehearsed["without"] == by_hand.att
    with pytest.raises(ev.errors.UsageError, match="USAGE_NOT_OFFERED"):
        estimate.rehearse(3.0, 12)


ROWS = panel({1: 5.0, 2: math.inf, 3: math.inf})


def gate(refit: object = None, thresholds: tuple[float, ...] = (2.0, 4.0), data: Panel | None = None) -> GateResult:
    """A fall is good: contract's effects 2 and 4 are −2 and −4 in the outcome."""
    capabilities = can(family="counterfactual", designs=("donors.pool",), path=False, standard_error="never")
    rows = ROWS if data is None else data
    stated = {"capabilities": capabilities, "headline": control(-3.0), "thresholds": thresholds, "panel": rows}
    return ask("dress_rehearsal", refit=refit, **stated)  # type: ignore[arg-type]


def test_the_gate_refits_twice_with_the_smallest_threshold_put_in() -> None:
    """Found without: 0.5, below half of 2. Treated outcomes are lower by 2 in the pretended treated time alone."""
    seen: list[Panel] = []

    def refit(one: Panel) -> Estimate:
        seen.append(one)
        return control(-0.5 if len(seen) == 1 else -2.5)

    answer = gate(refit)
    assert (answer.verdict, answer.statistic, answer.threshold) == ("PASS", 0.5, 1.0)
    assert answer.evidence["with"] == 2.5
    plain, changed = (one.frame[f"y.{plan().estimand.outcome}"].to_numpy() for one in seen)
    treated = (seen[0].frame["period"] >= seen[0].frame["first_treated"]).to_numpy()
    assert np.allclose(changed[treated] - plain[treated], -2.0)
    assert np.array_equal(changed[~treated], plain[~treated])
    assert treated.any()


@pytest.mark.parametrize(("without", "verdict"), [(-0.99, "PASS"), (0.99, "PASS"), (-1.0, "REVIEW"), (1.5, "REVIEW")])
def test_half_of_the_contracts_effect_is_the_limit(without: float, verdict: str) -> None:
    answer = gate(lambda _: control(without))
    assert answer.verdict == verdict
    assert answer.reason == (None if verdict == "PASS" else "PLACEBO_FAIL")


def test_without_a_threshold_the_effect_found_is_rehearsed() -> None:
    assert gate(lambda _: control(-1.0), thresholds=()).evidence["effect"] == 3.0
    assert gate(None).verdict == "CANNOT_TELL"
    assert gate(lambda _: control(-1.0), thresholds=(-1.0,)).threshold == 1.5


def test_a_relative_effect_multiplies() -> None:
    placebo = earlier(ROWS, 0, None)
    assert placebo is not None
    name = plan().estimand.outcome
    more = injected(placebo, name, 0.1, relative=True).frame[f"y.{name}"]
    plain = placebo.panel.frame[f"y.{name}"]
    treated = placebo.panel.frame["period"] >= placebo.panel.frame["first_treated"]
    assert np.allclose(more[treated], 1.1 * plain[treated])


def spoiled() -> list[tuple[str, pd.DataFrame, dict[str, object], str]]:
    """What is refused, on a call of the direct road."""
    data = towns()
    constant = data.assign(y=np.where(data["town"] == "B", 3.0, data["y"]))
    few = data[data["town"].isin(["A", "B"])]
    hole = data.assign(y=data["y"].where(~((data["town"] == "C") & (data["year"] == 2003))))
    return [
        ("no time before", data, {"start": 2000}, "DATA_EMPTY_ARM"),
        ("one period before", data, {"start": 2001}, "RUN_SHORT_HISTORY"),
        ("one donor", few, {}, "RUN_TOO_FEW_DONORS"),
        ("a donor that never varies", constant, {}, "RUN_CONSTANT_DONOR"),
        ("a row that is missing", data.drop(index=20), {}, "DATA_UNBALANCED"),
        ("a value that is missing", hole, {}, "DATA_MISSING_VALUE"),
    ]


@pytest.mark.parametrize("method", DONORS)
@pytest.mark.parametrize(("data", "changed", "code"), [case[1:] for case in spoiled()], ids=[c[0] for c in spoiled()])
def test_refused_on_the_direct_road(method: str, data: pd.DataFrame, changed: dict[str, object], code: str) -> None:
    with pytest.raises(ev.errors.EvaltoolError) as caught:
        getattr(ev.counterfactual, method)(data, **(WHO | changed), level=0.8)
    assert code in caught.value.codes


@pytest.mark.parametrize("method", ["interrupted_series", "structural_series"])
def test_a_season_needs_two_of_them_on_the_direct_road(method: str) -> None:
    options = {"season": 7} | ({"harmonics": 1} if method == "interrupted_series" else {})
    with pytest.raises(ev.errors.RunError, match="RUN_SHORT_SEASONS"):
        getattr(ev.counterfactual, method)(towns().loc[lambda d: d["town"] == "A"], **WHO, **options)
