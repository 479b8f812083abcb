"""Does a bundle still say what it said? Every byte, every seal, and on request every number again.

What this finds without a signature: any file changed, missing or added since the manifest was written; a manifest
that is not in its canonical form; records that contradict each other (plan and seal, lock and seal, run and
determination, README and crate, data index and data). What it cannot find: someone who recomputes everything,
records and manifest alike, from another plan or other data (a rerun finds it when only some of it was recomputed);
nor someone who redraws the pages in ``release/`` by hand and writes the manifest anew, since pages are checked by
their hash alone. Against both, keep the manifest's sha256 where the bundle's holder cannot write.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from pydantic import ValidationError

from evaltool import __version__
from evaltool.bundle import layout
from evaltool.bundle.compare import Comparison, compare
from evaltool.bundle.data_copy import DataIndex, restore
from evaltool.bundle.describe import crate_bytes, readme_bytes
from evaltool.bundle.determination import determination_bytes, determination_of
from evaltool.bundle.exchange import recover
from evaltool.bundle.manifest import Manifest
from evaltool.bundle.members import Members, open_members
from evaltool.bundle.pinned import Order, run_pinned
from evaltool.bundle.sign_off import judged_determination, sign_off_faults
from evaltool.bundle.store import MADE_IN_PYTHON, RUN_LIMIT, environment_bytes, read_run
from evaltool.errors import EvaltoolError, Fault, Place, VerificationError
from evaltool.reading.design_lock import read_design_lock
from evaltool.reading.lock_file import lock_status
from evaltool.reading.plan_file import read_plan
from evaltool.records.base import Record, canonical_json
from evaltool.records.run import Run

MANIFEST_LIMIT = 16 << 20
PLAN_FILES = {layout.PLAN: "plan.toml", layout.LOCK: "plan.lock", layout.DESIGN_LOCK: "plan.design.lock"}
"""Where plan and locks stand in a bundle, and their names beside each other."""
RESTORE = "Restore the bundle from where it was first kept, or run the evaluation again."


class Verification(Record):
    """A bundle that stood every check; ``rerun`` is there when it was asked for."""

    manifest: str
    """sha256 of the manifest: the identity of the run."""
    files: int
    state: str
    amount: str
    currency: str
    rerun: Comparison | None = None


def verify(bundle: str | Path, *, rerun: bool = False, progress: Callable[[str], None] | None = None) -> Verification:
    """Check a bundle, folder or zip; with ``rerun`` also compute it again from its own plan and data.

    Raises VerificationError with every changed, missing and extra file at once (VERIFY_CHANGED, VERIFY_MISSING,
    VERIFY_EXTRA), then with every contradiction between records (VERIFY_SEAL), then, for a rerun, VERIFY_NO_DATA,
    VERIFY_RERUN_FAILED or VERIFY_DIFFERENT naming the first number that differs.
    """
    path = Path(bundle)
    if path.suffix != ".zip":
        recover(path)
    with open_members(path) as members:
        manifest = _checked_manifest(members)
        _raise(list(_byte_faults(members, manifest)))
        run = read_run(members)
        _raise(list(_record_faults(members, manifest, run)))
        identity = hashlib.sha256(members.read(layout.MANIFEST, MANIFEST_LIMIT)).hexdigest()
        again = _rerun(members, run, progress) if rerun else None
    return Verification(
        manifest=identity,
        files=len(manifest.files) + 1,
        state=run.decision.state,
        amount=str(run.decision.amount),
        currency=run.decision.currency,
        rerun=again,
    )


def _raise(faults: list[Fault]) -> None:
    """Raise VerificationError when there is any fault."""
    if faults:
        raise VerificationError(faults)


def _checked_manifest(members: Members) -> Manifest:
    """The manifest, in its one canonical form. Raises VerificationError."""
    place = Place(file=layout.MANIFEST)
    if layout.MANIFEST not in members.names():
        cause = "There is no manifest, so this is not a finished result of evaltool."
        raise VerificationError(
            Fault("VERIFY_NOT_A_BUNDLE", cause, "Name the folder given to --out, or its zip.", place)
        )
    try:
        body = members.read(layout.MANIFEST, MANIFEST_LIMIT)
        manifest = Manifest.model_validate_json(body, strict=True)
    except (ValidationError, ValueError):
        cause = "The manifest is not one this version can read."
        raise VerificationError(Fault("VERIFY_CHANGED", cause, RESTORE, place)) from None
    if canonical_json(manifest) != body:
        cause = "The manifest was changed: it is not written as evaltool writes it."
        raise VerificationError(Fault("VERIFY_CHANGED", cause, RESTORE, place))
    return manifest


def _byte_faults(members: Members, manifest: Manifest) -> Iterator[Fault]:
    """Every file that is missing, changed or not listed."""
    present = set(members.names()) - {layout.MANIFEST}
    for name in sorted({*manifest.files, *layout.REQUIRED} - present):
        yield Fault("VERIFY_MISSING", "The file is missing.", RESTORE, Place(file=name))
    for name in sorted(present - set(manifest.files)):
        cause = "The file is not in the manifest: it was added afterwards, or the manifest was changed."
        yield Fault("VERIFY_EXTRA", cause, "Keep notes outside the bundle, or restore it.", Place(file=name))
    for name, why in members.strays():
        yield Fault("VERIFY_EXTRA", f"{why} No result of evaltool has that.", RESTORE, Place(file=name))
    for name, entry in sorted(manifest.files.items()):
        if name in present and (members.size(name) != entry.size or members.digest(name) != entry.sha256):
            cause = "The file's content is not what the manifest says."
            yield Fault("VERIFY_CHANGED", cause, RESTORE, Place(file=name))


def _record_faults(members: Members, manifest: Manifest, run: Run) -> Iterator[Fault]:
    """Every contradiction between the records: what a rewritten manifest cannot hide."""
    for name in _contradicting(members, run):
        cause = f"The file contradicts {layout.RUN}."
        yield Fault("VERIFY_SEAL", cause, RESTORE, Place(file=name))
    if run.plan.seal != run.plan_seal:
        cause = "The plan inside is not the one whose seal stands beside it."
        yield Fault("VERIFY_SEAL", cause, RESTORE, Place(file=layout.RUN))
    if run.lock.in_force not in {None, run.plan_seal}:
        yield Fault("VERIFY_SEAL", "The lock seals another plan.", RESTORE, Place(file=layout.RUN))
    yield from _plan_faults(members, run)
    yield from sign_off_faults(members, manifest, run)
    for file in read_index(members).files:
        entry = manifest.files.get(file.copy_path)
        if entry is None or entry.sha256 != file.sha256:
            cause = "The copy of the data is not the file that was read."
            yield Fault("VERIFY_SEAL", cause, RESTORE, Place(file=file.copy_path))


def _contradicting(members: Members, run: Run) -> list[str]:
    """The files that are written from the run and do not follow from it.

    The version that wrote a bundle writes every one of them again, byte for byte. Another version words and arranges
    them in its own way, so it compares what the determination says and leaves the rest to the manifest.
    """
    if run.versions.get("evaltool") != __version__:
        return [] if _says_the_same(members, run) else [layout.DETERMINATION]
    own = {layout.README, layout.CRATE, layout.MANIFEST}
    listed = [name for name in members.names() if name not in own]
    expected = {
        layout.RUN: canonical_json(run),
        layout.DETERMINATION: determination_bytes(run),
        layout.LEDGER: canonical_json(run.ledger),
        layout.ENVIRONMENT: environment_bytes(run),
        layout.README: readme_bytes(run, listed),
        layout.CRATE: crate_bytes(run, listed),
    }
    return [name for name, body in expected.items() if members.read(name, RUN_LIMIT) != body]


def _says_the_same(members: Members, run: Run) -> bool:
    """Whether the determination states the run's decision, arithmetic, plan and data."""
    old, new = json.loads(members.read(layout.DETERMINATION, RUN_LIMIT)), determination_of(run)
    return all(old.get(name) == new[name] for name in ("decision", "plan", "data", "as_of", "second_opinion"))


