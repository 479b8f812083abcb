"""Cross-sections, gaps, triple differences and treatment that switches through the whole corridor and its reports."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import evaltool as ev
from evaltool.reading.frames import FrameRoles, panel_from_frame
from evaltool.records.lock import LockStatus
from evaltool.records.panel import Panel
from evaltool.records.plan.analysis import Design, Estimator, InferenceRule, Option
from evaltool.records.plan.data import Column
from evaltool.records.plan.evaluation_plan import EvaluationPlan
from evaltool.records.run import Run
from evaltool.report.blocks import Figure
from evaltool.report.section import build_section, section_names

EFFECT = -3.0


def followed(units: int = 160) -> pd.DataFrame:
    """Towns seen in eight years: starts in 4, 6 and never, half eligible; some switch off again in ``d``."""
    r = np.random.default_rng(12)
    g, q = np.array([4, 6, 0, 0])[np.arange(units) % 4], np.arange(units) // 4 % 2
    rows = []
    for u in range(units):
        for t in range(1, 9):
            on = bool(g[u]) and t >= g[u]
            d = on and not (u % 3 == 0 and t >= 8)
            y = 20.0 + u % 5 + 0.2 * t + r.normal(scale=0.5)
            row = {"unit": u, "time": t, "g": int(g[u]), "q": int(q[u]), "d": int(d), "w": 30 + u % 7}
            rows.append(row | {"absence": y + EFFECT * on, "able": y + EFFECT * on * q[u], "off": y + EFFECT * d})
    return pd.DataFrame(rows)


def met_once() -> pd.DataFrame:
    """The same towns, another person in every row."""
    frame = followed()
    return frame.assign(unit=np.arange(len(frame)))


KEYS = (
    "same_treatment_kept", "repeated_cross_sections", "first_switch", "every_switch", "cells_without_data",
    "switching_units", "comparison_weights", "rows_as_cross_sections", "switches_turned", "effect of switching (",
)  # fmt: skip
"""Words of the machine record that belong to no reader."""
COLUMNS = {
    "unit": Column(name="unit", role="unit", type="integer"),
    "time": Column(name="time", role="time", type="integer"),
    "g": Column(name="g", role="first_treated", type="integer"),
    "d": Column(name="d", role="treated", type="integer"),
    "q": Column(name="q", role="covariate", type="integer"),
    "w": Column(name="w", role="weight", type="integer"),
}
CASES: Mapping[str, tuple[str, str, Mapping[str, Option], str, tuple[str, ...]]] = {
    "sections": ("did.group_time", "groups.adoption", {"sampling": "repeated_cross_sections"}, "absence", ("g",)),
    "pairs": ("did.group_time", "groups.adoption", {"gaps": "pairs"}, "absence", ("g",)),
    "rows": ("did.group_time", "groups.adoption", {"gaps": "rows"}, "absence", ("g",)),
    "triple": ("did.triple", "groups.eligibility", {"eligible": "q"}, "able", ("g", "q")),
    "switching": ("did.switching", "groups.switching", {}, "off", ("d",)),
    "every": ("did.switching", "groups.switching", {"effect": "every_switch"}, "off", ("d",)),
}


def plan_and_panel(samples: Path, name: str) -> tuple[EvaluationPlan, Panel]:
    method, design, options, outcome, used = CASES[name]
    frame = met_once() if name == "sections" else followed()
    if name in {"pairs", "rows"}:
        frame = frame[(frame["unit"] * 5 + frame["time"]) % 23 != 0]
    names = {"first_treated": "g" if "g" in used else None, "treated": "d" if "d" in used else None}
    able = ("q",) if "q" in used else ()
    roles = FrameRoles("unit", "absence", "time", covariates=able, weight="w", balance="keep", **names)
    panel = panel_from_frame(frame.assign(absence=frame[outcome]), roles)
    sample = ev.read_plan(samples / "school_absence" / "plan.toml")
    measured = Column(name="absence", role="outcome", type="number", outcome="absence")
    data = sample.data.model_copy(
        update={"column": (*(COLUMNS[key] for key in ("unit", "time", "w", *used)), measured), "balance": "keep"}
    )
    changes: dict[str, object] = {
        "data": data,
        "design": Design(method=design),
        "estimator": Estimator(method=method, options=dict(options)),
        "estimand": sample.estimand.model_copy(update={"scale": "absolute", "denominator": None}),
        "sensitivity": (),
        "inference": sample.inference.model_copy(update={"rule": ()}),
        "governance": sample.governance.model_copy(update={"side_by_side": False}),
    }
    return sample.model_copy(update=changes), panel


@pytest.fixture(scope="module")
def runs(samples: Path) -> Mapping[str, Run]:
    found = {}
    for name in CASES:
        plan, panel = plan_and_panel(samples, name)
        found[name] = ev.evaluate(plan, panel, lock=LockStatus(state="locked", seal=plan.seal))
    return found


@pytest.mark.parametrize("name", CASES)
def test_the_corridor_decides_on_it(name: str, runs: Mapping[str, Run]) -> None:
    """The planted effect is found, a second computation agrees, nothing small is shown, and every gate answers."""
    run = runs[name]
    verdicts = {gate.name: gate.verdict for gate in run.gates}
    assert verdicts["second_opinion"] == "PASS"
    assert verdicts["disclosure"] == "PASS"
    assert run.estimate.se is not None
    assert abs(run.estimate.att - EFFECT) < 4.0 * run.estimate.se
    assert run.estimate.se < 0.5
    assert run.decision.state.startswith(("PAY", "REFER", "NO_PAYMENT"))


@pytest.mark.parametrize(("name", "lang"), [("sections", "da"), ("triple", "en"), ("switching", "da"), ("every", "en")])
def test_reports_say_it_in_words(name: str, lang: str, runs: Mapping[str, Run]) -> None:
    """Every section is drawn, and none shows a key of the machine record."""
    blocks = [block for section in section_names() for block in build_section(section, runs[name], lang).blocks]
    told = json.dumps([block.to_json() for block in blocks if not isinstance(block, Figure)], ensure_ascii=False)
    assert [key for key in KEYS if key in told] == []


@pytest.mark.parametrize("name", ["switching", "every"])
def test_a_rule_that_counts_clusters_needs_one_start_for_each_unit(name: str, samples: Path) -> None:
    plan, panel = plan_and_panel(samples, name)
    rule = (InferenceRule(use="randomisation", treated_below=10),)
    ruled = plan.model_copy(update={"inference": plan.inference.model_copy(update={"rule": rule})})
    with pytest.raises(ev.errors.RunError, match="RUN_INFERENCE_NOT_OFFERED"):
        ev.evaluate(ruled, panel, lock=LockStatus(state="locked", seal=ruled.seal))
