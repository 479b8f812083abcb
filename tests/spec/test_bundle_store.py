"""A run on disk is the run; what may not be shown is not in release/; the record is the same byte for byte."""

from __future__ import annotations

import csv
import json
from decimal import Decimal
from pathlib import Path

import pandas as pd
import pytest

import evaltool as ev
from evaltool.bundle.data_copy import DataFile, DataIndex, restore
from evaltool.bundle.describe import crate_bytes
from evaltool.bundle.determination import determination_bytes, determination_of, refuse_unit_ids
from evaltool.bundle.manifest import write_manifest
from evaltool.bundle.members import open_members
from evaltool.bundle.store import open_run, read_run, roster_bytes, write_bundle, zip_bundle
from evaltool.bundle.verify import verify
from evaltool.cli.new import new
from evaltool.errors import DisclosureError, RunError, UsageError, VerificationError
from evaltool.records.base import canonical_json
from evaltool.records.ledger import LedgerEntry
from evaltool.records.run import Run


@pytest.fixture(scope="module")
def plan_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("store") / "e"
    new(home)
    return home / "plan.toml"


@pytest.fixture(scope="module")
def run(plan_file: Path) -> Run:
    plan = ev.read_plan(plan_file)
    return ev.evaluate(plan, ev.read_panel(plan))


def hiding(run: Run, *names: str) -> Run:
    """The same run with these counts hidden by its disclosure gate."""
    gates = tuple(
        gate.model_copy(update={"evidence": {**gate.evidence, "hidden": list(names)}})
        if gate.name == "disclosure"
        else gate
        for gate in run.gates
    )
    return run.model_copy(update={"gates": gates})


def test_the_run_opened_is_the_run_written(run: Run, tmp_path: Path) -> None:
    identity = write_bundle(run, tmp_path / "out")
    opened = open_run(tmp_path / "out")
    assert canonical_json(opened) == canonical_json(run)
    assert opened.decision.amount == run.decision.amount
    assert isinstance(opened.decision.amount, Decimal)
    assert opened.plan.path == tmp_path / "out" / "plan.toml"
    assert verify(tmp_path / "out").manifest == identity


def test_a_zip_holds_the_same_and_is_the_same_twice(run: Run, tmp_path: Path) -> None:
    write_bundle(run, tmp_path / "out")
    for name in ("a.zip", "b.zip"):
        zip_bundle(tmp_path / "out", tmp_path / name)
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()
    assert canonical_json(open_run(tmp_path / "a.zip")) == canonical_json(run)
    assert verify(tmp_path / "a.zip") == verify(tmp_path / "out")


def test_writing_twice_gives_the_same_bytes(run: Run, tmp_path: Path) -> None:
    assert write_bundle(run, tmp_path / "one") == write_bundle(run, tmp_path / "two")


def test_an_existing_bundle_is_replaced_only_with_force(run: Run, tmp_path: Path) -> None:
    write_bundle(run, tmp_path / "out")
    with pytest.raises(UsageError):
        write_bundle(run, tmp_path / "out")
    write_bundle(run, tmp_path / "out", force=True)


def test_a_plan_made_in_python_can_be_verified_and_not_rerun(run: Run, tmp_path: Path) -> None:
    plan = type(run.plan).from_json(run.plan.to_json())
    assert plan.path is None
    write_bundle(run.model_copy(update={"plan": plan}), tmp_path / "out")
    assert verify(tmp_path / "out").rerun is None
    with pytest.raises(VerificationError) as caught:
        verify(tmp_path / "out", rerun=True)
    assert caught.value.codes == ("VERIFY_NO_DATA",)


def test_data_moved_away_before_the_result_is_written(run: Run, tmp_path: Path) -> None:
    lost = run.plan.read_from(tmp_path / "plan.toml")
    with pytest.raises(RunError) as caught:
        write_bundle(run.model_copy(update={"plan": lost}), tmp_path / "out")
    assert caught.value.codes == ("RUN_PLAN_GONE",)
    assert list(tmp_path.iterdir()) == []


