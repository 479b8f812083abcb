"""A variation is a signed record beside the locked plan: written once, read by every command, a chain of seals."""

from __future__ import annotations

import json
import shutil
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from payment_cases import LOCKED, ask, plan, rule, seen

from evaltool.bundle.determination import determination_of
from evaltool.bundle.store import open_run, write_bundle
from evaltool.bundle.verify import verify
from evaltool.cli.main import main
from evaltool.errors import EvaltoolError, PlanError, SealError, VerificationError
from evaltool.payment.decision import decide
from evaltool.pipeline import evaluate
from evaltool.planning.variation import Agreement, propose
from evaltool.reading.design_lock import design_lock_path, read_design_lock, write_design_lock
from evaltool.reading.lock_file import lock_status, write_lock
from evaltool.reading.plan_file import plan_faults, read_plan
from evaltool.reading.toml_values import NoSuchPlaceError, key_path, toml_text, toml_value, value_at, with_value
from evaltool.reading.variation_files import variation_path, write_variation
from evaltool.records.run import Run
from evaltool.records.variation import Variation, VariedKey
from evaltool.report.sections.prespecification import build
from evaltool.report.telling import Telling

DAY = date(2016, 1, 1)


@pytest.fixture
def agreed(root: Path, tmp_path: Path) -> Path:
    """A locked plan that reads no data: the Peterborough contract."""
    home = tmp_path / "contract"
    shutil.copytree(root / "data_samples" / "peterborough" / "contract" / "pooled", home)
    return home / "plan.toml"


def vary(path: Path, *changes: str, on: date = DAY, gone: tuple[str, ...] = ()) -> Variation:
    """Write a variation; returns the record."""
    record = propose(path, Agreement(changes, ("Authority", "Investor"), "As agreed.", on, gone=gone)).record
    write_variation(path, record)
    return record


def refused(path: Path) -> list[str]:
    """The codes with which the plan is refused."""
    with pytest.raises(EvaltoolError) as caught:
        read_plan(path)
    assert isinstance(caught.value, SealError)
    assert [fault.code for fault in plan_faults(path)[1]] == list(caught.value.codes)
    return list(caught.value.codes)


def test_the_plan_in_force_is_the_varied_one_and_the_lock_stands(agreed: Path) -> None:
    before, kept = read_plan(agreed), agreed.read_bytes()
    record = vary(agreed, "payment.cap=90", 'payment.rule[reconvictions].terms.pooled_amount="90"')
    after = read_plan(agreed)
    assert agreed.read_bytes() == kept
    assert (after.payment.cap, after.payment.rule[0].terms["pooled_amount"]) == (Decimal(90), "90")
    assert (record.varies, record.result, record.previous) == (before.seal, after.seal, before.seal)
    assert record.change == (
        VariedKey(key="payment.cap", old='"100"', new="90"),
        VariedKey(key="payment.rule[0].terms.pooled_amount", old='"100"', new='"90"'),
    )
    status = lock_status(after)
    assert (status.state, status.seal, status.in_force) == ("locked", before.seal, after.seal)
    assert status.variations == (record,)
    assert after.base.seal == before.seal
    assert write_lock(after).exists()


def test_two_variations_are_a_chain(agreed: Path) -> None:
    first = vary(agreed, "payment.cap=90")
    second = vary(agreed, "payment.cap=80", "governance.expert=The court", on=date(2016, 2, 1))
    assert (second.number, second.previous, second.varies) == (2, first.seal, first.result)
    found = read_plan(agreed)
    assert (found.payment.cap, found.governance.expert) == (Decimal(80), "The court")
    assert second.change[1] == VariedKey(key="governance.expert", old=None, new='"The court"')


def test_a_key_may_go(agreed: Path) -> None:
    record = vary(agreed, gone=("payment.cap",))
    assert record.change == (VariedKey(key="payment.cap", old='"100"', new=None),)
    assert read_plan(agreed).payment.cap is None


