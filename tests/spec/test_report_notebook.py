"""The notebook road: strict parameters, nothing skipped, the stored decision, an evaluator's own cells kept."""

from __future__ import annotations

import json
import os
import runpy
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import nbformat
import pytest
from jupyter_client.provisioning import LocalProvisioner

from evaltool.bundle.determination import determination_bytes
from evaltool.errors import RunError, UsageError
from evaltool.records.base import canonical_json
from evaltool.records.run import Run
from evaltool.report.gather import blocks_of, check_decision
from evaltool.report.nodes import node, read_notebook
from evaltool.report.notebook import Shown, open_evaluation, section
from evaltool.report.papermill_runner import declared_parameters, execute, section_title
from evaltool.report.render import render_reports
from evaltool.report.section import build_section, find_section
from evaltool.report.templates import KNOWN, fingerprint, read_template, trusted_fingerprints

RUNS: dict[str, Callable[[], Run]] = runpy.run_path(str(Path(__file__).with_name("report_runs.py")))["RUNS"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return stored(RUNS["school"](), tmp_path / "run")


def stored(run: Run, folder: Path) -> Path:
    """A finished run as far as drawing needs it."""
    (folder / "release").mkdir(parents=True)
    (folder / "evidence").mkdir()
    (folder / "evidence" / "run.json").write_bytes(canonical_json(run))
    (folder / "release" / "determination.json").write_bytes(determination_bytes(run))
    return folder


def own_template(root: Path, target: Path, *sources: tuple[str, str]) -> Path:
    """A copy of the payment notice with cells added at its end."""
    notebook = json.loads((root / "templates" / "payment_notice.ipynb").read_text(encoding="utf-8"))
    for number, (kind, source) in enumerate(sources):
        cell = {"cell_type": kind, "id": f"own-{number}", "metadata": {}, "source": source}
        notebook["cells"].append(cell | ({"execution_count": None, "outputs": []} if kind == "code" else {}))
    target.write_text(json.dumps(notebook), encoding="utf-8")
    return target


def test_every_template_is_trusted_by_content_and_one_section_a_cell() -> None:
    for name in KNOWN:
        template = read_template(name, allow_untrusted=False)
        assert template.trusted
        assert trusted_fingerprints()[name] == fingerprint(template.notebook)
        assert declared_parameters(template.notebook) == ("evaluation", "lang")
        code = [c.source for c in template.notebook.cells if c.cell_type == "code"][2:]
        assert all(source.startswith('section(run, "') and source.count("section(") == 1 for source in code)


def test_a_changed_template_is_refused_and_may_be_allowed(root: Path, tmp_path: Path) -> None:
    path = own_template(root, tmp_path / "own.ipynb", ("code", "1 + 1"))
    with pytest.raises(UsageError) as refused:
        read_template(str(path), allow_untrusted=False)
    assert refused.value.codes == ("USAGE_TEMPLATE_UNTRUSTED",)
    assert not read_template(str(path), allow_untrusted=True).trusted


def test_unknown_template_and_section_get_a_suggestion() -> None:
    with pytest.raises(UsageError) as refused:
        read_template("technical_raport", allow_untrusted=False)
    assert refused.value.faults[0].suggestion == "technical_report"
    with pytest.raises(UsageError) as missing:
        find_section("main_estimat")
    assert missing.value.faults[0].suggestion == "main_estimate"


def test_an_unreadable_template_is_a_fault(tmp_path: Path) -> None:
    path = tmp_path / "x.ipynb"
    path.write_text("no notebook", encoding="utf-8")
    with pytest.raises(UsageError) as refused:
        read_template(str(path), allow_untrusted=True)
    assert refused.value.codes == ("USAGE_TEMPLATE_UNREADABLE",)


def test_a_mistyped_parameter_is_refused_before_any_kernel(tmp_path: Path) -> None:
    notebook = read_template("payment_notice", allow_untrusted=False).notebook
    with pytest.raises(UsageError) as refused:
        execute(notebook, {"lnag": "da"}, folder=tmp_path, saved=tmp_path / "out.ipynb")
    assert refused.value.codes == ("USAGE_UNKNOWN_PARAMETER",)
    assert refused.value.faults[0].suggestion == "lang"


def test_the_language_and_the_path_are_checked(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as refused:
        section(RUNS["school"](), "decision", "de")
    assert refused.value.codes == ("USAGE_LANGUAGE",)
    with pytest.raises(UsageError) as missing:
        open_evaluation(str(tmp_path / "nothing.toml"))
    assert missing.value.codes == ("USAGE_NO_EVALUATION",)


def test_a_shown_section_carries_html_text_and_blocks() -> None:
    blocks = build_section("decision", RUNS["school"](), "en")
    bundle = Shown(blocks, "en")._repr_mimebundle_()
    assert bundle["application/vnd.evaltool.blocks+json"] == blocks.to_json()
    assert "<script" not in str(bundle["text/html"])
    assert "A partial payment is due" in str(bundle["text/plain"])


def test_another_decision_than_the_stored_one_is_refused() -> None:
    run = RUNS["school"]()
    blocks = build_section("decision", run, "en").blocks
    check_decision(blocks, run, "en")
    for other in (RUNS["no_payment"](), RUNS["undecidable"]()):
        with pytest.raises(RunError) as refused:
            check_decision(blocks, other, "en")
        assert refused.value.codes == ("RUN_REPORT_DECISION",)
    with pytest.raises(RunError):
        check_decision((), run, "en")


def test_html_of_a_foreign_cell_is_never_taken_over() -> None:
    output = node(
        {"output_type": "display_data", "metadata": node({}), "data": node({"text/html": "<script>1</script>"})}
    )
    cell = node({"cell_type": "code", "metadata": node({}), "source": "x", "outputs": [output], "execution_count": 1})
    assert blocks_of(node({"cells": [cell]}), "en") == ()


def test_reports_are_drawn_and_are_the_same_bytes_twice(folder: Path) -> None:
    found = render_reports(folder, lang="da", templates=("payment_notice", "technical_report"))
    names = {path.as_posix() for path in found.pages}
    assert names == {"release/notice.html", "release/notice.pdf", "release/report.html", "release/report.pdf"}
    first = {name: (folder / name).read_bytes() for name in [*names, "report.ipynb"]}
    notebook = read_notebook(first["report.ipynb"].decode())
    assert all(c.execution_count for c in notebook.cells if c.cell_type == "code")
    assert str(folder) not in first["report.ipynb"].decode()
    assert "Delvis udbetaling er udløst" in first["release/notice.html"].decode()
    render_reports(folder, lang="da", templates=("payment_notice", "technical_report"))
    assert {name: (folder / name).read_bytes() for name in first} == first


def test_prose_and_cells_of_an_evaluator_stand_in_the_document_and_it_is_stamped(
    folder: Path, root: Path, tmp_path: Path
) -> None:
    path = own_template(
        root,
        tmp_path / "own.ipynb",
        ("markdown", "## A word from the evaluator\n\nAll *went* well <b>here</b>."),
        ("code", "print('own <i>output</i>')\nimport os\nsorted(k for k in os.environ if 'SECRET' in k)"),
    )
    os.environ["EVALTOOL_TEST_SECRET"] = "1"  # noqa: S105 - it must not reach the kernel
    try:
        render_reports(folder, lang="en", templates=(str(path),), allow_untrusted=True)
    finally:
        del os.environ["EVALTOOL_TEST_SECRET"]
    page = (folder / "release" / "report.html").read_text(encoding="utf-8")
    assert "A word from the evaluator" in page
    assert "&lt;b&gt;here&lt;/b&gt;" in page
    assert "own &lt;i&gt;output&lt;/i&gt;" in page
    assert "SECRET" not in page
    assert "UNTRUSTED" in page


@pytest.mark.parametrize(
    ("source", "code"),
    [
        ("raise ValueError('boom')", "RUN_REPORT_CELL"),
        ("import os\nos._exit(0)", "RUN_REPORT_KERNEL"),
        ("import sys\nsys.exit(0)", "RUN_REPORT_UNFINISHED"),
    ],
)
def test_a_notebook_that_does_not_finish_is_a_failed_run(
    folder: Path, root: Path, tmp_path: Path, source: str, code: str
) -> None:
    path = own_template(root, tmp_path / "own.ipynb", ("markdown", "## My title"), ("code", source), ("code", "1"))
    with pytest.raises(RunError) as failed:
        render_reports(folder, lang="en", templates=(str(path),), allow_untrusted=True)
    assert failed.value.codes == (code,)
    assert "report.ipynb" in str(failed.value)
    assert (folder / "report.ipynb").is_file()
    assert not (folder / "release" / "report.html").exists()


@pytest.mark.skipif(os.name == "nt", reason="Windows ends kernels without signals")
def test_a_kernel_that_is_done_is_asked_to_end_and_gets_no_signal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An interrupt at the end sometimes met the kernel between two messages, which it reported as an error."""
    sent: list[int] = []

    async def noted(self: LocalProvisioner, signum: int) -> None:
        if self.process is not None:
            sent.append(signum)

    monkeypatch.setattr(LocalProvisioner, "send_signal", noted)
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("1 + 1")])
    done = execute(notebook, {}, folder=tmp_path, saved=tmp_path / "out.ipynb")
    assert done.cells[0].outputs[0]["data"]["text/plain"] == "2"
    assert [number for number in sent if number] == []


def test_a_monitored_programme_gets_the_monitoring_report_whatever_was_asked(tmp_path: Path) -> None:
    folder = stored(RUNS["monitoring"](), tmp_path / "run")
    found = render_reports(folder, lang="en", templates=("payment_notice", "technical_report"))
    assert {path.name for path in found.pages} == {"report.html", "report.pdf"}
    page = (folder / "release" / "report.html").read_text(encoding="utf-8")
    assert "This is not a decision" in page
    assert "Payment notice" not in page


def test_papermill_alone_runs_a_template_on_a_plan(sample: Callable[[str], Path], root: Path, tmp_path: Path) -> None:
    plan = sample("peterborough/monitoring")
    papermill = shutil.which("papermill", path=str(Path(sys.executable).parent))
    assert papermill is not None, "papermill is a requirement: its command stands beside this interpreter"
    template = root / "templates" / "technical_report.ipynb"
    arguments = [
        papermill,
        str(template),
        "out.ipynb",
        "-p",
        "evaluation",
        str(plan),
        "-p",
        "lang",
        "da",
        "-k",
        "python3",
    ]
    environment = {**os.environ, "PYTHONPATH": str(root)}
    done = subprocess.run(arguments, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    assert (tmp_path / "out.run" / "manifest.json").is_file()
    assert "Dette er ikke en afgørelse" in (tmp_path / "out.ipynb").read_text(encoding="utf-8")


def test_a_cell_is_called_by_the_title_above_it() -> None:
    cells = [
        node({"cell_type": "markdown", "source": "## Gates · Kontroller"}),
        node({"cell_type": "code", "source": "x"}),
    ]
    assert section_title(node({"cells": cells}), 1) == "Gates · Kontroller"
