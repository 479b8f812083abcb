"""Bundles at the edge: published figures, lost data, forged records, full surroundings, races for the lock."""

from __future__ import annotations

import dataclasses
import hashlib
import io
import json
import os
import shutil
import subprocess
import sys
import sysconfig
import threading
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import evaltool as ev
from evaltool.bundle import exchange, layout, members, pinned, worker
from evaltool.bundle.compare import compare
from evaltool.bundle.data_copy import DataFile, DataIndex, restore
from evaltool.bundle.exchange import held, hidden_sibling, recover
from evaltool.bundle.manifest import write_manifest
from evaltool.bundle.members import open_members
from evaltool.bundle.store import finish, open_run, write_bundle
from evaltool.bundle.verify import verify
from evaltool.cli.new import new
from evaltool.errors import RunError, VerificationError
from evaltool.reading.lock_file import write_lock
from evaltool.records.base import canonical_json
from evaltool.records.run import Run


@pytest.fixture(scope="module")
def plan_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("corners") / "e"
    new(home)
    write_lock(ev.read_plan(home / "plan.toml"))
    return home / "plan.toml"


@pytest.fixture(scope="module")
def run(plan_file: Path) -> Run:
    plan = ev.read_plan(plan_file)
    return ev.evaluate(plan, ev.read_panel(plan))


@pytest.fixture
def bundle(run: Run, tmp_path: Path) -> Path:
    write_bundle(run, tmp_path / "out")
    return tmp_path / "out"


def fault_of(folder: Path, *, rerun: bool = False) -> ev.errors.Fault:
    """The one fault ``verify`` finds."""
    with pytest.raises(VerificationError) as caught:
        verify(folder, rerun=rerun)
    (fault,) = caught.value.faults
    return fault


def rewritten(folder: Path, **changes: object) -> Path:
    """The bundle as someone would forge it who writes every file that follows from the run anew, and the manifest."""
    forged = open_run(folder).model_copy(update=changes)
    from evaltool.bundle.determination import determination_bytes  # noqa: PLC0415 - what the forger would use
    from evaltool.bundle.store import environment_bytes  # noqa: PLC0415 - same

    (folder / layout.RUN).write_bytes(canonical_json(forged))
    (folder / layout.DETERMINATION).write_bytes(determination_bytes(forged))
    (folder / layout.LEDGER).write_bytes(canonical_json(forged.ledger))
    (folder / layout.ENVIRONMENT).write_bytes(environment_bytes(forged))
    finish(forged, folder)
    return folder


# --- published figures: no panel, no data file


def test_a_bundle_of_published_figures_says_so_and_is_computed_again_without_data(
    samples: Path, tmp_path: Path
) -> None:
    plan = ev.read_plan(samples / "peterborough" / "contract" / "pooled" / "plan.toml")
    write_bundle(ev.evaluate(plan, None), tmp_path / "out")
    assert "- Data: none (published figures only)" in (tmp_path / "out" / "README.md").read_text(encoding="utf-8")
    assert json.loads((tmp_path / "out" / layout.DATA_INDEX).read_bytes()) == {"files": []}
    again = verify(tmp_path / "out", rerun=True).rerun
    assert again is not None
    assert again.verdict in {"IDENTICAL", "WITHIN_TOLERANCE"}


# --- data that went away, or cannot be laid out


def test_a_data_file_lost_while_the_run_was_going_on(plan_file: Path, run: Run, tmp_path: Path) -> None:
    (tmp_path / "e").mkdir()
    for name in ("plan.toml", "plan.lock"):
        shutil.copyfile(plan_file.with_name(name), tmp_path / "e" / name)
    moved = run.model_copy(update={"plan": run.plan.read_from(tmp_path / "e" / "plan.toml")})
    with pytest.raises(RunError) as caught:
        write_bundle(moved, tmp_path / "out")
    assert caught.value.codes == ("RUN_DATA_GONE",)
    assert caught.value.faults[0].place.file == "data.csv"
    assert [p.name for p in tmp_path.iterdir()] == ["e"], "nothing half-written is left"


@pytest.mark.parametrize("declared", ["\\data.csv", "\\\\server\\share\\data.csv"])
def test_a_windows_path_from_the_root_cannot_be_laid_out(tmp_path: Path, declared: str) -> None:
    index = DataIndex(files=(DataFile(declared=declared, copy_path="00-data.csv", sha256="0" * 64),))
    with pytest.raises(ValueError, match="absolute"):
        restore(index, tmp_path, tmp_path / "room")


