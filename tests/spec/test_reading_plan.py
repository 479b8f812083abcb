"""What a plan file says, line by line: the happy road, the lock, and lines of faults that others find."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path

import pytest

from evaltool.errors import EXIT_USAGE, Fault, Place, PlanError, SealError
from evaltool.reading.lock_file import lock_path, lock_status, write_lock
from evaltool.reading.plan_file import place_faults, plan_faults, plan_lines, read_plan
from evaltool.reading.toml_lines import line_of

PLAN = """\
schema = 1
# a comment
[programme]
id = "trial"
version = "1"
title = { da = "Prøve", en = "Trial" }
start = 2024-01-01
end = 2025-12-31

[parties]
evaluator = { name = "E" }
[[parties.authorities]]
name = "Kommunen"
level = "kommune"
share = 0.7
[[parties.authorities]]
name = "Staten"
level = "stat"
share = 0.3

[population]
eligibility = { en = "all" }
unit = "school"
entry_from = 2024-01-01
entry_to = 2024-12-31

[data]
source = "none"

[[outcome]]
id = "absence"
title = { en = "Absence" }
direction = "decrease"
kind = "mean"
unit = { en = "days" }
window_from = 2024-01-01
window_to = 2025-01-01

[estimand]
outcome = "absence"

[design]
method = "groups.published"

[estimator]
method = "published.estimate"
options = { published = [{ cohort = "one", value = 0.0839 }] }

[[payment.rule]]
id = "main"
mechanism = "binary_threshold"
outcome = "absence"
basis = "point_estimate"
inclusive = true
terms = { threshold = 0.10, amount = 1_000_000 }

