"""What pydantic found wrong, in plain words: one fault for each error, with the key path and a suggestion."""

from __future__ import annotations

import types
from collections.abc import Mapping
from typing import Annotated, TypedDict, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError

from evaltool.errors import Fault, Place, did_you_mean
from evaltool.reading.toml_lines import KeyPath, spelled
from evaltool.records.plan.evaluation_plan import EvaluationPlan

_EXPECTED: dict[str, tuple[str, str]] = {
    "string_type": ("must be text", 'Write the value in quotes: "…".'),
    "int_type": ("must be a whole number", "Write a whole number without quotes and without a decimal point."),
    "bool_type": ("must be true or false", "Write true or false without quotes."),
    "date_type": ("must be a date", "Write the date without quotes, as 2025-01-31."),
    "date_from_datetime_inexact": ("must be a date without a time of day", "Write only the date, as 2025-01-31."),
    "tuple_type": ("must be a list", "Write a list: [ … ], or [[double brackets]] for a list of tables."),
    "dict_type": ("must be a table", "Write a table: [table] or { key = value }."),
    "model_type": ("must be a table", "Write a [table] with single brackets, or { key = value }."),
    "model_attributes_type": ("must be a table", "Write a [table] with single brackets, or { key = value }."),
    "is_instance_of": ("must be a decimal number", "Write a number without quotes, with a decimal point."),
    "decimal_type": ("must be a decimal number", "Write a number without quotes, with a decimal point."),
    "string_too_short": ("must not be empty", "Write at least one character."),
    "too_short": ("must not be empty", "Add at least one element."),
}


class _Item(TypedDict, total=False):
    """The part of a pydantic error that is used here."""

    type: str
    loc: tuple[int | str, ...]
    msg: str
    input: object
    ctx: Mapping[str, object]


def faults_of(error: ValidationError, prefix: KeyPath = ()) -> list[Fault]:
    """Every error as a fault, in the order of the document's keys; union branches of one value are told once.

    ``prefix`` is the path of the table that was validated.
    """
    faults: dict[str, Fault] = {}
    found = error.errors(include_url=False)
    for raw in found:
        if raw["type"] == "too_short" and any(_inside_of(other["loc"], raw["loc"]) for other in found):
            continue  # pydantic counts the valid elements only; the invalid ones are told by themselves
        item = _Item(type=raw["type"], loc=raw["loc"], msg=raw["msg"], input=raw.get("input"), ctx=raw.get("ctx", {}))
        path, model, free = _place((*prefix, *item["loc"]))
        fault = _free_value(item, path) if free else _fault(item, path, model)
        faults.setdefault(f"{fault.code} {spelled(path)}", fault)
    return list(faults.values())


def _inside_of(inner: KeyPath, outer: KeyPath) -> bool:
    """Whether ``inner`` is a path below ``outer``."""
    return len(inner) > len(outer) and inner[: len(outer)] == outer


def _fault(item: _Item, path: KeyPath, model: type[BaseModel] | None) -> Fault:
    """One error as a fault."""
    kind, place = item["type"], Place(key=spelled(path))
    name = str(path[-1]) if path else "the plan"
    if kind == "extra_forbidden":
        return _unknown(name, place, _keys(model))
    if kind == "missing":
        return _missing(path, place)
    if name == "fee_contingent":
        return Fault(
            code="PLAN_CONTINGENT_FEE",
            cause="The evaluator's fee may not depend on the result: evaltool does not serve an evaluator who gains "
            "from the answer.",
            fix="Agree on a fee that is paid whatever the result is, and write fee_contingent = false or leave it out.",
            place=place,
        )
    if kind == "literal_error":
        return _not_allowed(item, name, place)
    cause, fix = _EXPECTED.get(kind, ("", ""))
    if not cause:
        cause, fix = _measured(item)
    return Fault(code="PLAN_BAD_VALUE", cause=f"'{name}' {cause}{_shown(item)}.", fix=fix, place=place)


def _free_value(item: _Item, path: KeyPath) -> Fault:
    """A value inside a free-form table (options, terms) that no option can have."""
    return Fault(
        code="PLAN_BAD_VALUE",
        cause=f"'{path[-1]}' cannot be used as an option{_shown(item)}.",
        fix="Write a number, text, true, false, a date, a list or a table.",
        place=Place(key=spelled(path)),
    )


