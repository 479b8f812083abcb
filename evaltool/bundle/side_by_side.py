"""Two finished runs side by side: what changed in plan, data, numbers and decision."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from evaltool.bundle import layout
from evaltool.bundle.compare import Verdict, compare, differences
from evaltool.bundle.exchange import recover
from evaltool.bundle.members import Members, open_members
from evaltool.bundle.store import RUN_LIMIT, read_run
from evaltool.errors import Fault, Place, VerificationError
from evaltool.planning.changes import Change, changes
from evaltool.records.base import Json, Record
from evaltool.records.run import Run

Group = Literal["plan", "data", "numbers", "decision"]
GROUPS: tuple[Group, ...] = ("plan", "data", "numbers", "decision")
PLACES: Mapping[str, Group] = {
    "programme": "plan",
    "plan": "plan",
    "disclosure": "plan",
    "seed": "plan",
    "data": "data",
    "left_out": "data",
    "decision": "decision",
    "as_of": "decision",
    "sign_offs": "decision",
    "deviations": "decision",
    "variations": "decision",
}
"""Where each part of a determination belongs; all the rest are numbers."""
BESIDE: tuple[tuple[Group, str], ...] = (
    ("plan", "plan.seal"),
    ("plan", "plan.lock"),
    ("data", "data.fingerprint"),
    ("data", "data.rows"),
    ("data", "data.units"),
    ("numbers", "estimate.method"),
    ("numbers", "estimate.att"),
    ("numbers", "estimate.se"),
    ("numbers", "estimate.interval.lower"),
    ("numbers", "estimate.interval.upper"),
    ("numbers", "estimate.n_treated"),
    ("numbers", "estimate.n_comparison"),
    ("decision", "as_of"),
    ("decision", "decision.state"),
    ("decision", "decision.amount"),
    ("decision", "decision.currency"),
    ("decision", "decision.flags"),
    ("decision", "decision.reasons"),
)
"""What is shown of both runs even where they agree."""


class Row(Record):
    """One value in both runs."""

    group: Group
    path: str
    old: Json
    new: Json

    @property
    def same(self) -> bool:
        """Whether the runs agree."""
        return self.old == self.new


class SideBySide(Record):
    """Two runs: their manifests, the verdict on their determinations, what is always shown, and every difference."""

    old_manifest: str
    new_manifest: str
    verdict: Verdict
    beside: tuple[Row, ...]
    differences: tuple[Row, ...]


def side_by_side(old: Path, new: Path) -> tuple[SideBySide, tuple[Change, ...]]:
    """Both bundles, folder or zip, and what their plans state differently.

    Reads the records; it does not verify them (``verify``). Raises VerificationError when one is no bundle.
    """
    (first, before), (second, after) = _opened(old), _opened(new)
    left, right = (json.loads(body) for body in (first.determination, second.determination))
    whole = SideBySide(
        old_manifest=first.manifest,
        new_manifest=second.manifest,
        verdict=compare(first.determination, second.determination).verdict,
        beside=tuple(Row(group=group, path=path, old=_at(left, path), new=_at(right, path)) for group, path in BESIDE),
        differences=tuple(
            Row(group=_group(found.path), path=found.path, old=found.old, new=found.new)
            for found in differences(left, right)
        ),
    )
    return whole, changes(before.plan, after.plan)


class _Records(Record):
    """What is read of one bundle besides its run."""

    manifest: str
    determination: bytes


def _opened(path: Path) -> tuple[_Records, Run]:
    """Manifest hash, determination and run of a bundle. Raises VerificationError."""
    if path.suffix != ".zip":
        recover(path)
    with open_members(path) as members:
        run = read_run(members)
        manifest = hashlib.sha256(_member(members, layout.MANIFEST)).hexdigest()
        return _Records(manifest=manifest, determination=_member(members, layout.DETERMINATION)), run


def _member(members: Members, name: str) -> bytes:
    """One file of a bundle. Raises VerificationError (VERIFY_MISSING)."""
    if name not in members.names():
        fix = "Restore the bundle from where it was first kept, or run the evaluation again."
        raise VerificationError(Fault("VERIFY_MISSING", "The file is missing.", fix, Place(file=name)))
    return members.read(name, RUN_LIMIT)


def _group(path: str) -> Group:
    """Where a difference belongs."""
    return PLACES.get(re.split(r"[.\[]", path, maxsplit=1)[0], "numbers")


def _at(value: Json, path: str) -> Json:
    """The value at a dotted path; None where there is none."""
    for name in path.split("."):
        value = value.get(name) if isinstance(value, dict) else None
    return value
