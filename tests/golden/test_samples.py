"""Every bundled programme reaches its decision through the real road; its machine record is compared exactly.

``EVALTOOL_WRITE_GOLDEN=1`` writes the records anew, to be read in the diff before they are committed.
"""

from __future__ import annotations

import importlib.util
import json
import os
import sys
import tomllib
from collections.abc import Callable
from decimal import Decimal
from functools import cache
from pathlib import Path
from types import ModuleType

import pytest

from evaltool.bundle.determination import determination_of
from evaltool.pipeline import evaluate
from evaltool.reading.lock_file import lock_status
from evaltool.reading.panel_file import read_panel
from evaltool.reading.plan_file import read_plan
from evaltool.records.base import canonical_json
from evaltool.records.run import Run

ROOT = Path(__file__).resolve().parents[2]
SAMPLES = ROOT / "data_samples"
GOLDEN = Path(__file__).parent / "determination"
FOLDERS = (path.parent.relative_to(SAMPLES) for path in SAMPLES.rglob("expected.toml"))
NAMES = sorted(str(folder) for folder in FOLDERS if folder.parts[0] != "replays")
SYNTHETIC = ("homelessness", "into_work", "school_absence", "school_absence_undecidable", "sick_leave")
HONEST = ("into_work", "school_absence", "sick_leave")
"""Nothing is wrong with them: the estimate lies within two standard errors of the truth."""
STATED = {
    "homelessness": "PAY_PARTIAL",
    "into_work": "PAY_PARTIAL",
    "peterborough/contract/cohort_1": "CARRIED_FORWARD",
    "peterborough/contract/pooled": "PAY_FULL",
    "peterborough/monitoring": "NOT_YET_DUE",
    "school_absence": "PAY_PARTIAL",
    "school_absence_undecidable": "NOT_DECIDABLE",
    "sick_leave": "PAY_PARTIAL",
}
DIGITS = 10
"""Significant digits of floating-point numbers in the golden records: the suite does not run in the pinned child."""
ZERO = 1e-12
"""Smaller numbers are what is left of a subtraction."""


@cache
def run_of(name: str) -> Run:
    """The sample evaluated in this process."""
    plan = read_plan(SAMPLES / name / "plan.toml")
    return evaluate(plan, read_panel(plan))


@cache
def expected(name: str) -> dict[str, object]:
    return tomllib.loads((SAMPLES / name / "expected.toml").read_text(encoding="utf-8"))


def table(name: str, key: str) -> dict[str, object]:
    found = expected(name).get(key, {})
    assert isinstance(found, dict)
    return found


def number(value: object) -> float:
    assert isinstance(value, float | int)
    return float(value)


