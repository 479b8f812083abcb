"""``plan.lock``: the plan's seal, written once beside the plan. It holds no clock and no path."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError

from evaltool.errors import Fault, Place, SealError
from evaltool.records.base import Record, Slug, Text, canonical_json
from evaltool.records.lock import LockStatus
from evaltool.records.plan.evaluation_plan import EvaluationPlan

MAX_BYTES = 100_000
"""A lock larger than this is not a lock."""


class Lock(Record):
    """What stands in the file."""

    schema_version: Literal[1] = 1
    plan: Slug
    """``[programme] id``."""
    version: Text
    seal: str = Field(pattern=r"^[0-9a-f]{64}$")
    """sha256 of the plan's canonical JSON: comments and layout of the TOML file are free to change."""


def lock_path(plan: EvaluationPlan) -> Path:
    """Where the plan's lock stands: beside the plan, same stem. Raises SealError when the plan has no file."""
    if plan.path is None:
        raise SealError(
            Fault(
                code="SEAL_NO_FILE",
                cause="This plan was not read from a file, so it has no place for a lock.",
                fix="Write the plan to a TOML file and read it with read_plan.",
            )
        )
    return plan.path.with_suffix(".lock")


def lock_status(plan: EvaluationPlan) -> LockStatus:
    """Whether the plan was sealed, and the variations since.

    Raises SealError when the lock is unreadable or seals another plan than the one in the file.
    """
    if plan.path is None or not lock_path(plan).exists():
        return LockStatus(state="never_locked", variations=plan.variations)
    path = lock_path(plan)
    lock = _read(path)
    agreed = plan.base
    if lock.seal != agreed.seal:
        raise SealError(
            Fault(
                code="SEAL_PLAN_CHANGED",
                cause=f"The plan was changed after it was locked: the lock holds seal {lock.seal} "
                f"({lock.plan}, version {lock.version}), the plan has seal {agreed.seal} "
                f"({agreed.programme.id}, version {agreed.programme.version}).",
                fix="Restore the agreed plan. If the parties agreed on a change, record it with `evaltool vary`; or "
                "give the plan a new version, keep the old plan and its lock together, and lock the new one.",
                place=Place(file=path.name),
            )
        )
    if (lock.plan, lock.version) != (agreed.programme.id, agreed.programme.version):
        raise SealError(_unreadable(path, "its seal and the plan it names do not belong together"))
    return LockStatus(state="locked", seal=lock.seal, variations=plan.variations)


def write_lock(plan: EvaluationPlan) -> Path:
    """Seal the plan beside its file; does nothing when the same seal is there already.

    The file appears whole or not at all, and an existing lock is never overwritten.
    Raises SealError when another seal is there, when the lock cannot be read, or when it cannot be written.
    """
    path = lock_path(plan)
    agreed = plan.base
    lock = Lock(plan=agreed.programme.id, version=agreed.programme.version, seal=agreed.seal)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        part.write_bytes(canonical_json(lock))
        try:
            place_new(part, path)
        except FileExistsError:
            _same_or_refused(path, agreed)
        finally:
            part.unlink(missing_ok=True)
    except OSError as error:
        raise SealError(
            Fault(
                code="SEAL_NOT_WRITTEN",
                cause=f"The lock cannot be written: {error.strerror or type(error).__name__}.",
                fix="Make the plan's folder writable.",
                place=Place(file=path.name),
            )
        ) from error
    return path


def place_new(part: Path, path: Path) -> None:
    """Give the finished file its name. Raises FileExistsError when something is there: a lock is never replaced."""
    try:
        os.link(part, path)  # unlike a rename, a link refuses to replace what is there
    except FileExistsError:
        raise
    except OSError:  # file systems without links: create the name exclusively, then write
        with path.open("xb") as file:
            file.write(part.read_bytes())


def _same_or_refused(path: Path, plan: EvaluationPlan) -> None:
    """Nothing when the lock there holds this plan's seal. Raises SealError otherwise."""
    found = _read(path).seal
    if found != plan.seal:
        raise SealError(
            Fault(
                code="SEAL_ALREADY_LOCKED",
                cause=f"There is a lock with another seal: it holds {found}, the plan has {plan.seal}.",
                fix="Restore the plan that was locked; or, if the parties agreed on a new version, move the old plan "
                "and its lock to a folder of their own first.",
                place=Place(file=path.name),
            )
        )


def _read(path: Path) -> Lock:
    """The lock at ``path``. Raises SealError (SEAL_LOCK_UNREADABLE)."""
    try:
        if path.stat().st_size > MAX_BYTES:
            raise SealError(_unreadable(path, "it is too large to be a lock"))
        return Lock.model_validate_json(json.dumps(json.loads(path.read_bytes())), strict=True)
    except OSError as error:
        raise SealError(_unreadable(path, error.strerror or type(error).__name__)) from error
    except (ValidationError, RecursionError) as error:
        raise SealError(_unreadable(path, "it does not hold what a lock holds")) from error
    except ValueError as error:
        raise SealError(_unreadable(path, "it is not JSON")) from error


def _unreadable(path: Path, why: str) -> Fault:
    """The fault of a lock that cannot be trusted."""
    return Fault(
        code="SEAL_LOCK_UNREADABLE",
        cause=f"The lock cannot be used: {why}.",
        fix="Restore the lock file as it was written; deleting it makes the plan count as never locked.",
        place=Place(file=path.name),
    )
