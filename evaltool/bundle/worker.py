"""The child's side of ``pinned``: one request on standard input, events as JSON lines on standard output."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import traceback
from datetime import date
from pathlib import Path
from typing import TextIO

from evaltool.bundle.pinned import current_settings, fault_as_json, unexpected
from evaltool.errors import EXIT_INTERRUPTED, EvaltoolError, PlanError, RunError


def main() -> int:
    """Carry out the request. Always 0 when something was reported; the parent reads the events."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent is interrupted too, and ends us
    events = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # whatever a library prints must not mix with the events
    request = json.loads(sys.stdin.readline())
    threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        if request["task"] == "lock_design":
            lock_design_of(request, events)
        else:
            evaluate_into(request, events)
    except EvaltoolError as error:
        faults = [fault_as_json(fault) for fault in error.faults]
        _send(events, {"event": "error", "family": error.family, "faults": faults})
    except Exception as error:  # noqa: BLE001 - the last place where a message can be made of it
        traceback.print_exc()
        _send(events, {"event": "error", "family": RunError.family, "faults": [fault_as_json(unexpected(error))]})
    return 0


def _end_with_parent() -> None:
    """Wait for the end of standard input, which comes when the parent ends; then end at once."""
    sys.stdin.read()
    os._exit(EXIT_INTERRUPTED)


def _send(events: TextIO, event: dict[str, object]) -> None:
    """One event, one line."""
    events.write(json.dumps(event) + "\n")
    events.flush()


def evaluate_into(request: dict[str, str], events: TextIO) -> None:
    """Read plan, lock and data, evaluate, and write the bundle's parts. Raises EvaltoolError."""
    from evaltool.bundle.store import write_parts  # noqa: PLC0415 - numpy loads after the first event is due
    from evaltool.pipeline.corridor import evaluate  # noqa: PLC0415 - same
    from evaltool.pipeline.design_lock import settle  # noqa: PLC0415 - same
    from evaltool.pipeline.prepare import primary_method  # noqa: PLC0415 - same
    from evaltool.reading.lock_file import lock_status  # noqa: PLC0415 - same
    from evaltool.reading.panel_file import read_panel  # noqa: PLC0415 - same
    from evaltool.reading.plan_file import place_faults, plan_lines, read_plan  # noqa: PLC0415 - same
    from evaltool.reading.previous_runs import check_previous  # noqa: PLC0415 - same
    from evaltool.records.run import NumericProfile  # noqa: PLC0415 - same

    def tell(stage: str) -> None:
        _send(events, {"event": "progress", "stage": stage})

    tell("plan")
    plan = read_plan(Path(request["plan"]))
    lock = lock_status(plan)
    try:
        if "again" not in request:
            check_previous(plan)
        tell("data")
        panel = read_panel(plan)
        run = evaluate(
            plan,
            panel,
            as_of=date.fromisoformat(request["as_of"]) if "as_of" in request else None,
            lock=lock,
            profile=NumericProfile(pinned=True, settings=current_settings()),
            progress=tell,
        )
    except PlanError as error:
        path = Path(request["plan"])
        raise PlanError(place_faults(error.faults, plan_lines(path), path.name)) from None
    tell("bundle")
    roster = None if panel is None else settle(plan, panel, primary_method(plan), lock).design.roster
    write_parts(run, Path(request["folder"]), roster=roster)
    _send(events, {"event": "done"})


def lock_design_of(request: dict[str, str], events: TextIO) -> None:
    """Read plan and data, build the design without outcomes and seal it beside the plan. Raises EvaltoolError."""
    from evaltool.pipeline.design_lock import lock_design  # noqa: PLC0415 - numpy loads after the first event is due
    from evaltool.reading.blind_panel import read_blind_panel  # noqa: PLC0415 - same
    from evaltool.reading.design_lock import write_design_lock  # noqa: PLC0415 - same
    from evaltool.reading.plan_file import read_plan  # noqa: PLC0415 - same

    _send(events, {"event": "progress", "stage": "plan"})
    plan = read_plan(Path(request["plan"]))
    _send(events, {"event": "progress", "stage": "data"})
    panel = read_blind_panel(plan, Path(request["data"]) if "data" in request else None)
    _send(events, {"event": "progress", "stage": "design"})
    write_design_lock(plan, lock_design(plan, panel))
    _send(events, {"event": "done"})


if __name__ == "__main__":
    sys.exit(main())