def test_the_record_holds_what_the_face_promises(run: Run) -> None:
    found = determination_of(run)
    decision, estimate = found["decision"], found["estimate"]
    assert isinstance(decision, dict)
    assert isinstance(estimate, dict)
    names = {"state", "flags", "reasons", "amount", "currency", "per_payer", "trace", "other_bases"}
    assert names <= set(decision)
    assert {"att", "se", "interval", "level", "p_value", "df", "n_treated", "n_comparison"} <= set(estimate)
    assert {"estimand", "unit", "conventions"} <= set(estimate)
    assert {"gates", "plan", "data", "versions", "schema_version"} <= set(found)
    assert decision["amount"] == str(run.decision.amount)
    assert estimate["att"] == run.estimate.att
    assert json.loads(determination_bytes(run)) == found


def test_nothing_is_hidden_when_nothing_must_be(run: Run) -> None:
    assert b'"suppressed"' not in determination_bytes(run)


def test_a_hidden_cell_keeps_its_place_and_loses_its_numbers(run: Run) -> None:
    cell = next(e for e in run.estimate.cells if e.element > (e.group or 0))
    found = determination_of(hiding(run, f"cell:{cell.group}:{cell.element}:treated"))
    cells = found["estimate"]["cells"]  # type: ignore[index,call-overload]
    shown = next(c for c in cells if (c["group"], c["element"]) == (cell.group, cell.element))  # type: ignore[index,union-attr,call-overload]
    assert shown["suppressed"] is True  # type: ignore[index,call-overload]
    assert [shown[n] for n in ("att", "se", "interval", "p_value", "n_treated", "n_comparison")] == [None] * 6  # type: ignore[index,call-overload]
    assert sum("suppressed" in c for c in cells) == 1  # type: ignore[operator,union-attr,misc]


@pytest.mark.parametrize("arm", ["treated", "comparison"])
def test_a_hidden_headline_takes_its_numbers_and_its_arithmetic_with_it(run: Run, arm: str) -> None:
    text = determination_bytes(hiding(run, f"arm:{arm}")).decode()
    found = json.loads(text)
    assert found["decision"]["trace"] is None
    assert found["decision"]["state"] == run.decision.state
    assert found["estimate"]["att"] is None
    assert found["estimate"]["n_treated"] is None
    assert found["second_opinion"] is None
    assert repr(run.estimate.att) not in text
    assert all(gate["statistic"] is None for gate in found["gates"] if gate["name"] != "disclosure")


def test_everything_is_hidden_when_the_gate_could_not_tell(run: Run) -> None:
    gates = tuple(
        g.model_copy(update={"verdict": "CANNOT_TELL", "evidence": {}}) if g.name == "disclosure" else g
        for g in run.gates
    )
    found = json.loads(determination_bytes(run.model_copy(update={"gates": gates})))
    assert found["estimate"]["att"] is None
    assert all(cell["att"] is None for cell in found["estimate"]["cells"])
    assert found["design"]["analysed_units"] is None


def test_small_counts_left_out_are_hidden_and_ids_never_shown(run: Run) -> None:
    few = LedgerEntry(
        stage="reading", reason="missing_value_row", what="row", arm="treated", count=4, members=("Municipality 03",)
    )
    many = few.model_copy(update={"count": 5, "stage": "design"})
    found = determination_of(run.model_copy(update={"ledger": run.ledger.plus(few, many)}))
    counts = [entry["count"] for entry in found["left_out"]]  # type: ignore[index,union-attr,call-overload]
    assert counts == [None, 5]
    assert b"Municipality 03" not in determination_bytes(run)


def test_a_unit_id_in_the_record_stops_the_release() -> None:
    record = {"estimate": {"groups": [{"label": "Lundbyskolen"}]}, "n": "12"}
    refuse_unit_ids(record, {"Nordskolen", "12"})
    with pytest.raises(DisclosureError) as caught:
        refuse_unit_ids(record, {"Lundbyskolen"})
    assert caught.value.exit_code == 6
    assert caught.value.faults[0].place.key == "estimate.groups[0].label"
    assert "Lundbyskolen" not in str(caught.value)


def test_a_roster_is_text_to_a_spreadsheet() -> None:
    roster = pd.DataFrame(
        {
            "unit": ["=HYPERLINK(1)", "-5", "a,b"],
            "first_treated": [2020.0, float("inf"), 2021.0],
            "weight": [1.0, 2.5, 3.0],
        }
    )
    rows = list(csv.reader(roster_bytes(roster).decode().splitlines()))
    assert rows[1:] == [["'=HYPERLINK(1)", "2020.0", "1.0"], ["-5", "", "2.5"], ["a,b", "2021.0", "3.0"]]


