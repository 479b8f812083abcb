"""Pages drawn from every kind of run: accessible, self-contained, honest, and the same bytes twice."""

from __future__ import annotations

import io
import json
import re
import runpy
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pypdf import PdfReader

from evaltool.bundle.determination import determination_bytes
from evaltool.language.words import LANGUAGES
from evaltool.records.base import Words
from evaltool.records.run import Run
from evaltool.report.blocks import Block, DecisionBox, Figure, Prose, Table
from evaltool.report.document import Document, as_json, document_of
from evaltool.report.html import POLICY, html_bytes
from evaltool.report.pdf import pdf_bytes
from evaltool.report.section import build_section, section_names
from evaltool.report.templates import KNOWN, read_template

RUNS: dict[str, Callable[[], Run]] = runpy.run_path(str(Path(__file__).with_name("report_runs.py")))["RUNS"]
EVIL = '<script>alert(1)</script> #eval("1") $x$ [a](javascript:b) ![i](http://h/x.png) `c` *d* \\ " \' & @ref 中\x07'


def sections_of(template: str) -> list[str]:
    cells = read_template(template, allow_untrusted=False).notebook.cells
    return [name for c in cells for name in re.findall(r'^section\(run, "(\w+)", lang\)', c.source, re.MULTILINE)]


def document(run: Run, template: str, lang: str) -> Document:
    blocks = tuple(block for name in sections_of(template) for block in build_section(name, run, lang).blocks)
    return document_of(run, blocks, template=template, lang=lang)


def texts(blocks: tuple[Block, ...]) -> str:
    return json.dumps([b.to_json() for b in blocks if not isinstance(b, Figure)], ensure_ascii=False)


def everything(run: Run, lang: str) -> Iterator[Block]:
    for name in section_names():
        yield from build_section(name, run, lang).blocks


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("name", sorted(RUNS))
@pytest.mark.parametrize("template", KNOWN)
def test_every_document_compiles_as_accessible_pdf(name: str, template: str, lang: str) -> None:
    run = RUNS[name]()
    made = pdf_bytes(document(run, template, lang), determination_bytes(run))
    reader = PdfReader(io.BytesIO(made))
    assert reader.trailer["/Root"]["/MarkInfo"]["/Marked"]
    assert reader.trailer["/Root"]["/Lang"].startswith(lang)
    attached = reader.attachments["determination.json"][0]
    assert attached == determination_bytes(run)
    if template == "payment_notice":
        assert len(reader.pages) <= 2


@pytest.mark.parametrize("name", sorted(RUNS))
def test_html_is_self_contained_and_runs_nothing(name: str) -> None:
    page = html_bytes(document(RUNS[name](), "technical_report", "da")).decode()
    assert "<script" not in page
    assert not re.search(r'(?:src|href)="(?!data:|#)', page)
    assert not re.search(r"url\((?!data:)", page)
    assert not re.search(r"\son\w+=", page)
    assert POLICY.replace("'", "&#39;") in page
    assert '<html lang="da">' in page


def test_the_same_run_gives_the_same_bytes() -> None:
    for template in KNOWN:
        first, second = (document(RUNS["school"](), template, "en") for _ in range(2))
        assert first == second
        assert html_bytes(first) == html_bytes(second)
        record = determination_bytes(RUNS["school"]())
        assert pdf_bytes(first, record) == pdf_bytes(second, record)


def test_every_figure_has_alternative_text_a_data_table_and_no_date() -> None:
    figures = [b for b in everything(RUNS["school"](), "en") if isinstance(b, Figure)]
    assert {f.name for f in figures} == {"effect", "event_study", "series", "timeline", "flow", "bases"}
    for figure in figures:
        assert len(figure.alt) > 40
        assert figure.data.rows
        assert all(len(row) == len(figure.data.head) for row in figure.data.rows)
        assert "<dc:date" not in figure.svg
        assert not re.search(r"Matplotlib v|https?://matplotlib", figure.svg)
        assert "<text" not in figure.svg


def test_every_table_row_is_as_wide_as_its_head() -> None:
    for name, make in RUNS.items():
        for block in everything(make(), "da"):
            if isinstance(block, Table):
                assert all(len(row) == len(block.head) for row in block.rows), (name, block.caption)


def test_headings_never_skip_a_level() -> None:
    blocks = (Prose(heading="A"), Prose(text="#### deep\n\ntext"), Prose(text="# top"))
    nodes = as_json(document_of(RUNS["school"](), blocks, template="technical_report", lang="en"))["blocks"]
    assert isinstance(nodes, list)
    assert re.findall(r'"level": (\d)', json.dumps(nodes)) == ["1", "2", "1"]


