"""``plan.design.lock``: the sealed design, written once beside the plan.

It holds unit ids, so it belongs where the data are: in the secure environment, and never in ``release/``.
"""

from __future__ import annotations

import contextlib
import json
import os
from pathlib import Path

from pydantic import ValidationError

from evaltool.errors import Fault, Place, SealError
from evaltool.reading.lock_file import lock_path, place_new
from evaltool.records.base import canonical_json
from evaltool.records.design_lock import DesignLock
from evaltool.records.plan.evaluation_plan import EvaluationPlan
from evaltool.records.variation import DESIGN_TABLES

MAX_BYTES = 512 << 20
SUFFIX = ".design.lock"


def design_lock_path(plan: EvaluationPlan) -> Path:
    """Where the plan's design lock stands: beside the plan, same stem. Raises SealError without a plan file."""
    return lock_path(plan).with_suffix(SUFFIX)


def read_design_lock(plan: EvaluationPlan) -> DesignLock | None:
    """The sealed design beside the plan, or None.

    Raises SealError: SEAL_DESIGN_UNREADABLE, SEAL_DESIGN_EDITED (its content is not what was sealed),
    SEAL_DESIGN_OTHER_PLAN, SEAL_DESIGN_VARIED (a variation since changed what the design rests on).
    """
    path = design_lock_path(plan)
    if not path.exists():
        return None
    place = Place(file=path.name)
    try:
        if path.stat().st_size > MAX_BYTES:
            raise SealError(_unreadable(path, "it is too large to be a design lock"))
        body = path.read_bytes()
        lock = DesignLock.model_validate_json(json.dumps(json.loads(body)), strict=True)
    except OSError as error:
        raise SealError(_unreadable(path, error.strerror or type(error).__name__)) from error
    except (ValidationError, RecursionError) as error:
        raise SealError(_unreadable(path, "it does not hold what a design lock holds")) from error
    except ValueError as error:
        raise SealError(_unreadable(path, "it is not JSON")) from error
    if lock.own_seal != lock.seal:
        cause = "The locked design was changed by hand: its content does not have the seal it carries."
        fix = "Restore the design lock as it was written."
        raise SealError(Fault("SEAL_DESIGN_EDITED", cause, fix, place))
    _refuse_varied(lock, plan, place)
    if lock.plan_seal not in {plan.seal, *(record.varies for record in plan.variations)}:
        cause = f"The design was locked for another plan: it names seal {lock.plan_seal}, the plan has {plan.seal}."
        fix = "Restore the plan it was locked for; for a new agreed version, lock plan and design again."
        raise SealError(Fault("SEAL_DESIGN_OTHER_PLAN", cause, fix, place))
    return lock


def _refuse_varied(lock: DesignLock, plan: EvaluationPlan, place: Place) -> None:
    """A design that was locked before a variation stands only when the variation left its tables alone."""
    before = [record.varies for record in plan.variations]
    since = plan.variations[before.index(lock.plan_seal) :] if lock.plan_seal in before else ()
    touched = sorted({key.key for record in since for key in record.change if key.table in DESIGN_TABLES})
    if touched:
        cause = f"The design was locked before a variation that changes what it rests on: {', '.join(touched)}."
        fix = (
            "Move the design lock to a folder of its own and lock the design anew, without outcomes (`evaltool lock "
            "--design`); until then the payment cannot be decided."
        )
        raise SealError(Fault("SEAL_DESIGN_VARIED", cause, fix, place))


def write_design_lock(plan: EvaluationPlan, lock: DesignLock) -> Path:
    """Write the sealed design beside the plan; does nothing when the same seal is there already.

    The file appears whole or not at all and never replaces another. Raises SealError: SEAL_DESIGN_ALREADY_LOCKED,
    SEAL_NOT_WRITTEN, and as ``read_design_lock``.
    """
    path = design_lock_path(plan)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    found = read_design_lock(plan)
    if found is None:
        try:
            part.write_bytes(canonical_json(lock))
            with contextlib.suppress(FileExistsError):
                place_new(part, path)
        except OSError as error:
            cause = f"The design lock cannot be written: {error.strerror or type(error).__name__}."
            raise SealError(
                Fault("SEAL_NOT_WRITTEN", cause, "Make the plan's folder writable.", Place(file=path.name))
            ) from error
        finally:
            part.unlink(missing_ok=True)
        found = read_design_lock(plan)
    if found is None or found.seal != lock.seal:
        cause = "There is a locked design already, and what would be locked now is another one."
        fix = (
            "Keep the locked design: `run` uses it. If the parties agreed on a change, give the plan a new version and "
            "move the old plan and its locks to a folder of their own first."
        )
        raise SealError(Fault("SEAL_DESIGN_ALREADY_LOCKED", cause, fix, Place(file=path.name)))
    return path


def _unreadable(path: Path, why: str) -> Fault:
    """The fault of a design lock that cannot be trusted."""
    return Fault(
        code="SEAL_DESIGN_UNREADABLE",
        cause=f"The design lock cannot be used: {why}.",
        fix="Restore the file as it was written; without it the design counts as never locked.",
        place=Place(file=path.name),
    )
