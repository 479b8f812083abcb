"""Earlier runs enter a plan by their manifest: one that is missing, changed or of another contract is refused."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from evaltool.bundle.manifest import write_manifest
from evaltool.bundle.store import write_bundle, zip_bundle
from evaltool.bundle.verify import verify
from evaltool.cli.main import main
from evaltool.errors import PlanError
from evaltool.pipeline import evaluate
from evaltool.reading.lock_file import lock_status, write_lock
from evaltool.reading.plan_file import read_plan
from evaltool.reading.previous_runs import previous_faults


@pytest.fixture(scope="module")
def earlier(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run that decided 100."""
    home = tmp_path_factory.mktemp("earlier")
    shutil.copytree(root / "data_samples" / "peterborough" / "contract" / "pooled", home / "contract")
    write_bundle(evaluate(read_plan(home / "contract" / "plan.toml"), None), home / "out")
    return home / "out"


@pytest.fixture
def home(earlier: Path, tmp_path: Path) -> Path:
    """A plan of the same programme, and the earlier run beside it in ``paid``."""
    shutil.copytree(earlier, tmp_path / "paid")
    text = (earlier / "plan.toml").read_text(encoding="utf-8")
    (tmp_path / "plan.toml").write_text(text, encoding="utf-8")
    return tmp_path


def naming(home: Path, *entries: Mapping[str, str], **edits: str) -> Path:
    """The plan with earlier runs named, and other texts replaced."""
    path = home / "plan.toml"
    text = path.read_text(encoding="utf-8")
    for old, new in edits.items():
        assert f"{old} = " in text
        text = "\n".join(f"{old} = {new}" if line.startswith(f"{old} = ") else line for line in text.splitlines())
    for entry in entries:
        text += "\n[[payment.previous]]\n" + "".join(f'{key} = "{value}"\n' for key, value in entry.items())
    path.write_text(text, encoding="utf-8")
    return path


def manifest(folder: Path) -> str:
    return hashlib.sha256((folder / "manifest.json").read_bytes()).hexdigest()


def paid(folder: Path, **other: str) -> dict[str, str]:
    return {"manifest": manifest(folder), "amount": "100", "path": folder.name, **other}


def codes(path: Path) -> list[tuple[str, str | None]]:
    return [(fault.code, fault.place.key) for fault in previous_faults(read_plan(path))]


def test_an_earlier_run_is_deducted_when_it_is_what_the_plan_says(home: Path) -> None:
    plan = read_plan(naming(home, paid(home / "paid")))
    write_lock(plan)
    run = evaluate(plan, None)
    assert (str(run.decision.triggered), str(run.decision.amount)) == ("100.00", "0.00")
    assert "NET_ZERO_AFTER_OFFSET" in run.decision.flags


def test_a_zip_of_it_will_do(home: Path) -> None:
    zip_bundle(home / "paid", home / "paid.zip")
    named = {**paid(home / "paid"), "path": "paid.zip"}
    assert codes(naming(home, named)) == []


def wrapped(home: Path) -> dict[str, str]:
    """A zip with one folder around the run, as a file manager packs it."""
    named = {**paid(home / "paid"), "path": "packed.zip"}
    (home / "around").mkdir()
    shutil.copytree(home / "paid", home / "around" / "paid")
    zip_bundle(home / "around", home / "packed.zip")
    return named


def test_a_zip_with_a_folder_around_it_will_do(home: Path) -> None:
    assert codes(naming(home, wrapped(home))) == []


def test_one_without_a_path_is_taken_as_stated(home: Path) -> None:
    named = {"manifest": "a" * 64, "amount": "40"}
    plan = read_plan(naming(home, named))
    write_lock(plan)
    assert str(evaluate(plan, None).decision.amount) == "60.00"


def touched(name: str) -> Callable[[Path], None]:
    def harm(folder: Path) -> None:
        (folder / name).write_bytes((folder / name).read_bytes() + b" ")

    return harm


def record(changes: Mapping[str, Mapping[str, str]]) -> Callable[[Path], None]:
    """The earlier run's record rewritten, and its manifest with it."""

    def harm(folder: Path) -> None:
        path = folder / "release" / "determination.json"
        body = json.loads(path.read_bytes())
        for table, values in changes.items():
            body[table] |= values
        path.write_text(json.dumps(body), encoding="utf-8")
        write_manifest(folder)

    return harm


def emptied(folder: Path) -> None:
    (folder / "manifest.json").write_text('{"files": {}}', encoding="utf-8")


def no_object(folder: Path) -> None:
    (folder / "manifest.json").write_text("[1", encoding="utf-8")


def linked(folder: Path) -> None:
    path = folder / "release" / "determination.json"
    path.rename(folder.parent / "elsewhere.json")
    path.symlink_to(folder.parent / "elsewhere.json")