def attacked(run: Run) -> Run:
    evil = Words(da=EVIL.replace("\x07", ""), en=EVIL)
    plan = run.plan
    outcome = plan.outcome[0].model_copy(update={"title": evil, "unit": evil, "definition": evil, "verifier": EVIL})
    authority = plan.parties.authorities[0].model_copy(update={"name": EVIL})
    changed = {
        "programme": plan.programme.model_copy(update={"title": evil, "description": evil, "version": EVIL}),
        "outcome": (outcome,),
        "parties": plan.parties.model_copy(update={"authorities": (authority,)}),
        "population": plan.population.model_copy(update={"eligibility": evil, "unit": EVIL}),
    }
    gates = tuple(g.model_copy(update={"sentence": evil, "source": evil}) for g in run.gates)
    payers = tuple(p.model_copy(update={"payer": EVIL}) for p in run.decision.per_payer)
    decision = run.decision.model_copy(update={"per_payer": payers})
    return run.model_copy(update={"plan": plan.model_copy(update=changed), "gates": gates, "decision": decision})


@pytest.mark.parametrize("template", KNOWN)
def test_text_of_a_plan_is_text_on_every_page(template: str) -> None:
    run = attacked(RUNS["school"]())
    drawn = document(run, template, "en")
    page = html_bytes(drawn).decode()
    assert "<script" not in page
    assert "javascript:" not in re.sub(r"\[a\]\(javascript:b\)", "", page)
    assert not re.search(r'(?:src|href)="(?!data:|#)', page)
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    words = "".join(p.extract_text() for p in PdfReader(io.BytesIO(pdf_bytes(drawn, b"{}"))).pages)
    assert "#eval" in words
    assert "[U+4E2D]" in words


def test_failing_to_measure_is_never_shown_as_a_refusal() -> None:
    for name in ("undecidable", "unlocked", "not_yet_due"):
        box = next(b for b in everything(RUNS[name](), "en") if isinstance(b, DecisionBox) and b.tone != "interim")
        assert box.amount == ""
        assert box.tone == "undecided"
    assert "not a refusal of payment" in texts(tuple(everything(RUNS["undecidable"](), "en")))


def test_inconclusive_is_not_no_effect() -> None:
    run = RUNS["no_payment"]()
    said = texts(tuple(build_section("key_findings", run, "en").blocks))
    assert "Inconclusive is not the same as no effect" in said
    assert "not evidence of no effect" in texts(tuple(build_section("can_and_cannot", run, "en").blocks))


def test_a_count_is_never_called_an_effect() -> None:
    said = texts(tuple(build_section("key_findings", RUNS["tariff"](), "en").blocks))
    assert "This decision does not measure an effect" in said
    assert "improvement" not in said


def test_a_figure_without_uncertainty_says_so_and_why() -> None:
    said = texts(tuple(build_section("main_estimate", RUNS["pooled"](), "da").blocks))
    assert "de offentliggjorte tal er uden angivelse af usikkerhed" in said


def test_monitoring_never_shows_a_decision_or_an_amount() -> None:
    for lang, words in (("en", "This is not a decision"), ("da", "Dette er ikke en afgørelse")):
        drawn = document(RUNS["monitoring"](), "monitoring", lang)
        boxes = [b for b in drawn.blocks if isinstance(b, DecisionBox)]
        assert [box.tone for box in boxes] == ["interim"]
        assert words in boxes[0].title
        assert boxes[0].amount == ""


def test_the_notice_names_the_last_day_for_objections() -> None:
    # 1 February 2025 and 30 days: 3 March 2025
    assert "03.03.2025" in texts(tuple(build_section("seals", RUNS["school"](), "da").blocks))


def test_shares_and_amounts_as_danish_readers_write_them() -> None:
    said = texts(tuple(build_section("amount", RUNS["school"](), "da").blocks))
    assert "3.840.000\u00a0kr." in said
    assert "80\u00a0pct." in said
    assert "DKK\u00a03,840,000" in texts(tuple(build_section("amount", RUNS["school"](), "en").blocks))


def test_what_the_disclosure_gate_hides_is_on_no_page() -> None:
    run = RUNS["school"]()
    hidden = ["all:submitted", "dropped:treated", "cohort:3", "arm:treated", "arm:comparison"]
    gate = run.gates[-1].model_copy(
        update={"verdict": "FAIL", "statistic": 1.0, "reason": "DISCLOSURE_BLOCK", "evidence": {"hidden": hidden}}
    )
    run = run.model_copy(update={"gates": (*run.gates[:-1], gate)})
    pages = [html_bytes(document(run, template, "en")).decode() for template in KNOWN]
    for page in pages:
        assert "12.4%" not in page
        assert "0.118" not in page
        assert "The result rests on so few" in page or "Interim" in page
