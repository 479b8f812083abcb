"""A TOML file becomes an ``EvaluationPlan``, or a list of everything that is wrong with it."""

from __future__ import annotations

import codecs
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import replace
from decimal import Decimal, InvalidOperation
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from evaltool.errors import Fault, Place, PlanError, SealError
from evaltool.reading.plan_rules import broken_rules
from evaltool.reading.plan_words import faults_of
from evaltool.reading.toml_lines import KeyPath, index_lines, line_of, spelled
from evaltool.reading.variation_files import varied
from evaltool.records.base import tuples
from evaltool.records.plan.evaluation_plan import EvaluationPlan

MAX_BYTES = 1_000_000
"""A plan larger than this is not a plan."""


def read_plan(path: Path | str) -> EvaluationPlan:
    """The plan in the TOML file at ``path``, with every variation beside it; it remembers its path.

    Raises PlanError with every fault found: unreadable file, syntax, unknown and missing keys, wrong values and
    contradictions between tables, each with its line; SealError when the plan is in order and its variations are not.
    """
    plan, faults = plan_faults(path)
    if plan is None or faults:
        raise (SealError if plan is None and _only_seals(faults) else PlanError)(faults)
    return plan


def _only_seals(faults: Iterable[Fault]) -> bool:
    """Whether all that is wrong is what was sealed."""
    return all(fault.code.startswith("SEAL_") for fault in faults)


def plan_faults(path: Path | str) -> tuple[EvaluationPlan | None, tuple[Fault, ...]]:
    """The plan, or None when a table does not obey its model, and every fault found, in the order of the file."""
    file = Path(path)
    text, fault = _text(file)
    if text is None:
        return None, (fault,)
    try:
        document = tomllib.loads(text, parse_float=_decimal)
    except tomllib.TOMLDecodeError as error:
        return None, (_syntax(str(error), file.name),)
    except (RecursionError, ValueError) as error:
        return None, (_syntax(f"{type(error).__name__}: the document cannot be read", file.name),)
    index = index_lines(text)
    plan, faults = document_faults(document, file)
    if plan is None or faults:
        return plan, place_faults(faults, index, file.name)
    try:
        plan = varied(plan, document, file)
    except SealError as error:
        return None, error.faults
    faults = broken_rules(plan, set(EvaluationPlan.model_fields)) if plan.variations else []
    return plan, place_faults(faults, index, file.name)


def document_faults(document: dict[str, object], file: Path) -> tuple[EvaluationPlan | None, list[Fault]]:
    """The plan a TOML document states, or None, and every fault found; no variation is applied, no line is known."""
    faults = _not_finite(document)
    told = {fault.place.key for fault in faults}
    tables, more = _tables(document)
    faults += [fault for fault in more if fault.place.key not in told]
    plan: EvaluationPlan | None = None
    if not faults:
        plan = EvaluationPlan.model_validate(tuples(document)).read_from(file)
    partial = plan
    if partial is None:  # valid tables only; rules look at no other
        partial = EvaluationPlan.model_construct(None, **tables)  # type: ignore[arg-type]  # not every table is there
    return plan, faults + broken_rules(partial, set(tables))


def place_faults(faults: Iterable[Fault], index: Mapping[KeyPath, int], file: str) -> tuple[Fault, ...]:
    """The same faults with the file and, from each fault's key path, the line; sorted by line.

    A key that is not in the document is placed at the nearest table around it.
    """
    placed = [
        replace(
            fault,
            place=replace(
                fault.place,
                file=fault.place.file or file,
                line=fault.place.line or (line_of(index, fault.place.key) if fault.place.key else None),
            ),
        )
        for fault in faults
    ]
    return tuple(sorted(placed, key=lambda fault: fault.place.line or 0))


def plan_document(path: Path) -> dict[str, object]:
    """The TOML document at ``path``, decimals exact. Raises PlanError as ``read_plan``."""
    text, fault = _text(path)
    if text is None:
        raise PlanError(fault)
    try:
        return tomllib.loads(text, parse_float=_decimal)
    except tomllib.TOMLDecodeError as error:
        raise PlanError(_syntax(str(error), path.name)) from None


