"""Sign-offs in a bundle: one file for each act, the run as it was judged, and the decision taken again.

``sign_offs/run.manifest.json`` and ``sign_offs/run.determination.json`` are the manifest and the machine record as
they were before the first act, byte for byte; every act names the sha256 of both. So the hash printed when the run
ended stays checkable, and an act cannot be moved to a run with another result.
"""

from __future__ import annotations

import hashlib
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from pydantic import ValidationError

from evaltool import __version__
from evaltool.bundle import layout
from evaltool.bundle.determination import determination_bytes, determination_of, refuse_unit_ids
from evaltool.bundle.manifest import Manifest, file_digest
from evaltool.bundle.members import Members
from evaltool.bundle.store import RUN_LIMIT, open_run
from evaltool.errors import Fault, Place, UsageError, VerificationError, did_you_mean
from evaltool.pipeline.redecide import redecided, refuse_unrepeatable, unsigned
from evaltool.records.base import canonical_json
from evaltool.records.gate import GateResult
from evaltool.records.run import Run
from evaltool.records.sign_off import SignOff

CPR_SHAPED = re.compile(r"(?<!\d)\d{6}[- ]?\d{4}(?!\d)")
RENEWED = frozenset({layout.RUN, layout.DETERMINATION, layout.README, layout.CRATE, layout.NOTEBOOK})
"""What a sign-off writes anew, besides the pages in ``release/``."""
RESTORE = "Restore the bundle from where it was first kept, or run the evaluation again and sign off anew."


@dataclass(frozen=True, slots=True)
class Act:
    """What a person declares."""

    gate: str
    by: str
    reason: str
    on: date


def sign(work: Path, act: Act) -> Run:
    """Record the act in a work folder that holds a verified bundle, and decide again; returns the run as it is now.

    The caller draws the reports and seals the folder. Raises UsageError (USAGE_UNKNOWN_GATE, USAGE_NOT_A_REVIEW,
    USAGE_ALREADY_SIGNED, USAGE_SIGN_OFF_EMPTY, USAGE_SIGN_OFF_CPR) and RunError (RUN_DECISION_DIFFERS).
    """
    run = open_run(work)
    gate = _gate(run, act.gate)
    _refuse_words(act)
    refuse_unrepeatable(run)
    if not run.sign_offs:
        (work / layout.SIGN_OFFS).mkdir()
        shutil.copyfile(work / layout.MANIFEST, work / layout.SIGNED_MANIFEST)
        shutil.copyfile(work / layout.DETERMINATION, work / layout.SIGNED_DETERMINATION)
    signed = SignOff(
        gate=gate.name,
        by=_one_line(act.by),
        reason=_one_line(act.reason),
        on=act.on,
        verdict=gate.verdict,
        code=gate.reason,
        run=file_digest(work / layout.SIGNED_MANIFEST),
        determination=file_digest(work / layout.SIGNED_DETERMINATION),
    )
    acts = (*run.sign_offs, signed)
    now = run.model_copy(update={"sign_offs": acts, "decision": redecided(run, [a.gate for a in acts])})
    refuse_unit_ids(determination_of(now), {name for entry in run.ledger.entries for name in entry.members})
    (work / act_name(len(acts), signed)).write_bytes(canonical_json(signed))
    (work / layout.RUN).write_bytes(canonical_json(now))
    (work / layout.DETERMINATION).write_bytes(determination_bytes(now))
    return now


def act_name(number: int, act: SignOff) -> str:
    """The file of the ``number``-th act, counting from 1."""
    return f"{layout.SIGN_OFFS}/{number:02d}-{act.gate}.json"


def _gate(run: Run, name: str) -> GateResult:
    """The check of that name, if it asks for a judgement nobody has given. Raises UsageError."""
    place = Place(key="--gate")
    asking = [gate.name for gate in run.gates if gate.asks_for_review]
    open_ones = [gate for gate in asking if gate not in {act.gate for act in run.sign_offs}]
    listed = f"Waiting for a judgement: {', '.join(open_ones)}." if open_ones else "No check waits for a judgement."
    found = next((gate for gate in run.gates if gate.name == name), None)
    if found is None:
        near = did_you_mean(name, [gate.name for gate in run.gates])
        raise UsageError(Fault("USAGE_UNKNOWN_GATE", f"The run has no check called '{name}'.", listed, place, near))
    if name not in asking:
        cause = f"'{name}' answered {found.verdict} (consequence {found.consequence}): it asks for no judgement."
        raise UsageError(Fault("USAGE_NOT_A_REVIEW", cause, listed, place))
    if name not in open_ones:
        cause = f"'{name}' has been signed off already, and an act is never replaced."
        raise UsageError(Fault("USAGE_ALREADY_SIGNED", cause, listed, place))
    return found


