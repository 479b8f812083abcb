"""Reports of every bundled programme: the same bytes twice, the stored decision on page one, a notice of two pages."""

from __future__ import annotations

import io
import re
from functools import cache
from pathlib import Path

import pytest
from pypdf import PdfReader

from evaltool.bundle.determination import determination_bytes
from evaltool.language.numbers import money
from evaltool.pipeline import evaluate
from evaltool.reading.panel_file import read_panel
from evaltool.reading.plan_file import read_plan
from evaltool.records.run import Run
from evaltool.report.blocks import Block, DecisionBox
from evaltool.report.document import document_of
from evaltool.report.gather import check_decision
from evaltool.report.html import html_bytes
from evaltool.report.pdf import pdf_bytes
from evaltool.report.section import build_section
from evaltool.report.templates import read_template

SAMPLES = Path(__file__).resolve().parents[2] / "data_samples"
FOLDERS = (path.parent.relative_to(SAMPLES) for path in SAMPLES.rglob("expected.toml"))
NAMES = sorted(str(folder) for folder in FOLDERS if folder.parts[0] != "replays")
PAYING = frozenset({"PAY_FULL", "PAY_PARTIAL", "NO_PAYMENT"})


@cache
def run_of(name: str) -> Run:
    plan = read_plan(SAMPLES / name / "plan.toml")
    return evaluate(plan, read_panel(plan))


def first_template(run: Run) -> str:
    return "monitoring" if run.plan.governance.purpose == "monitoring" else "payment_notice"


def blocks(run: Run, template: str, lang: str) -> tuple[Block, ...]:
    cells = read_template(template, allow_untrusted=False).notebook.cells
    names = [n for c in cells for n in re.findall(r'^section\(run, "(\w+)", lang\)', c.source, re.MULTILINE)]
    return tuple(block for name in names for block in build_section(name, run, lang).blocks)


@pytest.mark.parametrize("lang", ["da", "en"])
@pytest.mark.parametrize("name", NAMES)
def test_the_first_page_shows_the_stored_decision_and_the_bytes_are_stable(name: str, lang: str) -> None:
    run = run_of(name)
    template = first_template(run)
    first, second = (
        document_of(run, blocks(run, template, lang), template=template, lang=lang) for _ in ("once", "again")
    )
    check_decision(first.blocks, run, lang)
    assert html_bytes(first) == html_bytes(second)
    (box,) = [block for block in first.blocks if isinstance(block, DecisionBox)]
    assert box.state == run.decision.state
    shown = template == "payment_notice" and run.decision.state in PAYING
    assert box.amount == (money(run.decision.amount, run.decision.currency, lang) if shown else "")
    reader = PdfReader(io.BytesIO(pdf_bytes(first, determination_bytes(run))))
    assert box.title.split()[0] in reader.pages[0].extract_text()
    assert template == "monitoring" or len(reader.pages) <= 2