def generator(name: str) -> ModuleType:
    """The sample's ``generate.py`` as a module."""
    spec = importlib.util.spec_from_file_location(f"generate_{name}", SAMPLES / name / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def rounded(value: object) -> object:
    """Floats to ten significant digits, everywhere."""
    if isinstance(value, float):
        return 0.0 if abs(value) < ZERO else float(f"{value:.{DIGITS - 1}e}")
    if isinstance(value, dict):
        return {key: rounded(item) for key, item in value.items()}
    if isinstance(value, list):
        return [rounded(item) for item in value]
    if isinstance(value, str) and value.count(".") == 1 and len(value) > DIGITS + 2:
        try:
            return str(Decimal(f"{Decimal(value):.{DIGITS - 1}e}"))
        except ArithmeticError:
            return value
    return value


def record_of(run: Run) -> str:
    """The determination without what changes from machine to machine: versions and numeric profile."""
    document = json.loads(canonical_json(determination_of(run)))
    for key in ("versions", "profile", "numeric_profile"):
        document.pop(key, None)
    return json.dumps(rounded(document), ensure_ascii=False, indent=2, sort_keys=True) + "\n"


def test_the_samples_are_the_ones_agreed() -> None:
    assert {name: expected(name)["state"] for name in NAMES} == STATED


@pytest.mark.parametrize("name", NAMES)
def test_a_sample_ships_locked_and_unchanged(name: str) -> None:
    assert lock_status(read_plan(SAMPLES / name / "plan.toml")).state == "locked"


@pytest.mark.parametrize("name", NAMES)
def test_a_sample_reaches_its_decision(name: str) -> None:
    decision, wanted = run_of(name).decision, expected(name)
    assert decision.state == wanted["state"]
    assert decision.amount == Decimal(str(wanted["amount"]))
    assert decision.currency == wanted["currency"]
    assert list(decision.flags) == wanted["flags"]
    assert list(decision.reasons) == wanted["reasons"]


@pytest.mark.parametrize("name", NAMES)
def test_a_sample_finds_its_estimate(name: str) -> None:
    estimate, wanted = run_of(name).estimate, table(name, "estimate")
    allowed = number(wanted["tolerance"])
    if "att" in wanted:
        assert estimate.att == pytest.approx(number(wanted["att"]), abs=allowed)
    assert estimate.relative is not None
    assert estimate.relative.value == pytest.approx(number(wanted["relative"]), abs=allowed)
    if wanted.get("standard_error") == "none":
        assert estimate.se is None


@pytest.mark.parametrize("name", NAMES)
def test_the_payers_pay_the_whole_amount(name: str) -> None:
    decision, wanted = run_of(name).decision, table(name, "payers")
    assert sum((payer.amount for payer in decision.per_payer), Decimal(0)) == decision.amount
    shares = {payer.payer: payer.amount for payer in decision.per_payer}
    assert {payer: shares[payer] for payer in wanted} == {payer: Decimal(str(a)) for payer, a in wanted.items()}


@pytest.mark.parametrize("name", NAMES)
def test_the_machine_record_is_the_one_committed(name: str) -> None:
    file = GOLDEN / f"{name.replace('/', '-')}.json"
    found = record_of(run_of(name))
    if os.environ.get("EVALTOOL_WRITE_GOLDEN"):
        file.parent.mkdir(exist_ok=True)
        file.write_text(found, encoding="utf-8")
    assert found == file.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", SYNTHETIC)
def test_the_generator_writes_the_same_bytes(name: str, tmp_path: Path) -> None:
    module = generator(name)
    scenario = module.SCENARIO
    getattr(module, "base", module).main(tmp_path, scenario)
    file = read_plan(SAMPLES / name / "plan.toml").data.path
    assert file is not None
    assert (tmp_path / file).read_bytes() == (SAMPLES / name / file).read_bytes()


@pytest.mark.parametrize("name", SYNTHETIC)
def test_the_true_effect_is_the_one_stated(name: str) -> None:
    module = generator(name)
    absolute, relative = getattr(module, "base", module).true_effect(
        getattr(module, "base", module).panel(module.SCENARIO)[1]
    )
    wanted = table(name, "truth")
    assert absolute == pytest.approx(number(wanted["att"]), abs=5e-5)
    assert relative == pytest.approx(number(wanted["relative"]), abs=5e-6)


def test_the_honest_samples_find_the_truth_and_the_other_one_does_not() -> None:
    """Within two standard errors where nothing is wrong; far off, and stopped by a gate, where something is."""
    for name, near in (*((name, True) for name in HONEST), ("school_absence_undecidable", False)):
        estimate, truth = run_of(name).estimate, number(table(name, "truth")["att"])
        assert estimate.se is not None
        assert (abs(estimate.att - truth) <= 2 * estimate.se) is near
    undecidable = run_of("school_absence_undecidable")
    assert [gate.name for gate in undecidable.gates if gate.blocks] == ["placebo_in_time"]


def test_the_synthetic_control_comes_within_a_standard_deviation_of_the_truth() -> None:
    """No standard error exists: the mistake is smaller than the fit's own before the start (0.57 nights)."""
    estimate = run_of("homelessness").estimate
    mistake = abs(estimate.att - number(table("homelessness", "truth")["att"]))
    assert mistake < number(estimate.conventions["rmspe_before"])


def test_the_amount_on_the_line_by_hand() -> None:
    """5,000,000 + 3,000,000 · (0.159945 − 0.10) / 0.15, from the estimate as it stands."""
    run = run_of("homelessness")
    assert run.estimate.relative is not None
    figure = -Decimal(repr(run.estimate.relative.value))
    due = Decimal(5_000_000) + Decimal(3_000_000) * (figure - Decimal("0.10")) / Decimal("0.15")
    assert run.decision.amount == round(due, 2)


def test_the_lower_bound_decides_where_the_point_would_pay_more() -> None:
    run = run_of("into_work")
    bound = next(step for step in run.decision.trace if step.key == "rule.threshold")
    assert run.estimate.interval is not None
    assert bound.values["value"] == Decimal(repr(run.estimate.interval.lower))
    other = next(a for a in run.decision.alternatives if a.name == "point_estimate")
    assert (other.state, other.amount) == ("PAY_FULL", Decimal("7200000.00"))


@pytest.mark.parametrize("name", ["homelessness", "into_work"])
def test_a_matched_or_synthetic_sample_ships_its_design_locked_and_every_check_passes(name: str) -> None:
    run = run_of(name)
    assert run.lock.design == "locked"
    assert {gate.name: gate.verdict for gate in run.gates if gate.verdict not in {"PASS", "NOT_APPLICABLE"}} == {}


@pytest.mark.parametrize("name", ["homelessness", "into_work", "school_absence"])
def test_the_same_rows_in_another_order_give_the_same_record(name: str, sample: Callable[[str], Path]) -> None:
    plan = sample(name)
    file = read_plan(plan).data.path
    assert file is not None
    data = plan.with_name(file)
    head, *rows = data.read_bytes().splitlines(keepends=True)
    data.write_bytes(b"".join([head, *sorted(rows, key=hash_of)]))
    shuffled = read_plan(plan)
    assert record_of(evaluate(shuffled, read_panel(shuffled))) == record_of(run_of(name))


def hash_of(row: bytes) -> int:
    """A fixed order that has nothing to do with the data."""
    return sum((index + 1) * byte for index, byte in enumerate(row)) % 1009


def test_monitoring_never_decides_whatever_the_figures(sample: Callable[[str], Path]) -> None:
    """Even a fall to nothing among the treated leaves monitoring without a decision."""
    plan = sample("peterborough/monitoring")
    data = plan.with_name("interim_rates.csv")
    text = data.read_text(encoding="utf-8")
    changed = text.replace("2010-09-01,78", "2010-09-01,1")
    assert changed != text
    data.write_text(changed, encoding="utf-8")
    other = read_plan(plan)
    decision = evaluate(other, read_panel(other)).decision
    assert (decision.state, decision.amount) == ("NOT_YET_DUE", 0)


def test_cohort_one_and_the_pooled_test_by_hand() -> None:
    """1 − 142/155 = 0.08387 < 0.10; (0.0839 + 0.097) / 2 = 0.09045 ≥ 0.075."""
    assert round(1 - 142 / 155, 4) == 0.0839
    trace = [step for step in run_of("peterborough/contract/pooled").decision.trace if step.key == "rule.threshold"]
    assert trace[-1].values["value"] == Decimal("0.09045")
    assert trace[-1].values["threshold"] == Decimal("0.075")
    assert trace[-1].values["reached"] is True
