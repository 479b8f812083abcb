"""Copies of the plan's data files in ``evidence/data/``, so that a bundle can be recomputed on its own.

``evidence/`` stays in the secure environment. The index maps each path the plan declares to its copy; copies are
numbered, so that no declared path, however odd, decides where a file is written.
"""

from __future__ import annotations

import shutil
from pathlib import Path, PurePosixPath, PureWindowsPath

from evaltool.bundle.layout import DATA_FOLDER, DATA_INDEX
from evaltool.bundle.manifest import Digest, file_digest
from evaltool.errors import Fault, Place, RunError
from evaltool.records.base import Record, canonical_json
from evaltool.records.plan.evaluation_plan import EvaluationPlan


class DataFile(Record):
    """One file the plan reads."""

    declared: str
    """Its path as the plan writes it, relative to the plan's folder."""
    copy_path: str
    """Its copy, relative to the bundle."""
    sha256: Digest


class DataIndex(Record):
    """Every data file of the plan, in the plan's order; empty when the plan reads none."""

    files: tuple[DataFile, ...] = ()


def declared_files(plan: EvaluationPlan) -> tuple[str, ...]:
    """The data files a plan names, relative to its folder."""
    if plan.data.source == "none":
        return ()
    named = [*([plan.data.path] if plan.data.path else []), *plan.data.files.values()]
    return tuple(dict.fromkeys(named))


def copy_data(plan: EvaluationPlan, folder: Path) -> DataIndex:
    """Copy the plan's data files into the bundle and write the index. Without a plan file nothing can be copied.

    Raises RunError (RUN_DATA_GONE) when a declared file is not there any more.
    """
    found: list[DataFile] = []
    for number, declared in enumerate(declared_files(plan) if plan.path is not None else ()):
        source = Path(plan.path).parent / declared if plan.path else Path(declared)
        if not source.is_file():
            cause = f"The data file '{declared}' was not there when the result was written."
            raise RunError(Fault("RUN_DATA_GONE", cause, "Do not move data while a run is going on.", Place(declared)))
        target = folder / DATA_FOLDER / f"{number:02d}-{source.name}"
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)
        copied = target.relative_to(folder).as_posix()
        found.append(DataFile(declared=declared, copy_path=copied, sha256=file_digest(target)))
    index = DataIndex(files=tuple(found))
    (folder / DATA_INDEX).write_bytes(canonical_json(index))
    return index


def restore(index: DataIndex, bundle: Path, room: Path) -> Path:
    """Lay the copies out below ``room`` so that the declared relative paths hold; returns the plan's folder there.

    Raises ValueError for a declared path that cannot be laid out below ``room`` (absolute, or with a drive).
    """
    depth = max((PurePosixPath(f.declared.replace("\\", "/")).parts.count("..") for f in index.files), default=0)
    home = room.joinpath(*(["plan"] * (depth + 1)))
    home.mkdir(parents=True)
    inside = room.resolve()
    for file in index.files:
        if PureWindowsPath(file.declared).drive or PurePosixPath(file.declared).is_absolute():
            message = f"the plan names its data by an absolute path: {file.declared}"
            raise ValueError(message)
        target = (home / file.declared).resolve()
        if not target.is_relative_to(inside):
            message = f"the data path leaves the bundle: {file.declared}"
            raise ValueError(message)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(bundle / file.copy_path, target)
    return home
