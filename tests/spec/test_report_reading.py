"""What an investor, a finance officer and a sceptic must read: figures, requirements, reasons, what follows."""

from __future__ import annotations

import re
import runpy
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import get_args

import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure as Paper

from evaltool.bundle.determination import determination_of
from evaltool.language.numbers import decimals_for, money, money_short
from evaltool.language.words import LANGUAGES, Voice
from evaltool.payment.trace import step
from evaltool.plotting._canvas import canvas, text_width
from evaltool.plotting.timeline import _left
from evaltool.records.base import Json, Words
from evaltool.records.gate import GateResult
from evaltool.records.plan.data import Kind, Role
from evaltool.records.run import Run
from evaltool.report.blocks import DecisionBox, Figure, Prose, Table
from evaltool.report.document import document_of
from evaltool.report.html import html_bytes
from evaltool.report.section import build_section
from evaltool.report.sections._gates import gate_figures, gate_table
from evaltool.report.telling import Telling

RUNS: dict[str, Callable[[], Run]] = runpy.run_path(str(Path(__file__).with_name("report_runs.py")))["RUNS"]
SHARE = Words(da="andel af nævneren", en="share of the denominator")
UNITS = Words(da="enheder", en="units")
SEALS = Words(da="segl", en="seals")
SPREADS = Words(da="standardafvigelser", en="standard deviations")
OWN = Words(da="effektmålets enhed", en="unit of the outcome metric")
SPACE = "\u00a0"


def gate(name: str, figures: tuple[float | None, float | None], unit: Words, **changes: object) -> GateResult:
    statistic, threshold = figures
    return GateResult(
        name=name,
        verdict="PASS" if statistic is not None else "NOT_APPLICABLE",
        consequence="block",
        statistic=statistic,
        statistic_name=Words(da="mål", en="measure"),
        threshold=threshold,
        unit=unit,
        sentence=Words(da="Sætning.", en="Sentence."),
        source=Words(da="Kilde", en="Source"),
    ).model_copy(update=changes)


def said(run: Run, section: str, lang: str) -> str:
    texts: list[str] = []
    for block in build_section(section, run, lang).blocks:
        if isinstance(block, Prose):
            texts += [block.heading, block.text]
        elif isinstance(block, Table):
            texts += [cell for row in block.rows for cell in row]
        elif isinstance(block, DecisionBox):
            texts += [block.title, *block.lines]
    return re.sub(r"\\(.)", r"\1", "\n".join(texts)).replace(SPACE, " ")


@pytest.mark.parametrize(
    ("made", "danish", "english"),
    [
        # the school sample's own figures: 0.009893 of 0.012839 are 1.0 of 1.3 per cent
        (gate("pre_trend", (0.009893, 0.012839), SHARE), ("1,0 pct.", "højst 1,3 pct."), ("1.0%", "at most 1.3%")),
        # 8.96 and 9.04 per cent differ, so one decimal is not enough
        (
            gate("placebo_in_time", (0.0896, 0.0904), SHARE),
            ("8,96 pct.", "højst 9,04 pct."),
            ("8.96%", "at most 9.04%"),
        ),
        (gate("locked", (1.0, 1.0), SEALS), ("1 segl", "mindst 1"), ("1 seal", "at least 1")),
        (gate("minimum_sample", (42.0, 30.0), UNITS), ("42 enheder", "mindst 30"), ("42 units", "at least 30")),
        (gate("minimum_sample", (1.0, 30.0), UNITS), ("1 enhed", "mindst 30"), ("1 unit", "at least 30")),
        (
            gate("second_opinion", (1.39e-17, 1.02e-9), OWN),
            ("1,4·10⁻¹⁷", "højst 1,0·10⁻⁹"),
            ("1.4·10⁻¹⁷", "at most 1.0·10⁻⁹"),
        ),
        (
            gate("prefit", (0.0512, 0.1), SPREADS),
            ("0,05 standardafvigelser", "højst 0,10"),
            ("0.05 standard deviations", "at most 0.10"),
        ),
        (gate("overlap", (None, None), Words(da="andel", en="share")), ("–", "–"), ("–", "–")),
    ],
)
def test_a_figure_stands_beside_its_requirement_in_the_same_digits(
    made: GateResult, danish: tuple[str, str], english: tuple[str, str]
) -> None:
    for lang, wanted in (("da", danish), ("en", english)):
        shown = gate_figures(Telling(RUNS["school"](), lang), made)
        assert tuple(text.replace(SPACE, " ") for text in shown) == wanted


def test_a_verdict_is_told_by_sign_and_word_and_not_by_colour_alone() -> None:
    run = RUNS["undecidable"]()
    table = gate_table(Telling(run, "en"), sentences=True)
    told = {row[1] for row in table.rows}
    assert len({text.split(" ", 1)[0] for text in told}) == len(told)
    assert len(table.tones) == len(table.rows)
    assert any(text.startswith("✗ Not passed") for text in told)


