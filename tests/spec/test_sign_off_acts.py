"""Sign-offs: whose judgement counts, what it changes, and what it cannot be moved to."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import pytest
from matched_plans import MATCHING
from matched_worlds import cross_section

from evaltool.bundle import layout
from evaltool.bundle.compare import compare
from evaltool.bundle.manifest import write_manifest
from evaltool.bundle.sign_off import Act, sign
from evaltool.bundle.store import finish, open_run
from evaltool.bundle.verify import verify
from evaltool.cli.main import main
from evaltool.errors import UsageError, VerificationError
from evaltool.pipeline.redecide import redecided, unsigned
from evaltool.records.base import canonical_json
from evaltool.records.sign_off import SignOff

WHO = ("--by", "Ane Holm, evaluator", "--on", "2022-06-20")
WHY = ("--reason", "People moved away, alike in both groups.")


def write_plan(folder: Path, seed: int = 1, every: int = 11) -> None:
    """A matched plan whose design is locked and whose data then lose every eleventh unit: two reviews."""
    folder.mkdir()
    (folder / "plan.toml").write_text(MATCHING, encoding="utf-8")
    frame = cross_section(seed, 100, 600).drop(columns="weight")
    frame.columns = ["id", "offered", "a", "b", "y"]
    frame["offered"] = frame["offered"].map({True: "true", False: "false"})
    frame.to_csv(folder / "data.csv", index=False)
    assert main(["lock", str(folder / "plan.toml"), "--design"]) == 0
    frame.loc[[i % every != 3 for i in range(len(frame))]].to_csv(folder / "data.csv", index=False)


def run_into(folder: Path, out: Path) -> Path:
    assert main(["run", str(folder / "plan.toml"), "--out", str(out), "--no-report"]) == 0
    return out


def sign_off(folder: Path, *more: str, gate: str = "matched_share") -> int:
    return main(["sign-off", str(folder), "--gate", gate, *WHO, *WHY, *more])


def waiting(folder: Path) -> list[str]:
    return [gate.name for gate in open_run(folder).gates if gate.asks_for_review]


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run with at least one review."""
    home = tmp_path_factory.mktemp("judged")
    write_plan(home / "plan")
    out = run_into(home / "plan", home / "out")
    assert "matched_share" in waiting(out)
    return out


@pytest.fixture
def bundle(judged: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(judged, tmp_path / "out"))


def faults(folder: Path) -> set[str]:
    with pytest.raises(VerificationError) as caught:
        verify(folder)
    assert caught.value.exit_code == 5
    return set(caught.value.codes)


def sign_all(folder: Path) -> None:
    for gate in waiting(folder):
        assert sign_off(folder, gate=gate) == 0


def test_provisional_only_until_every_review_is_signed(bundle: Path) -> None:
    before = open_run(bundle)
    assert "PROVISIONAL" in before.decision.flags
    names = waiting(bundle)
    for done, gate in enumerate(names, start=1):
        assert sign_off(bundle, gate=gate) == 0
        run = open_run(bundle)
        assert ("PROVISIONAL" in run.decision.flags) == (done < len(names))
        assert [act.gate for act in run.sign_offs] == names[:done]
    after = open_run(bundle)
    assert (after.decision.state, after.decision.amount, after.decision.reasons) == (
        before.decision.state,
        before.decision.amount,
        before.decision.reasons,
    )
    assert after.estimates == before.estimates
    assert after.gates == before.gates
    assert verify(bundle).amount == str(before.decision.amount)


def test_partial_sign_off_keeps_it_provisional(bundle: Path) -> None:
    run = open_run(bundle)
    reviews = [gate.name for gate in run.gates if gate.asks_for_review]
    assert "PROVISIONAL" in redecided(run, ()).flags
    assert redecided(run, ()) == run.decision
    assert "PROVISIONAL" not in redecided(run, reviews).flags
    assert "PROVISIONAL" in redecided(run, ["no_such_gate"]).flags


