"""``evaltool compare``: what changed between two plans and whether it can move money; two runs side by side."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest
from payment_cases import outcome, plan, rule
from pydantic import BaseModel

from evaltool.bundle.store import zip_bundle
from evaltool.cli.main import main
from evaltool.planning.changes import CLAIM, NAMES, NOTHING, Change, changes, effect_of
from evaltool.records.base import Words
from evaltool.records.plan.evaluation_plan import EvaluationPlan


def between(old: EvaluationPlan, new: EvaluationPlan) -> list[tuple[str, str, str]]:
    return [(change.key, change.effect, change.words) for change in changes(old, new)]


TIERS = {"tiers": [{"from": "0.05", "amount": "400000"}, {"from": "0.10", "amount": "1000000"}]}
LOWER = {"tiers": [{"from": "0.04", "amount": "400000"}, {"from": "0.10", "amount": "1000000"}]}
FALLBACK = {"on": ["N_MIN"], "action": "other_estimator", "specification": "other"}


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        (
            plan([rule(terms=TIERS)]),
            plan([rule(terms=LOWER)]),
            [
                (
                    "payment.rule[r1].terms.tiers[0].from",
                    "money",
                    "rule[r1].terms.tiers[0].from was 0.05 and is 0.04",
                )
            ],
        ),
        (
            plan([rule(cap="5")]),
            plan([rule(cap="5.0")]),
            [
                (
                    "payment.rule[r1].cap",
                    "nothing",
                    "rule[r1].cap was 5 and is 5.0 (the same number, written otherwise)",
                )
            ],
        ),
        (plan([rule(cap="5")]), plan([rule()]), [("payment.rule[r1].cap", "money", "rule[r1].cap is gone; it was 5")]),
        (
            plan(),
            plan(payment={"offset": "7"}),
            [("payment.offset", "money", "offset was 0 and is 7")],
        ),
        (
            plan(),
            plan(outcome=[outcome(definition={"en": "days"})]),
            [("outcome[absence].definition.en", "claim", "outcome[absence].definition.en is new: days")],
        ),
        (
            plan(sensitivity=[{"id": "a"}]),
            plan(sensitivity=[{"id": "a", "aggregation": "group"}, {"id": "b"}]),
            [
                ("sensitivity[a].aggregation", "claim", "sensitivity[a].aggregation is new: group"),
                ("sensitivity[b]", "claim", "sensitivity[b] is new: id b"),
            ],
        ),
        (
            # a specification that a fallback decides on can move money
            plan(sensitivity=[{"id": "other"}], fallback=[FALLBACK]),
            plan(sensitivity=[{"id": "other", "options": {"anticipation": 1}}], fallback=[FALLBACK]),
            [
                (
                    "sensitivity[other].options.anticipation",
                    "money",
                    "sensitivity[other].options.anticipation is new: 1",
                )
            ],
        ),
        (
            # an entry is found by its id, wherever it stands
            plan([rule(id="a"), rule(id="b", cap="5")]),
            plan([rule(id="b", cap="6"), rule(id="a")]),
            [
                ("payment.rule[b].cap", "money", "rule[b].cap was 5 and is 6"),
                ("payment.rule, their order", "money", "rule, their order was [a; b] and is [b; a]"),
            ],
        ),
        (plan(), plan(), []),
    ],
)
def test_changes_in_words(old: EvaluationPlan, new: EvaluationPlan, told: list[tuple[str, str, str]]) -> None:
    assert between(old, new) == told


def test_places_follow_the_entry_in_both_documents() -> None:
    old, new = plan([rule(id="a"), rule(id="b", cap="5")]), plan([rule(id="b", cap="6"), rule(id="a")])
    change = next(c for c in changes(old, new) if c.key == "payment.rule[b].cap")
    assert (change.old_key, change.new_key) == ("payment.rule[1].cap", "payment.rule[0].cap")


def leaves(model: type[BaseModel], key: str) -> Iterator[str]:
    """Every key of a plan, entries of repeated tables under the name ``x``."""
    for name, info in model.model_fields.items():
        here = f"{key}.{info.alias or name}".lstrip(".")
        inner = [part for part in parts(info.annotation) if isinstance(part, type) and issubclass(part, BaseModel)]
        if not inner or inner[0] is Words:
            yield here
        for found in inner:
            if found is not Words:
                yield from leaves(found, f"{here}[x]" if "tuple" in str(info.annotation) else here)


def parts(annotation: object) -> Iterator[object]:
    yield annotation
    for part in get_args(annotation):
        yield from parts(part)


def test_what_cannot_move_money_is_a_list_somebody_wrote() -> None:
    """A field that is added can move money until somebody says otherwise."""
    found = {key: effect_of(key, old=1, new=2) for key in leaves(EvaluationPlan, "")}
    assert len(found) > 120
    assert {key for key, effect in found.items() if effect == "nothing"} == {
        *(f"programme.{name}" for name in ["id", "version", "title", "description", "area", "start", "end", "source"]),
        *("parties.investors[x].name", "parties.provider.name", "parties.validator.name"),
        *("parties.evaluator.name", "parties.evaluator.fee_contingent"),
        *("population.target_n", "data.vintage", "data.column[x].label", "data.column[x].unit"),
        *("gate[x].reason", "gate[x].signed_by", "payment.previous[x].path", "payment.previous[x].note"),
        *("payment.shock[x].title", "payment.shock[x].source", "sensitivity[x].title"),
        *("budget_gain[x].title", "budget_gain[x].source", "prior[x].source"),
        *("expectation[x].outcome", "expectation[x].standard_error", "expectation[x].source"),
        *("investment.drawdown[x].investor", "governance.dispute_days", "governance.expert", "governance.side_by_side"),
    }
    assert {key for key, effect in found.items() if effect == "claim" and not key.startswith("budget_gain")} == {
        *("population.eligibility", "population.unit", "population.principle", "population.once_per_person"),
        *("outcome[x].title", "outcome[x].definition", "outcome[x].unit", "outcome[x].verifier"),
        *(
            "programme.made_up",
            "estimand.target",
            "sensitivity[x].id",
            "sensitivity[x].method",
            "sensitivity[x].options",
        ),
        "sensitivity[x].aggregation",
    }


def test_the_lists_name_places_that_exist() -> None:
    keys = list(leaves(EvaluationPlan, ""))
    for table, by in NAMES.items():
        assert f"{table}[x].{by}" in keys
    for pattern in (*NOTHING, *CLAIM):
        assert any(effect_of(key, old=1, new=2) != "money" for key in keys if pattern.split("\\")[0] in key), pattern


@pytest.fixture(scope="module")
def runs(root: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The Peterborough contract, and the same with its pooled threshold moved above what was found."""
    room = tmp_path_factory.mktemp("runs")
    found = []
    for name, text in (("a", 'pooled_threshold = "0.075"'), ("b", 'pooled_threshold = "0.2"')):
        home = room / name
        shutil.copytree(root / "data_samples" / "peterborough" / "contract" / "pooled", home)
        (home / "plan.lock").unlink()
        agreed = (home / "plan.toml").read_text(encoding="utf-8")
        assert 'pooled_threshold = "0.075"' in agreed
        (home / "plan.toml").write_text(agreed.replace('pooled_threshold = "0.075"', text), encoding="utf-8")
        assert main(["lock", str(home / "plan.toml")]) == 0
        assert main(["run", str(home / "plan.toml"), "--out", str(home / "out"), "--no-report"]) == 0
        found.append(home)
    return found[0], found[1]


