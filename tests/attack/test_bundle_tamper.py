"""Whatever byte of a bundle is changed, added or taken away, verify says so; so does a rewritten manifest."""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from evaltool.bundle.manifest import write_manifest
from evaltool.bundle.store import zip_bundle
from evaltool.bundle.verify import verify
from evaltool.cli.new import new
from evaltool.errors import VerificationError

Command = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def pristine(tmp_path_factory: pytest.TempPathFactory, command: Command) -> Path:
    """One real bundle, locked, with data; copied by every test."""
    home = tmp_path_factory.mktemp("tamper")
    new(home / "plan")
    plan = str(home / "plan" / "plan.toml")
    assert command("lock", plan).returncode == 0
    done = command("run", plan, "--out", str(home / "out"), "--no-report")
    assert done.returncode == 0, done.stderr
    return home / "out"


@pytest.fixture
def bundle(pristine: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(pristine, tmp_path / "out"))


def codes(folder: Path) -> set[str]:
    with pytest.raises(VerificationError) as caught:
        verify(folder)
    assert caught.value.exit_code == 5
    return set(caught.value.codes)


def files(folder: Path) -> list[str]:
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())


def flip(path: Path, at: int) -> None:
    body = bytearray(path.read_bytes())
    body[at] ^= 1
    path.write_bytes(bytes(body))


def test_the_pristine_bundle_stands(bundle: Path) -> None:
    found = verify(bundle)
    assert found.files == len(files(bundle))


def test_one_byte_changed_in_any_file_is_found(bundle: Path) -> None:
    names = files(bundle)
    assert {"plan.toml", "plan.lock", "manifest.json", "release/determination.json", "evidence/run.json"} <= set(names)
    for name in names:
        path = bundle / name
        body = path.read_bytes()
        for at in {0, len(body) // 3, len(body) // 2, len(body) - 1}:
            flip(path, at)
            assert codes(bundle) & {"VERIFY_CHANGED", "VERIFY_MISSING"}, f"{name}, byte {at}"
            path.write_bytes(body)
    assert verify(bundle).rerun is None


def test_every_byte_of_the_manifest_counts(bundle: Path) -> None:
    path = bundle / "manifest.json"
    body = path.read_bytes()
    for at in range(0, len(body), 7):
        flip(path, at)
        assert codes(bundle), at
        path.write_bytes(body)


def test_the_command_says_exit_code_5(bundle: Path, command: Command) -> None:
    flip(bundle / "release" / "determination.json", 40)
    done = command("verify", str(bundle))
    assert done.returncode == 5
    assert "VERIFY_CHANGED" in done.stderr
    assert "Traceback" not in done.stderr
    as_json = command("verify", str(bundle), "--format", "json")
    assert as_json.returncode == 5
    assert json.loads(as_json.stderr)["error"]["faults"][0]["place"]["file"] == "release/determination.json"


def test_missing_and_extra_files_are_found_together(bundle: Path) -> None:
    (bundle / "evidence" / "ledger.json").unlink()
    (bundle / "release" / "note.txt").write_text("we agreed otherwise")
    flip(bundle / "plan.toml", 3)
    assert codes(bundle) == {"VERIFY_MISSING", "VERIFY_EXTRA", "VERIFY_CHANGED"}


def test_a_link_is_refused(bundle: Path, tmp_path: Path) -> None:
    target = tmp_path / "elsewhere.json"
    shutil.move(bundle / "evidence" / "ledger.json", target)
    (bundle / "evidence" / "ledger.json").symlink_to(target)
    assert codes(bundle) == {"VERIFY_LINK"}


def test_a_truncated_file_is_found(bundle: Path) -> None:
    path = bundle / "evidence" / "run.json"
    path.write_bytes(path.read_bytes()[:-100])
    assert codes(bundle) == {"VERIFY_CHANGED"}


def changed_amount(folder: Path) -> None:
    path = folder / "release" / "determination.json"
    body = json.loads(path.read_bytes())
    body["decision"]["amount"] = "9999999.00"
    path.write_text(json.dumps(body, ensure_ascii=False, sort_keys=True, indent=2) + "\n")


def changed_run(folder: Path) -> None:
    path = folder / "evidence" / "run.json"
    path.write_text(path.read_text().replace('"state": "PAY_FULL"', '"state": "NO_PAYMENT"'))


def changed_plan(folder: Path) -> None:
    path = folder / "plan.toml"
    path.write_text(path.read_text().replace('amount = "1000000.00"', 'amount = "1500000.00"'))


def removed_lock(folder: Path) -> None:
    (folder / "plan.lock").unlink()


def changed_data(folder: Path) -> None:
    path = next((folder / "evidence" / "data").iterdir())
    path.write_bytes(path.read_bytes().replace(b",1", b",9", 1))


def changed_readme(folder: Path) -> None:
    path = folder / "README.md"
    path.write_text(path.read_text().replace("PAY_", "NO_PAY_"))


@pytest.mark.parametrize(
    "change", [changed_amount, changed_run, changed_plan, removed_lock, changed_data, changed_readme]
)
def test_a_change_with_a_rewritten_manifest_is_found(bundle: Path, change: Callable[[Path], None]) -> None:
    change(bundle)
    write_manifest(bundle)
    assert codes(bundle) == {"VERIFY_SEAL"}


def test_a_change_of_the_data_and_its_index_is_found_by_rerun(bundle: Path) -> None:
    changed_data(bundle)
    data = next((bundle / "evidence" / "data").iterdir())
    index = bundle / "evidence" / "data.json"
    body = json.loads(index.read_bytes())
    import hashlib  # noqa: PLC0415 - what the forger would do

    body["files"][0]["sha256"] = hashlib.sha256(data.read_bytes()).hexdigest()
    index.write_text(json.dumps(body, ensure_ascii=False, sort_keys=True, indent=2) + "\n")
    write_manifest(bundle)
    assert verify(bundle).rerun is None, "the bytes alone cannot show this"
    with pytest.raises(VerificationError) as caught:
        verify(bundle, rerun=True)
    assert caught.value.codes == ("VERIFY_DIFFERENT",)
    assert caught.value.faults[0].place.key


def test_no_bundle_at_all(tmp_path: Path) -> None:
    assert codes(tmp_path) == {"VERIFY_NOT_A_BUNDLE"}
    assert codes(tmp_path / "nothing") == {"VERIFY_NOT_A_BUNDLE"}


class Pipe(io.RawIOBase):
    """A stream that cannot be sought: what is packed into it has its sizes behind the data, as ``zip -`` writes."""

    def __init__(self) -> None:
        self.body = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, piece: object) -> int:
        self.body += bytes(piece)  # type: ignore[call-overload]
        return len(piece)  # type: ignore[arg-type]


