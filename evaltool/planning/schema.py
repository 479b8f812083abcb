"""JSON Schema of a plan for editors: every table and field with a title and what it means."""

from __future__ import annotations

import ast
import inspect
import re
import tomllib
from collections.abc import Iterator, Mapping
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import cast, get_args

import evaltool.language
from evaltool.records.base import Json, Record
from evaltool.records.plan.evaluation_plan import EvaluationPlan

DIALECT = "https://json-schema.org/draft/2020-12/schema"
FIELDS = Path(evaltool.language.__file__).parent / "fields.toml"
"""What a field is, where its record does not say more about it."""
Schema = dict[str, Json]


def plan_schema() -> Schema:
    """The schema of ``plan.toml``, as an editor reads it.

    Descriptions come from the records' own words, in the records or in ``language/fields.toml``. What only shows when
    tables are read together, and what methods and mechanisms ask of their options and terms, is left to
    ``evaltool check``.
    """
    whole = cast("Schema", EvaluationPlan.model_json_schema(by_alias=True, mode="validation"))
    found = _tables(whole)
    for model in models(EvaluationPlan):
        table = found.get(model.__name__)
        if table is not None:
            _describe(table, model)
    return {"$schema": DIALECT, **whole, "title": "evaltool plan", "description": "Everything agreed beforehand."}


def models(model: type[Record]) -> tuple[type[Record], ...]:
    """A record and every record within it, once each."""
    seen: dict[type[Record], None] = {model: None}
    for info in model.model_fields.values():
        for inner in _records_in(info.annotation):
            if inner not in seen:
                seen |= dict.fromkeys(models(inner))
    return tuple(seen)


def description_of(model: type[Record], field: str) -> str:
    """What a field is: its own docstring, else the shipped words. Raises KeyError when there is neither."""
    own = docstrings(model).get(field)
    return own if own is not None else _shipped()[model.__name__][field]


@cache
def docstrings(model: type[Record]) -> Mapping[str, str]:
    """Field → the text that stands below it in the record, in one line without markup."""
    (tree,) = ast.parse(inspect.getsource(model)).body
    body = tree.body if isinstance(tree, ast.ClassDef) else []
    found: dict[str, str] = {}
    for node, below in pairwise(body):
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and isinstance(below, ast.Expr):
            value = below.value
            if isinstance(value, ast.Constant) and isinstance(value.value, str):
                found[node.target.id] = plain_text(value.value)
    return found


def plain_text(text: str) -> str:
    """A docstring in one line: white space folded, literals without their marks."""
    return " ".join(text.replace("``", "").split())


@cache
def _shipped() -> Mapping[str, Mapping[str, str]]:
    """Record → field → what it is."""
    return tomllib.loads(FIELDS.read_text(encoding="utf-8"))


def _tables(schema: Schema) -> dict[str, Schema]:
    """The plan itself and every table in ``$defs``, by the name of its record."""
    below = schema.get("$defs")
    named = {name: item for name, item in below.items() if isinstance(item, dict)} if isinstance(below, dict) else {}
    return {EvaluationPlan.__name__: schema, **named}


def _describe(table: Schema, model: type[Record]) -> None:
    """Give a table and each of its fields a title and a description."""
    table["title"] = model.__name__
    table["description"] = plain_text((inspect.getdoc(model) or "").split("\n\n", 1)[0])
    properties = table.get("properties")
    for name, info in model.model_fields.items():
        shown = info.alias or name
        item = properties.get(shown) if isinstance(properties, dict) else None
        if isinstance(item, dict):
            item["title"] = re.sub(r"_", " ", shown)
            item["description"] = description_of(model, name)


def _records_in(annotation: object) -> Iterator[type[Record]]:
    """Every record named in a type."""
    if isinstance(annotation, type) and issubclass(annotation, Record):
        yield annotation
    for part in get_args(annotation):
        yield from _records_in(part)
