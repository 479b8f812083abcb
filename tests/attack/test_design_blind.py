"""A design builder that wants to see outcomes: it looks at everything its request leads to, and does not find them."""

from __future__ import annotations

import gc
import types
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from evaltool import registry
from evaltool.designs.donors.pool import PLUGIN as DONORS
from evaltool.designs.matching.nearest import PLUGIN as MATCHED
from evaltool.pipeline.corridor import evaluate
from evaltool.pipeline.design_lock import lock_design
from evaltool.reading.blind_panel import read_blind_panel
from evaltool.reading.lock_file import write_lock
from evaltool.reading.panel_file import read_panel
from evaltool.reading.plan_file import read_plan
from evaltool.records.design import Design
from evaltool.records.plan.evaluation_plan import EvaluationPlan
from evaltool.records.plugins import DesignPlugin, DesignRequest
from tests.spec.matched_plans import CONTROL, MATCHING
from tests.spec.matched_worlds import cross_section

SECRET = 70_000.0
"""Outcomes from here on lie after their unit's own start."""
CODE = (type, types.ModuleType, types.FunctionType, types.BuiltinFunctionType, types.FrameType, types.MethodType)


def seen_from(start: object) -> set[float]:
    """Every number that can be reached from an object by following references: arrays, their bases, floats, text."""
    found: set[float] = set()
    known: dict[int, object] = {}
    waiting = [start]
    while waiting:
        thing = waiting.pop()
        if id(thing) in known or isinstance(thing, CODE):
            continue
        known[id(thing)] = thing
        if isinstance(thing, float):
            found.add(thing)
        elif isinstance(thing, np.ndarray):
            if thing.dtype.kind in "fiu":
                found |= set(thing.astype(np.float64).ravel().tolist())
            waiting.append(thing.base)
        waiting += gc.get_referents(thing)
    return found


def secrets(numbers: set[float]) -> list[float]:
    return sorted(n for n in numbers if SECRET <= n < 2 * SECRET)


def towns(folder: Path) -> EvaluationPlan:
    """25 towns, 20 years; T00 starts in 2014, and nobody's outcome from 2014 on may be seen."""
    r = np.random.default_rng(3)
    paths = r.normal(size=(25, 2)) @ r.normal(size=(20, 2)).cumsum(axis=0).T + 20 + 0.1 * r.normal(size=(25, 20))
    paths[0] = paths[1:4].mean(axis=0)
    paths[0, 14:] += 3.0
    paths[:, 14:] += SECRET + 1000
    rows = [
        (f"T{i:02d}", 2000 + t, 2014 if i == 0 else "", round(float(paths[i, t]), 4))
        for i in range(25)
        for t in range(20)
    ]
    pd.DataFrame(rows, columns=["town", "year", "start", "y"]).to_csv(folder / "data.csv", index=False)
    return planned(folder, CONTROL)


def people(folder: Path) -> EvaluationPlan:
    """A cross-section: every outcome lies after the start."""
    frame = cross_section(1, 100, 600).rename(
        columns={"unit": "id", "treated": "offered", "x.a": "a", "x.b": "b", "y.y": "y"}
    )
    frame["offered"] = frame["offered"].map({True: "true", False: "false"})
    frame["y"] += SECRET + 1000
    frame.drop(columns="weight").to_csv(folder / "data.csv", index=False)
    return planned(folder, MATCHING)


def planned(folder: Path, text: str) -> EvaluationPlan:
    (folder / "plan.toml").write_text(text, encoding="utf-8")
    plan = read_plan(folder / "plan.toml")
    write_lock(plan)
    return plan


def rogue(honest: DesignPlugin, seen: list[DesignRequest]) -> DesignPlugin:
    """A builder that keeps its request and then does what the honest one does."""

    def build(request: DesignRequest) -> Design:
        seen.append(request)
        return honest.build(request)

    return replace(honest, build=build)


@pytest.mark.parametrize(("world", "honest"), [(towns, DONORS), (people, MATCHED)])
def test_no_outcome_after_the_start_is_reachable_from_a_design_request(
    world: Callable[[Path], EvaluationPlan], honest: DesignPlugin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = world(tmp_path)
    panel = read_panel(plan)
    assert panel is not None
    assert secrets(seen_from(panel)), "the walk itself must be able to find outcomes"
    seen: list[DesignRequest] = []
    spy = rogue(honest, seen)
    monkeypatch.setattr(registry, "design", lambda _name: spy)
    evaluate(plan, panel)
    lock_design(plan, panel)
    lock_design(plan, read_blind_panel(plan))
    assert len(seen) >= 3
    for request in seen:
        numbers = seen_from(request)
        assert secrets(numbers) == []
        assert request.plan.path is None
        assert request.panel is not None
        assert request.panel.masked
        frame = request.panel.frame
        hidden = frame["period"] >= 2014 if "period" in frame else np.ones(len(frame), dtype=bool)
        assert frame.loc[hidden, "y.y"].isna().all()
        if request in (seen[0], *seen[-2:]):  # the others are asked for placebo starts, and see even less
            assert frame.loc[~hidden, "y.y"].notna().all()
    if world is towns:
        early = panel.frame.loc[panel.frame["period"] < 2014, "y.y"]
        assert set(early) <= seen_from(seen[0])


@pytest.mark.parametrize(("world", "changes"), [(towns, "after"), (people, "all")])
def test_other_outcomes_after_the_start_give_the_same_sealed_design(
    world: Callable[[Path], EvaluationPlan], changes: str, tmp_path: Path
) -> None:
    plan = world(tmp_path)
    first = lock_design(plan, read_blind_panel(plan))
    data = pd.read_csv(tmp_path / "data.csv", dtype={"start": "string"})
    later = data["year"] >= 2014 if changes == "after" else np.ones(len(data), dtype=bool)
    data.loc[later, "y"] = np.random.default_rng(9).permutation(data.loc[later, "y"].to_numpy()) * -3.0
    data.to_csv(tmp_path / "data.csv", index=False)
    again = lock_design(plan, read_blind_panel(plan))
    assert again == first
    assert first.outcomes_hidden == int(np.sum(later))
    data["y"] = data["y"].where(~later)
    data.to_csv(tmp_path / "data.csv", index=False)
    unknown = lock_design(plan, read_blind_panel(plan))
    assert unknown.outcomes_hidden == 0
    assert (unknown.design, unknown.units) == (first.design, first.units)