@pytest.mark.parametrize("declared", ["data.csv", "sub/data.csv", "../data.csv", "../../a/data.csv", "./data.csv"])
def test_data_are_laid_out_where_the_plan_looks_for_them(tmp_path: Path, declared: str) -> None:
    (tmp_path / "bundle").mkdir()
    (tmp_path / "bundle" / "00-data.csv").write_text("x")
    index = DataIndex(files=(DataFile(declared=declared, copy_path="00-data.csv", sha256="0" * 64),))
    home = restore(index, tmp_path / "bundle", tmp_path / "room")
    assert (home / declared).read_text() == "x"
    assert (home / declared).resolve().is_relative_to((tmp_path / "room").resolve())


@pytest.mark.parametrize("declared", ["/etc/data.csv", "C:/data.csv", "C:data.csv"])
def test_data_at_an_absolute_path_cannot_be_laid_out(tmp_path: Path, declared: str) -> None:
    index = DataIndex(files=(DataFile(declared=declared, copy_path="00-data.csv", sha256="0" * 64),))
    with pytest.raises(ValueError, match="absolute"):
        restore(index, tmp_path, tmp_path / "room")


def test_a_run_that_cannot_be_read(run: Run, tmp_path: Path) -> None:
    write_bundle(run, tmp_path / "out")
    path = tmp_path / "out" / "evidence" / "run.json"
    path.write_text(path.read_text().replace('"as_of"', '"as_off"'))
    with open_members(tmp_path / "out") as members, pytest.raises(VerificationError) as caught:
        read_run(members)
    assert caught.value.codes == ("VERIFY_RECORD",)
    with pytest.raises(VerificationError) as caught:
        open_run(tmp_path / "nowhere")
    assert caught.value.codes == ("VERIFY_NOT_A_BUNDLE",)


def references(value: object) -> set[str]:
    """Every ``{"@id": …}`` that points somewhere."""
    if isinstance(value, dict):
        own = {str(value["@id"])} if set(value) == {"@id"} else set()
        return own | {r for item in value.values() for r in references(item)}
    return {r for item in value for r in references(item)} if isinstance(value, list) else set()


@pytest.mark.parametrize("notebook", [False, True])
def test_the_crate_describes_every_file_and_points_nowhere_else(run: Run, notebook: bool) -> None:
    names = ["plan.toml", "evidence/data/00-data.csv", "release/determination.json"]
    names += ["report.ipynb"] if notebook else []
    graph = json.loads(crate_bytes(run, names))["@graph"]
    ids = [entity["@id"] for entity in graph]
    assert len(ids) == len(set(ids))
    assert set(names) <= set(ids)
    assert {r for r in references(graph) if not r.startswith("https://")} <= set(ids)
    (action,) = [entity for entity in graph if entity["@type"] == "CreateAction"]
    assert {item["@id"] for item in action["object"]} == {"plan.toml", "evidence/data/00-data.csv"}
    assert {item["@id"] for item in action["result"]} == {"release/determination.json"}
    assert action["instrument"]["@id"] == ("report.ipynb" if notebook else "#evaltool")
    assert action["endTime"] == run.as_of.isoformat()


def test_a_bundle_of_another_version_is_compared_by_what_it_says(run: Run, tmp_path: Path) -> None:
    """Its README may be worded differently; its decision may not be another one."""
    older = run.model_copy(update={"versions": {**run.versions, "evaltool": "0.0.9"}})
    write_bundle(older, tmp_path / "out")
    (tmp_path / "out" / "README.md").write_text("worded otherwise")
    write_manifest(tmp_path / "out")
    verify(tmp_path / "out")
    record = tmp_path / "out" / "release" / "determination.json"
    record.write_bytes(record.read_bytes().replace(b"NOT_DECIDABLE", b"PAY_FULL"))
    write_manifest(tmp_path / "out")
    with pytest.raises(VerificationError) as caught:
        verify(tmp_path / "out")
    assert caught.value.codes == ("VERIFY_SEAL",)
