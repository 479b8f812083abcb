"""``[[payment.previous]]``: the earlier runs a plan names, opened and held against what the plan says of them.

Only what such a run may release is read: its manifest, the files of ``release/`` the manifest lists, and, to see which
runs it names itself, its plan. Nothing is unpacked.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import tomllib
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Protocol

from evaltool.errors import Fault, Place, PlanError
from evaltool.records.plan.evaluation_plan import EvaluationPlan
from evaltool.records.plan.payment import Previous

MANIFEST, RECORD, PLAN, RELEASE = "manifest.json", "release/determination.json", "plan.toml", "release/"
"""Where these stand in every bundle."""
LIMIT = 64 << 20
"""Bytes of one file of an earlier run that are read."""
BROKEN = (KeyError, OSError, zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError)
"""What reading a damaged, encrypted or incomplete zip raises."""
RESTORE = "Restore the run that was paid on; if another run was meant, state its manifest."


class NoFileError(LookupError):
    """An earlier run lacks a file, or it cannot be read; ``str`` says which and why."""


class _Files(Protocol):
    """The files of an earlier run."""

    def read(self, name: str) -> bytes:
        """A file's bytes. Raises NoFileError."""
        ...


@dataclass(frozen=True, slots=True)
class _Folder:
    """A run that is a folder."""

    root: Path

    def read(self, name: str) -> bytes:
        """A file's bytes; links are not followed. Raises NoFileError."""
        path = self.root / name
        try:
            if path.is_symlink() or not path.is_file() or path.stat().st_size > LIMIT:
                raise NoFileError(name)
            return path.read_bytes()
        except OSError as error:
            raise NoFileError(name) from error


@dataclass(frozen=True, slots=True, eq=False)
class _Zip:
    """A run that is a zip, with or without one folder around it."""

    archive: zipfile.ZipFile
    lead: str

    def read(self, name: str) -> bytes:
        """A member's bytes. Raises NoFileError."""
        try:
            with self.archive.open(f"{self.lead}{name}") as stream:
                body = stream.read(LIMIT + 1)
        except BROKEN as error:
            raise NoFileError(name) from error
        if len(body) > LIMIT:
            raise NoFileError(name)
        return body


def check_previous(plan: EvaluationPlan) -> None:
    """Hold every earlier run with a ``path`` against the plan; those without one are taken as stated.

    Nothing is checked for a plan without a file. Raises PlanError with every fault: PLAN_PREVIOUS_MISSING,
    PLAN_PREVIOUS_CHANGED, PLAN_PREVIOUS_OTHER_PROGRAMME, PLAN_PREVIOUS_CURRENCY, PLAN_PREVIOUS_AMOUNT,
    PLAN_PREVIOUS_CIRCLE.
    """
    if faults := previous_faults(plan):
        raise PlanError(faults)


def previous_faults(plan: EvaluationPlan) -> tuple[Fault, ...]:
    """See ``check_previous``."""
    if plan.path is None:
        return ()
    faults: list[Fault] = []
    names: dict[str, tuple[str, ...]] = {}
    for number, paid in enumerate(plan.payment.previous):
        if paid.path is None:
            continue
        key = f"payment.previous[{number}]"
        try:
            with _opened(plan.path.parent / paid.path) as files:
                found = _faults_of(plan, paid, files, key)
                names[paid.manifest] = _named_by(files) if not found else ()
        except NoFileError as error:
            cause = f"There is no finished run at '{paid.path}': {error} is missing or cannot be read."
            fix = "Put the folder or zip of that run there; the path is relative to the plan's folder."
            found = [_fault("PLAN_PREVIOUS_MISSING", cause, fix, f"{key}.path")]
        faults += found
    return (*faults, *_circles(plan, names))


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[_Files]:
    """The files of the run at ``path``. Raises NoFileError when there is neither folder nor readable zip."""
    if path.is_dir():
        yield _Folder(path)
        return
    try:
        archive = zipfile.ZipFile(path)
    except (OSError, zipfile.BadZipFile) as error:
        raise NoFileError(MANIFEST) from error
    with archive:
        tops = {name.split("/", 1)[0] for name in archive.namelist()}
        wrapped = len(tops) == 1 and MANIFEST not in tops
        yield _Zip(archive, f"{tops.pop()}/" if wrapped else "")


