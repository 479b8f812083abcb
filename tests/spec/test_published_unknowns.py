"""What a published figure does not state is not made up: no size, no denominator, no unit of the outcome."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from evaltool.bundle.determination import determination_of
from evaltool.pipeline import evaluate
from evaltool.reading.plan_file import read_plan
from evaltool.records.run import Run
from evaltool.report.blocks import Prose, Table
from evaltool.report.pictures import effect_picture
from evaltool.report.section import build_section
from evaltool.report.telling import Telling

SAMPLE = Path(__file__).resolve().parents[2] / "data_samples" / "peterborough" / "contract"


@cache
def pooled(name: str = "pooled") -> Run:
    """Cohort 1 was published with rates, cohort 2 as a share alone; neither with sizes."""
    return evaluate(read_plan(SAMPLE / name / "plan.toml"), None)


def page(run: Run, section: str, lang: str) -> str:
    """Prose and cells of a section."""
    found: list[str] = []
    for block in build_section(section, run, lang).blocks:
        if isinstance(block, Prose):
            found.append(block.text)
        elif isinstance(block, Table):
            found += [cell for row in block.rows for cell in row]
    return "\n".join(found)


def test_sizes_that_nobody_published_are_none() -> None:
    for estimate in pooled().estimates:
        counts = estimate.counts
        assert (counts.treated, counts.comparison, counts.observations) == (None, None, None)
        assert estimate.nobs is None
        assert "0" not in str(estimate.summary).split("Treated units:")[1].split("Comparison")[0]
    told = determination_of(pooled())
    estimate_told = told["estimate"]
    assert isinstance(estimate_told, dict)
    assert (estimate_told["n_treated"], estimate_told["n_comparison"]) == (None, None)
    steps = [step for step in pooled().decision.trace if step.key == "rule.evidence"]
    assert [step.values["units"] for step in steps] == [None, None]


def test_a_share_alone_carries_no_unit_of_the_outcome() -> None:
    first, second = pooled().estimates
    assert (first.unit, first.att) == ("reconviction events per 100 released", -13.0)
    assert (second.unit, second.att) == ("share of the counterfactual", -0.097)
    assert second.relative is not None
    assert second.relative.denominator_value is None
    for lang in ("da", "en"):
        text = page(pooled(), "main_estimate", lang)
        assert "0,097" not in text
        assert "0.097" not in text
        assert "1 (" not in text.replace("155 (", "")
    assert "not published" in str(second.summary)


def test_no_second_computation_is_claimed_where_the_check_does_not_apply() -> None:
    run = pooled()
    assert next(g.verdict for g in run.gates if g.name == "second_opinion") == "NOT_APPLICABLE"
    assert run.second_opinion is None
    assert determination_of(run)["second_opinion"] is None
    assert "second" not in page(run, "main_estimate", "en").lower()
    assert "Resultat" not in page(run, "main_estimate", "da")


def test_two_tests_are_no_ladder() -> None:
    """10 % pays 50 for each cohort, 7.5 % pays 100 for (8.39 + 9.7) / 2 = 9.045 %, which decides."""
    picture = effect_picture(Telling(pooled(), "en"))
    assert picture is not None
    assert picture.tiers == ()
    found = [(r.label, str(r.point), r.decisive, None if r.own is None else str(r.own.threshold)) for r in picture.rows]
    assert found == [
        ("Cohort 1", "0.0839", False, "0.10"),
        ("Cohort 2", "0.097", False, "0.10"),
        ("Pooled (all cohorts)", "0.09045", True, "0.075"),
    ]
    assert [r.own.words for r in picture.rows if r.own] == ["50% of the maximum"] * 2 + ["100% of the maximum"]
    early = effect_picture(Telling(pooled("cohort_1"), "da"))
    assert early is not None
    assert [(r.label, str(r.own and r.own.threshold), r.decisive) for r in early.rows] == [("Kohorte 1", "0.10", True)]
