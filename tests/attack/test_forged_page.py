"""A page that says something else is noticed, even when its forger seals the folder again."""

from __future__ import annotations

import hashlib
import json
import shutil
import zipfile
from pathlib import Path

import pytest

from evaltool.bundle.layout import MANIFEST, NOTICE_HTML
from evaltool.cli.main import main
from evaltool.records.base import canonical_json
from evaltool.report.redraw import redraw


def command(*arguments: str) -> int:
    """The exit code of the command line in this process."""
    return main(list(arguments))


@pytest.fixture(name="bundle", scope="module")
def a_bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    samples = Path(__file__).parents[2] / "data_samples"
    folder = tmp_path_factory.mktemp("run") / "out"
    plan = samples / "peterborough" / "contract" / "pooled" / "plan.toml"
    assert command("run", str(plan), "--out", str(folder), "--lang", "en") == 0
    return folder


def sealed_again(folder: Path) -> None:
    """Write the forged page's hash and size into the manifest, as anybody can."""
    path = folder / MANIFEST
    page = (folder / NOTICE_HTML).read_bytes()
    manifest = json.loads(path.read_bytes())
    manifest["files"][NOTICE_HTML] = {"sha256": hashlib.sha256(page).hexdigest(), "size": len(page)}
    path.write_bytes(canonical_json(manifest))


def test_honest_pages_are_drawn_again_to_the_byte(bundle: Path, tmp_path: Path) -> None:
    assert len(redraw(bundle).same) == 4
    archive = tmp_path / "out.zip"
    with zipfile.ZipFile(archive, "w") as zipped:
        for path in sorted(bundle.rglob("*")):
            if path.is_file():
                zipped.write(path, path.relative_to(bundle))
    found = redraw(archive)
    assert (len(found.same), found.different, found.not_redrawn) == (4, (), {})


def test_a_forged_page_is_noticed_by_a_rerun(bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    forged = tmp_path / "forged"
    shutil.copytree(bundle, forged)
    page = forged / NOTICE_HTML
    text = page.read_text(encoding="utf-8")
    assert "9.0" in text
    page.write_text(text.replace("9.0", "9.9"), encoding="utf-8")
    sealed_again(forged)
    assert command("verify", str(forged)) == 0
    assert command("verify", str(forged), "--rerun") == 5
    assert "VERIFY_PAGE  release/notice.html" in capsys.readouterr().err


def test_a_page_of_an_own_template_is_named_as_not_drawn_again(bundle: Path, tmp_path: Path) -> None:
    own = tmp_path / "own"
    shutil.copytree(bundle, own)
    page = own / NOTICE_HTML
    stamped = page.read_text(encoding="utf-8").replace("<main", '<p class="et-untrusted">UNTRUSTED</p><main', 1)
    page.write_text(stamped, encoding="utf-8")
    found = redraw(own)
    assert found.not_redrawn == {NOTICE_HTML: "own_template"}
    assert NOTICE_HTML not in (*found.same, *found.different)
