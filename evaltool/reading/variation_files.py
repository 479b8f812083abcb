"""``plan.variation-1.toml``, ``-2``, …: the signed changes beside a locked plan, read, checked and applied in order."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path

from pydantic import ValidationError

from evaltool.errors import Fault, Place, SealError
from evaltool.reading.lock_file import place_new
from evaltool.reading.toml_values import NoSuchPlaceError, key_path, toml_text, toml_value, value_at, with_value
from evaltool.records.base import tuples
from evaltool.records.plan.evaluation_plan import EvaluationPlan
from evaltool.records.variation import Variation

MAX_BYTES = 1_000_000
"""A variation larger than this is none."""
RESTORE = "Restore the records as they were written; a further change is a further record, made by `evaltool vary`."
HEAD = (
    "# A variation of {plan}: a signed record, never edited. A further change is a further record (`evaltool vary`).\n"
)


def variation_path(plan: Path, number: int) -> Path:
    """Where the ``number``-th variation of the plan at ``plan`` stands."""
    return plan.with_name(f"{plan.stem}.variation-{number}.toml")


def variation_paths(plan: Path) -> tuple[Path, ...]:
    """Everything beside the plan that is called a variation of it, in the order of the names' numbers."""
    lead = f"{plan.stem}.variation-"
    try:
        found = [p for p in plan.parent.iterdir() if p.name.startswith(lead) and p.suffix == ".toml"]
    except OSError:
        return ()
    return tuple(sorted(found, key=lambda p: (_number(p, lead) or 0, p.name)))


def read_variations(plan: Path) -> tuple[Variation, ...]:
    """The chain beside the plan: numbered 1, 2, … without a gap, every record with its own seal.

    Raises SealError with every fault: SEAL_VARIATION_NAME, SEAL_VARIATION_MISSING, SEAL_VARIATION_UNREADABLE,
    SEAL_VARIATION_CHANGED, SEAL_VARIATION_ORDER.
    """
    faults: list[Fault] = []
    chain: list[Variation] = []
    for place, path in enumerate(variation_paths(plan), start=1):
        number = _number(path, f"{plan.stem}.variation-")
        if number is None or variation_path(plan, number).name != path.name:
            faults.append(_fault("SEAL_VARIATION_NAME", "The number in the file's name is not one.", path))
            continue
        if number != place and not faults:
            missing = variation_path(plan, place)
            faults.append(_fault("SEAL_VARIATION_MISSING", f"There is a variation {number} and no {place}.", missing))
        try:
            chain.append(_read(path))
        except SealError as error:
            faults.extend(error.faults)
    if faults:
        raise SealError(faults)
    for before, record in zip((None, *chain), chain, strict=False):
        path = variation_path(plan, (0 if before is None else before.number) + 1)
        if record.number != (0 if before is None else before.number) + 1:
            cause = f"The record in this file is number {record.number}."
            faults.append(_fault("SEAL_VARIATION_ORDER", cause, path))
        elif before is not None and record.previous != before.seal:
            cause = f"It follows a record with seal {record.previous}, and the one before it has {before.seal}."
            faults.append(_fault("SEAL_VARIATION_ORDER", cause, path))
    if faults:
        raise SealError(faults)
    return tuple(chain)


def _read(path: Path) -> Variation:
    """One record. Raises SealError: SEAL_VARIATION_UNREADABLE, SEAL_VARIATION_CHANGED."""
    try:
        if path.stat().st_size > MAX_BYTES:
            raise SealError(_fault("SEAL_VARIATION_UNREADABLE", "The file is too large to be a variation.", path))
        document = tomllib.loads(path.read_bytes().decode("utf-8"), parse_float=Decimal)
        record = Variation.model_validate(tuples(document))
    except OSError as error:
        cause = f"The variation cannot be read: {error.strerror or type(error).__name__}."
        raise SealError(_fault("SEAL_VARIATION_UNREADABLE", cause, path)) from error
    except (ValidationError, ValueError, RecursionError) as error:
        cause = f"The file does not hold what a variation holds: {str(error).splitlines()[0]}."
        raise SealError(_fault("SEAL_VARIATION_UNREADABLE", cause, path)) from error
    if record.own_seal != record.seal:
        cause = "The record was changed after it was signed: its content does not have the seal it carries."
        raise SealError(_fault("SEAL_VARIATION_CHANGED", cause, path))
    return record


