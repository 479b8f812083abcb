"""docs/CONTRACT.md names every field of the plan, in the section of its table, and every lint code."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest
from pydantic import BaseModel

from evaltool import registry
from evaltool.records.base import Words
from evaltool.records.plan.evaluation_plan import EvaluationPlan


def models_in(annotation: object) -> Iterator[type[BaseModel]]:
    """Every record named in a type."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from models_in(part)


def fields(model: type[BaseModel]) -> Iterator[str]:
    """The keys of a table and of the tables within it, as a plan file writes them."""
    for name, info in model.model_fields.items():
        yield info.alias or name
        for inner in models_in(info.annotation):
            if inner is not Words:
                yield from fields(inner)


def sections(root: Path) -> dict[str, str]:
    """Heading → text up to the next heading of the same or a higher level."""
    text = (root / "docs" / "CONTRACT.md").read_text(encoding="utf-8")
    parts = re.split(r"^## ", text, flags=re.MULTILINE)[1:]
    return {part.splitlines()[0]: part for part in parts}


TABLES = {
    "programme": "`[programme]`",
    "parties": "`[parties]`",
    "population": "`[population]`",
    "data": "`[data]`",
    "outcome": "`[[outcome]]`",
    "estimand": "`[estimand]`",
    "design": "`[design]` and `[estimator]`",
    "estimator": "`[design]` and `[estimator]`",
    "inference": "`[inference]`",
    "gate": "`[[gate]]`",
    "fallback": "`[[fallback]]`",
    "payment": "`[payment]`",
    "budget_gain": "`[[budget_gain]]`",
    "investment": "`[investment]`",
    "prior": "`[[prior]]`",
    "expectation": "`[[expectation]]`",
    "sensitivity": "`[[sensitivity]]`",
    "disclosure": "`[disclosure]`",
    "governance": "`[governance]`",
}


def test_every_table_has_its_section(root: Path) -> None:
    names = {info.alias or name for name, info in EvaluationPlan.model_fields.items()}
    assert names == {"schema", *TABLES}
    assert set(TABLES.values()) | {"Top level", "Versions and variations", "What the lint asks"} == set(sections(root))
    assert not [name for name in names if f"`{name}`" not in sections(root)["Top level"]]


@pytest.mark.parametrize("table", sorted(TABLES))
def test_every_field_is_described_in_its_section(root: Path, table: str) -> None:
    (model,) = models_in(EvaluationPlan.model_fields[table].annotation)
    text = sections(root)[TABLES[table]]
    assert not [name for name in fields(model) if f"`{name}`" not in text]


@pytest.mark.parametrize("mechanism", sorted(registry.mechanism_names()))
def test_every_term_is_described_under_its_mechanism(root: Path, mechanism: str) -> None:
    parts = re.split(r"^### ", sections(root)["`[payment]`"], flags=re.MULTILINE)
    headed = (f"Terms of `{mechanism}`", "Rules of rules")
    text = next(part for part in parts if part.startswith(headed) and f"`{mechanism}`" in part)
    assert not [name for name in fields(registry.mechanism(mechanism).terms) if not re.search(rf"\b{name}\b", text)]


def test_every_lint_code_is_listed_and_no_other(root: Path) -> None:
    source = "".join(
        path.read_text(encoding="utf-8") for path in sorted((root / "evaltool" / "planning" / "lint").glob("*.py"))
    )
    raised = set(re.findall(r'"(LINT_[A-Z_]+)"', source))
    assert raised == set(re.findall(r"`(LINT_[A-Z_]+)`", sections(root)["What the lint asks"]))


def test_the_manual_names_no_field_that_does_not_exist(root: Path) -> None:
    known = set(fields(EvaluationPlan)) | {"schema"}
    for mechanism in registry.mechanism_names():
        known |= set(fields(registry.mechanism(mechanism).terms))
    first_cells = re.findall(r"^\| (`[a-z_`, ]+`) \|", (root / "docs" / "CONTRACT.md").read_text("utf-8"), re.MULTILINE)
    named = {name for cell in first_cells for name in re.findall(r"`([a-z_]+)`", cell)}
    assert not named - known


@pytest.mark.parametrize("table", sorted(set(TABLES.values()) | {"Top level"}))
def test_every_row_says_meaning_unit_example_and_the_field_of_indigo(root: Path, table: str) -> None:
    """Tables of terms and options belong to the methods that take them."""
    parts = re.split(r"^### ", sections(root)[table], flags=re.MULTILINE)
    own = [part for number, part in enumerate(parts) if number == 0 or part.startswith("`[")]
    rows = [line for part in own for line in part.splitlines() if line.startswith("| `")]
    assert rows
    for row in rows:
        cells = [cell.strip() for cell in row.strip("|").split("|")]
        assert len(cells) == 5, row
        assert all(cells), row
        assert cells[4] == "–" or re.match(r"`[a-z_0-9/]+`", cells[4]), row