def test_an_index_is_no_currency() -> None:
    assert money(Decimal(100), "PCT", "da") == f"100{SPACE}pct. af det højeste beløb"
    assert money(Decimal("12.5"), "PCT", "en") == "12.50% of the maximum"
    assert money_short(Decimal(100), "PCT", "en") == "100% of the maximum"
    assert money(Decimal(100), "DKK", "da") == f"100{SPACE}kr."


def test_a_column_of_numbers_keeps_its_decimals() -> None:
    # the largest has four significant digits, the others follow
    assert decimals_for([0.1093, 0.01582, -0.06]) == 4
    assert decimals_for([1.4, 1.333]) == 3
    assert decimals_for([14, 38]) == 0


def test_the_trace_of_a_published_figure_says_once_that_nothing_is_known_of_its_uncertainty() -> None:
    run = RUNS["pooled"]()
    values = {"cohort": "cohort_1", "specification": "primary", "kind": "effect", "point": Decimal("0.0839")}
    bare = step("rule.evidence", {"rule": "r", **values, "lower": None, "standard_error": None, "units": 0})
    trace = said(
        run.model_copy(update={"decision": run.decision.model_copy(update={"trace": (bare,)})}), "arithmetic", "en"
    )
    assert "Cohort 1: measured improvement: 8.39%; no uncertainty stated." in trace
    assert "not stated" not in trace
    assert "units: 0" not in trace
    full = said(RUNS["school"](), "arithmetic", "en")
    assert re.search(r"; lower bound [\d.]+%; standard error [\d.]+ percentage points; units: \d+\.", full)
    assert "no uncertainty" not in full


def test_an_undecided_payment_says_why_what_follows_and_that_nothing_is_refused() -> None:
    run = RUNS["undecidable"]()
    for lang, words in (("en", "What happens now:"), ("da", "Hvad sker der nu:")):
        page = said(run, "decision", lang)
        assert words in page
        for found in run.gates:
            if found.reason in run.decision.reasons:
                assert found.sentence.in_language(lang).replace(SPACE, " ") in page
    assert "not a refusal of payment" in said(run, "decision", "en")
    unlocked = said(RUNS["unlocked"](), "decision", "en")
    assert "the plan must be locked" in unlocked


def test_an_undecidable_figure_is_never_called_clear() -> None:
    run = RUNS["undecidable"]()
    for section in ("key_findings", "main_estimate", "rule_and_result"):
        page = said(run, section, "en")
        assert "Clear:" not in page, section
    assert "Not to be relied on" in said(run, "key_findings", "en")
    assert "Can be said" not in said(run, "can_and_cannot", "en")


def sized(run: Run, **evidence: Json) -> Run:
    rest = tuple(g for g in run.gates if g.name != "minimum_sample")
    found = gate("minimum_sample", (42.0, 30.0), Words(da="enheder", en="units"), evidence={"power": "0.8", **evidence})
    return run.model_copy(update={"gates": (found, *rest)})


def test_an_inconclusive_result_says_how_many_would_have_been_needed() -> None:
    run = RUNS["no_payment"]()
    short = sized(run, minimum_detectable_effect=0.2, wanted_effect=0.1, treated_needed=172)
    page = said(short, "key_findings", "en")
    assert "at least 20.0% (minimum detectable effect)" in page
    assert "To detect an improvement of 10.0%" in page
    assert "about 172 schools in the treatment group would have been needed" in page
    enough = sized(run, minimum_detectable_effect=0.08, wanted_effect=0.1, treated_needed=28)
    assert "large enough to detect" in said(enough, "key_findings", "en")
    clear = sized(RUNS["school"](), minimum_detectable_effect=0.2, wanted_effect=0.1, treated_needed=172)
    assert "would have been needed" not in said(clear, "key_findings", "en")


def test_monitoring_shows_the_registered_alternative_and_no_remark_on_a_missing_standard_error() -> None:
    run = RUNS["monitoring"]()
    own = run.estimate
    other = own.model_copy(
        update={"key": own.key.model_copy(update={"specification": "mean_of_earlier"}), "att": own.att - 0.5}
    )
    bare = [
        e.model_copy(update={"notes": ("few_treated_clusters", "overlapping_windows")}) if e is own else e
        for e in run.estimates
    ]
    shown = run.model_copy(update={"estimates": (*bare, other)})
    page = said(shown, "main_estimate", "en")
    assert "Primary analysis" in page
    assert "mean of earlier" in page
    limits = said(shown, "limitations", "en")
    assert "windows overlap" in limits
    assert own.se is not None or "may be too small" not in limits