def usual_zip(bundle: Path) -> Path:
    """As a file manager packs a folder: everything below one top folder, folders as members."""
    return Path(shutil.make_archive(str(bundle.parent / "usual"), "zip", bundle.parent, bundle.name))


def test_a_zip_of_the_folder_itself_is_the_bundle(bundle: Path) -> None:
    packed = usual_zip(bundle)
    assert {"out/", "out/release/", "out/manifest.json"} <= set(zipfile.ZipFile(packed).namelist())
    assert verify(packed) == verify(bundle)


def test_a_zip_written_to_a_pipe_is_the_bundle(bundle: Path) -> None:
    pipe = Pipe()
    with zipfile.ZipFile(pipe, "w", zipfile.ZIP_DEFLATED) as archive:  # type: ignore[call-overload]
        for name in files(bundle):
            archive.write(bundle / name, f"out/{name}")
    packed = bundle.parent / "piped.zip"
    packed.write_bytes(bytes(pipe.body))
    assert all(info.flag_bits & 8 for info in zipfile.ZipFile(packed).infolist())
    assert verify(packed) == verify(bundle)


def test_two_top_folders_are_no_bundle(bundle: Path) -> None:
    packed = usual_zip(bundle)
    with zipfile.ZipFile(packed, "a") as archive:
        archive.writestr("other/note.txt", "x")
    assert codes(packed) == {"VERIFY_NOT_A_BUNDLE"}


def test_a_file_added_below_the_top_folder_is_found(bundle: Path) -> None:
    packed = usual_zip(bundle)
    with zipfile.ZipFile(packed, "a") as archive:
        archive.writestr("out/release/note.txt", "x")
    assert codes(packed) == {"VERIFY_EXTRA"}


@pytest.mark.parametrize("where", ["before", "behind", "both", "comment", "between", "before the directory"])
def test_bytes_that_travel_beside_the_members_are_found(bundle: Path, where: str) -> None:
    """Every one of these is read by zipfile without a word."""
    packed = bundle.parent / "packed.zip"
    zip_bundle(bundle, packed)
    assert verify(packed).files == len(files(bundle))
    whole = packed.read_bytes()
    if where in {"before", "behind", "both"}:
        packed.write_bytes(b"S" * (where != "behind") + whole + b"S" * (where != "before"))
    elif where == "comment":
        with zipfile.ZipFile(packed, "a") as archive:
            archive.comment = b"secret"
    else:
        packed.write_bytes(hidden_inside(whole, last=where == "before the directory"))
    assert zipfile.ZipFile(packed).testzip() is None
    assert codes(packed) == {"VERIFY_EXTRA"}


def hidden_inside(whole: bytes, *, last: bool) -> bytes:
    """The zip with a member its directory does not know, behind all others or, with one of them moved, among them."""
    stream = io.BytesIO(whole)
    with zipfile.ZipFile(stream, "a") as archive:
        moved = archive.infolist()[-1]
        body = archive.read(moved)
        archive.writestr("hidden.txt", b"secret")
        archive.filelist.pop()
        if not last:
            archive.filelist.remove(moved)
            del archive.NameToInfo[moved.filename]
            archive.writestr(moved.filename, body)
    return stream.getvalue()


@pytest.mark.parametrize("name", ["notes", "release/notes", "notes/deeper"])
def test_an_empty_folder_is_found_in_folder_and_zip(bundle: Path, name: str) -> None:
    (bundle / name).mkdir(parents=True)
    with pytest.raises(VerificationError) as caught:
        verify(bundle)
    assert set(caught.value.codes) == {"VERIFY_EXTRA"}
    assert f"{name}/" in [fault.place.file for fault in caught.value.faults]
    assert codes(usual_zip(bundle)) == {"VERIFY_EXTRA"}


@pytest.mark.skipif(os.name == "nt", reason="named pipes are POSIX files")
def test_a_pipe_is_found(bundle: Path) -> None:
    os.mkfifo(bundle / "release" / "pipe")
    assert codes(bundle) == {"VERIFY_EXTRA"}