def apply_one(document: Mapping[str, object], record: Variation, path: Path) -> dict[str, object]:
    """The document with the record's changes. Raises SealError (SEAL_VARIATION_VALUE) where the plan says otherwise."""
    whole = dict(document)
    for change in record.change:
        try:
            where = key_path(change.key, whole)
            found = value_at(whole, where)
            stated = None if found is None else toml_text(found)
            if stated != change.old:
                cause = f"It changes {change.key} from {change.old}, and the plan before it states {stated}."
                raise SealError(_fault("SEAL_VARIATION_VALUE", cause, path))
            whole = with_value(whole, where, None if change.new is None else toml_value(change.new))
        except (NoSuchPlaceError, ValueError, TypeError) as error:
            cause = f"{change.key} cannot be changed: {error}."
            raise SealError(_fault("SEAL_VARIATION_VALUE", cause, path)) from error
    return whole


def varied(plan: EvaluationPlan, document: Mapping[str, object], file: Path) -> EvaluationPlan:
    """The plan in force: the plan of the file with every variation beside it, in order. The same plan without any.

    Raises SealError as ``read_variations`` and ``apply_one``, SEAL_VARIATION_BASE when the first record varies another
    plan, and SEAL_VARIATION_RESULT when a record does not lead to the plan it names.
    """
    chain = read_variations(file)
    base = plan
    for record in chain:
        path = variation_path(file, record.number)
        if record.varies != plan.seal or record.plan != plan.programme.id:
            cause = f"It varies a plan with seal {record.varies}; the plan it would change has {plan.seal}."
            raise SealError(_fault("SEAL_VARIATION_BASE", cause, path))
        if record.number == 1 and record.previous != base.seal:
            cause = f"It follows a lock with seal {record.previous}; the plan has {base.seal}."
            raise SealError(_fault("SEAL_VARIATION_BASE", cause, path))
        document = apply_one(document, record, path)
        try:
            plan = EvaluationPlan.model_validate(tuples(document))
        except ValidationError as error:
            cause = f"It leads to no plan: {str(error).splitlines()[0]}."
            raise SealError(_fault("SEAL_VARIATION_RESULT", cause, path)) from None
        if plan.seal != record.result:
            cause = f"It leads to a plan with seal {plan.seal}, and names {record.result}."
            raise SealError(_fault("SEAL_VARIATION_RESULT", cause, path))
    return plan.read_from(file).varied_by(base, chain) if chain else plan


def varied_document(document: Mapping[str, object], file: Path) -> dict[str, object]:
    """The document of the plan in force. Raises SealError as ``varied``."""
    whole = dict(document)
    for record in read_variations(file):
        whole = apply_one(whole, record, variation_path(file, record.number))
    return whole


def write_variation(plan: Path, record: Variation) -> Path:
    """Write the record beside the plan, whole or not at all; never replaces a file.

    Raises SealError: SEAL_VARIATION_EXISTS, SEAL_NOT_WRITTEN.
    """
    path = variation_path(plan, record.number)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        part.write_text(variation_text(record, plan.name), encoding="utf-8", newline="\n")
        place_new(part, path)
    except FileExistsError:
        cause = "Another variation of this number was written in the meantime."
        fix = "Read what it says, then agree on a further variation."
        raise SealError(Fault("SEAL_VARIATION_EXISTS", cause, fix, Place(file=path.name))) from None
    except OSError as error:
        cause = f"The variation cannot be written: {error.strerror or type(error).__name__}."
        fix = "Make the plan's folder writable."
        raise SealError(Fault("SEAL_NOT_WRITTEN", cause, fix, Place(file=path.name))) from error
    finally:
        part.unlink(missing_ok=True)
    return path


def variation_text(record: Variation, plan: str) -> str:
    """The record as its file holds it."""
    lines = [HEAD.format(plan=plan)]
    tables = ""
    for name in Variation.model_fields:
        value: object = getattr(record, name)
        if name == "change":
            for change in record.change:
                tables += "\n[[change]]\n"
                stated = (("key", change.key), ("old", change.old), ("new", change.new))
                tables += "".join(f"{key} = {_quoted(text)}\n" for key, text in stated if text is not None)
        elif value is not None:
            lines.append(f"{name} = {toml_text(value)}\n")
    return "".join(lines) + tables


def _quoted(text: str) -> str:
    """A text as TOML writes it, literally where that can be read more easily."""
    literal = '"' in text and "'" not in text and text.isprintable()
    return f"'{text}'" if literal else toml_text(text)


def _number(path: Path, lead: str) -> int | None:
    """The number in a variation's name, or None."""
    found = re.fullmatch(r"[1-9][0-9]{0,2}", path.name.removeprefix(lead).removesuffix(".toml"))
    return int(found.group(0)) if found else None


def _fault(code: str, cause: str, path: Path) -> Fault:
    """A chain that does not hold."""
    return Fault(code, cause, RESTORE, Place(file=path.name))