def _plan_faults(members: Members, run: Run) -> Iterator[Fault]:
    """Whether the plan's file (and its lock) give the plan of the run."""
    if members.read(layout.PLAN, RUN_LIMIT) == MADE_IN_PYTHON:
        return
    with tempfile.TemporaryDirectory() as room:
        _copy_plan(members, Path(room))
        try:
            plan = read_plan(Path(room) / layout.PLAN)
            lock = lock_status(plan)
            design = read_design_lock(plan)
        except EvaltoolError as error:
            cause = f"The plan or a lock of it cannot be read back: {error.faults[0].cause}"
            yield Fault("VERIFY_SEAL", cause, RESTORE, Place(file=layout.PLAN))
            return
    if plan.seal != run.plan_seal:
        cause = "The plan's file is not the plan that was evaluated."
        yield Fault("VERIFY_SEAL", cause, RESTORE, Place(file=layout.PLAN))
    if (lock.state, lock.seal, lock.variations) != (run.lock.state, run.lock.seal, run.lock.variations):
        cause = "The lock, or a variation, is not the one the run was made under."
        yield Fault("VERIFY_SEAL", cause, RESTORE, Place(file=layout.LOCK))

    sealed = None if design is None else design.seal
    if sealed != run.lock.design_seal or (design is not None and design.design.summary.seal != run.design.seal):
        cause = "The design lock is not the one the run was made under."
        yield Fault("VERIFY_SEAL", cause, RESTORE, Place(file=layout.DESIGN_LOCK))