[governance]
decide_from = 2025-06-01
"""


def at(start: str) -> int:
    """The line of the plan that starts so."""
    return 1 + next(number for number, line in enumerate(PLAN.splitlines()) if line.startswith(start))


@pytest.fixture
def plan_path(tmp_path: Path) -> Path:
    path = tmp_path / "plan.toml"
    path.write_text(PLAN, encoding="utf-8")
    return path


def test_a_plan_is_read_exactly(plan_path: Path) -> None:
    plan = read_plan(plan_path)
    assert plan.path == plan_path
    assert plan.parties.authorities[0].share == Decimal("0.7")
    assert plan.payment.rule[0].terms == {"threshold": Decimal("0.10"), "amount": 1_000_000}
    assert plan.estimator.options["published"] == ({"cohort": "one", "value": Decimal("0.0839")},)
    assert plan.programme.title.in_language("da") == "Prøve"


def test_the_seal_is_of_the_content_and_not_of_the_layout(plan_path: Path) -> None:
    before = read_plan(plan_path).seal
    plan_path.write_text(
        PLAN.replace("# a comment", "# another\n\n").replace("\n", "\r\n"), encoding="utf-8", newline=""
    )
    assert read_plan(plan_path).seal == before
    plan_path.write_text(PLAN.replace("0.10", "0.11"), encoding="utf-8")
    assert read_plan(plan_path).seal != before


def test_faults_of_others_get_their_line(plan_path: Path) -> None:
    index = plan_lines(plan_path)
    found = [
        Fault("PLAN_UNKNOWN_METHOD", "c", "f", Place(key="estimator.method")),
        Fault("PLAN_MISSING_OPTION", "c", "f", Place(key="payment.rule[0].terms.knots[3]")),
        Fault("PLAN_UNKNOWN_METHOD", "c", "f", Place(key="gate[0].name")),
        Fault("PLAN_BAD_OPTION", "c", "f", Place(key="estimator.options.published[0].value")),
        Fault("PLAN_BAD_OPTION", "c", "f"),
    ]
    placed = place_faults(found, index, "plan.toml")
    assert [(fault.place.line, fault.place.key) for fault in placed] == [
        (None, "gate[0].name"),
        (None, None),
        (at('method = "published.estimate"'), "estimator.method"),
        (at("options = {"), "estimator.options.published[0].value"),
        (at("terms = {"), "payment.rule[0].terms.knots[3]"),
    ]
    assert {fault.place.file for fault in placed} == {"plan.toml"}
    assert line_of(index, "parties.authorities[1].share") == at("share = 0.3")
    assert line_of(index, "nothing.at.all") is None


def test_no_lines_without_toml(tmp_path: Path) -> None:
    assert plan_lines(tmp_path / "absent.toml") == {}
    (tmp_path / "bad.toml").write_text("a = ")
    assert plan_lines(tmp_path / "bad.toml") == {}


def test_never_locked_then_locked(plan_path: Path) -> None:
    plan = read_plan(plan_path)
    assert lock_status(plan).state == "never_locked"
    path = write_lock(plan)
    assert path == plan_path.with_name("plan.lock")
    found = lock_status(plan)
    assert (found.state, found.seal) == ("locked", plan.seal)
    written = path.read_bytes()
    assert json.loads(written) == {"schema_version": 1, "plan": "trial", "version": "1", "seal": plan.seal}
    assert write_lock(plan) == path
    assert path.read_bytes() == written
    assert sorted(p.name for p in plan_path.parent.iterdir()) == ["plan.lock", "plan.toml"]


def test_a_plan_changed_after_its_lock(plan_path: Path) -> None:
    first = read_plan(plan_path)
    path = write_lock(first)
    written = path.read_bytes()
    plan_path.write_text(PLAN.replace("0.10", "0.05"), encoding="utf-8")
    second = read_plan(plan_path)
    for act, code in ((lock_status, "SEAL_PLAN_CHANGED"), (write_lock, "SEAL_ALREADY_LOCKED")):
        with pytest.raises(SealError) as caught:
            act(second)
        assert caught.value.codes == (code,)
        assert caught.value.exit_code == EXIT_USAGE
        assert first.seal in str(caught.value)
        assert second.seal in str(caught.value)
    assert path.read_bytes() == written


@pytest.mark.parametrize(
    "content",
    [b"", b"not json", b"[]", b'{"seal": "x"}', b"\xff\xfe", b"[" * 50_000, b" " * 200_000],
)
def test_locks_that_cannot_be_used(plan_path: Path, content: bytes) -> None:
    plan = read_plan(plan_path)
    lock_path(plan).write_bytes(content)
    for act in (lock_status, write_lock):
        with pytest.raises(SealError) as caught:
            act(plan)
        assert caught.value.codes == ("SEAL_LOCK_UNREADABLE",)
    assert lock_path(plan).read_bytes() == content


def test_a_lock_that_names_another_plan(plan_path: Path) -> None:
    plan = read_plan(plan_path)
    path = write_lock(plan)
    path.write_bytes(path.read_bytes().replace(b'"trial"', b'"other"'))
    with pytest.raises(SealError) as caught:
        lock_status(plan)
    assert caught.value.codes == ("SEAL_LOCK_UNREADABLE",)


def test_a_plan_without_a_file_was_never_locked(plan_path: Path) -> None:
    plan = read_plan(plan_path).model_copy()
    plan._path = None
    assert lock_status(plan).state == "never_locked"
    with pytest.raises(SealError) as caught:
        write_lock(plan)
    assert caught.value.codes == ("SEAL_NO_FILE",)


def test_a_folder_that_cannot_be_written(plan_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = read_plan(plan_path)

    def refuse(*_: object) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "write_bytes", refuse)
    with pytest.raises(SealError) as caught:
        write_lock(plan)
    assert caught.value.codes == ("SEAL_NOT_WRITTEN",)
    assert not lock_path(plan).exists()


def test_a_file_system_without_links(plan_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr("os.link", refuse)
    plan = read_plan(plan_path)
    write_lock(plan)
    assert lock_status(plan).state == "locked"
    written = lock_path(plan).read_bytes()
    plan_path.write_text(PLAN.replace("0.10", "0.05"), encoding="utf-8")
    with pytest.raises(SealError) as caught:
        write_lock(read_plan(plan_path))
    assert caught.value.codes == ("SEAL_ALREADY_LOCKED",)
    assert lock_path(plan).read_bytes() == written


def test_a_plan_with_faults_is_not_handed_out(plan_path: Path) -> None:
    plan_path.write_text(PLAN.replace("share = 0.3", "share = 0.2"), encoding="utf-8")
    plan, faults = plan_faults(plan_path)
    assert plan is not None
    assert [(fault.code, fault.place.line) for fault in faults] == [("PLAN_SHARES_NOT_ONE", 12)]
    with pytest.raises(PlanError):
        read_plan(plan_path)