def plan_lines(path: Path | str) -> Mapping[KeyPath, int]:
    """Key path → line of the plan at ``path``, for ``place_faults``; empty when the file is not valid TOML."""
    text, _ = _text(Path(path))
    if text is None:
        return {}
    try:
        tomllib.loads(text, parse_float=_decimal)
    except (tomllib.TOMLDecodeError, RecursionError, ValueError):
        return {}
    return index_lines(text)


def _text(file: Path) -> tuple[str | None, Fault]:
    """The file's text, or None and the reason there is none."""
    place = Place(file=file.name)
    reason = Fault(code="PLAN_UNREADABLE", cause="", fix="", place=place)
    try:
        size = file.stat().st_size
        content = file.read_bytes() if size <= MAX_BYTES else b""
    except OSError as error:
        cause = f"The plan cannot be read: {error.strerror or type(error).__name__}."
        return None, replace(reason, cause=cause, fix="Check the path; a plan is a TOML file.")
    if size > MAX_BYTES:
        cause = f"The file holds {size:,} bytes; a plan holds at most {MAX_BYTES:,}."
        return None, replace(reason, code="PLAN_TOO_LARGE", cause=cause, fix="Give the path of the plan, not of data.")
    try:
        return content.removeprefix(codecs.BOM_UTF8).decode("utf-8"), reason
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        return None, Fault(
            code="PLAN_ENCODING",
            cause=f"The plan is not UTF-8: byte 0x{error.object[error.start]:02x} does not belong there.",
            fix="Save the plan as UTF-8.",
            place=replace(place, line=line),
        )


def _decimal(text: str) -> Decimal:
    """A TOML float as an exact decimal."""
    try:
        return Decimal(text)
    except InvalidOperation as error:
        message = f"'{text}' is not a decimal number"
        raise ValueError(message) from error


def _syntax(message: str, file: str) -> Fault:
    """The one fault of a document that is not TOML."""
    found = re.search(r"\(at line (\d+), column (\d+)\)", message)
    cause = message[: found.start()].strip() if found else message
    return Fault(
        code="PLAN_SYNTAX",
        cause=f"The plan is not valid TOML: {cause}" + (f" (column {found.group(2)})." if found else "."),
        fix="Correct the line; further faults can only be found when the file is valid TOML.",
        place=Place(file=file, line=int(found.group(1)) if found else None),
    )


def _tables(document: dict[str, object]) -> tuple[dict[str, object], list[Fault]]:
    """The tables that obey their models, by field name, and the faults of the others."""
    faults: list[Fault] = []
    try:
        whole = EvaluationPlan.model_validate(tuples(document))
    except ValidationError as error:
        faults = faults_of(error)
    else:
        return {name: getattr(whole, name) for name in EvaluationPlan.model_fields}, []
    tables: dict[str, object] = {}
    for name, info in EvaluationPlan.model_fields.items():
        key = info.alias or name
        if key not in document:
            if not info.is_required():
                tables[name] = info.get_default(call_default_factory=True)
            continue
        try:
            tables[name] = TypeAdapter[object](info.rebuild_annotation()).validate_python(
                tuples(document[key]), strict=True
            )
        except ValidationError:
            continue
    return tables, faults


def _not_finite(value: object, path: KeyPath = ()) -> list[Fault]:
    """TOML can write nan and inf; a plan cannot mean them. Times of day are refused for the same reason."""
    if isinstance(value, dict):
        return [fault for key, item in value.items() for fault in _not_finite(item, (*path, key))]
    if isinstance(value, list):
        return [fault for number, item in enumerate(value) for fault in _not_finite(item, (*path, number))]
    if isinstance(value, Decimal) and not value.is_finite():
        return [
            Fault(
                code="PLAN_NOT_FINITE",
                cause=f"'{path[-1]}' is {value}; a plan states finite numbers only.",
                fix="Write a number, or leave the key out.",
                place=Place(key=spelled(path)),
            )
        ]
    return []