def _unknown(name: str, place: Place, known: list[str]) -> Fault:
    """A key the table does not have."""
    return Fault(
        code="PLAN_UNKNOWN_KEY",
        cause=f"'{name}' is not a key of this table.",
        fix=f"Remove it, or use one of: {', '.join(known)}.",
        place=place,
        suggestion=did_you_mean(name, known),
    )


def _missing(path: KeyPath, place: Place) -> Fault:
    """A key or table that must be there."""
    table = spelled(path[:-1])
    whole = len(path) == 1 and path[0] != "schema"
    where = f"the table [{table}]" if table else "the plan"
    return Fault(
        code="PLAN_MISSING_KEY",
        cause=f"The plan has no [{path[-1]}]." if whole else f"'{path[-1]}' is not stated in {where}.",
        fix=f"Add the table [{path[-1]}]." if whole else f"Add '{path[-1]} = …' to {where}.",
        place=place,
    )


def _not_allowed(item: _Item, name: str, place: Place) -> Fault:
    """A value outside a fixed list."""
    expected = str(item["ctx"].get("expected", ""))
    choices = [part.strip("' ") for part in expected.replace(" or ", ", ").split(", ")]
    value = item.get("input")
    return Fault(
        code="PLAN_NOT_ALLOWED",
        cause=f"'{value}' is not allowed for '{name}'.",
        fix=f"Use one of: {', '.join(choices)}.",
        place=place,
        suggestion=did_you_mean(value, choices) if isinstance(value, str) else None,
    )


def _measured(item: _Item) -> tuple[str, str]:
    """Cause and fix for limits and patterns, whose numbers stand in the error's context."""
    kind, limits = item["type"], item["ctx"]
    if kind == "string_pattern_mismatch":
        return "has the wrong form", f"It must match the pattern {limits.get('pattern')}."
    bounds = {
        "greater_than": ("gt", "greater than"),
        "greater_than_equal": ("ge", "at least"),
        "less_than": ("lt", "less than"),
        "less_than_equal": ("le", "at most"),
        "string_too_long": ("max_length", "no longer than"),
    }
    if kind in bounds:
        key, words = bounds[kind]
        return f"must be {words} {limits.get(key)}", "Correct the value."
    message = item["msg"].removeprefix("Value error, ")
    return f"is not valid: {message}", "Correct the value."


def _shown(item: _Item) -> str:
    """The value that was found, when it is short enough to read."""
    value = item.get("input")
    if isinstance(value, Mapping | tuple):
        return ", not a table" if isinstance(value, Mapping) else ", not a list"
    text = str(value)
    return f", not '{text}'" if value is not None and 0 < len(text) <= 60 else ""  # noqa: PLR2004 - one line of text


def _keys(model: type[BaseModel] | None) -> list[str]:
    """The keys a table may have, as they are written in the plan."""
    return [] if model is None else [info.alias or name for name, info in model.model_fields.items()]


def _place(location: KeyPath) -> tuple[KeyPath, type[BaseModel] | None, bool]:
    """Key path, model of the table the last key stands in, and whether that table is free-form.

    Pydantic's names of union branches at the end of a location are left out.
    """
    path: list[str | int] = []
    model: type[BaseModel] | None = EvaluationPlan
    table: object = EvaluationPlan
    for part in location:
        if get_origin(table) is dict:
            return (*path, part), None, True
        inside = _inside(table, part)
        model = table if isinstance(table, type) and issubclass(table, BaseModel) else None
        if inside is None and model is None:
            break
        path.append(part)
        table = inside
    return tuple(path), model, False


def _inside(table: object, part: str | int) -> object:
    """The type of ``part`` in ``table``: a field of a model, an element of a tuple, a value of a dictionary."""
    if isinstance(table, type) and issubclass(table, BaseModel):
        for name, info in table.model_fields.items():
            if part in {name, info.alias}:
                return _bare(info.annotation)
        return None
    if get_origin(table) is tuple and isinstance(part, int):
        return _bare(get_args(table)[0])
    return None


def _bare(annotation: object) -> object:
    """The type without Annotated and without None."""
    while get_origin(annotation) is Annotated:
        annotation = get_args(annotation)[0]
    if get_origin(annotation) in {Union, types.UnionType}:
        left = [part for part in get_args(annotation) if part is not type(None)]
        return _bare(left[0]) if len(left) == 1 else annotation
    return annotation