def swap(path: Path) -> None:
    one, two = (variation_path(path, n).read_bytes() for n in (1, 2))
    variation_path(path, 1).write_bytes(two)
    variation_path(path, 2).write_bytes(one)


def edit(path: Path, number: int, old: str, new: str) -> None:
    file = variation_path(path, number)
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new, 1), encoding="utf-8")


def resign(path: Path, number: int, **changes: object) -> None:
    """The record with changes and a fresh seal, in the place of the one there."""
    signed = next(v for v in read_plan(path).variations if v.number == number)
    file = variation_path(path, number)
    file.unlink()
    write_variation(path, signed.model_copy(update=changes).sealed().model_copy(update={"number": number}))


def alone(path: Path, **changes: object) -> None:
    """The first record signed again with changes, and no second."""
    variation_path(path, 2).unlink()
    resign(path, 1, **changes)


@pytest.mark.parametrize(
    ("code", "harm"),
    [
        ("SEAL_VARIATION_CHANGED", lambda p: edit(p, 1, 'new = "90"', 'new = "91"')),
        ("SEAL_VARIATION_CHANGED", lambda p: edit(p, 2, "As agreed.", "As I like.")),
        ("SEAL_VARIATION_MISSING", lambda p: variation_path(p, 1).unlink()),
        ("SEAL_VARIATION_ORDER", swap),
        ("SEAL_VARIATION_ORDER", lambda p: resign(p, 2, previous="0" * 64)),
        ("SEAL_VARIATION_ORDER", lambda p: resign(p, 1, reason="Otherwise.")),
        ("SEAL_VARIATION_BASE", lambda p: alone(p, varies="0" * 64)),
        ("SEAL_VARIATION_BASE", lambda p: alone(p, plan="other")),
        ("SEAL_VARIATION_BASE", lambda p: alone(p, previous="0" * 64)),
        ("SEAL_VARIATION_RESULT", lambda p: resign(p, 2, result="0" * 64)),
        (
            "SEAL_VARIATION_VALUE",
            lambda p: resign(p, 2, change=(VariedKey(key="payment.cap", old="70", new="80"),)),
        ),
        (
            "SEAL_VARIATION_VALUE",
            lambda p: resign(p, 2, change=(VariedKey(key="payment.rule[9].cap", old=None, new="80"),)),
        ),
        (
            "SEAL_VARIATION_VALUE",
            lambda p: resign(p, 2, change=(VariedKey(key="payment.cap", old="90", new="= ="),)),
        ),
        (
            "SEAL_VARIATION_RESULT",
            lambda p: resign(p, 2, change=(VariedKey(key="payment.cap", old="90", new='"none"'),)),
        ),
        ("SEAL_VARIATION_UNREADABLE", lambda p: variation_path(p, 2).write_text("number = ", encoding="utf-8")),
        ("SEAL_VARIATION_UNREADABLE", lambda p: variation_path(p, 2).write_bytes(b"\xff\xfe")),
        ("SEAL_VARIATION_UNREADABLE", lambda p: variation_path(p, 2).write_text("#" * 1_000_001, encoding="utf-8")),
        (
            "SEAL_VARIATION_NAME",
            lambda p: variation_path(p, 2).rename(p.with_name("plan.variation-02.toml")),
        ),
    ],
)
def test_a_chain_that_does_not_hold_is_refused(agreed: Path, code: str, harm: object) -> None:
    vary(agreed, "payment.cap=90")
    vary(agreed, "payment.cap=80", on=date(2016, 2, 1))
    assert callable(harm)
    harm(agreed)
    assert code in refused(agreed)


def test_the_plan_in_the_file_may_not_be_edited_either(agreed: Path) -> None:
    vary(agreed, "payment.cap=90")
    text = agreed.read_text(encoding="utf-8")
    agreed.write_text(text.replace("dispute_days = 30", "dispute_days = 31"), encoding="utf-8")
    assert refused(agreed) == ["SEAL_VARIATION_BASE"]


