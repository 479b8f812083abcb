"""At any moment the old or the new result stands; what a killed process left is finished or undone at next start."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from evaltool.bundle import exchange
from evaltool.bundle.exchange import hidden_sibling, recover, written_beside
from evaltool.errors import UsageError


def manifest(text: str, *files: str) -> str:
    return json.dumps({"kind": "evaltool.bundle", "files": dict.fromkeys(files, text), "text": text})


def result(folder: Path, text: str, *files: str) -> Path:
    folder.mkdir(parents=True)
    (folder / "manifest.json").write_text(manifest(text, *files))
    for name in files:
        (folder / name).write_text(text)
    return folder


def held_text(folder: Path) -> str:
    return str(json.loads((folder / "manifest.json").read_text())["text"])


def siblings(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.parent.iterdir() if p != folder)


def write(folder: Path, text: str, *, force: bool = False) -> None:
    with written_beside(folder, force=force) as work:
        (work / "manifest.json").write_text(manifest(text))


def test_a_new_folder_appears_whole(tmp_path: Path) -> None:
    with written_beside(tmp_path / "out") as work:
        (work / "manifest.json").write_text(manifest("new"))
        assert not (tmp_path / "out").exists()
    assert held_text(tmp_path / "out") == "new"
    assert siblings(tmp_path / "out") == []


def test_an_empty_folder_is_used(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    write(tmp_path / "out", "new")
    assert held_text(tmp_path / "out") == "new"


@pytest.mark.parametrize("by_system_call", [True, False])
def test_force_replaces_an_earlier_result(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, by_system_call: bool
) -> None:
    if not by_system_call:
        monkeypatch.setattr(exchange, "swap", lambda _one, _other: False)
    folder = result(tmp_path / "out", "old", "only_in_old")
    write(folder, "new", force=True)
    assert held_text(folder) == "new"
    assert not (folder / "only_in_old").exists()
    assert siblings(folder) == []


def test_a_failed_write_leaves_the_old_result_and_nothing_else(tmp_path: Path) -> None:
    folder = result(tmp_path / "out", "old")

    def fail() -> None:
        with written_beside(folder, force=True) as work:
            (work / "manifest.json").write_text(manifest("half"))
            raise ValueError

    with pytest.raises(ValueError):  # noqa: PT011 - our own, without a message
        fail()
    assert held_text(folder) == "old"
    assert siblings(folder) == []


@pytest.mark.parametrize(
    ("make", "force", "code"),
    [
        (lambda p: result(p, "old"), False, "USAGE_FOLDER_EXISTS"),
        (lambda p: (p.mkdir(), (p / "thesis.docx").write_text("x")), True, "USAGE_FOLDER_FOREIGN"),
        (lambda p: p.write_text("x"), True, "USAGE_NOT_A_FOLDER"),
        # another program's manifest, a damaged one, and a note laid beside a real result
        (lambda p: (p.mkdir(), (p / "manifest.json").write_text('{"name": "web"}')), True, "USAGE_FOLDER_FOREIGN"),
        (lambda p: (p.mkdir(), (p / "manifest.json").write_text("{")), True, "USAGE_FOLDER_FOREIGN"),
        (lambda p: (result(p, "old"), (p / "my_note.txt").write_text("x")), True, "USAGE_FOLDER_FOREIGN"),
    ],
)
def test_what_stands_in_the_way_is_refused(tmp_path: Path, make, force: bool, code: str) -> None:  # noqa: ANN001 - a table's lambdas
    make(tmp_path / "out")
    with pytest.raises(UsageError) as caught:
        write(tmp_path / "out", "new", force=force)
    assert caught.value.codes == (code,)
    assert siblings(tmp_path / "out") == []


def test_no_parent_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        write(tmp_path / "a" / "b", "new")
    assert caught.value.codes == ("USAGE_NO_PARENT",)


def test_two_writers_of_one_folder_are_refused(tmp_path: Path) -> None:
    folder = tmp_path / "out"
    with written_beside(folder) as work:
        (work / "manifest.json").write_text(manifest("first"))
        with pytest.raises(UsageError) as caught:
            write(folder, "second")
        assert caught.value.codes == ("USAGE_FOLDER_BUSY",)
        assert not recover(folder), "a reader must not clear the work of a live writer"
        assert (work / "manifest.json").exists()
    assert held_text(folder) == "first"


@pytest.mark.parametrize(
    ("done", "stands"), [("work only", "old"), ("journal", "old"), ("moved aside", "new"), ("moved in", "new")]
)
def test_recovery_from_every_step_of_the_journal(tmp_path: Path, done: str, stands: str) -> None:
    folder = result(tmp_path / "out", "old")
    work = result(hidden_sibling(folder, "work"), "new")
    journal, old = hidden_sibling(folder, "journal"), hidden_sibling(folder, "old")
    if done != "work only":
        journal.write_text("{}")
    if done in {"moved aside", "moved in"}:
        folder.rename(old)
    if done == "moved in":
        work.rename(folder)
    assert recover(folder)
    assert held_text(folder) == stands
    assert siblings(folder) == []
    assert not recover(folder)


def test_recovery_puts_the_old_back_when_the_new_is_lost(tmp_path: Path) -> None:
    folder = result(tmp_path / "out", "old")
    hidden_sibling(folder, "journal").write_text("{}")
    folder.rename(hidden_sibling(folder, "old"))
    assert recover(folder)
    assert held_text(folder) == "old"


def test_a_swapped_but_not_cleared_result_is_cleared(tmp_path: Path) -> None:
    folder = result(tmp_path / "out", "new")
    result(hidden_sibling(folder, "work"), "old")
    assert recover(folder)
    assert held_text(folder) == "new"
    assert siblings(folder) == []


def test_a_link_is_followed_and_kept(tmp_path: Path) -> None:
    folder = result(tmp_path / "real", "old")
    link = tmp_path / "link"
    link.symlink_to(folder)
    write(link, "new", force=True)
    assert link.is_symlink()
    assert held_text(folder) == "new"


def test_the_places_no_result_takes_are_refused_before_they_are_searched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Root, home, what holds the home, and a mount point; nothing below them is listed and no lock is laid there."""
    home, mounted = tmp_path / "home" / "me", tmp_path / "disk"
    home.mkdir(parents=True)
    mounted.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("USERPROFILE", str(home))
    mount = os.path.ismount
    monkeypatch.setattr(os.path, "ismount", lambda path: Path(path) == mounted or mount(path))

    def searched(folder: Path) -> list[str]:
        message = f"{folder} was searched"
        raise AssertionError(message)

    monkeypatch.setattr(exchange, "foreign_files", searched)
    for folder in (Path(tmp_path.anchor), home, home.parent, mounted):
        with pytest.raises(UsageError) as refused, written_beside(folder, force=True):
            pytest.fail("a work folder was given")
        assert refused.value.codes == ("USAGE_FOLDER_PROTECTED",)
    assert {p.name for p in tmp_path.iterdir()} == {"home", "disk"}
    write(home / "out", "new")
    write(mounted / "out", "new")
    assert held_text(home / "out") == held_text(mounted / "out") == "new"
