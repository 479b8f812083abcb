"""The notice says who signed what, when and why, in its own language."""

from __future__ import annotations

import html
import re
from pathlib import Path

import pytest
from test_sign_off_acts import WHO, waiting, write_plan

from evaltool.bundle import layout
from evaltool.bundle.store import open_run
from evaltool.bundle.verify import verify
from evaltool.cli.main import main
from evaltool.report.section import build_section


def text_of(page: Path) -> str:
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", " ", page.read_text(encoding="utf-8"))))


def test_the_notice_is_drawn_again_in_its_language_and_names_the_act(tmp_path: Path) -> None:
    write_plan(tmp_path / "plan")
    out = tmp_path / "out"
    notice = ("--template", "payment_notice", "--lang", "da")
    assert main(["run", str(tmp_path / "plan" / "plan.toml"), "--out", str(out), *notice]) == 0
    assert "Godkendte vurderinger" not in text_of(out / layout.NOTICE_HTML)
    run = open_run(out)
    assert build_section("sign_offs", run, "en").blocks == ()
    why = "Frafaldet er <ens> i begge grupper."
    for gate in waiting(out):
        assert main(["sign-off", str(out), "--gate", gate, *WHO, "--reason", why]) == 0
    shown = text_of(out / layout.NOTICE_HTML)
    assert "Godkendte vurderinger" in shown
    assert "Ane Holm, evaluator 20.06.2022 Frafaldet er <ens> i begge grupper." in shown
    assert not (out / layout.REPORT_HTML).exists()
    assert "PROVISIONAL" not in open_run(out).decision.flags
    verify(out)


@pytest.mark.parametrize(("lang", "head"), [("da", "Godkendt af"), ("en", "Signed off by")])
def test_both_languages_have_the_words(lang: str, head: str) -> None:
    from evaltool.language.words import Voice  # noqa: PLC0415 - used here only

    assert Voice(lang).say("sign_off.by") == head
