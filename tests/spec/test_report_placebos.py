"""What reports say of a permutation p-value: rank, number of placebos, how small p could be, and what it is not."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest

from evaltool.language.words import LANGUAGES
from evaltool.pipeline import evaluate
from evaltool.plotting.effect import draw_effect
from evaltool.reading.panel_file import read_panel
from evaltool.reading.plan_file import read_plan
from evaltool.records.estimate import Estimate
from evaltool.records.gate import GateResult
from evaltool.records.lock import LockStatus
from evaltool.records.plan.data import Disclosure
from evaltool.records.run import Run
from evaltool.report.blocks import Prose
from evaltool.report.pictures import effect_picture
from evaltool.report.section import build_section
from evaltool.report.sections._sentences import evidence_key, evidence_sentence
from evaltool.report.telling import Telling

SAMPLE = Path(__file__).resolve().parents[2] / "data_samples" / "homelessness" / "plan.toml"
CHANCE = {"en": "from chance", "da": "fra tilfældighed"}
"""What only a figure without any measure of uncertainty is said not to be told from."""
PAGES = ("key_findings", "can_and_cannot", "main_estimate", "limitations")


@cache
def homelessness() -> Run:
    """One municipality and 40 donors, with both locks as they ship."""
    plan = read_plan(SAMPLE)
    lock = LockStatus(state="locked", seal=plan.seal, design="locked", design_seal="0" * 64)
    return evaluate(plan, read_panel(plan), lock=lock)


def with_placebo_check(run: Run, **changes: object) -> Run:
    """The run with its check on the rank among donors answered otherwise."""
    gates = tuple(g.model_copy(update=changes) if g.name == "placebo_in_space" else g for g in run.gates)
    assert any(g.name == "placebo_in_space" for g in gates)
    return run.model_copy(update={"gates": gates})


def with_rank(run: Run, place: int, units: int) -> Run:
    """The run with another rank of the treated unit."""

    def ranked(estimate: Estimate) -> Estimate:
        permutation = {"place": place, "units": units, "p_value": place / units}
        return estimate.model_copy(
            update={
                "certificate": {**estimate.certificate, "permutation": permutation},
                "conventions": {**estimate.conventions, "permutation_resolution": 1.0 / units},
            }
        )

    return run.model_copy(update={"estimates": tuple(ranked(e) for e in run.estimates)})


def said(run: Run, lang: str) -> str:
    return re.sub(r"\\(.)", r"\1", evidence_sentence(Telling(run, lang))).replace("\u00a0", " ")


def page(run: Run, section: str, lang: str) -> str:
    text = " ".join(b.text for b in build_section(section, run, lang).blocks if isinstance(b, Prose))
    return re.sub(r"\\(.)", r"\1", text).replace("\u00a0", " ")


def test_the_rank_is_said_with_the_number_of_placebos_and_the_smallest_p() -> None:
    """1 of 41: p = 1/41 = 0.0244, the smallest that 40 placebos can give; the plan asks for at most 0.05."""
    run = homelessness()
    english, danish = said(run, "en"), said(run, "da")
    assert english.startswith("Stands out among placebos: Sundvang is number 1 of 41 when each of the 40 donors")
    assert "(p = 0.024, at most 0.05 asked for)" in english
    assert "with 40 placebos it cannot be less than 1/41 = 0.024" in english
    assert "not how precisely it is known: there is no confidence interval" in english
    assert danish.startswith("Skiller sig ud blandt placeboer: Sundvang er nummer 1 af 41, når hver af de 40 donorer")
    assert "(p = 0,024, højst 0,05 kræves)" in danish
    assert "med 40 placeboer kan den ikke blive mindre end 1/41 = 0,024" in danish


@pytest.mark.parametrize("lang", LANGUAGES)
def test_nothing_on_any_page_says_that_a_ranked_effect_cannot_be_told_from_chance(lang: str) -> None:
    run = homelessness()
    texts = {section: page(run, section, lang) for section in PAGES}
    for section, text in texts.items():
        assert text, section
        assert CHANCE[lang] not in text, section
    assert {"en": "a rank, no confidence interval", "da": "en placering, ikke et konfidensinterval"}[lang] in texts[
        "can_and_cannot"
    ]
    assert {"en": "chosen, not drawn", "da": "valgt, ikke udtrukket"}[lang] in texts["limitations"]


@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_figure_of_the_effect_sends_the_reader_to_the_placebos(lang: str) -> None:
    picture = effect_picture(Telling(homelessness(), lang))
    assert picture is not None
    note = draw_effect(picture, lang).note
    assert {"en": "judged by placebos", "da": "vurderes ved placeboer"}[lang] in note
    assert {"en": "without any statement", "da": "uden angivelse"}[lang] not in note


def test_a_rank_that_is_not_unusual_is_inconclusive_and_no_proof_of_no_effect() -> None:
    run = with_placebo_check(with_rank(homelessness(), 9, 41), verdict="FAIL", reason="PLACEBO_FAIL")
    assert evidence_key(Telling(run, "en")) == "placebo_inconclusive"
    assert said(run, "en").startswith("Does not stand out among placebos: Sundvang is number 9 of 41")
    assert "(p = 0.220, at most 0.05 asked for). That is not the same as no effect." in said(run, "en")
    assert "await a person's judgement (Placebo among the donors)" in said(run, "en")
    assert "not evidence of no effect" in page(run, "can_and_cannot", "en")


def test_a_rank_that_stands_out_the_wrong_way_is_no_success() -> None:
    """The ratio of errors has no sign: first place can be harm."""
    run = homelessness()
    worse = tuple(
        e.model_copy(update={"relative": None if e.relative is None else e.relative.model_copy(update={"value": 0.16})})
        for e in run.estimates
    )
    run = run.model_copy(update={"estimates": worse})
    assert evidence_key(Telling(run, "en")) == "placebo_negative"
    assert said(run, "en").startswith("Stands out among placebos, in the wrong direction")
    assert said(run, "da").startswith("Skiller sig ud blandt placeboer, men i den forkerte retning")


def test_too_few_placebos_say_so_with_the_smallest_p_there_can_be() -> None:
    """First of 11 is p = 1/11 = 0.091, more than 0.05 whatever happened."""
    changes = {"verdict": "CANNOT_TELL", "statistic": None, "threshold": None, "reason": "PLACEBO_FAIL"}
    run = with_placebo_check(with_rank(homelessness(), 1, 11), **changes)
    assert evidence_key(Telling(run, "en")) == "placebo_coarse"
    assert "with 10 placebos p cannot be less than 1/11 = 0.091, and at most 0.05 is asked for" in said(run, "en")
    assert "med 10 placeboer kan p ikke blive mindre end 1/11 = 0,091, og højst 0,05 kræves" in said(run, "da")
    assert "too few placebos for the agreed level" in page(run, "can_and_cannot", "en")
    assert "How unusual" not in page(run, "can_and_cannot", "en")


def test_without_the_check_the_rank_stands_alone_and_nothing_is_called_clear() -> None:
    run = homelessness()
    run = run.model_copy(update={"gates": tuple(g for g in run.gates if g.name != "placebo_in_space")})
    assert evidence_key(Telling(run, "en")) == "placebo_rank"
    assert said(run, "en").startswith("Judged by a rank alone: Sundvang is number 1 of 41")


@pytest.mark.parametrize("lang", LANGUAGES)
def test_a_number_of_donors_that_may_not_be_shown_is_in_no_sentence(lang: str) -> None:
    run = homelessness()
    plan = run.plan.model_copy(update={"disclosure": Disclosure.model_validate({"profile": "minimum_5"})})
    gates = tuple(_hiding(g) if g.name == "disclosure" else g for g in run.gates)
    run = run.model_copy(update={"plan": plan, "gates": gates})
    assert evidence_key(Telling(run, lang)) == "placebo_hidden"
    for text in (said(run, lang), page(run, "can_and_cannot", lang)):
        assert not re.search(r"\b4[01]\b|0[.,]024", text)
        assert CHANCE[lang] not in text


def test_a_unit_that_may_not_be_named_stands_in_the_sentence_as_such() -> None:
    run = homelessness()
    plan = run.plan.model_copy(update={"disclosure": Disclosure.model_validate({"profile": "minimum_5"})})
    run = run.model_copy(update={"plan": plan})
    assert "placebos: the treated unit is number 1 of 41" in said(run, "en")
    assert "placeboer: enheden med indsatsen er nummer 1 af 41" in said(run, "da")
    assert "follows the treated unit in" in page(run, "synthetic_paths", "en")


def _hiding(gate: GateResult) -> GateResult:
    """The disclosure check with the counts of the donor pool withheld."""
    return gate.model_copy(update={"evidence": {**gate.evidence, "hidden": ["donors:in"]}})
