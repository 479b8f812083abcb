"""A finding never calls an interval clear that fails in simulations: it says that it cannot be used, and why."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import evaltool as ev
from evaltool.reading.frames import FrameRoles, panel_from_frame
from evaltool.records.lock import LockStatus
from evaltool.records.plan.analysis import Design, Estimator, Inference, Option
from evaltool.records.plan.data import Column
from evaltool.records.run import Run
from evaltool.report.blocks import Figure
from evaltool.report.section import build_section

SIZES, SMALL = (3, 46, 20, 11, 33), (3, 12, 4, 5, 6)
"""Schools of five towns, and of each five of many."""
COLUMNS = {
    "unit": Column(name="unit", role="unit", type="integer"),
    "time": Column(name="time", role="time", type="integer"),
    "g": Column(name="g", role="first_treated", type="integer"),
    "d": Column(name="d", role="treated", type="integer"),
    "town": Column(name="town", role="cluster", type="text"),
    "y": Column(name="y", role="outcome", type="number", outcome="absence"),
}


@dataclass(frozen=True)
class Case:
    """Starts of the towns, the method, and the inference that the plan names."""

    starts: tuple[int, ...]
    estimator: Estimator
    inference: Mapping[str, object] = field(default_factory=dict)
    design: str = "groups.adoption"


def group_time(**options: Option) -> Estimator:
    return Estimator(method="did.group_time", options=options)


FIVE = (4, 4, 0, 0, 0)
CASES: Mapping[str, Case] = {
    "five towns of 3 to 46": Case(FIVE, group_time()),
    "one town treated": Case((0, 4, *(0,) * 10), group_time()),
    "rows as independent": Case((4,) * 6 + (5,) * 5 + (0,) * 10, Estimator(method="did.twfe"), {"primary": "hc1"}),
    "treatment that switches": Case(FIVE, Estimator(method="did.switching"), design="groups.switching"),
    "twenty-one towns": Case((4,) * 6 + (5,) * 5 + (0,) * 10, group_time()),
}


def world(starts: tuple[int, ...]) -> pd.DataFrame:
    """Towns of schools, six periods, a fall of 3 from the start on."""
    r = np.random.default_rng(3)
    rows = []
    for town, g in enumerate(starts):
        shock = r.normal(scale=0.4, size=7).cumsum()
        for school in range((SIZES if len(starts) == len(SIZES) else SMALL)[town % 5]):
            rows += [
                {"unit": 100 * town + school, "time": t, "g": g, "town": f"t{town:02d}", "d": int(t >= g > 0),
                 "y": 20.0 + shock[t] + r.normal() - 3.0 * (t >= g > 0)}
                for t in range(1, 7)
            ]  # fmt: skip
    return pd.DataFrame(rows)


def run_of(samples: Path, case: Case) -> Run:
    """The sample's contract, which pays on the point, on other towns."""
    sample = ev.read_plan(samples / "school_absence" / "plan.toml")
    switching = case.design == "groups.switching"
    used = ("unit", "time", "d" if switching else "g", "town", "y")
    roles = FrameRoles(
        "unit",
        "y",
        "time",
        first_treated=None if switching else "g",
        treated="d" if switching else None,
        cluster="town",
    )
    panel = panel_from_frame(world(case.starts), roles)
    panel = panel.with_frame(panel.frame.rename(columns={"y.y": "y.absence"}))
    single = case.estimator.method == "did.twfe"
    plan = sample.model_copy(
        update={
            "data": sample.data.model_copy(update={"column": tuple(COLUMNS[key] for key in used)}),
            "design": Design(method=case.design),
            "estimator": case.estimator,
            "estimand": sample.estimand.model_copy(
                update={"scale": "absolute", "denominator": None, "aggregation": "none" if single else "simple"}
            ),
            "inference": Inference.model_validate({"cluster": "town", **case.inference}),
            "sensitivity": (),
            "governance": sample.governance.model_copy(update={"side_by_side": False}),
        }
    )
    return ev.evaluate(plan, panel, lock=LockStatus(state="locked", seal=plan.seal))


@pytest.fixture(scope="module")
def runs(samples: Path) -> Mapping[str, Run]:
    return {name: run_of(samples, case) for name, case in CASES.items()}


def told(run: Run, section: str, lang: str) -> str:
    """A section's words."""
    blocks = build_section(section, run, lang).blocks
    return json.dumps([block.to_json() for block in blocks if not isinstance(block, Figure)], ensure_ascii=False)


SAID = {
    "five towns of 3 to 46": ("cannot be used (fewer than five clusters", "kan ikke bruges (færre end fem klynger"),
    "one town treated": ("Not to be relied on", "Kan ikke lægges til grund"),
    "rows as independent": ("cannot be used (rows of one unit", "kan ikke bruges (rækker for samme enhed"),
    "treatment that switches": ("cannot be used (fewer than five clusters", "kan ikke bruges (færre end fem klynger"),
}


@pytest.mark.parametrize("name", SAID)
def test_the_finding_refuses_to_call_it_usable(name: str, runs: Mapping[str, Run]) -> None:
    """MacKinnon & Webb 2018; docs/METHODS.md: five unequal clusters hold in 77, one treated in 25 of 100 samples."""
    run = runs[name]
    for lang, words in zip(("en", "da"), SAID[name], strict=True):
        finding = told(run, "key_findings", lang)
        assert words in finding
        assert ("Clear: " if lang == "en" else "Tydelig") not in finding
    sentence = "Whether chance alone could have produced the difference"
    assert (sentence in told(run, "can_and_cannot", "en")) == (name != "one town treated")  # there nothing is decided


def test_an_interval_that_would_have_been_clear_is_not_called_so(runs: Mapping[str, Run]) -> None:
    """Its ends lie on one side of zero: without the check the finding would have read "Clear"."""
    found = runs["five towns of 3 to 46"].estimate.interval
    assert found is not None
    assert found.upper < 0.0
    assert "**The interval cannot be used**: fewer than five clusters" in told(
        runs["five towns of 3 to 46"], "key_findings", "en"
    )


def test_with_clusters_enough_it_is_called_clear(runs: Mapping[str, Run]) -> None:
    finding = told(runs["twenty-one towns"], "key_findings", "en")
    assert "Clear: the whole confidence interval" in finding
    assert "cannot be used" not in finding