def _one_line(text: str) -> str:
    """Text on one line without control characters."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def _refuse_words(act: Act) -> None:
    """Refuse an act without name or reason, too long ones, and CPR numbers. Raises UsageError with every fault."""
    faults = []
    for key, text, most in (("--by", act.by, 200), ("--reason", act.reason, 4000)):
        said = _one_line(text)
        if not said or len(said) > most:
            cause = "It is empty." if not said else f"It is longer than {most} characters."
            fix = "Say who judged, and why, in words that will be printed in the notice."
            faults.append(
                Fault("USAGE_SIGN_OFF_EMPTY" if not said else "USAGE_SIGN_OFF_LONG", cause, fix, Place(key=key))
            )
        if CPR_SHAPED.search(said):
            cause = "It holds something shaped like a CPR number, and it would be printed in the notice."
            faults.append(Fault("USAGE_SIGN_OFF_CPR", cause, "Leave people's numbers out.", Place(key=key)))
    if faults:
        raise UsageError(faults)


def sign_off_faults(members: Members, manifest: Manifest, run: Run) -> Iterator[Fault]:
    """Everything about a bundle's sign-offs that does not belong together."""
    expected = {act_name(n, act): canonical_json(act) for n, act in enumerate(run.sign_offs, start=1)}
    kept = {layout.SIGNED_MANIFEST, layout.SIGNED_DETERMINATION} if run.sign_offs else set()
    present = {name for name in members.names() if name.startswith(f"{layout.SIGN_OFFS}/")}
    for name in sorted(present ^ {*expected, *kept}):
        yield _fault("There is a sign-off that the run does not know, or one it knows is missing.", name)
    for name in sorted(present & set(expected)):
        if members.read(name, RUN_LIMIT) != expected[name]:
            yield _fault("The act is not the one the run holds.", name)
    if not run.sign_offs or not kept <= present:
        return
    yield from _judged_faults(members, manifest, run)
    gates = {gate.name: gate for gate in run.gates if gate.asks_for_review}
    names = [act.gate for act in run.sign_offs]
    for act in run.sign_offs:
        gate = gates.get(act.gate)
        if gate is None or (gate.verdict, gate.reason) != (act.verdict, act.code) or names.count(act.gate) > 1:
            yield _fault(f"'{act.gate}' was signed off, but asks for no judgement or was signed twice.", layout.RUN)
    if run.versions.get("evaltool") == __version__ and redecided(run, names) != run.decision:
        yield _fault("The decision is not the one that run and sign-offs lead to.", layout.RUN)


def _judged_faults(members: Members, manifest: Manifest, run: Run) -> Iterator[Fault]:
    """Whether the acts belong to the run as it was judged, and whether this bundle is that run."""
    sealed, record = (members.read(n, RUN_LIMIT) for n in (layout.SIGNED_MANIFEST, layout.SIGNED_DETERMINATION))
    run_hash, record_hash = (hashlib.sha256(body).hexdigest() for body in (sealed, record))
    if any((act.run, act.determination) != (run_hash, record_hash) for act in run.sign_offs):
        yield _fault("An act was signed for another run.", layout.SIGN_OFFS)
    try:
        judged = Manifest.model_validate_json(sealed, strict=True).files
    except (ValidationError, ValueError):
        yield _fault("The manifest of the run as it was judged cannot be read.", layout.SIGNED_MANIFEST)
        return
    entry = judged.get(layout.DETERMINATION)
    if entry is None or entry.sha256 != record_hash:
        yield _fault("The machine record is not the one that was judged.", layout.SIGNED_DETERMINATION)
    for name in sorted(set(judged) - RENEWED):
        now = manifest.files.get(name)
        if not name.startswith(f"{layout.RELEASE}/") and (now is None or now.sha256 != judged[name].sha256):
            yield _fault("The file is not the one of the run that was judged.", name)
    if run.versions.get("evaltool") != __version__:
        return
    before = unsigned(run)
    bodies = {layout.RUN: canonical_json(before), layout.DETERMINATION: determination_bytes(before)}
    for name, body in bodies.items():
        if name not in judged or hashlib.sha256(body).hexdigest() != judged[name].sha256:
            yield _fault("The run without its sign-offs is not the run that was judged.", name)


def judged_determination(members: Members, run: Run) -> bytes:
    """The machine record as computed: before sign-offs, when there are any."""
    return members.read(layout.SIGNED_DETERMINATION if run.sign_offs else layout.DETERMINATION, RUN_LIMIT)


def refuse_zip(folder: Path) -> None:
    """A sign-off renews a folder. Raises VerificationError as ``verify`` for what is no bundle at all."""
    if not folder.is_dir():
        cause = "A sign-off is recorded in the folder of a finished run."
        raise VerificationError(
            Fault(
                "VERIFY_NOT_A_BUNDLE", cause, "Name the folder given to --out; unpack a zip first.", Place(str(folder))
            )
        )


def _fault(cause: str, name: str) -> Fault:
    """A sign-off that does not stand."""
    return Fault("VERIFY_SIGN_OFF", cause, RESTORE, Place(file=name))
