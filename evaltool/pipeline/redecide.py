"""The decision again from a finished run's own records, with the judgements people have recorded since."""

from __future__ import annotations

from collections.abc import Collection

from evaltool.errors import Fault, Place, RunError
from evaltool.pipeline.checks import Surroundings
from evaltool.pipeline.corridor import decide_on
from evaltool.pipeline.estimates import estimate_keys
from evaltool.records.decision import Decision
from evaltool.records.evidence import FEASIBLE
from evaltool.records.run import Run


def redecided(run: Run, signed_off: Collection[str]) -> Decision:
    """The run's decision when the reviews of these gates are signed off. Nothing is estimated again."""
    known = {estimate.key: estimate for estimate in run.estimates}
    beside = sorted((key for key in known if key.specification.startswith(FEASIBLE)), key=str)
    return decide_on(
        run.plan,
        Surroundings(as_of=run.as_of, lock=run.lock, profile=run.profile),
        run.gates,
        {key: known[key] for key in (*estimate_keys(run.plan), *beside) if key in known},
        signed_off=frozenset(signed_off),
        known=run.covariances,
    )


def unsigned(run: Run) -> Run:
    """The run as it was before anybody signed anything."""
    return run.model_copy(update={"sign_offs": (), "decision": redecided(run, ())}) if run.sign_offs else run


def refuse_unrepeatable(run: Run) -> None:
    """Raise RunError (RUN_DECISION_DIFFERS) when this version does not decide as the version that made the run did."""
    if redecided(run, [act.gate for act in run.sign_offs]) == run.decision:
        return
    cause = "The run's own records lead this version of evaltool to another decision than the one stored."
    fix = f"Use the version that made the run: evaltool {run.versions.get('evaltool', 'unknown')}."
    raise RunError(Fault("RUN_DECISION_DIFFERS", cause, fix, Place(file="evidence/run.json", key="decision")))