@pytest.mark.parametrize("declared", ["..", ".", "../..", "/etc/hostname", "C:\\data.csv", "a\0b"])
def test_a_forged_index_is_refused_at_a_rerun_and_writes_nothing_outside(bundle: Path, declared: str) -> None:
    index = json.loads((bundle / layout.DATA_INDEX).read_bytes())
    index["files"][0]["declared"] = declared
    (bundle / layout.DATA_INDEX).write_bytes(canonical_json(index))
    write_manifest(bundle)
    fault = fault_of(bundle, rerun=True)
    assert (fault.code, fault.place.file) == ("VERIFY_NO_DATA", layout.DATA_INDEX)


def test_two_declared_paths_of_which_one_lies_in_the_other(bundle: Path) -> None:
    index = json.loads((bundle / layout.DATA_INDEX).read_bytes())
    index["files"].append({**index["files"][0], "declared": "data.csv/data.csv"})
    (bundle / layout.DATA_INDEX).write_bytes(canonical_json(index))
    write_manifest(bundle)
    assert fault_of(bundle, rerun=True).code == "VERIFY_NO_DATA"


@pytest.mark.parametrize("body", [b"{}x", b'{"files": 3}', b"\xff"])
def test_an_index_that_is_none(bundle: Path, body: bytes) -> None:
    (bundle / layout.DATA_INDEX).write_bytes(body)
    write_manifest(bundle)
    fault = fault_of(bundle)
    assert (fault.code, fault.place.file) == ("VERIFY_SEAL", layout.DATA_INDEX)


# --- records that do not belong together, everything else written anew


def test_a_seal_that_is_not_the_plans(bundle: Path) -> None:
    lock = open_run(bundle).lock.model_copy(update={"seal": "a" * 64})
    with pytest.raises(VerificationError) as caught:
        verify(rewritten(bundle, plan_seal="a" * 64, lock=lock))
    assert [f.cause for f in caught.value.faults] == [
        "The plan inside is not the one whose seal stands beside it.",
        "The plan's file is not the plan that was evaluated.",
        "The lock, or a variation, is not the one the run was made under.",
    ]


def test_a_lock_of_another_plan(bundle: Path) -> None:
    lock = open_run(bundle).lock.model_copy(update={"seal": "b" * 64})
    with pytest.raises(VerificationError) as caught:
        verify(rewritten(bundle, lock=lock))
    assert set(caught.value.codes) == {"VERIFY_SEAL"}
    assert caught.value.faults[0].cause == "The lock seals another plan."


def test_a_run_that_claims_never_to_have_been_locked(bundle: Path) -> None:
    lock = open_run(bundle).lock.model_copy(update={"state": "never_locked", "seal": None})
    fault = fault_of(rewritten(bundle, lock=lock))
    assert (fault.code, fault.place.file) == ("VERIFY_SEAL", layout.LOCK)


def test_a_plan_file_that_is_another_plan(bundle: Path) -> None:
    """Without its lock beside it, nothing but the seal in the run tells that the plan was exchanged."""
    lock = open_run(bundle).lock.model_copy(update={"state": "never_locked", "seal": None})
    (bundle / layout.LOCK).unlink()
    path = bundle / layout.PLAN
    text = path.read_text(encoding="utf-8")
    changed = text.replace("dispute_days = 30", "dispute_days = 3")
    assert changed != text
    path.write_text(changed, encoding="utf-8")
    fault = fault_of(rewritten(bundle, lock=lock))
    assert (fault.code, fault.place.file) == ("VERIFY_SEAL", layout.PLAN)
    assert fault.cause == "The plan's file is not the plan that was evaluated."


def test_a_design_lock_the_run_was_not_made_under(bundle: Path) -> None:
    lock = open_run(bundle).lock.model_copy(update={"design": "locked", "design_seal": "c" * 64})
    fault = fault_of(rewritten(bundle, lock=lock))
    assert (fault.code, fault.place.file) == ("VERIFY_SEAL", layout.DESIGN_LOCK)


def test_a_bundle_whose_data_can_no_longer_be_evaluated(bundle: Path) -> None:
    data = next((bundle / layout.DATA_FOLDER).iterdir())
    data.write_bytes(b"")
    index = json.loads((bundle / layout.DATA_INDEX).read_bytes())
    index["files"][0]["sha256"] = hashlib.sha256(b"").hexdigest()
    (bundle / layout.DATA_INDEX).write_bytes(canonical_json(index))
    write_manifest(bundle)
    fault = fault_of(bundle, rerun=True)
    assert fault.code == "VERIFY_RERUN_FAILED"
    assert "DATA_EMPTY" in fault.cause


