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
    index = DataIndex()
    if plan.path is not None:
        home, names = plan.path.parent, declared_files(plan)
        index = DataIndex(files=tuple(_copied(home, name, number, folder) for number, name in enumerate(names)))
    (folder / DATA_INDEX).write_bytes(canonical_json(index))
    return index


def _copied(home: Path, declared: str, number: int, folder: Path) -> DataFile:
    """Copy one declared file into the bundle. Raises RunError (RUN_DATA_GONE)."""
    source = home / declared
    if not source.is_file():
        cause = f"The data file '{declared}' was not there when the result was written."
        raise RunError(Fault("RUN_DATA_GONE", cause, "Do not move data while a run is going on.", Place(declared)))
    target = folder / DATA_FOLDER / f"{number:02d}-{source.name}"
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)
    return DataFile(declared=declared, copy_path=target.relative_to(folder).as_posix(), sha256=file_digest(target))


def restore(index: DataIndex, bundle: Path, room: Path) -> Path:
    """Lay the copies out below ``room`` so that the declared relative paths hold; returns the plan's folder there.

    The plan's folder lies deeper than any declared path climbs, so none leaves ``room``. Raises ValueError for an
    absolute path or one with a drive, OSError for a path that cannot be a file there (only a forged index has one).
    """
    depth = max((PurePosixPath(f.declared.replace("\\", "/")).parts.count("..") for f in index.files), default=0)
    home = room.joinpath(*(["plan"] * (depth + 1)))
    home.mkdir(parents=True)
    for file in index.files:
        if PureWindowsPath(file.declared).anchor:  # a drive, or a slash of either kind in front
            message = f"the plan names its data by an absolute path: {file.declared}"
            raise ValueError(message)
        target = (home / file.declared).resolve()
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(bundle / file.copy_path, target)
    return home