def test_means_over_time_fit_the_page() -> None:
    (figure,) = [b for b in build_section("series", RUNS["school"](), "da").blocks if isinstance(b, Figure)]
    assert len(figure.data.head) <= 7
    assert all("n\u00a0=\u00a0" in head for head in figure.data.head[1:])


def test_labels_of_the_timeline_have_the_room_they_need() -> None:
    label = "Måling: Nye domme inden for\nseks måneder"
    wide = max(text_width(line, 8.5) for line in label.split("\n"))
    assert _left([label]) * 6.7 >= wide
    with canvas(1.0) as paper:
        assert isinstance(paper, Paper)
        drawn = paper.text(0, 0, "Måling: Nye domme inden for", fontsize=8.5)
        renderer = FigureCanvasAgg(paper).get_renderer()
        inches = drawn.get_window_extent(renderer).width / paper.dpi
    assert text_width("Måling: Nye domme inden for", 8.5) == pytest.approx(inches, rel=0.05)


@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_page_can_be_walked_by_keyboard_and_by_ear(lang: str) -> None:
    run = RUNS["school"]()
    sections = ("key_findings", "programme", "outcome", "timeline", "design", "main_estimate", "checks", "glossary")
    blocks = tuple(block for name in sections for block in build_section(name, run, lang).blocks)
    page = html_bytes(document_of(run, blocks, template="technical_report", lang=lang)).decode()
    assert f'<html lang="{lang}">' in page
    assert page.index('class="et-skip" href="#et-content"') < page.index("<main")
    targets = re.findall(r'<li><a href="#(s\d+)">', page)
    assert len(targets) == len(sections)
    assert all(f'id="{target}"' in page for target in targets)
    levels = [int(level) for level in re.findall(r"<h([1-6])[ >]", page)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(later - earlier <= 1 for earlier, later in pairwise(levels))
    assert page.count("<figure>") == page.count("<summary>")
    assert "@media print" in page


@pytest.mark.parametrize("lang", LANGUAGES)
def test_roles_types_and_requirements_have_words(lang: str) -> None:
    voice = Voice(lang)
    wanted = [f"role.{role}" for role in get_args(Role)] + [f"column_type.{kind}" for kind in get_args(Kind)]
    assert [key for key in wanted if not voice.says(key)] == []
    assert voice.cohort("cohort_1") == {"da": "Kohorte 1", "en": "Cohort 1"}[lang]
    assert voice.cohort("north-west") == "North west"


def otherwise_dated() -> Run:
    """The full case, decided on 1 February 2025 although its plan says 20 January."""
    run = RUNS["school"]()
    governance = run.plan.governance.model_copy(update={"as_of": date(2025, 1, 20)})
    plan = run.plan.model_copy(update={"governance": governance})
    decision = run.decision.model_copy(update={"reasons": ("UNREGISTERED_DEVIATION",)})
    return run.model_copy(update={"plan": plan, "plan_seal": plan.seal, "decision": decision})


@pytest.mark.parametrize(
    ("lang", "sentence", "none"),
    [
        ("da", "Opgørelsesdatoen er 01.02.2025; planen siger 20.01.2025.", "ikke registreret afvigelser"),
        ("en", "The decision is dated 1 February 2025; the plan says 20 January 2025.", "No deviation from the plan"),
    ],
)
def test_another_date_than_the_plans_stands_in_report_and_notice(lang: str, sentence: str, none: str) -> None:
    run = otherwise_dated()
    assert f"- {sentence}" in said(run, "prespecification", lang)
    assert none not in said(run, "prespecification", lang)
    assert sentence in said(run, "decision", lang)
    assert none in said(RUNS["school"](), "prespecification", lang)


def test_another_date_than_the_plans_stands_in_the_record_and_nothing_otherwise() -> None:
    told = determination_of(otherwise_dated())["deviations"]
    assert told == [{"key": "governance.as_of", "agreed": "2025-01-20", "used": "2025-02-01"}]
    assert "deviations" not in determination_of(RUNS["school"]())


@pytest.mark.parametrize("lang", ["da", "en"])
def test_every_threshold_has_its_source_in_the_readers_language(lang: str) -> None:
    """The second table of the section: check, figure, consequence, source."""
    run = RUNS["school"]()
    tables = [block for block in build_section("checks", run, lang).blocks if isinstance(block, Table)]
    printed = {row[0]: row[3] for row in tables[1].rows}
    telling = Telling(run, lang)
    expected = {telling.name_of("gate", gate.name): gate.source.in_language(lang) for gate in run.gates}
    assert printed == expected
    other = {gate.source.in_language("en" if lang == "da" else "da") for gate in run.gates}
    assert not other & set(printed.values())


def test_the_machine_record_cites_in_english() -> None:
    run = RUNS["school"]()
    gates = determination_of(run)["gates"]
    assert isinstance(gates, list)
    assert [gate["source"] for gate in gates if isinstance(gate, dict)] == [gate.source.en for gate in run.gates]