def asked(capsys: pytest.CaptureFixture[str], *given: Path) -> dict[str, object]:
    capsys.readouterr()
    assert main(["compare", *map(str, given), "--format", "json"]) == 0
    found: dict[str, object] = json.loads(capsys.readouterr().out)
    return found


def test_two_plans(runs: tuple[Path, Path], capsys: pytest.CaptureFixture[str]) -> None:
    old, new = (home / "plan.toml" for home in runs)
    found = asked(capsys, old, new)
    line = next(n for n, text in enumerate(old.read_text("utf-8").splitlines(), 1) if "pooled_threshold" in text)
    assert found["kind"] == "plans"
    assert found["counts"] == {"money": 1, "claim": 0, "nothing": 0}
    assert found["changes"] == [
        {
            "table": "payment",
            "key": "payment.rule[reconvictions].terms.pooled_threshold",
            "effect": "money",
            "old": "0.075",
            "new": "0.2",
            "old_line": line,
            "new_line": line,
            "words": "rule[reconvictions].terms.pooled_threshold was 0.075 and is 0.2",
        }
    ]
    assert main(["compare", str(old), str(new)]) == 0
    shown = capsys.readouterr().out
    assert (
        f"can move money           rule[reconvictions].terms.pooled_threshold was 0.075 and is 0.2  (old line {line}"
        in shown
    )
    assert shown.splitlines()[-1] == "1 change: 1 can move money, 0 changes what is claimed, 0 cannot move money"
    assert main(["compare", str(old), str(old)]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "The two plans state the same."


def test_two_runs(runs: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    old, new = (home / "out" for home in runs)
    packed = tmp_path / "new.zip"
    zip_bundle(new, packed)
    found = asked(capsys, old, packed)
    result = found["result"]
    assert isinstance(result, dict)
    assert (found["kind"], result["verdict"]) == ("runs", "DIFFERENT")
    beside = {row["path"]: (row["old"], row["new"]) for row in result["beside"]}
    assert beside["decision.state"] == ("PAY_FULL", "NO_PAYMENT")
    assert beside["decision.amount"] == ("100.00", "0.00")
    assert beside["estimate.att"][0] == beside["estimate.att"][1]
    groups = {row["path"].split(".")[0]: row["group"] for row in result["differences"]}
    assert groups == {"decision": "decision", "gates[0]": "numbers", "plan": "plan"}
    (change,) = found["plan_changes"]  # type: ignore[misc]
    assert change["key"] == "payment.rule[reconvictions].terms.pooled_threshold"
    assert main(["compare", str(old), str(new)]) == 0
    shown = capsys.readouterr().out
    assert "≠ decision.state                     PAY_FULL  →  NO_PAYMENT" in shown
    assert "can move money" in shown
    assert asked(capsys, old, old)["result"]["verdict"] == "IDENTICAL"  # type: ignore[index]


def test_one_of_each_is_refused(runs: tuple[Path, Path], capsys: pytest.CaptureFixture[str]) -> None:
    home, _ = runs
    for given in ((home / "plan.toml", home / "out"), (home / "out", home / "plan.toml")):
        assert main(["compare", *map(str, given)]) == 2
        assert "USAGE_COMPARE_KINDS" in capsys.readouterr().err


def test_what_is_neither(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", str(tmp_path / "a.toml"), str(tmp_path / "b.toml")]) == 2
    assert "PLAN_UNREADABLE" in capsys.readouterr().err
    assert main(["compare", str(tmp_path), str(tmp_path)]) == 5
    assert "VERIFY_NOT_A_BUNDLE" in capsys.readouterr().err


def test_a_change_is_a_plain_record() -> None:
    (change,) = changes(plan(), plan(payment={"cap": "3"}))
    assert change == Change("payment", "payment.cap", "payment.cap", "payment.cap", None, "3", "money")
