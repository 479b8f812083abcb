"""A matched design sealed without outcomes: what run does with it, what it refuses, and who is gone, by hand."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matched_plans import MATCHING
from matched_worlds import built, cross_section, panel_of

from evaltool.bundle import layout
from evaltool.bundle.store import finish, open_run
from evaltool.bundle.verify import verify
from evaltool.cli.main import main
from evaltool.designs.matching.nearest import PLUGIN, NearestOptions
from evaltool.errors import RunError, SealError, VerificationError
from evaltool.pipeline.blind_marks import Since
from evaltool.pipeline.corridor import evaluate
from evaltool.pipeline.dropped import without
from evaltool.pipeline.locked_tables import packed, unpacked
from evaltool.reading.design_lock import read_design_lock
from evaltool.reading.panel_file import read_panel
from evaltool.reading.plan_file import read_plan
from evaltool.records.base import canonical_json
from evaltool.records.design_lock import LockedDesign


def people() -> pd.DataFrame:
    frame = cross_section(1, 100, 600).drop(columns="weight")
    frame.columns = ["id", "offered", "a", "b", "y"]  # type: ignore[assignment]
    frame["offered"] = frame["offered"].map({True: "true", False: "false"})
    return frame


def home(folder: Path, text: str = MATCHING) -> Path:
    (folder / "plan.toml").write_text(text, encoding="utf-8")
    people().to_csv(folder / "data.csv", index=False)
    return folder / "plan.toml"


def locked(folder: Path) -> Path:
    """A plan and design locked while nobody knew an outcome; then the outcomes arrive."""
    plan = home(folder)
    people().drop(columns="y").to_csv(folder / "data.csv", index=False)
    assert main(["lock", str(plan), "--design"]) == 0
    people().to_csv(folder / "data.csv", index=False)
    return plan


def gate_locked(folder: Path) -> tuple[str, float | None, float | None, str | None]:
    gate = next(g for g in open_run(folder).gates if g.name == "locked")
    return gate.verdict, gate.statistic, gate.threshold, gate.reason


def run(plan: Path, out: Path) -> int:
    return main(["run", str(plan), "--out", str(out), "--no-report"])


def test_the_design_is_locked_before_there_are_outcomes_and_used_afterwards(tmp_path: Path) -> None:
    plan = locked(tmp_path)
    sealed = read_design_lock(read_plan(plan))
    assert sealed is not None
    assert sealed.outcomes_hidden == 0
    assert run(plan, tmp_path / "out") == 0
    done = open_run(tmp_path / "out")
    assert gate_locked(tmp_path / "out") == ("PASS", 2.0, 2.0, None)
    assert (done.lock.design, done.lock.design_seal) == ("locked", sealed.seal)
    assert done.design == sealed.design.summary
    assert done.decision.state == "PAY_FULL"
    record = json.loads((tmp_path / "out" / layout.DETERMINATION).read_bytes())
    assert record["plan"]["design_lock"] == "locked"
    assert record["plan"]["design_lock_seal"] == sealed.seal
    again = verify(tmp_path / "out", rerun=True).rerun
    assert again is not None
    assert again.verdict == "IDENTICAL"


def test_a_design_that_chooses_and_was_never_locked_decides_nothing(tmp_path: Path) -> None:
    plan = home(tmp_path)
    assert main(["lock", str(plan)]) == 0
    assert run(plan, tmp_path / "out") == 0
    decision = open_run(tmp_path / "out").decision
    assert (decision.state, decision.reasons, decision.amount) == ("NOT_DECIDABLE", ("DESIGN_UNLOCKED",), 0)
    assert [(s.key, s.outcome) for s in decision.steps][1] == ("locked", "STOP")
    assert gate_locked(tmp_path / "out") == ("FAIL", 1.0, 2.0, "DESIGN_UNLOCKED")
    verify(tmp_path / "out")


def change(frame: pd.DataFrame, what: str) -> pd.DataFrame:
    if what == "covariate":
        frame.loc[3, "b"] += 0.5
    elif what == "treated":
        frame.loc[3, "offered"] = "false"
    elif what == "new unit":
        frame = pd.concat([frame, frame.iloc[[5]].assign(id=9999)])
    elif what == "two things":
        frame.loc[[3, 4], "a"] = 0.0
        frame.loc[3, "b"] = 0.0
    return frame


@pytest.mark.parametrize(
    ("what", "words"),
    [
        ("covariate", ["'b' has changed for 1 of 700 units"]),
        ("treated", ["start of treatment has changed for 1 units"]),
        ("new unit", ["1 units are in the data now"]),
        ("two things", ["'a' has changed for 2 of 700 units", "'b' has changed for 1 of 700 units"]),
    ],
)
def test_what_was_sealed_may_not_change_and_nothing_is_written(
    what: str, words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plan = locked(tmp_path)
    change(people(), what).to_csv(tmp_path / "data.csv", index=False)
    before = sorted(tmp_path.iterdir())
    assert run(plan, tmp_path / "out") == 2
    shown = capsys.readouterr().err
    assert shown.count("SEAL_DESIGN_CHANGED  ") == len(words)
    assert all(word in shown for word in words)
    assert sorted(tmp_path.iterdir()) == before


def test_row_order_and_the_number_format_of_the_same_values_change_nothing(tmp_path: Path) -> None:
    plan = locked(tmp_path)
    agreed = read_plan(plan)
    first = evaluate(agreed, read_panel(agreed))
    shuffled = people().sample(frac=1.0, random_state=4)[["y", "b", "id", "a", "offered"]]
    shuffled.to_csv(tmp_path / "data.csv", index=False, float_format="%.17e")
    assert evaluate(agreed, read_panel(agreed)).model_dump(exclude={"data"}) == first.model_dump(exclude={"data"})


def edit(path: Path, old: bytes, new: bytes) -> None:
    body = path.read_bytes()
    assert old in body
    path.write_bytes(body.replace(old, new, 1))


def test_a_design_lock_edited_by_hand_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plan = locked(tmp_path)
    path = tmp_path / "plan.design.lock"
    body = json.loads(path.read_bytes())
    body["design"]["weights"]["weight"]["cells"][0] = 2.0
    path.write_bytes(canonical_json(body))
    assert run(plan, tmp_path / "out") == 2
    assert "SEAL_DESIGN_EDITED" in capsys.readouterr().err
    for broken in (b"", b"{}", b"[1", b"\xff", canonical_json({**body, "more": 1})):
        path.write_bytes(broken)
        assert run(plan, tmp_path / "out") == 2
        assert "SEAL_DESIGN_UNREADABLE" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_design_locked_for_another_version_of_the_plan_is_refused(tmp_path: Path) -> None:
    plan = locked(tmp_path)
    edit(plan, b'version = "1"', b'version = "2"')
    (tmp_path / "plan.lock").unlink()
    with pytest.raises(SealError) as caught:
        read_design_lock(read_plan(plan))
    assert caught.value.codes == ("SEAL_DESIGN_OTHER_PLAN",)
    assert main(["lock", str(plan), "--design"]) == 2


def test_locking_again_changes_nothing_and_another_design_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plan = locked(tmp_path)
    path = tmp_path / "plan.design.lock"
    body = path.read_bytes()
    people().drop(columns="y").to_csv(tmp_path / "early.csv", index=False)
    assert main(["lock", str(plan), "--design", "--data", str(tmp_path / "early.csv")]) == 0
    change(people(), "covariate").to_csv(tmp_path / "data.csv", index=False)
    assert main(["lock", str(plan), "--design"]) == 2
    assert "SEAL_DESIGN_ALREADY_LOCKED" in capsys.readouterr().err
    assert path.read_bytes() == body
    assert main(["lock", str(plan), "--data", str(tmp_path / "early.csv")]) == 2
    assert "USAGE_ARGUMENTS" in capsys.readouterr().err


def test_the_bundle_carries_the_design_lock_and_verify_covers_it(tmp_path: Path) -> None:
    plan = locked(tmp_path)
    out = tmp_path / "out"
    assert run(plan, out) == 0
    assert (out / layout.DESIGN_LOCK).read_bytes() == (tmp_path / "plan.design.lock").read_bytes()
    other = json.loads((out / layout.DESIGN_LOCK).read_bytes())
    for name, forge in (("gone", None), ("edited", {**other, "outcomes_hidden": 5})):
        bundle = Path(shutil.copytree(out, tmp_path / name))
        if forge is None:
            (bundle / layout.DESIGN_LOCK).unlink()
        else:
            (bundle / layout.DESIGN_LOCK).write_bytes(canonical_json(forge))
        with pytest.raises(VerificationError) as caught:
            verify(bundle)
        assert set(caught.value.codes) <= {"VERIFY_MISSING", "VERIFY_CHANGED"}
        finish(open_run(bundle), bundle)
        with pytest.raises(VerificationError) as caught:
            verify(bundle)
        assert set(caught.value.codes) == {"VERIFY_SEAL"}
    assert not any("plan.design.lock" in p.name for p in (out / "release").iterdir())


def test_a_stored_design_is_the_design_to_the_last_bit() -> None:
    panel = panel_of(cross_section(5, 20, 60))
    design = built(PLUGIN, NearestOptions(covariates=("a", "b")), panel)
    stored = LockedDesign.model_validate_json(canonical_json(packed(design)), strict=True)
    back = unpacked(stored)
    assert back.summary == design.summary
    assert back.ledger == design.ledger
    for one, other in ((back.roster, design.roster), (back.weights, design.weights), (back.pairs, design.pairs)):
        assert one is not None
        assert other is not None
        pd.testing.assert_frame_equal(one, other, check_exact=True, check_dtype=False)


def small(*, replace: bool, ratio: int = 1) -> tuple[pd.DataFrame, NearestOptions]:
    """Three treated (0, 1, 2) and four others (3 … 6); the one covariate alone decides who is near whom."""
    frame = pd.DataFrame(
        {
            "unit": range(7),
            "treated": [True] * 3 + [False] * 4,
            "weight": 1.0,
            "x.a": [1.0, 2.0, 3.0, 1.1, 1.2, 2.1, 3.4],
            "y.y": 0.0,
        }
    )
    return frame, NearestOptions.model_validate({"covariates": ("a",), "replace": replace, "ratio": ratio})


def test_a_lost_partner_dissolves_the_pair_by_hand() -> None:
    """1:1 without replacement. Losing a comparison unit leaves its treated unit alone; nobody is matched anew."""
    frame, options = small(replace=False)
    panel = panel_of(frame)
    design = built(PLUGIN, options, panel)
    assert design.pairs is not None
    pairs = dict(zip(design.pairs["treated"].tolist(), design.pairs["comparison"].tolist(), strict=True))
    assert sorted(pairs) == [0, 1, 2]
    lost = pairs[1]
    after = panel.with_frame(panel.frame.loc[panel.frame["unit"] != lost])
    left = without(design, after, Since((), (lost,), ()))
    assert left.weights is not None
    weights = dict(zip(left.weights["unit"].tolist(), left.weights["weight"].tolist(), strict=True))
    used = {0, 2, pairs[0], pairs[2]}
    assert weights == {unit: float(unit in used) for unit in range(7) if unit != lost}
    assert left.roster is not None
    assert left.roster["unit"].tolist() == sorted(used)
    facts = left.summary.matching
    assert facts is not None
    assert (facts.treated_matched, facts.comparison_matched, facts.sets) == (2, 2, 2)
    assert facts.matched_share == pytest.approx(2 / 3)
    assert facts.estimand == "ATT among the matched treated"
    assert left.summary.seal == design.summary.seal
    new = [e for e in left.ledger.entries if e not in design.ledger.entries]
    assert [(e.reason, e.arm, e.count, e.members) for e in new] == [
        ("dropped_since_lock", "comparison", 1, (str(lost),)),
        ("unmatched", "treated", 1, ("1",)),
    ]
    counted = left.summary.analysed_units + left.ledger.count("unit")
    assert counted == left.summary.submitted_units == 7


def test_shares_within_a_set_are_shared_anew_by_hand() -> None:
    """1:2 with replacement: the set that lost a unit gives its whole share to the other; weights average 1."""
    frame, options = small(replace=True, ratio=2)
    panel = panel_of(frame)
    design = built(PLUGIN, options, panel)
    assert design.pairs is not None
    sets = {t: set(rows["comparison"]) for t, rows in design.pairs.groupby("treated")}
    assert all(len(found) == 2 for found in sets.values())
    lost = min(sets[0])
    after = panel.with_frame(panel.frame.loc[panel.frame["unit"] != lost])
    left = without(design, after, Since((), (lost,), ()))
    remaining = {t: found - {lost} for t, found in sets.items() if found - {lost}}
    share = {u: sum(1 / len(f) for f in remaining.values() if u in f) for u in range(3, 7) if u != lost}
    scale = sum(s > 0 for s in share.values()) / len(remaining)
    assert left.weights is not None
    weights = dict(zip(left.weights["unit"].tolist(), left.weights["weight"].tolist(), strict=True))
    assert weights == pytest.approx({0: 1.0, 1: 1.0, 2: 1.0, **{u: s * scale for u, s in share.items()}})
    drawn = [w for u, w in weights.items() if u > 2 and w > 0]
    assert np.mean(drawn) == pytest.approx(1.0)


def test_nobody_left_is_refused() -> None:
    frame, options = small(replace=False)
    panel = panel_of(frame)
    design = built(PLUGIN, options, panel)
    after = panel.with_frame(panel.frame.loc[panel.frame["unit"] > 2])
    with pytest.raises(RunError) as caught:
        without(design, after, Since((0, 1, 2), (), ()))
    assert caught.value.codes == ("RUN_NO_MATCH",)


def test_drops_feed_the_attrition_gate_by_arm(tmp_path: Path) -> None:
    plan = locked(tmp_path)
    agreed = read_plan(plan)
    sealed = read_design_lock(agreed)
    assert sealed is not None
    assert sealed.design.roster is not None
    part = set(sealed.design.roster["unit"].cells)
    frame = people()
    lost = {unit for unit in part if unit % 11 == 3}
    frame.loc[[i not in lost for i in frame["id"]]].to_csv(tmp_path / "data.csv", index=False)
    done = evaluate(agreed, read_panel(agreed))
    gone = {e.arm: e.count for e in done.ledger.entries if e.reason == "dropped_since_lock"}
    assert gone == {"treated": sum(u < 100 for u in lost), "comparison": sum(u >= 100 for u in lost)}
    attrition = next(g for g in done.gates if g.name == "attrition")
    assert attrition.statistic is not None
    assert attrition.statistic > 0
    assert done.design.submitted_units == 700
    assert done.design.analysed_units + sum(e.count for e in done.ledger.entries if e.what == "unit") == 700