def test_a_record_is_never_replaced(agreed: Path) -> None:
    first = propose(agreed, Agreement(("payment.cap=90",), ("A",), "r", DAY)).record
    other = propose(agreed, Agreement(("payment.cap=70",), ("A",), "r", DAY)).record
    write_variation(agreed, first)
    kept = variation_path(agreed, 1).read_bytes()
    with pytest.raises(SealError) as caught:
        write_variation(agreed, other)
    assert caught.value.codes == ("SEAL_VARIATION_EXISTS",)
    assert variation_path(agreed, 1).read_bytes() == kept
    assert [p.name for p in agreed.parent.iterdir() if p.name.startswith(".")] == []


@pytest.mark.parametrize(
    ("given", "code"),
    [
        (["--set", "payment.cap=0.001"], "PLAN_BELOW_QUANTUM"),
        (["--set", "payment.capp=5"], "PLAN_UNKNOWN_KEY"),
        (["--set", "payment.rule[nothing].cap=5"], "USAGE_VARIATION_KEY"),
        (["--set", "payment.rule[0]..cap=5"], "USAGE_VARIATION_KEY"),
        (["--set", "payment.cap"], "USAGE_VARIATION_KEY"),
        (["--set", "payment.cap=[1, "], "USAGE_VARIATION_KEY"),
        (["--set", "programme.id=other"], "USAGE_VARIATION_KEY"),
        (["--set", 'payment.cap="100"'], "USAGE_VARIATION_NOTHING"),
        (["--set", "payment.cap=100"], "USAGE_VARIATION_NOTHING"),
        ([], "USAGE_VARIATION_NOTHING"),
        (["--set", "payment.cap=90", "--reason", " "], "USAGE_VARIATION_WORDS"),
        (["--set", "payment.cap=90", "--reason", "x" * 4001], "USAGE_VARIATION_WORDS"),
        (["--set", "payment.cap=90", "--by", "010190-1234"], "USAGE_VARIATION_WORDS"),
        (["--set", "payment.cap=90", "--clause", "reform"], "USAGE_UNKNOWN_CLAUSE"),
        (["--set", "payment.cap=90", "--on", "2016-13-01"], "USAGE_BAD_DATE"),
        (["--set", "estimator.method=did.nothing"], "PLAN_UNKNOWN_METHOD"),
    ],
)
def test_what_is_no_variation(agreed: Path, capsys: pytest.CaptureFixture[str], given: list[str], code: str) -> None:
    asked = ["vary", str(agreed), *given]
    asked += [] if "--by" in given else ["--by", "A"]
    asked += [] if "--reason" in given else ["--reason", "r"]
    asked += [] if "--on" in given else ["--on", "2016-01-01"]
    assert main(asked) == 2
    assert code in capsys.readouterr().err
    assert not variation_path(agreed, 1).exists()


def test_variations_follow_each_other_in_time_and_need_a_lock(agreed: Path) -> None:
    vary(agreed, "payment.cap=90")
    with pytest.raises(EvaltoolError) as caught:
        vary(agreed, "payment.cap=80", on=date(2015, 12, 31))
    assert caught.value.codes == ("USAGE_VARIATION_DATE",)
    agreed.with_suffix(".lock").unlink()
    with pytest.raises(SealError) as unlocked:
        vary(agreed, "payment.cap=80")
    assert unlocked.value.codes == ("SEAL_VARIATION_UNLOCKED",)