def _faults_of(plan: EvaluationPlan, paid: Previous, files: _Files, key: str) -> list[Fault]:
    """What of one earlier run is not as the plan says. Raises NoFileError without manifest or record."""
    body = files.read(MANIFEST)
    actual = hashlib.sha256(body).hexdigest()
    if actual != paid.manifest:
        cause = f"The run at '{paid.path}' has the manifest {actual}, the plan names {paid.manifest}."
        return [_fault("PLAN_PREVIOUS_CHANGED", cause, RESTORE, f"{key}.manifest")]
    changed = _changed(files, body)
    if changed:
        cause = f"Files of the earlier run are not what its manifest says: {', '.join(changed)}."
        return [_fault("PLAN_PREVIOUS_CHANGED", cause, RESTORE, f"{key}.path")]
    return _said_otherwise(plan, paid, _table(files.read(RECORD)), key)


def _changed(files: _Files, manifest: bytes) -> list[str]:
    """The files of ``release/`` that are gone or changed; the manifest itself, or the record, where they are none."""
    listed = _table(manifest).get("files")
    if not isinstance(listed, dict) or RECORD not in listed:
        return [MANIFEST if not isinstance(listed, dict) else RECORD]
    found: list[str] = []
    for name, entry in sorted(listed.items()):
        if not name.startswith(RELEASE):
            continue
        try:
            digest = hashlib.sha256(files.read(name)).hexdigest()
        except NoFileError:
            digest = ""
        if not isinstance(entry, dict) or digest != entry.get("sha256"):
            found.append(name)
    return found


def _said_otherwise(plan: EvaluationPlan, paid: Previous, record: Mapping[str, object], key: str) -> list[Fault]:
    """Programme, currency and amount of the earlier run against the plan."""
    programme, decision = (_part(record, name) for name in ("programme", "decision"))
    faults: list[Fault] = []
    if programme.get("id") != plan.programme.id:
        cause = f"The earlier run is of the programme '{programme.get('id')}', this plan of '{plan.programme.id}'."
        fix = "Name a run of this programme: what another one paid is not deducted here."
        faults.append(_fault("PLAN_PREVIOUS_OTHER_PROGRAMME", cause, fix, f"{key}.path"))
    if decision.get("currency") != plan.programme.currency:
        cause = f"The earlier run paid in {decision.get('currency')}, this plan pays in {plan.programme.currency}."
        fix = "Agree in one currency: no rate of exchange is applied."
        faults.append(_fault("PLAN_PREVIOUS_CURRENCY", cause, fix, f"{key}.amount"))
    amount = _decimal(decision.get("amount"))
    if amount != paid.amount:
        cause = f"The earlier run decided {decision.get('amount')}, the plan states {paid.amount}."
        fix = f'Write amount = "{decision.get("amount")}", the amount that run decided.'
        faults.append(_fault("PLAN_PREVIOUS_AMOUNT", cause, fix, f"{key}.amount"))
    return faults


def _named_by(files: _Files) -> tuple[str, ...]:
    """Manifests of the earlier runs that an earlier run's own plan names; none when its plan cannot be read."""
    try:
        payment = _part(tomllib.loads(files.read(PLAN).decode("utf-8")), "payment")
    except (NoFileError, ValueError):
        return ()
    previous = payment.get("previous")
    entries = previous if isinstance(previous, list) else []
    return tuple(str(entry.get("manifest")) for entry in entries if isinstance(entry, dict))


def _circles(plan: EvaluationPlan, names: Mapping[str, tuple[str, ...]]) -> list[Fault]:
    """Earlier runs that lead back to themselves: of two runs one came first, whatever their records say."""
    faults: list[Fault] = []
    for number, paid in enumerate(plan.payment.previous):
        seen: set[str] = set()
        waiting = list(names.get(paid.manifest, ()))
        while waiting:
            found = waiting.pop()
            if found not in seen:
                seen.add(found)
                waiting += names.get(found, ())
        if paid.manifest in seen:
            cause = f"The earlier run {paid.manifest[:12]}… names runs that name it: none of them came first."
            fix = "Name the runs in the order in which they paid, each with the runs before it only."
            faults.append(_fault("PLAN_PREVIOUS_CIRCLE", cause, fix, f"payment.previous[{number}]"))
    return faults


def _table(body: bytes) -> Mapping[str, object]:
    """A JSON object; an empty one for anything else."""
    try:
        found: object = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _part(table: Mapping[str, object], name: str) -> Mapping[str, object]:
    """A table within a table; an empty one where there is none."""
    found = table.get(name)
    return found if isinstance(found, dict) else {}


def _decimal(value: object) -> Decimal | None:
    """Decimal text as a number; None for anything else."""
    try:
        return Decimal(value) if isinstance(value, str) else None
    except ArithmeticError:
        return None


def _fault(code: str, cause: str, fix: str, key: str) -> Fault:
    """One fault at its key."""
    return Fault(code, cause, fix, Place(key=key))
