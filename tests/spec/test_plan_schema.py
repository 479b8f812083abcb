"""``evaltool schema``: every sample plan is valid under it, wrong ones are not, and every field says what it is."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import jsonschema
import pytest

from evaltool.cli.main import main
from evaltool.planning.schema import FIELDS, description_of, docstrings, models, plan_schema
from evaltool.records.plan.evaluation_plan import EvaluationPlan

ROOT = Path(__file__).resolve().parents[2]
PLANS = [*sorted((ROOT / "data_samples").rglob("plan.toml")), ROOT / "evaltool" / "cli" / "scaffold" / "did.plan.toml"]


def as_json(value: object) -> object:
    """A TOML document as JSON: dates as text."""
    if isinstance(value, dict):
        return {key: as_json(item) for key, item in value.items()}
    if isinstance(value, list):
        return [as_json(item) for item in value]
    return value.isoformat() if isinstance(value, date) else value


def document(path: Path) -> dict[str, object]:
    found = as_json(tomllib.loads(path.read_text(encoding="utf-8")))
    assert isinstance(found, dict)
    return found


@pytest.fixture(scope="module")
def schema() -> dict[str, object]:
    found: dict[str, object] = json.loads(json.dumps(plan_schema()))
    return found


def test_the_command_prints_it(capsys: pytest.CaptureFixture[str], schema: dict[str, object]) -> None:
    assert main(["schema"]) == 0
    assert json.loads(capsys.readouterr().out) == schema


def test_it_is_a_schema(schema: dict[str, object]) -> None:
    jsonschema.Draft202012Validator.check_schema(schema)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"


@pytest.mark.parametrize("path", PLANS, ids=lambda path: path.parent.name)
def test_every_sample_plan_is_valid(schema: dict[str, object], path: Path) -> None:
    jsonschema.Draft202012Validator(schema).validate(document(path))


@pytest.mark.parametrize(
    ("table", "key", "value"),
    [
        ("payment", "capp", "5"),
        ("payment", "combine", "average"),
        ("payment", "cap", True),
        ("estimand", "scale", "relativ"),
        ("inference", "seed", -1),
        ("programme", "currency", "kroner"),
        ("governance", "decide_from", 20240101),
        ("parties", "evaluator", {"name": "x", "fee_contingent": True}),
    ],
)
def test_what_is_wrong_is_marked(schema: dict[str, object], table: str, key: str, value: object) -> None:
    whole = document(PLANS[0])
    inner = whole[table]
    assert isinstance(inner, dict)
    inner[key] = value
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft202012Validator(schema).validate(whole)


def test_a_missing_table_is_marked(schema: dict[str, object]) -> None:
    whole = document(PLANS[0])
    del whole["governance"]
    with pytest.raises(jsonschema.ValidationError, match="governance"):
        jsonschema.Draft202012Validator(schema).validate(whole)


def objects(schema: object) -> Iterator[dict[str, object]]:
    if isinstance(schema, dict):
        if isinstance(schema.get("properties"), dict):
            yield schema
        for item in schema.values():
            yield from objects(item)
    elif isinstance(schema, list):
        for item in schema:
            yield from objects(item)


def test_every_table_and_field_says_what_it_is(schema: dict[str, object]) -> None:
    found = list(objects(schema))
    assert len(found) == len(models(EvaluationPlan))
    for table in found:
        assert table["title"]
        assert str(table["description"]).endswith("."), table["title"]
        properties = table["properties"]
        assert isinstance(properties, dict)
        for name, item in properties.items():
            assert item["title"], name
            assert item["description"].endswith((".", ")")), (table["title"], name)
            assert "`" not in item["description"]


def test_the_shipped_words_are_those_the_records_do_not_say() -> None:
    stated = tomllib.loads(FIELDS.read_text(encoding="utf-8"))
    wanted = {
        model.__name__: {name for name in model.model_fields if name not in docstrings(model)}
        for model in models(EvaluationPlan)
    }
    assert {name: set(fields) for name, fields in stated.items()} == {n: f for n, f in wanted.items() if f}


def test_a_field_nobody_describes_is_found_out() -> None:
    with pytest.raises(KeyError):
        description_of(EvaluationPlan, "no_such_field")