def test_the_command_says_what_it_did(agreed: Path, capsys: pytest.CaptureFixture[str]) -> None:
    asked = ["vary", str(agreed), "--set", "payment.cap=90", "--by", "A", "--by", "B", "--reason", "r"]
    assert main([*asked, "--on", "2016-01-01"]) == 0
    shown = capsys.readouterr().out
    assert "variation 1, agreed by A, B on 2016-01-01" in shown
    assert "can move money           cap was 100 and is 90" in shown
    assert main([*asked[:2], "--set", "design.method=groups.none", *asked[4:], "--on", "2016-01-02"]) == 2
    capsys.readouterr()
    assert main([*asked[:2], "--unset", "payment.cap", *asked[4:], "--on", "2016-01-02", "--format", "json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["number"], told["unlocks_design"]) == (2, False)
    assert [change["key"] for change in told["changes"]] == ["payment.cap"]


def test_the_run_decides_on_the_varied_plan_and_says_so(agreed: Path, tmp_path: Path) -> None:
    vary(agreed, "payment.cap=90")
    run = evaluate(read_plan(agreed), None)
    assert (run.decision.state, run.decision.amount) == ("PAY_FULL", Decimal("90.00"))
    assert "VARIATION_APPLIED" in run.decision.flags
    (gate,) = [g for g in run.gates if g.name == "locked"]
    assert gate.verdict == "PASS"
    assert "1 variation" in gate.sentence.in_language("en")
    written = determination_of(run)["plan"]
    assert isinstance(written, dict)
    assert written["lock_seal"] == run.plan.base.seal
    assert [record["number"] for record in written["variations"]] == [1]  # type: ignore[union-attr, index, call-overload]
    out = tmp_path / "out"
    write_bundle(run, out)
    assert (out / "plan.variation-1.toml").read_bytes() == variation_path(agreed, 1).read_bytes()
    assert verify(out).amount == "90.00"
    again = open_run(out)
    assert again.to_json() == run.to_json()
    write_bundle(again, tmp_path / "again")
    assert verify(tmp_path / "again").amount == "90.00"
    said_in_report(run)
    edit(out / "plan.toml", 1, 'new = "90"', 'new = "95"')
    with pytest.raises(VerificationError):
        verify(out)


def said_in_report(run: Run) -> None:
    """Both languages name the variation, who agreed, and from what to what."""
    for lang, words in (("da", "Ændring 1, aftalt 01"), ("en", "Variation 1, agreed on")):
        text = "".join(str(block) for block in build(Telling(run, lang))).replace("\\", "")
        assert words in text
        assert "Authority, Investor" in text
        assert "payment.cap" in text


def test_without_variations_nothing_is_said_of_them(root: Path) -> None:
    run = evaluate(read_plan(root / "data_samples" / "peterborough" / "contract" / "pooled" / "plan.toml"), None)
    assert "variations" not in str(determination_of(run))
    assert "VARIATION_APPLIED" not in run.decision.flags


def test_an_unlocked_plan_stays_undecidable_whatever_its_variations(agreed: Path, tmp_path: Path) -> None:
    vary(agreed, "payment.cap=90")
    agreed.with_suffix(".lock").unlink()
    run = evaluate(read_plan(agreed), None)
    assert (run.decision.state, run.decision.reasons) == ("NOT_DECIDABLE", ("PLAN_UNLOCKED",))
    write_bundle(run, tmp_path / "out")
    assert verify(tmp_path / "out").state == "NOT_DECIDABLE"


@pytest.fixture
def designed(root: Path, tmp_path: Path) -> Path:
    """A plan with a design lock: homelessness, whose donors are chosen."""
    home = tmp_path / "homelessness"
    shutil.copytree(root / "data_samples" / "homelessness", home)
    return home / "plan.toml"


def test_a_sealed_design_stands_when_the_variation_leaves_it_alone(designed: Path) -> None:
    sealed = read_design_lock(read_plan(designed))
    vary(designed, "payment.cap=7000000", on=date(2025, 3, 4))
    now = read_design_lock(read_plan(designed))
    assert sealed is not None
    assert now is not None
    assert now.seal == sealed.seal


@pytest.mark.parametrize("change", ['design.options.exclude=["Agerhøj"]', "estimator.options.anticipation=1"])
def test_a_sealed_design_is_refused_when_the_variation_changes_what_it_rests_on(designed: Path, change: str) -> None:
    old = read_design_lock(read_plan(designed))
    vary(designed, change, on=date(2025, 3, 4))
    vary(designed, "payment.cap=7000000", on=date(2025, 3, 5))
    now = read_plan(designed)
    with pytest.raises(SealError) as caught:
        read_design_lock(now)
    assert caught.value.codes == ("SEAL_DESIGN_VARIED",)
    assert change.split("=", maxsplit=1)[0] in caught.value.faults[0].cause
    # moved away, the design counts as never locked; one locked for the varied plan stands
    design_lock_path(now).rename(designed.with_name("old.lock"))
    assert read_design_lock(now) is None
    assert old is not None
    fresh = old.model_copy(update={"plan_seal": now.seal})
    write_design_lock(now, fresh.model_copy(update={"seal": fresh.own_seal}))
    assert read_design_lock(now) is not None


def test_the_flag_is_the_decisions_own(agreed: Path) -> None:
    record = vary(agreed, "payment.cap=90")
    request = ask(plan([rule()]), seen("0.07"), lock=LOCKED.model_copy(update={"variations": (record,)}))
    assert "VARIATION_APPLIED" in decide(request).flags
    assert "VARIATION_APPLIED" not in decide(ask(plan([rule()]), seen("0.07"))).flags


DOCUMENT: dict[str, object] = {"a": {"b": [{"id": "x", "c": 1}, {"name": "y"}]}, "d": "e"}


@pytest.mark.parametrize(
    ("key", "path", "value"),
    [
        ("a.b[0].c", ("a", "b", 0, "c"), 1),
        ("a.b[x].c", ("a", "b", 0, "c"), 1),
        ("a.b[y].name", ("a", "b", 1, "name"), "y"),
        ("a.b[7].c", ("a", "b", 7, "c"), None),
        ("d", ("d",), "e"),
        ("d.e", ("d", "e"), None),
    ],
)
def test_key_paths(key: str, path: tuple[object, ...], value: object) -> None:
    assert key_path(key, DOCUMENT) == path
    assert value_at(DOCUMENT, key_path(key, DOCUMENT)) == value


@pytest.mark.parametrize("key", ["", ".a", "a.", "a..b", "a b", "a[z].c", "a.b[]"])
def test_what_is_no_key_path(key: str) -> None:
    with pytest.raises(NoSuchPlaceError):
        key_path(key, DOCUMENT)


def test_documents_are_not_changed_in_place() -> None:
    assert with_value(DOCUMENT, ("a", "b", 2), {"id": "z"})["a"] == {"b": [*DOCUMENT["a"]["b"], {"id": "z"}]}  # type: ignore[index]
    assert with_value(DOCUMENT, ("a", "b", 0), None)["a"] == {"b": [{"name": "y"}]}
    assert with_value(DOCUMENT, ("n", "m"), 1)["n"] == {"m": 1}
    assert "n" not in DOCUMENT
    for path in (("a", "b", 3), ("d", "e"), ("a", "b", 9, "c")):
        with pytest.raises(NoSuchPlaceError):
            with_value(DOCUMENT, path, 1)


@pytest.mark.parametrize(
    "value",
    [
        *(True, 7, Decimal("7.50"), "x", 'say "no"\n\x7f\\', date(2024, 2, 29)),
        *([1, "a"], {"a b": 1, "c": [Decimal("0.1")]}, [], {}),
    ],
)
def test_values_come_back_as_they_were(value: object) -> None:
    assert toml_value(toml_text(value)) == value


def test_what_toml_cannot_write() -> None:
    with pytest.raises(TypeError):
        toml_text(None)
    with pytest.raises(ValueError, match="more than one"):
        toml_value("1\nother = 2")
    with pytest.raises(PlanError):
        read_plan("nowhere.toml")
