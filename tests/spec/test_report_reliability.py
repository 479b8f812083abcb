"""Strength of evidence is never called clear beside a failed check; a figure never shows thresholds it lacks."""

from __future__ import annotations

import re
import runpy
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from evaltool.plotting.effect import draw_effect
from evaltool.plotting.event_study import draw_event_study
from evaltool.records.run import Run
from evaltool.report.pictures import effect_picture
from evaltool.report.sections._sentences import evidence_key, evidence_sentence, result_sentences
from evaltool.report.telling import Telling

RUNS: dict[str, Callable[[], Run]] = runpy.run_path(str(Path(__file__).with_name("report_runs.py")))["RUNS"]


def judged(verdict: str, consequence: str = "block") -> Run:
    """The school run, which pays on a clear effect, with one check answered otherwise."""
    run = RUNS["school"]()
    changes = {"verdict": verdict, "consequence": consequence, "reason": "PRETREND_REVIEW"}
    gates = tuple(g.model_copy(update=changes) if g.name == "pre_trend" else g for g in run.gates)
    assert any(g.name == "pre_trend" for g in gates)
    return run.model_copy(update={"gates": gates})


@pytest.mark.parametrize(
    ("lang", "opening", "clear"), [("en", "Not to be relied on", "Clear"), ("da", "Kan ikke", "Klar:")]
)
@pytest.mark.parametrize("verdict", ["FAIL", "CANNOT_TELL"])
def test_a_figure_behind_a_failed_check_is_never_clear(verdict: str, lang: str, opening: str, clear: str) -> None:
    """Also where the contract's fallback pays: the state alone does not tell."""
    run = judged(verdict)
    assert run.decision.state in {"PAY_FULL", "PAY_PARTIAL"}
    telling = Telling(run, lang)
    assert evidence_key(telling) == "blocked"
    sentence = evidence_sentence(telling)
    assert sentence.startswith(opening)
    assert telling.name_of("gate", "pre_trend") in re.sub(r"\\(.)", r"\1", sentence)
    assert clear not in sentence


def test_open_reviews_qualify_what_is_clear() -> None:
    plain = RUNS["school"]()
    gates = tuple(g for g in plain.gates if not g.asks_for_review)
    assert evidence_sentence(Telling(plain.model_copy(update={"gates": gates}), "en")).endswith("good side of zero.")
    sentence = evidence_sentence(Telling(judged("REVIEW", "review"), "en"))
    assert sentence.startswith("Clear:")
    assert "await a person's judgement" in sentence


def test_a_change_is_told_as_a_change() -> None:
    run = RUNS["school"]()
    estimates = tuple(e.model_copy(update={"kind": "change"}) for e in run.estimates)
    for lang, said, never in (
        ("en", "the change lies between", "improvement"),
        ("da", "ligger ændringen", "forbedring"),
    ):
        text = " ".join(result_sentences(Telling(run.model_copy(update={"estimates": estimates}), lang)))
        assert said in text
        assert never not in text


def test_thresholds_are_named_only_where_they_are_drawn() -> None:
    for lang, word in (("en", "Dashed"), ("da", "Stiplet")):
        bare = effect_picture(Telling(RUNS["monitoring"](), lang))
        assert bare is not None
        drawn = draw_effect(bare, lang)
        assert bare.tiers == ()
        assert word not in drawn.note
        assert not re.search("contract|aftale", drawn.caption + drawn.alt)
        with_tiers = effect_picture(Telling(RUNS["school"](), lang))
        assert with_tiers is not None
        assert word in draw_effect(with_tiers, lang).note
        assert word not in draw_effect(replace(with_tiers, tiers=()), lang).note


def test_the_reference_period_compares_nobody() -> None:
    estimate = RUNS["school"]().estimate
    path = tuple(e.model_copy(update={"n_comparison": 0}) if e.reference else e for e in estimate.path)
    drawn = draw_event_study(estimate.model_copy(update={"path": path}), "days", "en")
    row = next(row for row, e in zip(drawn.rows, path, strict=True) if e.reference)
    assert row[-1] == "–"