def _copy_plan(members: Members, folder: Path) -> None:
    """Plan and locks, as they stood beside each other, into ``folder``."""
    there = dict(PLAN_FILES) | {name: name for name in members.names() if layout.VARIATION.fullmatch(name)}
    for name, target in there.items():
        if name in members.names():
            members.copy_to(name, folder / target)


def read_index(members: Members) -> DataIndex:
    """Which data file stands where. Raises VerificationError."""
    try:
        return DataIndex.model_validate_json(members.read(layout.DATA_INDEX, MANIFEST_LIMIT), strict=True)
    except (ValidationError, ValueError):
        cause = "The index of the data files cannot be read."
        raise VerificationError(Fault("VERIFY_SEAL", cause, RESTORE, Place(file=layout.DATA_INDEX))) from None


def _rerun(members: Members, run: Run, progress: Callable[[str], None] | None) -> Comparison:
    """Compute the bundle again in the pinned child process and compare the determinations.

    Raises VerificationError unless the new determination is identical or within tolerance.
    """
    index = read_index(members)
    if run.data is not None and not index.files:
        cause = "The bundle holds no copy of its data, so it cannot be computed again from itself."
        fix = "Run the evaluation again from its plan and compare."
        raise VerificationError(Fault("VERIFY_NO_DATA", cause, fix, Place(file=layout.DATA_INDEX)))
    with tempfile.TemporaryDirectory() as room:
        work = Path(room) / "work"
        work.mkdir()
        plan = _laid_out(members, index, Path(room))
        try:
            run_pinned(Order(plan=plan, folder=work, as_of=run.as_of, again=True), progress)
        except EvaltoolError as error:
            causes = "; ".join(f"{f.code}: {f.cause}" for f in error.faults)
            cause = f"The bundle's own plan and data can no longer be evaluated: {causes}"
            fix = "Use the versions named in the bundle's README."
            raise VerificationError(Fault("VERIFY_RERUN_FAILED", cause, fix)) from None
        new = (work / layout.DETERMINATION).read_bytes()
    found = compare(judged_determination(members, run), new)
    if found.verdict == "DIFFERENT" and found.first is not None:
        first = found.first
        cause = (
            f"DIFFERENT: {found.differences} values differ; first {first.path}: was {first.old!r}, is {first.new!r}."
        )
        fix = "Compare the versions in the bundle's README with those installed; if they agree, doubt the bundle."
        raise VerificationError(Fault("VERIFY_DIFFERENT", cause, fix, Place(file=layout.DETERMINATION, key=first.path)))
    return found


def _laid_out(members: Members, index: DataIndex, room: Path) -> Path:
    """Plan, lock and data below ``room`` as they stood when they were read; returns the plan's path."""
    copies = room / "copies"
    for file in index.files:
        target = copies / file.copy_path
        target.parent.mkdir(parents=True, exist_ok=True)
        members.copy_to(file.copy_path, target)
    try:
        home = restore(index, copies, room / "home")
    except (ValueError, OSError) as error:
        cause = f"The data cannot be laid out as the plan names them: {error}."
        fix = "Run the evaluation again from its plan and compare."
        raise VerificationError(Fault("VERIFY_NO_DATA", cause, fix, Place(file=layout.DATA_INDEX))) from None
    _copy_plan(members, home)
    return home / layout.PLAN