def test_a_folder_without_a_run_is_no_bundle(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.txt").write_text("x")
    with pytest.raises(VerificationError) as caught:
        open_run(tmp_path / "out")
    assert caught.value.codes == ("VERIFY_NOT_A_BUNDLE",)
    assert caught.value.faults[0].place.file == layout.RUN


def test_without_a_headline_no_number_is_zero_but_for_rounding() -> None:
    """The absolute tolerance is a share of the headline; where there is none only the relative one counts."""
    old, new = (json.dumps({"estimate": None, "x": x}).encode() for x in (1e-15, 2e-15))
    assert compare(old, new).verdict == "DIFFERENT"
    old, new = (json.dumps({"estimate": {"att": 1.0, "se": None}, "x": x}).encode() for x in (1e-15, 2e-15))
    assert compare(old, new).verdict == "WITHIN_TOLERANCE"


# --- members: limits, bombs made of many, encryption


def packed(path: Path, *files: tuple[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for name, body in files:
            archive.writestr(name, body)
    return path


@pytest.mark.parametrize("kind", ["folder", "zip"])
def test_a_file_is_read_up_to_its_limit_and_not_beyond(tmp_path: Path, kind: str) -> None:
    if kind == "zip":
        path = packed(tmp_path / "b.zip", ("plan.toml", b"12345"))
    else:
        path = tmp_path / "b"
        path.mkdir()
        (path / "plan.toml").write_bytes(b"12345")
    with open_members(path) as found:
        assert found.read("plan.toml", 5) == b"12345"
        with pytest.raises(ValueError, match="larger than 4 bytes"):
            found.read("plan.toml", 4)


def test_many_small_members_may_not_grow_beyond_the_whole_limit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = packed(tmp_path / "b.zip", *((f"evidence/{n}", b"x" * 10) for n in range(10)))
    monkeypatch.setattr(members, "MAX_BYTES", 100)
    with open_members(path) as found:
        assert len(found.names()) == 10
    monkeypatch.setattr(members, "MAX_BYTES", 99)
    with pytest.raises(VerificationError) as caught, open_members(path):
        pass
    assert caught.value.codes == ("VERIFY_ZIP_UNSAFE",)


def test_an_encrypted_member(tmp_path: Path) -> None:
    path = packed(tmp_path / "b.zip", ("plan.toml", b"x"))
    body = bytearray(path.read_bytes())
    body[body.index(b"PK\x03\x04") + 6] |= 1
    body[body.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(bytes(body))
    with pytest.raises(VerificationError) as caught, open_members(path):
        pass
    assert caught.value.codes == ("VERIFY_ZIP_UNSAFE",)
    assert "encrypted" in caught.value.faults[0].cause


# --- exchange: a lock file taken away, a result lost


@pytest.mark.skipif(os.name == "nt", reason="Windows removes no open file")
def test_a_lock_file_removed_between_open_and_lock_is_taken_afresh(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else two processes would hold two files of one name, both locked."""
    path, real, tries = hidden_sibling(tmp_path / "out", "lock"), exchange._try_lock, []

    def removed_first(handle: int) -> bool:
        tries.append(handle)
        if len(tries) == 1:
            path.unlink()
        elif len(tries) == 2:
            path.unlink()
            path.write_text("of another process")
        return real(handle)

    monkeypatch.setattr(exchange, "_try_lock", removed_first)
    with held(tmp_path / "out") as mine:
        assert mine
        assert len(tries) == 3
        assert os.path.samestat(os.fstat(tries[-1]), path.stat())
    assert not path.exists()


def test_a_journal_whose_folders_are_both_gone_is_cleared(tmp_path: Path) -> None:
    hidden_sibling(tmp_path / "out", "journal").write_text("{}")
    assert recover(tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


# --- the pinned child: what each processor gets, where the package is found, what the child says


@pytest.fixture
def fresh() -> Iterator[None]:
    pinned._machine_settings.cache_clear()
    yield
    pinned._machine_settings.cache_clear()


@pytest.mark.usefixtures("fresh")
@pytest.mark.parametrize(
    ("on", "avx2", "expected"),
    [
        ([], False, {}),
        (["AVX2"], True, {"OPENBLAS_CORETYPE": "Haswell"}),
        (
            ["AVX2", "AVX512F", "AVX512_SKX", "X86_V4"],
            True,
            {"OPENBLAS_CORETYPE": "Haswell", "NPY_DISABLE_CPU_FEATURES": "AVX512F AVX512_SKX X86_V4"},
        ),
    ],
)
def test_every_processor_gets_what_it_has(
    monkeypatch: pytest.MonkeyPatch, on: list[str], avx2: bool, expected: dict[str, str]
) -> None:
    answer = subprocess.CompletedProcess([], 0, json.dumps({"on": on, "avx2": avx2}).encode())
    monkeypatch.setattr(pinned.platform, "machine", lambda: "x86_64")
    monkeypatch.setattr(pinned.subprocess, "run", lambda *_a, **_k: answer)
    found = pinned.pinned_environment()
    machine = {n: v for n, v in found.items() if n in {"OPENBLAS_CORETYPE", "NPY_DISABLE_CPU_FEATURES"}}
    assert machine == expected


def test_an_installed_package_is_found_without_a_path(monkeypatch: pytest.MonkeyPatch) -> None:
    root = Path(pinned.__file__).resolve().parents[2]
    monkeypatch.setattr(sysconfig, "get_path", lambda _name: str(root / "elsewhere"))
    assert pinned._scrubbed()["PYTHONPATH"] == str(root)
    monkeypatch.setattr(sysconfig, "get_path", lambda _name: str(root))
    assert "PYTHONPATH" not in pinned._scrubbed()


def said_by_the_child(request: dict[str, str]) -> list[dict[str, object]]:
    """The events of one child that is left to end by itself."""
    child = subprocess.Popen(
        [sys.executable, "-P", "-m", "evaltool.bundle.worker"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=pinned.pinned_environment(),
    )
    with child:
        assert child.stdin is not None
        assert child.stdout is not None
        child.stdin.write(json.dumps(request).encode() + b"\n")
        child.stdin.flush()
        events = [json.loads(line) for line in child.stdout]
        assert child.wait(timeout=120) == 0
    return events


def test_a_refused_plan_comes_back_with_file_and_line(plan_file: Path, tmp_path: Path) -> None:
    text = plan_file.read_text(encoding="utf-8").replace('method = "did.group_time"', 'method = "did.grup_time"')
    (tmp_path / "plan.toml").write_text(text, encoding="utf-8")
    shutil.copyfile(plan_file.with_name("data.csv"), tmp_path / "data.csv")
    (tmp_path / "work").mkdir()
    request = {"task": "evaluate", "plan": str(tmp_path / "plan.toml"), "folder": str(tmp_path / "work")}
    *stages, last = said_by_the_child(request)
    assert [event["stage"] for event in stages] == ["plan", "data"]
    assert (last["event"], last["family"]) == ("error", "plan")
    (fault,) = last["faults"]  # type: ignore[misc]
    line = 1 + text.splitlines().index('method = "did.grup_time"')
    assert fault["place"] == {"file": "plan.toml", "line": line, "key": "estimator.method"}
    assert fault["suggestion"] == "did.group_time"
    assert list((tmp_path / "work").iterdir()) == []


def test_what_nobody_foresaw_comes_back_as_a_fault(plan_file: Path) -> None:
    """A work folder that was cleared away is the system's refusal, told with the path."""
    gone = plan_file.parent / "cleared_away"
    *_, last = said_by_the_child({"task": "evaluate", "plan": str(plan_file), "folder": str(gone)})
    assert (last["event"], last["family"]) == ("error", "run")
    (fault,) = last["faults"]  # type: ignore[misc]
    assert fault["code"] == "RUN_SYSTEM"
    assert str(gone) in fault["place"]["file"]


def test_the_child_ends_when_its_parent_does_and_not_before(monkeypatch: pytest.MonkeyPatch) -> None:
    reading, writing = os.pipe()
    ended: list[int] = []
    with os.fdopen(reading, encoding="utf-8") as stream:
        monkeypatch.setattr(worker.sys, "stdin", stream)
        monkeypatch.setattr(worker.os, "_exit", ended.append)
        watch = threading.Thread(target=worker._end_with_parent)
        watch.start()
        watch.join(timeout=0.2)
        assert (watch.is_alive(), ended) == (True, [])
        os.close(writing)
        watch.join(timeout=30)
    assert ended == [130]


def test_a_fault_crosses_the_border_whole() -> None:
    place = ev.errors.Place(file="plan.toml", line=3, key="estimator.method", column="c", unit="u")
    fault = ev.errors.Fault("PLAN_X", "cause", "fix", place, "near")
    assert pinned._fault(json.loads(json.dumps(pinned.fault_as_json(fault)))) == fault
    bare = dataclasses.replace(fault, place=ev.errors.Place(), suggestion=None)
    assert pinned._fault(json.loads(json.dumps(pinned.fault_as_json(bare)))) == bare


def test_progress_is_told_until_the_child_is_done() -> None:
    told: list[str] = []
    listen: Callable[[bytes], bool] = lambda lines: pinned._listen(io.BytesIO(lines), told.append)  # noqa: E731 - short
    assert listen(b'{"event": "progress", "stage": "plan"}\n{"event": "done"}\n{"event": "progress", "stage": "x"}\n')
    assert told == ["plan"]
    assert not listen(b'{"event": "progress", "stage": "data"}\n'), "an end without a word is no success"
