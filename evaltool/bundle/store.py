"""A Run on disk. ``release/`` may leave the secure environment, ``evidence/`` may not.

``write_bundle`` and ``open_run`` are inverse: the run opened is the run written, to the last byte of its JSON.
"""

from __future__ import annotations

import csv
import io
import shutil
import zipfile
from pathlib import Path

import pandas as pd
from pydantic import ValidationError

from evaltool.bundle import layout
from evaltool.bundle.data_copy import copy_data
from evaltool.bundle.describe import crate_bytes, readme_bytes
from evaltool.bundle.determination import determination_bytes, determination_of, refuse_unit_ids
from evaltool.bundle.exchange import recover, written_beside
from evaltool.bundle.manifest import write_manifest
from evaltool.bundle.members import FolderMembers, Members, open_members
from evaltool.errors import Fault, Place, RunError, VerificationError
from evaltool.reading.design_lock import design_lock_path
from evaltool.reading.lock_file import lock_path
from evaltool.reading.variation_files import variation_path
from evaltool.records.base import canonical_json
from evaltool.records.run import Run

MADE_IN_PYTHON = b"# This plan was made in Python; its content stands in evidence/run.json.\n"
"""What stands in plan.toml when there was no plan file to copy."""
RUN_LIMIT = 256 << 20
"""Bytes of ``run.json`` that are read into memory."""


def write_bundle(run: Run, folder: str | Path, *, roster: pd.DataFrame | None = None, force: bool = False) -> str:
    """Write the whole bundle and put it in place in one step; returns the manifest's sha256.

    The plan's own file and data are copied when the plan was read from a file; a plan made in Python leaves a bundle
    that can be verified but not rerun. Raises UsageError as ``exchange.written_beside``, RunError, OSError.
    """
    with written_beside(Path(folder), force=force) as work:
        write_parts(run, work, roster=roster)
        return finish(run, work)


def write_parts(run: Run, work: Path, *, roster: pd.DataFrame | None = None) -> None:
    """Write plan, lock, data copies, determination and evidence into ``work``: everything before the reports."""
    ids = {name for entry in run.ledger.entries for name in entry.members}
    ids |= set() if roster is None else {str(unit) for unit in roster["unit"]}
    refuse_unit_ids(determination_of(run), ids)
    (work / layout.RELEASE).mkdir(exist_ok=True)  # no parents: a work folder cleared away stays away
    (work / layout.EVIDENCE).mkdir(exist_ok=True)
    _write_plan(run, work)
    (work / layout.DETERMINATION).write_bytes(determination_bytes(run))
    (work / layout.RUN).write_bytes(canonical_json(run))
    (work / layout.LEDGER).write_bytes(canonical_json(run.ledger))
    (work / layout.ENVIRONMENT).write_bytes(environment_bytes(run))
    copy_data(run.plan, work)
    if roster is not None:
        (work / layout.ROSTER).write_bytes(roster_bytes(roster))


def finish(run: Run, work: Path) -> str:
    """Write README, crate and manifest over what lies in ``work``; returns the manifest's sha256."""
    own = {layout.README, layout.CRATE, layout.MANIFEST}
    names = [n for n in FolderMembers(work).names() if n not in own]
    (work / layout.README).write_bytes(readme_bytes(run, names))
    (work / layout.CRATE).write_bytes(crate_bytes(run, names))
    return write_manifest(work)


def environment_bytes(run: Run) -> bytes:
    """Versions and numeric surroundings. They decide last bits, so they are evidence and no part of the decision."""
    return canonical_json({"versions": run.versions, "profile": run.profile.to_json()})


def roster_bytes(roster: pd.DataFrame) -> bytes:
    """Who took part, as CSV: unit, first treated period (empty = never), weight. Formula-like ids are kept as text."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(("unit", "first_treated", "weight"))
    for unit, start, weight in zip(roster["unit"], roster["first_treated"], roster["weight"], strict=True):
        name = str(unit)
        shown = f"'{name}" if name[:1] in {"=", "+", "-", "@", "\t", "\r"} and not name.lstrip("+-").isdigit() else name
        writer.writerow((shown, "" if start == float("inf") else repr(float(start)), repr(float(weight))))
    return stream.getvalue().encode()


def _write_plan(run: Run, work: Path) -> None:
    """Copy the plan's file and its locks byte for byte. Raises RunError when the file changed since it was read."""
    source = run.plan.path
    if source is None:
        (work / layout.PLAN).write_bytes(MADE_IN_PYTHON)
        return
    if not source.is_file():
        cause = "The plan's file was gone when the result was written."
        raise RunError(Fault("RUN_PLAN_GONE", cause, "Do not move the plan while a run is going on."))
    shutil.copyfile(source, work / layout.PLAN)
    if run.lock.state == "locked":
        shutil.copyfile(lock_path(run.plan), work / layout.LOCK)
    for record in run.lock.variations:
        shutil.copyfile(variation_path(source, record.number), variation_path(work / layout.PLAN, record.number))
    if run.lock.design == "locked":
        shutil.copyfile(design_lock_path(run.plan), work / layout.DESIGN_LOCK)


def open_run(bundle: str | Path) -> Run:
    """The run in a bundle (folder or zip), without verifying the rest of it.

    Raises VerificationError (VERIFY_NOT_A_BUNDLE, VERIFY_RECORD) when there is no readable run inside.
    """
    path = Path(bundle)
    if path.suffix != ".zip":
        recover(path)
    with open_members(path) as members:
        run = read_run(members)
    return run.model_copy(update={"plan": run.plan.read_from(path / layout.PLAN)}) if path.is_dir() else run


def read_run(members: Members) -> Run:
    """The run among a bundle's members. Raises VerificationError."""
    place = Place(file=layout.RUN)
    if layout.RUN not in members.names():
        cause = f"There is no {layout.RUN} inside, so this is not a result of evaltool."
        raise VerificationError(
            Fault("VERIFY_NOT_A_BUNDLE", cause, "Name the folder given to --out, or its zip.", place)
        )
    try:
        return Run.model_validate_json(members.read(layout.RUN, RUN_LIMIT), strict=True)
    except (ValidationError, ValueError) as error:
        cause = f"The run cannot be read: {str(error).splitlines()[0]}"
        fix = "The file was changed or was written by another version."
        raise VerificationError(Fault("VERIFY_RECORD", cause, fix, place)) from None


def zip_bundle(folder: Path, target: Path) -> None:
    """Pack a bundle into a zip with fixed times and order, so that the same bundle gives the same bytes."""
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in FolderMembers(folder).names():
            info = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
            info.compress_type = zipfile.ZIP_DEFLATED
            info.external_attr = 0o644 << 16
            archive.writestr(info, (folder / name).read_bytes())
