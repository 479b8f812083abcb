"""Every matched or weighted design, and every estimator on it, from a plan to a released record and its pages."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from matched_plans import MATCHING
from matched_worlds import cross_section

from evaltool.bundle.determination import determination_bytes
from evaltool.pipeline.corridor import evaluate
from evaltool.pipeline.design_lock import lock_design
from evaltool.reading.blind_panel import read_blind_panel
from evaltool.reading.design_lock import write_design_lock
from evaltool.reading.lock_file import write_lock
from evaltool.reading.panel_file import read_panel
from evaltool.reading.plan_file import read_plan
from evaltool.records.run import Run
from evaltool.report.blocks import Table
from evaltool.report.section import build_section

SECTIONS = ("design", "people_flow", "balance", "overlap_scores", "methods", "main_estimate")
CASES = [
    ("matching.optimal", "ratio = 2", "weighted.difference", "ATT"),
    ("matching.full", "", "weighted.difference", "ATT"),
    ("matching.subclass", "subclasses = 4", "weighted.difference", "ATT"),
    ("matching.coarsened_exact", "bins = { a = 3, b = 3 }", "weighted.g_computation", "ATT"),
    ("matching.nearest", 'replace = true\nestimand = "ATE"', "weighted.difference", "ATE"),
    ("matching.nearest", "replace = true", "weighted.bias_corrected", "ATT"),
    ("weighting.inverse_propensity", 'estimand = "ATE"', "weighted.doubly_robust", "ATE"),
    ("weighting.entropy_balancing", "", "weighted.g_computation", "ATT"),
    ("weighting.covariate_balancing", 'estimand = "ATO"', "weighted.difference", "ATO"),
    ("weighting.stable", 'tolerance = "0.05"', "weighted.difference", "ATT"),
]
DENOMINATOR = {
    "ATT": ("i indsatsgruppen", "of the treatment group"),
    "ATE": ("begge gruppers varians", "both groups' variances"),
    "ATO": ("blandt alle, vægtet", "everybody, weighted"),
}
"""What mean differences are divided by, in words."""


def run_of(folder: Path, method: str, options: str, estimator: str, target: str, more: str = "") -> Run:
    frame = cross_section(71, 120, 400).rename(
        columns={"unit": "id", "treated": "offered", "x.a": "a", "x.b": "b", "y.y": "y"}
    )
    frame["offered"] = frame["offered"].map({True: "true", False: "false"})
    frame.drop(columns="weight").to_csv(folder / "data.csv", index=False)
    head = MATCHING.split("[design]", maxsplit=1)[0].replace('target = "ATT"', f'target = "{target}"')
    design = f'[design]\nmethod = "{method}"\n\n[design.options]\ncovariates = ["a", "b"]\n{options}\n\n'
    (folder / "plan.toml").write_text(f'{head}{design}[estimator]\nmethod = "{estimator}"\n{more}', encoding="utf-8")
    plan = read_plan(folder / "plan.toml")
    write_lock(plan)
    write_design_lock(plan, lock_design(plan, read_blind_panel(plan)))
    panel = read_panel(plan)
    return evaluate(plan, panel)


@pytest.mark.parametrize(("method", "options", "estimator", "target"), CASES)
def test_from_plan_to_pages(tmp_path: Path, method: str, options: str, estimator: str, target: str) -> None:
    run = run_of(tmp_path, method, options, estimator, target)
    assert run.lock.design == "locked"
    assert run.estimate.att == pytest.approx(2.0, abs=1.0), "the true effect"
    assert run.estimate.estimand == target
    verdicts = {gate.name: gate.verdict for gate in run.gates}
    assert verdicts["second_opinion"] == "PASS"
    assert verdicts["estimand_changed"] == "PASS"
    assert b"evaltool.determination" in determination_bytes(run)
    for lang in ("da", "en"):
        for section in SECTIONS:
            blocks = build_section(section, run, lang).blocks
            assert blocks or section == "main_estimate", section
    assert pd.notna(run.estimate.se)
    for lang, words in zip(("da", "en"), DENOMINATOR[target], strict=True):
        notes = [block.note for block in build_section("balance", run, lang).blocks if isinstance(block, Table)]
        assert words in str(notes[0])
    evidence = next(gate.evidence for gate in run.gates if gate.name == "balance")
    assert {"ATT": "all treated", "ATE": "both groups'", "ATO": "under the weights"}[target] in str(
        evidence["denominator"]
    )


def test_matched_changes_from_plan_to_pages(tmp_path: Path) -> None:
    """``before`` is a column of the plan; methods that stand beside take the change too."""
    run = run_of(tmp_path, "matching.full", "", "weighted.difference", "ATT", '\n[estimator.options]\nbefore = ["b"]\n')
    assert run.estimate.att == pytest.approx(2.0, abs=1.0), "the true effect"
    assert run.estimate.conventions["before"] == "b"
    assert {gate.name: gate.verdict for gate in run.gates}["second_opinion"] == "PASS"
