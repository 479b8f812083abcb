"""A few replays by the command anybody would run, to HTML and PDF."""

from __future__ import annotations

import io
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from pypdf import PdfReader
from replay_runs import REPLAYS, expected

Command = Callable[..., subprocess.CompletedProcess[str]]


def plain(text: str) -> str:
    """One line, with ordinary spaces."""
    return " ".join(text.replace("\u00a0", " ").split())


@pytest.mark.parametrize(
    ("name", "lang", "made_up"),
    [("denver-total", "en", "inferred, not published"), ("ikast-brande-small-n", "da", "Resultatet: 15 af 20.")],
)
def test_run_draws_a_report_that_says_what_was_published(
    name: str, lang: str, made_up: str, command: Command, tmp_path: Path
) -> None:
    done = command("run", str(REPLAYS / name / "plan.toml"), "--out", str(tmp_path / "out"), "--lang", lang)
    assert done.returncode == 0, done.stderr
    assert str(expected(name)["state"]) in done.stdout
    release = tmp_path / "out" / "release"
    pages = PdfReader(io.BytesIO((release / "report.pdf").read_bytes())).pages
    report = plain(" ".join(page.extract_text() for page in pages))
    html = plain((release / "report.html").read_text(encoding="utf-8"))
    for shown in (str(expected(name)[f"published_{lang}"]), made_up):
        assert shown in html
        assert shown.replace(" ", "") in report.replace(" ", "")
    notice = PdfReader(io.BytesIO((release / "notice.pdf").read_bytes())).pages
    assert len(notice) <= 2
    assert made_up.replace(" ", "") in plain(" ".join(p.extract_text() for p in notice)).replace(" ", "")
    if says := expected(name).get(f"says_{lang}"):
        assert str(says) in html


def test_check_warns_of_a_count_and_a_percentage_that_disagree(command: Command) -> None:
    done = command("check", str(REPLAYS / "aarhus-diabetes-lint" / "plan.toml"))
    assert done.returncode == 0, done.stderr
    assert "LINT_COUNT_AND_SHARE" in done.stdout
    assert "count and percent disagree: 50/162 = 30.9 percent" in plain(done.stdout)
