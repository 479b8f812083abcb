"""Plan options become a plug-in's own strict model, with every fault placed."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import TypeVar

from pydantic import ValidationError

from evaltool.errors import Fault, Place, PlanError, did_you_mean
from evaltool.records.base import Record, beyond, plain
from evaltool.records.plan.analysis import Option

T = TypeVar("T", bound=Record)


def parse_options(model: type[T], options: Mapping[str, Option], key: str) -> T:
    """The options as ``model``; ``key`` is the plan table they stand in, for the message.

    Raises PlanError with every unknown, missing or malformed option.
    """
    try:
        parsed = model.model_validate_json(json.dumps(plain(options)), strict=True)
    except ValidationError as error:
        known = list(model.model_fields)
        raise PlanError(
            [_fault(str(item["type"]), item["loc"], item["msg"], key, known) for item in error.errors()]
        ) from None
    if faults := [_beyond(path, reason) for path, reason in _out_of_reach(parsed, key)]:
        raise PlanError(faults)
    return parsed


def _out_of_reach(value: object, key: str) -> Iterator[tuple[str, str]]:
    """Key path and reason of every number no contract states."""
    if isinstance(value, Decimal):
        reason = beyond(value)
        if reason is not None:
            yield key, reason
    elif isinstance(value, Record):
        for name, info in type(value).model_fields.items():
            yield from _out_of_reach(getattr(value, name), f"{key}.{info.alias or name}")
    elif isinstance(value, Mapping):
        for name, item in value.items():
            yield from _out_of_reach(item, f"{key}.{name}")
    elif isinstance(value, tuple):
        for number, item in enumerate(value):
            yield from _out_of_reach(item, f"{key}[{number}]")


def _beyond(path: str, reason: str) -> Fault:
    """A number out of reach, at its place."""
    cause = f"No contract states such a number: {reason}."
    return Fault("PLAN_BAD_OPTION", cause, "Write the number as people would read it.", Place(key=path))


def _fault(kind: str, location: tuple[int | str, ...], message: str, key: str, known: list[str]) -> Fault:
    """One pydantic error as a fault with its place in the plan."""
    path = key + "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location)
    if kind == "extra_forbidden":
        name = str(location[-1])
        return Fault(
            code="PLAN_UNKNOWN_OPTION",
            cause=f"'{name}' is not an option here.",
            fix=f"Known options: {', '.join(known) or 'none'}.",
            place=Place(key=path),
            suggestion=did_you_mean(name, known) if len(location) == 1 else None,
        )
    if kind == "missing":
        return Fault(
            code="PLAN_MISSING_OPTION",
            cause=f"'{location[-1]}' is not stated.",
            fix=f"Add it to {key}.",
            place=Place(key=path),
        )
    return Fault(
        code="PLAN_BAD_OPTION",
        cause=message.removeprefix("Value error, "),
        fix="Correct the value.",
        place=Place(key=path),
    )