def test_the_hash_of_the_run_that_was_judged_stays_checkable(bundle: Path) -> None:
    printed = hashlib.sha256((bundle / layout.MANIFEST).read_bytes()).hexdigest()
    record = (bundle / layout.DETERMINATION).read_bytes()
    run_json = (bundle / layout.RUN).read_bytes()
    sign_all(bundle)
    run = open_run(bundle)
    assert {act.run for act in run.sign_offs} == {printed}
    assert hashlib.sha256((bundle / layout.SIGNED_MANIFEST).read_bytes()).hexdigest() == printed
    assert (bundle / layout.SIGNED_DETERMINATION).read_bytes() == record
    assert canonical_json(unsigned(run)) == run_json
    signed = json.loads((bundle / layout.DETERMINATION).read_bytes())
    assert signed["sign_offs"][0]["by"] == "Ane Holm, evaluator"
    assert signed["sign_offs"][0]["on"] == "2022-06-20"
    assert compare(record, (bundle / layout.DETERMINATION).read_bytes()).verdict == "DIFFERENT"
    again = verify(bundle, rerun=True).rerun
    assert again is not None
    assert again.verdict == "IDENTICAL"


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("--gate", "matched_shar", *WHO, *WHY), "USAGE_UNKNOWN_GATE"),
        (("--gate", "minimum_sample", *WHO, *WHY), "USAGE_NOT_A_REVIEW"),
        (("--gate", "pre_trend", *WHO, *WHY), "USAGE_NOT_A_REVIEW"),
        (("--gate", "matched_share", "--by", "  ", "--on", "2022-06-20", *WHY), "USAGE_SIGN_OFF_EMPTY"),
        (("--gate", "matched_share", *WHO, "--reason", "\t\n"), "USAGE_SIGN_OFF_EMPTY"),
        (("--gate", "matched_share", *WHO, "--reason", "x" * 4001), "USAGE_SIGN_OFF_LONG"),
        (("--gate", "matched_share", *WHO, "--reason", "See 010203-1234."), "USAGE_SIGN_OFF_CPR"),
        (("--gate", "matched_share", "--by", "A", "--on", "20-06-2022", *WHY), "USAGE_BAD_DATE"),
        (("--gate", "matched_share", "--by", "A", *WHY), "USAGE_ARGUMENTS"),
    ],
)
def test_what_is_no_judgement_is_refused_and_changes_nothing(
    arguments: tuple[str, ...], code: str, judged: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = {p: p.read_bytes() for p in sorted(judged.rglob("*")) if p.is_file()}
    assert main(["sign-off", str(judged), *arguments]) == 2
    shown = capsys.readouterr().err
    assert code in shown
    assert "Traceback" not in shown
    if code == "USAGE_UNKNOWN_GATE":
        assert "Did you mean 'matched_share'?" in shown
    assert {p: p.read_bytes() for p in sorted(judged.rglob("*")) if p.is_file()} == before


def test_nobody_signs_twice(bundle: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert sign_off(bundle) == 0
    assert sign_off(bundle) == 2
    assert "USAGE_ALREADY_SIGNED" in capsys.readouterr().err


def test_a_tampered_bundle_is_not_signed(bundle: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = bundle / layout.DETERMINATION
    path.write_bytes(path.read_bytes().replace(b"PAY_FULL", b"PAY_NONE"))
    assert sign_off(bundle) == 5
    assert "VERIFY_CHANGED" in capsys.readouterr().err
    assert not (bundle / layout.SIGN_OFFS).exists()


def test_an_edited_act_is_found_even_when_the_manifest_is_written_anew(bundle: Path) -> None:
    assert sign_off(bundle) == 0
    act = bundle / layout.SIGN_OFFS / "01-matched_share.json"
    act.write_bytes(act.read_bytes().replace(b"Ane Holm", b"Bo Nilen"))
    assert faults(bundle) == {"VERIFY_CHANGED"}
    write_manifest(bundle)
    assert faults(bundle) == {"VERIFY_SIGN_OFF"}


@pytest.mark.parametrize("name", ["01-matched_share.json", "run.manifest.json", "run.determination.json"])
def test_a_missing_act_or_record_is_found_even_when_the_manifest_is_written_anew(bundle: Path, name: str) -> None:
    assert sign_off(bundle) == 0
    (bundle / layout.SIGN_OFFS / name).unlink()
    assert faults(bundle) == {"VERIFY_MISSING"}
    finish(open_run(bundle), bundle)
    assert faults(bundle) == {"VERIFY_SIGN_OFF"}


def test_a_sign_off_nobody_gave_does_not_lift_provisional(bundle: Path) -> None:
    """Someone takes PROVISIONAL away in every record and writes the manifest anew."""
    from evaltool.bundle.determination import determination_bytes  # noqa: PLC0415 - the forger's own tool

    assert sign_off(bundle) == 0
    run = open_run(bundle)
    forged = run.model_copy(update={"decision": run.decision.model_copy(update={"flags": ("CAPPED",)})})
    (bundle / layout.RUN).write_bytes(canonical_json(forged))
    (bundle / layout.DETERMINATION).write_bytes(determination_bytes(forged))
    finish(forged, bundle)
    assert faults(bundle) == {"VERIFY_SIGN_OFF"}


def test_a_sign_off_does_not_survive_a_run_with_another_result(bundle: Path, tmp_path: Path) -> None:
    """The acts of one run are laid into another: as files, and inside its records."""
    from evaltool.bundle.determination import determination_bytes  # noqa: PLC0415 - the forger's own tool

    assert sign_off(bundle) == 0
    signed = open_run(bundle)
    write_plan(tmp_path / "plan", seed=1, every=9)
    other = run_into(tmp_path / "plan", tmp_path / "other")
    shutil.copytree(bundle / layout.SIGN_OFFS, other / layout.SIGN_OFFS)
    assert "VERIFY_EXTRA" in faults(other)
    finish(open_run(other), other)
    assert faults(other) == {"VERIFY_SIGN_OFF"}
    run = open_run(other)
    names = [act.gate for act in signed.sign_offs]
    moved = run.model_copy(update={"sign_offs": signed.sign_offs, "decision": redecided(run, names)})
    (other / layout.RUN).write_bytes(canonical_json(moved))
    (other / layout.DETERMINATION).write_bytes(determination_bytes(moved))
    finish(moved, other)
    assert faults(other) == {"VERIFY_SIGN_OFF"}


def test_running_again_in_place_leaves_no_sign_off(judged: Path, tmp_path: Path) -> None:
    out = Path(shutil.copytree(judged, tmp_path / "out"))
    assert sign_off(out) == 0
    plan = judged.parent / "plan" / "plan.toml"
    assert main(["run", str(plan), "--out", str(out), "--no-report", "--force"]) == 0
    assert not (out / layout.SIGN_OFFS).exists()
    assert "PROVISIONAL" in open_run(out).decision.flags


def test_words_are_kept_on_one_line_and_ids_are_not_released(bundle: Path) -> None:
    work = bundle
    with pytest.raises(UsageError):
        sign(work, Act("matched_share", "", "", open_run(work).as_of))
    run = sign(work, Act("matched_share", "Ane\n Holm", "First.\r\nThen\x07.", open_run(work).as_of))
    assert (run.sign_offs[0].by, run.sign_offs[0].reason) == ("Ane Holm", "First. Then .")
    body = (work / layout.SIGN_OFFS / "01-matched_share.json").read_bytes()
    assert SignOff.model_validate_json(body, strict=True) == run.sign_offs[0]