@pytest.mark.parametrize(
    ("code", "key", "harm", "after"),
    [
        ("PLAN_PREVIOUS_MISSING", "path", shutil.rmtree, False),
        ("PLAN_PREVIOUS_MISSING", "path", lambda f: (f / "manifest.json").unlink(), False),
        ("PLAN_PREVIOUS_CHANGED", "manifest", touched("manifest.json"), False),
        ("PLAN_PREVIOUS_CHANGED", "path", touched("release/determination.json"), False),
        ("PLAN_PREVIOUS_CHANGED", "path", lambda f: (f / "release" / "determination.json").unlink(), False),
        ("PLAN_PREVIOUS_CHANGED", "path", linked, False),
        ("PLAN_PREVIOUS_CHANGED", "path", emptied, True),
        ("PLAN_PREVIOUS_CHANGED", "path", no_object, True),
        ("PLAN_PREVIOUS_OTHER_PROGRAMME", "path", record({"programme": {"id": "other"}}), True),
        ("PLAN_PREVIOUS_CURRENCY", "amount", record({"decision": {"currency": "EUR"}}), True),
        ("PLAN_PREVIOUS_AMOUNT", "amount", record({"decision": {"amount": "99.99"}}), True),
        ("PLAN_PREVIOUS_AMOUNT", "amount", record({"decision": {"amount": "much"}}), True),
    ],
)
def test_what_is_not_as_the_plan_says_is_refused(
    home: Path, code: str, key: str, harm: Callable[[Path], object], after: bool
) -> None:
    """``after``: the plan names the manifest as it is after the change, so that only the content is wrong."""
    named = paid(home / "paid")
    harm(home / "paid")
    path = naming(home, paid(home / "paid") if after else named)
    assert codes(path) == [(code, f"payment.previous[0].{key}")]
    with pytest.raises(PlanError) as caught:
        evaluate(read_plan(path), None)
    assert caught.value.codes == (code,)


def test_check_and_run_refuse_with_the_plans_line_and_write_nothing(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = naming(home, paid(home / "paid", amount="90"))
    write_lock(read_plan(path))
    line = next(n for n, text in enumerate(path.read_text("utf-8").splitlines(), 1) if text == 'amount = "90"')
    assert main(["check", str(path)]) == 2
    assert f"plan.toml:{line}: error PLAN_PREVIOUS_AMOUNT" in capsys.readouterr().err
    assert main(["run", str(path), "--out", str(home / "out"), "--no-report"]) == 2
    shown = capsys.readouterr().err
    assert f"PLAN_PREVIOUS_AMOUNT  plan.toml:{line}" in shown
    assert not (home / "out").exists()


def test_a_bundle_is_computed_again_without_its_earlier_runs(home: Path) -> None:
    path = naming(home, paid(home / "paid"))
    write_lock(read_plan(path))
    assert main(["run", str(path), "--out", str(home / "out"), "--no-report"]) == 0
    shutil.rmtree(home / "paid")
    found = verify(home / "out", rerun=True)
    assert found.rerun is not None
    assert found.rerun.verdict == "IDENTICAL"


def test_a_zip_that_cannot_be_read(home: Path) -> None:
    (home / "broken.zip").write_bytes(b"PK\x03\x04 no zip")
    named = {**paid(home / "paid"), "path": "broken.zip"}
    assert codes(naming(home, named)) == [("PLAN_PREVIOUS_MISSING", "payment.previous[0].path")]
    zip_bundle(home / "paid", home / "cut.zip")
    body = (home / "cut.zip").read_bytes()
    at = body.index(b"manifest.json") + 40
    (home / "cut.zip").write_bytes(body[:at] + bytes(255 - b for b in body[at : at + 60]) + body[at + 60 :])
    (home / "plan.toml").write_bytes((home / "paid" / "plan.toml").read_bytes())
    found = codes(naming(home, {**named, "path": "cut.zip"}))
    assert found == [("PLAN_PREVIOUS_MISSING", "payment.previous[0].path")]


def test_an_absolute_path_is_refused(home: Path) -> None:
    path = naming(home, {**paid(home / "paid"), "path": (home / "paid").as_posix()})
    with pytest.raises(PlanError) as caught:
        read_plan(path)
    assert caught.value.codes == ("PLAN_PATH_ABSOLUTE",)


def test_runs_that_name_each_other_are_refused(home: Path) -> None:
    """With true hashes this cannot be made: the plan that a run names its predecessors in is not in ``release/``."""
    other = home / "other"
    shutil.copytree(home / "paid", other)
    record({"decision": {"reasons": []}})(other)
    (other / "README.md").write_text("another run", encoding="utf-8")
    write_manifest(other)
    for folder, named in ((home / "paid", other), (other, home / "paid")):
        text = (folder / "plan.toml").read_text(encoding="utf-8")
        more = f'\n[[payment.previous]]\nmanifest = "{manifest(named)}"\namount = "100"\n'
        (folder / "plan.toml").write_text(text + more, encoding="utf-8")
    path = naming(home, paid(home / "paid"), paid(other))
    assert codes(path) == [
        ("PLAN_PREVIOUS_CIRCLE", "payment.previous[0]"),
        ("PLAN_PREVIOUS_CIRCLE", "payment.previous[1]"),
    ]


def test_a_later_run_may_name_an_earlier_one_that_is_named_too(home: Path) -> None:
    other = home / "other"
    shutil.copytree(home / "paid", other)
    text = (other / "plan.toml").read_text(encoding="utf-8")
    more = f'\n[[payment.previous]]\nmanifest = "{manifest(home / "paid")}"\namount = "100"\n'
    (other / "plan.toml").write_text(text + more, encoding="utf-8")
    write_manifest(other)
    assert codes(naming(home, paid(home / "paid"), paid(other))) == []


def test_a_plan_made_in_python_has_no_folder_to_look_in(home: Path) -> None:
    shutil.rmtree(home / "paid" / "release")
    plan = read_plan(naming(home, paid(home / "paid"))).without_file()
    assert previous_faults(plan) == ()
    assert lock_status(plan).state == "never_locked"
